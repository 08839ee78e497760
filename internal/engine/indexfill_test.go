package engine

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sealtable/sealtable/internal/attribute"
	"github.com/sealtable/sealtable/internal/storage"
)

// addIndex adds one of the indexes of indexed to a table that has none.
func (w *world) addIndex(t fatal, name Name, which string) {
	_, err := w.UpdateTable(context.Background(), name, func(next *Table) error {
		x := *indexed("", 0).Index(which)
		x.State, x.Online = IndexFilling, true
		next.AddIndex(x)
		return nil
	})
	if err != nil {
		t.Fatalf("adding %s: %v", which, err)
	}
}

func (w *world) dropIndex(t fatal, name Name, which string) {
	_, err := w.UpdateTable(context.Background(), name, func(next *Table) error {
		next.Index(which).State = IndexClearing
		return nil
	})
	if err != nil {
		t.Fatalf("dropping %s: %v", which, err)
	}
}

// tend does one part of the work that indexes leave, and says whether there is more.
func (w *world) tend(t fatal, name Name) bool {
	table, err := w.Table(name)
	if err != nil {
		t.Fatalf("%v", err)
	}
	again, err := w.TendIndexes(context.Background(), table, time.Now())
	if err != nil {
		t.Fatalf("tending: %v", err)
	}
	return !again.IsZero()
}

// TestIndexesComeAndGo: whatever writes, parts of the work and restarts come in between, an index that is complete holds what its
// table's items make of it, and of one that is gone no row is left.
func TestIndexesComeAndGo(t *testing.T) {
	w := newWorld(t)
	count := byte(0)
	rapid.Check(t, func(rt *rapid.T) {
		count++
		table := tableNamed(fmt.Sprint("T", count), count, attribute.S, attribute.S)
		if old, err := w.Table(table.Name); err == nil {
			table = old
		} else if err := w.CreateTable(context.Background(), table); err != nil {
			rt.Fatal(err)
		}
		for range rapid.IntRange(1, 30).Draw(rt, "steps") {
			w.comeOrGo(rt, table.Name)
		}
		for w.tend(rt, table.Name) {
		}
		w.checkIndexes(rt, table.Name)
		w.checkNothingLeft(rt, table.Name)
	})
}

// comeOrGo is one step: a write, an index more or less, a part of the work, or a restart.
func (w *world) comeOrGo(rt *rapid.T, name Name) {
	table, err := w.Table(name)
	if err != nil {
		rt.Fatal(err)
	}
	which := rapid.SampledFrom([]string{"global", "turned", "wide"}).Draw(rt, "which")
	switch x := table.Index(which); rapid.IntRange(0, 9).Draw(rt, "what") {
	case 0:
		w.tend(rt, name)
	case 1:
		if x == nil {
			w.addIndex(rt, name, which)
		} else if x.State != IndexClearing {
			w.dropIndex(rt, name, which)
		}
	case 2:
		if rapid.IntRange(0, 4).Draw(rt, "restart") == 0 {
			w.close()
			w.open()
		}
	default:
		if err := w.step(rt, table); err != nil {
			rt.Fatal(err)
		}
	}
	w.checkIndexes(rt, name)
}

// checkNothingLeft: collections of indexes that are gone are empty, and nobody notes any progress.
func (w *world) checkNothingLeft(t fatal, name Name) {
	table, err := w.Table(name)
	if err != nil {
		t.Fatalf("%v", err)
	}
	for c := indexProgress; c < firstIndex+table.IndexesMade; c++ {
		if rows := w.rowsOfCollection(t, table, c); table.indexOf(c) == nil && len(rows) > 0 {
			t.Fatalf("collection %x holds %d rows of nothing", c, len(rows))
		}
	}
}

// TestFillingWhileOthersWrite adds an index while many write: those that looked at the table before it and those after, and nobody's
// item is missed. Then the same for an index that goes.
func TestFillingWhileOthersWrite(t *testing.T) {
	w := newWorld(t)
	table := w.create(tableNamed("T", 1, attribute.S, attribute.S))
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	var stop atomic.Bool
	var group sync.WaitGroup
	for writer := range 8 {
		group.Go(func() {
			r := rand.New(rand.NewPCG(seed, uint64(writer)))
			for n := 0; !stop.Load(); n++ {
				it := item("h", fmt.Sprint(r.IntN(200)), "r", fmt.Sprint(writer), "s", string('x'+rune(r.IntN(3))), "n", n)
				if err := w.Overwrite(context.Background(), table, it); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for range 4 {
		time.Sleep(5 * time.Millisecond)
		w.addIndex(t, table.Name, "global")
		for w.tend(t, table.Name) {
		}
		now, _ := w.Table(table.Name)
		first := now.Index("global").Collection
		w.writers.settle()
		w.dropIndex(t, table.Name, "global")
		for w.tend(t, table.Name) {
		}
		if rows := w.rowsOfCollection(t, table, first); len(rows) > 0 {
			t.Errorf("%d rows of a deleted index", len(rows))
		}
	}
	w.addIndex(t, table.Name, "global")
	for w.tend(t, table.Name) {
	}
	stop.Store(true)
	group.Wait()
	w.checkIndexes(t, table.Name)
	w.checkNothingLeft(t, table.Name)
	if now, _ := w.Table(table.Name); len(w.rowsOfCollection(t, now, now.Index("global").Collection)) < 100 {
		t.Error("too few items to mean anything")
	}
}

// TestCrashesWhileFilling loses power before each part of the work, and goes on from there.
func TestCrashesWhileFilling(t *testing.T) {
	w := newWorld(t)
	table := w.create(tableNamed("T", 1, attribute.S, attribute.S))
	for i := range 450 {
		w.put(table, item("h", fmt.Sprint(i), "r", "r", "s", fmt.Sprint(i%7), "n", i))
	}
	w.addIndex(t, table.Name, "global")
	parts := 0
	for more := true; more; parts++ {
		after := w.after()
		after.open()
		w.put(table, item("h", fmt.Sprint("late ", parts), "r", "r", "s", "x", "n", 1))
		for after.tend(t, table.Name) {
		}
		after.checkIndexes(t, table.Name)
		if now, _ := after.Table(table.Name); now.Index("global").State != IndexComplete {
			t.Errorf("after a crash before part %d the index is %s", parts, now.Index("global").State)
		}
		after.close()
		more = w.tend(t, table.Name)
	}
	if parts < 5 {
		t.Errorf("filled in %d parts", parts)
	}
	w.checkIndexes(t, table.Name)
	if rows := w.rowsOfCollection(t, table, indexProgress); len(rows) > 0 {
		t.Error("the progress is kept")
	}
}

// TestFillingLeavesOutWhatDoesNotFit: items that were there before the index keep what cannot be its key, and are no part of it.
func TestFillingLeavesOutWhatDoesNotFit(t *testing.T) {
	w := newWorld(t)
	table := w.create(tableNamed("T", 1, attribute.S, attribute.S))
	w.put(table, item("h", "1", "r", "1", "s", 3, "n", 1))
	w.put(table, item("h", "1", "r", "2", "s", "", "n", 1))
	w.put(table, item("h", "1", "r", "3", "s", "fits", "n", 1))
	w.addIndex(t, table.Name, "global")
	for w.tend(t, table.Name) {
	}
	w.checkIndexes(t, table.Name)
	table, _ = w.Table(table.Name)
	if rows := w.rowsOfCollection(t, table, table.Index("global").Collection); len(rows) != 1 {
		t.Errorf("%d entries", len(rows))
	}
	ctx, key := context.Background(), item("h", "1", "r", "1")
	keep := func(more attribute.Value) Decide {
		return func(current attribute.Item) (attribute.Item, error) {
			return item("h", "1", "r", "1", "s", 3, "n", 2, "a", more), nil
		}
	}
	if _, err := w.Update(ctx, table, key, nil, keep(attribute.String("touched"))); err != nil {
		t.Errorf("an update of something else: %v", err)
	}
	_, err := w.Update(ctx, table, key, nil, func(attribute.Item) (attribute.Item, error) { return item("h", "1", "r", "1", "s", 4), nil })
	if wrong := new(KeyError); !errors.As(err, &wrong) || wrong.Problem != KeyWrongKind || wrong.Index != "global" {
		t.Errorf("an update of what does not fit: %v", err)
	}
	w.checkIndexes(t, table.Name)
}

// TestFillingWithoutKeys: without its keys a table's index is not filled, and when they are back it goes on.
func TestFillingWithoutKeys(t *testing.T) {
	ctx, w := context.Background(), newWorld(t)
	table := w.create(tableNamed("T", 1, attribute.S, attribute.S))
	for i := range 250 {
		w.put(table, item("h", fmt.Sprint(i), "r", "r", "s", "s", "n", i))
	}
	w.addIndex(t, table.Name, "global")
	w.tend(t, table.Name)
	w.keys.Switch(table.ID, false)
	if err := w.store.SealTable(ctx, table.ID); err != nil {
		t.Fatal(err)
	}
	now, _ := w.Table(table.Name)
	_, err := w.TendIndexes(ctx, now, time.Now())
	if sealed := new(storage.SealedError); !errors.As(err, &sealed) {
		t.Errorf("filling without keys: %v", err)
	}
	w.keys.Switch(table.ID, true)
	for w.tend(t, table.Name) {
	}
	w.checkIndexes(t, table.Name)
	if names := now.KeyNames(); !slices.Equal(names, []string{"h", "r", "s", "n"}) {
		t.Errorf("key names %v", names)
	}
}

// TestIndexesAreCounted: a count says of each index how many entries it holds, and their bytes.
func TestIndexesAreCounted(t *testing.T) {
	w := newWorld(t)
	table := w.create(indexed("T", 1))
	w.put(table, item("h", "1", "r", "1", "s", "x", "n", 1, "z", "not everywhere"))
	w.put(table, item("h", "1", "r", "2", "n", 1))
	if err := w.Count(context.Background(), table, func() error { return nil }); err != nil {
		t.Fatal(err)
	}
	table, _ = w.Table(table.Name)
	for name, want := range map[string]Size{"local": {2, 2 * 7}, "global": {1, 7 + 2 + 15}, "turned": {2, 2 * 4}, "wide": {1, 7 + 2}} {
		if x := table.Index(name); (Size{x.Items, x.Bytes}) != want {
			t.Errorf("%s: %d entries of %d bytes, want %v", name, x.Items, x.Bytes, want)
		}
	}
}
