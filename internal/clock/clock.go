// Package clock is the one source of time for everything that waits or expires.
//
// Callers may rely on this: all of a server's rotations, deletion windows, expiries, caches and sweeps read
// one Clock; jobs run one at a time, in the order of their due times, those of one time in the order in which
// they were set; and Advance returns only when every job that fell due in the meantime has run, and every
// sweep that had something to find (see Sweep). Durations for
// operating-system timeouts (sockets, file locks) are not the clock's business.
//
// A job must call neither Advance nor Close: both wait for the job that runs, and so would wait for
// themselves. It may call everything else.
package clock

import (
	"container/heap"
	"sync"
	"sync/atomic"
	"time"
)

// Clock tells the time, and runs jobs when their time has come. The zero value is not usable; see New.
type Clock struct {
	offset atomic.Int64 // nanoseconds that the clock is ahead of the machine's

	running chan struct{} // holds a token while jobs run, so that they run one at a time
	mu      sync.Mutex
	jobs    jobQueue
	timer   *time.Timer
	set     uint64 // counts the jobs, for the order of those of one time
	busy    bool   // jobs run; whoever runs them sets the timer after the last
	closed  bool
}

// A Job is work that is due at a time. It gets the clock's time at which it was due and returns when it is
// next due; the zero time means never again. Jobs of one clock run one after the other: a long job hands its
// work to a goroutine only if nobody needs to see it done when Advance returns.
type Job func(due time.Time) (next time.Time)

// Done is what a job returns that is never due again.
func Done() time.Time { return time.Time{} }

// New returns a clock that shows the machine's time.
func New() *Clock { return &Clock{running: make(chan struct{}, 1)} }

// Now is the clock's time, in UTC.
func (c *Clock) Now() time.Time {
	return time.Now().Add(time.Duration(c.offset.Load())).UTC()
}

// Offset is how far the clock is ahead of the machine's.
func (c *Clock) Offset() time.Duration { return time.Duration(c.offset.Load()) }

// At runs job when the clock reaches due, and again when the job says so. A time that has passed is now. On a
// closed clock nothing is ever due.
func (c *Clock) At(due time.Time, job Job) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	// without its monotonic part, which not all times have
	c.push(scheduled{due: due.Round(0), job: job})
	c.arm()
}

// Every runs job each period, for the first time one period from now. A period that is not positive never
// comes.
func (c *Clock) Every(period time.Duration, job func(now time.Time)) {
	if period <= 0 {
		return
	}
	c.At(c.Now().Add(period), func(due time.Time) time.Time {
		job(due)
		return due.Add(period)
	})
}

// Outlook is what a sweep has found.
type Outlook struct {
	// Next is when there is something for the sweep to do again, as far as it knows; zero where that hangs on
	// what others do.
	Next time.Time
	// Worked says that it changed something, which other sweeps may have to follow.
	Worked bool
}

// A Sweep is work that looks again and again for what is to be done. moving says that the clock is moved by
// Advance, which waits for it; otherwise a sweep may go on after it returned.
type Sweep func(now time.Time, moving bool) Outlook

// Sweep runs a sweep each period, for the first time one period from now. While the clock is moved, those
// turns are left out in which a sweep would find nothing: it has its first turn after each job, after each
// sweep that worked, and at the time of its own Outlook, and the last turn before the clock stands still. So
// a year passes quickly, and nothing in it is missed or comes in another order. A period that is not positive
// never comes.
func (c *Clock) Sweep(period time.Duration, sweep Sweep) {
	if period <= 0 {
		return
	}
	due := c.Now().Add(period).Round(0)
	s := &sweeping{period: period, sweep: sweep, turn: due}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		c.push(scheduled{due: due, sweep: s})
		c.arm()
	}
}

// sweeping is a sweep and where its turns lie: a whole number of periods from turn, which is one of them.
type sweeping struct {
	period time.Duration
	sweep  Sweep
	turn   time.Time
}

// turnFrom is the sweep's first turn at t or after it.
func (s *sweeping) turnFrom(t time.Time) time.Time {
	late := t.Sub(s.turn)
	if late <= 0 {
		return s.turn
	}
	return s.turn.Add((late + s.period - 1) / s.period * s.period)
}

// lastTurn is the sweep's last turn at t or before it.
func (s *sweeping) lastTurn(t time.Time) time.Time {
	return s.turn.Add(t.Sub(s.turn) / s.period * s.period)
}

// Advance moves the clock forward by d and returns when the jobs that fell due have run. Each runs with the
// clock at its due time, so that a job which schedules another sees the days pass one by one. Calls at the
// same time add up. A d that is not positive does nothing; on a closed clock no job runs.
func (c *Clock) Advance(d time.Duration) {
	if d <= 0 {
		return
	}
	c.begin()
	defer c.end()
	target := c.Now().Add(d)
	for {
		next, ok := c.takeDue(target)
		if !ok {
			break
		}
		c.moveTo(next.due)
		c.runMoving(next, target)
	}
	c.moveTo(target)
}

// runMoving runs what is due while the clock is moved to target.
func (c *Clock) runMoving(s scheduled, target time.Time) {
	if s.sweep == nil {
		c.run(s)
		c.wakeSweeps(s.due)
		return
	}
	s.sweep.turn = s.due.Add(s.sweep.period)
	found := s.sweep.sweep(s.due, true)
	next := s.sweep.lastTurn(target)
	if hint := s.sweep.turnFrom(found.Next.Round(0)); !found.Next.IsZero() && hint.Before(next) {
		next = hint
	}
	if next.Before(s.sweep.turn) {
		next = s.sweep.turn
	}
	c.reschedule(scheduled{due: next, sweep: s.sweep})
	if found.Worked {
		c.wakeSweeps(s.due)
	}
}

// wakeSweeps gives every sweep its first turn after a time: something happened then.
func (c *Clock) wakeSweeps(after time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.jobs {
		if s := c.jobs[i].sweep; s != nil {
			if turn := s.turnFrom(after); turn.Before(c.jobs[i].due) {
				c.jobs[i].due = turn
			}
		}
	}
	heap.Init(&c.jobs)
}

func (c *Clock) reschedule(s scheduled) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		c.push(s)
		c.arm()
	}
}

// push adds to the jobs. The caller holds mu.
func (c *Clock) push(s scheduled) {
	c.set++
	s.order = c.set
	heap.Push(&c.jobs, s)
}

// begin waits for the jobs that run, and end sets the timer for those that come.
func (c *Clock) begin() {
	c.running <- struct{}{}
	c.mu.Lock()
	c.busy = true
	c.mu.Unlock()
}

func (c *Clock) end() {
	c.mu.Lock()
	c.busy = false
	c.arm()
	c.mu.Unlock()
	<-c.running
}

// Close stops the clock from starting jobs and waits for the one that runs.
func (c *Clock) Close() {
	c.mu.Lock()
	c.closed = true
	c.jobs = nil
	if c.timer != nil {
		c.timer.Stop()
	}
	c.mu.Unlock()
	c.running <- struct{}{}
	defer func() { <-c.running }()
}

// moveTo sets the clock forward to t; it never goes back.
func (c *Clock) moveTo(t time.Time) {
	if ahead := t.Sub(c.Now()); ahead > 0 {
		c.offset.Add(int64(ahead))
	}
}

func (c *Clock) takeDue(limit time.Time) (scheduled, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || len(c.jobs) == 0 || c.jobs[0].due.After(limit) {
		return scheduled{}, false
	}
	return heap.Pop(&c.jobs).(scheduled), true
}

func (c *Clock) run(s scheduled) {
	if s.sweep != nil {
		s.sweep.sweep(s.due, false)
		// at the earliest one period from now, however many turns the machine slept through
		s.sweep.turn = s.sweep.turnFrom(c.Now().Round(0).Add(1))
		c.reschedule(scheduled{due: s.sweep.turn, sweep: s.sweep})
		return
	}
	if next := s.job(s.due); !next.IsZero() {
		c.At(next, s.job)
	}
}

// longestNap is how long the timer sleeps at most. The machine's timers stand still while it is suspended,
// and do not notice when its clock is set: jobs that fell due meanwhile are late by no more than this.
const longestNap = time.Minute

// arm sets the timer for the first job. The caller holds mu.
func (c *Clock) arm() {
	if c.timer != nil {
		c.timer.Stop()
	}
	if c.closed || c.busy || len(c.jobs) == 0 {
		return
	}
	c.timer = time.AfterFunc(min(longestNap, max(0, c.jobs[0].due.Sub(c.Now()))), c.runDue)
}

func (c *Clock) runDue() {
	c.begin()
	defer c.end()
	for {
		next, ok := c.takeDue(c.Now())
		if !ok {
			return
		}
		c.run(next)
	}
}

type scheduled struct {
	due   time.Time
	order uint64
	job   Job       // nil for a sweep
	sweep *sweeping // nil for a job
}

type jobQueue []scheduled

func (q jobQueue) Len() int      { return len(q) }
func (q jobQueue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *jobQueue) Push(x any)   { *q = append(*q, x.(scheduled)) }

func (q jobQueue) Less(i, j int) bool {
	if c := q[i].due.Compare(q[j].due); c != 0 {
		return c < 0
	}
	return q[i].order < q[j].order
}

func (q *jobQueue) Pop() any {
	old := *q
	last := old[len(old)-1]
	old[len(old)-1] = scheduled{}
	*q = old[:len(old)-1]
	return last
}
