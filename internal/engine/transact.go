package engine

import (
	"bytes"
	"context"
	"errors"

	"github.com/sealtable/sealtable/internal/attribute"
	"github.com/sealtable/sealtable/internal/storage"
)

// ErrSameItem says that a transaction names an item more than once.
var ErrSameItem = errors.New("engine: a transaction names an item more than once")

// TransactionError says why a transaction did nothing: for each of its writes in order the reason why it could not be done, nil for
// those that could.
type TransactionError struct{ Reasons []error }

func (e *TransactionError) Error() string { return "engine: the transaction was cancelled" }

// Unwrap gives the reasons that there are.
func (e *TransactionError) Unwrap() []error {
	var reasons []error
	for _, reason := range e.Reasons {
		if reason != nil {
			reasons = append(reasons, reason)
		}
	}
	return reasons
}

// Write is one write of a transaction. The zero value is of no use; see PutOf, UpdateOf, DeleteOf and CheckOf.
type Write struct {
	row       storage.Row
	condition Condition
	decide    Decide // nil leaves the item as it is
}

// PutOf stores an item in place of the one with its key.
func PutOf(t *Table, item attribute.Item, condition Condition) (Write, error) {
	row, err := t.rowOfNew(item)
	return Write{row, condition, func(attribute.Item) (attribute.Item, error) { return item, nil }}, err
}

// UpdateOf computes the item that follows the one with a key.
func UpdateOf(t *Table, key attribute.Item, condition Condition, decide Decide) (Write, error) {
	row, err := t.rowOfKey(key, nil)
	return Write{row, condition, bounded(decide)}, err
}

// DeleteOf removes the item with a key, if it is there.
func DeleteOf(t *Table, key attribute.Item, condition Condition) (Write, error) {
	row, err := t.rowOfKey(key, nil)
	return Write{row, condition, func(attribute.Item) (attribute.Item, error) { return nil, nil }}, err
}

// CheckOf only asks a condition of the item with a key.
func CheckOf(t *Table, key attribute.Item, condition Condition) (Write, error) {
	row, err := t.rowOfKey(key, nil)
	return Write{row: row, condition: condition}, err
}

// bounded keeps what decide makes within the size of an item.
func bounded(decide Decide) Decide {
	return func(current attribute.Item) (attribute.Item, error) {
		next, err := decide(current)
		if err == nil && TooLarge(next) {
			err = ErrItemTooLarge
		}
		return next, err
	}
}

// Transact does all writes or none of them, with their items held against other writers meanwhile. What kept it from doing them
// is a *TransactionError with the reason of every write, not only of the first. Changes are in the order of the writes; that of
// a check has Old and New alike.
func (e *Engine) Transact(ctx context.Context, writes []Write) ([]Change, error) {
	rows := make([]storage.Row, len(writes))
	for i := range writes {
		rows[i] = writes[i].row
	}
	if repeats(rows) {
		return nil, ErrSameItem
	}
	changes := make([]Change, len(writes))
	err := e.store.Update(ctx, rows, func(tx storage.Tx) error {
		if err := decideAll(tx, writes, changes); err != nil {
			return err
		}
		return replaceAll(tx, writes, changes)
	})
	if err != nil {
		return nil, err
	}
	return changes, nil
}

func decideAll(tx storage.Tx, writes []Write, changes []Change) error {
	cancelled, failed := &TransactionError{Reasons: make([]error, len(writes))}, false
	for i := range writes {
		var err error
		if changes[i].Old, err = heldItem(tx, writes[i].row); err != nil {
			return err
		}
		if err := writes[i].try(&changes[i]); err != nil {
			cancelled.Reasons[i], failed = err, true
		}
	}
	if failed {
		return cancelled
	}
	return nil
}

// try checks the condition and computes the new item.
func (w *Write) try(change *Change) (err error) {
	if err := holds(w.condition, change.Old); err != nil {
		return err
	}
	if change.New = change.Old; w.decide != nil {
		change.New, err = w.decide(change.Old)
	}
	return err
}

func replaceAll(tx storage.Tx, writes []Write, changes []Change) error {
	for i := range writes {
		if writes[i].decide == nil {
			continue
		}
		if err := replace(tx, writes[i].row, changes[i]); err != nil {
			return err
		}
	}
	return nil
}

// heldItem is a latched row's item, in memory that outlives the transaction; nil when there is none.
func heldItem(tx storage.Tx, row storage.Row) (attribute.Item, error) {
	stored, found, err := tx.Get(row)
	if err != nil || !found {
		return nil, err
	}
	return storedItem(row.Table, bytes.Clone(stored))
}

// Place is an item's place, for reads of several items.
type Place struct{ row storage.Row }

// PlaceOf finds the place of the item with a key.
func PlaceOf(t *Table, key attribute.Item) (Place, error) {
	row, err := t.rowOfKey(key, nil)
	return Place{row}, err
}

// SamePlaces says whether two of the places are one.
func SamePlaces(places []Place) bool { return repeats(rowsOf(places)) }

// GetTogether reads several items, of any tables, as they were at one moment; nil where there is none.
func (e *Engine) GetTogether(ctx context.Context, places []Place) ([]attribute.Item, error) {
	rows, items := rowsOf(places), make([]attribute.Item, len(places))
	err := e.store.Update(ctx, rows, func(tx storage.Tx) (err error) {
		for i := range rows {
			if items[i], err = heldItem(tx, rows[i]); err != nil {
				return err
			}
		}
		return nil
	})
	return items, err
}

func rowsOf(places []Place) []storage.Row {
	rows := make([]storage.Row, len(places))
	for i := range places {
		rows[i] = places[i].row
	}
	return rows
}

func repeats(rows []storage.Row) bool {
	type address struct {
		table           storage.TableID
		collection      storage.Collection
		partition, sort string
	}
	seen := make(map[address]bool, len(rows))
	for _, row := range rows {
		seen[address{row.Table, row.Collection, string(row.Partition), string(row.Sort)}] = true
	}
	return len(seen) < len(rows)
}
