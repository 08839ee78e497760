package journal

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// crashing calls back before and after everything that changes the disk.
type crashing struct {
	*vfs.MemFS
	point func()
}

type crashingFile struct {
	vfs.File
	point func()
}

func (c crashing) OpenReadWrite(name string, cat vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	c.point()
	f, err := c.MemFS.OpenReadWrite(name, cat, opts...)
	return crashingFile{f, c.point}, err
}

func (c crashing) OpenDir(name string) (vfs.File, error) {
	f, err := c.MemFS.OpenDir(name)
	return crashingFile{f, c.point}, err
}

func (c crashing) Rename(from, to string) error {
	defer c.point()
	return c.MemFS.Rename(from, to)
}

func (c crashing) Remove(name string) error {
	defer c.point()
	return c.MemFS.Remove(name)
}

func (f crashingFile) WriteAt(b []byte, at int64) (int, error) {
	defer f.point()
	return f.File.WriteAt(b, at)
}

func (f crashingFile) Sync() error {
	defer f.point()
	return f.File.Sync()
}

func (f crashingFile) SyncData() error {
	defer f.point()
	return f.File.SyncData()
}

// TestEveryPointOfAHistoryMayCrash loses power after each single operation on the disk, with none, half and all of what was
// not synced surviving, while segments are made, filled, released and reused.
func TestEveryPointOfAHistoryMayCrash(t *testing.T) {
	var mu sync.Mutex
	var acked LSN
	points := 0
	mem := vfs.NewCrashableMem()
	rng := rand.New(rand.NewPCG(4, 4))
	o := testOptions(nil)
	o.Dir, o.SegmentBytes = "journal", minSegmentBytes
	o.FS = crashing{mem, func() {
		mu.Lock()
		defer mu.Unlock()
		points++
		for _, percent := range []int{0, 50, 100} {
			after := o
			after.FS = mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: rng})
			if err := checkAfterCrash(after, acked); err != nil {
				t.Errorf("point %d, %d %% of unsynced data: %v", points, percent, err)
			}
		}
	}}
	for life := range uint64(2) {
		j, _ := mustOpen(t, o)
		for i := range uint64(24) {
			commit := j.Commit
			if i%4 == 1 {
				commit = j.CommitMarked
			}
			lsn, err := commit(crashCommit(life<<8+i, 1500))
			if err != nil {
				t.Fatal(err)
			}
			mu.Lock()
			acked = lsn
			mu.Unlock()
			if i%6 == 5 {
				if err := j.Release(lsn-2, []Anchor{{Table: tableID(1), Held: lsn - 2}}); err != nil {
					t.Fatal(err)
				}
			}
		}
		mustClose(t, j)
	}
	if points < 150 {
		t.Fatalf("only %d points", points)
	}
}

// checkAfterCrash replays twice: what came back once comes back again.
func checkAfterCrash(o Options, acked LSN) error {
	var before LSN
	for range 2 {
		var held LSN
		o.Anchors = func(a []Anchor) { held = a[0].Held }
		j, all, err := reopen(o)
		if err != nil {
			return err
		}
		newest, released := j.Stats().Newest, j.Stats().Released
		if err := j.Close(); err != nil {
			return err
		}
		if held != released {
			return fmt.Errorf("the anchors are of record %d, but %d was released", held, released)
		}
		if newest < acked || newest < before || len(all) > 0 && all[0].lsn > released+1 {
			return fmt.Errorf("ends at %d after %d, acknowledged up to %d", newest, before, acked)
		}
		for _, r := range all {
			if _, err := checkCrashRecord(Record{r.lsn, r.sections}); err != nil {
				return err
			}
		}
		before = newest
	}
	return nil
}

// TestAReplayedGroupIsDurable regresses a group that was written but not synced when the process died: Replay gives it, so a
// loss of power right after must not take it away.
func TestAReplayedGroupIsDurable(t *testing.T) {
	o := testOptions(vfs.NewMem())
	o.Dir = "journal"
	j, _ := mustOpen(t, o)
	write(t, j, 0, 2, 100)
	at := j.writer.pos
	write(t, j, 2, 1, 100)
	path := o.FS.PathJoin(o.Dir, j.files.segments[0].name)
	image, before := readFile(t, o.FS, path), readFile(t, o.FS, HighWaterPath(o.FS, o.Dir))
	mustClose(t, j)
	mem := vfs.NewCrashableMem()
	if err := mem.MkdirAll(o.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	f, err := mem.OpenReadWrite(path, diskCategory)
	if err != nil {
		t.Fatal(err)
	}
	synced := append(append([]byte{}, image[:at]...), make([]byte, int64(len(image))-at)...)
	if _, err := f.WriteAt(synced, 0); err != nil {
		t.Fatal(err)
	}
	mark, err := mem.Create(HighWaterPath(o.FS, o.Dir), diskCategory)
	if err == nil {
		_, err = mark.Write(before)
	}
	if err = errors.Join(err, mark.Sync(), mark.Close()); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Sync(), syncDir(mem, o.Dir), syncDir(mem, "")); err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(image[at:], at); err != nil { // as the page cache has it
		t.Fatal(err)
	}
	o.FS = mem
	j, all := mustOpen(t, o)
	if len(all) != 3 {
		t.Fatalf("%d records", len(all))
	}
	o.FS = mem.CrashClone(vfs.CrashCloneCfg{})
	mustClose(t, j)
	j, all = mustOpen(t, o)
	mustClose(t, j)
	if len(all) != 3 {
		t.Fatalf("%d records after a loss of power", len(all))
	}
}

// failing is a disk that runs full or breaks when told.
type failing struct {
	vfs.FS
	full, broken *atomic.Bool
}

type failingFile struct {
	vfs.File
	fs *failing
}

var errFull, errBroken = errors.New("no space left on device"), errors.New("input/output error")

func (f *failing) OpenReadWrite(name string, c vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	file, err := f.FS.OpenReadWrite(name, c, opts...)
	if err != nil {
		return nil, err
	}
	return failingFile{file, f}, nil
}

func (f failingFile) Preallocate(off, n int64) error {
	if f.fs.full.Load() {
		return errFull
	}
	return f.File.Preallocate(off, n)
}

func (f failingFile) SyncData() error {
	if f.fs.broken.Load() {
		return errBroken
	}
	return f.File.SyncData()
}

func newFailing() *failing { return &failing{vfs.NewMem(), new(atomic.Bool), new(atomic.Bool)} }

func TestAfterAFailedSyncNothingIsAcknowledged(t *testing.T) {
	fs := newFailing()
	o := testOptions(fs)
	j, _ := mustOpen(t, o)
	mustCommit(t, j, text(1, "a"))
	fs.broken.Store(true)
	if _, err := j.Commit([]Section{text(1, "b")}); !errors.Is(err, errBroken) {
		t.Fatalf("commit: %v", err)
	}
	fs.broken.Store(false) // as the kernel does: the next sync succeeds
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if _, err := j.Commit([]Section{text(1, "c")}); !errors.Is(err, errBroken) {
				t.Errorf("commit after a failed sync: %v", err)
			}
		})
	}
	wg.Wait()
	if err := j.Close(); !errors.Is(err, errBroken) {
		t.Fatalf("close: %v", err)
	}
	j, all := mustOpen(t, o)
	defer mustClose(t, j)
	if len(all) == 0 || len(all) > 2 {
		t.Fatalf("%d records", len(all))
	}
}

func TestAFullDiskFailsCommitsAndPasses(t *testing.T) {
	fs := newFailing()
	o := testOptions(fs)
	j, _ := mustOpen(t, o)
	fs.full.Store(true)
	var acked LSN
	for {
		lsn, err := j.Commit([]Section{{Table: tableID(1), Payload: payload(1, 3000)}})
		if err == nil {
			acked = lsn
			continue
		}
		if !errors.Is(err, errFull) {
			t.Fatalf("commit: %v", err)
		}
		break
	}
	fs.full.Store(false)
	if lsn := mustCommit(t, j, text(1, "goes on")); lsn != acked+1 {
		t.Fatalf("LSN %d after %d", lsn, acked)
	}
	mustClose(t, j)
	j, all := mustOpen(t, o)
	defer mustClose(t, j)
	if LSN(len(all)) != acked+1 {
		t.Fatalf("%d records of %d", len(all), acked+1)
	}
}

func TestAFullDiskCanBeReleased(t *testing.T) {
	fs := newFailing()
	j, _ := mustOpen(t, testOptions(fs))
	defer mustClose(t, j)
	var err error
	for n := 0; err == nil; n++ {
		fs.full.Store(n > 40)
		_, err = j.Commit([]Section{{Table: tableID(1), Payload: payload(1, 3000)}})
	}
	if !errors.Is(err, errFull) {
		t.Fatal(err)
	}
	if err := j.Release(j.Stats().Newest, nil); err != nil {
		t.Fatalf("release on a full disk: %v", err)
	}
	mustCommit(t, j, text(1, "in a released segment"))
}

func TestOpenOnAFullDisk(t *testing.T) {
	fs := newFailing()
	fs.full.Store(true)
	if _, _, err := reopen(testOptions(fs)); !errors.Is(err, errFull) {
		t.Fatalf("open: %v", err)
	}
}
