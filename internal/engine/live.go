package engine

import (
	"math"
	"sync"
	"sync/atomic"

	"github.com/sealtable/sealtable/internal/clock"
)

// live is what the engine keeps of a table in memory, for as long as it runs and beside the descriptions that
// come and go.
type live struct {
	clock *clock.Clock

	mu        sync.RWMutex
	sequences map[uint32]*sequence // by the number of the stream

	// soonest is when the first item of the table expires, in seconds since 1970, or earlier; see
	// Engine.Expire.
	soonest atomic.Int64
	filling fillProgress

	counted atomic.Bool // nothing was written since the table was last counted
}

// noSoonest stands for a table none of whose items expires.
const noSoonest = math.MaxInt64

func newLive(c *clock.Clock) *live { return &live{clock: c, sequences: map[uint32]*sequence{}} }

// know makes the sequences of the streams that t describes and that are not known yet. Those of a stream that
// begins now have nothing to be read from the store.
func (l *live) know(t *Table, beginning bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range t.Streams {
		if l.sequences[s.Number] == nil {
			l.sequences[s.Number] = newSequence(s, beginning)
		}
	}
}

func (l *live) sequence(number uint32) *sequence {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.sequences[number]
}

// endStreams closes the streams that t describes as disabled, when no transaction knows them otherwise any
// more.
func (l *live) endStreams(t *Table) {
	for _, s := range t.Streams {
		if q := l.sequence(s.Number); q != nil && !s.Disabled.IsZero() {
			q.end()
		}
	}
}

func (l *live) forget(number uint32) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.sequences, number)
}
