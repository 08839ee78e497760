package seal

import "testing"

func BenchmarkWrap(b *testing.B) {
	root := memoryRoot(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := root.Wrap("purpose", []byte("owner"), make([]byte, 32)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkUnwrap(b *testing.B) {
	root := memoryRoot(b)
	record := must(root.Wrap("purpose", []byte("owner"), make([]byte, 32)))(b)
	b.ReportAllocs()
	for b.Loop() {
		key, err := root.Unwrap("purpose", []byte("owner"), record)
		if err != nil {
			b.Fatal(err)
		}
		key.Destroy()
	}
}
