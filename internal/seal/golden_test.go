package seal

import (
	"bytes"
	"encoding/hex"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the golden files anew: only when a format gets a new version")

// counting is a source of randomness that counts, so that files come out the same each time.
type counting struct{ next byte }

func (c *counting) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = c.next
		c.next++
	}
	return len(b), nil
}

// golden compares with a file of hexadecimal lines of 32 bytes.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		var text strings.Builder
		for line := range bytesChunks(got, 32) {
			text.WriteString(hex.EncodeToString(line) + "\n")
		}
		if err := os.WriteFile(path, []byte(text.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(got, readGolden(t, name)) {
		t.Errorf("%s: the bytes are not those that earlier versions wrote", name)
	}
}

func readGolden(t *testing.T, name string) []byte {
	t.Helper()
	text := must(os.ReadFile(filepath.Join("testdata", name)))(t)
	return must(hex.DecodeString(strings.ReplaceAll(string(text), "\n", "")))(t)
}

func bytesChunks(b []byte, n int) func(func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for len(b) > 0 {
			size := min(n, len(b))
			if !yield(b[:size]) {
				return
			}
			b = b[size:]
		}
	}
}

func goldenOptions(o Options) Options {
	o.random = &counting{}
	o.Now = func() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }
	return o
}

// What the worked examples of docs/format/keyring.md and docs/format/wrapped-key.md show.
func TestGoldenFiles(t *testing.T) {
	for _, c := range []struct {
		name string
		o    Options
	}{
		{"file", goldenOptions(Options{})},
		{"passphrase", goldenOptions(withSeal(cheap("correct horse battery staple"), Passphrase))},
	} {
		disk := newCrashDisk()
		root := must(Create("", on(c.o, disk)))(t)
		golden(t, c.name+".keyring.hex", must(disk.Read(keyringName))(t))
		golden(t, c.name+".record.hex", must(root.Wrap("example", []byte("owner"), []byte("a secret")))(t))
		golden(t, c.name+".catalog.hex", installationKey(t, root, Catalog))
		golden(t, c.name+".export.hex", must(root.Export([]byte("recovery passphrase")))(t))
		_ = root.Close()
	}
}

// What was written by the first version can be read.
func TestGoldenFilesOpen(t *testing.T) {
	for name, o := range map[string]Options{"file": {}, "passphrase": cheap("correct horse battery staple")} {
		disk := newCrashDisk()
		file := readGolden(t, name+".keyring.hex")
		if err := writeAll(disk, file); err != nil {
			t.Fatal(err)
		}
		root := must(Open("", on(o, disk)))(t)
		key, err := root.Unwrap("example", []byte("owner"), readGolden(t, name+".record.hex"))
		if got := bytesOf(t, key, err); string(got) != "a secret" {
			t.Errorf("%s: the record holds something else", name)
		}
		if got := installationKey(t, root, Catalog); !bytes.Equal(got, readGolden(t, name+".catalog.hex")) {
			t.Errorf("%s: the catalog key is another", name)
		}
		elsewhere := on(Options{cost: cheap("").cost}, newCrashDisk())
		restored := must(Restore("", elsewhere, readGolden(t, name+".export.hex"), []byte("recovery passphrase")))(t)
		if restored.InstallationID() != root.InstallationID() {
			t.Errorf("%s: the export is of another installation", name)
		}
	}
}

func writeAll(disk *crashDisk, file []byte) error {
	if err := disk.Make(); err != nil {
		return err
	}
	return writeNew(disk, keyringName, file)
}

func TestIDs(t *testing.T) {
	id := must(newID(&counting{}))(t)
	const text = "00010203-0405-4607-8809-0a0b0c0d0e0f"
	if id.String() != text {
		t.Errorf("got %s", id)
	}
	if back, err := ParseID(text); err != nil || back != id {
		t.Errorf("got %v, %v", back, err)
	}
	for _, wrong := range []string{"", text[1:], text + "0", strings.ToUpper(text), strings.ReplaceAll(text, "-", ""), "x" + text[1:]} {
		if _, err := ParseID(wrong); err == nil {
			t.Errorf("%q passes for an id", wrong)
		}
	}
	for _, kind := range []Kind{File, Passphrase, PKCS11, AWSKMS} {
		if back, err := ParseKind(kind.String()); err != nil || back != kind {
			t.Errorf("%v: %v, %v", kind, back, err)
		}
	}
	if _, err := ParseKind("tape"); err == nil {
		t.Error("a seal that does not exist yet is accepted")
	}
}
