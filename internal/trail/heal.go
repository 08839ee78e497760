package trail

import (
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// healedDir is where a file without its torn end is written before it takes the place of the torn one. What
// is left in it was cut short, and is removed by the next start.
const healedDir = "healed"

// healTorn gives the newest file an end that somebody vouches for. A crash may have left bytes behind the
// last ones that were synced; no file of the trail is ever reopened for writing, so they would stay for good,
// and look like damage. Damage that is no torn end is left as it is: sealtable inspect names it. A trail that
// cannot be healed is no reason not to record.
func (t *Trail) healTorn(numbers []uint64) {
	if err := t.o.FS.RemoveAll(t.o.FS.PathJoin(t.o.Dir, healedDir)); err != nil {
		t.o.Log.Warn("what was left of mending a file of the trail could not be removed", "error", err)
	}
	if len(numbers) == 0 || t.o.Torn == nil {
		return
	}
	newest := numbers[len(numbers)-1]
	if err := t.heal(newest); err != nil {
		t.o.Log.Error("the newest file of the trail cannot be read to its end; run sealtable inspect", "file",
			t.path(newest), "error", err)
		t.givenUp = append(t.givenUp, newest) // a full disk may have room when the next records are durable
	}
}

// healGivenUp cuts torn ends off the files in which a write failed, now that the disk works again.
func (t *Trail) healGivenUp() {
	for _, number := range t.givenUp {
		if t.o.Torn == nil {
			break
		}
		if err := t.heal(number); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.o.Log.Warn("a file of the trail in which a write failed could not be mended", "file",
				t.path(number), "error", err)
		}
	}
	t.givenUp = nil
}

// heal replaces a file whose end is torn by one that holds the same records.
func (t *Trail) heal(number uint64) error {
	path := t.path(number)
	torn, err := t.o.Torn(path)
	if err != nil || !torn {
		return err
	}
	content, err := readFile(t.o.FS, path)
	if err != nil {
		return err
	}
	content = content[:wholeBlocks(content)]
	if err := t.replace(path, content); err != nil {
		return err
	}
	t.o.Log.Warn("the newest file of the trail ended with a write that was cut short; its whole records "+
		"were kept",
		"file", path, "bytes", len(content))
	return nil
}

// replace puts content in the place of a file, so that a crash leaves the old one or the new one. It is
// written under the name that it will have: a sealed file is bound to that.
func (t *Trail) replace(path string, content []byte) error {
	disk := t.o.FS
	dir := disk.PathJoin(t.o.Dir, healedDir)
	if err := disk.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	fresh := disk.PathJoin(dir, disk.PathBase(path))
	if err := writeFile(disk, fresh, content); err != nil {
		return err
	}
	if err := disk.Rename(fresh, path); err != nil {
		return err
	}
	if err := syncDir(disk, t.o.Dir); err != nil {
		return err
	}
	return disk.RemoveAll(dir)
}

func writeFile(disk vfs.FS, path string, content []byte) error {
	file, err := disk.Create(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	if len(content) > 0 {
		_, err = file.Write(content)
	}
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}

func readFile(disk vfs.FS, path string) ([]byte, error) {
	file, err := disk.Open(path)
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(file)
	return content, errors.Join(err, file.Close())
}
