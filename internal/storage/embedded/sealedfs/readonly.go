package sealedfs

import (
	"fmt"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// readOnly is the part of vfs.File that is the same for every file opened for reading. It gives no
// descriptor: whoever had one could read or map ciphertext and take it for what was written. Options of Open
// that need one are applied to the base file.
type readOnly struct {
	base vfs.File
	path string
}

func (f *readOnly) refuse(call string) error {
	return fmt.Errorf("sealedfs: %s to %s, which is open for reading: %w", call, f.path, vfs.ErrUnsupported)
}

func (f *readOnly) Write([]byte) (int, error)          { return 0, f.refuse("write") }
func (f *readOnly) WriteAt([]byte, int64) (int, error) { return 0, f.refuse("write") }
func (f *readOnly) Preallocate(int64, int64) error     { return f.refuse("preallocate") }
func (f *readOnly) Sync() error                        { return f.base.Sync() }
func (f *readOnly) SyncData() error                    { return f.base.SyncData() }
func (f *readOnly) SyncTo(int64) (bool, error)         { return false, nil }
func (f *readOnly) Fd() uintptr                        { return vfs.InvalidFd }
func (f *readOnly) Close() error                       { return f.base.Close() }

// stat is the base file's, with the logical size.
func (f *readOnly) stat(size int64) (vfs.FileInfo, error) { return statAs(f.base, size) }

func statAs(base vfs.File, size int64) (vfs.FileInfo, error) {
	info, err := base.Stat()
	if err != nil {
		return nil, err
	}
	return fileInfo{FileInfo: info, size: size}, nil
}

// fileInfo shows the logical size, which is what Pebble compares with its MANIFEST.
type fileInfo struct {
	vfs.FileInfo
	size int64
}

func (i fileInfo) Size() int64 { return i.size }

// emptyFile is a marker: its name is all there is to it.
type emptyFile struct{ readOnly }

func (f *emptyFile) Read(p []byte) (int, error)              { return f.base.Read(p) }
func (f *emptyFile) ReadAt(p []byte, off int64) (int, error) { return f.base.ReadAt(p, off) }
func (f *emptyFile) Stat() (vfs.FileInfo, error)             { return f.base.Stat() }
func (f *emptyFile) Prefetch(int64, int64) error             { return nil }
func (f *emptyFile) SyncTo(length int64) (bool, error)       { return f.base.SyncTo(length) }

func (f *emptyFile) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	return 0, fmt.Errorf("sealedfs: write to %s, which must stay empty: %w", f.path, vfs.ErrUnsupported)
}
