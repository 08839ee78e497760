package storagetest

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/sealtable/sealtable/internal/storage"
)

// seen is what an iterator gave.
type seen struct{ partition, sort, value string }

func collect(t *testing.T, it storage.Iterator) (out []seen) {
	t.Helper()
	for it.Next() {
		out = append(out, seen{string(it.Partition()), string(it.Sort()), string(it.Value())})
	}
	if it.Err() != nil {
		t.Fatalf("iterate: %v", it.Err())
	}
	if err := it.Close(); err != nil {
		t.Fatalf("close iterator: %v", err)
	}
	return out
}

func testOrderedRead(t *testing.T, c Config) {
	b := newBench(t, c)
	id := b.table(1)
	sorts := []string{"", "\x00", "\x00\x00", "\x01", "a", "a\x00", "aa", "b", "\xff", "\xff\xff"}
	for i := range sorts { // not in order
		s := sorts[(i*7)%len(sorts)]
		b.put(row(id, "p", s), "value of "+s)
		b.put(row(id, "p\x00", s), "neighbour")
		b.put(row(id, "", s), "neighbour")
		b.put(row(id, "\xff", s), "neighbour")
	}
	bounds := []storage.Bound{{}}
	for _, s := range append(sorts, "a\x00\x00", "c", "\xff\xff\xff") {
		bounds = append(bounds, storage.Bound{Sort: []byte(s), Set: true},
			storage.Bound{Sort: []byte(s), Set: true, Exclusive: true})
	}
	for pass := range 2 {
		for _, low := range bounds {
			for _, high := range bounds {
				for _, reverse := range []bool{false, true} {
					checkRead(t, b, storage.PartitionRead{Table: id, Partition: []byte("p"), Low: low,
						High: high, Reverse: reverse}, sorts)
				}
			}
		}
		if pass == 0 {
			b.restart()
		}
	}
}

func checkRead(t *testing.T, b *bench, r storage.PartitionRead, sorts []string) {
	t.Helper()
	var want []seen
	for _, s := range sorts {
		if within([]byte(s), r.Low, 1) && within([]byte(s), r.High, -1) {
			want = append(want, seen{"p", s, "value of " + s})
		}
	}
	if r.Reverse {
		slices.Reverse(want)
	}
	if got := collect(t, b.store.Read(t.Context(), r)); !slices.Equal(got, want) {
		t.Fatalf("read low %+v high %+v reverse %v:\n got %q\nwant %q", r.Low, r.High, r.Reverse, got, want)
	}
}

// within says whether s is on the right side of a bound: above for direction 1, below for -1.
func within(s []byte, b storage.Bound, direction int) bool {
	if !b.Set {
		return true
	}
	c := bytes.Compare(s, b.Sort) * direction
	return c > 0 || (c == 0 && !b.Exclusive)
}

func testScan(t *testing.T, c Config) {
	b := newBench(t, c)
	id, other := b.table(1), b.table(2)
	want := map[seen]bool{}
	for p := range 60 {
		for s := range p % 4 {
			r := seen{fmt.Sprintf("partition %d", p), fmt.Sprintf("sort %d", s), fmt.Sprint(p, s)}
			b.put(row(id, r.partition, r.sort), r.value)
			want[r] = true
		}
		index := row(id, fmt.Sprint(p), "")
		index.Collection = ^storage.Collection(0)
		b.put(index, "other collection")
		b.put(row(other, fmt.Sprint(p), ""), "other table")
	}
	whole := collect(t, b.store.Scan(t.Context(), storage.CollectionScan{Table: id}))
	checkComplete(t, whole, want)
	if got := collect(t, b.store.Scan(t.Context(),
		storage.CollectionScan{Table: id, Collection: ^storage.Collection(0)})); len(got) != 60 {
		t.Fatalf("last collection: %d rows", len(got))
	}
	b.restart()
	if again := collect(t, b.store.Scan(t.Context(), storage.CollectionScan{Table: id})); !slices.Equal(whole,
		again) {
		t.Fatal("the order of a scan changed with a restart")
	}
	for _, total := range []int{1, 2, 3, 7, 64, 1000000} {
		var all []seen
		for segment := range min(total, 64) {
			if total == 1000000 {
				segment *= total / 64
			}
			all = append(all, b.scanInSteps(storage.CollectionScan{Table: id, Segment: segment,
				Total: total})...)
		}
		if total <= 64 {
			checkComplete(t, all, want)
		}
	}
	b.checkResume(id, whole)
	for _, bad := range []storage.CollectionScan{{Table: id, Segment: 1}, {Table: id, Segment: -1, Total: 2},
		{Table: id, Segment: 2, Total: 2}, {Table: id, Total: -1}} {
		if it := b.store.Scan(t.Context(), bad); it.Next() || it.Err() == nil {
			t.Fatalf("scan %+v was not refused", bad)
		}
	}
}

func checkComplete(t *testing.T, got []seen, want map[seen]bool) {
	t.Helper()
	found := map[seen]bool{}
	ended := map[string]bool{}
	for i, r := range got {
		if found[r] || !want[r] {
			t.Fatalf("row %q twice or unknown", r)
		}
		found[r] = true
		if i > 0 && got[i-1].partition != r.partition {
			ended[got[i-1].partition] = true
		}
		if ended[r.partition] || (i > 0 && got[i-1].partition == r.partition && got[i-1].sort >= r.sort) {
			t.Fatalf("partition %q is torn or out of order", r.partition)
		}
	}
	if len(found) != len(want) {
		t.Fatalf("%d rows of %d", len(found), len(want))
	}
}

// scanInSteps reads three rows at a time and continues behind the last.
func (b *bench) scanInSteps(s storage.CollectionScan) (out []seen) {
	b.t.Helper()
	for {
		it := b.store.Scan(b.t.Context(), s)
		n := 0
		for n < 3 && it.Next() {
			out = append(out, seen{string(it.Partition()), string(it.Sort()), string(it.Value())})
			n++
		}
		if it.Err() != nil {
			b.t.Fatalf("scan: %v", it.Err())
		}
		if err := it.Close(); err != nil {
			b.t.Fatal(err)
		}
		if n < 3 {
			return out
		}
		last := out[len(out)-1]
		s.After = &storage.Position{Partition: []byte(last.partition), Sort: []byte(last.sort)}
	}
}

// checkResume continues behind every row, also when it was deleted meanwhile.
func (b *bench) checkResume(id storage.TableID, whole []seen) {
	b.t.Helper()
	for i := 0; i < len(whole); i += 5 {
		b.remove(row(id, whole[i].partition, whole[i].sort))
		after := &storage.Position{Partition: []byte(whole[i].partition), Sort: []byte(whole[i].sort)}
		got := collect(b.t, b.store.Scan(b.t.Context(), storage.CollectionScan{Table: id, After: after}))
		want := slices.Clone(whole[i+1:])
		if !slices.Equal(got, want) {
			b.t.Fatalf("behind row %d: %d rows, want %d", i, len(got), len(want))
		}
	}
}

func testIteratorMoment(t *testing.T, c Config) {
	b := newBench(t, c)
	id := b.table(1)
	for i := range 10 {
		b.put(row(id, "p", fmt.Sprint(i)), "before")
	}
	it := b.store.Read(t.Context(), storage.PartitionRead{Table: id, Partition: []byte("p")})
	if !it.Next() {
		t.Fatalf("next: %v", it.Err())
	}
	for i := range 20 {
		b.put(row(id, "p", fmt.Sprint(i)), "after")
	}
	b.remove(row(id, "p", "5"))
	rest := collect(t, it)
	if len(rest) != 9 {
		t.Fatalf("%d rows", len(rest))
	}
	for _, r := range rest {
		if r.value != "before" {
			t.Fatalf("the iterator saw a later write: %q", r)
		}
	}
}
