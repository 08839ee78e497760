package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sealtable/sealtable/internal/attribute"
	"github.com/sealtable/sealtable/internal/storage"
)

func (w *world) stream(t *Table, view StreamView) *Table {
	w.t.Helper()
	now := w.clock.Now()
	updated, err := w.UpdateTable(context.Background(), t.Name, func(next *Table) error { return next.EnableStream(view, now, now) })
	if err != nil {
		w.t.Fatal(err)
	}
	return updated
}

func (w *world) endStream(t *Table) *Table {
	w.t.Helper()
	now := w.clock.Now()
	updated, err := w.UpdateTable(context.Background(), t.Name, func(next *Table) error { return next.DisableStream(now, now) })
	if err != nil {
		w.t.Fatal(err)
	}
	return updated
}

// consumer reads a stream like a client: shard by shard, each to its end, with what it holds in memory and nothing else.
type consumer struct {
	w      *world
	table  *Table
	stream uint32
	limit  int
	places map[uint64]*StreamPosition // nil once the shard is at its end
	got    []StreamRecord
}

func (w *world) consume(t *Table, stream uint32) *consumer {
	return &consumer{w: w, table: t, stream: stream, limit: 7, places: map[uint64]*StreamPosition{}}
}

// poll reads what there is now.
func (c *consumer) poll() {
	c.w.t.Helper()
	ctx := context.Background()
	t, err := c.w.Table(c.table.Name)
	if err != nil {
		c.w.t.Fatal(err)
	}
	shards, err := c.w.Shards(ctx, t, c.stream)
	if err != nil {
		c.w.t.Fatal(err)
	}
	for _, shard := range shards {
		place, known := c.places[shard.Ordinal]
		if !known {
			oldest, err := c.w.Oldest(ctx, t, c.stream, shard.Ordinal)
			if err != nil {
				c.w.t.Fatal(err)
			}
			place = &oldest
		}
		c.places[shard.Ordinal] = c.drain(t, place)
		if c.places[shard.Ordinal] != nil {
			return // its children come after it
		}
	}
}

func (c *consumer) drain(t *Table, place *StreamPosition) *StreamPosition {
	for place != nil {
		page, err := c.w.ReadStream(context.Background(), t, *place, c.limit)
		if err != nil {
			c.w.t.Fatal(err)
		}
		c.got = append(c.got, page.Records...)
		place = page.Next
		if len(page.Records) == 0 {
			return place
		}
	}
	return nil
}

// check says whether the records lead from nothing to a table's items, each item's changes in order and none twice.
func (c *consumer) check(want map[string]attribute.Item) {
	c.w.t.Helper()
	have, last := map[string]attribute.Item{}, uint64(0)
	for _, r := range c.got {
		if r.Number <= last {
			c.w.t.Fatalf("record %d after %d", r.Number, last)
		}
		last = r.Number
		key := string(r.Keys)
		if !bytes.Equal(have[key], r.Old) {
			c.w.t.Fatalf("record %d of %q: the item was %q, and now %q", r.Number, key, have[key], r.Old)
		}
		wantEvent := eventOf(Change{Old: r.Old, New: r.New})
		if r.Event != wantEvent || bytes.Equal(r.Old, r.New) {
			c.w.t.Fatalf("record %d: event %d for %q → %q", r.Number, r.Event, r.Old, r.New)
		}
		delete(have, key)
		if r.New != nil {
			have[key] = r.New
		}
	}
	if !maps.EqualFunc(have, want, func(a, b attribute.Item) bool { return bytes.Equal(a, b) }) {
		c.w.t.Fatalf("the stream leads to %q, the table holds %q", have, want)
	}
}

func (w *world) contents(t *Table) map[string]attribute.Item {
	w.t.Helper()
	all := map[string]attribute.Item{}
	page, err := w.Scan(context.Background(), t, Scan{Total: 1})
	if err != nil || page.LastKey != nil {
		w.t.Fatal(err)
	}
	for _, it := range page.Items {
		all[string(t.KeyOf(it))] = it
	}
	return all
}

// randomOps does one random thing to a table.
func (w *world) randomOp(rt *rapid.T, t *Table) {
	ctx := context.Background()
	some := func() attribute.Item {
		return item("h", fmt.Sprint("k", rapid.IntRange(0, 5).Draw(rt, "key")), "x", rapid.IntRange(0, 2).Draw(rt, "x"))
	}
	must := func(err error) {
		if err != nil && !errors.Is(err, ErrNotACondition) && !errors.Is(err, ErrSameItem) {
			rt.Fatal(err)
		}
	}
	change := some()
	no := func(attribute.Item) (bool, error) { return false, nil }
	switch rapid.IntRange(0, 7).Draw(rt, "op") {
	case 0:
		_, err := w.Put(ctx, t, change, nil)
		must(err)
	case 1:
		must(w.Overwrite(ctx, t, change))
	case 2:
		_, err := w.Delete(ctx, t, t.KeyOf(change), nil)
		must(err)
	case 3:
		_, err := w.Engine.Update(ctx, t, t.KeyOf(change), nil, func(attribute.Item) (attribute.Item, error) { return change, nil })
		must(err)
	case 4:
		_, err := w.Put(ctx, t, change, no)
		must(err)
	case 5:
		other := some()
		a, _ := PutOf(t, change, nil)
		b, _ := DeleteOf(t, t.KeyOf(other), nil)
		_, _, err := w.Transact(ctx, nil, []Write{a, b.Blindly()})
		must(err)
	case 6:
		a, _ := PutOf(t, change, nil)
		b, _ := CheckOf(t, t.KeyOf(some()), no)
		_, _, err := w.Transact(ctx, nil, []Write{a, b})
		if failed := new(TransactionError); !errors.As(err, &failed) && !errors.Is(err, ErrSameItem) {
			rt.Fatal(err)
		}
	case 7:
		w.clock.Advance(time.Duration(rapid.IntRange(1, 180).Draw(rt, "minutes")) * time.Minute)
	}
}

// TestAStreamLeadsToItsTable does random things, shards rolling and the server being stopped and cut off in between. What a reader
// that began at the start has been told leads to the table as it is.
func TestAStreamLeadsToItsTable(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t)
		table := w.stream(w.create(tableNamed("Orders", 1, attribute.S, 0)), BothViews)
		reader, age := w.consume(table, 1), w.clock.Now()
		for range rapid.IntRange(1, 40).Draw(rt, "ops") {
			if w.clock.Now().Sub(age) < 20*time.Hour {
				w.randomOp(rt, table)
			}
			switch rapid.IntRange(0, 11).Draw(rt, "besides") {
			case 0, 1:
				reader.poll()
			case 2:
				offset := w.clock.Offset()
				*w = *reopened(w, rapid.Bool().Draw(rt, "power lost"))
				w.clock.Advance(offset)
				table, _ = w.Table(table.Name)
			}
		}
		reader.poll()
		reader.check(w.contents(table))
		whole := w.consume(table, 1)
		whole.poll()
		whole.check(w.contents(table))
		if !slices.EqualFunc(whole.got, reader.got, func(a, b StreamRecord) bool { return a.Number == b.Number }) {
			rt.Fatalf("who read on and off saw %d records, who read at the end %d", len(reader.got), len(whole.got))
		}
	})
}

// reopened is the world after a stop, or after a loss of power.
func reopened(w *world, lost bool) *world {
	if lost {
		after := w.after()
		w.close()
		after.open()
		return after
	}
	w.close()
	w.open()
	return w
}

// TestReadersBetweenWriters reads while many write the same items and shards roll. Without the limit a reader goes past records whose
// transactions are durable later than those with greater numbers.
func TestReadersBetweenWriters(t *testing.T) {
	w := newWorld(t)
	table := w.stream(w.create(tableNamed("Orders", 1, attribute.S, 0)), BothViews)
	reader, stop := w.consume(table, 1), make(chan struct{})
	reader.limit = 100
	var writers sync.WaitGroup
	for n := range 16 {
		writers.Go(func() {
			for i := range 60 {
				one, _ := PutOf(table, item("h", fmt.Sprint("own", n), "x", i), nil)
				all, _ := PutOf(table, item("h", fmt.Sprint("k", i%5), "x", n*100+i), nil)
				if _, _, err := w.Transact(context.Background(), nil, []Write{one, all}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	go func() {
		writers.Wait()
		close(stop)
	}()
	for reading := true; reading; {
		select {
		case <-stop:
			reading = false
		default:
			w.clock.Advance(20 * time.Minute)
		}
		reader.poll()
	}
	reader.check(w.contents(table))
	if len(reader.got) != 16*60*2 {
		t.Errorf("%d records of %d changes", len(reader.got), 16*60*2)
	}
	if len(reader.places) < 3 {
		t.Errorf("the shards did not roll: %d", len(reader.places))
	}
}

// TestALimitStaysBelowWhatFlies: a number whose transaction is not over keeps readers before it, one whose transaction came to
// nothing does not, and one whose outcome nobody knows does until the next start.
func TestALimitStaysBelowWhatFlies(t *testing.T) {
	q := newSequence(Stream{Number: 1, Created: time.Unix(0, 0)}, true)
	now := time.Unix(60, 0)
	for range 4 {
		q.take(now)
	}
	steps := []struct {
		do    func()
		limit uint64
	}{
		{func() { q.committed(2) }, 1}, {func() { q.given(1) }, 3}, {func() { q.committed(4) }, 3}, {func() { q.committed(3) }, 5},
	}
	for i, step := range steps {
		step.do()
		if got := q.limit(); got != step.limit {
			t.Errorf("after step %d the limit is %d, want %d", i, got, step.limit)
		}
	}
	x := transaction{decided: true}
	number, _, _ := q.take(now)
	x.numbers = []takenNumber{{q, number}}
	x.over(errors.New("the disk failed"))
	_, _, _ = q.take(now)
	if q.limit() != number {
		t.Errorf("the limit went past %d, whose outcome is not known: %d", number, q.limit())
	}
	x.over(&storage.SealedError{})
	if q.limit() != number+1 {
		t.Errorf("the limit is %d though nothing was written under %d", q.limit(), number)
	}
}
