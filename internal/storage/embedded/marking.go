package embedded

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/sealtable/sealtable/internal/storage/embedded/journal"
)

// markEvery is how old the newest record may be that the journal's high-water mark does not have.
const markEvery = time.Second

// marking raises the journal's high-water mark once in markEvery while rows are written. A commit pays one
// look at the clock for it; one in each markEvery also waits for the mark, if the clock's job is late.
type marking struct {
	store *Store
	due   atomic.Int64 // when the mark must have what was committed, in nanoseconds since 1970; 0: it has all
}

// committed follows a commit that the mark need not have yet.
func (m *marking) committed() error {
	c := m.store.opts.Clock
	if c == nil {
		return nil
	}
	due, now := m.due.Load(), c.Now()
	switch {
	case due == 0:
		if m.due.CompareAndSwap(0, now.Add(markEvery).UnixNano()) {
			c.At(now.Add(markEvery), m.job)
		}
	case now.UnixNano() > due+int64(markEvery)/2 && m.due.CompareAndSwap(due, 0):
		return m.raise()
	}
	return nil
}

// job is that of the clock. What is committed from here on asks for another.
func (m *marking) job(time.Time) (next time.Time) {
	m.due.Store(0)
	if err := m.raise(); err != nil && !errors.Is(err, journal.ErrClosed) {
		m.store.log.Error("the journal's high-water mark cannot be written", "error", err)
	}
	return time.Time{}
}

func (m *marking) raise() error {
	if err := m.store.journal.RaiseHighWater(m.store.newestLSN()); err != nil {
		return commitError(err)
	}
	return nil
}
