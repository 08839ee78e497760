package embedded_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/sealtable/sealtable/internal/storage"
	"github.com/sealtable/sealtable/internal/storage/embedded"
	"github.com/sealtable/sealtable/internal/storage/storagetest"
)

func copyTo(t *testing.T, from, to vfs.FS, path string) {
	t.Helper()
	if err := to.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
	if ok, err := vfs.Clone(from, to, path, path, vfs.CloneSync); err != nil || !ok {
		t.Fatal(ok, err)
	}
	dir, err := to.OpenDir(to.PathDir(path))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(dir.Sync(), dir.Close()); err != nil {
		t.Fatal(err)
	}
}

func crashed(fs *vfs.MemFS, percent int) *vfs.MemFS {
	return fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: rand.New(rand.NewPCG(1, uint64(percent)))})
}

func mustClose(t *testing.T, s *embedded.Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// mustRelease writes to a table until the journal has let go of everything that another one wrote so far.
func mustRelease(t *testing.T, s *embedded.Store, id storage.TableID) {
	t.Helper()
	upTo := s.JournalStats().Newest
	for n := 0; s.JournalStats().Oldest <= upTo; n++ {
		if n == 2000 {
			t.Fatal("the journal lets go of nothing")
		}
		mustPut(t, s, id, fmt.Sprint(n%50), strings.Repeat("x", 20<<10))
	}
}

// expectPutBack expects the table to refuse, by name, and the other one to serve.
func expectPutBack(t *testing.T, s *embedded.Store, id, other storage.TableID) {
	t.Helper()
	_, _, err := s.Get(t.Context(), storage.Row{Table: id, Partition: []byte("k")}, nil)
	var corrupt *storage.CorruptError
	if !errors.As(err, &corrupt) || corrupt.Table != id || !strings.HasPrefix(corrupt.File, "tables/"+id.String()) ||
		!strings.Contains(err.Error(), "earlier day") {
		t.Fatalf("a table that was put back: %v", err)
	}
	mustPut(t, s, other, "later", "row")
	mustGet(t, s, other, "other", "row")
}

// putBack is a history with a table of which an earlier state was kept.
type putBack struct {
	fs    *vfs.MemFS
	early *vfs.MemFS // the disk before the table's latest rows
	o     embedded.Options
	keys  *storagetest.Keys
	id    storage.TableID
	other storage.TableID
}

func newPutBack(t *testing.T, id storage.TableID) *putBack {
	p := &putBack{fs: vfs.NewCrashableMem(), early: vfs.NewMem(), keys: storagetest.NewKeys(), id: id, other: storage.TableID{9, 9}}
	p.o = small(p.fs, p.keys)
	p.o.JournalBytes = 1 << 20
	s := mustOpen(t, p.o)
	if err := errors.Join(s.CreateTable(t.Context(), id), s.CreateTable(t.Context(), p.other)); err != nil {
		t.Fatal(err)
	}
	mustPut(t, s, p.other, "other", "row")
	mustPut(t, s, id, "k", "first")
	mustClose(t, s)
	copyTo(t, p.fs, p.early, "/data")
	return p
}

// TestTablePutBack puts the directory of one table, be it one of the installation's own, back to an earlier state of itself after
// the journal let go of what it then lacks.
func TestTablePutBack(t *testing.T) {
	for _, id := range []storage.TableID{{1}, storage.System(1)} {
		for _, dir := range []string{"", "/pebble"} {
			t.Run(fmt.Sprint(id, dir, " after Close"), func(t *testing.T) {
				p := newPutBack(t, id)
				s := mustOpen(t, p.o)
				mustPut(t, s, id, "k", "second")
				mustClose(t, s)
				p.expectFound(t, dir)
			})
			t.Run(fmt.Sprint(id, dir, " after a release"), func(t *testing.T) {
				p := newPutBack(t, id)
				s := mustOpen(t, p.o)
				mustPut(t, s, id, "k", "second")
				mustRelease(t, s, p.other)
				p.fs = crashed(p.fs, 0)
				mustClose(t, s)
				p.o.FS = p.fs
				p.expectFound(t, dir)
			})
		}
	}
}

// expectFound restores and looks again after everything that could make the store forget.
func (p *putBack) expectFound(t *testing.T, dir string) {
	t.Helper()
	now := vfs.NewMem()
	copyTo(t, p.fs, now, "/data")
	copyTo(t, p.early, p.fs, "/data/tables/"+p.id.String()+dir)
	for _, percent := range []int{-1, 50} {
		s := mustOpen(t, p.o)
		expectPutBack(t, s, p.id, p.other)
		mustRelease(t, s, p.other)
		fs := p.fs
		if percent >= 0 {
			fs = crashed(p.fs, percent)
		}
		mustClose(t, s)
		p.fs, p.o.FS = fs, fs
	}
	copyTo(t, now, p.fs, "/data/tables/"+p.id.String())
	s := mustOpen(t, p.o)
	mustGet(t, s, p.id, "k", "second")
	if err := s.DropTable(t.Context(), p.id); err != nil {
		t.Fatal(err)
	}
	mustClose(t, s)
	mustClose(t, mustOpen(t, p.o))
}

// TestTablePutBackIsHealed is about what the journal still has: it brings the table up to date, and there is nothing to refuse.
func TestTablePutBackIsHealed(t *testing.T) {
	p := newPutBack(t, storage.TableID{1})
	s := mustOpen(t, p.o)
	mustPut(t, s, p.id, "k", "second")
	p.fs = crashed(p.fs, 0)
	mustClose(t, s)
	p.o.FS = p.fs
	copyTo(t, p.early, p.fs, "/data/tables/"+p.id.String())
	s = mustOpen(t, p.o)
	mustGet(t, s, p.id, "k", "second")
	mustClose(t, s)
}

// TestTablePutBackToNothing brings the line back that says that a table never had a row: the rows must not be cleared away.
func TestTablePutBackToNothing(t *testing.T) {
	id, other := storage.TableID{1}, storage.TableID{9, 9}
	o := small(vfs.NewMem(), storagetest.NewKeys())
	s := mustOpen(t, o)
	if err := errors.Join(s.CreateTable(t.Context(), id), s.CreateTable(t.Context(), other)); err != nil {
		t.Fatal(err)
	}
	fresh, file := vfs.NewMem(), "/data/tables/"+id.String()+"/fresh"
	copyTo(t, o.FS, fresh, "/data")
	mustPut(t, s, other, "other", "row")
	mustPut(t, s, id, "k", "v")
	mustClose(t, s)
	copyTo(t, fresh, o.FS, file)
	s = mustOpen(t, o)
	expectPutBack(t, s, id, other)
	mustClose(t, s)
	if err := o.FS.Remove(file); err != nil {
		t.Fatal(err)
	}
	s = mustOpen(t, o)
	mustGet(t, s, id, "k", "v")
	mustClose(t, s)
}

// TestTableComesBackFromAnEarlierDay takes the directory away while the journal goes on without it.
func TestTableComesBackFromAnEarlierDay(t *testing.T) {
	p := newPutBack(t, storage.TableID{1})
	dir := "/data/tables/" + p.id.String()
	s := mustOpen(t, p.o)
	mustPut(t, s, p.id, "k", "second")
	mustClose(t, s)
	if err := p.fs.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	s = mustOpen(t, p.o)
	mustRelease(t, s, p.other)
	mustClose(t, s)
	copyTo(t, p.early, p.fs, dir)
	s = mustOpen(t, p.o)
	expectPutBack(t, s, p.id, p.other)
	mustClose(t, s)
}

// TestParkedRowsPutBack is about rows that are in the parked file alone, since their table's key is off.
func TestParkedRowsPutBack(t *testing.T) {
	p := newPutBack(t, storage.TableID{1})
	dir := "/data/tables/" + p.id.String()
	s := mustOpen(t, p.o)
	mustPut(t, s, p.id, "k", "second")
	p.fs = crashed(p.fs, 0)
	mustClose(t, s)
	p.o.FS = p.fs
	p.keys.Switch(p.id, false)
	mustClose(t, mustOpen(t, p.o)) // parks
	if _, err := p.fs.Stat(dir + "/parked"); err != nil {
		t.Fatal(err)
	}
	parked := vfs.NewMem()
	copyTo(t, p.fs, parked, dir)
	copyTo(t, p.early, p.fs, dir)
	p.keys.Switch(p.id, true)
	s = mustOpen(t, p.o)
	expectPutBack(t, s, p.id, p.other)
	mustClose(t, s)

	copyTo(t, parked, p.fs, dir)
	s = mustOpen(t, p.o)
	mustGet(t, s, p.id, "k", "second") // applies
	mustPut(t, s, p.id, "k", "third")
	mustClose(t, s)
	copyTo(t, parked, p.fs, dir) // with the rows that were parked, and without what came later
	s = mustOpen(t, p.o)
	expectPutBack(t, s, p.id, p.other)
	mustClose(t, s)
}

// TestAnchorsPutBack puts an older journal, or its newest segment alone, beside an older table: then other tables, or the segments
// that are gone, tell.
func TestAnchorsPutBack(t *testing.T) {
	for _, path := range []string{"/data/journal", "newest segment"} {
		p := newPutBack(t, storage.TableID{1})
		s := mustOpen(t, p.o)
		mustPut(t, s, p.id, "k", "second")
		mustPut(t, s, p.other, "other", "row")
		mustClose(t, s)
		if path == "newest segment" {
			path = newestSegment(t, p.fs)
			if err := p.fs.Remove(path); err != nil {
				t.Fatal(err)
			}
		} else {
			copyTo(t, p.early, p.fs, path)
		}
		copyTo(t, p.early, p.fs, "/data/tables/"+p.id.String())
		s, err := embedded.Open(p.o)
		if err != nil {
			continue
		}
		_, _, err = s.Get(t.Context(), storage.Row{Table: p.other, Partition: []byte("other")}, nil)
		var corrupt *storage.CorruptError
		if !errors.As(err, &corrupt) {
			t.Errorf("%s: %v", path, err)
		}
		_ = s.Close()
	}
}

func newestSegment(t *testing.T, fs vfs.FS) string {
	t.Helper()
	names, err := fs.List("/data/journal")
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	names = slices.DeleteFunc(names, func(name string) bool { return !strings.HasSuffix(name, ".segment") })
	return "/data/journal/" + names[len(names)-1]
}

// pointFS calls a function after each operation that changes what a crash leaves.
type pointFS struct {
	*vfs.MemFS
	point func()
}

type pointFile struct {
	vfs.File
	point func()
}

func (f pointFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	file, err := f.MemFS.Create(name, c)
	return pointFile{file, f.point}, err
}

func (f pointFS) OpenReadWrite(name string, c vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	file, err := f.MemFS.OpenReadWrite(name, c, opts...)
	return pointFile{file, f.point}, err
}

func (f pointFS) OpenDir(name string) (vfs.File, error) {
	file, err := f.MemFS.OpenDir(name)
	return pointFile{file, f.point}, err
}

func (f pointFS) Rename(from, to string) error {
	defer f.point()
	return f.MemFS.Rename(from, to)
}

func (f pointFS) Remove(name string) error {
	defer f.point()
	return f.MemFS.Remove(name)
}

func (f pointFile) WriteAt(b []byte, at int64) (int, error) {
	defer f.point()
	return f.File.WriteAt(b, at)
}

func (f pointFile) Sync() error {
	defer f.point()
	return f.File.Sync()
}

func (f pointFile) SyncData() error {
	defer f.point()
	return f.File.SyncData()
}

// TestNoCrashLooksLikePuttingBack cuts the power at points all over a history in which tables write, sleep, park and are released.
func TestNoCrashLooksLikePuttingBack(t *testing.T) {
	seed := rand.Uint64()
	t.Log("seed", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	var mu sync.Mutex // of rng, due and acked
	acked := map[storage.TableID]string{}
	keys, mem := storagetest.NewKeys(), vfs.NewCrashableMem()
	o := small(mem, keys)
	o.JournalBytes = 1 << 20
	due, points := 0, 0
	o.FS = pointFS{mem, func() {
		mu.Lock()
		defer mu.Unlock()
		due--
		if due > 0 {
			return
		}
		due, points = 20+rng.IntN(150), points+1
		cut := o
		cut.FS = mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: []int{0, 50, 100}[rng.IntN(3)], RNG: rng})
		expectAcknowledged(t, cut, maps.Clone(acked))
	}}
	ids := []storage.TableID{{1}, {2}, {3}, {4}}
	for round := range 3 {
		s := mustOpen(t, o)
		for n := range 300 {
			id := ids[draw(&mu, rng, len(ids))]
			if round == 0 && n < len(ids) {
				if err := s.CreateTable(t.Context(), ids[n]); err != nil {
					t.Fatal(err)
				}
				continue
			}
			value := fmt.Sprintf("%09d", round*1000+n)
			mustPut(t, s, id, "k", value+strings.Repeat("x", 12<<10))
			mu.Lock()
			acked[id] = value
			mu.Unlock()
		}
		mustClose(t, s)
	}
	t.Log(points, "points")
	if points < 20 {
		t.Errorf("only %d points", points)
	}
}

func draw(mu *sync.Mutex, rng *rand.Rand, n int) int {
	mu.Lock()
	defer mu.Unlock()
	return rng.IntN(n)
}

// expectAcknowledged opens what a crash left, twice, with all rows that were acknowledged or later ones.
func expectAcknowledged(t *testing.T, o embedded.Options, acked map[storage.TableID]string) {
	for range 2 {
		s, err := embedded.Open(o)
		if err != nil {
			t.Errorf("open: %v", err)
			return
		}
		for id, value := range acked {
			got, found, err := s.Get(t.Context(), storage.Row{Table: id, Partition: []byte("k")}, nil)
			if err != nil || !found || string(got[:9]) < value {
				t.Errorf("table %s: %t %v", id, found, err)
			}
		}
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
}
