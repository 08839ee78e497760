// Package sealedfs is the encrypting file system under one table's Pebble store.
//
// Callers may rely on this:
//
//   - Nothing in the clear (P1): every byte written to a file of this FS reaches the base file system sealed
//     with AES-256-GCM under a key of that file's own, derived from a data key of the owner. Only sizes, and
//     names that Pebble makes of numbers, show.
//   - Wrong bytes are found (P5): a file that was changed, cut, lengthened, renamed, or brought from another
//     owner gives ErrNotAuthentic instead of data. What this cannot see is an older state of the same file
//     under the same name, and an appended file that lost its last frames whole: DESIGN.md says who does.
//   - There is no registry: each file carries its key epoch and salt in its own header, so that files can be
//     linked and copied.
//   - No key is kept (P7): data keys are asked for when a file is made or opened, and cleared; the cipher
//     lives as long as the file.
//
// The bytes on disk are drawn in docs/format/sealed-file.md.
package sealedfs

import (
	"crypto/rand"
	"io"
	"os"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/sealtable/sealtable/internal/storage"
)

// Keys is what the file system needs of the owner's data keys. Implementations are in memory and quick.
type Keys interface {
	// Current is the epoch that new files are sealed under.
	Current() (storage.Epoch, error)
	// Key copies the data key of an epoch. For an epoch that the owner does not have it should return
	// ErrUnknownEpoch.
	Key(epoch storage.Epoch, key *[storage.KeySize]byte) error
}

// FS is a vfs.FS that seals what it writes for one owner. It is safe for concurrent use; its files are as
// vfs.File demands.
//
// Two calls are refused, because nothing that Pebble does with a local store needs them: OpenReadWrite, and
// giving a file another base name by Link or Rename (but for the temporary file of the options).
// vfs.LinkOrCopy copies instead, which seals anew.
type FS struct {
	base   vfs.FS
	owner  storage.TableID
	keys   Keys
	bufs   *buffers
	random io.Reader // of salts; a test fixes it
}

var _ vfs.FS = (*FS)(nil)

// New gives a file system that keeps owner's files in base. Files that base creates must take WriteAt, as
// vfs.Default's and vfs.MemFS's do.
func New(base vfs.FS, owner storage.TableID, keys Keys) *FS {
	return &FS{base: base, owner: owner, keys: keys, bufs: new(buffers), random: rand.Reader}
}

// Create makes a file under a fresh salt and the current data key.
func (fs *FS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	kind := kindOf(fs.base.PathBase(name))
	if kind == KindEmpty {
		return fs.empty(name, func() (vfs.File, error) { return fs.base.Create(name, category) })
	}
	header, aead, err := fs.newHeader(name, kind)
	if err != nil {
		return nil, err
	}
	base, err := fs.base.Create(name, category)
	if err != nil {
		return nil, err
	}
	var file vfs.File
	if kind == KindSegments {
		file, err = newSegmentWriter(base, name, header, aead, fs.bufs)
	} else {
		file, err = newFrameWriter(base, name, header, aead)
	}
	if err != nil {
		err = abandon(base, err)
		// of a file without a header nobody can say whose it was: a full disk would leave many
		_ = fs.base.Remove(name)
		return nil, err
	}
	return file, nil
}

// abandon closes a file that cannot be used, and gives the reason.
func abandon(file vfs.File, reason error) error {
	_ = file.Close()
	return reason
}

// empty wraps a marker, which has to be what its name says.
func (fs *FS) empty(name string, open func() (vfs.File, error)) (vfs.File, error) {
	base, err := open()
	if err != nil {
		return nil, err
	}
	info, err := base.Stat()
	if err == nil && info.Size() != 0 {
		err = notAuthentic(name, "this file must be empty")
	}
	if err != nil {
		return nil, abandon(base, err)
	}
	return &emptyFile{readOnly{base: base, path: name}}, nil
}

// Open opens a finished file for reading. Of an appended file it reads what is there now.
func (fs *FS) Open(name string, opts ...vfs.OpenOption) (vfs.File, error) {
	if kindOf(fs.base.PathBase(name)) == KindEmpty {
		return fs.empty(name, func() (vfs.File, error) { return fs.base.Open(name, opts...) })
	}
	base, err := fs.base.Open(name, opts...)
	if err != nil {
		return nil, err
	}
	file, err := fs.openBase(base, name)
	if err != nil {
		return nil, abandon(base, err)
	}
	return file, nil
}

func (fs *FS) openBase(base vfs.File, name string) (vfs.File, error) {
	info, err := base.Stat()
	if err != nil {
		return nil, err
	}
	if kindOf(fs.base.PathBase(name)) == KindFrames {
		return orNil(fs.newFrameReader(base, name, info.Size()))
	}
	var raw [headerSize]byte
	n, err := readUpTo(base, raw[:], 0)
	if err != nil {
		return nil, err
	}
	_, aead, err := fs.openHeader(name, raw[:n])
	if err != nil {
		return nil, err
	}
	return orNil(openSegments(base, name, info.Size(), aead, fs.bufs))
}

// orNil keeps a nil pointer from becoming a file.
func orNil[F vfs.File](file F, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return file, nil
}

// Stat gives the logical size. For segments it is computed from the physical one, and authenticated when the
// file is opened; an appended file is read.
func (fs *FS) Stat(name string) (vfs.FileInfo, error) {
	info, err := fs.base.Stat(name)
	kind := kindOf(fs.base.PathBase(name))
	if err != nil || info.IsDir() || kind == KindEmpty {
		return info, err
	}
	if kind == KindSegments {
		e, ok := measure(info.Size())
		if !ok {
			return nil, notAuthentic(name, "it is cut, or was never finished")
		}
		return fileInfo{FileInfo: info, size: e.size}, nil
	}
	base, err := fs.base.Open(name)
	if err != nil {
		return nil, err
	}
	defer base.Close()
	size, err := fs.frameSize(base, name, info.Size())
	if err != nil {
		return nil, err
	}
	return fileInfo{FileInfo: info, size: size}, nil
}

// OpenReadWrite is refused. Only Pebble's cache of shared storage, which is not used, calls it; and changing
// bytes in place would need a nonce for every change.
func (fs *FS) OpenReadWrite(name string, _ vfs.DiskWriteCategory, _ ...vfs.OpenOption) (vfs.File, error) {
	return nil, unsupported("opening for reading and writing", name)
}

// Link makes a hard link in another directory. The file's key is bound to its base name, so that has to stay.
func (fs *FS) Link(oldname, newname string) error {
	if !fs.sameBinding(oldname, newname) {
		return unsupported("linking under another name", oldname)
	}
	return fs.base.Link(oldname, newname)
}

// Rename moves a file to another directory, or the temporary file of the options to its place.
func (fs *FS) Rename(oldname, newname string) error {
	if !fs.sameBinding(oldname, newname) {
		return unsupported("renaming", oldname)
	}
	return fs.base.Rename(oldname, newname)
}

func (fs *FS) sameBinding(a, b string) bool {
	return boundName(fs.base.PathBase(a)) == boundName(fs.base.PathBase(b))
}

// ReuseForWrite makes newname from nothing and removes oldname, as vfs.FS allows. What is left of an older
// life never lies behind the frames of a new one, and no crash leaves a file under a name that it is not
// bound to.
func (fs *FS) ReuseForWrite(oldname, newname string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if _, err := fs.base.Stat(oldname); err != nil {
		return nil, err
	}
	file, err := fs.Create(newname, category)
	if err != nil {
		return nil, err
	}
	if fs.base.PathBase(oldname) == fs.base.PathBase(newname) &&
		fs.base.PathDir(oldname) == fs.base.PathDir(newname) {
		return file, nil
	}
	if err := fs.base.Remove(oldname); err != nil {
		return nil, abandon(file, err)
	}
	return file, nil
}

// Lock makes and locks an empty file of the base file system.
func (fs *FS) Lock(name string) (io.Closer, error) {
	if kindOf(fs.base.PathBase(name)) != KindEmpty {
		return nil, unsupported("locking a file not named LOCK", name)
	}
	return fs.base.Lock(name)
}

// The calls below touch names and directories only, and are the base file system's.

// OpenDir opens a directory, to be synced.
func (fs *FS) OpenDir(name string) (vfs.File, error) { return fs.base.OpenDir(name) }

// Remove removes a file or an empty directory. It needs no key.
func (fs *FS) Remove(name string) error { return fs.base.Remove(name) }

// RemoveAll removes a directory with all that is in it. It needs no key.
func (fs *FS) RemoveAll(name string) error { return fs.base.RemoveAll(name) }

// MkdirAll makes a directory and its parents.
func (fs *FS) MkdirAll(dir string, perm os.FileMode) error { return fs.base.MkdirAll(dir, perm) }

// List gives the names in a directory.
func (fs *FS) List(dir string) ([]string, error) { return fs.base.List(dir) }

// PathBase gives the last element of a path.
func (fs *FS) PathBase(path string) string { return fs.base.PathBase(path) }

// PathJoin joins elements to a path.
func (fs *FS) PathJoin(elem ...string) string { return fs.base.PathJoin(elem...) }

// PathDir gives all but the last element of a path.
func (fs *FS) PathDir(path string) string { return fs.base.PathDir(path) }

// GetDiskUsage gives the space of the base file system.
func (fs *FS) GetDiskUsage(path string) (vfs.DiskUsage, error) { return fs.base.GetDiskUsage(path) }

// Unwrap gives nil: vfs.Root must not find a way around the sealing.
func (fs *FS) Unwrap() vfs.FS { return nil }
