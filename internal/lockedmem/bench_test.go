package lockedmem

import "testing"

func BenchmarkCopyTo(b *testing.B) {
	a := NewArena(nil)
	defer a.Close()
	k := mustKey(b, a, make([]byte, 32))
	var dst [32]byte
	b.ReportAllocs()
	for b.Loop() {
		if err := k.CopyTo(dst[:]); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkFromBytesAndDestroy(b *testing.B) {
	a := NewArena(nil)
	defer a.Close()
	for range 30_000 {
		mustKey(b, a, make([]byte, 32))
	}
	b.ReportAllocs()
	for b.Loop() {
		mustKey(b, a, make([]byte, 32)).Destroy()
	}
}
