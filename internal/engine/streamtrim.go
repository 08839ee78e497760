package engine

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/sealtable/sealtable/internal/storage"
)

// trimmedAtOnce is how many records one transaction takes away.
const trimmedAtOnce = 500

// TrimStreams takes away the records of a table's streams that are older than StreamRetention, the shards
// that end before, and the streams that were disabled that long ago. What a stop of the server leaves is
// taken away by the next call.
func (e *Engine) TrimStreams(ctx context.Context, t *Table, now time.Time) error {
	for _, s := range t.Streams {
		var err error
		if s.readable(now) {
			err = e.trimStream(ctx, t, s, now)
		} else {
			err = e.dropStream(ctx, t, s)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// TrimDue says whether a table has anything to trim, as far as is known without waking it.
func (t *Table) TrimDue(now time.Time) bool {
	for _, s := range t.Streams {
		if !s.readable(now) || !now.Before(s.Created.Add(StreamRetention)) &&
			t.live.sequence(s.Number).oldestDue(now) {
			return true
		}
	}
	return false
}

// NextTrim is when the next record of the table's streams, or a stream, is too old, as far as is known
// without waking it; zero if there is none.
func (t *Table) NextTrim() (next time.Time) {
	for _, s := range t.Streams {
		at := s.Disabled
		if s.Disabled.IsZero() {
			at = t.live.sequence(s.Number).oldestFrom(s.Created)
		}
		at = at.Add(StreamRetention)
		if next.IsZero() || at.Before(next) {
			next = at
		}
	}
	return next
}

// oldestFrom is when the oldest record was made, as the last trim found it, or a later time.
func (q *sequence) oldestFrom(created time.Time) time.Time {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.oldest.After(created) {
		return q.oldest
	}
	return created
}

// oldestDue is false while the oldest record, as the last trim found it, is young.
func (q *sequence) oldestDue(now time.Time) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return !now.Before(q.oldest.Add(StreamRetention))
}

func (e *Engine) trimStream(ctx context.Context, t *Table, s Stream, now time.Time) error {
	q := t.live.sequence(s.Number)
	if q == nil {
		return nil
	}
	if err := e.load(ctx, t, q); err != nil {
		return err
	}
	for {
		old, next, err := e.oldRecords(ctx, t, s.Number, now.Add(-StreamRetention))
		if err != nil {
			return err
		}
		if err := e.trim(ctx, t, q, old, now); err != nil {
			return err
		}
		if len(old) < trimmedAtOnce {
			q.noteOldest(next, now)
			return nil
		}
	}
}

// noteOldest remembers when the oldest record that is left was made; where none is left, no record is older
// than now.
func (q *sequence) noteOldest(made, now time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.oldest = made
	if made.IsZero() {
		q.oldest = now
	}
}

// oldRecords are the rows of the oldest records, of those made at a time or before; next is when the first
// that is left was made.
func (e *Engine) oldRecords(
	ctx context.Context, t *Table, stream uint32, upTo time.Time,
) (rows []storage.Row, next time.Time, err error) {
	it := e.store.Read(ctx, storage.PartitionRead{Table: t.ID, Collection: streamRecords,
		Partition: streamPartition(stream)})
	defer func() { err = errors.Join(err, it.Close()) }()
	for len(rows) < trimmedAtOnce && it.Next() {
		number, part, ok := splitRecordSort(it.Sort())
		if ok && part == partHead {
			var r StreamRecord
			if r, _, ok = decodeRecord(it.Value()); ok && r.Created.After(upTo) {
				return rows, r.Created, nil
			}
		}
		if !ok {
			return nil, next, corruptRecord(t.ID, "a record")
		}
		rows = append(rows, t.recordRow(stream, number, part))
	}
	return rows, next, it.Err()
}

// trim takes rows away and moves the horizon. The horizon moves in memory first: a reader that finds records
// missing looks at it afterwards, and then sees why.
func (e *Engine) trim(ctx context.Context, t *Table, q *sequence, rows []storage.Row, now time.Time) error {
	to, gone, moved := q.raise(rows, now)
	if !moved {
		return nil
	}
	row := t.shardRow(q.stream, 0)
	err := e.store.Update(ctx, []storage.Row{row}, func(tx storage.Tx) error {
		for _, record := range rows {
			if err := tx.Delete(record); err != nil {
				return err
			}
		}
		for _, ordinal := range gone {
			if err := tx.Delete(t.shardRow(q.stream, ordinal)); err != nil {
				return err
			}
		}
		return tx.Put(row, to.encode())
	})
	if err == nil {
		q.raised(to)
	}
	return err
}

// raise moves the horizon behind the records of rows, and behind the shards that were closed a retention ago:
// all of their records are older. gone are the shards whose rows are still there.
func (q *sequence) raise(rows []storage.Row, now time.Time) (to horizon, gone []uint64, moved bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if n := len(rows); n > 0 {
		number, _, _ := splitRecordSort(rows[n-1].Sort)
		q.trim.number = max(q.trim.number, number)
	}
	for len(rows) < trimmedAtOnce && len(q.shards) > 1 &&
		!now.Before(q.shards[1].created.Add(StreamRetention)) && q.limit() >= q.shards[1].start {
		q.shards = slices.Delete(q.shards, 0, 1)
		q.trim.shard = q.shards[0].ordinal
	}
	for ordinal := q.stored.shard; ordinal < q.trim.shard; ordinal++ {
		gone = append(gone, ordinal)
	}
	return q.trim, gone, q.trim != q.stored || len(rows) > 0
}

// raised says that a horizon is durable.
func (q *sequence) raised(to horizon) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.stored = to
}

// dropStream takes away a stream that nobody may read any more, and then its description.
func (e *Engine) dropStream(ctx context.Context, t *Table, gone Stream) error {
	for _, c := range []storage.Collection{streamRecords, streamShards} {
		if err := e.dropPartition(ctx, t, c, streamPartition(gone.Number)); err != nil {
			return err
		}
	}
	_, err := e.UpdateTable(ctx, t.Name, func(next *Table) error {
		if next.ID != t.ID {
			return ErrNoTable
		}
		next.Streams = slices.DeleteFunc(next.Streams, func(s Stream) bool { return s.Number == gone.Number })
		return nil
	})
	if err == nil {
		t.live.forget(gone.Number)
	}
	return err
}

// dropPartition takes away all rows of a partition that no transaction writes to any more.
func (e *Engine) dropPartition(ctx context.Context, t *Table, c storage.Collection, partition []byte) error {
	for {
		rows, err := e.somePartition(ctx, t, c, partition)
		if err != nil || len(rows) == 0 {
			return err
		}
		err = e.store.Update(ctx, rows[:1], func(tx storage.Tx) error {
			for _, row := range rows {
				if err := tx.Delete(row); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil || len(rows) < trimmedAtOnce {
			return err
		}
	}
}

func (e *Engine) somePartition(
	ctx context.Context, t *Table, c storage.Collection, partition []byte,
) (rows []storage.Row, err error) {
	it := e.store.Read(ctx, storage.PartitionRead{Table: t.ID, Collection: c, Partition: partition})
	defer func() { err = errors.Join(err, it.Close()) }()
	for len(rows) < trimmedAtOnce && it.Next() {
		rows = append(rows, storage.Row{Table: t.ID, Collection: c, Partition: partition,
			Sort: append([]byte(nil), it.Sort()...)})
	}
	return rows, it.Err()
}
