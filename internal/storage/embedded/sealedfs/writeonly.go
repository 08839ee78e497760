package sealedfs

import (
	"fmt"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// writeOnly is the part of vfs.File that is the same for every file being written.
//
// It passes the descriptor through. Pebble only asks whether there is one: without, it neither preallocates
// nor uses sync_file_range, and syncs whole files every 512 KiB instead.
type writeOnly struct {
	base vfs.File
	path string
}

func (f *writeOnly) refuse(call string) error {
	return fmt.Errorf("sealedfs: %s of %s, which is being written: %w", call, f.path, vfs.ErrUnsupported)
}

func (f *writeOnly) Read([]byte) (int, error)           { return 0, f.refuse("read") }
func (f *writeOnly) ReadAt([]byte, int64) (int, error)  { return 0, f.refuse("read") }
func (f *writeOnly) WriteAt([]byte, int64) (int, error) { return 0, f.refuse("write at an offset") }
func (f *writeOnly) Prefetch(int64, int64) error        { return nil }
func (f *writeOnly) Fd() uintptr                        { return f.base.Fd() }
