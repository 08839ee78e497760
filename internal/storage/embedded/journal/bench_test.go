package journal

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// BenchmarkCommit commits one section of 400 bytes to one of 100 tables, durably, on the real file system.
func BenchmarkCommit(b *testing.B) {
	for _, writers := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			o := testOptions(vfs.Default)
			o.Dir, o.SegmentBytes = b.TempDir()+"/journal", 16<<20
			benchmarkCommits(b, o, writers)
		})
	}
	b.Run("writers=64/nodelay", func(b *testing.B) {
		o := testOptions(vfs.Default)
		o.Dir = b.TempDir() + "/journal"
		o.SegmentBytes = 16 << 20
		o.MaxDelay = -1
		benchmarkCommits(b, o, 64)
	})
}

// BenchmarkCommitMemory shows what the journal itself costs and allocates, without a disk.
func BenchmarkCommitMemory(b *testing.B) {
	for _, writers := range []int{1, 64} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			o := testOptions(vfs.NewMem())
			o.SegmentBytes = 4 << 20
			benchmarkCommits(b, o, writers)
		})
	}
}

func benchmarkCommits(b *testing.B, o Options, writers int) {
	j, _ := mustOpen(b, o)
	body := payload(1, 400)
	for i := range 100 {
		mustCommit(b, j, Section{Table: tableID(i), Payload: body})
	}
	before := j.Stats()
	var left atomic.Int64
	left.Store(int64(b.N))
	b.ReportAllocs()
	b.ResetTimer()
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			sections := []Section{{Payload: body}}
			for i := w; left.Add(-1) >= 0; i++ {
				sections[0].Table = tableID(i * 7 % 100)
				lsn, err := j.Commit(sections)
				if err != nil {
					b.Error(err)
					return
				}
				if lsn%8192 == 0 {
					if err := j.Release(lsn-1024, nil); err != nil {
						b.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	after := j.Stats()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commits/s")
	b.ReportMetric(float64(after.Syncs-before.Syncs)/float64(b.N), "syncs/op")
	mustClose(b, j)
}
