package tablekeys

import (
	"encoding/hex"
	"errors"
	"io"
	"io/fs"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/sealtable/sealtable/internal/storage"
)

const (
	tablesDir = "tables"
	keysName  = "keys"
	tempName  = "keys.tmp"
	category  = vfs.DiskWriteCategory("table-keys")
)

func (r *Ring) dir(id storage.TableID) string {
	return r.fs.PathJoin(r.dataDir, tablesDir, id.String())
}
func (r *Ring) path(id storage.TableID, name string) string {
	return r.fs.PathJoin(r.dataDir, tablesDir, id.String(), name)
}

// load reads and authenticates the keys file of a table.
func (r *Ring) load(t *table, id storage.TableID) (*keysFile, error) {
	t.file.Lock()
	content, err := readFile(r.fs, r.path(id, keysName))
	t.file.Unlock()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fail(id, ErrNotFound, nil)
	}
	if err != nil {
		return nil, fail(id, ErrDisk, err)
	}
	f, err := decode(content, r.catalog, id)
	if err != nil {
		r.logger.Error("keys of a table cannot be used", "table", id.String(), "error", err)
	}
	return f, err
}

// settle makes the name of the keys file durable before anything is sealed under its keys: a process that was
// killed between renaming and syncing may have left a name that power loss would undo.
func (r *Ring) settle(t *table, id storage.TableID) error {
	t.file.Lock()
	defer t.file.Unlock()
	if t.settled {
		return nil
	}
	if err := syncDir(r.fs, r.dir(id)); err != nil {
		return fail(id, ErrDisk, err)
	}
	t.settled = true
	return nil
}

// store puts f in the place of the table's keys file; a crash leaves the old one or the new one. f's
// generation goes up.
func (r *Ring) store(t *table, id storage.TableID, f *keysFile) error {
	f.generation++
	content, err := f.encode(r.random, r.catalog, id)
	if err != nil {
		return fail(id, ErrDisk, err)
	}
	t.file.Lock()
	defer t.file.Unlock()
	t.settled = false
	if err := r.replace(id, content); err != nil {
		return fail(id, ErrDisk, err)
	}
	t.settled = true
	return nil
}

// replace writes a new file, renames it over the old one, and overwrites the old content once the new one is
// durable: it may hold a table key or data keys that were given up. So may what a write left that was cut
// short, which is overwritten first.
func (r *Ring) replace(id storage.TableID, content []byte) error {
	if err := r.erase(r.path(id, tempName)); err != nil {
		return err
	}
	if err := writeFile(r.fs, r.path(id, tempName), content); err != nil {
		return err
	}
	old, err := r.openOld(id)
	if err != nil {
		return err
	}
	if err = r.fs.Rename(r.path(id, tempName), r.path(id, keysName)); err == nil {
		err = syncDir(r.fs, r.dir(id))
	}
	if old == nil {
		return err
	}
	if err != nil {
		return errors.Join(err, old.Close())
	}
	if err := r.scrub(old); err != nil {
		r.logger.Warn("the replaced keys of a table could not be overwritten and may still be found on "+
			"the disk",
			"table", id.String(), "error", err)
	}
	return nil
}

// openOld opens the keys file that is about to be replaced, or gives nil when there is none.
func (r *Ring) openOld(id storage.TableID) (vfs.File, error) {
	if _, err := r.fs.Stat(r.path(id, keysName)); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return r.fs.OpenReadWrite(r.path(id, keysName), category)
}

// scrub overwrites a file with random bytes, durably, and closes it.
func (r *Ring) scrub(file vfs.File) error {
	info, err := file.Stat()
	if err == nil {
		noise := make([]byte, info.Size())
		if _, err = io.ReadFull(r.random, noise); err == nil {
			_, err = file.WriteAt(noise, 0)
		}
	}
	if err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}

// erase overwrites and removes a file, if it is there.
func (r *Ring) erase(path string) error {
	if _, err := r.fs.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	file, err := r.fs.OpenReadWrite(path, category)
	if err != nil {
		return err
	}
	if err := r.scrub(file); err != nil {
		return err
	}
	return r.fs.Remove(path)
}

// makeDir makes the directory of a new table, durably.
func (r *Ring) makeDir(id storage.TableID) error {
	if err := r.fs.MkdirAll(r.dir(id), 0o700); err != nil {
		return err
	}
	if err := syncDir(r.fs, r.fs.PathJoin(r.dataDir, tablesDir)); err != nil {
		return err
	}
	return syncDir(r.fs, r.dataDir)
}

// List names the tables that have keys, in no order. What it lists may turn out damaged.
func (r *Ring) List() ([]storage.TableID, error) {
	names, err := r.fs.List(r.fs.PathJoin(r.dataDir, tablesDir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var all []storage.TableID
	for _, name := range names {
		b, err := hex.DecodeString(name)
		if err != nil || len(b) != len(storage.TableID{}) || storage.TableID(b).String() != name {
			continue
		}
		if _, err := r.fs.Stat(r.path(storage.TableID(b), keysName)); err == nil {
			all = append(all, storage.TableID(b))
		}
	}
	return all, nil
}

func readFile(disk vfs.FS, path string) ([]byte, error) {
	file, err := disk.Open(path)
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err == nil && len(content) > maxFile {
		err = errors.New("the file is too large for a keys file")
	}
	return content, errors.Join(err, file.Close())
}

func writeFile(disk vfs.FS, path string, content []byte) error {
	file, err := disk.Create(path, category)
	if err != nil {
		return err
	}
	if _, err = file.Write(content); err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}

func syncDir(disk vfs.FS, path string) error {
	dir, err := disk.OpenDir(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
