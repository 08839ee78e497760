package embedded_test

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/sealtable/sealtable/internal/storage"
	"github.com/sealtable/sealtable/internal/storage/embedded"
	"github.com/sealtable/sealtable/internal/storage/storagetest"
)

// faultyFS fails what would be written to files whose path has a part.
type faultyFS struct {
	vfs.FS
	part  string
	armed atomic.Bool
}

var errDisk = errors.New("the disk failed")

func (f *faultyFS) fails(name string) bool { return f.armed.Load() && strings.Contains(name, f.part) }

func (f *faultyFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if f.fails(name) {
		return nil, errDisk
	}
	file, err := f.FS.Create(name, category)
	return &faultyFile{File: file, fs: f, name: name}, err
}

func (f *faultyFS) OpenDir(name string) (vfs.File, error) {
	if f.fails(name + "/directory") {
		return nil, errDisk
	}
	return f.FS.OpenDir(name)
}

func (f *faultyFS) Unwrap() vfs.FS { return f.FS }

type faultyFile struct {
	vfs.File
	fs   *faultyFS
	name string
}

func (f *faultyFile) Write(p []byte) (int, error) {
	if f.fs.fails(f.name) {
		return 0, errDisk
	}
	return f.File.Write(p)
}

func (f *faultyFile) Sync() error {
	if f.fs.fails(f.name) {
		return errDisk
	}
	return f.File.Sync()
}

// lines counts log lines about tables that refuse.
type lines struct {
	slog.Handler
	mu sync.Mutex
	n  int
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if line := string(p); strings.Contains(line, "refuses service") && strings.Contains(line, "start the server anew") {
		l.n++
	}
	return len(p), nil
}

func (l *lines) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.n
}

func put(t *testing.T, s storage.Store, id storage.TableID, key, value string) error {
	t.Helper()
	r := storage.Row{Table: id, Partition: []byte(key)}
	return s.Update(t.Context(), []storage.Row{r}, func(tx storage.Tx) error { return tx.Put(r, []byte(value)) })
}

func mustPut(t *testing.T, s storage.Store, id storage.TableID, key, value string) {
	t.Helper()
	if err := put(t, s, id, key, value); err != nil {
		t.Fatalf("put %s: %v", key, err)
	}
}

func mustOpen(t *testing.T, o embedded.Options) *embedded.Store {
	t.Helper()
	s, err := embedded.Open(o)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	return s
}

// TestDiskOfOneTableFails lets the disk fail under one table in each place that Pebble writes to. The table refuses, once and
// without a hot loop; the others go on, the journal stays short, and every acknowledged row is back after a restart.
func TestDiskOfOneTableFails(t *testing.T) {
	broken, other := storage.TableID{1}, storage.TableID{2}
	for _, file := range []string{".sst", "MANIFEST", "/directory"} {
		t.Run(file, func(t *testing.T) {
			fs := &faultyFS{FS: vfs.NewCrashableMem(), part: broken.String() + "/pebble"}
			if file != "/directory" {
				fs.part += "/0000" // tables
			}
			if file == "MANIFEST" {
				fs.part = broken.String() + "/pebble/MANIFEST"
			}
			log := &lines{}
			o := small(fs, storagetest.NewKeys())
			o.Logger = slog.New(slog.NewTextHandler(log, nil))
			s := mustOpen(t, o)
			for _, id := range []storage.TableID{broken, other} {
				if err := s.CreateTable(t.Context(), id); err != nil {
					t.Fatal(err)
				}
				mustPut(t, s, id, "first", "row")
			}
			acknowledged := breakTable(t, s, fs, broken)
			for i := range 400 {
				mustPut(t, s, other, fmt.Sprint(i%50), strings.Repeat("x", 40<<10))
			}
			waitFor(t, "a short journal", func() bool { return s.JournalStats().SegmentBytes < 3*o.JournalBytes })
			if err := put(t, s, broken, "late", "row"); err == nil {
				t.Error("a broken table takes writes")
			}
			if log.count() != 1 {
				t.Errorf("%d log lines that say what to do", log.count())
			}
			fs.armed.Store(false)
			clone := fs.FS.(*vfs.MemFS).CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 0, RNG: rand.New(rand.NewPCG(0, 0))})
			_ = s.Close() // says again what is wrong with the table
			o.FS = clone
			s = mustOpen(t, o)
			defer s.Close()
			for i := range acknowledged {
				mustGet(t, s, broken, fmt.Sprint("key ", i), strings.Repeat("y", 10<<10))
			}
			mustGet(t, s, broken, "first", "row")
			mustPut(t, s, broken, "again", "row")
		})
	}
}

// breakTable writes until the table refuses, and returns how many rows were acknowledged.
func breakTable(t *testing.T, s *embedded.Store, fs *faultyFS, id storage.TableID) (acknowledged int) {
	t.Helper()
	fs.armed.Store(true)
	for put(t, s, id, fmt.Sprint("key ", acknowledged), strings.Repeat("y", 10<<10)) == nil {
		acknowledged++
		if acknowledged == 300 {
			if s.SealTable(t.Context(), id) == nil {
				t.Fatal("sealing wrote to a disk that fails")
			}
		}
	}
	return acknowledged
}

func mustGet(t *testing.T, s storage.Store, id storage.TableID, key, want string) {
	t.Helper()
	got, found, err := s.Get(t.Context(), storage.Row{Table: id, Partition: []byte(key)}, nil)
	if err != nil || !found || string(got) != want {
		t.Fatalf("get %s: %d bytes %v %v, want %d bytes", key, len(got), found, err, len(want))
	}
}

func waitFor(t *testing.T, what string, done func() bool) {
	t.Helper()
	for range 12_000 { // at least two minutes
		if done() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("waited in vain for %s", what)
}
