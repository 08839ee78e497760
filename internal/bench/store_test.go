package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/sealtable/sealtable/internal/storage"
	"github.com/sealtable/sealtable/internal/storage/embedded"
)

// These benchmarks are run by this program's group store, with -benchtime=1x: each takes its turns itself, so that what is compared
// is measured in turns, and reports medians as metrics. They run under `go test` because only there can a store be opened
// without encryption.

const (
	turns     = 5
	turn      = 400 * time.Millisecond
	valueSize = 1024
)

// fixedKeys gives every table the same key.
type fixedKeys struct{}

func (fixedKeys) Current(storage.TableID) (storage.Epoch, error) { return 1, nil }

func (fixedKeys) Key(_ storage.TableID, _ storage.Epoch, key *[storage.KeySize]byte) error {
	*key = [storage.KeySize]byte{1, 2, 3}
	return nil
}

func tableID(i int) (id storage.TableID) {
	binary.BigEndian.PutUint64(id[:], uint64(i)+1)
	return id
}

func openStore(b *testing.B, tables int, change func(*embedded.Options)) *embedded.Store {
	b.Helper()
	options := embedded.Options{FS: vfs.Default, Dir: b.TempDir(), Keys: fixedKeys{}, FrameKey: [32]byte{7}, MaxOpenTables: 2000}
	if change != nil {
		change(&options)
	}
	store, err := embedded.Open(options)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = store.Close() })
	for i := range tables {
		if err := store.CreateTable(context.Background(), tableID(i)); err != nil {
			b.Fatal(err)
		}
	}
	return store
}

func plain(o *embedded.Options) { o.BenchmarkWithoutEncryption = true }

func rowAt(table, i int) storage.Row {
	return storage.Row{Table: tableID(table), Partition: fmt.Appendf(nil, "customer-%08d", i), Sort: []byte("order")}
}

// value is text of which half can be compressed away, as usual items can.
func value(i int) []byte {
	out := make([]byte, valueSize)
	random := rand.New(rand.NewPCG(uint64(i), 1))
	for at := range out {
		out[at] = "0123456789abcdef"[random.IntN(16)]
	}
	return out
}

func put(store *embedded.Store, row storage.Row, value []byte) error {
	return store.Update(context.Background(), []storage.Row{row}, func(tx storage.Tx) error { return tx.Put(row, value) })
}

// measure is what one turn came to.
type measure struct{ perSecond, cpu float64 } // cpu: microseconds of this process for each

// work runs one, from so many goroutines, for a turn.
func work(b *testing.B, goroutines int, one func(goroutine, i int) error) measure {
	b.Helper()
	var stop atomic.Bool
	var done atomic.Int64
	timer := time.AfterFunc(turn, func() { stop.Store(true) })
	defer timer.Stop()
	begin, before := time.Now(), processCPU()
	var wait sync.WaitGroup
	for g := range goroutines {
		wait.Go(func() {
			for i := 0; !stop.Load(); i++ {
				if err := one(g, i); err != nil {
					b.Error(err)
					return
				}
				done.Add(1)
			}
		})
	}
	wait.Wait()
	n := float64(max(done.Load(), 1))
	return measure{n / time.Since(begin).Seconds(), float64((processCPU() - before).Nanoseconds()) / 1e3 / n}
}
