package engine

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/sealtable/sealtable/internal/attribute"
	"github.com/sealtable/sealtable/internal/storage"
)

// Shard describes a shard of a stream.
type Shard struct {
	Ordinal uint64 // 1 for the stream's first; its parent is the one before, which may be trimmed
	First   uint64 // no record of the shard has a smaller number
	Last    uint64 // no record of a closed shard has a greater one
	Created time.Time
	Closed  bool
}

// Shards lists the shards of a stream that are left, in the order of their records.
func (e *Engine) Shards(ctx context.Context, t *Table, stream uint32) ([]Shard, error) {
	q := t.live.sequence(stream)
	if q == nil {
		return nil, ErrNoStream
	}
	if err := e.load(ctx, t, q); err != nil {
		return nil, err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.list(), nil
}

func (q *sequence) list() []Shard {
	out := make([]Shard, len(q.shards))
	for i, s := range q.shards {
		out[i] = Shard{Ordinal: s.ordinal, First: s.start, Created: s.created}
		switch {
		case i+1 < len(q.shards):
			out[i].Closed, out[i].Last = true, q.shards[i+1].start-1
		case q.ended:
			out[i].Closed, out[i].Last = true, max(s.start, q.next-1)
		}
	}
	return out
}

// window is what may be read of one shard at a moment: the numbers behind after and before limit. final says
// that the shard never gets a record with a number of limit or more.
type window struct {
	first, limit uint64
	final        bool
}

func (q *sequence) window(ordinal uint64) (window, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, s := range q.list() {
		if s.Ordinal != ordinal {
			continue
		}
		limit := q.limit()
		if !s.Closed {
			return window{first: s.First, limit: limit}, nil
		}
		return window{first: s.First, limit: min(limit, s.Last+1), final: limit > s.Last}, nil
	}
	return window{}, ErrNoShard
}

func (q *sequence) trimmed() uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.trim.number
}

// StreamPosition is a place in a shard: behind the record with a number, whether or not it is there.
type StreamPosition struct {
	Stream uint32
	Shard  uint64
	After  uint64
}

// StreamPage is some records of a shard.
type StreamPage struct {
	Records []StreamRecord
	// Next is where the records go on, nil when the shard is closed and has no more.
	Next *StreamPosition
}

// Oldest is the place before the oldest record of a shard.
func (e *Engine) Oldest(
	ctx context.Context, t *Table, stream uint32, ordinal uint64,
) (StreamPosition, error) {
	q, w, err := e.open(ctx, t, stream, ordinal)
	if err != nil {
		return StreamPosition{}, err
	}
	return StreamPosition{Stream: stream, Shard: ordinal, After: max(w.first-1, q.trimmed())}, nil
}

// Newest is the place behind the newest record of a shard: behind every record whose change was answered
// before.
func (e *Engine) Newest(
	ctx context.Context, t *Table, stream uint32, ordinal uint64,
) (StreamPosition, error) {
	q, w, err := e.open(ctx, t, stream, ordinal)
	if err != nil {
		return StreamPosition{}, err
	}
	at := StreamPosition{Stream: stream, Shard: ordinal, After: max(w.first-1, q.trimmed())}
	last, found, err := e.lastBefore(ctx, t, stream, w)
	if found {
		at.After = max(at.After, last)
	}
	return at, err
}

func (e *Engine) lastBefore(
	ctx context.Context, t *Table, stream uint32, w window,
) (last uint64, found bool, err error) {
	read := e.recordsBetween(t, stream, w.first, w.limit)
	read.Reverse = true
	rows := e.store.Read(ctx, read)
	defer func() { err = errors.Join(err, rows.Close()) }()
	if !rows.Next() {
		return 0, false, rows.Err()
	}
	last, _, ok := splitRecordSort(rows.Sort())
	if !ok {
		return 0, false, corruptRecord(t.ID, "a record")
	}
	return last, true, nil
}

// CheckPosition checks a place: its record must lie in the shard or just before it, and what follows must not
// be trimmed.
func (e *Engine) CheckPosition(ctx context.Context, t *Table, at StreamPosition) error {
	q, w, err := e.open(ctx, t, at.Stream, at.Shard)
	switch {
	case err != nil:
		return err
	case at.After+1 < w.first || at.After >= w.limit && at.After+1 > w.first:
		return ErrStartKeyOutside
	case at.After < q.trimmed():
		return ErrTrimmed
	}
	return nil
}

func (e *Engine) open(
	ctx context.Context, t *Table, stream uint32, ordinal uint64,
) (*sequence, window, error) {
	q := t.live.sequence(stream)
	if q == nil {
		return nil, window{}, ErrNoStream
	}
	if err := e.load(ctx, t, q); err != nil {
		return nil, window{}, err
	}
	w, err := q.window(ordinal)
	return q, w, err
}

func (e *Engine) recordsBetween(t *Table, stream uint32, from, limit uint64) storage.PartitionRead {
	return storage.PartitionRead{
		Table: t.ID, Collection: streamRecords, Partition: streamPartition(stream), Low: at(recordSort(from)),
		High: beyond(recordSort(limit)),
	}
}

// ReadStream reads the records that follow a place, at most as many as limit says and as fit into a page. It
// asks how far it may go before it opens its iterator, and whether its place is trimmed after that: see
// sequence, and trimStream.
func (e *Engine) ReadStream(
	ctx context.Context, t *Table, place StreamPosition, limit int,
) (*StreamPage, error) {
	q, w, err := e.open(ctx, t, place.Stream, place.Shard)
	if err != nil {
		return nil, err
	}
	from := max(place.After+1, w.first)
	rows := e.store.Read(ctx, e.recordsBetween(t, place.Stream, from, max(w.limit, from)))
	if place.After < q.trimmed() {
		return nil, errors.Join(ErrTrimmed, rows.Close())
	}
	page, whole, err := readRecords(t, rows, limit)
	if err != nil {
		return nil, err
	}
	if whole && w.final {
		return page, nil
	}
	page.Next = &place
	if n := len(page.Records); n > 0 {
		page.Next.After = page.Records[n-1].Number
	}
	return page, nil
}

// readRecords fills a page and closes the iterator. whole says that there was no more.
func readRecords(t *Table, rows storage.Iterator, limit int) (page *StreamPage, whole bool, err error) {
	defer func() { err = errors.Join(err, rows.Close()) }()
	page = &StreamPage{}
	if limit <= 0 {
		limit = math.MaxInt
	}
	size := 0
	for {
		r, more, err := nextRecord(t, rows)
		if err != nil || !more {
			return page, err == nil, err
		}
		size += r.Size()
		if len(page.Records) == limit || len(page.Records) > 0 && size > MaxPageSize {
			return page, false, nil
		}
		page.Records = append(page.Records, r)
	}
}

func nextRecord(t *Table, rows storage.Iterator) (r StreamRecord, more bool, err error) {
	if !rows.Next() {
		return r, false, rows.Err()
	}
	number, part, ok := splitRecordSort(rows.Sort())
	if !ok || part != partHead {
		return r, false, corruptRecord(t.ID, "a record")
	}
	r, hasOld, ok := decodeRecord(attribute.Item(rows.Value()).Clone())
	if !ok {
		return r, false, corruptRecord(t.ID, "a record")
	}
	r.Number = number
	if !hasOld {
		return r, true, nil
	}
	if !rows.Next() {
		return r, false, errors.Join(rows.Err(), corruptRecord(t.ID, "a record"))
	}
	if again, part, ok := splitRecordSort(rows.Sort()); !ok || again != number || part != partOld {
		return r, false, corruptRecord(t.ID, "a record")
	}
	r.Old, err = storedItem(t.ID, attribute.Item(rows.Value()).Clone())
	return r, err == nil, err
}
