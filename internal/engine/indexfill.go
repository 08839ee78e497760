package engine

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sealtable/sealtable/internal/storage"
)

// How much one call of TendIndexes does at most: so many rows, and about so many bytes of items.
const (
	indexedAtOnce      = 100
	indexedBytesAtOnce = 1 << 20
	clearedAtOnce      = 500
)

// IndexesDue says whether TendIndexes has anything to do, now or later.
func (t *Table) IndexesDue() bool {
	return slices.ContainsFunc(t.Indexes, func(x Index) bool { return x.State != IndexComplete })
}

// TendIndexes does a part of what the table's indexes leave to do: it fills one that was added, and clears
// one that was deleted. again is when there is more to do; the zero time is never. What it has done is
// durable, so it can be cut short anywhere and called again, also after a restart.
//
// Why no item is missed: UpdateTable publishes the index, and returns when every transaction that may have
// gone by the description before is over (see gate). Only then an iterator is made here, so it shows every
// item that was written without the index in mind; any other item has its entry from its writer. Why no entry
// is stale: the iterator only says which items there are. Each is read again while it is held, and its entry
// written in the same transaction, so entries of one item are written by one transaction after the other,
// each for the item as it is. For clearing the same holds the other way round: nobody writes entries any more
// that the iterator does not show.
func (e *Engine) TendIndexes(ctx context.Context, t *Table, now time.Time) (again time.Time, err error) {
	again, err = e.tendSome(ctx, t, now)
	if sealed := new(storage.SealedError); err != nil && !errors.As(err, &sealed) &&
		!errors.Is(err, ErrNoTable) && !errors.Is(err, storage.ErrNoTable) {
		e.log.Warn("an index is not filled or cleared yet; it will be tried again", "table", t.ID, "error",
			err)
	}
	return again, err
}

func (e *Engine) tendSome(ctx context.Context, t *Table, now time.Time) (again time.Time, err error) {
	for i := range t.Indexes {
		x := &t.Indexes[i]
		switch x.State {
		case IndexFilling:
			return now, e.fillSome(ctx, t, x)
		case IndexClearing:
			return e.clearSome(ctx, t, x, now)
		}
	}
	return time.Time{}, nil
}

// fillSome gives some items their entries, and notes how far it has come.
func (e *Engine) fillSome(ctx context.Context, t *Table, x *Index) error {
	after, err := e.filledUpTo(ctx, t, x)
	if err != nil {
		return err
	}
	rows, err := e.itemsToIndex(ctx, t, after)
	if err != nil {
		return err
	}
	if len(rows) == 0 {
		return e.finishFilling(ctx, t, x)
	}
	if err := e.prepare(ctx, t); err != nil {
		return err
	}
	progress, last := progressRow(t, x), rows[len(rows)-1]
	return e.update(ctx, append(slices.Clone(rows), progress), func(tx *transaction) error {
		now, filling, err := e.stillFilling(t, x)
		if err != nil || filling == nil {
			return err
		}
		for _, row := range rows {
			item, err := heldItem(tx, row)
			if err != nil {
				return err
			}
			if entry, ok := filling.entryOf(now, item); ok {
				if err := tx.Put(entry.row, entry.item); err != nil {
					return err
				}
			}
		}
		return tx.Put(progress, encodeProgress(last))
	})
}

// stillFilling is the index as it is now, nil when it is not being filled any more.
func (e *Engine) stillFilling(t *Table, x *Index) (*Table, *Index, error) {
	now, err := e.latest(t)
	if err != nil {
		return nil, nil, err
	}
	if x := now.indexOf(x.Collection); x != nil && x.State == IndexFilling {
		return now, x, nil
	}
	return now, nil, nil
}

func (t *Table) indexOf(c storage.Collection) *Index {
	for i := range t.Indexes {
		if t.Indexes[i].Collection == c {
			return &t.Indexes[i]
		}
	}
	return nil
}

// itemsToIndex finds the places of some items behind a place.
func (e *Engine) itemsToIndex(
	ctx context.Context, t *Table, after *storage.Position,
) (rows []storage.Row, err error) {
	items := e.store.Scan(ctx, storage.CollectionScan{Table: t.ID, Collection: baseItems, After: after})
	defer func() { err = errors.Join(err, items.Close()) }()
	for size := 0; len(rows) < indexedAtOnce && size < indexedBytesAtOnce && items.Next(); {
		var here place
		here.set(items)
		rows = append(rows, storage.Row{Table: t.ID, Collection: baseItems, Partition: here.partition,
			Sort: here.sort})
		size += len(items.Value())
	}
	return rows, items.Err()
}

// finishFilling lets the index be read. A crash in between begins to fill it anew, which changes nothing.
func (e *Engine) finishFilling(ctx context.Context, t *Table, x *Index) error {
	if err := e.forgetProgress(ctx, t, x); err != nil {
		return err
	}
	return e.changeIndex(ctx, t, x, func(_ *Table, x *Index) {
		if x.State == IndexFilling {
			x.State = IndexComplete
		}
	})
}

// changeIndex changes an index in the description, if it is still there.
func (e *Engine) changeIndex(ctx context.Context, t *Table, x *Index, change func(*Table, *Index)) error {
	_, err := e.UpdateTable(ctx, t.Name, func(next *Table) error {
		if next.ID != t.ID {
			return ErrNoTable
		}
		if current := next.indexOf(x.Collection); current != nil {
			change(next, current)
		}
		return nil
	})
	return err
}

// clearSome removes some rows of a deleted index, and at the end the index from the description, though not
// before ActiveAt.
func (e *Engine) clearSome(
	ctx context.Context, t *Table, x *Index, now time.Time,
) (again time.Time, err error) {
	rows, err := e.rowsToClear(ctx, t, x)
	if err != nil {
		return now, err
	}
	if len(rows) > 0 {
		return now, e.store.Update(ctx, rows, func(tx storage.Tx) error {
			for _, row := range rows {
				if err := tx.Delete(row); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if now.Before(x.ActiveAt) {
		return x.ActiveAt, nil
	}
	if err := e.forgetProgress(ctx, t, x); err != nil {
		return now, err
	}
	return now, e.changeIndex(ctx, t, x, func(next *Table, x *Index) {
		next.removeIndex(x.Collection)
	})
}

// removeIndex takes an index out of the description, and the definitions of attributes that are part of no
// key any more.
func (t *Table) removeIndex(c storage.Collection) {
	t.Indexes = slices.DeleteFunc(t.Indexes, func(x Index) bool { return x.Collection == c })
	used := t.KeyNames()
	t.Attributes = slices.DeleteFunc(t.Attributes, func(a KeyAttribute) bool {
		return !slices.Contains(used, a.Name)
	})
}

// KeyNames are the names of all key attributes of the table and its indexes, each once.
func (t *Table) KeyNames() (names []string) {
	add := func(keys []KeyAttribute) {
		for _, key := range keys {
			if !slices.Contains(names, key.Name) {
				names = append(names, key.Name)
			}
		}
	}
	add(t.Key.Attributes())
	for i := range t.Indexes {
		add(t.Indexes[i].Keys())
	}
	return names
}

func (e *Engine) rowsToClear(ctx context.Context, t *Table, x *Index) (rows []storage.Row, err error) {
	entries := e.store.Scan(ctx, storage.CollectionScan{Table: t.ID, Collection: x.Collection})
	defer func() { err = errors.Join(err, entries.Close()) }()
	for len(rows) < clearedAtOnce && entries.Next() {
		var here place
		here.set(entries)
		rows = append(rows, storage.Row{Table: t.ID, Collection: x.Collection, Partition: here.partition,
			Sort: here.sort})
	}
	return rows, entries.Err()
}

// How far an index is filled is a row of the table's own, since it names an item: the partition is the number
// of the collection, the value two bytes of length, the partition of the last item that was looked at, and
// its sort bytes.
func progressRow(t *Table, x *Index) storage.Row {
	return storage.Row{Table: t.ID, Collection: indexProgress,
		Partition: binary.BigEndian.AppendUint32(nil, uint32(x.Collection))}
}

func encodeProgress(last storage.Row) []byte {
	value := binary.BigEndian.AppendUint16(make([]byte, 0, 2+len(last.Partition)+len(last.Sort)),
		uint16(len(last.Partition)))
	return append(append(value, last.Partition...), last.Sort...)
}

// filledUpTo is the place behind which items are still to be looked at; nil at the beginning.
func (e *Engine) filledUpTo(ctx context.Context, t *Table, x *Index) (*storage.Position, error) {
	value, found, err := e.store.Get(ctx, progressRow(t, x), nil)
	if err != nil || !found {
		return nil, err
	}
	if len(value) < 2 || len(value) < 2+int(binary.BigEndian.Uint16(value)) {
		return nil, fmt.Errorf("index %d of table %s: how far it is filled is malformed", x.Collection, t.ID)
	}
	end := 2 + int(binary.BigEndian.Uint16(value))
	return &storage.Position{Partition: value[2:end:end], Sort: value[end:]}, nil
}

func (e *Engine) forgetProgress(ctx context.Context, t *Table, x *Index) error {
	row := progressRow(t, x)
	return e.store.Update(ctx, []storage.Row{row}, func(tx storage.Tx) error { return tx.Delete(row) })
}
