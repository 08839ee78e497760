package engine

import (
	"bytes"

	"github.com/sealtable/sealtable/internal/attribute"
	"github.com/sealtable/sealtable/internal/storage"
)

// followIndexes brings the table's indexes after a change of an item.
func (t *Table) followIndexes(tx storage.Tx, change Change) error {
	same := bytes.Equal(change.Old, change.New)
	for i := range t.Indexes {
		if state := t.Indexes[i].State; state == IndexClearing || same && state == IndexComplete {
			continue
		}
		if err := t.Indexes[i].follow(tx, t, change); err != nil {
			return err
		}
	}
	return nil
}

// follow moves, writes or removes the item's entry. What is there already is not written again; save in an
// index that is being filled, whose entry of the item may be missing.
func (x *Index) follow(tx storage.Tx, t *Table, change Change) error {
	before, had := x.entryOf(t, change.Old)
	after, has := x.entryOf(t, change.New)
	stays := had && has && sameRow(&before.row, &after.row)
	if had && !stays {
		if err := tx.Delete(before.row); err != nil {
			return err
		}
	}
	if !has || stays && x.State == IndexComplete && bytes.Equal(before.item, after.item) {
		return nil
	}
	return tx.Put(after.row, after.item)
}

// maintained are the collections of the indexes that writes keep in step with items.
func (t *Table) maintained() (collections []storage.Collection) {
	for i := range t.Indexes {
		if t.Indexes[i].State != IndexClearing {
			collections = append(collections, t.Indexes[i].Collection)
		}
	}
	return collections
}

// sameRow compares the places of two rows of one collection.
func sameRow(a, b *storage.Row) bool {
	return bytes.Equal(a.Partition, b.Partition) && bytes.Equal(a.Sort, b.Sort)
}

// IndexWrites is what a change costs in one index, as DynamoDB counts: the sizes of the entries that are
// written or removed. An entry that moves is two; one that stays as it is, none.
func (t *Table) IndexWrites(x *Index, change Change) []int {
	if x.State == IndexClearing {
		return nil
	}
	before, had := x.entryOf(t, change.Old)
	after, has := x.entryOf(t, change.New)
	switch {
	case had && has && sameIndexKey(x, change.Old, change.New):
		if bytes.Equal(before.item, after.item) {
			return nil
		}
		return []int{max(before.item.Size(), after.item.Size())}
	case had && has:
		return []int{before.item.Size(), after.item.Size()}
	case had:
		return []int{before.item.Size()}
	case has:
		return []int{after.item.Size()}
	}
	return nil
}

func sameIndexKey(x *Index, a, b attribute.Item) bool {
	for _, key := range x.Keys() {
		if !attribute.Equal(a.Get(key.Name), b.Get(key.Name)) {
			return false
		}
	}
	return true
}
