package engine

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/sealtable/sealtable/internal/storage"
)

// Size is how much a collection of items holds; bytes are as DynamoDB counts them.
type Size struct{ Items, Bytes int64 }

// noteWrite says that a count would find something else now.
func (l *live) noteWrite() {
	if l.counted.Load() {
		l.counted.Store(false)
	}
}

// Stale says whether the table or its indexes may hold something else than was last counted. After a start
// nobody knows, so every table may.
func (t *Table) Stale() bool {
	return !t.live.counted.Load() || slices.ContainsFunc(t.Indexes,
		func(x Index) bool { return x.State == IndexComplete && x.Counted.IsZero() })
}

// measuredAtOnce is how many items are counted with one iterator, between two calls of pause.
const measuredAtOnce = 500

// Count counts the items of the table and the entries of its indexes, and writes down what it found. It reads
// a few at a time and holds nothing between: what is written meanwhile may or may not be counted. pause is
// called after every few items; it may wait, and its error ends the count, which then changes nothing.
func (e *Engine) Count(ctx context.Context, t *Table, pause func() error) error {
	t.live.counted.Store(true) // before reading: who writes from now on makes the count stale again
	sizes := map[storage.Collection]Size{}
	for _, c := range append(t.maintained(), baseItems) {
		var err error
		if sizes[c], err = e.measure(ctx, t, c, pause); err != nil {
			t.live.noteWrite()
			return err
		}
	}
	err := e.recordCount(ctx, t, sizes)
	if err != nil {
		t.live.noteWrite()
	}
	return err
}

func (e *Engine) recordCount(ctx context.Context, t *Table, sizes map[storage.Collection]Size) error {
	_, err := e.UpdateTable(ctx, t.Name, func(next *Table) error {
		if next.ID != t.ID || next.Deleting {
			return ErrNoTable
		}
		now := e.clock.Now()
		news := noteSize(&next.Counted, &next.Items, &next.Bytes, sizes[baseItems], now)
		for i := range next.Indexes {
			x := &next.Indexes[i]
			if size, counted := sizes[x.Collection]; counted {
				news = noteSize(&x.Counted, &x.Items, &x.Bytes, size, now) || news
			}
		}
		if !news {
			return errNothingNew
		}
		return nil
	})
	if errors.Is(err, errNothingNew) {
		return nil
	}
	return err
}

// noteSize writes a size down, and says whether it is another one than before.
func noteSize(counted *time.Time, items, bytes *int64, size Size, now time.Time) bool {
	if !counted.IsZero() && *items == size.Items && *bytes == size.Bytes {
		return false
	}
	*counted = now
	*items = size.Items
	*bytes = size.Bytes
	return true
}

var errNothingNew = errors.New("engine: the count is as before")

// measure counts the rows of one collection.
func (e *Engine) measure(
	ctx context.Context, t *Table, c storage.Collection, pause func() error,
) (total Size, err error) {
	scan := storage.CollectionScan{Table: t.ID, Collection: c}
	for {
		last, err := e.measureSome(ctx, t, scan, &total)
		if err != nil || last == nil {
			return total, err
		}
		scan.After = last
		if err := pause(); err != nil {
			return total, err
		}
	}
}

// measureSome counts the next rows of a scan, and gives the place of the last; nil when there are no more.
func (e *Engine) measureSome(
	ctx context.Context, t *Table, scan storage.CollectionScan, total *Size,
) (_ *storage.Position, err error) {
	rows := e.store.Scan(ctx, scan)
	defer func() { err = errors.Join(err, rows.Close()) }()
	var last place
	for n := 1; rows.Next(); n++ {
		item, err := storedItem(t.ID, rows.Value())
		if err != nil {
			return nil, err
		}
		total.Items++
		total.Bytes += int64(item.Size())
		if n == measuredAtOnce {
			last.set(rows)
			return &storage.Position{Partition: last.partition, Sort: last.sort}, nil
		}
	}
	return nil, rows.Err()
}
