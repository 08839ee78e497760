// Package trail keeps a record of every call: who, what, under which key and encryption context, with which
// outcome (P9).
//
// Callers may rely on this: a record never holds item data or key bytes; what Flush or Close answered without
// an error is durable; and while the trail cannot be written, calls wait for it rather than go unrecorded.
// Records are lines of JSON in CloudTrail's shape, compressed, in files of a file system that seals what it
// stores; Scanner reads them back. Lines that were recorded within the same fraction of a second come in any
// order. After a write that failed, the records in question are written again in a new file: a record may
// stand in two files, under one eventID. A torn end is cut off the file as soon as the disk works again, or
// at the next start.
//
// Nobody without rights can push another's record out. Records lie in three series of files, each with room
// of its own: changes, calls on data, and calls that showed no right. In the last one each principal has a
// budget, and all strangers share one; beyond it calls are counted together, by who made them, what was asked
// and the outcome. A principal that makes many changes has its further ones recorded among the calls on data,
// and their count among the changes. Files that go to make room leave a record and a line in the log.
package trail

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/sealtable/sealtable/internal/clock"
	"github.com/sealtable/sealtable/internal/service"
)

const (
	flushEvery   = 200 * time.Millisecond
	fileLimit    = 64 << 20 // bytes in one file before the next is begun, at most
	defaultFiles = 16
)

// Options are what a Trail works with.
type Options struct {
	FS    vfs.FS // seals what is written; see sealedfs
	Dir   string
	Clock *clock.Clock
	Log   *slog.Logger
	// MaxFiles is how much the trail may take, in files of 64 MiB; 0 means 16. The oldest files are removed.
	MaxFiles int
	// Torn says whether a file ends with bytes that were never declared synced, as sealedfs finds out. Its
	// error says that the file is damaged otherwise. Without it no torn end is looked for.
	Torn func(path string) (bool, error)
}

// Trail records calls. It is safe for concurrent use.
type Trail struct {
	o       Options
	events  eventIDs
	series  [classes]*series
	budgets [classes]*budget // nil for a class without
	counted atomic.Bool      // there may be counts to record

	stop, stopped chan struct{}
	closing       sync.Once
	closeErr      error

	writing sync.Mutex // held while files are written
}

// Open goes on with the trail in a directory, in new files.
func Open(o Options) (*Trail, error) {
	t, err := open(o)
	if err != nil {
		return nil, err
	}
	go t.flushLoop()
	return t, nil
}

func open(o Options) (*Trail, error) {
	if o.MaxFiles == 0 {
		o.MaxFiles = defaultFiles
	}
	if err := o.FS.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the trail's directory: %w", err)
	}
	if err := syncDir(o.FS, o.FS.PathDir(o.Dir)); err != nil {
		return nil, fmt.Errorf("making the trail's directory: %w", err)
	}
	t := &Trail{o: o, stop: make(chan struct{}), stopped: make(chan struct{})}
	if err := t.events.seed(); err != nil {
		return nil, err
	}
	removeHealed(&t.o)
	for c := range t.series {
		s, err := openSeries(&t.o, class(c), t.dropped)
		if err != nil {
			return nil, err
		}
		t.series[c] = s
	}
	t.budgets = newBudgets(o.MaxFiles)
	return t, nil
}

// Record takes a record in. It returns before the record is durable, and waits while too much of its class is
// to be written. After Close there is nobody left to write: such a record is reported to the log as lost.
func (t *Trail) Record(r service.Record) {
	c := classOf(&r)
	b := t.budgets[c]
	if b == nil {
		t.append(c, &r)
		return
	}
	now, who := t.o.Clock.Now(), sourceOf(r.Caller)
	if b.admit(who, now) {
		b.spend(who, t.append(c, &r))
		return
	}
	if b.count(who, &r, now) {
		t.o.Log.Warn("a caller exceeds its share of the trail; further calls are counted", "class",
			c.String(),
			"principal", r.Caller.ARN, "account", r.Caller.Account)
	}
	t.counted.Store(true)
	if c == changes {
		t.append(data, &r)
	}
}

// append adds the line of a record to a series, and returns its length in bytes.
func (t *Trail) append(c class, r *service.Record) int {
	h := t.series[c].enter()
	if h == nil {
		t.o.Log.Error("a call came after the trail was closed; it is not recorded", "service", r.Service,
			"operation", r.Operation)
		return 0
	}
	defer h.mu.Unlock()
	before := len(h.lines)
	h.lines = t.appendRecord(h.lines, r, c)
	return len(h.lines) - before
}

func (t *Trail) flushLoop() {
	defer close(t.stopped)
	ticker := time.NewTicker(flushEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			if err := t.Flush(); err != nil {
				t.o.Log.Error("the trail cannot be written; calls will wait when its memory is full", "error",
					err)
			}
		case <-t.stop:
			return
		}
	}
}

// Flush makes durable what was recorded so far. What could not be written stays for the next time; meanwhile
// no more is taken from the shards, so that callers wait when those are full.
func (t *Trail) Flush() error {
	t.writing.Lock()
	defer t.writing.Unlock()
	t.recordCounts(false)
	return t.flushAll()
}

// flushAll writes the changes last: files of the other series that go leave their records there.
func (t *Trail) flushAll() error {
	var errs []error
	for _, c := range []class{refused, data, changes} {
		errs = append(errs, t.series[c].flush())
	}
	return errors.Join(errs...)
}

// Close makes everything recorded durable; callers that wait are let in first. When it cannot, its error says
// how much is lost. Closing again gives the same answer.
func (t *Trail) Close() error {
	t.closing.Do(func() {
		close(t.stop)
		<-t.stopped
		t.closeErr = t.finish()
	})
	return t.closeErr
}

func (t *Trail) finish() error {
	for _, s := range t.series {
		s.close()
	}
	t.writing.Lock()
	defer t.writing.Unlock()
	t.recordCounts(true)
	err := t.flushAll()
	if err == nil { // a file that the first one began may have made an old one go, which leaves a record
		err = t.flushAll()
	}
	lost := 0
	for _, s := range t.series {
		lost += s.left()
	}
	if err != nil {
		err = fmt.Errorf("%d bytes of the trail are lost: %w", lost, err)
	}
	for _, s := range t.series {
		err = errors.Join(err, s.closeFile())
	}
	return err
}
