package main

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/sealtable/sealtable/internal/storage"
	"github.com/sealtable/sealtable/internal/storage/embedded"
)

// reportCost reports what a sealed store costs more than an unsealed one, in microseconds of CPU for each operation. Each side
// counts with its cheapest turn: what else runs on the machine can only add to CPU time.
func reportCost(b *testing.B, both [2][]float64) {
	sealed, plain := slices.Min(both[0]), slices.Min(both[1])
	b.ReportMetric(sealed, "sealed-us")
	b.ReportMetric(plain, "plain-us")
	b.ReportMetric(sealed-plain, "more-us")
}

// BenchmarkSealingPut is what a row costs from its durable write by one of 64 writers until it lies in the table's own files. The
// journal of both stores is sealed; BenchmarkSealingJournal has its part.
func BenchmarkSealingPut(b *testing.B) {
	for b.Loop() {
		var both [2][]float64
		for range 4 * turns { // the difference is small beside what one turn differs from another
			for i, change := range []func(*embedded.Options){small, smallPlain} {
				both[i] = append(both[i], lifeOfRows(b, change))
			}
		}
		reportCost(b, both)
	}
}

// lifeOfRows writes rows to a new store and closes it, which writes them to their files.
func lifeOfRows(b *testing.B, change func(*embedded.Options)) (cpu float64) {
	b.Helper()
	store, data := openStore(b, 1, change), value(1)
	const writers, each = 64, 400
	before := processCPU()
	var wait sync.WaitGroup
	for w := range writers {
		wait.Go(func() {
			for i := range each {
				if err := put(store, rowAt(0, w*each+i), data); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wait.Wait()
	if err := store.Close(); err != nil {
		b.Fatal(err)
	}
	return float64((processCPU() - before).Nanoseconds()) / 1e3 / (writers * each)
}

// small makes memtables so small that rows are flushed, and the files compacted, while others are written.
func small(o *embedded.Options) { o.MemTableBudget = 32 << 20 }

func smallPlain(o *embedded.Options) {
	small(o)
	plain(o)
}

// BenchmarkSealingJournal is what the journal's sealing of one row costs.
func BenchmarkSealingJournal(b *testing.B) {
	block, err := aes.NewCipher(make([]byte, storage.KeySize))
	if err != nil {
		b.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		b.Fatal(err)
	}
	row := value(1)
	out := make([]byte, 0, 2*valueSize)
	nonce := make([]byte, 12)
	for b.Loop() {
		const n = 100_000
		before := processCPU()
		for range n {
			out = aead.Seal(out[:0], nonce, row, nonce)
		}
		b.ReportMetric(float64((processCPU()-before).Nanoseconds())/1e3/n, "more-us")
	}
}

const storedRows = 40_000

func fill(b *testing.B, store *embedded.Store) {
	b.Helper()
	for from := 0; from < storedRows; from += 100 {
		row := rowAt(0, from)
		err := store.Update(context.Background(), []storage.Row{row}, func(tx storage.Tx) error {
			for i := from; i < from+100; i++ {
				if err := tx.Put(rowAt(0, i), value(i)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}

// readBoth reads rows at random from a sealed and an unsealed store that were filled, closed and opened again.
func readBoth(b *testing.B, rows int, cacheBytes int64) {
	b.Helper()
	var stores [2]*embedded.Store
	for i, change := range []func(*embedded.Options){func(*embedded.Options) {}, plain} {
		var kept embedded.Options
		filled := openStore(b, 1, func(o *embedded.Options) { change(o); o.CacheBytes = cacheBytes; kept = *o })
		fill(b, filled)
		if err := filled.Close(); err != nil {
			b.Fatal(err)
		}
		stores[i] = openStore(b, 0, func(o *embedded.Options) { *o = kept })
	}
	read := func(store *embedded.Store) float64 {
		random := rand.New(rand.NewPCG(1, 2))
		var dst []byte
		return work(b, 1, func(int, int) error {
			var err error
			dst, _, err = store.Get(context.Background(), rowAt(0, random.IntN(rows)), dst[:0])
			return err
		}).cpu
	}
	read(stores[0])
	read(stores[1])
	var both [2][]float64
	for range turns {
		for i, store := range stores {
			both[i] = append(both[i], read(store))
		}
	}
	reportCost(b, both)
}

// BenchmarkSealingCached reads rows whose blocks are all in the cache.
func BenchmarkSealingCached(b *testing.B) {
	for b.Loop() {
		readBoth(b, 2000, 256<<20)
	}
}

// BenchmarkSealingMiss reads rows whose blocks are mostly not in the cache, but in the kernel's. The cache has room for the indexes of
// the files and a tenth of their data, so that nine reads in ten miss one block.
func BenchmarkSealingMiss(b *testing.B) {
	for b.Loop() {
		readBoth(b, storedRows, 4<<20)
	}
}

// BenchmarkManyTables is 64 writers on one table and on 1000, in turns.
func BenchmarkManyTables(b *testing.B) {
	const tables = 1000
	for b.Loop() {
		store := openStore(b, 1+tables, nil)
		data := value(1)
		for i := range tables {
			if err := put(store, rowAt(1+i, 0), data); err != nil { // wakes it
				b.Fatal(err)
			}
		}
		var one, many, share []float64
		for range turns {
			a := work(b, 64, func(g, n int) error { return put(store, rowAt(0, g*1000+n%1000), data) })
			c := work(b, 64, func(g, n int) error { return put(store, rowAt(1+(g*31+n*67)%tables, n%1000), data) })
			one = append(one, a.perSecond)
			many = append(many, c.perSecond)
			share = append(share, 100*c.perSecond/a.perSecond)
		}
		b.ReportMetric(median(one), "one/s")
		b.ReportMetric(median(many), "many/s")
		b.ReportMetric(median(share), "share-%")
	}
}

// BenchmarkTransactions writes ten rows over five of a hundred tables: all at once by one writer, and by 16.
func BenchmarkTransactions(b *testing.B) {
	const tables = 100
	for b.Loop() {
		store := openStore(b, tables, nil)
		data := value(1)
		one := func(g, n int) error {
			rows := make([]storage.Row, 10)
			for i := range rows {
				rows[i] = rowAt((g*7+n*13+i/2*17)%tables, g*1_000_000+n%500*10+i)
			}
			return store.Update(context.Background(), rows, func(tx storage.Tx) error {
				for _, row := range rows {
					if err := tx.Put(row, data); err != nil {
						return err
					}
				}
				return nil
			})
		}
		for i := range tables {
			if err := put(store, rowAt(i, 0), data); err != nil {
				b.Fatal(err)
			}
		}
		before := store.JournalStats()
		work(b, 1, one)
		after := store.JournalStats()
		b.ReportMetric(float64(after.Syncs-before.Syncs)/float64(after.Records-before.Records), "alone-syncs")
		var perSecond, perCore []float64
		before = after
		for range turns {
			m := work(b, 16, one)
			perSecond, perCore = append(perSecond, m.perSecond), append(perCore, 1e6/m.cpu)
		}
		after = store.JournalStats()
		b.ReportMetric(float64(after.Syncs-before.Syncs)/float64(after.Records-before.Records), "busy-syncs")
		b.ReportMetric(median(perSecond), "tx/s")
		b.ReportMetric(median(perCore), "tx/s/core")
	}
}
