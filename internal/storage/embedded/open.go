package embedded

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/sealtable/sealtable/internal/lockedmem"
	"github.com/sealtable/sealtable/internal/storage"
	"github.com/sealtable/sealtable/internal/storage/embedded/journal"
)

// The names in a data directory; docs/format/data-directory.md draws them.
const (
	formatFile = "FORMAT"
	lockFile   = "LOCK"
	journalDir = "journal"
	tablesDir  = "tables"
	// the journal's mark, which the journal makes
	highWaterFile = "high-water"

	pebbleDir  = "pebble"
	freshFile  = "fresh"
	parkedFile = "parked"
	keysFile   = "keys" // the key source's; the store only removes it, with its table

	droppedSuffix = ".dropped"
	newSuffix     = ".new"

	dirMode = 0o700
)

const (
	formatText    = "sealtable data directory, format "
	formatVersion = 1
)

// Open opens the data directory, and makes it if it is missing or empty. What the journal has and the tables'
// own files have not is brought back before Open returns; tables whose keys or files cannot be used are set
// aside and refuse.
func Open(opts Options) (*Store, error) {
	opts.setDefaults()
	if opts.BenchmarkWithoutEncryption && !testing.Testing() {
		return nil, errors.New("storage: BenchmarkWithoutEncryption is for benchmarks alone")
	}
	s := &Store{opts: opts, log: opts.Logger, latches: newLatchTable(),
		tables: make(map[storage.TableID]*table),
		begun:  make(map[storage.TableID]struct{})}
	if opts.Memory == nil {
		s.opts.Memory = lockedmem.NewArena(func(err error) {
			opts.Logger.Warn("keys of tables", "error", err)
		})
		s.ownMemory = s.opts.Memory
	}
	if err := s.claim(); err != nil {
		return nil, err
	}
	s.reclaim = newReclaim(s)
	s.mark.store = s
	s.txs.New = func() any { return &tx{store: s} }
	s.keys.New = func() any { return new([]byte) }
	s.cache = pebble.NewCache(opts.CacheBytes)
	s.files = pebble.NewFileCache(runtime.GOMAXPROCS(0), max(opts.MaxOpenTables, 64))
	s.compactions = newCompactions(opts.compactions())
	if err := s.load(); err != nil {
		return nil, errors.Join(err, s.abandon())
	}
	s.reclaim.start()
	return s, nil
}

// claim locks a data directory of our format.
func (s *Store) claim() (err error) {
	fresh, err := s.readFormat()
	if err != nil {
		return err
	}
	if err := s.opts.FS.MkdirAll(s.opts.Dir, dirMode); err != nil {
		return fmt.Errorf("make the data directory: %w", err)
	}
	if s.lock, err = s.opts.FS.Lock(s.path(lockFile)); err != nil {
		return fmt.Errorf("the data directory %s %s: %w", s.opts.Dir, whyNotLocked(err), err)
	}
	if fresh {
		if err := s.initialise(); err != nil {
			return errors.Join(fmt.Errorf("make the data directory: %w", err), s.lock.Close())
		}
	}
	return nil
}

// whyNotLocked tells a directory that somebody else has from one in which the lock's file cannot be opened.
func whyNotLocked(err error) string {
	var opening *os.PathError
	if errors.As(err, &opening) {
		return "cannot be locked"
	}
	return "is in use by another process"
}

// readFormat looks at the data directory and changes nothing.
func (s *Store) readFormat() (fresh bool, err error) {
	text, err := readWhole(s.opts.FS, s.path(formatFile))
	if errors.Is(err, os.ErrNotExist) {
		names, _ := s.opts.FS.List(s.path(tablesDir)) // missing is what we hope for
		if len(names) > 0 {
			return false, fmt.Errorf("%s has tables but no %s file: restore it from the backup that the "+
				"tables are from",
				s.opts.Dir, formatFile)
		}
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("read the data directory: %w", err)
	}
	number, ours := strings.CutPrefix(strings.TrimSuffix(string(text), "\n"), formatText)
	version, err := strconv.Atoi(number)
	switch {
	case !ours || err != nil || version < 1:
		return false, fmt.Errorf("%s is not a data directory: its %s file is of something else", s.opts.Dir,
			formatFile)
	case version > formatVersion:
		return false, fmt.Errorf("%s is of format %d and this program knows up to %d: use the newer "+
			"program that wrote it",
			s.opts.Dir, version, formatVersion)
	}
	return false, s.checkJournal()
}

// checkJournal sees that the journal's directory is there: what it holds is the only copy of the latest
// commits.
func (s *Store) checkJournal() error {
	if _, err := s.opts.FS.Stat(s.path(journalDir)); err != nil {
		return fmt.Errorf("%s lacks its journal, and with it the latest commits: restore it: %w", s.opts.Dir,
			err)
	}
	return nil
}

// initialise makes an empty data directory; the FORMAT file comes last and makes it one.
func (s *Store) initialise() error {
	fs := s.opts.FS
	for _, dir := range []string{s.path(journalDir), s.path(tablesDir)} {
		if err := fs.MkdirAll(dir, dirMode); err != nil {
			return err
		}
	}
	fresh := s.path(formatFile + newSuffix)
	if err := writeWhole(fs, fresh, fmt.Appendf(nil, "%s%d\n", formatText, formatVersion)); err != nil {
		return err
	}
	if err := syncDir(fs, s.opts.Dir); err != nil {
		return err
	}
	if err := fs.Rename(fresh, s.path(formatFile)); err != nil {
		return err
	}
	return errors.Join(syncDir(fs, s.opts.Dir), syncDir(fs, fs.PathDir(s.opts.Dir)))
}

// load finds the tables and replays the journal.
func (s *Store) load() (err error) {
	if err := s.findTables(); err != nil {
		return fmt.Errorf("list the tables: %w", err)
	}
	if s.journal, err = journal.Open(s.opts.journalOptions(s)); err != nil {
		return err
	}
	if err := s.replay(); err != nil {
		return err
	}
	s.start = s.journal.Stats().Newest
	s.noteCommit(s.start)
	for _, t := range s.awake.list() {
		if err := t.awake.checkAge(); err != nil {
			t.condemn(err)
		}
	}
	return nil
}

// findTables lists the tables and removes what deletions and creations that were cut short left. A table is
// one once its directory of table files exists.
func (s *Store) findTables() error {
	names, err := s.opts.FS.List(s.path(tablesDir))
	if err != nil {
		return err
	}
	for _, name := range names {
		if strings.HasSuffix(name, droppedSuffix) {
			if err := s.opts.FS.RemoveAll(s.path(tablesDir, name)); err != nil {
				return err
			}
			continue
		}
		id, err := storage.ParseTableID(name)
		if err != nil {
			s.log.Warn("the data directory holds something that is not a table", "name", name)
			continue
		}
		if _, err := s.opts.FS.Stat(s.path(tablesDir, name, pebbleDir)); err == nil {
			s.tables[id] = &table{store: s, id: id}
		} else if !errors.Is(err, os.ErrNotExist) {
			return err
		} else {
			s.begun[id] = struct{}{}
		}
	}
	return nil
}

// removeTableDir removes a table's directory, the key source's file first; no directory is no error. The name
// is taken away first, so that a crash leaves a whole table or none.
func (s *Store) removeTableDir(id storage.TableID) error {
	fs := s.opts.FS
	from := s.path(tablesDir, id.String())
	to := from + droppedSuffix
	if _, err := fs.Stat(from); errors.Is(err, os.ErrNotExist) {
		return fs.RemoveAll(to)
	}
	if err := fs.RemoveAll(to); err != nil {
		return err
	}
	if err := fs.Rename(from, to); err != nil {
		return err
	}
	if err := syncDir(fs, s.path(tablesDir)); err != nil {
		return err
	}
	if err := fs.Remove(fs.PathJoin(to, keysFile)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return fs.RemoveAll(to)
}

// abandon closes a store that could not be opened.
func (s *Store) abandon() error {
	s.closed.Store(true)
	var errs []error
	if s.journal != nil {
		for _, t := range s.awake.list() {
			t.gate.Lock()
			errs = append(errs, t.shut(t.awake, storage.ErrClosed))
			t.gate.Unlock()
		}
		errs = append(errs, s.journal.Close())
	}
	s.files.Unref()
	s.cache.Unref()
	return errors.Join(append(errs, s.lock.Close(), s.forgetAll())...)
}

// readWhole reads a small file.
func readWhole(fs vfs.FS, name string) (text []byte, err error) {
	file, err := fs.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return readSmall(file)
}

// writeWhole makes a small file and syncs it, though not its name.
func writeWhole(fs vfs.FS, name string, text []byte) error {
	file, err := fs.Create(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	if _, err := file.Write(text); err != nil {
		return errors.Join(err, file.Close())
	}
	if err := file.Sync(); err != nil {
		return errors.Join(err, file.Close())
	}
	return file.Close()
}

// maxSmall bounds the files that are read whole: they are a line long.
const maxSmall = 4 << 10

func readSmall(file vfs.File) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(file, maxSmall+1))
	if err == nil && len(text) > maxSmall {
		err = errors.New("the file is too long")
	}
	return text, err
}
