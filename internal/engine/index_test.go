package engine

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/sealtable/sealtable/internal/attribute"
	"github.com/sealtable/sealtable/internal/storage"
)

// indexed is a table with an index of each kind.
func indexed(name string, id byte) *Table {
	t := tableNamed(name, id, attribute.S, attribute.S)
	s := KeyAttribute{"s", attribute.S}
	n := KeyAttribute{"n", attribute.N}
	r := *t.Key.Range
	t.AddIndex(Index{Name: "local", Local: true, Hash: []KeyAttribute{t.Key.Hash}, Range: []KeyAttribute{n}, Projection: ProjectInclude,
		Included: []string{"a", "r"}})
	t.AddIndex(Index{Name: "global", Hash: []KeyAttribute{s}, Range: []KeyAttribute{n}, Projection: ProjectAll})
	t.AddIndex(Index{Name: "turned", Hash: []KeyAttribute{r}, Range: []KeyAttribute{t.Key.Hash}, Projection: ProjectKeys})
	t.AddIndex(Index{Name: "wide", Hash: []KeyAttribute{s, t.Key.Hash}, Range: []KeyAttribute{r, n}, Projection: ProjectKeys})
	return t
}

// wantEntries is what an index must hold, computed from the items alone.
func wantEntries(t *Table, x *Index, items []attribute.Item) []string {
	var want []string
	for _, it := range items {
		fits := true
		for _, key := range x.Keys() {
			v := it.Get(key.Name)
			fits = fits && v != nil && v.Kind() == key.Kind && !bytes.Equal(v, attribute.String(""))
		}
		if !fits {
			continue
		}
		var b attribute.Builder
		for name, v := range it.All() {
			isKey := slices.ContainsFunc(append(t.Key.Attributes(), x.Keys()...), func(k KeyAttribute) bool { return k.Name == name })
			if x.Projection == ProjectAll || isKey || slices.Contains(x.Included, name) {
				b.Set(name, v)
			}
		}
		want = append(want, string(b.Item()))
	}
	slices.Sort(want)
	return want
}

type fatal interface{ Fatalf(string, ...any) }

// rowsOfCollection are the values of all rows of a collection, sorted.
func (w *world) rowsOfCollection(t fatal, table *Table, c storage.Collection) []string {
	rows := w.store.Scan(context.Background(), storage.CollectionScan{Table: table.ID, Collection: c})
	var found []string
	for rows.Next() {
		found = append(found, string(rows.Value()))
	}
	if err := rows.Err(); err != nil {
		t.Fatalf("%v", err)
	}
	if err := rows.Close(); err != nil {
		t.Fatalf("%v", err)
	}
	slices.Sort(found)
	return found
}

// checkIndexes compares all complete indexes with the items.
func (w *world) checkIndexes(t fatal, name Name) {
	table, err := w.Table(name)
	if err != nil {
		t.Fatalf("%v", err)
	}
	var items []attribute.Item
	for _, stored := range w.rowsOfCollection(t, table, baseItems) {
		items = append(items, attribute.Item(stored))
	}
	for i := range table.Indexes {
		x := &table.Indexes[i]
		if x.State != IndexComplete {
			continue
		}
		if got, want := w.rowsOfCollection(t, table, x.Collection), wantEntries(table, x, items); !slices.Equal(got, want) {
			t.Fatalf("index %s holds %d entries, of %d items it must hold %d:\n%q\n%q", x.Name, len(got), len(items), len(want), got, want)
		}
	}
}

// drawItem is an item of few keys, so that items move, vanish from indexes, and come back.
func drawItem(rt *rapid.T) attribute.Item {
	pairs := []any{"h", rapid.SampledFrom([]string{"p", "q", "p\x00"}).Draw(rt, "h"), "r",
		rapid.SampledFrom([]string{"1", "2", "2\x00"}).Draw(rt, "r")}
	for _, name := range []string{"s", "a", "z"} {
		if v := rapid.SampledFrom([]string{"", "x", "x\x00", "y"}).Draw(rt, name); v != "" {
			pairs = append(pairs, name, v)
		}
	}
	if n := rapid.IntRange(-2, 2).Draw(rt, "n"); n != 0 {
		pairs = append(pairs, "n", n)
	}
	return item(pairs...)
}

// step does one random write.
func (w *world) step(rt *rapid.T, table *Table) error {
	ctx, it := context.Background(), drawItem(rt)
	key := table.KeyOf(it)
	become := func(attribute.Item) (attribute.Item, error) { return it, nil }
	switch rapid.SampledFrom([]string{"put", "overwrite", "update", "delete", "transact", "batch"}).Draw(rt, "kind") {
	case "put":
		_, err := w.Put(ctx, table, it, nil)
		return err
	case "overwrite":
		return w.Overwrite(ctx, table, it)
	case "update":
		_, err := w.Update(ctx, table, key, nil, become)
		return err
	case "delete":
		_, err := w.Delete(ctx, table, key, nil)
		return err
	}
	first, err := UpdateOf(table, key, nil, become)
	if err != nil {
		return err
	}
	other := drawItem(rt)
	second, err := DeleteOf(table, table.KeyOf(other), nil)
	if err != nil || bytes.Equal(table.KeyOf(other), key) {
		return err
	}
	if rapid.Bool().Draw(rt, "blind") {
		_, err = w.Batch(ctx, []Write{first, second.Blindly()})
		return err
	}
	_, _, err = w.Transact(ctx, nil, []Write{first, second})
	return err
}

// TestIndexesFollowItems: after any writes, and restarts between them, each index holds exactly what its table's items make of it.
func TestIndexesFollowItems(t *testing.T) {
	w := newWorld(t)
	count := byte(0)
	rapid.Check(t, func(rt *rapid.T) {
		count++
		table := indexed(fmt.Sprint("T", count), count)
		if old, err := w.Table(table.Name); err == nil {
			table = old
		} else if err := w.CreateTable(context.Background(), table); err != nil {
			rt.Fatal(err)
		}
		for range rapid.IntRange(1, 25).Draw(rt, "steps") {
			if err := w.step(rt, table); err != nil {
				rt.Fatal(err)
			}
		}
		if rapid.IntRange(0, 9).Draw(rt, "restart") == 0 {
			w.close()
			w.open()
		}
		w.checkIndexes(rt, table.Name)
	})
}

// TestIndexQueriesAgreeWithAList compares queries of an index with several range attributes, whole and in pages, with a list that is
// sorted by values.
func TestIndexQueriesAgreeWithAList(t *testing.T) {
	w := newWorld(t)
	table := w.create(indexed("T", 1))
	x := table.Index("wide")
	rapid.Check(t, func(rt *rapid.T) {
		for range rapid.IntRange(1, 8).Draw(rt, "steps") {
			if err := w.step(rt, table); err != nil {
				rt.Fatal(err)
			}
		}
		probe := drawItem(rt)
		q := IndexQuery{
			Hash: []attribute.Value{attribute.String("x"), probe.Get("h")}, Reverse: rapid.Bool().Draw(rt, "reverse"),
			Page: PageRequest{Limit: rapid.IntRange(0, 3).Draw(rt, "limit")},
		}
		compared := "r"
		if rapid.Bool().Draw(rt, "equal") {
			q.Equal, compared = []attribute.Value{probe.Get("r")}, "n"
		}
		q.Comparison = Comparison(rapid.IntRange(int(Any), int(BeginsWith)).Draw(rt, "comparison"))
		if compared == "n" && q.Comparison == BeginsWith {
			q.Comparison = Any
		}
		q.Low, q.High = drawOperand(rt, compared), drawOperand(rt, compared)
		want := listed(w.itemsOf(rt, table), &q, compared)
		got := w.indexPages(rt, table, x, q)
		if !slices.EqualFunc(got, want, func(a, b attribute.Item) bool { return bytes.Equal(a, x.project(b)) }) {
			rt.Fatalf("%+v\n got %q\nwant %q", q, got, want)
		}
	})
}

func drawOperand(rt *rapid.T, name string) attribute.Value {
	if name == "n" {
		return value(rapid.IntRange(-3, 3).Draw(rt, "operand"))
	}
	return value(rapid.SampledFrom([]string{"1", "2", "2\x00", "3"}).Draw(rt, "operand"))
}

func (w *world) itemsOf(rt *rapid.T, table *Table) (items []attribute.Item) {
	for _, stored := range w.rowsOfCollection(rt, table, baseItems) {
		items = append(items, attribute.Item(stored))
	}
	return items
}

// listed are the items that a query of the index "wide" must give, in order.
func listed(items []attribute.Item, q *IndexQuery, compared string) []attribute.Item {
	var want []attribute.Item
	for _, it := range items {
		v := it.Get(compared)
		if !attribute.Equal(it.Get("s"), q.Hash[0]) || !attribute.Equal(it.Get("h"), q.Hash[1]) || it.Get("n") == nil ||
			len(q.Equal) > 0 && !attribute.Equal(it.Get("r"), q.Equal[0]) {
			continue
		}
		if fitsQuery(v, Query{Comparison: q.Comparison, Low: q.Low, High: q.High}) {
			want = append(want, it)
		}
	}
	slices.SortFunc(want, func(a, b attribute.Item) int {
		if c := attribute.Compare(a.Get("r"), b.Get("r")); c != 0 {
			return c
		}
		return attribute.Compare(a.Get("n"), b.Get("n"))
	})
	if q.Reverse {
		slices.Reverse(want)
	}
	return want
}

// indexPages reads all pages of a query.
func (w *world) indexPages(rt *rapid.T, table *Table, x *Index, q IndexQuery) (got []attribute.Item) {
	for range 100 {
		page, err := w.QueryIndex(context.Background(), table, x, q)
		if err != nil {
			rt.Fatal(err)
		}
		got = append(got, page.Items...)
		q.Page.Start = page.LastKey
		if page.LastKey == nil {
			return got
		}
	}
	rt.Fatal("the pages do not end")
	return nil
}

// TestFetchedItems: what a local index does not hold comes from the table, as it is now, and fills the page like what the index holds.
func TestFetchedItems(t *testing.T) {
	ctx, w := context.Background(), newWorld(t)
	table := w.create(indexed("T", 1))
	x, large := table.Index("local"), string(bytes.Repeat([]byte("z"), 300<<10))
	for i := range 8 {
		w.put(table, item("h", "p", "r", fmt.Sprint(i), "n", i, "z", large))
	}
	gone := item("h", "p", "r", "gone", "n", 3)
	stale, _ := x.entryOf(table, gone)
	moved, _ := x.entryOf(table, item("h", "p", "r", "1", "n", 7))
	for _, e := range []entry{stale, moved} { // as a reader may find them whose iterator is older than the table
		err := w.store.Update(ctx, []storage.Row{e.row}, func(tx storage.Tx) error { return tx.Put(e.row, e.item) })
		if err != nil {
			t.Fatal(err)
		}
	}
	q := IndexQuery{Hash: []attribute.Value{attribute.String("p")}, Whole: true}
	items := 0
	scanned := 0
	for {
		page, err := w.QueryIndex(ctx, table, x, q)
		if err != nil {
			t.Fatal(err)
		}
		if page.FetchedSize > MaxPageSize+MaxItemSize {
			t.Errorf("a page of %d bytes", page.FetchedSize)
		}
		for _, it := range page.Items {
			if it.Get("z") == nil {
				t.Errorf("%v has not all attributes", it.Get("r"))
			}
		}
		items, scanned = items+len(page.Items), scanned+page.Scanned
		q.Page.Start = page.LastKey
		if page.LastKey == nil {
			break
		}
	}
	if items != 8 || scanned != 10 {
		t.Errorf("%d items of %d entries", items, scanned)
	}
}
