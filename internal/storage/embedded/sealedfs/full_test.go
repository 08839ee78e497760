package sealedfs

import (
	"errors"
	"io/fs"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// fullFS has room for names and for no byte.
type fullFS struct{ vfs.FS }

type fullFile struct{ vfs.File }

func (f fullFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	file, err := f.FS.Create(name, category)
	return fullFile{file}, err
}

func (fullFile) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

func (fullFile) WriteAt([]byte, int64) (int, error) { return 0, syscall.ENOSPC }

// TestAFullDiskLeavesNoFileWithoutHeader creates files where not even their headers fit: what nobody can authenticate must not stay.
func TestAFullDiskLeavesNoFileWithoutHeader(t *testing.T) {
	for _, name := range []string{"000001.sst", "000001.log", "MANIFEST-000001"} {
		mem := vfs.NewMem()
		sealed := New(fullFS{mem}, owner(1), &ring{seed: "one", current: 1})
		if _, err := sealed.Create(name, ""); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := mem.Stat(name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s stays: %v", name, err)
		}
	}
}
