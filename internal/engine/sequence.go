package engine

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/sealtable/sealtable/internal/storage"
)

// sequence gives out the numbers of one stream's records, and says up to which of them a reader may go.
//
// A transaction takes its numbers while it holds its items, and its record can be seen once the transaction
// is durable. Transactions become durable in another order than the one in which they took their numbers. So
// a reader who has seen number 7 knows nothing yet of 6: if it went on from 7, it would never see 6. Hence:
//
//   - A number is flying from when it is taken until the outcome of its transaction is known and can be seen.
//     The limit is the lowest number that is flying, or the next one where none is.
//   - A reader asks for the limit first, then opens its iterator, and goes on only to numbers below the
//     limit. All of these landed before the iterator was opened: their records are in it, or there are none.
//     No number below the limit is ever taken again. So what the reader passes over stays empty, and it skips
//     nothing. Nothing here is held while the disk is waited for.
//   - A reader's position is the number of a record that it was given, of one where a shard begins, or of the
//     horizon; never the limit. After a restart the numbers go on behind the last record that is stored and
//     behind the horizon, and so behind every position that anybody has, though numbers that nobody saw may
//     be taken once more.
//   - When the store cannot say whether a transaction is durable, its number flies until the store is opened
//     anew: readers wait before it.
//
// A shard begins with a number. Every transaction writes the rows of shards that began and that are not known
// to be durable yet, so that a record never lies in a shard which a crash takes away. Writing such a row
// twice is no conflict: it is the same each time.
type sequence struct {
	stream uint32

	mu     sync.Mutex
	loaded bool
	next   uint64
	flying []uint64  // ascending
	latest time.Time // when the latest record was made; the times of records do not go back
	shards []shard   // durable, ascending, none missing
	begun  []shard   // not known to be durable
	ended  bool      // no number is taken any more
	trim   horizon   // what readers are refused behind
	stored horizon   // what of it is durable
	oldest time.Time // no record that is left was made before; zero when not known
}

type takenNumber struct {
	sequence *sequence
	number   uint64
}

func newSequence(s Stream, beginning bool) *sequence {
	return &sequence{
		stream: s.Number, loaded: beginning, next: 1, ended: !s.Disabled.IsZero(),
		shards: []shard{{ordinal: 1, start: 1, created: s.Created}}, trim: horizon{shard: 1},
		stored: horizon{shard: 1},
	}
}

// take gives out a number, the time of its record, and the shards whose rows the transaction has to write.
func (q *sequence) take(now time.Time) (number uint64, created time.Time, begun []shard) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if now.After(q.latest) {
		q.latest = now
	}
	if current := q.newest(); q.next > current.start && !q.latest.Before(current.created.Add(shardLifetime)) {
		q.begun = append(q.begun, shard{ordinal: current.ordinal + 1, start: q.next, created: q.latest})
	}
	number = q.next
	q.next++
	q.flying = append(q.flying, number)
	return number, q.latest, slices.Clone(q.begun)
}

func (q *sequence) newest() shard {
	if n := len(q.begun); n > 0 {
		return q.begun[n-1]
	}
	return q.shards[len(q.shards)-1]
}

// committed says that the transaction with a number is durable and can be seen.
func (q *sequence) committed(number uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.begun) > 0 && q.begun[0].start <= number {
		q.shards = append(q.shards, q.begun[0])
		q.begun = slices.Delete(q.begun, 0, 1)
	}
	q.land(number)
}

// given says that nothing was written under a number.
func (q *sequence) given(number uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.land(number)
}

func (q *sequence) land(number uint64) {
	if i, ok := slices.BinarySearch(q.flying, number); ok {
		q.flying = slices.Delete(q.flying, i, i+1)
	}
}

func (q *sequence) limit() uint64 {
	if len(q.flying) > 0 {
		return q.flying[0]
	}
	return q.next
}

func (q *sequence) end() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.ended = true
}

// load reads what was there before the server started, once.
func (e *Engine) load(ctx context.Context, t *Table, q *sequence) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.loaded {
		return nil
	}
	if err := e.loadShards(ctx, t, q); err != nil {
		return err
	}
	last, found, err := e.lastRecord(ctx, t, q.stream)
	if err != nil {
		return err
	}
	q.next = max(q.next, q.trim.number+1, q.newest().start)
	if found {
		q.next, q.latest = max(q.next, last.Number+1), last.Created
	}
	q.loaded = true
	return nil
}

func (e *Engine) loadShards(ctx context.Context, t *Table, q *sequence) (err error) {
	rows := e.store.Read(ctx, storage.PartitionRead{Table: t.ID, Collection: streamShards,
		Partition: streamPartition(q.stream)})
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		s, ok := decodeShard(rows.Sort(), rows.Value())
		if ok && s.ordinal == 0 {
			q.trim, ok = decodeHorizon(rows.Value())
			q.stored = q.trim
		} else if ok {
			q.shards = append(q.shards, s)
		}
		if !ok {
			return corruptRecord(t.ID, "the row of a shard")
		}
	}
	q.shards = slices.DeleteFunc(q.shards, func(s shard) bool { return s.ordinal < q.trim.shard })
	if rows.Err() == nil && len(q.shards) == 0 {
		return corruptRecord(t.ID, "the list of shards")
	}
	return rows.Err()
}

// lastRecord is the latest record that is stored, without its images.
func (e *Engine) lastRecord(
	ctx context.Context, t *Table, stream uint32,
) (r StreamRecord, found bool, err error) {
	rows := e.store.Read(ctx, storage.PartitionRead{Table: t.ID, Collection: streamRecords,
		Partition: streamPartition(stream), Reverse: true})
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		number, part, ok := splitRecordSort(rows.Sort())
		if ok && part != partHead {
			continue
		}
		if ok {
			r, _, ok = decodeRecord(rows.Value())
		}
		if !ok {
			return r, false, corruptRecord(t.ID, "a record")
		}
		r.Number = number
		r.Keys = nil
		r.New = nil
		return r, true, nil
	}
	return r, false, rows.Err()
}

// prepare makes the sequence of the stream that records the table's changes ready. A transaction cannot do
// that itself: it must not call the store. A stream that began after t was looked up began in this process,
// and is ready.
func (e *Engine) prepare(ctx context.Context, t *Table) error {
	s := t.Recording()
	if s == nil {
		return nil
	}
	now, err := e.latest(t)
	if err != nil {
		return nil // the transaction says so in its own time
	}
	if q := now.live.sequence(s.Number); q != nil {
		return e.load(ctx, now, q)
	}
	return nil
}
