package engine

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"github.com/sealtable/sealtable/internal/attribute"
	"github.com/sealtable/sealtable/internal/storage"
)

// StreamView says what a stream's records hold of an item besides its key.
type StreamView string

// The views, in DynamoDB's words.
const (
	KeysOnly  StreamView = "KEYS_ONLY"
	NewImage  StreamView = "NEW_IMAGE"
	OldImage  StreamView = "OLD_IMAGE"
	BothViews StreamView = "NEW_AND_OLD_IMAGES"
)

func (v StreamView) hasNew() bool { return v == NewImage || v == BothViews }
func (v StreamView) hasOld() bool { return v == OldImage || v == BothViews }

// Stream describes one of a table's streams. A table records changes in at most one stream at a time; those
// before it can be read until a retention after they were disabled.
type Stream struct {
	Number   uint32 // 1 for the table's first stream; never used again
	Label    string // unique among the table's streams: when it began, to the millisecond
	View     StreamView
	Created  time.Time
	Disabled time.Time // zero while changes are recorded
	// SettlesAt is when the stream stops being ENABLING, or DISABLING once it is disabled.
	SettlesAt time.Time
	Policy    ResourcePolicy // its own; that of its table says nothing of it
}

const (
	// StreamRetention is how long a record of a stream can be read ("Change data capture for DynamoDB
	// Streams").
	StreamRetention = 24 * time.Hour
	// shardLifetime is how long a shard takes records before the next one begins, if it has any.
	shardLifetime = 4 * time.Hour
)

// Errors of streams.
var (
	ErrStreamEnabled  = errors.New("engine: the table has an enabled stream")
	ErrStreamDisabled = errors.New("engine: the table has no enabled stream")
	ErrNoStream       = errors.New("engine: no such stream")
	ErrNoShard        = errors.New("engine: no such shard")
	ErrTrimmed        = errors.New("engine: the records are trimmed")
)

// Recording is the stream that records the table's changes, nil if none does.
func (t *Table) Recording() *Stream {
	if n := len(t.Streams); n > 0 && t.Streams[n-1].Disabled.IsZero() {
		return &t.Streams[n-1]
	}
	return nil
}

// LatestStream is the table's latest stream that can be read, nil if there is none.
func (t *Table) LatestStream(now time.Time) *Stream {
	if n := len(t.Streams); n > 0 && t.Streams[n-1].readable(now) {
		return &t.Streams[n-1]
	}
	return nil
}

// Stream finds a stream that can be read by its label.
func (t *Table) Stream(label string, now time.Time) (*Stream, error) {
	for i := range t.Streams {
		if s := &t.Streams[i]; s.Label == label && s.readable(now) {
			return s, nil
		}
	}
	return nil, ErrNoStream
}

func (s *Stream) readable(now time.Time) bool {
	return s.Disabled.IsZero() || now.Before(s.Disabled.Add(StreamRetention))
}

// EnableStream begins a stream. It is for the change function of UpdateTable, and for a table that is about
// to be created.
func (t *Table) EnableStream(view StreamView, now, settles time.Time) error {
	if t.Recording() != nil {
		return ErrStreamEnabled
	}
	t.StreamsMade++
	t.Streams = append(t.Streams, Stream{Number: t.StreamsMade, Label: t.newLabel(now), View: view,
		Created: now, SettlesAt: settles})
	return nil
}

// DisableStream ends the stream that records the table's changes. It is for the change function of
// UpdateTable.
func (t *Table) DisableStream(now, settles time.Time) error {
	s := t.Recording()
	if s == nil {
		return ErrStreamDisabled
	}
	s.Disabled, s.SettlesAt = now, settles
	return nil
}

// newLabel is later than every label that the table's streams have.
func (t *Table) newLabel(now time.Time) string {
	const layout = "2006-01-02T15:04:05.000"
	for at := now.UTC(); ; at = at.Add(time.Millisecond) {
		label := at.Format(layout)
		if n := len(t.Streams); n == 0 || t.Streams[n-1].Label < label {
			return label
		}
	}
}

// followStream records a change in the table's stream, if it has one and if the change changed anything. The
// number is taken while the item is held, so the records of an item are in the order of its changes.
func (t *Table) followStream(tx *transaction, change Change) error {
	s := t.Recording()
	if s == nil || bytes.Equal(change.Old, change.New) {
		return nil
	}
	sequence := t.live.sequence(s.Number)
	number, created, begun := sequence.take(t.live.clock.Now())
	tx.numbers = append(tx.numbers, takenNumber{sequence, number})
	for _, shard := range begun {
		if err := tx.Put(t.shardRow(s.Number, shard.ordinal), shard.encode()); err != nil {
			return err
		}
	}
	return t.putRecord(tx, s, number, created, change)
}

// putRecord writes a record in one row, or with the old image in a second one: both together may be larger
// than a row.
func (t *Table) putRecord(tx storage.Tx, s *Stream, number uint64, created time.Time, change Change) error {
	kept := change
	if !s.View.hasNew() {
		kept.New = nil
	}
	if !s.View.hasOld() {
		kept.Old = nil
	}
	if kept.Old != nil {
		if err := tx.Put(t.recordRow(s.Number, number, partOld), kept.Old); err != nil {
			return err
		}
	}
	keyed := change.New
	if keyed == nil {
		keyed = change.Old
	}
	head := recordHead{event: eventOf(change), expired: change.Expired, hasOld: kept.Old != nil,
		created: created, keys: t.KeyOf(keyed)}
	return tx.Put(t.recordRow(s.Number, number, partHead), head.encode(kept.New))
}

// Event is what a change was.
type Event byte

// The events.
const (
	Inserted Event = 1
	Modified Event = 2
	Removed  Event = 3
)

func eventOf(change Change) Event {
	switch {
	case change.Old == nil:
		return Inserted
	case change.New == nil:
		return Removed
	}
	return Modified
}

// StreamRecord is one change of one item.
type StreamRecord struct {
	Number  uint64 // greater than those of all earlier records of the stream
	Event   Event
	Expired bool // removed because its time had come, not by a caller
	Created time.Time
	Keys    attribute.Item
	// Images are nil where there is no item, or where the stream's view leaves them out.
	New, Old attribute.Item
}

// Size is the record's size as DynamoDB counts.
func (r *StreamRecord) Size() int { return r.Keys.Size() + r.New.Size() + r.Old.Size() }

func corruptRecord(id storage.TableID, what string) error {
	return fmt.Errorf("stream of table %s: %s is malformed", id, what)
}
