package seal

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// installed is an installation with a data directory that bears the version of its root key.
func installed(t *testing.T) (config, data string, o Options) {
	t.Helper()
	config, data = configDir(t), t.TempDir()
	root := must(Create(config, Options{DataDir: data}))(t)
	o = Options{DataDir: data, Installation: root.InstallationID()}
	if err := errors.Join(root.RecordVersion(data), root.Close()); err != nil {
		t.Fatal(err)
	}
	return config, data, o
}

// TestAnOlderKeyringIsRefused keeps a copy of the keyring, rotates, and puts the copy back.
func TestAnOlderKeyringIsRefused(t *testing.T) {
	config, data, o := installed(t)
	path := filepath.Join(config, keyringName)
	old := must(os.ReadFile(path))(t)
	root := must(Open(config, o))(t)
	export := must(root.Export([]byte("correct horse battery")))(t)
	if err := errors.Join(root.Rotate(), root.Close()); err != nil {
		t.Fatal(err)
	}
	newest := must(os.ReadFile(path))(t)
	before := must(os.ReadFile(filepath.Join(data, versionName)))(t)
	if err := os.WriteFile(path, old, fileMode); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(config, o); !errors.Is(err, ErrStale) {
		t.Errorf("the older keyring: %v", err)
	}
	if !bytes.Equal(must(os.ReadFile(filepath.Join(data, versionName)))(t), before) ||
		!bytes.Equal(must(os.ReadFile(path))(t), old) {
		t.Error("something was written")
	}
	if _, err := Restore(configDir(t), o, export, []byte("correct horse battery")); !errors.Is(err,
		ErrStale) {
		t.Errorf("an older export: %v", err)
	}
	// A rotation that knows no data directory makes another version 2 of the copy.
	fork := must(Open(config, Options{}))(t)
	if err := errors.Join(fork.Rotate(), fork.CheckVersion(t.TempDir())); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(fork.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(config, o); !errors.Is(err, ErrStale) {
		t.Errorf("a second version 2: %v", err)
	}
	if err := os.WriteFile(path, newest, fileMode); err != nil {
		t.Fatal(err)
	}
	root = must(Open(config, o))(t)
	if err := root.Close(); err != nil {
		t.Error(err)
	}
}

// TestAKilledRotationIsNotRefused has the keyring with the new root key, and a record of the one before.
func TestAKilledRotationIsNotRefused(t *testing.T) {
	config, data, o := installed(t)
	record := must(os.ReadFile(filepath.Join(data, versionName)))(t)
	root := must(Open(config, o))(t)
	if err := errors.Join(root.Rotate(), root.Close()); err != nil {
		t.Fatal(err)
	}
	for _, left := range [][]byte{record, nil} {
		err := os.Remove(filepath.Join(data, versionName))
		if left != nil {
			err = os.WriteFile(filepath.Join(data, versionName), left, fileMode)
		}
		if err != nil {
			t.Fatal(err)
		}
		root = must(Open(config, o))(t)
		if err := errors.Join(root.RecordVersion(data), root.Close()); err != nil {
			t.Fatal(err)
		}
		if known, err := root.checkVersion(data); known == 0 && err == nil {
			t.Error("it was not recorded")
		}
	}
}

func TestEveryByteOfTheVersionCounts(t *testing.T) {
	config, data, o := installed(t)
	path := filepath.Join(data, versionName)
	record := must(os.ReadFile(path))(t)
	if len(record) != versionLength {
		t.Fatalf("%d bytes", len(record))
	}
	bad := [][]byte{record[:versionLength-1], append(bytes.Clone(record), 0), nil}
	for at := range record {
		flipped := bytes.Clone(record)
		flipped[at] ^= 1 << (at % 8)
		bad = append(bad, flipped)
	}
	for n, b := range bad {
		if err := os.WriteFile(path, b, fileMode); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(config, o); !errors.Is(err, ErrDamaged) {
			t.Errorf("%d: %v", n, err)
		}
	}
}
