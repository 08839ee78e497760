package embedded

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/sealtable/sealtable/internal/storage/embedded/sealedfs"
)

// tableFS is what one table's Pebble store sees above the sealing file system. It saves what a thousand open
// tables would pay for: directories are opened to be synced and not held, Pebble's own lock file is left out
// because the data directory has one, and the write-ahead log, which Pebble opens but does not write to when
// it is disabled, is no file at all.
//
// After trip, nothing reaches the disk through it any more. It remembers the first file that was found not to
// be authentic, since Pebble does not always say which one it was reading.
type tableFS struct {
	vfs.FS
	onFailure func(error) // told of errors that cannot be returned
	tripped   atomic.Pointer[error]
	wrong     atomic.Pointer[wrongFile]
}

type wrongFile struct {
	path  string
	cause error
}

// inspect passes an error on and remembers whose it is.
func (f *tableFS) inspect(path string, err error) error {
	if err != nil && errors.Is(err, sealedfs.ErrNotAuthentic) {
		f.wrong.CompareAndSwap(nil, &wrongFile{path: path, cause: err})
	}
	return err
}

func (f *tableFS) Open(name string, opts ...vfs.OpenOption) (vfs.File, error) {
	file, err := f.FS.Open(name, opts...)
	if err != nil {
		return nil, f.inspect(name, err)
	}
	return &readFile{File: file, fs: f, name: name}, nil
}

func (f *tableFS) Stat(name string) (vfs.FileInfo, error) {
	info, err := f.FS.Stat(name)
	return info, f.inspect(name, err)
}

// readFile is a file being read.
type readFile struct {
	vfs.File
	fs   *tableFS
	name string
}

func (r *readFile) Read(p []byte) (int, error) {
	n, err := r.File.Read(p)
	return n, r.fs.inspect(r.name, err)
}

func (r *readFile) ReadAt(p []byte, off int64) (int, error) {
	n, err := r.File.ReadAt(p, off)
	return n, r.fs.inspect(r.name, err)
}

func (f *tableFS) trip(cause error) { f.tripped.CompareAndSwap(nil, &cause) }

func (f *tableFS) refuse() error {
	if cause := f.tripped.Load(); cause != nil {
		return *cause
	}
	return nil
}

func isPebbleLog(name string) bool { return strings.HasSuffix(name, ".log") }

func (f *tableFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if err := f.refuse(); err != nil {
		return nil, err
	}
	if isPebbleLog(name) {
		return nowhere{}, nil
	}
	if strings.HasPrefix(f.PathBase(name), "marker.") {
		// The name that a marker's name gives must not be lost in a crash that the marker survives. Pebble
		// syncs it with the marker.
		if err := syncDir(f.FS, f.PathDir(name)); err != nil {
			return nil, err
		}
	}
	return f.wrap(f.FS.Create(name, category))
}

func (f *tableFS) OpenReadWrite(
	name string, c vfs.DiskWriteCategory, opts ...vfs.OpenOption,
) (vfs.File, error) {
	if err := f.refuse(); err != nil {
		return nil, err
	}
	return f.wrap(f.FS.OpenReadWrite(name, c, opts...))
}

func (f *tableFS) ReuseForWrite(oldname, newname string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if err := f.refuse(); err != nil {
		return nil, err
	}
	if isPebbleLog(newname) {
		return nowhere{}, nil
	}
	return f.wrap(f.FS.ReuseForWrite(oldname, newname, category))
}

func (f *tableFS) wrap(file vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return &tableFile{File: file, fs: f}, nil
}

func (f *tableFS) Remove(name string) error {
	if err := f.refuse(); err != nil {
		return err
	}
	if isPebbleLog(name) {
		return nil
	}
	return f.FS.Remove(name)
}

func (f *tableFS) Rename(oldname, newname string) error {
	if err := f.refuse(); err != nil {
		return err
	}
	return f.FS.Rename(oldname, newname)
}

func (f *tableFS) OpenDir(name string) (vfs.File, error) { return &directory{fs: f, name: name}, nil }

func (f *tableFS) Lock(string) (io.Closer, error) { return io.NopCloser(nil), nil }

func (f *tableFS) Unwrap() vfs.FS { return f.FS }

// tableFile is a file being written.
type tableFile struct {
	vfs.File
	fs *tableFS
}

func (t *tableFile) Write(p []byte) (int, error) {
	if err := t.fs.refuse(); err != nil {
		return 0, err
	}
	return t.File.Write(p)
}

func (t *tableFile) Sync() error {
	if err := t.fs.refuse(); err != nil {
		return err
	}
	return t.File.Sync()
}

func (t *tableFile) SyncData() error {
	if err := t.fs.refuse(); err != nil {
		return err
	}
	return t.File.SyncData()
}

// directory is opened while it is synced.
type directory struct {
	nowhere
	fs   *tableFS
	name string
}

// Sync never fails towards Pebble, which panics if it does: the table is failed instead.
func (d *directory) Sync() error {
	if d.fs.refuse() != nil {
		return nil
	}
	if err := syncDir(d.fs.FS, d.name); err != nil {
		d.fs.onFailure(err)
	}
	return nil
}

func (d *directory) SyncData() error { return d.Sync() }

// syncDir makes the names in a directory durable.
func syncDir(fs vfs.FS, name string) error {
	dir, err := fs.OpenDir(name)
	if err != nil {
		return err
	}
	if err := dir.Sync(); err != nil {
		_ = dir.Close() // the first error counts
		return err
	}
	return dir.Close()
}

// nowhere is a file that holds nothing and forgets what is written to it.
type nowhere struct{}

func (nowhere) Close() error                      { return nil }
func (nowhere) Read([]byte) (int, error)          { return 0, io.EOF }
func (nowhere) ReadAt([]byte, int64) (int, error) { return 0, io.EOF }
func (nowhere) Write(p []byte) (int, error)       { return len(p), nil }
func (nowhere) WriteAt(p []byte, _ int64) (int, error) {
	return len(p), nil
}
func (nowhere) Preallocate(_, _ int64) error    { return nil }
func (nowhere) Stat() (vfs.FileInfo, error)     { return nothing{}, nil }
func (nowhere) Sync() error                     { return nil }
func (nowhere) SyncTo(int64) (bool, error)      { return false, nil }
func (nowhere) SyncData() error                 { return nil }
func (nowhere) Prefetch(_ int64, _ int64) error { return nil }
func (nowhere) Fd() uintptr                     { return vfs.InvalidFd }

// nothing describes nowhere.
type nothing struct{}

func (nothing) Name() string           { return "" }
func (nothing) Size() int64            { return 0 }
func (nothing) Mode() fs.FileMode      { return 0 }
func (nothing) ModTime() time.Time     { return time.Time{} }
func (nothing) IsDir() bool            { return false }
func (nothing) Sys() any               { return nil }
func (nothing) DeviceID() vfs.DeviceID { return vfs.DeviceID{} }

var _ os.FileInfo = nothing{}
