package inspect

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// overlay shows a directory of the disk and keeps whatever is written to it in memory. It calls nothing of
// the disk but what reads: that is why inspecting changes nothing. Locks in it lock nothing, so a server that
// has the directory is not disturbed.
type overlay struct {
	base reader
	mem  *vfs.MemFS

	mu     sync.Mutex
	hidden map[string]struct{} // files and directories of the disk that are not to be seen any more
}

// reader is all that an overlay may ask of the disk.
type reader interface {
	Open(name string, opts ...vfs.OpenOption) (vfs.File, error)
	List(dir string) ([]string, error)
	Stat(name string) (vfs.FileInfo, error)
	PathBase(path string) string
	PathJoin(elem ...string) string
	PathDir(path string) string
}

var _ vfs.FS = (*overlay)(nil)

func newOverlay(base reader) *overlay {
	return &overlay{base: base, mem: vfs.NewMem(), hidden: map[string]struct{}{}}
}

// hide takes a file or a directory of the disk out of sight.
func (o *overlay) hide(path string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.hidden[path] = struct{}{}
}

// onDisk says whether a path is looked for on the disk: not if it, or a directory that it lies in, is hidden.
func (o *overlay) onDisk(path string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	for {
		if _, gone := o.hidden[path]; gone {
			return false
		}
		parent := o.base.PathDir(path)
		if parent == path {
			return true
		}
		path = parent
	}
}

func notExist(op, path string) error { return &os.PathError{Op: op, Path: path, Err: os.ErrNotExist} }

func refused(op, path string) error {
	return fmt.Errorf("%s %s: %w", op, path, vfs.ErrUnsupported)
}

// Open implements vfs.FS.
func (o *overlay) Open(name string, opts ...vfs.OpenOption) (vfs.File, error) {
	if _, err := o.mem.Stat(name); err == nil {
		return o.mem.Open(name, opts...)
	}
	if !o.onDisk(name) {
		return nil, notExist("open", name)
	}
	return o.base.Open(name, opts...)
}

// Stat implements vfs.FS.
func (o *overlay) Stat(name string) (vfs.FileInfo, error) {
	if info, err := o.mem.Stat(name); err == nil {
		return info, nil
	}
	if !o.onDisk(name) {
		return nil, notExist("stat", name)
	}
	return o.base.Stat(name)
}

// List implements vfs.FS.
func (o *overlay) List(dir string) ([]string, error) {
	names, memErr := o.mem.List(dir)
	if !o.onDisk(dir) {
		return names, memErr
	}
	found, err := o.base.List(dir)
	if err != nil {
		if memErr == nil && errors.Is(err, os.ErrNotExist) {
			return names, nil
		}
		return nil, err
	}
	for _, name := range found {
		if o.onDisk(o.PathJoin(dir, name)) && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names, nil
}

// Create implements vfs.FS.
func (o *overlay) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if err := o.mem.MkdirAll(o.PathDir(name), 0o700); err != nil {
		return nil, err
	}
	return o.mem.Create(name, category)
}

// OpenReadWrite implements vfs.FS.
func (o *overlay) OpenReadWrite(
	name string, category vfs.DiskWriteCategory, opts ...vfs.OpenOption,
) (vfs.File, error) {
	if err := o.copyUp(name); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	if err := o.mem.MkdirAll(o.PathDir(name), 0o700); err != nil {
		return nil, err
	}
	return o.mem.OpenReadWrite(name, category, opts...)
}

// copyUp brings a file of the disk into memory before it is changed there.
func (o *overlay) copyUp(name string) (err error) {
	if _, err := o.mem.Stat(name); err == nil {
		return nil
	}
	from, err := o.Open(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	to, err := o.Create(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	_, err = io.Copy(to, from)
	return err
}

// Remove implements vfs.FS.
func (o *overlay) Remove(name string) error {
	if _, err := o.Stat(name); err != nil {
		return err
	}
	o.hide(name)
	if err := o.mem.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// RemoveAll implements vfs.FS.
func (o *overlay) RemoveAll(name string) error {
	o.hide(name)
	return o.mem.RemoveAll(name)
}

// Rename implements vfs.FS, for files.
func (o *overlay) Rename(oldname, newname string) error {
	if info, err := o.Stat(oldname); err != nil {
		return err
	} else if info.IsDir() {
		return refused("rename", oldname)
	}
	if err := o.copyUp(oldname); err != nil {
		return err
	}
	if err := o.mem.MkdirAll(o.PathDir(newname), 0o700); err != nil {
		return err
	}
	o.hide(oldname)
	return o.mem.Rename(oldname, newname)
}

// ReuseForWrite implements vfs.FS.
func (o *overlay) ReuseForWrite(oldname, newname string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if err := o.Rename(oldname, newname); err != nil {
		return nil, err
	}
	return o.mem.OpenReadWrite(newname, category)
}

// MkdirAll implements vfs.FS.
func (o *overlay) MkdirAll(dir string, perm os.FileMode) error { return o.mem.MkdirAll(dir, perm) }

// OpenDir implements vfs.FS: there is nothing to sync.
func (o *overlay) OpenDir(name string) (vfs.File, error) {
	if err := o.mem.MkdirAll(name, 0o700); err != nil {
		return nil, err
	}
	return o.mem.OpenDir(name)
}

// Lock implements vfs.FS and locks nothing.
func (o *overlay) Lock(string) (io.Closer, error) { return io.NopCloser(nil), nil }

// Link is refused: nothing that is opened here makes links.
func (o *overlay) Link(oldname, _ string) error { return refused("link", oldname) }

// GetDiskUsage implements vfs.FS: memory is not asked how full it is.
func (o *overlay) GetDiskUsage(string) (vfs.DiskUsage, error) {
	return vfs.DiskUsage{AvailBytes: 1 << 40, TotalBytes: 1 << 40}, nil
}

// PathBase implements vfs.FS.
func (o *overlay) PathBase(path string) string { return o.base.PathBase(path) }

// PathJoin implements vfs.FS.
func (o *overlay) PathJoin(elem ...string) string { return o.base.PathJoin(elem...) }

// PathDir implements vfs.FS.
func (o *overlay) PathDir(path string) string { return o.base.PathDir(path) }

// Unwrap implements vfs.FS: nothing leads around the overlay to the disk.
func (o *overlay) Unwrap() vfs.FS { return nil }
