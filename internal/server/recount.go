package server

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/sealtable/sealtable/internal/clock"
	"github.com/sealtable/sealtable/internal/engine"
)

// recountInterval is how often the sizes of tables are brought up to date ("DescribeTable: ItemCount", about
// every six hours).
const recountInterval = 6 * time.Hour

// recountShare is what counting takes of one core: so many parts of rest come to one part of work.
const recountShare = 9

// recounter counts tables in the background. It does so in a goroutine of its own, slowly, because jobs of
// the clock run one at a time, and the sweep of keys must not wait for it.
type recounter struct {
	count func(pause func() error)

	mu      sync.Mutex
	changed *sync.Cond
	wanted  bool // the tables are to be counted, or counted once more
	running bool
	hurried int // how many wait for it to be done
	ended   bool
	rest    chan struct{} // closed when nobody rests any more
}

func newRecounter(count func(pause func() error)) *recounter {
	r := &recounter{count: count, rest: make(chan struct{})}
	r.changed = sync.NewCond(&r.mu)
	return r
}

// ask wants the tables to be counted.
func (r *recounter) ask() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.wanted = true
	r.changed.Broadcast()
}

// settle returns when everything that was asked for is done, which from now on takes no rests.
func (r *recounter) settle() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.hurried++
	if r.hurried == 1 {
		close(r.rest)
	}
	for (r.wanted || r.running) && !r.ended {
		r.changed.Wait()
	}
	r.hurried--
	if r.hurried == 0 {
		r.rest = make(chan struct{})
	}
}

// run counts whenever that is asked for, until end.
func (r *recounter) run() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for {
		for !r.wanted && !r.ended {
			r.changed.Wait()
		}
		if r.ended {
			return
		}
		r.wanted, r.running = false, true
		r.mu.Unlock()
		r.count(r.pacer())
		r.mu.Lock()
		r.running = false
		r.changed.Broadcast()
	}
}

// pacer gives the pause of one round: it rests in proportion to the work since the rest before.
func (r *recounter) pacer() func() error {
	worked := time.Now()
	return func() error {
		r.mu.Lock()
		rest := r.rest
		r.mu.Unlock()
		timer := time.NewTimer(recountShare * time.Since(worked))
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-rest:
		}
		worked = time.Now()
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.ended {
			return context.Canceled
		}
		return nil
	}
}

// end makes run return after the few items that it is at.
func (r *recounter) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended = true
	if r.hurried == 0 {
		close(r.rest)
		r.hurried++ // nobody makes another
	}
	r.changed.Broadcast()
}

// openRecount starts to count tables now and then.
func (s *Server) openRecount(context.Context) error {
	ctx, cancel := context.WithCancel(context.Background())
	s.recount = newRecounter(func(pause func() error) { s.countTables(ctx, pause) })
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.recount.run()
	}()
	s.onClose(func() error {
		cancel()
		s.recount.end()
		<-done
		return nil
	})
	s.clock.Sweep(recountInterval, func(time.Time, bool) clock.Outlook {
		s.recount.ask()
		return clock.Outlook{}
	})
	return nil
}

// countTables counts those tables that may have changed since they were counted. The database opens them with
// the grant that it holds on their keys; what it cannot open stays as it was counted last.
func (s *Server) countTables(ctx context.Context, pause func() error) {
	for _, t := range s.engine.AllTables() {
		if ctx.Err() != nil {
			return
		}
		if t.Deleting || !t.Stale() || !t.Encryption.InaccessibleSince.IsZero() ||
			s.tableKeys().Wake(ctx, t) != nil {
			continue
		}
		err := s.engine.Count(ctx, t, func() error { return s.stillOpen(ctx, t, pause) })
		if err != nil && ctx.Err() == nil && !errors.Is(err, engine.ErrNoTable) &&
			!errors.Is(err, errClosedMeanwhile) {
			s.log.Warn("the items of a table could not be counted", "table", t.ID, "error", err)
		}
	}
}

// stillOpen rests, and then asks again whether the table may be read: the key may be gone by now.
func (s *Server) stillOpen(ctx context.Context, t *engine.Table, pause func() error) error {
	if err := pause(); err != nil {
		return err
	}
	if err := s.tableKeys().Wake(ctx, t); err != nil {
		return errors.Join(errClosedMeanwhile, err)
	}
	return nil
}

// errClosedMeanwhile says that a table's key could not be used any more while the table was counted.
var errClosedMeanwhile = errors.New("the table was closed while it was counted")
