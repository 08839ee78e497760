package seal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"

	"pgregory.net/rapid"
)

func memoryRoot(t testing.TB) *Root {
	t.Helper()
	root := must(Create("", on(Options{}, newCrashDisk())))(t)
	t.Cleanup(func() { _ = root.Close() })
	return root
}

func TestRecordRoundTrip(t *testing.T) {
	root := memoryRoot(t)
	rapid.Check(t, func(t *rapid.T) {
		purpose := Purpose(rapid.StringN(1, 16, maxPurpose).Draw(t, "purpose"))
		owner := rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "owner")
		secret := rapid.SliceOfN(rapid.Byte(), 1, 300).Draw(t, "secret")
		record, err := root.Wrap(purpose, owner, secret)
		if err != nil {
			t.Fatal(err)
		}
		if len(record) != RecordOverhead+len(secret) {
			t.Fatalf("a record of %d bytes for %d", len(record), len(secret))
		}
		key, err := root.Unwrap(purpose, owner, record)
		if err != nil {
			t.Fatal(err)
		}
		defer key.Destroy()
		_ = key.With(func(b []byte) error {
			if !bytes.Equal(b, secret) {
				t.Fatal("the secret changed")
			}
			return nil
		})
	})
}

func TestRecordsAreBound(t *testing.T) {
	root, other := memoryRoot(t), memoryRoot(t)
	record := must(root.Wrap("purpose", []byte("owner"), []byte("secret")))(t)
	for _, c := range []struct {
		name    string
		root    *Root
		purpose Purpose
		owner   string
		want    error
	}{
		{"another purpose", root, "Purpose", "owner", ErrRecord},
		{"another owner", root, "purpose", "Owner", ErrRecord},
		{"a border moved", root, "purposeo", "wner", ErrRecord},
		{"another installation", other, "purpose", "owner", ErrRootVersion},
		{"no purpose", root, "", "owner", ErrPurpose},
	} {
		if _, err := c.root.Unwrap(c.purpose, []byte(c.owner), record); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	again := must(root.Wrap("purpose", []byte("owner"), []byte("secret")))(t)
	if bytes.Equal(again[recordHeader:], record[recordHeader:]) {
		t.Error("wrapping again has the same salt")
	}
}

func TestEveryByteOfARecordCounts(t *testing.T) {
	root := memoryRoot(t)
	if err := root.Rotate(); err != nil { // so that a changed version number names another key
		t.Fatal(err)
	}
	record := must(root.Wrap("purpose", nil, []byte("secret")))(t)
	for i := range record {
		for _, flip := range []byte{1, 3, 0x80} {
			changed := bytes.Clone(record)
			changed[i] ^= flip
			refuseRecord(t, root, changed)
		}
		refuseRecord(t, root, record[:i])
	}
	refuseRecord(t, root, append(bytes.Clone(record), 0))
}

func refuseRecord(t *testing.T, root *Root, record []byte) {
	t.Helper()
	_, err := root.Unwrap("purpose", nil, record)
	if !errors.Is(err, ErrRecord) && !errors.Is(err, ErrVersion) && !errors.Is(err, ErrRootVersion) {
		t.Errorf("a changed record: %v", err)
	}
}

func TestWrapLimits(t *testing.T) {
	root := memoryRoot(t)
	for name, err := range map[string]error{
		"nothing":  second(root.Wrap("p", nil, nil)),
		"too much": second(root.Wrap("p", nil, make([]byte, MaxSecret+1))),
	} {
		if !errors.Is(err, ErrRecord) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := second(root.Wrap("p", make([]byte, maxOwner+1), []byte{1})); !errors.Is(err, ErrPurpose) {
		t.Errorf("a long owner: %v", err)
	}
	largest := must(root.Wrap("p", nil, make([]byte, MaxSecret)))(t)
	if _, err := root.Unwrap("p", nil, largest); err != nil {
		t.Error(err)
	}
}

func second(_ []byte, err error) error { return err }

// Every byte of a keyring file counts, whether or not the changer knows how to repair the check sum.
func TestEveryByteOfTheKeyringCounts(t *testing.T) {
	for _, o := range []Options{{}, withSeal(cheap("correct horse"), Passphrase)} {
		disk := newCrashDisk()
		must(Create("", on(o, disk)))(t)
		file := must(disk.Read(keyringName))(t)
		for i := range file {
			changed := bytes.Clone(file)
			changed[i] ^= 4
			refuseFile(t, o, changed, ErrDamaged)
			refuseFile(t, o, file[:i], ErrDamaged)
			if i < len(file)-sumSize {
				refuseFile(t, o, resum(changed), ErrDamaged, ErrPassphrase, ErrVersion, ErrSealKind)
			}
		}
		refuseFile(t, o, append(bytes.Clone(file), 0), ErrDamaged)
		refuseFile(t, o, nil, ErrDamaged)
		newer := bytes.Clone(file)
		binary.BigEndian.PutUint16(newer[8:], fileVersion+1)
		refuseFile(t, o, resum(newer), ErrVersion)
		other := bytes.Clone(file)
		other[10] = 3
		o.Seal = 0
		refuseFile(t, o, resum(other), ErrSealKind)
	}
}

func refuseFile(t *testing.T, o Options, file []byte, want ...error) {
	t.Helper()
	disk := newCrashDisk()
	if err := errors.Join(disk.Make(), writeNew(disk, keyringName, file)); err != nil {
		t.Fatal(err)
	}
	root, err := Open("", on(o, disk))
	if err == nil {
		_ = root.Close()
		t.Fatal("a changed keyring was opened")
	}
	for _, w := range want {
		if errors.Is(err, w) {
			return
		}
	}
	t.Errorf("got %v", err)
}

func FuzzKeyringFile(f *testing.F) {
	for _, o := range []Options{{}, withSeal(cheap("correct horse"), Passphrase)} {
		disk := newCrashDisk()
		must(Create("", on(o, disk)))(f)
		f.Add(must(disk.Read(keyringName))(f))
	}
	f.Add([]byte(keyringMagic))
	f.Fuzz(func(t *testing.T, file []byte) {
		for _, candidate := range [][]byte{file, resum(append(bytes.Clone(file), make([]byte, sumSize)...))} {
			parsed, err := parseFile("file", keyringMagic, candidate)
			if err != nil {
				continue
			}
			if got := len(parsed.head) + len(parsed.body) + sumSize; got != len(candidate) {
				t.Errorf("%d of %d bytes are accounted for", got, len(candidate))
			}
			disk := newCrashDisk()
			if err := errors.Join(disk.Make(), writeNew(disk, keyringName, candidate)); err != nil {
				t.Fatal(err)
			}
			if root, err := Open("", on(cheap("correct horse"), disk)); err == nil {
				_ = root.Close()
			}
		}
	})
}

func FuzzRecord(f *testing.F) {
	root := memoryRoot(f)
	f.Add(must(root.Wrap("purpose", nil, []byte("secret")))(f))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, record []byte) {
		key, err := root.Unwrap("purpose", nil, record)
		if err == nil {
			key.Destroy()
		}
	})
}
