package engine

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sealtable/sealtable/internal/attribute"
	"github.com/sealtable/sealtable/internal/storage"
)

// TestCollectionsAreMeasured: whatever is written, the size of an item collection is that of its items and their entries.
func TestCollectionsAreMeasured(t *testing.T) {
	w := newWorld(t)
	table := w.create(indexed("T", 1))
	local := table.Index("local")
	rapid.Check(t, func(rt *rapid.T) {
		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			if err := w.step(rt, table); err != nil {
				rt.Fatal(err)
			}
		}
		for _, h := range []string{"p", "q", "p\x00"} {
			want := 0
			for _, it := range w.itemsOf(rt, table) {
				if attribute.Equal(it.Get("h"), attribute.String(h)) {
					want += it.Size()
					if it.Get("n") != nil {
						want += local.project(it).Size()
					}
				}
			}
			if got, err := w.CollectionSize(context.Background(), table, item("h", h, "r", "any")); err != nil || got != int64(want) {
				rt.Fatalf("collection %q has %d bytes, want %d: %v", h, got, want, err)
			}
		}
	})
}

// TestCollectionsAreLimited: what makes a full collection larger is refused and changes nothing; what makes it smaller is not.
func TestCollectionsAreLimited(t *testing.T) {
	ctx, w := context.Background(), newWorld(t)
	table := w.create(indexed("T", 1))
	small := item("h", "a", "r", "b")
	w.put(table, small)
	row, _ := table.rowOf(small, nil)
	full := shareRow(&row)
	err := w.store.Update(ctx, []storage.Row{full}, func(tx storage.Tx) error {
		return tx.Put(full, binary.BigEndian.AppendUint64(nil, MaxCollectionSize/collectionShares))
	})
	if err != nil {
		t.Fatal(err)
	}
	large := item("h", "a", "r", "b", "z", "more")
	if _, err := w.Put(ctx, table, large, nil); !errors.Is(err, ErrCollectionTooLarge) {
		t.Errorf("a put: %v", err)
	}
	write, _ := PutOf(table, large, nil)
	other, _ := PutOf(table, item("h", "z", "r", "z"), nil)
	_, _, err = w.Transact(ctx, nil, []Write{other, write})
	if cancelled := new(TransactionError); !errors.As(err, &cancelled) || cancelled.Reasons[0] != nil ||
		!errors.Is(cancelled.Reasons[1], ErrCollectionTooLarge) {
		t.Errorf("a transaction: %v", err)
	}
	if got := w.rowsOfCollection(t, table, baseItems); len(got) != 1 || got[0] != string(small) {
		t.Errorf("after refusals there is %q", got)
	}
	w.checkIndexes(t, table.Name)
	if _, err := w.Delete(ctx, table, small, nil); err != nil {
		t.Errorf("a delete: %v", err)
	}
}

// TestExpiredItemsLeaveTheirCollection: what expires counts no more, in no index either.
func TestExpiredItemsLeaveTheirCollection(t *testing.T) {
	ctx, w := context.Background(), newWorld(t)
	table := w.create(indexed("T", 1))
	now := time.Now()
	table, err := w.UpdateTable(ctx, table.Name, func(next *Table) error { next.EnableExpiry("e", now, now); return nil })
	if err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		w.put(table, item("h", "a", "r", fmt.Sprint(i), "n", i, "s", "x", "e", int(now.Unix())-60))
	}
	for more := true; more; {
		if table, err = w.Table(table.Name); err != nil {
			t.Fatal(err)
		}
		if more, err = w.Expire(ctx, table, now); err != nil {
			t.Fatal(err)
		}
	}
	w.checkIndexes(t, table.Name)
	if size, err := w.CollectionSize(ctx, table, item("h", "a", "r", "0")); err != nil || size != 0 ||
		len(w.rowsOfCollection(t, table, baseItems)) > 0 {
		t.Errorf("%d bytes are left: %v", size, err)
	}
}
