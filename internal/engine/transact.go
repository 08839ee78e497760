package engine

import (
	"bytes"
	"context"
	"errors"
	"math"

	"github.com/sealtable/sealtable/internal/attribute"
	"github.com/sealtable/sealtable/internal/storage"
)

// ErrSameItem says that a transaction names an item more than once.
var ErrSameItem = errors.New("engine: a transaction names an item more than once")

// MaxTransactionSize is how many bytes of items a transaction may touch ("TransactWriteItems",
// "TransactGetItems").
const MaxTransactionSize = 4 << 20

// ErrTransactionTooLarge says that a transaction touches more than MaxTransactionSize.
var ErrTransactionTooLarge = errors.New("engine: transaction too large")

// TransactionError says why a transaction did nothing: for each of its writes in order the reason why it
// could not be done, nil for those that could.
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

// Write is one write of a transaction. The zero value is of no use; see PutOf, UpdateOf, DeleteOf and
// CheckOf.
type Write struct {
	table     *Table
	row       storage.Row
	condition Condition
	decide    Decide // nil leaves the item as it is
	blind     bool   // see Blindly
}

// PutOf stores an item in place of the one with its key.
func PutOf(t *Table, item attribute.Item, condition Condition) (Write, error) {
	row, err := t.rowOfNew(item)
	return Write{table: t, row: row, condition: condition,
		decide: func(attribute.Item) (attribute.Item, error) { return item, nil }}, err
}

// UpdateOf computes the item that follows the one with a key.
func UpdateOf(t *Table, key attribute.Item, condition Condition, decide Decide) (Write, error) {
	row, err := t.rowOfKey(key, nil)
	return Write{table: t, row: row, condition: condition, decide: t.bounded(decide)}, err
}

// DeleteOf removes the item with a key, if it is there.
func DeleteOf(t *Table, key attribute.Item, condition Condition) (Write, error) {
	row, err := t.rowOfKey(key, nil)
	return Write{table: t, row: row, condition: condition,
		decide: func(attribute.Item) (attribute.Item, error) { return nil, nil }}, err
}

// CheckOf only asks a condition of the item with a key.
func CheckOf(t *Table, key attribute.Item, condition Condition) (Write, error) {
	row, err := t.rowOfKey(key, nil)
	return Write{table: t, row: row, condition: condition}, err
}

// Blindly is a put or delete without a condition whose change has no Old: what was there before is read only
// if it must be.
func (w Write) Blindly() Write {
	w.blind = true
	return w
}

// Key is the primary key of the item that is written; nil for a check.
func (w *Write) Key() (attribute.Item, error) {
	if w.decide == nil {
		return nil, nil
	}
	return w.table.keyAt(place{w.row.Partition, w.row.Sort})
}

// bounded keeps what decide makes within what the table takes.
func (t *Table) bounded(decide Decide) Decide {
	return func(current attribute.Item) (attribute.Item, error) {
		next, err := decide(current)
		if err == nil && TooLarge(next) {
			err = ErrItemTooLarge
		}
		if err == nil {
			err = t.checkNewIndexKeys(current, next)
		}
		return next, err
	}
}

// Transact does all writes or none of them, with their items held against other writers meanwhile. What kept
// it from doing them is a *TransactionError with the reason of every write, not only of the first. Changes
// are in the order of the writes; that of a check has Old and New alike. With a token, which may be nil, a
// transaction that was done already is not done again: repeated is true, and the changes hold the items as
// they are.
func (e *Engine) Transact(
	ctx context.Context, token *Token, writes []Write,
) (changes []Change, repeated bool, err error) {
	rows := make([]storage.Row, len(writes), len(writes)+1)
	for i := range writes {
		rows[i] = writes[i].row
	}
	if repeats(rows) {
		return nil, false, ErrSameItem
	}
	if err := e.prepareAll(ctx, writes); err != nil {
		return nil, false, err
	}
	changes, rows = make([]Change, len(writes)), withShares(rows, writes)
	if token == nil {
		err = e.update(ctx, rows, func(tx *transaction) error {
			return e.transact(tx, writes, changes, MaxTransactionSize)
		})
		return changes, false, err
	}
	if err := e.openTokens(ctx); err != nil {
		return nil, false, err
	}
	err = e.update(ctx, append(rows, token.row()), func(tx *transaction) error {
		now := e.clock.Now()
		if repeated, err = token.used(tx, now); err != nil {
			return err
		}
		if repeated {
			return readAll(tx, writes, changes)
		}
		if err := e.transact(tx, writes, changes, MaxTransactionSize); err != nil {
			return err
		}
		return token.remember(tx, now)
	})
	return changes, repeated, err
}

// Batch is Transact without a limit of size, for writes that need not be a transaction.
func (e *Engine) Batch(ctx context.Context, writes []Write) ([]Change, error) {
	rows := make([]storage.Row, len(writes))
	for i := range writes {
		rows[i] = writes[i].row
	}
	if repeats(rows) {
		return nil, ErrSameItem
	}
	if err := e.prepareAll(ctx, writes); err != nil {
		return nil, err
	}
	changes := make([]Change, len(writes))
	err := e.update(ctx, withShares(rows, writes), func(tx *transaction) error {
		return e.transact(tx, writes, changes, math.MaxInt)
	})
	return changes, err
}

func (e *Engine) prepareAll(ctx context.Context, writes []Write) error {
	for i := range writes {
		if err := e.prepare(ctx, writes[i].table); err != nil {
			return err
		}
	}
	return nil
}

func (e *Engine) transact(tx *transaction, writes []Write, changes []Change, limit int) error {
	if err := decideAll(tx, writes, changes); err != nil {
		return err
	}
	size := 0
	for i := range changes {
		size += max(changes[i].Old.Size(), changes[i].New.Size())
		if size > limit {
			return ErrTransactionTooLarge
		}
	}
	for i := range writes {
		now, err := e.latest(writes[i].table)
		if err != nil {
			return err
		}
		err = writes[i].apply(tx, now, changes[i])
		if errors.Is(err, ErrCollectionTooLarge) {
			cancelled := &TransactionError{Reasons: make([]error, len(writes))}
			cancelled.Reasons[i] = err
			return cancelled
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// readAll gives the items as they are for a transaction that was done before.
func readAll(tx storage.Tx, writes []Write, changes []Change) (err error) {
	for i := range writes {
		if changes[i].New, err = heldItem(tx, writes[i].row); err != nil {
			return err
		}
		changes[i].Old = changes[i].New
	}
	return nil
}

func decideAll(tx storage.Tx, writes []Write, changes []Change) (err error) {
	cancelled, failed := &TransactionError{Reasons: make([]error, len(writes))}, false
	for i := range writes {
		if !writes[i].blind {
			if changes[i].Old, err = heldItem(tx, writes[i].row); err != nil {
				return err
			}
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
	change.New = change.Old
	if w.decide != nil {
		change.New, err = w.decide(change.Old)
	}
	return err
}

// apply stores what try computed.
func (w *Write) apply(tx *transaction, now *Table, change Change) error {
	switch {
	case w.decide == nil:
		return nil
	case w.blind:
		return now.storeBlindly(tx, w.row, change.New)
	}
	return now.store(tx, w.row, change)
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
		size := 0
		for i := range rows {
			if items[i], err = heldItem(tx, rows[i]); err != nil {
				return err
			}
			size += items[i].Size()
			if size > MaxTransactionSize {
				return ErrTransactionTooLarge
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
