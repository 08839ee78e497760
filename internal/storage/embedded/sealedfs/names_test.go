package sealedfs

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/cockroachdb/errors/oserror"
	"github.com/cockroachdb/pebble/v2/vfs"
)

func TestNamesThatMayChange(t *testing.T) {
	fs, _ := newFS()
	must(t, fs.MkdirAll("backup", 0o700))
	write(t, fs, "000001.sst", pattern(5000))
	write(t, fs, "temporary.000007.dbtmp", []byte("options"))

	must(t, fs.Link("000001.sst", "backup/000001.sst"))
	must(t, fs.Rename("temporary.000007.dbtmp", "OPTIONS-000007"))
	for name, want := range map[string][]byte{"backup/000001.sst": pattern(5000), "OPTIONS-000007": []byte("options")} {
		if got, err := read(fs, name); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%s: %d bytes, %v", name, len(got), err)
		}
	}
	for name, err := range map[string]error{
		"link": fs.Link("000001.sst", "000002.sst"), "rename": fs.Rename("000001.sst", "000002.sst"),
		"options": fs.Rename("OPTIONS-000007", "OPTIONS-000008"),
	} {
		if !errors.Is(err, vfs.ErrUnsupported) || oserror.IsNotExist(err) || oserror.IsExist(err) || oserror.IsPermission(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	must(t, vfs.LinkOrCopy(fs, "000001.sst", "000002.sst"))
	if got, err := read(fs, "000002.sst"); err != nil || !bytes.Equal(got, pattern(5000)) {
		t.Fatalf("copied: %d bytes, %v", len(got), err)
	}
}

func TestReuseForWrite(t *testing.T) {
	fs, mem := newFS()
	write(t, fs, "000001.log", pattern(5000))
	file, err := fs.ReuseForWrite("000001.log", "000002.log", "")
	must(t, err)
	_, err = file.Write([]byte("new"))
	must(t, err)
	must(t, file.Close())
	if got, err := read(fs, "000002.log"); err != nil || string(got) != "new" {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	names, err := mem.List("")
	if err != nil || !slices.Equal(names, []string{"000002.log"}) {
		t.Fatal(names, err)
	}
	if _, err := fs.ReuseForWrite("000001.log", "000003.log", ""); !oserror.IsNotExist(err) {
		t.Fatalf("reuse of nothing: %v", err)
	}
}

func TestMarkersStayEmpty(t *testing.T) {
	fs, mem := newFS()
	const marker = "marker.manifest.000001.MANIFEST-000001"
	file, err := fs.Create(marker, "")
	must(t, err)
	if _, err := file.Write([]byte("x")); !errors.Is(err, vfs.ErrUnsupported) {
		t.Fatalf("Write: %v", err)
	}
	must(t, file.Sync())
	must(t, file.Close())
	if data := raw(t, mem, marker); len(data) != 0 {
		t.Fatalf("%d bytes in a marker", len(data))
	}
	if report, err := fs.Verify(marker); err != nil || report.Kind != KindEmpty {
		t.Fatalf("%+v, %v", report, err)
	}
	setRaw(t, mem, marker, []byte("x"))
	_, openErr := fs.Open(marker)
	_, verifyErr := fs.Verify(marker)
	_, headerErr := ReadHeader(mem, marker)
	for _, err := range []error{openErr, verifyErr, headerErr} {
		if !errors.Is(err, ErrNotAuthentic) {
			t.Errorf("a marker with contents: %v", err)
		}
	}
}

// TestCallsThatAreRefused: nothing gets past the sealing.
func TestCallsThatAreRefused(t *testing.T) {
	fs, _ := newFS()
	write(t, fs, "000001.sst", pattern(10))
	if vfs.Root(fs) != vfs.FS(fs) {
		t.Error("vfs.Root finds a way around")
	}
	_, err := fs.OpenReadWrite("000001.sst", "")
	if !errors.Is(err, vfs.ErrUnsupported) {
		t.Errorf("OpenReadWrite: %v", err)
	}
	if _, err := fs.Lock("000001.sst"); err == nil {
		t.Error("a table was locked, which would have emptied it")
	}
	for _, name := range []string{"000002.sst", "000002.log"} {
		w, err := fs.Create(name, "")
		must(t, err)
		_, readErr := w.Read(make([]byte, 1))
		_, readAtErr := w.ReadAt(make([]byte, 1), 0)
		_, writeAtErr := w.WriteAt(make([]byte, 1), 0)
		must(t, w.Close())
		_, lateErr := w.Write([]byte("late"))
		r, err := fs.Open(name)
		must(t, err)
		_, writeErr := r.Write(make([]byte, 1))
		if r.Fd() != vfs.InvalidFd {
			t.Errorf("%s gives a descriptor for reading", name)
		}
		must(t, r.Close())
		if readErr == nil || readAtErr == nil || writeAtErr == nil || writeErr == nil || lateErr == nil {
			t.Errorf("%s: %v, %v, %v, %v, %v", name, readErr, readAtErr, writeAtErr, writeErr, lateErr)
		}
	}
}

func TestDirectoriesAreTheBases(t *testing.T) {
	fs, _ := newFS()
	must(t, fs.MkdirAll(fs.PathJoin("a", "b"), 0o700))
	dir, err := fs.OpenDir("a")
	must(t, err)
	must(t, dir.Sync())
	must(t, dir.Close())
	if info, err := fs.Stat("a"); err != nil || !info.IsDir() {
		t.Fatal(err)
	}
	if _, err := fs.Stat("nothing.sst"); !oserror.IsNotExist(err) {
		t.Fatal(err)
	}
	if _, err := fs.Open("nothing.sst"); !oserror.IsNotExist(err) {
		t.Fatal(err)
	}
	lock, err := fs.Lock("a/LOCK")
	must(t, err)
	must(t, lock.Close())
	must(t, fs.RemoveAll("a"))
	if names, err := fs.List(""); err != nil || len(names) != 0 {
		t.Fatal(names, err)
	}
}
