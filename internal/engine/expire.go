package engine

import (
	"context"
	"errors"
	"time"

	"github.com/sealtable/sealtable/internal/attribute"
	"github.com/sealtable/sealtable/internal/storage"
)

// How much one call of Expire does at most.
const (
	expiredAtOnce = 100
	filledAtOnce  = 100
	scannedAtOnce = 1000
)

// ExpiryDue says whether Expire has anything to do, as far as is known without waking the table.
func (t *Table) ExpiryDue(now time.Time) bool {
	x := &t.Expiry
	return len(x.Left) > 0 || x.Enabled && (!x.Filled || t.live.soonest.Load() <= now.Unix())
}

// NextExpiry is when the next item of the table expires, as far as is known without waking it; zero if none.
func (t *Table) NextExpiry() time.Time {
	soonest := t.live.soonest.Load()
	if !t.Expiry.Enabled || soonest == noSoonest {
		return time.Time{}
	}
	return time.Unix(soonest, 0)
}

// Expire does a part of what the expiry of a table's items leaves to do at a time: it fills the queue with
// the items that were there before, takes away items that have expired, and clears the queues of earlier
// times. more says that there is more to do now. What it has done is durable, so it can be cut short anywhere
// and called again.
func (e *Engine) Expire(ctx context.Context, t *Table, now time.Time) (more bool, err error) {
	if len(t.Expiry.Left) > 0 {
		return true, e.clearQueue(ctx, t, t.Expiry.Left[0])
	}
	if !t.Expiry.Enabled {
		return false, nil
	}
	t.live.soonest.Store(noSoonest) // before the queue is read: a writer that comes later lowers it again
	filled, err := e.fillQueue(ctx, t)
	if err == nil {
		more, err = e.expireSome(ctx, t, now)
	}
	if more || err != nil {
		t.live.noteDue(0)
	}
	return (more || !filled) && err == nil, err
}

// expired is an item that the queue says has expired.
type expired struct {
	at  int64
	row storage.Row
}

func (e *Engine) expireSome(ctx context.Context, t *Table, now time.Time) (more bool, err error) {
	due, more, err := e.dueItems(ctx, t, now)
	if err != nil || len(due) == 0 {
		return false, err
	}
	if err := e.prepare(ctx, t); err != nil {
		return false, err
	}
	rows := make([]storage.Row, 0, len(due))
	for i := range due {
		rows = append(rows, t.withShare(due[i].row)...)
	}
	return more, e.update(ctx, rows, func(tx *transaction) error {
		latest, err := e.latest(t)
		if err != nil || !latest.Expiry.Enabled || latest.Expiry.Queue != t.Expiry.Queue {
			return err
		}
		for _, d := range due {
			if err := latest.expire(tx, d, now.Unix()); err != nil {
				return err
			}
		}
		return nil
	})
}

// dueItems are some of the items that the queue says have expired, the earliest first. When these are all, it
// notes when the next one expires.
func (e *Engine) dueItems(
	ctx context.Context, t *Table, now time.Time,
) (due []expired, more bool, err error) {
	oldest := t.dueRow(t.Expiry.Queue, max(0, now.Unix()-oldestExpiry), storage.Row{})
	rows := e.store.Read(ctx, storage.PartitionRead{
		Table: t.ID, Collection: expiryQueue, Partition: queuePartition(t.Expiry.Queue),
		Low: at(oldest.Sort[:8]),
	})
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		at, row, ok := t.splitDue(rows.Sort())
		switch {
		case !ok:
			return nil, false, corruptRecord(t.ID, "a row of the queue")
		case at > now.Unix():
			t.live.noteDue(at)
			return due, false, nil
		case len(due) == expiredAtOnce:
			return due, true, nil
		}
		due = append(due, expired{at, row})
	}
	return due, false, rows.Err()
}

// expire takes an item away that is held, if it still says that it has expired: it may have been written anew
// since the queue was read.
func (t *Table) expire(tx *transaction, d expired, now int64) error {
	item, err := heldItem(tx, d.row)
	if err != nil {
		return err
	}
	if at, ok := t.dueTime(item); !ok || at != d.at {
		return tx.Delete(t.dueRow(t.Expiry.Queue, d.at, d.row))
	} else if at > now {
		return nil
	}
	return t.store(tx, d.row, Change{Old: item, Expired: true})
}

// fillProgress is how far the queue of a table is filled. A stop of the server begins anew: filling twice
// changes nothing.
type fillProgress struct {
	queue uint32
	after *storage.Position
}

// fillQueue gives some of the items that were there before expiry was enabled their rows in the queue. Those
// that are written meanwhile have them from their writers; each is looked at while it is held.
func (e *Engine) fillQueue(ctx context.Context, t *Table) (filled bool, err error) {
	if t.Expiry.Filled {
		return true, nil
	}
	l := t.live
	if l.filling.queue != t.Expiry.Queue {
		l.filling = fillProgress{queue: t.Expiry.Queue}
	}
	rows, end, err := e.itemsToQueue(ctx, t, l.filling.after)
	if err != nil {
		return false, err
	}
	if err := e.queueItems(ctx, t, rows); err != nil {
		return false, err
	}
	l.filling.after = end
	if end != nil {
		return false, nil
	}
	_, err = e.UpdateTable(ctx, t.Name, func(next *Table) error {
		if next.ID != t.ID {
			return ErrNoTable
		}
		next.Expiry.Filled = next.Expiry.Filled || next.Expiry.Queue == t.Expiry.Queue
		return nil
	})
	return true, err
}

// itemsToQueue finds items that have a time to expire, behind a place; end is where the next call goes on,
// nil at the end.
func (e *Engine) itemsToQueue(
	ctx context.Context, t *Table, after *storage.Position,
) (rows []storage.Row, end *storage.Position, err error) {
	items := e.store.Scan(ctx, storage.CollectionScan{Table: t.ID, Collection: baseItems, After: after})
	defer func() { err = errors.Join(err, items.Close()) }()
	for scanned := 0; items.Next(); {
		item, err := storedItem(t.ID, items.Value())
		if err != nil {
			return nil, nil, err
		}
		var here place
		here.set(items)
		if _, ok := t.dueTime(item); ok {
			rows = append(rows, storage.Row{Table: t.ID, Collection: baseItems, Partition: here.partition,
				Sort: here.sort})
		}
		scanned++
		if scanned == scannedAtOnce || len(rows) == filledAtOnce {
			return rows, &storage.Position{Partition: here.partition, Sort: here.sort}, nil
		}
	}
	return rows, nil, items.Err()
}

func (e *Engine) queueItems(ctx context.Context, t *Table, rows []storage.Row) error {
	if len(rows) == 0 {
		return nil
	}
	return e.update(ctx, rows, func(tx *transaction) error {
		latest, err := e.latest(t)
		if err != nil || latest.Expiry.Queue != t.Expiry.Queue {
			return err
		}
		for _, row := range rows {
			var item attribute.Item
			if item, err = heldItem(tx, row); err != nil {
				return err
			}
			if err := latest.followExpiry(tx, row, Change{New: item}); err != nil {
				return err
			}
		}
		return nil
	})
}

// clearQueue takes away the rows of a queue that no transaction writes to any more.
func (e *Engine) clearQueue(ctx context.Context, t *Table, queue uint32) error {
	if err := e.dropPartition(ctx, t, expiryQueue, queuePartition(queue)); err != nil {
		return err
	}
	_, err := e.UpdateTable(ctx, t.Name, func(next *Table) error {
		if next.ID != t.ID {
			return ErrNoTable
		}
		next.Expiry.Left = withoutQueue(next.Expiry.Left, queue)
		return nil
	})
	return err
}

func withoutQueue(queues []uint32, gone uint32) (left []uint32) {
	for _, q := range queues {
		if q != gone {
			left = append(left, q)
		}
	}
	return left
}
