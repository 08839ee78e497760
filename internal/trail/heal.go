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

// removeHealed removes what was left of mending a file.
func removeHealed(o *Options) {
	if err := o.FS.RemoveAll(o.FS.PathJoin(o.Dir, healedDir)); err != nil {
		o.Log.Warn("what was left of mending a file of the trail could not be removed", "error", err)
	}
}

// healTorn gives the newest file an end that somebody vouches for. A crash may have left bytes after the last
// ones that were synced; no file of the trail is ever reopened for writing, so they would stay for good, and
// look like damage. Damage that is no torn end is left as it is: sealtable inspect names it. A trail that
// cannot be healed is no reason not to record.
func (s *series) healTorn(newest uint64) {
	if s.o.Torn == nil {
		return
	}
	if err := s.heal(newest); err != nil {
		s.o.Log.Error("the newest file of the trail cannot be read to its end; run sealtable inspect", "file",
			s.path(newest), "error", err)
		s.givenUp = append(s.givenUp, newest) // a full disk may have room when the next records are durable
	}
}

// healGivenUp cuts torn ends off the files in which a write failed, now that the disk works again.
func (s *series) healGivenUp() {
	for _, number := range s.givenUp {
		if s.o.Torn == nil {
			break
		}
		if err := s.heal(number); err != nil && !errors.Is(err, fs.ErrNotExist) {
			s.o.Log.Warn("a file of the trail in which a write failed could not be mended", "file",
				s.path(number), "error", err)
		}
	}
	s.givenUp = nil
}

// heal replaces a file whose end is torn by one that holds the same records.
func (s *series) heal(number uint64) error {
	path := s.path(number)
	torn, err := s.o.Torn(path)
	if err != nil || !torn {
		return err
	}
	content, err := readFile(s.o.FS, path)
	if err != nil {
		return err
	}
	content = content[:wholeBlocks(content)]
	if err := s.replace(path, content); err != nil {
		return err
	}
	s.o.Log.Warn("the newest file of the trail ended with a write that was cut short; its whole records "+
		"were kept",
		"file", path, "bytes", len(content))
	return nil
}

// replace puts content in the place of a file, so that a crash leaves the old one or the new one. It is
// written under the name that it will have: a sealed file is bound to that.
func (s *series) replace(path string, content []byte) error {
	disk := s.o.FS
	dir := disk.PathJoin(s.o.Dir, healedDir)
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
	if err := syncDir(disk, s.o.Dir); err != nil {
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
