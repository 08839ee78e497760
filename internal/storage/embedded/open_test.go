package embedded_test

import (
	"errors"
	"fmt"
	"os"
	"path"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/sealtable/sealtable/internal/clock"
	"github.com/sealtable/sealtable/internal/storage"
	"github.com/sealtable/sealtable/internal/storage/embedded"
	"github.com/sealtable/sealtable/internal/storage/embedded/journal"
	"github.com/sealtable/sealtable/internal/storage/embedded/sealedfs"
	"github.com/sealtable/sealtable/internal/storage/storagetest"
)

func TestNewerFormatIsRefusedUntouched(t *testing.T) {
	for text, want := range map[string]string{
		"sealtable data directory, format 2\n": "newer program",
		"something else\n":                     "not a data directory",
		"":                                     "not a data directory",
	} {
		fs := vfs.NewMem()
		writeText(t, fs, "/data/FORMAT", text)
		if _, err := embedded.Open(small(fs, storagetest.NewKeys())); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v", text, err)
		}
		if names, err := fs.List("/data"); err != nil || len(names) != 1 {
			t.Errorf("%q: the directory changed: %v %v", text, names, err)
		}
	}
}

func writeText(t *testing.T, fs vfs.FS, name, text string) {
	t.Helper()
	if err := fs.MkdirAll(path.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	f, err := fs.Create(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestOneProcessAtATime(t *testing.T) {
	o := small(vfs.Default, storagetest.NewKeys())
	o.Dir = t.TempDir()
	s := mustOpen(t, o)
	if _, err := embedded.Open(o); err == nil || !strings.Contains(err.Error(), "in use by another process") {
		t.Errorf("got %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := mustOpen(t, o).Close(); err != nil {
		t.Fatal(err)
	}
}

func TestMissingPartsOfADirectory(t *testing.T) {
	id := storage.TableID{1}
	for _, missing := range []string{"/data/FORMAT", "/data/journal"} {
		fs := vfs.NewMem()
		o := small(fs, storagetest.NewKeys())
		s := mustOpen(t, o)
		if err := errors.Join(s.CreateTable(t.Context(), id), put(t, s, id, "k", "v"), s.Close(), fs.RemoveAll(missing)); err != nil {
			t.Fatal(err)
		}
		if _, err := embedded.Open(o); err == nil {
			t.Errorf("opened without %s", missing)
		}
	}
}

// TestJournalRolledBack puts an earlier journal beside later tables: with its high-water mark the store does not open, and without
// one, as in a directory of a time before marks, the tables tell.
func TestJournalRolledBack(t *testing.T) {
	id := storage.TableID{1}
	fs := vfs.NewMem()
	o := small(fs, storagetest.NewKeys())
	s := mustOpen(t, o)
	if err := errors.Join(s.CreateTable(t.Context(), id), put(t, s, id, "k", "v"), put(t, s, id, "k", "w"), s.Close()); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(fs.RemoveAll("/data/journal"), fs.MkdirAll("/data/journal", 0o700)); err != nil {
		t.Fatal(err)
	}
	var cut *journal.CorruptError
	if _, err := embedded.Open(o); !errors.As(err, &cut) || cut.File != "journal" {
		t.Errorf("got %v", err)
	}
	if err := fs.Remove("/data/high-water"); err != nil {
		t.Fatal(err)
	}
	s = mustOpen(t, o)
	defer s.Close()
	var corrupt *storage.CorruptError
	if err := put(t, s, id, "k", "x"); !errors.As(err, &corrupt) || corrupt.File != "journal" {
		t.Errorf("got %v", err)
	}
}

// TestIdleTablesSleep moves the clock.
func TestIdleTablesSleep(t *testing.T) {
	c := clock.New()
	defer c.Close()
	keys := storagetest.NewKeys()
	o := small(vfs.NewMem(), keys)
	o.Clock = c
	o.IdleAfter = time.Minute
	o.MaxOpenTables = 100
	s := mustOpen(t, o)
	defer s.Close()
	var ids []storage.TableID
	for i := range 10 {
		ids = append(ids, storage.TableID{byte(i + 1)})
		if err := errors.Join(s.CreateTable(t.Context(), ids[i]), put(t, s, ids[i], "k", "v")); err != nil {
			t.Fatal(err)
		}
	}
	c.Advance(time.Minute)
	mustGet(t, s, ids[0], "k", "v")
	c.Advance(time.Minute)
	for i, id := range ids {
		stats, err := s.TableStats(t.Context(), id)
		if err != nil || stats.Open != (i == 0) {
			t.Errorf("table %d: %+v %v", i, stats, err)
		}
	}
	keys.Switch(ids[1], false)
	var sealed *storage.SealedError
	if err := put(t, s, ids[1], "k", "w"); !errors.As(err, &sealed) {
		t.Errorf("a table that sleeps keeps its key: %v", err)
	}
	for _, id := range ids[2:] {
		mustGet(t, s, id, "k", "v")
	}
}

// TestManyEmptyTables restarts with more tables than may be open.
func TestManyEmptyTables(t *testing.T) {
	fs := vfs.NewMem()
	o := small(fs, storagetest.NewKeys())
	s := mustOpen(t, o)
	const tables = 2000
	for i := range tables {
		if err := s.CreateTable(t.Context(), storage.TableID{1, byte(i), byte(i >> 8)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	s = mustOpen(t, o)
	defer s.Close()
	t.Logf("%d tables: %v", tables, time.Since(start))
	if ids, err := s.Tables(t.Context()); err != nil || len(ids) != tables {
		t.Fatalf("%d tables, %v", len(ids), err)
	}
	mustPut(t, s, storage.TableID{1, 7}, "k", "v")
}

// TestCostOfOpenTables counts descriptors and goroutines on the real disk.
func TestCostOfOpenTables(t *testing.T) {
	if _, err := os.ReadDir("/proc/self/fd"); err != nil {
		t.Skip("there is no list of descriptors here")
	}
	o := small(vfs.Default, storagetest.NewKeys())
	o.Dir, o.MaxOpenTables = t.TempDir(), 100
	s := mustOpen(t, o)
	defer s.Close()
	before, routines := descriptors(t), runtime.NumGoroutine()
	const tables = 60
	for i := range tables {
		id := storage.TableID{byte(i + 1)}
		if err := errors.Join(s.CreateTable(t.Context(), id), put(t, s, id, "k", "v"), s.SealTable(t.Context(), id)); err != nil {
			t.Fatal(err)
		}
		mustGet(t, s, id, "k", "v")
		mustPut(t, s, id, "k", "w")
	}
	if n := descriptors(t) - before; n > 2*tables {
		t.Errorf("%d tables hold %d descriptors", tables, n)
	}
	if n := runtime.NumGoroutine() - routines; n > 3*tables {
		t.Errorf("%d tables have %d goroutines", tables, n)
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// TestFilesAreAccountedFor has every file of a directory named, and authenticated by what its kind says.
func TestFilesAreAccountedFor(t *testing.T) {
	fs, keys := vfs.NewCrashableMem(), storagetest.NewKeys()
	o := small(fs, keys)
	s := mustOpen(t, o)
	ids := []storage.TableID{{1}, {2}, {3}, {4}}
	for i, id := range ids {
		if err := s.CreateTable(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		for n := range 30 * i {
			mustPut(t, s, id, fmt.Sprint(n), "value")
		}
	}
	if err := errors.Join(s.DropTable(t.Context(), ids[3]), s.SealTable(t.Context(), ids[1])); err != nil {
		t.Fatal(err)
	}
	keys.Switch(ids[2], false)
	crashed := fs.CrashClone(vfs.CrashCloneCfg{})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	o.FS = crashed
	if err := mustOpen(t, o).Close(); err != nil {
		t.Fatal(err)
	}
	keys.Switch(ids[2], true)
	writeText(t, crashed, path.Join("/data/tables", ids[0].String(), "keys"), "the key source's")
	writeText(t, crashed, "/data/tables/stray", "?")
	kinds := map[embedded.FileKind]int{}
	files, err := embedded.Files(crashed, "/data")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		kinds[f.Kind]++
		if err := verify(crashed, keys, &o, f); err != nil {
			t.Errorf("%s (%s): %v", f.Path, f.Kind, err)
		}
	}
	t.Log(kinds)
	for kind, want := range map[embedded.FileKind]int{embedded.KindFormat: 1, embedded.KindLock: 1, embedded.KindParked: 1,
		embedded.KindKeys: 1, embedded.KindUnknown: 1, embedded.KindDropped: 0} {
		if kinds[kind] != want {
			t.Errorf("%d files of kind %s, want %d", kinds[kind], kind, want)
		}
	}
	if kinds[embedded.KindJournal] == 0 || kinds[embedded.KindTable] < 10 {
		t.Errorf("kinds: %v", kinds)
	}
}

func verify(fs vfs.FS, keys storage.Keys, o *embedded.Options, f embedded.File) (err error) {
	file := path.Join("/data", f.Path)
	switch f.Kind {
	case embedded.KindTable:
		_, err = sealedfs.New(fs, f.Table, keysOf{keys, f.Table}).Verify(file)
	case embedded.KindJournal, embedded.KindParked:
		_, err = journal.Verify(fs, file, o.FrameKey, keys)
	}
	return err
}

type keysOf struct {
	keys storage.Keys
	id   storage.TableID
}

func (k keysOf) Current() (storage.Epoch, error) { return k.keys.Current(k.id) }

func (k keysOf) Key(epoch storage.Epoch, key *[storage.KeySize]byte) error {
	return k.keys.Key(k.id, epoch, key)
}

// TestTheMarkFollowsRows writes rows while the clock moves: a second after a row the high-water mark has it, and a change to the
// installation's own tables has it at once.
func TestTheMarkFollowsRows(t *testing.T) {
	c := clock.New()
	defer c.Close()
	fs := vfs.NewMem()
	o := small(fs, storagetest.NewKeys())
	o.Clock = c
	s := mustOpen(t, o)
	defer s.Close()
	marked := func() journal.LSN {
		mark, err := journal.ReadHighWater(fs, "/data/journal", o.FrameKey)
		if err != nil {
			t.Fatal(err)
		}
		return mark.LSN
	}
	row, own := storage.TableID{1}, storage.System(1)
	if err := errors.Join(s.CreateTable(t.Context(), row), s.CreateTable(t.Context(), own)); err != nil {
		t.Fatal(err)
	}
	for round := range journal.LSN(3) {
		if err := errors.Join(put(t, s, row, "k", "v"), put(t, s, row, "l", "v")); err != nil {
			t.Fatal(err)
		}
		c.Advance(time.Second)
		if got := marked(); got != 3*round+2 {
			t.Errorf("a second after record %d the mark has %d", 3*round+2, got)
		}
		if err := put(t, s, own, "key", "disabled"); err != nil {
			t.Fatal(err)
		}
		if got := marked(); got != 3*round+3 {
			t.Errorf("record %d was answered and the mark has %d", 3*round+3, got)
		}
	}
}
