package engine

import (
	"slices"

	"github.com/sealtable/sealtable/internal/attribute"
	"github.com/sealtable/sealtable/internal/storage"
)

// latest is the description of a table as it is now, for a transaction that holds rows of it. Whoever calls
// the engine may hold an older one: an index or a stream that began since would otherwise miss the change.
func (e *Engine) latest(t *Table) (*Table, error) {
	now, ok := e.tables.get(t.Name)
	if !ok || now.ID != t.ID {
		return nil, ErrNoTable
	}
	now.live.noteWrite()
	return now, nil
}

// followed says whether changes of the table's items have consequences, see follow. They need to know what
// was there before.
func (t *Table) followed() bool {
	return len(t.Indexes) > 0 || t.Recording() != nil || t.Expiry.Enabled
}

// followsOtherwise says whether changes of items have other consequences than before. An earlier transaction
// that is still under way would go by what it saw.
func (t *Table) followsOtherwise(before *Table) bool {
	a, b := t.Recording(), before.Recording()
	return (a == nil) != (b == nil) || a != nil && a.Number != b.Number ||
		t.Expiry.Queue != before.Expiry.Queue || t.Expiry.Enabled != before.Expiry.Enabled ||
		!slices.Equal(t.maintained(), before.maintained())
}

// store puts an item in its place, or takes it away, with all that follows from it.
func (t *Table) store(tx *transaction, row storage.Row, change Change) error {
	if err := replace(tx, row, change); err != nil {
		return err
	}
	return t.follow(tx, row, change)
}

// storeBlindly is store where the caller does not know what was there before. It is read only if something
// depends on it.
func (t *Table) storeBlindly(tx *transaction, row storage.Row, next attribute.Item) (err error) {
	change := Change{New: next}
	if t.followed() {
		if change.Old, err = heldItem(tx, row); err != nil {
			return err
		}
		return t.store(tx, row, change)
	}
	if next == nil {
		return tx.Delete(row)
	}
	return tx.Put(row, next)
}

// follow writes what follows from a change of an item besides the item itself, in the same transaction (P4).
// Every row that it writes belongs to that item alone, whose latch keeps other writers away; those of shards
// are the exception, see sequence, and those of shares, which are held beside the item.
func (t *Table) follow(tx *transaction, row storage.Row, change Change) error {
	if err := t.followIndexes(tx, change); err != nil {
		return err
	}
	if err := t.followCollection(tx, row, change); err != nil {
		return err
	}
	if err := t.followExpiry(tx, row, change); err != nil {
		return err
	}
	return t.followStream(tx, change)
}

func replace(tx storage.Tx, row storage.Row, change Change) error {
	if change.New != nil {
		return tx.Put(row, change.New)
	}
	if change.Old != nil {
		return tx.Delete(row)
	}
	return nil
}
