package sealedfs

import (
	"bytes"
	"errors"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// TestFaultAtEveryCall fails each call to the base file system in turn, while a file is made and read. The fault comes out as it
// is, nothing is taken for damage, and nothing is written to a file after a write or a sync of it failed.
func TestFaultAtEveryCall(t *testing.T) {
	for _, name := range []string{"000001.sst", "000001.log"} {
		for at := int32(0); ; at++ {
			fault := errorfs.OnIndex(at)
			mem := vfs.NewMem()
			fs := New(errorfs.Wrap(mem, fault), owner(1), &ring{seed: "one", current: 1})
			writeErr := makeFaulty(t, fs, mem, name)
			if fault.Load() < 0 && writeErr == nil {
				t.Fatalf("%s: the fault of call %d was swallowed", name, at)
			}
			got, readErr := read(fs, name)
			for _, err := range []error{writeErr, readErr} {
				if errors.Is(err, ErrNotAuthentic) && writeErr == nil {
					t.Fatalf("%s, call %d: %v", name, at, err)
				}
			}
			if writeErr == nil && readErr == nil && !bytes.Equal(got, pattern(90_000)) {
				t.Fatalf("%s, call %d: wrong bytes", name, at)
			}
			if fault.Load() >= 0 {
				if at < 8 {
					t.Fatalf("only %d calls", at)
				}
				break // the calls ended before the fault
			}
		}
	}
}

func makeFaulty(t *testing.T, fs *FS, mem vfs.FS, name string) error {
	file, err := fs.Create(name, "")
	if err != nil {
		return err
	}
	for _, step := range []func() error{
		func() error { _, err := file.Write(pattern(70_000)); return err },
		file.Sync,
		func() error { _, err := file.Write(pattern(90_000)[70_000:]); return err },
		file.SyncData,
	} {
		if err = step(); err != nil {
			break
		}
	}
	if err == nil {
		return file.Close()
	}
	before := raw(t, mem, name)
	if _, again := file.Write([]byte("more")); again == nil {
		t.Errorf("%s: a write after %v went through", name, err)
	}
	_ = file.Sync()
	_ = file.Close()
	if !bytes.Equal(before, raw(t, mem, name)) {
		t.Errorf("%s: written to after %v", name, err)
	}
	return err
}

// wholeSync is a file of a system without sync_file_range: SyncTo syncs everything.
type wholeSync struct{ vfs.File }

func (f wholeSync) SyncTo(int64) (bool, error) { return true, f.Sync() }

// TestSyncToKeepsBackTheEnd: what is still here, not in the base file, is not claimed to be synced.
func TestSyncToKeepsBackTheEnd(t *testing.T) {
	fs, mem := newFS()
	header, aead, err := fs.newHeader("000001.sst", KindSegments)
	must(t, err)
	base, err := mem.Create("000001.sst", "")
	must(t, err)
	w, err := newSegmentWriter(wholeSync{base}, "000001.sst", header, aead, fs.bufs)
	must(t, err)
	_, err = w.Write(pattern(5000))
	must(t, err)
	if full, err := w.SyncTo(5000); full || err != nil {
		t.Fatalf("SyncTo before the end was sealed: %v, %v", full, err)
	}
	must(t, w.Sync())
	if full, err := w.SyncTo(5000); !full || err != nil {
		t.Fatalf("SyncTo after Sync: %v, %v", full, err)
	}
	must(t, w.Close())
}
