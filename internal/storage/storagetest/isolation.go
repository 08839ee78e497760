package storagetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/sealtable/sealtable/internal/storage"
)

func crashOf(percent int, rng *rand.Rand) vfs.CrashCloneCfg {
	return vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: rng}
}

const (
	accounts = 12
	deposit  = 100
)

// testTransfers moves money between accounts in several tables. Nothing is ever made or lost, also not by a
// power cut.
func testTransfers(t *testing.T, c Config) {
	b := newBench(t, c)
	rng := random(t)
	ids := []storage.TableID{b.table(1), b.table(2), b.table(3)}
	account := func(i int) storage.Row { return row(ids[i%len(ids)], fmt.Sprint("account ", i), "") }
	all := make([]storage.Row, accounts)
	for i := range all {
		all[i] = account(i)
		b.put(all[i], string(encodeNumber(deposit)))
	}
	var group sync.WaitGroup
	for range 8 {
		own := rand.New(rand.NewPCG(rng.Uint64(), 0))
		group.Go(func() {
			for range 100 {
				from, to := own.IntN(accounts), own.IntN(accounts)
				if err := transfer(t.Context(), b.store, all[from], all[to],
					int64(own.IntN(30))); err != nil {
					t.Errorf("transfer: %v", err)
				}
			}
		})
	}
	group.Go(func() {
		for range 50 {
			b.checkTotal(all)
		}
	})
	group.Wait()
	b.checkTotal(all)
	b.crash(50, rng)
	b.checkTotal(all)
}

func transfer(ctx context.Context, s storage.Store, from, to storage.Row, amount int64) error {
	if string(from.Partition) == string(to.Partition) {
		return nil
	}
	return s.Update(ctx, []storage.Row{from, to}, func(tx storage.Tx) error {
		x, _, err := tx.Get(from)
		if err != nil || decodeNumber(x) < amount {
			return err
		}
		y, _, err := tx.Get(to)
		if err != nil {
			return err
		}
		return errors.Join(tx.Put(from, encodeNumber(decodeNumber(x)-amount)),
			tx.Put(to, encodeNumber(decodeNumber(y)+amount)))
	})
}

// checkTotal adds up all accounts in a transaction that only reads.
func (b *bench) checkTotal(all []storage.Row) {
	total := int64(0)
	err := b.store.Update(b.t.Context(), all, func(tx storage.Tx) error {
		for _, r := range all {
			v, _, err := tx.Get(r)
			if err != nil {
				return err
			}
			total += decodeNumber(v)
		}
		return nil
	})
	if err != nil || total != accounts*deposit {
		b.t.Errorf("total is %d, want %d (%v)", total, accounts*deposit, err)
	}
}

// A register operation: put a number, get one, or add one in a transaction.
type registerOp struct {
	kind  byte
	value int64
}

// testLinearizable records what concurrent clients of one row did and saw, and has porcupine find an order
// that explains it.
func testLinearizable(t *testing.T, c Config) {
	b := newBench(t, c)
	rng := random(t)
	r := row(b.table(1), "register", "")
	var mu sync.Mutex
	var history []porcupine.Operation
	start := time.Now()
	var group sync.WaitGroup
	for client := range 5 {
		own := rand.New(rand.NewPCG(rng.Uint64(), 0))
		group.Go(func() {
			for range 40 {
				op := registerOp{kind: "pgi"[own.IntN(3)], value: own.Int64N(1000)}
				call := time.Since(start)
				out, err := b.register(r, op)
				if err != nil {
					t.Errorf("%c: %v", op.kind, err)
					return
				}
				mu.Lock()
				history = append(history, porcupine.Operation{ClientId: client, Input: op, Output: out,
					Call: int64(call), Return: int64(time.Since(start))})
				mu.Unlock()
			}
		})
	}
	group.Wait()
	if !porcupine.CheckOperations(registerModel(), history) {
		t.Fatal("no order of the operations explains what was seen")
	}
}

// register runs one operation and returns the number that was there.
func (b *bench) register(r storage.Row, op registerOp) (before int64, err error) {
	if op.kind == 'g' {
		v, _, err := b.store.Get(b.t.Context(), r, nil)
		return decodeNumber(v), err
	}
	err = b.store.Update(b.t.Context(), []storage.Row{r}, func(tx storage.Tx) error {
		v, _, err := tx.Get(r)
		if err != nil {
			return err
		}
		before = decodeNumber(v)
		return tx.Put(r, encodeNumber(op.after(before)))
	})
	return before, err
}

func (op registerOp) after(before int64) int64 {
	switch op.kind {
	case 'p':
		return op.value
	case 'i':
		return before + 1
	}
	return before
}

func registerModel() porcupine.Model {
	return porcupine.Model{
		Init: func() any { return int64(0) },
		Step: func(state, input, output any) (bool, any) {
			before := state.(int64)
			return output.(int64) == before, input.(registerOp).after(before)
		},
	}
}

// testLatches has many wait for one row: each gets its turn, and one who stops waiting does not stop the
// others.
func testLatches(t *testing.T, c Config) {
	b := newBench(t, c)
	id := b.table(1)
	hot, other := row(id, "hot", ""), row(id, "other", "")
	held, release := make(chan struct{}), make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() {
		err := b.store.Update(t.Context(), []storage.Row{hot},
			func(storage.Tx) error { close(held); <-release; return nil })
		if err != nil {
			t.Errorf("update: %v", err)
		}
	})
	<-held
	b.put(other, "not held up") // a different row of the same table
	ctx, cancel := context.WithCancel(t.Context())
	var gaveUp, done atomic.Int32
	for i := range 40 {
		group.Go(func() {
			use := t.Context()
			if i%2 == 0 {
				use = ctx
			}
			switch err := put(use, b.store, hot, "mine"); {
			case errors.Is(err, context.Canceled):
				gaveUp.Add(1)
			case err != nil:
				t.Errorf("put: %v", err)
			default:
				done.Add(1)
			}
		})
	}
	time.Sleep(10 * time.Millisecond) // most wait by now; the outcome is the same if they do not
	cancel()
	for gaveUp.Load() < 20 {
		time.Sleep(time.Millisecond)
	}
	close(release)
	group.Wait()
	if done.Load() != 20 {
		t.Fatalf("%d had their turn, %d gave up", done.Load(), gaveUp.Load())
	}
	b.expect(hot, "mine")
}
