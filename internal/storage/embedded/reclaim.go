package embedded

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sealtable/sealtable/internal/storage"
	"github.com/sealtable/sealtable/internal/storage/embedded/journal"
)

// reclaim gives memory and journal back: it makes tables write their rows to their own files when all of them
// together hold too many, lets the journal forget what every table has, and puts tables to sleep that are
// idle, too many, or broken.
type reclaim struct {
	store *Store
	owed  atomic.Int64 // bytes of rows that are in memory and not in the tables' own files

	mu      sync.Mutex
	cheaper chan struct{} // closed and replaced when owed falls

	written atomic.Int64 // bytes committed since the journal's size was looked at
	poke    chan struct{}
	done    chan struct{}
	stopped sync.WaitGroup
}

func newReclaim(s *Store) *reclaim {
	return &reclaim{store: s, cheaper: make(chan struct{}), poke: make(chan struct{}, 1),
		done: make(chan struct{})}
}

func (r *reclaim) start() {
	r.stopped.Add(1)
	go r.run()
	if c := r.store.opts.Clock; c != nil {
		c.At(c.Now().Add(r.store.opts.IdleAfter), r.sweep)
	}
}

func (r *reclaim) stop() {
	close(r.done)
	r.stopped.Wait()
}

// wake has the work looked at soon.
func (r *reclaim) wake() {
	select {
	case r.poke <- struct{}{}:
	default:
	}
}

func (r *reclaim) run() {
	defer r.stopped.Done()
	for {
		select {
		case <-r.done:
			return
		case <-r.poke:
			r.work()
		}
	}
}

// work does what is due. Errors of a table are the table's: it is condemned and logged where they arise.
func (r *reclaim) work() {
	r.shutBroken()
	r.trimMemory()
	r.trimJournal()
	if err := r.release(false); err != nil && !errors.Is(err, journal.ErrClosed) {
		r.store.log.Error("the journal cannot be shortened", "error", err)
	}
}

// committed counts a commit and has the work looked at when there may be some.
func (r *reclaim) committed(bytes int64) {
	opts := &r.store.opts
	if r.written.Add(bytes) > opts.JournalBytes/16 {
		r.written.Store(0)
		r.wake()
	} else if r.owed.Load() > opts.MemTableBudget {
		r.wake()
	}
}

// admit waits while the tables hold twice the memory that they may: writers must not outrun the disk.
func (r *reclaim) admit(ctx context.Context) error {
	for r.owed.Load() > 2*r.store.opts.MemTableBudget {
		r.mu.Lock()
		cheaper := r.cheaper
		r.mu.Unlock()
		if r.owed.Load() <= 2*r.store.opts.MemTableBudget {
			return nil
		}
		r.wake()
		select {
		case <-cheaper:
		case <-ctx.Done():
			return ctx.Err()
		case <-r.done:
			return storage.ErrClosed
		}
	}
	return nil
}

func (r *reclaim) repay(n int64) {
	if n == 0 {
		return
	}
	r.owed.Add(-n)
	r.mu.Lock()
	defer r.mu.Unlock()
	close(r.cheaper)
	r.cheaper = make(chan struct{})
}

func (r *reclaim) shutBroken() {
	for _, t := range r.store.awake.list() {
		if broken := t.broken.Load(); broken != nil {
			t.gate.Lock()
			if t.awake != nil {
				_ = t.shut(t.awake, *broken) // what is wrong with it was logged
			}
			t.gate.Unlock()
		}
	}
}

// trimMemory makes the tables that hold most write it to their files, until all hold half of what they may.
func (r *reclaim) trimMemory() {
	budget := r.store.opts.MemTableBudget
	if r.owed.Load() <= budget {
		return
	}
	tables := r.store.awake.list()
	slices.SortFunc(tables, func(a, b *table) int {
		return cmp.Compare(b.unflushed.Load(), a.unflushed.Load())
	})
	for _, t := range tables {
		if r.owed.Load() <= budget/2 || t.unflushed.Load() == 0 {
			return
		}
		t.sync()
	}
}

// trimJournal makes tables that lag behind catch up when the journal is too long: those whose need begins in
// its older half. What broken tables need of it is set aside.
func (r *reclaim) trimJournal() {
	stats := r.store.journal.Stats()
	if stats.SegmentBytes <= r.store.opts.JournalBytes || stats.Oldest == 0 {
		return
	}
	middle := stats.Oldest + (stats.Newest-stats.Oldest)/2
	for _, t := range r.store.allTables() {
		from, needed := t.progress.needs()
		switch {
		case !needed || from > middle:
		case t.broken.Load() == nil:
			t.sync()
		default:
			if err := r.setAside(t); err != nil {
				r.store.log.Warn("rows of a broken table cannot be set aside yet and keep the journal long",
					"table", t.id.String(), "error", err)
			}
		}
	}
}

// release lets the journal forget what no table needs any more.
//
// INVARIANT reclaim-order: the newest LSN is read before the tables are asked. A transaction that a table did
// not know of yet when it was asked gets a higher one. The anchors are read last: they say at least what the
// tables' answers rest on.
func (r *reclaim) release(closing bool) error {
	upTo := r.store.newestLSN()
	for _, t := range r.store.allTables() {
		if from, needed := t.progress.needs(); needed {
			upTo = min(upTo, from)
		}
	}
	if upTo == 0 || !closing && !r.store.journal.Releasable(upTo) {
		return nil
	}
	return r.store.journal.Release(upTo, r.store.anchors())
}

// sync makes the table's rows durable in its own files, if it is awake and well.
func (t *table) sync() {
	t.gate.RLock()
	defer t.gate.RUnlock()
	if t.awake == nil || t.broken.Load() != nil {
		return
	}
	if err := t.awake.sync(); err != nil {
		t.awake.fail(err)
		return
	}
	t.forgive(t.unflushed.Load())
}

// sweep puts tables to sleep that nobody has used since the last sweep. It runs in the clock's time.
func (r *reclaim) sweep(due time.Time) (next time.Time) {
	if r.store.closed.Load() {
		return time.Time{}
	}
	for _, t := range r.store.awake.list() {
		if !t.touched.Swap(false) {
			t.tryRest()
		}
	}
	r.wake()
	return due.Add(r.store.opts.IdleAfter)
}

// tryRest puts the table to sleep if it is awake and nobody uses it now.
func (t *table) tryRest() bool {
	if !t.gate.TryLock() {
		return false
	}
	defer t.gate.Unlock()
	if t.awake == nil || t.awake.readers.any() || t.store.closed.Load() {
		return false
	}
	if err := t.rest(sealed(t.id, errKeysForgotten)); err != nil {
		t.store.log.Error("table did not close cleanly", "table", t.id.String(), "error", err)
	}
	return true
}

// makeRoom puts tables to sleep while more than MaxOpenTables are awake, those first that were not used since
// they were last passed over. Tables in use are left alone, and so is the one that the room is for: its
// caller would wake it again at once.
func (s *Store) makeRoom(comer *table) {
	limit := s.opts.MaxOpenTables
	if s.awake.size() <= limit {
		return
	}
	for range 2 {
		for _, t := range s.awake.list() {
			if s.awake.size() <= limit {
				return
			}
			if t != comer && !t.touched.Swap(false) {
				t.tryRest()
			}
		}
	}
}

// tableSet is a set of tables.
type tableSet struct {
	mu     sync.Mutex
	tables map[*table]struct{}
}

func (s *tableSet) add(t *table) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tables == nil {
		s.tables = make(map[*table]struct{})
	}
	s.tables[t] = struct{}{}
}

func (s *tableSet) remove(t *table) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.tables, t)
}

func (s *tableSet) size() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.tables)
}

func (s *tableSet) list() []*table {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Keys(s.tables))
}
