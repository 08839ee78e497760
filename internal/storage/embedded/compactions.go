package embedded

import (
	"slices"
	"sync"

	"github.com/cockroachdb/pebble/v2"
)

// compactions shares a number of compactions among all tables. Pebble's own scheduler has a ticker and a
// goroutine per store; this one acts when a compaction ends and is otherwise idle.
//
// Its locks come after Pebble's: they are never held while it calls into a store.
type compactions struct {
	mu      sync.Mutex
	free    int
	waiting []*compactionSlot // tables that were refused, oldest first
}

func newCompactions(limit int) *compactions { return &compactions{free: limit} }

// compactionSlot is one table's place; it is Pebble's CompactionScheduler and grant handle.
type compactionSlot struct {
	all *compactions
	db  pebble.DBForCompaction

	mu      sync.Mutex
	idle    sync.Cond // signalled when calling ends
	calling bool      // all is calling into db
	gone    bool
}

func (c *compactions) slot() *compactionSlot {
	s := &compactionSlot{all: c}
	s.idle.L = &s.mu
	return s
}

func (s *compactionSlot) Register(_ int, db pebble.DBForCompaction) { s.db = db }

func (s *compactionSlot) Unregister() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gone = true
	for s.calling {
		s.idle.Wait()
	}
}

func (s *compactionSlot) TrySchedule() (bool, pebble.CompactionGrantHandle) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gone || !s.all.takeOrWait(s) {
		return false, nil
	}
	return true, s
}

// UpdateGetAllowedWithoutPermission has nothing to do: a table that wants more asks when its next flush ends.
func (s *compactionSlot) UpdateGetAllowedWithoutPermission() {}

func (s *compactionSlot) Started()                                          {}
func (s *compactionSlot) MeasureCPU(pebble.CompactionGoroutineKind)         {}
func (s *compactionSlot) CumulativeStats(pebble.CompactionGrantHandleStats) {}

// Done gives the slot back and hands it to who has waited longest.
func (s *compactionSlot) Done() { s.all.give() }

// takeOrWait takes a free place, or puts s among the waiting.
func (c *compactions) takeOrWait(s *compactionSlot) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.free > 0 {
		c.free--
		return true
	}
	if !slices.Contains(c.waiting, s) {
		c.waiting = append(c.waiting, s)
	}
	return false
}

// give offers the place that became free to the waiting ones in turn, until one accepts.
func (c *compactions) give() {
	for {
		c.mu.Lock()
		if len(c.waiting) == 0 {
			c.free++
			c.mu.Unlock()
			return
		}
		next := c.waiting[0]
		c.waiting = c.waiting[1:]
		c.mu.Unlock()
		if next.offer() {
			return
		}
	}
}

// offer asks the table whether it still wants to compact, and starts it.
func (s *compactionSlot) offer() bool {
	s.mu.Lock()
	if s.gone {
		s.mu.Unlock()
		return false
	}
	s.calling = true
	s.mu.Unlock()
	wants, _ := s.db.GetWaitingCompaction()
	accepted := wants && s.db.Schedule(s)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calling = false
	s.idle.Broadcast()
	return accepted
}
