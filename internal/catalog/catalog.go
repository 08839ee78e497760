// Package catalog keeps the installation's own records (descriptions of tables, keys, principals) in a system
// table.
//
// Callers may rely on this: a Write is durable when it returns and happens whole or not at all, and records
// reach a disk only sealed under the installation's own keys, because they are rows of the store like any
// other (P1, P3, P4).
package catalog

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/sealtable/sealtable/internal/storage"
)

// Catalog is one kind of record in one system table. It is safe for concurrent use; writes of overlapping
// names are the caller's to order.
type Catalog struct {
	store      storage.Store
	table      storage.TableID
	collection storage.Collection
}

// partition holds all records of a kind: they are few, and are read in order of their names.
const partition = "records"

// Open gives the records of one kind, and makes the system table on first use.
func Open(ctx context.Context, store storage.Store, system byte, kind storage.Collection) (*Catalog, error) {
	table := storage.System(system)
	if err := store.CreateTable(ctx, table); err != nil && !errors.Is(err, storage.ErrTableExists) {
		return nil, fmt.Errorf("making the catalog: %w", err)
	}
	return &Catalog{store: store, table: table, collection: kind}, nil
}

// Load visits every record in order of name. The data lives only during the visit.
func (c *Catalog) Load(ctx context.Context, visit func(name string, data []byte) error) (err error) {
	rows := c.store.Read(ctx, storage.PartitionRead{Table: c.table, Collection: c.collection,
		Partition: []byte(partition)})
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := visit(string(rows.Sort()), rows.Value()); err != nil {
			return err
		}
	}
	return rows.Err()
}

// Write sets records by name; nil data deletes one.
func (c *Catalog) Write(ctx context.Context, changes map[string][]byte) error {
	if len(changes) == 0 {
		return nil
	}
	rows := make([]storage.Row, 0, len(changes))
	for name := range changes {
		rows = append(rows, c.row(name))
	}
	slices.SortFunc(rows, func(a, b storage.Row) int { return slices.Compare(a.Sort, b.Sort) })
	return c.store.Update(ctx, rows, func(tx storage.Tx) error {
		for _, row := range rows {
			if err := write(tx, row, changes[string(row.Sort)]); err != nil {
				return err
			}
		}
		return nil
	})
}

func write(tx storage.Tx, row storage.Row, data []byte) error {
	if data == nil {
		return tx.Delete(row)
	}
	return tx.Put(row, data)
}

func (c *Catalog) row(name string) storage.Row {
	return storage.Row{Table: c.table, Collection: c.collection, Partition: []byte(partition),
		Sort: []byte(name)}
}
