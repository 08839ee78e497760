package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sealtable/sealtable/internal/attribute"
	"github.com/sealtable/sealtable/internal/storage"
)

// streamRows counts what a table's streams leave in the store.
func (w *world) streamRows(t *Table) (n int) {
	w.t.Helper()
	for _, c := range []storage.Collection{streamRecords, streamShards} {
		rows := w.store.Scan(context.Background(), storage.CollectionScan{Table: t.ID, Collection: c})
		for rows.Next() {
			n++
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			w.t.Fatal(err)
		}
	}
	return n
}

func (w *world) trim(t *Table) *Table {
	w.t.Helper()
	now, err := w.Table(t.Name)
	if err == nil && now.TrimDue(w.clock.Now()) {
		err = w.TrimStreams(context.Background(), now, w.clock.Now())
	}
	if err == nil {
		now, err = w.Table(t.Name)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return now
}

func TestViews(t *testing.T) {
	for _, c := range []struct {
		view StreamView
		want string
	}{
		{KeysOnly, "I:- -  M:- -  R:- -"}, {NewImage, "I:one -  M:two -  R:- -"}, {OldImage, "I:- -  M:- one  R:- two"},
		{BothViews, "I:one -  M:two one  R:- two"},
	} {
		ctx, w := context.Background(), newWorld(t)
		table := w.stream(w.create(tableNamed("Orders", 1, attribute.S, attribute.N)), c.view)
		w.put(table, item("h", "a", "r", 1, "x", "one"))
		w.put(table, item("h", "a", "r", 1, "x", "one"))
		if err := w.Overwrite(ctx, table, item("h", "a", "r", 1, "x", "two")); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if _, err := w.Delete(ctx, table, item("h", "a", "r", 1), nil); err != nil {
				t.Fatal(err)
			}
		}
		reader, got := w.consume(table, 1), []string{}
		reader.poll()
		for _, r := range reader.got {
			got = append(got, fmt.Sprintf("%c:%s %s", "-IMR"[r.Event], textOf(r.New), textOf(r.Old)))
			if string(r.Keys) != string(item("h", "a", "r", 1)) || r.Size() != r.Keys.Size()+r.New.Size()+r.Old.Size() {
				t.Errorf("%s: keys %q, size %d", c.view, r.Keys, r.Size())
			}
		}
		if text := strings.Join(got, "  "); text != c.want {
			t.Errorf("%s: %s, want %s", c.view, text, c.want)
		}
	}
}

func textOf(it attribute.Item) string {
	if it == nil {
		return "-"
	}
	return string(it.Get("x").Text())
}

// TestStreamsComeAndGo: a disabled stream takes no more records, has an end, can be read for a day and then leaves nothing behind.
func TestStreamsComeAndGo(t *testing.T) {
	ctx, w := context.Background(), newWorld(t)
	table := w.create(tableNamed("Orders", 1, attribute.S, 0))
	w.put(table, item("h", "before"))
	table = w.stream(table, BothViews)
	w.put(table, item("h", "first"))
	table = w.endStream(table)
	w.put(table, item("h", "between"))
	table = w.stream(table, KeysOnly)
	w.put(table, item("h", "second"))
	if len(table.Streams) != 2 || table.Streams[0].Label >= table.Streams[1].Label {
		t.Fatalf("%+v", table.Streams)
	}
	for _, restarted := range []bool{false, true} {
		for i, want := range []string{"first", "second"} {
			reader := w.consume(table, uint32(i+1))
			reader.poll()
			if len(reader.got) != 1 || string(reader.got[0].Keys) != string(item("h", want)) {
				t.Errorf("stream %d: %+v", i+1, reader.got)
			}
			if atEnd := reader.places[1] == nil; atEnd != (i == 0) {
				t.Errorf("stream %d is at its end: %t", i+1, atEnd)
			}
		}
		if !restarted {
			*w = *reopened(w, true)
			table, _ = w.Table(table.Name)
		}
	}
	w.clock.Advance(StreamRetention)
	if _, err := table.Stream(table.Streams[0].Label, w.clock.Now()); !errors.Is(err, ErrNoStream) {
		t.Errorf("a day later the disabled stream can be read: %v", err)
	}
	table = w.trim(table)
	if len(table.Streams) != 1 || table.Recording() == nil || w.streamRows(table) != 1 {
		t.Errorf("left are %+v and %d rows, want a stream and its horizon", table.Streams, w.streamRows(table))
	}
	if _, err := w.Shards(ctx, table, 1); !errors.Is(err, ErrNoStream) {
		t.Errorf("shards of a stream that is gone: %v", err)
	}
	w.endStream(table)
	w.clock.Advance(StreamRetention)
	table = w.trim(table)
	if len(table.Streams) != 0 || w.streamRows(table) != 0 {
		t.Errorf("left are %+v and %d rows", table.Streams, w.streamRows(table))
	}
	table = w.stream(table, KeysOnly)
	if table.Streams[0].Number != 3 {
		t.Errorf("the number of a stream is used again: %+v", table.Streams)
	}
}

// TestTrimming: records go after a day, with their shards; who reads from before them is told; numbers go on where they were, though
// nothing is left that bears one.
func TestTrimming(t *testing.T) {
	ctx, w := context.Background(), newWorld(t)
	table := w.stream(w.create(tableNamed("Orders", 1, attribute.S, 0)), BothViews)
	for i := range 2*trimmedAtOnce/3 + 3 {
		w.put(table, item("h", "a", "x", i))
	}
	w.clock.Advance(5 * time.Hour)
	w.put(table, item("h", "b", "x", 1))
	w.put(table, item("h", "b", "x", 2))
	start, err := w.Oldest(ctx, table, 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	reader := w.consume(table, 1)
	reader.poll()
	last := reader.got[len(reader.got)-1].Number
	w.clock.Advance(19*time.Hour + time.Minute)
	table = w.trim(table)
	if _, err := w.ReadStream(ctx, table, start, 10); !errors.Is(err, ErrTrimmed) {
		t.Errorf("reading what is trimmed: %v", err)
	}
	if shards, _ := w.Shards(ctx, table, 1); len(shards) != 2 || !shards[0].Closed || shards[1].First != last-1 {
		t.Errorf("the closed shard is kept while its end is young: %+v", shards)
	}
	fresh := w.consume(table, 1)
	fresh.poll()
	if len(fresh.got) != 2 || fresh.got[1].Number != last {
		t.Errorf("%d records are left", len(fresh.got))
	}
	w.clock.Advance(5 * time.Hour)
	table = w.trim(table)
	for range 2 {
		if shards, err := w.Shards(ctx, table, 1); err != nil || len(shards) != 1 || shards[0].Ordinal != 2 || shards[0].Closed ||
			w.streamRows(table) != 2 {
			t.Errorf("%+v %v, %d rows", shards, err, w.streamRows(table))
		}
		if _, err := w.Oldest(ctx, table, 1, 1); !errors.Is(err, ErrNoShard) {
			t.Errorf("a trimmed shard: %v", err)
		}
		*w = *reopened(w, true)
		table, _ = w.Table(table.Name)
	}
	w.put(table, item("h", "c"))
	reader.table = table
	reader.poll()
	if reader.got[len(reader.got)-1].Number != last+1 {
		t.Errorf("after %d comes %d", last, reader.got[len(reader.got)-1].Number)
	}
}

// TestPositions: what a client may begin with.
func TestPositions(t *testing.T) {
	ctx, w := context.Background(), newWorld(t)
	table := w.stream(w.create(tableNamed("Orders", 1, attribute.S, 0)), KeysOnly)
	newest := func(shard uint64) uint64 {
		at, err := w.Newest(ctx, table, 1, shard)
		if err != nil {
			t.Fatal(err)
		}
		return at.After
	}
	if newest(1) != 0 {
		t.Errorf("the newest of nothing is %d", newest(1))
	}
	for i := range 3 {
		w.put(table, item("h", fmt.Sprint(i)))
	}
	w.clock.Advance(5 * time.Hour)
	w.put(table, item("h", "later"))
	if newest(1) != 3 || newest(2) != 4 {
		t.Errorf("newest: %d and %d", newest(1), newest(2))
	}
	for _, c := range []struct {
		shard, after uint64
		want         error
	}{
		{1, 0, nil}, {1, 1, nil}, {1, 3, nil}, {1, 4, ErrStartKeyOutside}, {1, 99, ErrStartKeyOutside},
		{2, 2, ErrStartKeyOutside}, {2, 3, nil}, {2, 4, nil}, {2, 5, ErrStartKeyOutside}, {3, 4, ErrNoShard}, {0, 0, ErrNoShard},
	} {
		if err := w.CheckPosition(ctx, table, StreamPosition{Stream: 1, Shard: c.shard, After: c.after}); !errors.Is(err, c.want) {
			t.Errorf("shard %d after %d: %v, want %v", c.shard, c.after, err, c.want)
		}
	}
}

// TestPagesOfRecords: a page ends before it is too large, whatever the limit.
func TestPagesOfRecords(t *testing.T) {
	ctx, w := context.Background(), newWorld(t)
	table := w.stream(w.create(tableNamed("Orders", 1, attribute.S, 0)), BothViews)
	big := strings.Repeat("x", 390<<10)
	for i := range 3 {
		w.put(table, item("h", "a", "n", i, "x", big))
	}
	place, err := w.Oldest(ctx, table, 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	var sizes []int
	for range 3 {
		page, err := w.ReadStream(ctx, table, place, 1000)
		if err != nil {
			t.Fatal(err)
		}
		sizes, place = append(sizes, len(page.Records)), *page.Next
	}
	if !slices.Equal(sizes, []int{1, 1, 1}) {
		t.Errorf("pages of %v records", sizes)
	}
}

// TestWritersThatLookedBeforeAStreamBegan: when the call that begins a stream returns, no change that is made later is missing in it,
// whoever made it.
func TestWritersThatLookedBeforeAStreamBegan(t *testing.T) {
	ctx, w := context.Background(), newWorld(t)
	old := w.create(tableNamed("Orders", 1, attribute.S, 0))
	held := make(chan struct{})
	release := make(chan struct{})
	written := make(chan error, 1)
	let := sync.OnceFunc(func() { close(release) })
	defer let()
	go func() {
		_, err := w.Engine.Update(ctx, old, item("h", "a"), nil, func(attribute.Item) (attribute.Item, error) {
			close(held)
			<-release
			return item("h", "a", "x", 1), nil
		})
		written <- err
	}()
	<-held
	began := make(chan *Table, 1)
	go func() { began <- w.stream(old, BothViews) }()
	select {
	case <-began:
		t.Fatal("the stream began while a writer was under way that does not know of it")
	case <-time.After(20 * time.Millisecond):
	}
	let()
	if err := <-written; err != nil {
		t.Fatal(err)
	}
	table := <-began
	w.put(old, item("h", "a", "x", 2))
	reader := w.consume(table, 1)
	reader.poll()
	if len(reader.got) != 1 || string(reader.got[0].Old) != string(item("h", "a", "x", 1)) {
		t.Errorf("%+v", reader.got)
	}
}
