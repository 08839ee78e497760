//go:build !race

package sealedfs

import "testing"

// TestReadAtAllocatesNothing holds for every size up to what the largest buffer holds. (The race detector empties pools.)
func TestReadAtAllocatesNothing(t *testing.T) {
	fs, _ := newFS()
	write(t, fs, "000001.sst", pattern(1<<20))
	file, err := fs.Open("000001.sst")
	must(t, err)
	defer file.Close()
	for _, size := range []int{1, 4096, 5000, 40_000, longestRead} {
		p := make([]byte, size)
		at := int64(0)
		allocs := testing.AllocsPerRun(200, func() {
			at = (at + 7919) % (1<<20 - int64(size))
			if _, err := file.ReadAt(p, at); err != nil {
				t.Fatal(err)
			}
		})
		if allocs >= 1 {
			t.Errorf("%d bytes: %v allocations", size, allocs)
		}
	}
}
