package sealedfs

import (
	"math/rand/v2"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// Each benchmark runs once sealed and once on the base file system itself; cpu-ns/op, of the whole process, is what to compare.
func bothWays(b *testing.B, f func(b *testing.B, fs vfs.FS)) {
	b.Run("plain", func(b *testing.B) { f(b, vfs.Default) })
	b.Run("sealed", func(b *testing.B) { f(b, New(vfs.Default, owner(1), &ring{seed: "bench", current: 1})) })
}

func cpu(b *testing.B) int64 {
	var use syscall.Rusage
	must(b, syscall.Getrusage(syscall.RUSAGE_SELF, &use))
	return use.Utime.Nano() + use.Stime.Nano()
}

// timed runs f as the measured part.
func timed(b *testing.B, f func()) {
	b.ReportAllocs()
	before := cpu(b)
	b.ResetTimer()
	f()
	b.StopTimer()
	b.ReportMetric(float64(cpu(b)-before)/float64(b.N), "cpu-ns/op")
}

const benchRows = 100_000

func benchStore(b *testing.B, fs vfs.FS) *pebble.DB {
	db, err := pebble.Open(b.TempDir()+"/db", &pebble.Options{
		FS: fs, DisableWAL: true, Logger: silent{}, FormatMajorVersion: pebble.FormatNewest, CacheSize: 1 << 20, MemTableSize: 4 << 20,
	})
	must(b, err)
	b.Cleanup(func() { must(b, db.Close()) })
	return db
}

// benchValue is 400 bytes that compress to about half.
func benchValue(rng *rand.Rand, p []byte) []byte {
	p = p[:0]
	for len(p) < 400 {
		p = append(p, byte(rng.Uint32()), byte(rng.Uint32()), 'a', 'b')
	}
	return p
}

func put(b *testing.B, db *pebble.DB, count int) {
	rng := rand.New(rand.NewPCG(1, 1))
	p := make([]byte, 0, 400)
	for i := range count {
		p = benchValue(rng, p)
		must(b, db.Set(key(i*7919%count), p, pebble.NoSync))
	}
}

// BenchmarkPut counts flushes and compactions in.
func BenchmarkPut(b *testing.B) {
	bothWays(b, func(b *testing.B, fs vfs.FS) {
		db := benchStore(b, fs)
		timed(b, func() {
			put(b, db, b.N)
			must(b, db.Flush())
		})
	})
}

func BenchmarkCompactAll(b *testing.B) {
	bothWays(b, func(b *testing.B, fs vfs.FS) {
		db := benchStore(b, fs)
		put(b, db, b.N)
		must(b, db.Flush())
		timed(b, func() { must(b, db.Compact(b.Context(), key(0), key(999_999_999), false)) })
	})
}

// BenchmarkGetMiss reads at random through a block cache that holds next to nothing.
func BenchmarkGetMiss(b *testing.B) {
	bothWays(b, func(b *testing.B, fs vfs.FS) {
		db := benchStore(b, fs)
		put(b, db, benchRows)
		must(b, db.Flush())
		must(b, db.Compact(b.Context(), key(0), key(benchRows), false))
		rng := rand.New(rand.NewPCG(2, 2))
		timed(b, func() {
			for range b.N {
				_, closer, err := db.Get(key(rng.IntN(benchRows)))
				must(b, err)
				must(b, closer.Close())
			}
		})
	})
}

// BenchmarkReadAt reads 4 KiB at odd offsets.
func BenchmarkReadAt(b *testing.B) {
	bothWays(b, func(b *testing.B, fs vfs.FS) {
		name := b.TempDir() + "/000001.sst"
		write(b, fs, name, pattern(4<<20))
		file, err := fs.Open(name)
		must(b, err)
		defer file.Close()
		p := make([]byte, 4096)
		timed(b, func() {
			for i := range b.N {
				_, err := file.ReadAt(p, int64(i*7919%(4<<20-4096)))
				must(b, err)
			}
		})
	})
}

// BenchmarkOpen is what every file costs once.
func BenchmarkOpen(b *testing.B) {
	bothWays(b, func(b *testing.B, fs vfs.FS) {
		name := b.TempDir() + "/000001.sst"
		write(b, fs, name, pattern(1<<20))
		timed(b, func() {
			for range b.N {
				file, err := fs.Open(name)
				must(b, err)
				must(b, file.Close())
			}
		})
	})
}
