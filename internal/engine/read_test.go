package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/sealtable/sealtable/internal/attribute"
)

// drawSort draws a sort key from few bytes, so that bounds hit, share prefixes, and end in the bytes where carrying goes wrong.
func drawSort(t *rapid.T, kind attribute.Kind, label string) attribute.Value {
	if kind == attribute.N {
		text := rapid.SampledFrom([]string{"-1e20", "-20", "-2", "-1.5", "-0.001", "0", "0.001", "1", "1.5", "2", "10", "20", "1e20"}).Draw(
			t, label,
		)
		n, err := attribute.ParseNumber([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return attribute.FromNumber(n)
	}
	if kind == attribute.S {
		return attribute.String(rapid.StringOfN(rapid.SampledFrom([]rune("\x00abé\U0010FFFF")), 1, 3, -1).Draw(t, label))
	}
	return attribute.Binary(rapid.SliceOfN(rapid.SampledFrom([]byte{0, 1, 0xFE, 0xFF}), 1, 3).Draw(t, label))
}

// compare orders two sort keys as DynamoDB does: numbers by value, texts and binaries by their bytes.
func compare(a, b attribute.Value) int {
	if a.Kind() == attribute.N {
		x, okX := new(big.Rat).SetString(a.Number().String())
		y, okY := new(big.Rat).SetString(b.Number().String())
		if !okX || !okY {
			panic("not a number")
		}
		return x.Cmp(y)
	}
	return bytes.Compare(a.Text(), b.Text())
}

func fitsQuery(v attribute.Value, q Query) bool {
	switch q.Comparison {
	case Equal:
		return compare(v, q.Low) == 0
	case Less:
		return compare(v, q.Low) < 0
	case LessOrEqual:
		return compare(v, q.Low) <= 0
	case Greater:
		return compare(v, q.Low) > 0
	case GreaterOrEqual:
		return compare(v, q.Low) >= 0
	case Between:
		return compare(v, q.Low) >= 0 && compare(v, q.High) <= 0
	case BeginsWith:
		return bytes.HasPrefix(v.Text(), q.Low.Text())
	}
	return true
}

// TestQueriesAgreeWithAList compares every comparison, in both directions, whole and in pages, with a sorted list.
func TestQueriesAgreeWithAList(t *testing.T) {
	w := newWorld(t)
	count := byte(0)
	rapid.Check(t, func(rt *rapid.T) {
		kind := rapid.SampledFrom([]attribute.Kind{attribute.S, attribute.N, attribute.B}).Draw(rt, "kind")
		count++
		if count == 255 {
			count = 1 // 100 tables are enough; a later run of a shrunken case begins anew
		}
		table := tableNamed(fmt.Sprint("T", count, kind), count, attribute.S, kind)
		if old, err := w.Table(table.Name); err == nil {
			table = old
		} else if err := w.CreateTable(context.Background(), table); err != nil {
			rt.Fatal(err)
		}
		hash := rapid.StringOfN(rapid.RuneFrom([]rune("pqr")), 8, 8, -1).Draw(rt, "hash")
		sorts := fill(rt, w, table, hash, kind)
		q := drawQuery(rt, kind, hash)
		var want []attribute.Value
		for _, v := range sorts {
			if fitsQuery(v, q) {
				want = append(want, v)
			}
		}
		if q.Reverse {
			slices.Reverse(want)
		}
		checkPages(rt, w, table, q, want)
	})
}

func fill(rt *rapid.T, w *world, table *Table, hash string, kind attribute.Kind) []attribute.Value {
	var sorts []attribute.Value
	for i := range rapid.IntRange(0, 12).Draw(rt, "items") {
		v := drawSort(rt, kind, fmt.Sprint("sort ", i))
		if _, err := w.Put(context.Background(), table, item("h", hash, "r", v), nil); err != nil {
			rt.Fatal(err)
		}
		if !slices.ContainsFunc(sorts, func(o attribute.Value) bool { return compare(o, v) == 0 }) {
			sorts = append(sorts, v)
		}
		if _, err := w.Put(context.Background(), table, item("h", hash+"x", "r", v), nil); err != nil { // a neighbour, to be left out
			rt.Fatal(err)
		}
	}
	page, err := w.Query(context.Background(), table, Query{Hash: value(hash)})
	if err != nil {
		rt.Fatal(err)
	}
	if len(page.Items) > len(sorts) { // another case wrote to this partition
		sorts = sorts[:0]
		for _, it := range page.Items {
			sorts = append(sorts, slices.Clone(it.Get("r")))
		}
	}
	slices.SortFunc(sorts, compare)
	return sorts
}

func drawQuery(rt *rapid.T, kind attribute.Kind, hash string) Query {
	comparisons := []Comparison{Any, Equal, Less, LessOrEqual, Greater, GreaterOrEqual, Between}
	if kind != attribute.N {
		comparisons = append(comparisons, BeginsWith)
	}
	return Query{
		Hash: value(hash), Comparison: rapid.SampledFrom(comparisons).Draw(rt, "comparison"),
		Low: drawSort(rt, kind, "low"), High: drawSort(rt, kind, "high"), Reverse: rapid.Bool().Draw(rt, "reverse"),
	}
}

func checkPages(rt *rapid.T, w *world, table *Table, q Query, want []attribute.Value) {
	for _, limit := range []int{0, 1, 2, 5} {
		q.Page = PageRequest{Limit: limit}
		var got []attribute.Value
		for pages := 0; ; pages++ {
			page, err := w.Query(context.Background(), table, q)
			if err != nil {
				rt.Fatal(err)
			}
			for _, it := range page.Items {
				got = append(got, it.Get("r"))
			}
			if page.LastKey == nil {
				break
			}
			q.Page.Start = page.LastKey
			if limit == 0 || pages > 50 {
				rt.Fatalf("a page of limit %d ends at %q", limit, page.LastKey)
			}
		}
		if !slices.EqualFunc(got, want, func(a, b attribute.Value) bool { return compare(a, b) == 0 }) {
			rt.Fatalf("in pages of %d: %q, want %q", limit, got, want)
		}
	}
}

func TestScanSegments(t *testing.T) {
	ctx, w := context.Background(), newWorld(t)
	table := w.create(tableNamed("Orders", 1, attribute.S, attribute.N))
	for i := range 200 {
		w.put(table, item("h", fmt.Sprint("p", i%40), "r", i))
	}
	for _, total := range []int{0, 1, 3, 7} {
		for _, limit := range []int{0, 1, 9} {
			seen := map[string]int{}
			for segment := range max(1, total) {
				s := Scan{Segment: segment, Total: total, Page: PageRequest{Limit: limit}}
				for {
					page, err := w.Scan(ctx, table, s)
					if err != nil {
						t.Fatal(err)
					}
					for _, it := range page.Items {
						seen[string(it)]++
					}
					s.Page.Start = page.LastKey
					if page.LastKey == nil {
						break
					}
				}
			}
			for it, n := range seen {
				if n != 1 {
					t.Errorf("%d segments, limit %d: an item came %d times: %q", total, limit, n, it)
				}
			}
			if len(seen) != 200 {
				t.Errorf("%d segments, limit %d: %d items of 200", total, limit, len(seen))
			}
		}
	}
}

func TestPagesEndAtOneMegabyte(t *testing.T) {
	ctx, w := context.Background(), newWorld(t)
	table := w.create(tableNamed("Orders", 1, attribute.S, attribute.N))
	for i := range 8 {
		w.put(table, item("h", "a", "r", i, "x", strings.Repeat("y", 300<<10)))
	}
	kept := 0
	for name, read := range map[string]func(start attribute.Item) (*Page, error){
		"query": func(start attribute.Item) (*Page, error) {
			return w.Query(ctx, table, Query{Hash: value("a"),
				Page: PageRequest{Start: start, Filter: func(attribute.Item) (bool, error) { return kept == 0, nil }}})
		},
		"scan": func(start attribute.Item) (*Page, error) {
			return w.Scan(ctx, table, Scan{Page: PageRequest{Start: start}})
		},
	} {
		var start attribute.Item
		scanned, pages := 0, 0
		for {
			page, err := read(start)
			if err != nil {
				t.Fatal(err)
			}
			if page.Size > MaxPageSize || page.Scanned == 0 {
				t.Errorf("%s: a page of %d items has %d bytes", name, page.Scanned, page.Size)
			}
			scanned = scanned + page.Scanned
			pages = pages + 1
			kept = kept + len(page.Items)
			start = page.LastKey
			if start == nil {
				break
			}
		}
		if scanned != 8 || pages != 3 {
			t.Errorf("%s: %d items in %d pages", name, scanned, pages)
		}
		kept = 0
	}
}

func TestFiltersCountWhatTheyRead(t *testing.T) {
	ctx, w := context.Background(), newWorld(t)
	table := w.create(tableNamed("Orders", 1, attribute.S, attribute.N))
	for i := range 10 {
		w.put(table, item("h", "a", "r", i))
	}
	odd := func(it attribute.Item) (bool, error) {
		n, _ := it.Get("r").Number().Int64()
		return n%2 == 1, nil
	}
	page, err := w.Query(ctx, table, Query{Hash: value("a"), Page: PageRequest{Limit: 4, Filter: odd}})
	if err != nil || len(page.Items) != 2 || page.Scanned != 4 || !bytes.Equal(page.LastKey, item("h", "a", "r", 3)) {
		t.Errorf("%+v %v", page, err)
	}
	broken := errors.New("operand of a wrong kind")
	if _, err := w.Query(ctx, table, Query{Hash: value("a"),
		Page: PageRequest{Filter: func(attribute.Item) (bool, error) { return false, broken }}}); !errors.Is(err, broken) {
		t.Errorf("a filter that fails: %v", err)
	}
}

func TestStartKeysAreChecked(t *testing.T) {
	ctx, w := context.Background(), newWorld(t)
	table := w.create(tableNamed("Orders", 1, attribute.S, attribute.N))
	query := func(start attribute.Item) error {
		_, err := w.Query(ctx, table, Query{Hash: value("a"), Comparison: Between, Low: value(2), High: value(5),
			Page: PageRequest{Start: start}})
		return err
	}
	for _, tt := range []struct {
		start attribute.Item
		want  error
	}{
		{item("h", "a", "r", 3), nil}, {item("h", "a", "r", 5), nil}, {item("h", "b", "r", 3), ErrStartKeyOutside},
		{item("h", "a", "r", 1), ErrStartKeyRange}, {item("h", "a", "r", 6), ErrStartKeyRange},
		{item("h", "a"), ErrStartKey}, {item("h", "a", "r", "3"), ErrStartKey}, {item("h", "a", "r", 3, "x", 1), ErrStartKey},
	} {
		if err := query(tt.start); !errors.Is(err, tt.want) {
			t.Errorf("%q: %v, want %v", tt.start, err, tt.want)
		}
	}
	if _, err := w.Scan(ctx, table, Scan{Page: PageRequest{Start: item("h", 1, "r", 1)}}); !errors.Is(err, ErrStartKey) {
		t.Errorf("a scan from a key of another kind: %v", err)
	}
	var problem *KeyError
	if _, err := w.Query(ctx, table, Query{Hash: value(1)}); !errors.As(err, &problem) {
		t.Errorf("a hash key of another kind: %v", err)
	}
	if _, err := w.Query(ctx, table, Query{Hash: value("a"), Comparison: Less, Low: value("x")}); !errors.As(err, &problem) ||
		!problem.IsRange {
		t.Errorf("an operand of another kind: %v", err)
	}
	plain := w.create(tableNamed("Plain", 2, attribute.S, 0))
	if _, err := w.Query(ctx, plain, Query{Hash: value("a"), Comparison: Equal, Low: value("x")}); !errors.As(err, &problem) {
		t.Errorf("a condition on a sort key that there is not: %v", err)
	}
}
