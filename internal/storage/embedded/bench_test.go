package embedded_test

import (
	"encoding/binary"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/sealtable/sealtable/internal/storage"
	"github.com/sealtable/sealtable/internal/storage/embedded"
	"github.com/sealtable/sealtable/internal/storage/storagetest"
)

// benchStore is a store on the real disk with this many tables.
func benchStore(b *testing.B, tables int, unsealed bool) (*embedded.Store, []storage.TableID) {
	b.Helper()
	s, err := embedded.Open(embedded.Options{
		FS: vfs.Default, Dir: b.TempDir(), Keys: storagetest.NewKeys(), BenchmarkWithoutEncryption: unsealed,
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	})
	ids := make([]storage.TableID, tables)
	for i := range ids {
		ids[i] = storage.TableID{1, byte(i), byte(i >> 8)}
		if err := s.CreateTable(b.Context(), ids[i]); err != nil {
			b.Fatal(err)
		}
	}
	return s, ids
}

func benchRow(id storage.TableID, n uint64) storage.Row {
	return storage.Row{Table: id, Partition: binary.BigEndian.AppendUint64([]byte("partition key "), n)}
}

// BenchmarkPut measures durable puts of 1 KB that read the row first, as PutItem does.
func BenchmarkPut(b *testing.B) {
	for _, tables := range []int{1, 1000} {
		for _, writers := range []int{1, 64} {
			for _, unsealed := range []bool{false, true} {
				if unsealed && tables > 1 {
					continue
				}
				b.Run(fmt.Sprintf("tables=%d/writers=%d/unsealed=%v", tables, writers, unsealed), func(b *testing.B) {
					benchPut(b, tables, writers, unsealed)
				})
			}
		}
	}
}

func benchPut(b *testing.B, tables, writers int, unsealed bool) {
	s, ids := benchStore(b, tables, unsealed)
	value := make([]byte, 1<<10)
	for _, id := range ids { // awake, as tables in use are
		if err := benchUpdate(b, s, benchRow(id, 0), value); err != nil {
			b.Fatal(err)
		}
	}
	var next atomic.Uint64
	b.SetParallelism(max(1, writers/2)) // of two processors each
	if writers == 1 {
		b.ReportAllocs()
		b.ResetTimer()
		for n := range uint64(b.N) {
			if err := benchUpdate(b, s, benchRow(ids[n*7919%uint64(len(ids))], n), value); err != nil {
				b.Fatal(err)
			}
		}
		return
	}
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			n := next.Add(1)
			if err := benchUpdate(b, s, benchRow(ids[n*7919%uint64(len(ids))], n), value); err != nil {
				b.Error(err)
			}
		}
	})
}

func benchUpdate(b *testing.B, s storage.Store, r storage.Row, value []byte) error {
	return s.Update(b.Context(), []storage.Row{r}, func(tx storage.Tx) error {
		if _, _, err := tx.Get(r); err != nil {
			return err
		}
		return tx.Put(r, value)
	})
}

// BenchmarkGet measures reads of 1 KB rows that the cache holds.
func BenchmarkGet(b *testing.B) {
	for _, unsealed := range []bool{false, true} {
		b.Run(fmt.Sprintf("unsealed=%v", unsealed), func(b *testing.B) {
			s, ids := benchStore(b, 1, unsealed)
			const rows = 10000
			value := make([]byte, 1<<10)
			for from := uint64(0); from < rows; from += 100 {
				err := s.Update(b.Context(), []storage.Row{benchRow(ids[0], 0)}, func(tx storage.Tx) error {
					for n := from; n < from+100; n++ {
						if err := tx.Put(benchRow(ids[0], n), value); err != nil {
							return err
						}
					}
					return nil
				})
				if err != nil {
					b.Fatal(err)
				}
			}
			if err := s.SealTable(b.Context(), ids[0]); err != nil { // so that rows come from files
				b.Fatal(err)
			}
			dst := make([]byte, 0, 2<<10)
			partition := benchRow(ids[0], 0)
			b.ReportAllocs()
			b.ResetTimer()
			for n := range uint64(b.N) {
				binary.BigEndian.PutUint64(partition.Partition[len(partition.Partition)-8:], n*7919%rows)
				if _, found, err := s.Get(b.Context(), partition, dst); !found || err != nil {
					b.Fatal(found, err)
				}
			}
		})
	}
}
