package trail

import (
	"sync"
	"time"

	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/service"
)

const (
	// maxSources bounds the budgets that are kept. Principals beyond it share one.
	maxSources = 4096
	// maxCounted bounds the kinds of calls that are counted apart for one source.
	maxCounted = 32
	// countEvery is how long calls that are over a budget are counted before the count is recorded. Those of
	// the first flush after a budget is used up are recorded at once.
	countEvery = 10 * time.Second
)

// others is the source of principals beyond maxSources. No ARN looks like it.
const others = "*"

// newBudgets gives what one source may add to a series before its calls are counted: a sixteenth of what the
// series holds at once, and a rate. A record of a refused call has about 900 bytes and at most 8 KiB. Records
// lie compressed, so that many sources at once do not fill a series.
func newBudgets(maxFiles int) (b [classes]*budget) {
	b[refused] = &budget{rate: 1 << 10, burst: 1 << 20}
	b[changes] = &budget{rate: 4 << 10, burst: 16 << 20}
	for _, c := range []class{refused, changes} {
		files, bytes := c.room(maxFiles)
		b[c].burst = min(b[c].burst, int64(files)*bytes/16)
		b[c].sources = map[string]*source{}
	}
	return b
}

// budget limits what each source of records may add to a series of files.
type budget struct {
	rate, burst int64 // bytes of lines in a second, and at once

	mu      sync.Mutex
	sources map[string]*source
}

// source is who makes records.
type source struct {
	left int64 // bytes
	at   time.Time
	tally
}

// tally counts the calls of a source that are over its budget.
type tally struct {
	caller  *auth.Caller // one of those who made them
	since   time.Time    // the first of them
	counts  map[kind]int64
	written time.Time // when the last count was recorded
}

// kind is what is counted together.
type kind struct{ service, operation, code string }

// admit reports whether a source may add a record in full. spend says afterwards how long it was: a source
// may be over its budget by the records that it makes at the same time.
func (b *budget) admit(who string, now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.find(who, now)
	b.refill(s, now)
	return s.left > 0
}

func (b *budget) spend(who string, n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if s := b.sources[who]; s != nil {
		s.left -= int64(n)
	} else if s := b.sources[others]; s != nil {
		s.left -= int64(n)
	}
}

func (b *budget) refill(s *source, now time.Time) {
	if passed := now.Sub(s.at); passed > 0 {
		s.left = min(b.burst, s.left+int64(passed.Seconds()*float64(b.rate)))
		s.at = now
	}
}

func (b *budget) find(who string, now time.Time) *source {
	if s := b.sources[who]; s != nil {
		return s
	}
	if len(b.sources) >= maxSources {
		b.forgetIdle(now)
	}
	if len(b.sources) >= maxSources {
		who = others
		if s := b.sources[who]; s != nil {
			return s
		}
	}
	s := &source{left: b.burst, at: now}
	b.sources[who] = s
	return s
}

// forgetIdle removes the sources of which nothing is to be known.
func (b *budget) forgetIdle(now time.Time) {
	for who, s := range b.sources {
		b.refill(s, now)
		if s.left >= b.burst && len(s.counts) == 0 {
			delete(b.sources, who)
		}
	}
}

// count counts a call that is over the budget. It reports whether the source was within it before.
func (b *budget) count(who string, r *service.Record, now time.Time) (first bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.find(who, now)
	if len(s.counts) == 0 {
		first = now.Sub(s.written) > countEvery
		s.since = now
		s.caller = r.Caller
		s.counts = make(map[kind]int64)
	}
	k := kind{r.Service, r.Operation, service.CodeOf(r.Err)}
	if _, known := s.counts[k]; !known && len(s.counts) >= maxCounted {
		k = kind{}
	}
	s.counts[k]++
	return first
}

// due takes the tallies that are to be recorded now; more reports whether others remain.
func (b *budget) due(now time.Time, all bool) (tallies []tally, more bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range b.sources {
		if len(s.counts) == 0 {
			continue
		}
		if !all && now.Sub(s.written) < countEvery {
			more = true
			continue
		}
		s.written = now
		tallies = append(tallies, s.tally)
		s.tally = tally{written: now}
	}
	return tallies, more
}

// recordCounts records the calls that were counted. It needs writing.
func (t *Trail) recordCounts(all bool) {
	if !t.counted.Swap(false) {
		return
	}
	now := t.o.Clock.Now()
	for c, b := range t.budgets {
		if b == nil {
			continue
		}
		tallies, more := b.due(now, all)
		if more {
			t.counted.Store(true)
		}
		for _, counted := range tallies {
			t.series[c].add(t.appendEvent(nil, counted.event(now)))
		}
	}
}
