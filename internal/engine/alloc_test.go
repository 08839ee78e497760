//go:build !race

// The race detector makes pools forget on purpose.

package engine

import (
	"context"
	"testing"

	"github.com/sealtable/sealtable/internal/attribute"
	"github.com/sealtable/sealtable/internal/storage"
)

// TestNobodyElsePays: a table without a stream and without expiry writes with as few allocations as one that never heard of them.
func TestNobodyElsePays(t *testing.T) {
	ctx, w := context.Background(), newWorld(t)
	table := w.create(tableNamed("Orders", 1, attribute.S, 0))
	it := item("h", "a", "x", 1)
	direct := testing.AllocsPerRun(200, func() {
		row, _ := table.rowOfNew(it)
		_ = w.Engine.store.Update(ctx, []storage.Row{row}, func(tx storage.Tx) error { return tx.Put(row, it) })
	})
	engine := testing.AllocsPerRun(200, func() {
		if err := w.Overwrite(ctx, table, it); err != nil {
			t.Fatal(err)
		}
	})
	if engine > direct {
		t.Errorf("%.1f allocations, the store's alone are %.1f", engine, direct)
	}
}
