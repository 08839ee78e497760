package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/sealtable/sealtable/internal/attribute"
	"github.com/sealtable/sealtable/internal/storage"
)

func TestItemsComeAndGo(t *testing.T) {
	ctx, w := context.Background(), newWorld(t)
	orders := w.create(tableNamed("Orders", 1, attribute.S, attribute.N))
	key := item("h", "a", "r", 7)
	first := item("h", "a", "r", 7, "x", "first")
	second := item("h", "a", "r", 7, "x", "second")
	change, err := w.Put(ctx, orders, first, nil)
	if err != nil || change.Old != nil || !bytes.Equal(change.New, first) {
		t.Fatalf("%v %v", change, err)
	}
	got, err := w.Get(ctx, orders, key, []byte("kept"))
	if err != nil || !bytes.Equal(got, first) {
		t.Errorf("read %q %v", got, err)
	}
	if none, err := w.Get(ctx, orders, item("h", "a", "r", 8), nil); none != nil || err != nil {
		t.Errorf("read what is not there: %q %v", none, err)
	}
	if change, err = w.Put(ctx, orders, second, nil); err != nil || !bytes.Equal(change.Old, first) {
		t.Errorf("%v %v", change, err)
	}
	if change, err = w.Delete(ctx, orders, key, nil); err != nil || !bytes.Equal(change.Old, second) || change.New != nil {
		t.Errorf("%v %v", change, err)
	}
	if change, err = w.Delete(ctx, orders, key, nil); err != nil || change.Old != nil {
		t.Errorf("deleting what is not there: %v %v", change, err)
	}
	w.put(orders, second)
	after := w.after()
	after.open()
	defer after.close()
	if got, err := after.Get(ctx, orders, key, nil); err != nil || !bytes.Equal(got, second) {
		t.Errorf("after a crash: %q %v", got, err)
	}
}

// TestOldItemsAreTheCallers: what a write gives out once stood in memory of the transaction, which the next one used again.
func TestOldItemsAreTheCallers(t *testing.T) {
	ctx, w := context.Background(), newWorld(t)
	orders := w.create(tableNamed("Orders", 1, attribute.S, 0))
	w.put(orders, item("h", "a", "x", "first"))
	change, err := w.Put(ctx, orders, item("h", "a", "x", "other"), nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.Put(ctx, orders, item("h", "a", "x", "later"), func(attribute.Item) (bool, error) { return false, nil })
	var failed *ConditionError
	if !errors.As(err, &failed) {
		t.Fatal(err)
	}
	for i := range 50 {
		w.put(orders, item("h", "a", "x", fmt.Sprintf("put %2d", i)))
	}
	if !bytes.Equal(change.Old, item("h", "a", "x", "first")) || !bytes.Equal(failed.Current, item("h", "a", "x", "other")) {
		t.Errorf("items that were given out became %q and %q", change.Old, failed.Current)
	}
}

func TestConditionsDecide(t *testing.T) {
	ctx, w := context.Background(), newWorld(t)
	orders := w.create(tableNamed("Orders", 1, attribute.S, 0))
	absent := func(current attribute.Item) (bool, error) { return current == nil, nil }
	if _, err := w.Put(ctx, orders, item("h", "a"), absent); err != nil {
		t.Fatal(err)
	}
	_, err := w.Put(ctx, orders, item("h", "a", "x", "y"), absent)
	var failed *ConditionError
	if !errors.As(err, &failed) || !errors.Is(err, ErrNotACondition) || !bytes.Equal(failed.Current, item("h", "a")) {
		t.Errorf("%v", err)
	}
	if _, err := w.Delete(ctx, orders, item("h", "b"), func(current attribute.Item) (bool, error) {
		return current != nil, nil
	}); !errors.As(err, &failed) || failed.Current != nil {
		t.Errorf("a condition on nothing: %v", err)
	}
	broken := errors.New("operand of a wrong kind")
	if _, err := w.Put(ctx, orders, item("h", "a", "x", "y"), func(attribute.Item) (bool, error) { return true, broken }); err != broken {
		t.Errorf("a condition that fails: %v", err)
	}
	if got, _ := w.Get(ctx, orders, item("h", "a"), nil); !bytes.Equal(got, item("h", "a")) {
		t.Errorf("a write that was refused changed %q", got)
	}
}

func TestKeysMustFitTheSchema(t *testing.T) {
	ctx, w := context.Background(), newWorld(t)
	orders := w.create(tableNamed("Orders", 1, attribute.S, attribute.B))
	for _, tt := range []struct {
		why     string
		item    attribute.Item
		problem KeyProblem
		isRange bool
	}{
		{"no hash key", item("r", []byte("x")), KeyMissing, false},
		{"no range key", item("h", "x"), KeyMissing, true},
		{"a hash key of another kind", item("h", 1, "r", []byte("x")), KeyWrongKind, false},
		{"a range key of another kind", item("h", "x", "r", "x"), KeyWrongKind, true},
		{"an empty hash key", item("h", "", "r", []byte("x")), KeyEmpty, false},
		{"an empty range key", item("h", "x", "r", []byte{}), KeyEmpty, true},
		{"a hash key that is too long", item("h", strings.Repeat("x", MaxHashKeySize+1), "r", []byte("x")), KeyTooLong, false},
		{"a range key that is too long", item("h", "x", "r", make([]byte, MaxRangeKeySize+1)), KeyTooLong, true},
	} {
		_, err := w.Put(ctx, orders, tt.item, nil)
		var problem *KeyError
		if !errors.As(err, &problem) || problem.Problem != tt.problem || problem.IsRange != tt.isRange {
			t.Errorf("%s: %v", tt.why, err)
		}
	}
	w.put(orders, item("h", strings.Repeat("x", MaxHashKeySize), "r", make([]byte, MaxRangeKeySize)))
	for _, key := range []attribute.Item{item("h", "x"), item("h", "x", "r", []byte("x"), "y", "z"), item("h", "x", "y", "z"), item()} {
		var problem *KeyError
		if _, err := w.Get(ctx, orders, key, nil); !errors.As(err, &problem) || problem.Problem != KeyNotExact {
			t.Errorf("a key of %d attributes: %v", key.Len(), err)
		}
	}
}

func TestItemsHaveALimit(t *testing.T) {
	ctx, w := context.Background(), newWorld(t)
	orders := w.create(tableNamed("Orders", 1, attribute.S, 0))
	fits := item("h", "a", "x", strings.Repeat("y", MaxItemSize-3))
	if fits.Size() != MaxItemSize {
		t.Fatalf("the test's item has %d bytes", fits.Size())
	}
	w.put(orders, fits)
	if _, err := w.Put(ctx, orders, item("h", "b", "x", strings.Repeat("y", MaxItemSize-2)), nil); !errors.Is(err, ErrItemTooLarge) {
		t.Errorf("an item of one byte too many: %v", err)
	}
}

// TestASealedTableRefuses: the engine passes on what the store says, and other tables go on.
func TestASealedTableRefuses(t *testing.T) {
	ctx, w := context.Background(), newWorld(t)
	orders, users := w.create(tableNamed("Orders", 1, attribute.S, 0)), w.create(tableNamed("Users", 2, attribute.S, 0))
	w.put(orders, item("h", "a"))
	w.keys.Switch(orders.ID, false)
	if err := w.store.SealTable(ctx, orders.ID); err != nil {
		t.Fatal(err)
	}
	var sealed *storage.SealedError
	if _, err := w.Get(ctx, orders, item("h", "a"), nil); !errors.As(err, &sealed) {
		t.Errorf("reading: %v", err)
	}
	if _, err := w.Put(ctx, orders, item("h", "a"), nil); !errors.As(err, &sealed) {
		t.Errorf("writing: %v", err)
	}
	if _, err := w.Query(ctx, orders, Query{Hash: value("a")}); !errors.As(err, &sealed) {
		t.Errorf("querying: %v", err)
	}
	w.put(users, item("h", "a"))
	w.keys.Switch(orders.ID, true)
	if got, err := w.Get(ctx, orders, item("h", "a"), nil); got == nil || err != nil {
		t.Errorf("when the key is back: %v", err)
	}
}

func BenchmarkGet(b *testing.B) {
	ctx, w := context.Background(), newWorld(b)
	orders := w.create(tableNamed("Orders", 1, attribute.S, attribute.N))
	w.put(orders, item("h", "a", "r", 7, "x", strings.Repeat("y", 1000)))
	key, dst := item("h", "a", "r", 7), make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := w.Get(ctx, orders, key, dst[:0]); err != nil {
			b.Fatal(err)
		}
	}
}
