// Package embedded keeps the rows of all tables in sealed files of one data directory.
//
// Callers may rely on this: it keeps every promise of package storage. A commit is durable in the journal
// that all tables share before any of its rows can be seen; a table's own files are written later, under its
// own keys, and it wakes when it is used and sleeps when it is not. A table that cannot be opened, or whose
// disk fails, refuses by itself and holds up nothing else. Data directories are locked, and those of a newer
// version are refused untouched.
//
// DESIGN.md says why it is built this way; docs/format/data-directory.md draws what is on disk.
package embedded

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"

	"github.com/sealtable/sealtable/internal/lockedmem"
	"github.com/sealtable/sealtable/internal/storage"
	"github.com/sealtable/sealtable/internal/storage/embedded/journal"
)

// Store is a storage.Store in one data directory.
type Store struct {
	opts    Options
	log     *slog.Logger
	lock    io.Closer
	journal *journal.Journal
	latches *latchTable
	reclaim *reclaim
	mark    marking

	cache       *pebble.Cache
	files       *pebble.FileCache
	compactions *compactions

	mu     sync.RWMutex
	tables map[storage.TableID]*table
	absent map[storage.TableID]journal.Anchor // of tables that had rows and have no directory
	admin  sync.Mutex                         // held while a table is made or dropped
	// directories of tables whose making was cut short before there was a store
	begun map[storage.TableID]struct{}

	awake     tableSet
	newest    atomic.Uint64 // the latest LSN that a commit returned
	start     journal.LSN   // the latest LSN when the store was opened
	replaying atomic.Bool
	parking   parking
	closed    atomic.Bool
	txs       sync.Pool        // of *tx
	keys      sync.Pool        // of *[]byte, for row keys
	ownMemory *lockedmem.Arena // nil when Options.Memory gave one
}

var _ storage.Store = (*Store)(nil)

func (s *Store) path(elem ...string) string {
	return s.opts.FS.PathJoin(append([]string{s.opts.Dir}, elem...)...)
}

// relative is a path as an operator reads it: within the data directory.
func (s *Store) relative(path string) string {
	if rel, err := filepath.Rel(s.opts.Dir, path); err == nil && !strings.HasPrefix(rel, "..") {
		return rel
	}
	return path
}

func (s *Store) lookup(id storage.TableID) *table {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.tables[id]
}

// find returns the table or says why there is none.
func (s *Store) find(ctx context.Context, id storage.TableID) (*table, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if s.closed.Load() {
		return nil, storage.ErrClosed
	}
	if t := s.lookup(id); t != nil {
		return t, nil
	}
	return nil, storage.ErrNoTable
}

func (s *Store) allTables() []*table {
	s.mu.RLock()
	defer s.mu.RUnlock()
	out := make([]*table, 0, len(s.tables))
	for _, t := range s.tables {
		out = append(out, t)
	}
	return out
}

// CreateTable makes a table without rows: a directory and one sealed file. Its Pebble store is made with the
// first row.
func (s *Store) CreateTable(ctx context.Context, id storage.TableID) error {
	s.admin.Lock()
	defer s.admin.Unlock()
	switch _, err := s.find(ctx, id); {
	case err == nil:
		return storage.ErrTableExists
	case !errors.Is(err, storage.ErrNoTable):
		return err
	}
	t := &table{store: s, id: id}
	if err := t.create(); err != nil {
		return fmt.Errorf("create table %s: %w", id, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if a, had := s.absent[id]; had {
		t.progress.anchored(&a)
		delete(s.absent, id)
	}
	s.tables[id] = t
	return nil
}

// DropTable removes a table and its directory, with whatever the key source keeps there.
func (s *Store) DropTable(ctx context.Context, id storage.TableID) error {
	s.admin.Lock()
	defer s.admin.Unlock()
	t, err := s.find(ctx, id)
	if errors.Is(err, storage.ErrNoTable) {
		s.mu.Lock()
		delete(s.absent, id)
		delete(s.begun, id)
		s.mu.Unlock()
		return s.removeTableDir(id)
	}
	if err != nil {
		return err
	}
	if err := t.drop(); err != nil {
		return fmt.Errorf("drop table %s: %w", id, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.tables, id)
	return nil
}

// SealTable implements storage.Store. When it returns, neither the store nor its journal holds a key of the
// table, even if the table's rows could not be written to its files; they are in the journal then, sealed.
func (s *Store) SealTable(ctx context.Context, id storage.TableID) error {
	t, err := s.find(ctx, id)
	if err != nil {
		return err
	}
	return t.seal()
}

// Tables implements storage.Store.
func (s *Store) Tables(ctx context.Context) ([]storage.TableID, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if s.closed.Load() {
		return nil, storage.ErrClosed
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	ids := make([]storage.TableID, 0, len(s.tables))
	for id := range s.tables {
		ids = append(ids, id)
	}
	for id := range s.begun {
		if _, made := s.tables[id]; !made {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// TableStats implements storage.Store.
func (s *Store) TableStats(ctx context.Context, id storage.TableID) (storage.Stats, error) {
	t, err := s.find(ctx, id)
	if err != nil {
		return storage.Stats{}, err
	}
	return t.stats(), nil
}

// JournalStats reports what the journal costs.
func (s *Store) JournalStats() journal.Stats { return s.journal.Stats() }

// OpenTables is the number of tables that are awake.
func (s *Store) OpenTables() int { return s.awake.size() }

// Close writes all rows to the tables' own files, so that the next Open has nothing to replay. Calls in
// progress are waited for; iterators that are still open end with ErrClosed.
func (s *Store) Close() error {
	if s.closed.Swap(true) {
		return storage.ErrClosed
	}
	s.reclaim.stop()
	var errs []error
	for _, t := range s.allTables() {
		t.gate.Lock()
		errs = append(errs, t.rest(storage.ErrClosed))
		t.gate.Unlock()
	}
	errs = append(errs, s.reclaim.release(true), s.journal.Close())
	s.files.Unref()
	s.cache.Unref()
	errs = append(errs, s.lock.Close(), s.forgetAll())
	return errors.Join(errs...)
}

// forgetAll gives the memory for keys back if it is the store's own.
func (s *Store) forgetAll() error {
	if s.ownMemory == nil {
		return nil
	}
	return s.ownMemory.Close()
}

// noteCommit remembers the highest LSN that a commit returned.
func (s *Store) noteCommit(lsn journal.LSN) {
	for {
		have := s.newest.Load()
		if uint64(lsn) <= have || s.newest.CompareAndSwap(have, uint64(lsn)) {
			return
		}
	}
}

func (s *Store) newestLSN() journal.LSN { return journal.LSN(s.newest.Load()) }

// guard turns a panic of Pebble over files that it cannot make sense of into an error of the one call.
func guard(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("%w: %v", errPanic, r)
	}
}

var errPanic = errors.New("the table's files cannot be processed")
