package engine

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cespare/xxhash/v2"

	"github.com/sealtable/sealtable/internal/attribute"
	"github.com/sealtable/sealtable/internal/storage"
)

// MaxCollectionSize is how large an item collection may become: the items of one partition of a table with
// local indexes, and their entries in those ("Local secondary indexes: item collection size limit").
const MaxCollectionSize = 10 << 30

// ErrCollectionTooLarge says that a write would make an item collection larger than MaxCollectionSize.
var ErrCollectionTooLarge = errors.New("engine: item collection too large")

// The size of an item collection is kept in shares, so that writers of one partition do not all wait for one
// row. Which share an item counts to follows from its sort bytes. A share is a row: the partition is the
// items', the sort bytes are the number of the share, and the value is a size in bytes, big endian. An empty
// share has no row.
const (
	collectionShares                    = 16
	sharesOf         storage.Collection = 0x4C000001
)

func shareRow(row *storage.Row) storage.Row {
	share := byte(xxhash.Sum64(row.Sort) % collectionShares)
	return storage.Row{Table: row.Table, Collection: sharesOf, Partition: row.Partition, Sort: []byte{share}}
}

// withShare are the rows that a transaction holds which writes one item.
func (t *Table) withShare(row storage.Row) []storage.Row {
	if !t.HasLocalIndexes() {
		return []storage.Row{row}
	}
	return []storage.Row{row, shareRow(&row)}
}

// withShares adds the rows that a transaction holds besides the items that it writes.
func withShares(rows []storage.Row, writes []Write) []storage.Row {
	for i := range writes {
		if writes[i].table.HasLocalIndexes() {
			rows = append(rows, shareRow(&writes[i].row))
		}
	}
	return rows
}

// followCollection counts a change of an item into its share. The limit is that of the share: items spread
// evenly over the shares of a collection that comes near its own.
func (t *Table) followCollection(tx storage.Tx, row storage.Row, change Change) error {
	if !t.HasLocalIndexes() || bytes.Equal(change.Old, change.New) {
		return nil
	}
	more := t.collectionBytes(change.New) - t.collectionBytes(change.Old)
	if more == 0 {
		return nil
	}
	share := shareRow(&row)
	stored, found, err := tx.Get(share)
	if err != nil {
		return err
	}
	size := more
	if found {
		before, err := shareSize(t.ID, stored)
		if err != nil {
			return err
		}
		size += before
	}
	switch {
	case more > 0 && size > MaxCollectionSize/collectionShares:
		return ErrCollectionTooLarge
	case size <= 0:
		return tx.Delete(share)
	}
	return tx.Put(share, binary.BigEndian.AppendUint64(nil, uint64(size)))
}

// collectionBytes is what an item counts for: itself and its entries in local indexes.
func (t *Table) collectionBytes(item attribute.Item) int64 {
	size := item.Size()
	for i := range t.Indexes {
		if !t.Indexes[i].Local {
			continue
		}
		if e, ok := t.Indexes[i].entryOf(t, item); ok {
			size += e.item.Size()
		}
	}
	return int64(size)
}

func shareSize(table storage.TableID, stored []byte) (int64, error) {
	if len(stored) != 8 || stored[0] > 0x7f {
		return 0, fmt.Errorf("a share of an item collection of table %s is malformed", table)
	}
	return int64(binary.BigEndian.Uint64(stored)), nil
}

// CollectionSize is the size in bytes of the item collection that an item, or a key of one, belongs to.
func (e *Engine) CollectionSize(ctx context.Context, t *Table, item attribute.Item) (size int64, err error) {
	row, err := t.rowOf(item, nil)
	if err != nil {
		return 0, err
	}
	shares := e.store.Read(ctx, storage.PartitionRead{Table: t.ID, Collection: sharesOf,
		Partition: row.Partition})
	defer func() { err = errors.Join(err, shares.Close()) }()
	for shares.Next() {
		share, err := shareSize(t.ID, shares.Value())
		if err != nil {
			return 0, err
		}
		size += share
	}
	return size, shares.Err()
}
