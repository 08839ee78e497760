// Package journal is the encrypted commit journal that all tables of an installation share.
//
// Callers may rely on this:
//
//   - Acknowledged is durable: when Commit returns an LSN, the record survives kill -9 and power loss, and
//     Replay gives it back.
//   - All or nothing: a record is replayed with all its sections or not at all, however many tables it
//     touches.
//   - Once and in order: LSNs are given without gaps, and Replay gives every record that was not released,
//     once, in that order.
//   - Nothing in the clear: payloads reach the disk only under their own table's data key. Table IDs, epochs
//     and lengths show.
//   - Wrong bytes are found: damage before the end of the journal is an error that names segment and offset;
//     damage to one table's bytes condemns that table's section alone. Only bytes that no later write
//     declares synced may count as torn.
//   - The end is not cut unnoticed: a journal that ends before its high-water mark is refused. The mark has
//     every record whose CommitMarked returned, and whatever RaiseHighWater was told.
//   - After an error of the disk nothing more is acknowledged until the journal is opened anew.
//
// The bytes are drawn in docs/format/journal.md; DESIGN.md says why they are as they are.
package journal

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/sealtable/sealtable/internal/storage"
)

// LSN numbers commits, strictly increasing by one over the life of the installation, from 1.
type LSN uint64

// Options say where a journal lives and which keys it uses.
type Options struct {
	FS   vfs.FS // the base file system; the journal does its own sealing
	Dir  string
	Keys storage.Keys // data keys of the tables, for sections
	// FrameKey is the installation key of purpose "journal". It authenticates segments, groups and parked
	// files.
	FrameKey [32]byte
	// SegmentBytes is the size of a full-grown segment, 64 MiB when zero. The first ones after Open are
	// smaller.
	SegmentBytes int64
	// Highest is the highest LSN that the store finds in flushed tables, 0 if none. A journal that ends
	// before it has lost its newest records, and Replay says so.
	Highest LSN
	// Flushed says that the store needs no record up to and including it; Replay starts behind it. Zero is
	// always right: the journal keeps by itself what Release was told.
	Flushed LSN
	// Anchors, if set, is called by Replay before it applies anything, with what the last Release was told;
	// not at all if this journal never had anchors.
	Anchors func([]Anchor)
	// MaxDelay bounds how long a group may wait for more commits when many are in flight: 100 µs when zero,
	// never when negative.
	MaxDelay time.Duration
	Logger   *slog.Logger
}

// Record is one commit.
type Record struct {
	LSN      LSN
	Sections []Section
}

// Section is what one commit says about one table.
type Section struct {
	Table   storage.TableID
	Epoch   storage.Epoch // set on Replay; Commit uses the table's current epoch
	Payload []byte        // opened bytes; on Commit the bytes to seal; valid during the call only
	// on Replay when Err is set: the section as it was sealed, self-contained, for parking
	Sealed []byte
	// Err says on Replay why Payload could not be opened: a *storage.SealedError when the key cannot be had
	// (park Sealed), a *storage.CorruptError when the bytes are wrong (the table is damaged; parking does not
	// help).
	Err error
}

// Stats is what the journal costs and did since Open.
type Stats struct {
	SegmentBytes int64 // size of the segments that hold records or will next
	SpareBytes   int64 // size of the files kept for reuse
	Oldest       LSN   // oldest record that Replay would still give; 0 if none
	Newest       LSN   // newest durable record; 0 if none was ever written
	Released     LSN
	Groups       int64 // group commits
	Records      int64
	Syncs        int64 // fdatasync calls on segments
	Written      int64 // bytes written in groups, padding included
}

// Sentinel errors.
var (
	// ErrClosed says that the journal was closed.
	ErrClosed = errors.New("journal: closed")
	// ErrNotReplayed says that Commit or Release came before Replay.
	ErrNotReplayed = errors.New("journal: Replay must run before the first Commit or Release")
	// ErrTooLarge says that a record does not fit; nothing was written.
	ErrTooLarge = errors.New("journal: record too large")
)

// CorruptError says that a journal or parked file is not what was written there. It concerns all tables;
// damage to the bytes of one table is a *storage.CorruptError in Section.Err.
type CorruptError struct {
	File   string // relative to the directory that holds the journal's
	Offset int64
	Cause  error
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("%s is not authentic at offset %d: %v; put the file back as it was, or restore the "+
		"data directory from a backup",
		e.File, e.Offset, e.Cause)
}
func (e *CorruptError) Unwrap() error { return e.Cause }

const (
	defaultSegmentBytes = 64 << 20
	minSegmentBytes     = 32 << 10
	firstSegmentBytes   = 4 << 20
	defaultMaxDelay     = 100 * time.Microsecond
)

// Journal is safe for concurrent use.
type Journal struct {
	o      Options
	sealer sealer
	queue  queue
	files  *files
	writer writer // owned by the leader of the queue, and by Replay before there is one
	mark   *highWater
	had    *HighWater // what the mark said on Open; nil if there was none

	requests  sync.Pool
	releasing sync.Mutex
	released  atomic.Uint64
	newest    atomic.Uint64
	replayed  atomic.Bool
	anchored  atomic.Bool // the journal has anchors
	// anchorRoom is what records leave free in their segment for the next anchors.
	anchorRoom atomic.Int64
	counters   struct{ groups, records, syncs, written atomic.Int64 }
}

// Open finds the segments and checks that they are whole as a chain. It writes no segment; Replay must
// follow.
func Open(o Options) (*Journal, error) {
	o.SegmentBytes = alignPage(max(o.SegmentBytes, 0))
	if o.SegmentBytes == 0 {
		o.SegmentBytes = defaultSegmentBytes
	}
	o.SegmentBytes = max(o.SegmentBytes, minSegmentBytes)
	if o.MaxDelay == 0 {
		o.MaxDelay = defaultMaxDelay
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	j := &Journal{o: o}
	// The mark is read before the journal, so that one that is being written meanwhile is not behind it.
	if err := j.openHighWater(); err != nil {
		return nil, err
	}
	files, err := openFiles(&o)
	if err != nil {
		return nil, err
	}
	j.files = files
	j.sealer.keys = o.Keys
	freshSalt(&j.sealer.session)
	j.anchorRoom.Store(anchorRoom(0))
	j.queue.err = ErrNotReplayed
	j.queue.full = make(chan struct{}, 1)
	j.requests.New = func() any { return &request{wake: make(chan bool, 1)} }
	return j, nil
}

func (j *Journal) openHighWater() (err error) {
	if j.mark, err = newHighWater(&j.o); err != nil {
		return err
	}
	had, err := j.mark.read()
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	j.had = &had
	return err
}

// ForgetKeys drops what the journal holds of the table's keys. The next Commit to the table asks the key
// source for the current epoch anew: call it when the table is sealed or deleted, and when its current epoch
// changes.
func (j *Journal) ForgetKeys(table storage.TableID) { j.sealer.forget(table) }

// Release says that no record up to and including upTo is needed any more by any table that is at its anchor.
// Whole segments behind it are kept for reuse or removed. What was released is first written to the journal,
// so that missing segments are told from released ones, and with it the anchors, in ascending order of table:
// the caller has made sure that what they claim is durable.
func (j *Journal) Release(upTo LSN, anchors []Anchor) error {
	j.releasing.Lock()
	defer j.releasing.Unlock()
	if !j.replayed.Load() {
		return ErrNotReplayed
	}
	upTo = min(upTo, LSN(j.newest.Load()))
	if before := LSN(j.released.Load()); upTo < before || upTo == before && j.anchored.Load() {
		return nil
	}
	r := j.request()
	r.note = true
	r.upTo = upTo
	r.directory = r.directory[:0]
	for i := range anchors {
		r.directory = appendAnchor(r.directory, &anchors[i])
	}
	if _, err := j.submit(r); err != nil {
		return err
	}
	return j.files.recycle(upTo)
}

// Stats reports sizes and counts.
func (j *Journal) Stats() Stats {
	s := Stats{
		Newest:   LSN(j.newest.Load()),
		Released: LSN(j.released.Load()),
		Groups:   j.counters.groups.Load(),
		Records:  j.counters.records.Load(),
		Syncs:    j.counters.syncs.Load(),
		Written:  j.counters.written.Load(),
	}
	var oldest LSN
	s.SegmentBytes, s.SpareBytes, oldest = j.files.usage()
	if oldest <= s.Newest {
		s.Oldest = oldest
	}
	return s
}

// closeHighWater lets the mark say where the journal ends, if it ended well.
func (j *Journal) closeHighWater(well bool) (err error) {
	if well && j.replayed.Load() {
		err = j.RaiseHighWater(LSN(j.newest.Load()))
	}
	return errors.Join(err, j.mark.close())
}

// Close waits for the commits under way, declares everything synced and releases files and keys. Without
// Replay it only closes.
func (j *Journal) Close() error {
	j.releasing.Lock()
	defer j.releasing.Unlock()
	r := j.request()
	r.end, r.directory = true, r.directory[:0]
	_, err := j.submit(r)
	switch {
	case errors.Is(err, ErrNotReplayed):
		err = nil
	case err != nil && !errors.Is(err, ErrClosed):
		// The journal had stopped: the error says so, and nobody uses the file any more.
		_ = j.writer.close()
	}
	err = errors.Join(err, j.closeHighWater(err == nil))
	j.files.close()
	j.sealer.forgetAll()
	return err
}
