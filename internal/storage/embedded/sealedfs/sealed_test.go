package sealedfs

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"pgregory.net/rapid"

	"github.com/sealtable/sealtable/internal/storage"
)

// ring has the data keys of every epoch up to current, of one owner, or fails.
type ring struct {
	seed    string
	current storage.Epoch
	failure error
}

func (r *ring) Current() (storage.Epoch, error) { return r.current, r.failure }

func (r *ring) Key(epoch storage.Epoch, key *[storage.KeySize]byte) error {
	if r.failure != nil {
		return r.failure
	}
	if epoch == 0 || epoch > r.current {
		return fmt.Errorf("ring of %q: epoch %d: %w", r.seed, epoch, ErrUnknownEpoch)
	}
	*key = sha256.Sum256([]byte(fmt.Sprint(r.seed, epoch)))
	return nil
}

func owner(n byte) storage.TableID { return storage.TableID{0: 0xaa, 15: n} }

// newFS gives a sealed file system over memory.
func newFS() (*FS, *vfs.MemFS) {
	mem := vfs.NewMem()
	return New(mem, owner(1), &ring{seed: "one", current: 2}), mem
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// write makes a file of the given writes, synced and closed.
func write(t testing.TB, fs vfs.FS, name string, writes ...[]byte) {
	t.Helper()
	file, err := fs.Create(name, vfs.WriteCategoryUnspecified)
	must(t, err)
	for _, p := range writes {
		_, err := file.Write(bytes.Clone(p)) // a file may change what it is given
		must(t, err)
	}
	must(t, file.Sync())
	must(t, file.Close())
}

// read reads a whole file.
func read(fs vfs.FS, name string) ([]byte, error) {
	file, err := fs.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(file)
}

// raw gives and sets the bytes on the base file system.
func raw(t testing.TB, base vfs.FS, name string) []byte {
	t.Helper()
	data, err := read(base, name)
	must(t, err)
	return data
}

func setRaw(t testing.TB, base vfs.FS, name string, data []byte) {
	t.Helper()
	write(t, base, name, data)
}

// pattern is n bytes that differ from segment to segment.
func pattern(n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(i*7 + i/segmentSize*13)
	}
	return p
}

func TestSizesRoundTrip(t *testing.T) {
	sizes := []int{0, 1, 15, 16, 17, 4095, 4096, 4097, 8191, 8192, 8193, 65535, 65536, 65537, 3*65536 + 5, 300_000}
	for _, name := range []string{"000001.sst", "000002.blob", "MANIFEST-000003", "000004.log", "whatever"} {
		fs, mem := newFS()
		for _, size := range sizes {
			if size == 0 && bornWhole(name) {
				continue
			}
			want := pattern(size)
			write(t, fs, name, want)
			got, err := read(fs, name)
			if err != nil || !bytes.Equal(got, want) {
				t.Fatalf("%s of %d bytes: read %d bytes, %v", name, size, len(got), err)
			}
			checkSizes(t, fs, mem, name, int64(size))
		}
	}
}

// checkSizes wants the logical size wherever a size can be asked for.
func checkSizes(t *testing.T, fs *FS, mem vfs.FS, name string, size int64) {
	t.Helper()
	info, err := fs.Stat(name)
	must(t, err)
	file, err := fs.Open(name)
	must(t, err)
	defer file.Close()
	opened, err := file.Stat()
	must(t, err)
	report, err := fs.Verify(name)
	must(t, err)
	if info.Size() != size || opened.Size() != size || report.LogicalSize != size {
		t.Fatalf("%s: sizes %d, %d, %d; want %d", name, info.Size(), opened.Size(), report.LogicalSize, size)
	}
	if physical := int64(len(raw(t, mem, name))); report.PhysicalSize != physical {
		t.Fatalf("%s: physical size %d; want %d", name, report.PhysicalSize, physical)
	}
	header, err := ReadHeader(mem, name)
	if err != nil || header.Epoch != 2 || report.Epoch != 2 || header.Kind != kindOf(name) || report.Algorithm != algorithmName {
		t.Fatalf("%s: header %+v, report %+v, %v", name, header, report, err)
	}
}

// TestWritesAndSyncsInAnyOrder writes pieces with syncs between them and reads ranges back.
func TestWritesAndSyncsInAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		mem := vfs.NewMem()
		fs := New(mem, owner(1), &ring{seed: "one", current: 1})
		name := rapid.SampledFrom([]string{"000001.sst", "000001.log"}).Draw(t, "name")
		want := drawFile(t, fs, name)
		file, err := fs.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		if kindOf(name) == KindSegments {
			checkRanges(t, file, want)
		}
		got, err := io.ReadAll(file)
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("read %d bytes of %d: %v", len(got), len(want), err)
		}
		if report, err := fs.Verify(name); err != nil || report.LogicalSize != int64(len(want)) {
			t.Fatalf("%+v: %v", report, err)
		}
	})
}

func drawFile(t *rapid.T, fs *FS, name string) (want []byte) {
	file, err := fs.Create(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	sizes := rapid.OneOf(rapid.IntRange(0, 30), rapid.IntRange(4080, 4112), rapid.IntRange(0, 90_000))
	for range rapid.IntRange(0, 8).Draw(t, "writes") {
		p := pattern(len(want) + sizes.Draw(t, "size"))[len(want):]
		want = append(want, p...)
		if n, err := file.Write(p); n != len(p) || err != nil {
			t.Fatal(n, err)
		}
		var err error
		switch rapid.IntRange(0, 4).Draw(t, "sync") {
		case 0:
			err = file.Sync()
		case 1:
			err = file.SyncData()
		case 2:
			_, err = file.SyncTo(int64(len(want)))
		}
		if info, statErr := file.Stat(); err != nil || statErr != nil || info.Size() != int64(len(want)) {
			t.Fatal(err, statErr)
		}
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	return want
}

func checkRanges(t *rapid.T, file vfs.File, want []byte) {
	for range 10 {
		off := rapid.IntRange(0, len(want)+10).Draw(t, "off")
		p := make([]byte, rapid.OneOf(rapid.IntRange(0, 20), rapid.IntRange(0, 3*longestRead)).Draw(t, "length"))
		n, err := file.ReadAt(p, int64(off))
		expect := want[min(off, len(want)):min(off+len(p), len(want))]
		if !bytes.Equal(p[:n], expect) || (err == io.EOF) != (n < len(p)) || err != nil && err != io.EOF {
			t.Fatalf("ReadAt(%d bytes, %d) of %d: %d, %v", len(p), off, len(want), n, err)
		}
	}
}

// TestKeysThatCannotBeHad: the error of the key source comes through, and no file is made.
func TestKeysThatCannotBeHad(t *testing.T) {
	fs, mem := newFS()
	write(t, fs, "000001.sst", pattern(10))
	write(t, fs, "MANIFEST-000001", pattern(10))
	refusal := errors.New("key disabled")
	fs.keys = &ring{failure: refusal}
	if _, err := fs.Create("000002.sst", ""); !errors.Is(err, refusal) {
		t.Fatalf("Create: %v", err)
	}
	for _, name := range []string{"000001.sst", "MANIFEST-000001"} {
		if _, err := fs.Open(name); !errors.Is(err, refusal) || errors.Is(err, ErrNotAuthentic) {
			t.Fatalf("Open: %v", err)
		}
		if _, err := fs.Verify(name); !errors.Is(err, refusal) {
			t.Fatalf("Verify: %v", err)
		}
	}
	if _, err := mem.Stat("000002.sst"); err == nil {
		t.Fatal("a file was made without a key")
	}
}

// TestEpochs: a file stays readable after the current key changed, and new ones use the new key.
func TestEpochs(t *testing.T) {
	fs, mem := newFS()
	write(t, fs, "000001.sst", pattern(10))
	fs.keys.(*ring).current = 7
	write(t, fs, "000002.sst", pattern(10))
	for name, epoch := range map[string]storage.Epoch{"000001.sst": 2, "000002.sst": 7} {
		if h, err := ReadHeader(mem, name); err != nil || h.Epoch != epoch {
			t.Fatalf("%s: epoch %d, %v", name, h.Epoch, err)
		}
		if _, err := read(fs, name); err != nil {
			t.Fatal(err)
		}
	}
}

// TestSaltsDiffer: two lives of one file share no bytes behind what the header says in the clear.
func TestSaltsDiffer(t *testing.T) {
	fs, mem := newFS()
	write(t, fs, "000001.sst", pattern(100))
	first := raw(t, mem, "000001.sst")
	write(t, fs, "000001.sst", pattern(100))
	second := raw(t, mem, "000001.sst")
	if bytes.Equal(first[16:48], second[16:48]) || bytes.Equal(first[headerSize:headerSize+16], second[headerSize:headerSize+16]) {
		t.Fatal("a salt was used twice")
	}
}
