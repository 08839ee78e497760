// Package upkeep runs what an installation does on its own: jobs that look again and again for what is to be
// done, each in a lane of its own.
//
// Callers may rely on this: a job never runs twice at the same time, and no job waits for another: a table of
// many expired items keeps nobody from looking at keys. While the clock is moved, Advance returns when every
// job has done what fell due; Settle returns when no job finds anything more to do. Close ends the jobs that
// run, by their context, and waits for them; none runs afterwards.
package upkeep

import (
	"context"
	"sync"
	"time"

	"github.com/sealtable/sealtable/internal/clock"
)

// Job is work that is looked for each Period of the clock.
type Job struct {
	Name   string // as in log lines
	Period time.Duration
	// Run does a part of what is due now, small enough that Close need not wait long. It is called again at
	// once while it finds more. It must not move the clock.
	Run func(ctx context.Context, now time.Time) Found
}

// Found is what a run of a job has found.
type Found struct {
	More   bool      // there is more to do now
	Worked bool      // something was changed, which other jobs may have to follow
	Next   time.Time // when there is something to do again, as far as the job knows; see clock.Outlook
}

// Upkeep is safe for concurrent use.
type Upkeep struct {
	ctx    context.Context
	cancel context.CancelFunc
	clock  *clock.Clock

	mu      sync.Mutex
	lanes   []*lane
	running sync.WaitGroup
	closed  bool
}

// lane runs one job.
type lane struct {
	job   Job
	turn  sync.Mutex // held while the job runs
	asked chan struct{}
}

// New returns an Upkeep without jobs.
func New(c *clock.Clock) *Upkeep {
	ctx, cancel := context.WithCancel(context.Background())
	return &Upkeep{ctx: ctx, cancel: cancel, clock: c}
}

// Add begins to look for what a job has to do, for the first time one period from now.
func (u *Upkeep) Add(job Job) {
	l := &lane{job: job, asked: make(chan struct{}, 1)}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.closed {
		return
	}
	u.lanes = append(u.lanes, l)
	u.running.Go(func() { u.serve(l) })
	u.clock.Sweep(job.Period, func(now time.Time, moving bool) clock.Outlook {
		if moving {
			return u.run(l, now)
		}
		l.ask()
		return clock.Outlook{}
	})
}

// ask wants the job to run, or to run once more after the run that goes on.
func (l *lane) ask() {
	select {
	case l.asked <- struct{}{}:
	default: // it was asked already
	}
}

// serve runs the job whenever it was asked for.
func (u *Upkeep) serve(l *lane) {
	for {
		select {
		case <-u.ctx.Done():
			return
		case <-l.asked:
			u.run(l, u.clock.Now())
		}
	}
}

// run runs a job until it finds nothing more at a time.
func (u *Upkeep) run(l *lane, now time.Time) clock.Outlook {
	l.turn.Lock()
	defer l.turn.Unlock()
	var all clock.Outlook
	for u.ctx.Err() == nil {
		found := l.job.Run(u.ctx, now)
		all = clock.Outlook{Next: found.Next, Worked: all.Worked || found.Worked}
		if !found.More {
			break
		}
	}
	return all
}

// Settle runs every job, due or not, until none of them changes anything: for whoever moved the clock, and
// for tests. A job must find for itself what is due.
func (u *Upkeep) Settle() {
	u.mu.Lock()
	lanes := u.lanes
	u.mu.Unlock()
	for worked := true; worked && u.ctx.Err() == nil; {
		worked = false
		for _, l := range lanes {
			worked = u.run(l, u.clock.Now()).Worked || worked
		}
	}
}

// Close ends the jobs.
func (u *Upkeep) Close() error {
	u.mu.Lock()
	u.closed = true
	u.mu.Unlock()
	u.cancel()
	u.running.Wait()
	for _, l := range u.lanes {
		l.wait()
	}
	return nil
}

// wait returns when a run that Advance or Settle made has ended.
func (l *lane) wait() {
	l.turn.Lock()
	defer l.turn.Unlock()
}
