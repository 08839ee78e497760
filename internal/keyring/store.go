package keyring

import (
	"fmt"
	"io"
	"strings"

	"github.com/cockroachdb/errors/oserror"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// The suffixes of files in the keys directory that are not (yet) a key's own.
const (
	tempSuffix   = ".tmp" // being written; never read
	unbornSuffix = ".new" // of a key whose record may not be in the catalog; load decides
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

// write puts f at name, whole or not at all, and durably.
func (s *materialStore) write(name string, f *MaterialFile) error {
	data, err := f.encode(s.root)
	if err != nil {
		return err
	}
	temp := s.path(name + tempSuffix)
	if err := s.writeSynced(temp, data); err != nil {
		return fmt.Errorf("write %s: %w", temp, err)
	}
	return s.rename(name+tempSuffix, name)
}

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

func (s *materialStore) syncDir() error {
	dir, err := s.fs.OpenDir(s.dir)
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
	info, err := s.fs.Stat(path)
	if oserror.IsNotExist(err) {
		return nil
	}
	if err == nil {
		err = s.overwrite(path, info.Size())
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

func (s *materialStore) overwrite(path string, size int64) error {
	file, err := s.fs.OpenReadWrite(path, diskCategory)
	if err != nil {
		return err
	}
	_, err = file.WriteAt(make([]byte, size), 0)
	if err == nil {
		err = file.Sync()
	}
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	return err
}

// list is the ids of the keys that have a file, and of those that have one of an unborn key. Files that were being written are
// removed.
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
