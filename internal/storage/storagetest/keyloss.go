package storagetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/sealtable/sealtable/internal/storage"
)

// fill writes rows that fillCheck expects.
func (b *bench) fill(id storage.TableID, from, to int) {
	b.t.Helper()
	for i := from; i < to; i++ {
		b.put(row(id, fmt.Sprint(i%5), fmt.Sprint(i)), fmt.Sprint("value ", i))
	}
}

func (b *bench) fillCheck(id storage.TableID, to int) {
	b.t.Helper()
	for i := range to {
		b.expect(row(id, fmt.Sprint(i%5), fmt.Sprint(i)), fmt.Sprint("value ", i))
	}
	if got := collect(b.t, b.store.Scan(b.t.Context(), storage.CollectionScan{Table: id})); len(got) != to {
		b.t.Fatalf("%d rows, want %d", len(got), to)
	}
}

func (b *bench) expectSealed(id storage.TableID) {
	b.t.Helper()
	b.expectError(row(id, "0", "0"), ErrSwitchedOff)
	_, _, err := b.store.Get(b.t.Context(), row(id, "0", "0"), nil)
	var sealed *storage.SealedError
	if !errors.As(err, &sealed) || sealed.Table != id {
		b.t.Fatalf("got %v, want a SealedError of table %s", err, id)
	}
}

// testKeyLoss switches a key off while the store runs.
func testKeyLoss(t *testing.T, c Config) {
	b := newBench(t, c)
	lost, other := b.table(1), b.table(2)
	b.fill(lost, 0, 100)
	b.fill(other, 0, 100)
	open := b.store.Scan(t.Context(), storage.CollectionScan{Table: lost})
	if !open.Next() {
		t.Fatalf("next: %v", open.Err())
	}
	asked := b.keys.Asked()
	b.fill(lost, 0, 10)
	if b.keys.Asked() != asked {
		t.Error("an open table asked for its key again")
	}
	b.keys.Switch(lost, false)
	for range 2 { // sealing a sealed table is no error
		if err := b.store.SealTable(t.Context(), lost); err != nil {
			t.Fatalf("seal: %v", err)
		}
	}
	for open.Next() {
		t.Fatal("an iterator goes on over a sealed table")
	}
	var sealed *storage.SealedError
	if !errors.As(open.Err(), &sealed) {
		t.Fatalf("iterator: got %v", open.Err())
	}
	if err := open.Close(); err != nil {
		t.Fatal(err)
	}
	b.expectSealed(lost)
	if _, err := b.store.TableStats(t.Context(), lost); err != nil {
		t.Fatalf("stats of a sealed table: %v", err)
	}
	both := []storage.Row{row(other, "both", ""), row(lost, "both", "")}
	err := b.store.Update(t.Context(), both, func(tx storage.Tx) error { return tx.Put(both[0], nil) })
	if !errors.Is(err, ErrSwitchedOff) {
		t.Fatalf("update over a sealed table: got %v", err)
	}
	b.expect(both[0], "-")
	b.fill(other, 100, 200)
	b.fillCheck(other, 200)
	b.keys.Switch(lost, true)
	b.fillCheck(lost, 100)
	b.fill(lost, 100, 150)
	b.restart()
	b.fillCheck(lost, 150)
	b.fillCheck(other, 200)
}

// testKeyLossAcrossRestart loses a key while commits of its table are in no other place than a log, and needs
// it again later; the others fill the log many times over meanwhile.
func testKeyLossAcrossRestart(t *testing.T, c Config) {
	b := newBench(t, c)
	rng := random(t)
	lost, other := b.table(1), b.table(2)
	b.fill(lost, 0, 100)
	b.fill(other, 0, 20)
	b.keys.Switch(lost, false)
	for i := range 3 {
		b.crash(50*i, rng)
		b.expectSealed(lost)
		b.fill(other, 20*(i+1), 20*(i+2))
	}
	for i := range 200 {
		b.put(row(other, "filler", fmt.Sprint(i)), string(make([]byte, 64<<10)))
	}
	for i := range 200 {
		b.remove(row(other, "filler", fmt.Sprint(i)))
	}
	b.restart()
	b.expectSealed(lost)
	b.fillCheck(other, 80)
	b.keys.Switch(lost, true)
	b.fillCheck(lost, 100)
	b.fill(lost, 100, 120)
	b.put(row(lost, "0", "0"), "newer") // what was set aside must not come back over this
	b.crash(0, rng)
	b.expect(row(lost, "0", "0"), "newer")
	b.put(row(lost, "0", "0"), "value 0")
	b.fillCheck(lost, 120)
}

func testKeyRotation(t *testing.T, c Config) {
	b := newBench(t, c)
	rng := random(t)
	id := b.table(1)
	for i := range 6 {
		b.fill(id, 20*i, 20*(i+1))
		b.keys.Rotate(id)
		switch i % 3 {
		case 0:
			if err := b.store.SealTable(t.Context(), id); err != nil {
				t.Fatalf("seal: %v", err)
			}
		case 1:
			b.crash(0, rng)
		}
	}
	b.fillCheck(id, 120)
	b.restart()
	b.fillCheck(id, 120)
}

// testSealUnderLoad seals and wakes a table again and again while others read, scan and write it. Every
// acknowledged write stays.
func testSealUnderLoad(t *testing.T, c Config) {
	b := newBench(t, c)
	id, other := b.table(1), b.table(2)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var group sync.WaitGroup
	last := make([]int64, 4)
	for w := range last {
		group.Go(func() {
			x, y := row(id, fmt.Sprint(w), ""), row(other, fmt.Sprint(w), "")
			for n := int64(1); ctx.Err() == nil; n++ {
				switch err := bump(ctx, b.store, x, y, n); {
				case err == nil:
					last[w] = n
				case !errors.Is(err, context.Canceled) && !errors.Is(err, ErrSwitchedOff):
					t.Errorf("update: %v", err)
					return
				}
			}
		})
	}
	group.Go(func() { b.readWhileSealed(ctx, id) })
	for i := range 30 {
		b.keys.Switch(id, false)
		if err := b.store.SealTable(t.Context(), id); err != nil {
			t.Errorf("seal: %v", err)
		}
		if i%2 == 0 {
			b.expectSealed(id)
		}
		b.keys.Switch(id, true)
		for n := b.number(row(id, "0", "")); b.number(row(id, "0", "")) < n+3; {
			time.Sleep(100 * time.Microsecond) // let the writers have the processor
		}
	}
	cancel()
	group.Wait()
	for w, n := range last {
		for _, table := range []storage.TableID{id, other} {
			if got := b.number(row(table, fmt.Sprint(w), "")); got < n {
				t.Errorf("writer %d: %d, acknowledged was %d", w, got, n)
			}
		}
	}
}

func (b *bench) readWhileSealed(ctx context.Context, id storage.TableID) {
	for ctx.Err() == nil {
		it := b.store.Scan(ctx, storage.CollectionScan{Table: id})
		for it.Next() {
			if len(it.Value()) != 8 {
				b.t.Errorf("read %d bytes", len(it.Value()))
			}
		}
		if err := it.Err(); err != nil && !errors.Is(err, ctx.Err()) {
			var sealed *storage.SealedError
			if !errors.As(err, &sealed) {
				b.t.Errorf("scan: %v", err)
			}
		}
		if err := it.Close(); err != nil {
			b.t.Errorf("close: %v", err)
		}
	}
}
