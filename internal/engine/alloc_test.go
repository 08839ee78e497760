//go:build !race

// The race detector makes pools forget on purpose.

package engine

import (
	"context"
	"strings"
	"testing"

	"github.com/sealtable/sealtable/internal/attribute"
	"github.com/sealtable/sealtable/internal/storage"
)

// TestNobodyElsePays: a table without a stream and without expiry writes with as few allocations as one that never heard of them.
func TestNobodyElsePays(t *testing.T) {
	ctx, w := context.Background(), newWorld(t)
	table := w.create(tableNamed("Orders", 1, attribute.S, 0))
	it := item("h", "a", "x", 1)
	direct := fewest(func() {
		row, _ := table.rowOfNew(it)
		_ = w.Engine.store.Update(ctx, []storage.Row{row}, func(tx storage.Tx) error { return tx.Put(row, it) })
	})
	engine := fewest(func() {
		if err := w.Overwrite(ctx, table, it); err != nil {
			t.Fatal(err)
		}
	})
	if engine > direct {
		t.Errorf("%.1f allocations, the store's alone are %.1f", engine, direct)
	}
}

// fewest returns how many allocations a call takes. Those of the store's work in the background are counted as well when there
// is some, so that the fewest of several counts is the call's own.
func fewest(call func()) float64 {
	least := testing.AllocsPerRun(200, call)
	for range 4 {
		least = min(least, testing.AllocsPerRun(200, call))
	}
	return least
}

func TestReadingAllocatesLittle(t *testing.T) {
	ctx, w := context.Background(), newWorld(t)
	orders := w.create(tableNamed("Orders", 1, attribute.S, attribute.N))
	w.put(orders, item("h", "a", "r", 7, "x", strings.Repeat("y", 1000)))
	key, dst := item("h", "a", "r", 7), make([]byte, 0, 4096)
	if n := fewest(func() {
		if got, err := w.Get(ctx, orders, key, dst[:0]); got == nil || err != nil {
			t.Fatal(err)
		}
	}); n > 4 {
		t.Errorf("%v allocations", n)
	}
}
