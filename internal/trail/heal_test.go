package trail

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/sealtable/sealtable/internal/storage/embedded/sealedfs"
)

// tornIn is what the server gives as Options.Torn.
func tornIn(fs vfs.FS) func(string) (bool, error) {
	return func(path string) (bool, error) {
		_, err := fs.(*sealedfs.FS).Verify(path)
		if errors.Is(err, sealedfs.ErrTorn) {
			return true, nil
		}
		return false, err
	}
}

// reopened opens a trail as a start of the server does, and closes it.
func reopened(t *testing.T, fs vfs.FS, log io.Writer) {
	t.Helper()
	trail := opened(t, fs, log)
	trail.o.Torn = tornIn(fs)
	numbers, err := fileNumbers(fs, "trail", "trail")
	if err != nil {
		t.Fatal(err)
	}
	trail.series[data].healTorn(numbers[len(numbers)-1])
	if err := trail.Close(); err != nil {
		t.Fatal(err)
	}
}

// written makes a trail of two files, with two records in the newest, as a server leaves it that was killed.
func written(t *testing.T, base vfs.FS) {
	t.Helper()
	trail := opened(t, sealed(base), io.Discard)
	for _, id := range []string{"1", "2", "3"} {
		trail.series[data].fileLimit = map[string]int64{"1": 1, "2": 1, "3": fileLimit}[id]
		trail.Record(call(id))
		if err := trail.Flush(); err != nil {
			t.Fatal(err)
		}
	}
}

// change gives a file another content.
func change(t *testing.T, fs vfs.FS, path string, edit func([]byte) []byte) {
	t.Helper()
	content, err := readFile(fs, path)
	if err == nil {
		err = writeFile(fs, path, edit(content))
	}
	if err != nil {
		t.Fatal(err)
	}
}

const newestFile = "trail/trail-0000000002.zst"

// TestTornEndIsHealed tears the newest file at every length, and expects that no start leaves bytes that
// nobody vouches for.
func TestTornEndIsHealed(t *testing.T) {
	whole := vfs.NewMem()
	written(t, whole)
	intact, err := readFile(whole, newestFile)
	if err != nil {
		t.Fatal(err)
	}
	for cut := range intact {
		base := vfs.NewMem()
		written(t, base)
		change(t, base, newestFile, func(b []byte) []byte { return b[:len(b)*cut/len(intact)] })
		var log bytes.Buffer
		before, err := sealed(base).(*sealedfs.FS).Verify(newestFile)
		reopened(t, sealed(base), &log)
		after, errAfter := sealed(base).(*sealedfs.FS).Verify(newestFile)
		if errAfter != nil || after.LogicalSize > before.LogicalSize {
			t.Fatalf("cut to %d bytes (%v): then %v", cut, err, errAfter)
		}
		if healed := strings.Count(log.String(), "\n") == 1; healed != errors.Is(err, sealedfs.ErrTorn) {
			t.Fatalf("cut to %d bytes (%v): the log says %q", cut, err, log.String())
		}
		if got := fmt.Sprint(requests(t, sealed(base))); cut > 0 && !strings.HasPrefix(got, "[1") {
			t.Fatalf("cut to %d bytes: %s", cut, got)
		}
	}
}

// TestUnsyncedBytesLoseNoRecord puts what a torn write leaves behind records that were durable.
func TestUnsyncedBytesLoseNoRecord(t *testing.T) {
	base := vfs.NewMem()
	written(t, base)
	change(t, base, newestFile, func(b []byte) []byte { return append(b, 0, 0, 1, 0, 0, 0, 0, 9, 0, 0) })
	reopened(t, sealed(base), io.Discard)
	if got := fmt.Sprint(requests(t, sealed(base))); got != "[1 2 3]" {
		t.Errorf("%s", got)
	}
	if _, err := sealed(base).(*sealedfs.FS).Verify(newestFile); err != nil {
		t.Error(err)
	}
	names, _ := base.List("trail")
	if len(names) != 2 {
		t.Errorf("%v", names)
	}
}

// TestDamageIsNotHealed leaves what is no torn end for sealtable inspect to name.
func TestDamageIsNotHealed(t *testing.T) {
	base := vfs.NewMem()
	written(t, base)
	var damaged []byte
	change(t, base, newestFile, func(b []byte) []byte {
		b[100] ^= 1 // in a frame that later ones declare synced
		damaged = bytes.Clone(b)
		return b
	})
	var log bytes.Buffer
	reopened(t, sealed(base), &log)
	if now, _ := readFile(base, newestFile); !bytes.Equal(now, damaged) {
		t.Error("a damaged file was changed")
	}
	if !strings.Contains(log.String(), "sealtable inspect") {
		t.Errorf("the log says %q", log.String())
	}
}

// TestHealingSurvivesCrashes cuts the power in front of every step of the healing, keeping nothing or all
// that was not synced.
func TestHealingSurvivesCrashes(t *testing.T) {
	base := vfs.NewCrashableMem()
	written(t, base)
	change(t, base, newestFile, func(b []byte) []byte { return append(b, make([]byte, 40)...) })
	syncAll(t, base)
	steps := 0
	var after []*vfs.MemFS
	watched := &stepFS{FS: base, before: func() {
		steps++
		for _, percent := range []int{0, 100} {
			after = append(after, base.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent,
				RNG: rand.New(rand.NewPCG(1, uint64(steps)))}))
		}
	}}
	reopened(t, sealed(watched), io.Discard)
	if steps < 6 {
		t.Fatalf("only %d steps were seen", steps)
	}
	for n, clone := range after {
		reopened(t, sealed(clone), io.Discard)
		if got := fmt.Sprint(requests(t, sealed(clone))); got != "[1 2 3]" {
			t.Errorf("crash %d: %s", n, got)
		}
		if _, err := sealed(clone).(*sealedfs.FS).Verify(newestFile); err != nil {
			t.Errorf("crash %d: %v", n, err)
		}
		if names, _ := clone.List("trail"); len(names) != 2 {
			t.Errorf("crash %d: %v", n, names)
		}
	}
}

func syncAll(t *testing.T, fs vfs.FS) {
	t.Helper()
	if err := errors.Join(syncDir(fs, "trail"), syncDir(fs, "")); err != nil {
		t.Fatal(err)
	}
}

// stepFS calls before in front of everything that changes the disk.
type stepFS struct {
	vfs.FS
	before func()
}

type stepFile struct {
	vfs.File
	before func()
}

func (s *stepFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	s.before()
	file, err := s.FS.Create(name, c)
	return stepFile{file, s.before}, err
}

func (s *stepFS) Rename(from, to string) error {
	s.before()
	return s.FS.Rename(from, to)
}

func (s *stepFS) RemoveAll(name string) error {
	s.before()
	return s.FS.RemoveAll(name)
}

func (s *stepFS) OpenDir(name string) (vfs.File, error) {
	dir, err := s.FS.OpenDir(name)
	return stepFile{dir, s.before}, err
}

func (f stepFile) Write(p []byte) (int, error) {
	f.before()
	return f.File.Write(p)
}

func (f stepFile) WriteAt(p []byte, off int64) (int, error) {
	f.before()
	return f.File.WriteAt(p, off)
}

func (f stepFile) Sync() error {
	f.before()
	return f.File.Sync()
}
