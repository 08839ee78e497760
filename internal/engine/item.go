package engine

import (
	"context"
	"fmt"

	"github.com/sealtable/sealtable/internal/attribute"
	"github.com/sealtable/sealtable/internal/storage"
)

// Condition says whether a write may go ahead, given the item as it is; nil stands for no item. It must not
// keep the item.
type Condition func(current attribute.Item) (bool, error)

// ConditionError says that the condition of a write did not hold. Current is the item that failed it, nil if
// there was none.
type ConditionError struct{ Current attribute.Item }

func (e *ConditionError) Error() string { return ErrNotACondition.Error() }
func (e *ConditionError) Unwrap() error { return ErrNotACondition }

// Change is what a write did. Old and New are nil where there was or is no item.
type Change struct {
	Old, New attribute.Item
	Expired  bool // the item's time had come: no caller took it away
}

// Decide computes the item that replaces current. Nil deletes it. It is run once, with the item held against
// other writers, and must not call the engine.
type Decide func(current attribute.Item) (next attribute.Item, err error)

// Put stores an item in place of the one with its key.
func (e *Engine) Put(
	ctx context.Context, t *Table, item attribute.Item, condition Condition,
) (Change, error) {
	row, err := t.rowOfNew(item)
	if err != nil {
		return Change{}, err
	}
	return e.write(ctx, t, row, condition, func(attribute.Item) (attribute.Item, error) { return item, nil })
}

// Overwrite is Put for a caller that does not ask what was there before: it saves reading it, which for a
// large table is a read of the disk.
func (e *Engine) Overwrite(ctx context.Context, t *Table, item attribute.Item) error {
	row, err := t.rowOfNew(item)
	if err != nil {
		return err
	}
	if err := e.prepare(ctx, t); err != nil {
		return err
	}
	return e.update(ctx, t.withShare(row), func(tx *transaction) error {
		now, err := e.latest(t)
		if err != nil {
			return err
		}
		return now.storeBlindly(tx, row, item)
	})
}

// rowOfNew finds the place of an item that is about to be stored, and refuses one that is too large.
func (t *Table) rowOfNew(item attribute.Item) (storage.Row, error) {
	row, err := t.rowOf(item, make([]byte, 0, 64))
	if err == nil && TooLarge(item) {
		err = ErrItemTooLarge
	}
	if err == nil {
		err = t.checkIndexKeys(item)
	}
	return row, err
}

// TooLarge says whether an item is larger than a table may hold. The size is counted only where the encoding,
// which is never less than half of it, leaves a doubt.
func TooLarge(item attribute.Item) bool {
	return len(item) > MaxItemSize/2 && item.Size() > MaxItemSize
}

// Update stores what decide makes of the item with a key.
func (e *Engine) Update(
	ctx context.Context, t *Table, key attribute.Item, condition Condition, decide Decide,
) (Change, error) {
	row, err := t.rowOfKey(key, make([]byte, 0, 64))
	if err != nil {
		return Change{}, err
	}
	return e.write(ctx, t, row, condition, t.bounded(decide))
}

// Delete removes the item with a key, if it is there.
func (e *Engine) Delete(
	ctx context.Context, t *Table, key attribute.Item, condition Condition,
) (Change, error) {
	row, err := t.rowOfKey(key, make([]byte, 0, 64))
	if err != nil {
		return Change{}, err
	}
	return e.write(ctx, t, row, condition, func(attribute.Item) (attribute.Item, error) { return nil, nil })
}

// write is the path of single-item writes that depend on what is there: hold the row, read, check, decide,
// store.
func (e *Engine) write(
	ctx context.Context, t *Table, row storage.Row, condition Condition, decide Decide,
) (Change, error) {
	if err := e.prepare(ctx, t); err != nil {
		return Change{}, err
	}
	var change Change
	err := e.update(ctx, t.withShare(row), func(tx *transaction) error {
		now, err := e.latest(t)
		if err != nil {
			return err
		}
		if change.Old, err = heldItem(tx, row); err != nil {
			return err
		}
		if err = holds(condition, change.Old); err != nil {
			return err
		}
		if change.New, err = decide(change.Old); err != nil {
			return err
		}
		return now.store(tx, row, change)
	})
	if err != nil {
		return Change{}, err
	}
	return change, nil
}

// holds checks a condition.
func holds(condition Condition, current attribute.Item) error {
	if condition == nil {
		return nil
	}
	ok, err := condition(current)
	if err != nil || ok {
		return err
	}
	return &ConditionError{Current: current}
}

// Get returns the item with a key, nil if there is none. The item is appended to dst, which may be nil.
func (e *Engine) Get(ctx context.Context, t *Table, key attribute.Item, dst []byte) (attribute.Item, error) {
	var buf [96]byte
	row, err := t.rowOfKey(key, buf[:0])
	if err != nil {
		return nil, err
	}
	stored, found, err := e.store.Get(ctx, row, dst)
	if err != nil || !found {
		return nil, err
	}
	return storedItem(t.ID, stored[len(dst):])
}

// storedItem checks bytes that come from the store before anything looks into them. They were authenticated
// below; this catches a bug or a wrong version rather than an attacker, and keeps it from becoming wrong
// data.
func storedItem(table storage.TableID, stored []byte) (attribute.Item, error) {
	if err := attribute.CheckItem(stored); err != nil {
		return nil, fmt.Errorf("stored item of table %s: %w", table, err)
	}
	return attribute.Item(stored), nil
}
