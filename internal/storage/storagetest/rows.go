package storagetest

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/sealtable/sealtable/internal/storage"
)

func testTables(t *testing.T, c Config) {
	b := newBench(t, c)
	ctx := t.Context()
	one, two := b.table(1), b.table(2)
	if err := b.store.CreateTable(ctx, storage.System(3)); err != nil {
		t.Fatalf("create system table: %v", err)
	}
	if err := b.store.CreateTable(ctx, one); !errors.Is(err, storage.ErrTableExists) {
		t.Fatalf("create again: got %v", err)
	}
	for range 2 { // as made, and as found again
		b.expectTables(one, two, storage.System(3))
		b.restart()
	}
	b.put(row(two, "p", "s"), "v")
	for range 2 {
		if err := b.store.DropTable(ctx, two); err != nil {
			t.Fatalf("drop: %v", err)
		}
		b.expectError(row(two, "p", "s"), storage.ErrNoTable)
	}
	b.expectTables(one, storage.System(3))
	b.restart()
	b.expectTables(one, storage.System(3))
	for _, err := range []error{b.store.SealTable(ctx, two), second(b.store.TableStats(ctx, two))} {
		if !errors.Is(err, storage.ErrNoTable) {
			t.Fatalf("got %v, want ErrNoTable", err)
		}
	}
	three := b.table(3)
	b.put(row(three, "p", "s"), "v")
	if stats, err := b.store.TableStats(ctx, three); err != nil || !stats.Open || stats.MemoryBytes == 0 {
		t.Fatalf("stats: %+v, %v", stats, err)
	}
}

func second[T any](_ T, err error) error { return err }

func (b *bench) expectTables(want ...storage.TableID) {
	b.t.Helper()
	got, err := b.store.Tables(b.t.Context())
	if err != nil {
		b.t.Fatalf("tables: %v", err)
	}
	less := func(a, b storage.TableID) int { return bytes.Compare(a[:], b[:]) }
	slices.SortFunc(got, less)
	slices.SortFunc(want, less)
	if !slices.Equal(got, want) {
		b.t.Fatalf("tables: got %v, want %v", got, want)
	}
}

func testRows(t *testing.T, c Config) {
	b := newBench(t, c)
	one, two := b.table(1), b.table(2)
	b.expect(row(one, "p", "s"), "-")
	b.put(row(one, "p", "s"), "first")
	b.put(row(one, "p", "s"), "second")
	b.put(row(one, "p", ""), "")
	b.put(row(one, "ps", ""), "neighbour")
	b.put(row(one, "", ""), "nothing")
	b.put(row(two, "p", "s"), "other table")
	index := row(one, "p", "s")
	index.Collection = 7
	b.put(index, "other collection")
	b.expect(row(one, "p", "s"), "second")
	b.expect(row(one, "p", ""), "")
	b.expect(row(one, "ps", ""), "neighbour")
	b.expect(row(one, "", ""), "nothing")
	b.expect(row(two, "p", "s"), "other table")
	b.expect(index, "other collection")
	b.remove(row(one, "p", "s"))
	b.remove(row(one, "never", "was"))
	b.expect(row(one, "p", "s"), "-")
	b.expect(index, "other collection")
	dst, found, err := b.store.Get(t.Context(), index, []byte("before "))
	if err != nil || !found || string(dst) != "before other collection" {
		t.Fatalf("get into a buffer: %q %v %v", dst, found, err)
	}
}

func testTransaction(t *testing.T, c Config) {
	b := newBench(t, c)
	one := b.table(1)
	two := b.table(2)
	three := b.table(3)
	a := row(one, "a", "")
	z := row(two, "z", "")
	free := row(one, "free", "")
	b.put(a, "old")
	refused := errors.New("refused")
	err := b.store.Update(t.Context(), []storage.Row{a, z}, func(tx storage.Tx) error {
		return errors.Join(tx.Put(a, []byte("new")), tx.Put(z, []byte("new")), refused)
	})
	if !errors.Is(err, refused) {
		t.Fatalf("got %v", err)
	}
	b.expect(a, "old")
	b.expect(z, "-")
	err = b.store.Update(t.Context(), []storage.Row{z, a, z}, func(tx storage.Tx) error {
		if _, _, err := tx.Get(free); err == nil {
			t.Error("read a row that was not latched")
		}
		if tx.Put(row(three, "x", ""), nil) == nil || tx.Delete(row(three, "x", "")) == nil {
			t.Error("wrote to a table that was not named")
		}
		if v, found, err := tx.Get(a); string(v) != "old" || !found || err != nil {
			t.Errorf("get: %q %v %v", v, found, err)
		}
		scratch := []byte("new")
		err := errors.Join(tx.Put(a, scratch), tx.Put(free, scratch), tx.Put(z, []byte("gone")), tx.Delete(z))
		copy(scratch, "xxx")
		if v, found, err := tx.Get(a); string(v) != "new" || !found || err != nil {
			t.Errorf("get own write: %q %v %v", v, found, err)
		}
		if _, found, err := tx.Get(z); found || err != nil {
			t.Errorf("get own deletion: %v %v", found, err)
		}
		return err
	})
	if err != nil {
		t.Fatalf("update: %v", err)
	}
	b.expect(a, "new")
	b.expect(free, "new")
	b.expect(z, "-")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := put(ctx, b.store, a, "too late"); !errors.Is(err, context.Canceled) {
		t.Fatalf("cancelled: got %v", err)
	}
	b.expect(a, "new")
}

func testLimits(t *testing.T, c Config) {
	b := newBench(t, c)
	id := b.table(1)
	value := bytes.Repeat([]byte{0xff}, storage.MaxValue)
	edge := storage.Row{Table: id, Partition: bytes.Repeat([]byte{0}, storage.MaxPartition),
		Sort: bytes.Repeat([]byte{0xff}, storage.MaxSort)}
	b.put(edge, string(value))
	b.expect(edge, string(value))
	it := b.store.Read(t.Context(), storage.PartitionRead{Table: id, Partition: edge.Partition})
	if !it.Next() || !bytes.Equal(it.Sort(), edge.Sort) || !bytes.Equal(it.Value(), value) {
		t.Fatalf("read at the limit: %v", it.Err())
	}
	if err := it.Close(); err != nil {
		t.Fatal(err)
	}
	long, far := edge, edge
	long.Partition = append(bytes.Clone(edge.Partition), 0)
	far.Sort = append(bytes.Clone(edge.Sort), 0)
	for _, r := range []storage.Row{long, far} {
		b.expectTooLarge(r, nil)
		if _, _, err := b.store.Get(t.Context(), r, nil); !errors.Is(err, storage.ErrTooLarge) {
			t.Fatalf("get: got %v", err)
		}
	}
	b.expectTooLarge(row(id, "p", ""), append(value, 0))
	b.expect(row(id, "p", ""), "-")
}

func (b *bench) expectTooLarge(r storage.Row, value []byte) {
	b.t.Helper()
	latch := row(r.Table, "latch", "")
	err := b.store.Update(b.t.Context(), []storage.Row{latch},
		func(tx storage.Tx) error { return tx.Put(r, value) })
	if !errors.Is(err, storage.ErrTooLarge) {
		b.t.Fatalf("put: got %v", err)
	}
	if err := b.store.Update(b.t.Context(), []storage.Row{r}, func(tx storage.Tx) error {
		return tx.Put(r, value)
	}); !errors.Is(err, storage.ErrTooLarge) {
		b.t.Fatalf("latch and put: got %v", err)
	}
}

func testClosed(t *testing.T, c Config) {
	b := newBench(t, c)
	id := b.table(1)
	r := row(id, "p", "s")
	b.put(r, "v")
	open := b.store.Scan(t.Context(), storage.CollectionScan{Table: id})
	store := b.store
	b.close()
	b.store = store
	if open.Next() || !errors.Is(open.Err(), storage.ErrClosed) {
		t.Fatalf("iterator of a closed store: %v", open.Err())
	}
	if err := open.Close(); err != nil {
		t.Fatal(err)
	}
	b.expectError(r, storage.ErrClosed)
	ctx := t.Context()
	for _, err := range []error{store.CreateTable(ctx, storage.TableID{1}), store.DropTable(ctx, id),
		store.SealTable(ctx, id),
		second(store.Tables(ctx)), second(store.TableStats(ctx, id)), store.Close()} {
		if !errors.Is(err, storage.ErrClosed) {
			t.Fatalf("got %v, want ErrClosed", err)
		}
	}
	b.open()
	b.expect(r, "v")
}
