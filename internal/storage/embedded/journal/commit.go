package journal

import (
	"encoding/binary"
	"fmt"
	"sync"
	"time"
)

const (
	// maxRecord bounds the sealed sections of one commit.
	maxRecord = 1 << 30
	// maxGroup is where a group stops taking more records; one record may be larger.
	maxGroup = 4 << 20
	// keepBuffer is the largest buffer that is kept for the next use.
	keepBuffer = 1 << 20
	// delayFrom is the number of commits in flight from which a group may wait for more: measured, waiting
	// costs throughput below and gains it above.
	delayFrom = 32
	// minDelay is the shortest wait worth a timer; a disk that syncs faster needs no company.
	minDelay = 20 * time.Microsecond
)

// request is one commit on its way to the disk.
type request struct {
	directory []byte // number of sections, then their entries
	bodies    []byte // sealed bytes of the sections
	nonce     [12]byte
	note      bool // no record: write what is released, upTo, and the anchors, which the directory has then
	upTo      LSN
	end       bool // no record: close the journal

	wake chan bool // true: lead the next group; false: lsn and err are set
	lsn  LSN
	err  error
}

func (r *request) isRecord() bool { return !r.note && !r.end }

func (j *Journal) request() *request {
	r := j.requests.Get().(*request)
	r.directory, r.bodies = append(r.directory[:0], 0, 0, 0, 0), r.bodies[:0]
	r.note = false
	r.end = false
	r.upTo = 0
	r.lsn = 0
	r.err = nil
	return r
}

// recycle takes r back. The sealed bytes in it are no secret.
func (j *Journal) recycle(r *request) {
	if cap(r.bodies) <= keepBuffer && cap(r.directory) <= keepBuffer {
		j.requests.Put(r)
	}
}

// Commit makes one record of the sections durable and returns its number. Sealing happens here, in the
// caller's goroutine; a *storage.SealedError says which table has no key now, and nothing was written. After
// any other error the outcome is known only after the next Replay, except for ErrTooLarge, ErrClosed,
// ErrNotReplayed and a full disk: then nothing was written.
func (j *Journal) Commit(sections []Section) (LSN, error) {
	r := j.request()
	binary.BigEndian.PutUint32(r.directory, uint32(len(sections)))
	for i := range sections {
		if err := j.sealer.seal(r, &sections[i]); err != nil {
			j.recycle(r)
			return 0, err
		}
	}
	if n := len(r.directory) + len(r.bodies); n > maxRecord {
		return 0, fmt.Errorf("%w: %d bytes", ErrTooLarge, n)
	}
	return j.submit(r)
}

// queue gathers requests while a group is being written. There is no flusher goroutine: the first request
// that finds nobody leading leads, and a leader that is done passes the lead to the first request that came
// meanwhile. A single writer thus pays for one write and one fdatasync and no hand-over.
type queue struct {
	mu      sync.Mutex
	pending []*request
	spare   []*request // backing array for pending, so that two take turns
	leading bool
	err     error // why nothing more is taken, once set

	last int // requests in the last group
	// last and what had come when it was done: the commits in flight, as well as one can know
	flight int
	target int           // a leader is waiting until this many are pending
	full   chan struct{} // tells that leader
}

// submit queues r, waits until it is durable or failed, and takes r back.
func (j *Journal) submit(r *request) (LSN, error) {
	lead, err := j.queue.add(r)
	if err != nil {
		j.recycle(r)
		return 0, err
	}
	if lead || <-r.wake {
		j.lead()
	}
	lsn, err := r.lsn, r.err
	j.recycle(r)
	return lsn, err
}

func (q *queue) add(r *request) (lead bool, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err != nil {
		return false, q.err
	}
	q.pending = append(q.pending, r)
	if r.end {
		q.err = ErrClosed
	}
	if !q.leading {
		q.leading = true
		return true, nil
	}
	if q.target > 0 && (len(q.pending) >= q.target || r.end) {
		q.target = 0
		q.full <- struct{}{} // has room for one, and target is set once for each that is taken out
	}
	return false, nil
}

// lead writes one group, whose first request is the caller's own, and passes the lead on before it wakes the
// group.
func (j *Journal) lead() {
	own := j.gather()
	group := j.queue.take()
	err := j.writer.writeGroup(j, group)
	j.handOver(group, err)
	for _, r := range group {
		if r != own {
			r.wake <- false
		}
	}
	j.queue.giveBack(group)
}

// gather lets a group wait for company when so many commits are in flight that one sync for more of them
// pays; it never waits longer than a sync takes. It returns the leader's own request, the first in the queue.
func (j *Journal) gather() (own *request) {
	q := &j.queue
	q.mu.Lock()
	own = q.pending[0]
	target := q.flight * 3 / 4
	wait := min(j.o.MaxDelay, j.writer.syncTime)
	if q.flight < delayFrom || len(q.pending) >= target || wait < minDelay || q.err != nil {
		q.mu.Unlock()
		return own
	}
	q.target = target
	q.mu.Unlock()

	j.writer.timer.Reset(wait)
	select {
	case <-q.full:
		j.writer.timer.Stop()
	case <-j.writer.timer.C:
		q.mu.Lock()
		if q.target == 0 {
			<-q.full // it was told at the same moment
		}
		q.target = 0
		q.mu.Unlock()
	}
	return own
}

// take removes the next group from the queue: as many records as came, up to maxGroup. What is no record goes
// alone.
func (q *queue) take() []*request {
	q.mu.Lock()
	defer q.mu.Unlock()
	n, size := 0, 0
	for ; n < len(q.pending); n++ {
		r := q.pending[n]
		size += len(r.directory) + len(r.bodies)
		if n > 0 && (size > maxGroup || !r.isRecord() || !q.pending[0].isRecord()) {
			break
		}
	}
	group := q.pending[:n:n]
	rest := q.pending[n:]
	q.pending = append(q.spare[:0], rest...)
	q.spare = nil
	return group
}

// giveBack keeps the group's backing array for later.
func (q *queue) giveBack(group []*request) {
	clear(group)
	q.mu.Lock()
	q.spare = group[:0]
	q.mu.Unlock()
}

// handOver ends a leader's turn. After an error that stops the journal, everything that waits fails with it.
func (j *Journal) handOver(group []*request, err error) {
	q := &j.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	q.last = len(group)
	q.flight = q.last + len(q.pending)
	for _, r := range group {
		r.err = err
		if err != nil {
			r.lsn = 0
		}
	}
	if stop := j.writer.stopped; stop != nil {
		q.err = stop
		for _, r := range q.pending {
			r.err = stop
			r.wake <- false
		}
		clear(q.pending)
		q.pending = q.pending[:0]
	}
	if len(q.pending) == 0 {
		q.leading = false
		return
	}
	q.pending[0].wake <- true
}

// newTimer returns a timer that is not running.
func newTimer() *time.Timer {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return t
}
