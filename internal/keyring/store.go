package keyring

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/cockroachdb/errors/oserror"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// The suffixes of files in the keys directory that are not a key's own.
const (
	tempSuffix   = ".tmp" // being written; never read
	unbornSuffix = ".new" // empty: says that the key's record may not be in the catalog yet; load decides
)

const diskCategory vfs.DiskWriteCategory = "keyring"

// materialStore keeps material files, one per key, named by the key's id.
type materialStore struct {
	fs   vfs.FS
	dir  string
	root RootKey
}

func (s *materialStore) path(name string) string { return s.fs.PathJoin(s.dir, name) }

// ReadMaterialFile reads and parses the material file at path.
func ReadMaterialFile(fs vfs.FS, path string) (*MaterialFile, error) {
	file, err := fs.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	data, err := io.ReadAll(io.LimitReader(file, maxMaterial+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxMaterial {
		return nil, fmt.Errorf("%s is too long for a key material file", path)
	}
	f, err := ParseMaterial(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return f, nil
}

// read is the file of the key, authenticated as a whole.
func (s *materialStore) read(id string) (*MaterialFile, error) {
	f, err := ReadMaterialFile(s.fs, s.path(id))
	if err != nil {
		return nil, err
	}
	if f.KeyID != id {
		return nil, fmt.Errorf("%s holds the material of key %s", s.path(id), f.KeyID)
	}
	return f, f.verifySeal(s.root)
}

// write puts f at name, whole or not at all, and durably. The old file is overwritten once the new one is
// durable: erasing a key has to reach every copy of its material.
func (s *materialStore) write(name string, f *MaterialFile) error {
	data, err := f.encode(s.root)
	if err != nil {
		return err
	}
	temp := s.path(name + tempSuffix)
	if err := s.writeSynced(temp, data); err != nil {
		return fmt.Errorf("write %s: %w", temp, err)
	}
	old, err := s.openOld(name)
	if err != nil {
		return err
	}
	err = s.rename(name+tempSuffix, name)
	if old == nil {
		return err
	}
	if err != nil {
		return errors.Join(err, old.Close())
	}
	if err := wipe(old); err != nil {
		return fmt.Errorf("overwrite the replaced material of key %s: %w", name, err)
	}
	return nil
}

// openOld opens the file that is about to be replaced, or gives nil when there is none.
func (s *materialStore) openOld(name string) (vfs.File, error) {
	old, err := s.openExisting(s.path(name))
	if oserror.IsNotExist(err) {
		return nil, nil
	}
	return old, err
}

// openExisting opens a file for writing, but unlike OpenReadWrite makes none: a crash would leave it under
// the name of a key.
func (s *materialStore) openExisting(path string) (vfs.File, error) {
	if _, err := s.fs.Stat(path); err != nil {
		return nil, err
	}
	return s.fs.OpenReadWrite(path, diskCategory)
}

// writeUnborn is write for a key that has no record yet. It is marked as such before its file appears; born
// takes the mark away. Moving the file to its name at birth instead would do with fewer steps, but a crash
// can lose both names of a moved file.
func (s *materialStore) writeUnborn(f *MaterialFile) error {
	if err := s.writeSynced(s.path(f.KeyID+unbornSuffix), nil); err != nil {
		return fmt.Errorf("mark new key %s: %w", f.KeyID, err)
	}
	if err := s.syncDir(); err != nil {
		return err
	}
	return s.write(f.KeyID, f)
}

// born takes the mark of an unborn key away. If a crash brings it back, load takes it away again.
func (s *materialStore) born(id string) error { return s.fs.Remove(s.path(id + unbornSuffix)) }

func (s *materialStore) writeSynced(path string, data []byte) error {
	file, err := s.fs.Create(path, diskCategory)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	if err == nil {
		err = file.Sync()
	}
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	return err
}

func (s *materialStore) rename(from, to string) error {
	if err := s.fs.Rename(s.path(from), s.path(to)); err != nil {
		return err
	}
	return s.syncDir()
}

// make makes the directory, durably.
func (s *materialStore) make() error {
	if err := s.fs.MkdirAll(s.dir, 0o700); err != nil {
		return err
	}
	return s.sync(s.fs.PathDir(s.dir))
}

func (s *materialStore) syncDir() error { return s.sync(s.dir) }

func (s *materialStore) sync(path string) error {
	dir, err := s.fs.OpenDir(path)
	if err != nil {
		return err
	}
	err = dir.Sync()
	if closeErr := dir.Close(); err == nil {
		err = closeErr
	}
	return err
}

// erase overwrites a file, makes that durable, and removes it. A file that is not there is erased already.
func (s *materialStore) erase(name string) error {
	path := s.path(name)
	err := s.overwrite(path)
	if oserror.IsNotExist(err) {
		return nil
	}
	if err == nil {
		err = s.fs.Remove(path)
	}
	if err == nil {
		err = s.syncDir()
	}
	if err != nil {
		return fmt.Errorf("erase %s: %w", path, err)
	}
	return nil
}

// discard is erase for the file of a key that stays. The file loses its name first, so that a crash in
// between leaves none that cannot be read.
func (s *materialStore) discard(id string) error {
	err := s.rename(id, id+tempSuffix)
	if err != nil && !oserror.IsNotExist(err) {
		return fmt.Errorf("erase %s: %w", s.path(id), err)
	}
	return s.erase(id + tempSuffix)
}

func (s *materialStore) overwrite(path string) error {
	file, err := s.openExisting(path)
	if err != nil {
		return err
	}
	return wipe(file)
}

// wipe overwrites a file, durably, and closes it.
func wipe(file vfs.File) error {
	info, err := file.Stat()
	if err == nil {
		_, err = file.WriteAt(make([]byte, info.Size()), 0)
	}
	if err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}

// list is the ids of the keys that have a file, and of those that have one of an unborn key. Files that were
// being written are removed.
func (s *materialStore) list() (keys, unborn []string, err error) {
	names, err := s.fs.List(s.dir)
	if err != nil {
		return nil, nil, err
	}
	for _, name := range names {
		if strings.HasSuffix(name, tempSuffix) {
			if err := s.erase(name); err != nil {
				return nil, nil, err
			}
		} else if id, ok := strings.CutSuffix(name, unbornSuffix); ok {
			unborn = append(unborn, id)
		} else if wellFormed(name) {
			keys = append(keys, name)
		}
	}
	return keys, unborn, nil
}
