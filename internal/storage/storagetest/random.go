package storagetest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/sealtable/sealtable/internal/storage"
)

func testRestart(t *testing.T, c Config) {
	b := newBench(t, c)
	id := b.table(1)
	for i := range 300 {
		b.put(row(id, fmt.Sprint(i%7), fmt.Sprint(i)), strings.Repeat("x", i))
	}
	for range 3 {
		b.restart()
		for i := range 300 {
			b.expect(row(id, fmt.Sprint(i%7), fmt.Sprint(i)), strings.Repeat("x", i))
		}
	}
}

// model is what the store must hold.
type model map[storage.TableID]map[place]string

type place struct {
	collection      storage.Collection
	partition, sort string
}

func (p place) row(id storage.TableID) storage.Row {
	return storage.Row{Table: id, Collection: p.collection, Partition: []byte(p.partition),
		Sort: []byte(p.sort)}
}

func randomPlace(rng *rand.Rand) place {
	return place{storage.Collection(rng.IntN(2)), fmt.Sprint("p", rng.IntN(4)), fmt.Sprint(rng.IntN(12))}
}

// testRandomOperations draws operations, restarts, crashes and lost keys, and compares with a model after
// each disruption.
func testRandomOperations(t *testing.T, c Config) {
	b := newBench(t, c)
	rng := random(t)
	m := model{}
	next := byte(0)
	grow := func() {
		next++
		m[b.table(next)] = map[place]string{}
	}
	grow()
	grow()
	steps := 1000
	if testing.Short() {
		steps = 150
	}
	for range steps {
		switch n := rng.IntN(1000); {
		case n < 940:
			b.randomUpdate(rng, m)
		case n < 950 && len(m) < 6:
			grow()
		case n < 955 && len(m) > 2:
			id := b.anyTable(rng, m)
			if err := b.store.DropTable(t.Context(), id); err != nil {
				t.Fatalf("drop: %v", err)
			}
			delete(m, id)
		case n < 970:
			if err := b.store.SealTable(t.Context(), b.anyTable(rng, m)); err != nil {
				t.Fatalf("seal: %v", err)
			}
		case n < 975:
			b.keys.Rotate(b.anyTable(rng, m))
		case n < 982:
			b.restart()
		case n < 990:
			b.crash([]int{0, 50, 100}[rng.IntN(3)], rng)
		case n < 993:
			b.crashWithoutKey(rng, m)
		default:
			b.compare(m)
		}
	}
	b.compare(m)
}

func (b *bench) anyTable(rng *rand.Rand, m model) storage.TableID {
	ids := slices.Collect(maps.Keys(m))
	slices.SortFunc(ids, func(x, y storage.TableID) int { return int(x[15]) - int(y[15]) })
	return ids[rng.IntN(len(ids))]
}

// randomUpdate changes a few rows of one or two tables at once.
func (b *bench) randomUpdate(rng *rand.Rand, m model) {
	b.t.Helper()
	type change struct {
		id     storage.TableID
		place  place
		value  string
		remove bool
	}
	var changes []change
	var latches []storage.Row
	for range 1 + rng.IntN(5) {
		ch := change{id: b.anyTable(rng, m), place: randomPlace(rng), remove: rng.IntN(4) == 0}
		ch.value = strings.Repeat(fmt.Sprint(rng.IntN(10)), rng.IntN(3000))
		changes = append(changes, ch)
		latches = append(latches, ch.place.row(ch.id))
	}
	err := b.store.Update(b.t.Context(), latches, func(tx storage.Tx) error {
		for _, ch := range changes {
			want, there := m[ch.id][ch.place]
			got, found, err := tx.Get(ch.place.row(ch.id))
			if err != nil || found != there || string(got) != want {
				return fmt.Errorf("transaction read %v: %d bytes %v %v, want %d bytes %v", ch.place, len(got),
					found, err, len(want), there)
			}
			if ch.remove {
				delete(m[ch.id], ch.place)
				err = tx.Delete(ch.place.row(ch.id))
			} else {
				m[ch.id][ch.place] = ch.value
				err = tx.Put(ch.place.row(ch.id), []byte(ch.value))
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.t.Fatalf("update: %v", err)
	}
}

// crashWithoutKey restarts after a power cut while one table's key is off, uses the others, and switches it
// on again.
func (b *bench) crashWithoutKey(rng *rand.Rand, m model) {
	b.t.Helper()
	id := b.anyTable(rng, m)
	b.keys.Switch(id, false)
	b.crash([]int{0, 50, 100}[rng.IntN(3)], rng)
	b.expectError(row(id, "p", ""), ErrSwitchedOff)
	others := maps.Clone(m)
	delete(others, id)
	if len(others) > 0 {
		for range 20 {
			b.randomUpdate(rng, others)
		}
		b.compareRows(others)
	}
	if rng.IntN(2) == 0 {
		b.crash(50, rng)
	}
	b.keys.Switch(id, true)
}

func (b *bench) compare(m model) {
	b.t.Helper()
	b.expectTables(slices.Collect(maps.Keys(m))...)
	b.compareRows(m)
}

func (b *bench) compareRows(m model) {
	b.t.Helper()
	for id, rows := range m {
		n := 0
		for collection := range storage.Collection(2) {
			for _, r := range collect(b.t,
				b.store.Scan(b.t.Context(), storage.CollectionScan{Table: id, Collection: collection})) {
				if want, there := rows[place{collection, r.partition, r.sort}]; !there || want != r.value {
					b.t.Fatalf("table %s, row %d %q %q: %d bytes, want %d (%v)", id, collection, r.partition,
						r.sort, len(r.value), len(want), there)
				}
				n++
			}
		}
		if n != len(rows) {
			b.t.Fatalf("table %s: %d rows, want %d", id, n, len(rows))
		}
	}
}

// testConcurrentCrash cuts the power while writers are at work. What was acknowledged before must be there,
// and every transaction over both tables must be there in both or in neither.
func testConcurrentCrash(t *testing.T, c Config) {
	rng := random(t)
	for _, percent := range []int{0, 50, 100} {
		b := newBench(t, c)
		one, two := b.table(1), b.table(2)
		for round := range 3 {
			w := startWriters(b, one, two, round)
			w.waitFor(150)
			acknowledged := w.snapshot()
			clone := b.fs.CrashClone(crashOf(percent, rng))
			w.stop()
			_ = b.store.Close() // of a machine that is no more
			b.fs = clone
			b.open()
			for key, n := range acknowledged {
				if got := b.number(row(one, key, "")); got < n {
					t.Fatalf("%d %%: %s is %d, acknowledged was %d", percent, key, got, n)
				}
			}
			for i := range crashWriters {
				key := fmt.Sprintf("round %d writer %d", round, i)
				if x, y := b.number(row(one, key, "")), b.number(row(two, key, "")); x != y {
					t.Fatalf("%d %%: %s is %d in one table and %d in the other", percent, key, x, y)
				}
			}
		}
		b.close()
	}
}

const crashWriters = 6

func (b *bench) number(r storage.Row) int64 {
	b.t.Helper()
	value, _, err := b.store.Get(b.t.Context(), r, nil)
	if err != nil {
		b.t.Fatalf("get: %v", err)
	}
	return decodeNumber(value)
}

// writers count up, each its own row of two tables.
type writers struct {
	mu    sync.Mutex
	acked map[string]int64
	total int
	more  sync.Cond
	stop  func()
}

func startWriters(b *bench, one, two storage.TableID, round int) *writers {
	w := &writers{acked: map[string]int64{}}
	w.more.L = &w.mu
	ctx, cancel := context.WithCancel(b.t.Context())
	var group sync.WaitGroup
	for i := range crashWriters {
		key := fmt.Sprintf("round %d writer %d", round, i)
		group.Go(func() {
			for n := int64(1); ctx.Err() == nil; n++ {
				if err := bump(ctx, b.store, row(one, key, ""), row(two, key, ""), n); err != nil {
					if !errors.Is(err, context.Canceled) {
						b.t.Errorf("update: %v", err)
					}
					return
				}
				w.note(key, n)
			}
		})
	}
	w.stop = func() { cancel(); group.Wait() }
	return w
}

func bump(ctx context.Context, s storage.Store, x, y storage.Row, n int64) error {
	return s.Update(ctx, []storage.Row{x, y}, func(tx storage.Tx) error {
		return errors.Join(tx.Put(x, encodeNumber(n)), tx.Put(y, encodeNumber(n)))
	})
}

func (w *writers) note(key string, n int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.acked[key] = n
	w.total++
	w.more.Broadcast()
}

func (w *writers) waitFor(total int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.total < total {
		w.more.Wait()
	}
}

func (w *writers) snapshot() map[string]int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return maps.Clone(w.acked)
}
