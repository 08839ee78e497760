package journal

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/sealtable/sealtable/internal/storage"
)

// openEnd is a journal of which a kill left the end open: a few records that its mark has, and a few that it has not.
type openEnd struct {
	o         Options
	files     map[string][]byte
	path      string  // of the newest segment
	marked    LSN     // what the mark says
	newest    LSN     // the last record
	groups    []int64 // where record n+1 begins
	end       int64
	unchanged []replayed
}

func newOpenEnd(t *testing.T, marked, unmarked, size int) openEnd {
	t.Helper()
	e := openEnd{o: testOptions(vfs.NewMem())}
	e.o.SegmentBytes = max(minSegmentBytes, int64(marked+unmarked+3)*pageSize)
	j, _ := mustOpen(t, e.o)
	for n := range marked + unmarked {
		e.groups = append(e.groups, j.writer.pos)
		commit := j.Commit
		if n == marked-1 {
			commit = j.CommitMarked
		}
		lsn, err := commit(crashCommit(uint64(n), size))
		if err != nil {
			t.Fatal(err)
		}
		e.newest = lsn
	}
	e.marked = LSN(marked)
	e.end = j.writer.pos
	e.path = e.o.FS.PathJoin(e.o.Dir, j.files.newestName())
	e.files = snapshot(t, e.o)
	mustClose(t, j)
	all, err := replayFiles(t, e.o, e.files)
	if err != nil || len(all) != marked+unmarked {
		t.Fatalf("%d records, %v", len(all), err)
	}
	e.unchanged = all
	return e
}

// with replays the files with one changed.
func (e *openEnd) with(t *testing.T, path string, change func(b []byte)) ([]replayed, error) {
	t.Helper()
	files := maps.Clone(e.files)
	files[path] = bytes.Clone(files[path])
	change(files[path])
	o := e.o
	o.FS = copyFS(t, files, o.Dir)
	all, err := readAll(o)
	var c *CorruptError
	if err != nil && !errors.As(err, &c) {
		t.Fatalf("not a named damage: %v", err)
	}
	return all, err
}

// readAll is Replay without the beginning of a new segment, so that it changes nothing and is quick.
func readAll(o Options) (all []replayed, err error) {
	j, err := Open(o)
	if err != nil {
		return nil, err
	}
	p := replay{j: j, apply: collect(&all), ciphers: map[cipherID]cipherResult{}}
	err = p.checkOldest()
	for i := j.files.needed; i < len(j.files.segments) && err == nil; i++ {
		err = p.segment(i)
	}
	if err == nil {
		err = p.checkNewest()
	}
	return all, errors.Join(err, j.Close())
}

// intact counts the records that came back as they were, from the first on; damaged those in which a section is condemned by name.
func intact(t *testing.T, all []replayed) (intact, damaged int) {
	t.Helper()
	for _, r := range all {
		wrong := false
		for _, s := range r.sections {
			var c *storage.CorruptError
			if s.Err != nil && !errors.As(s.Err, &c) {
				t.Fatal(s.Err)
			}
			wrong = wrong || s.Err != nil
		}
		if wrong {
			damaged++
			continue
		}
		intact++
		if _, err := checkCrashRecord(Record{r.lsn, r.sections}); err != nil {
			t.Fatal(err)
		}
	}
	return intact, damaged
}

// TestEveryFlipOfTheOpenEndIsNamed flips a bit of every byte of the open end: whatever the mark says, none takes a record away.
func TestEveryFlipOfTheOpenEndIsNamed(t *testing.T) {
	e := newOpenEnd(t, 1, 2, 700)
	padding := 0
	for at := int64(pageSize); at < e.end+sectorSize; at++ {
		if at%pageSize > sectorSize && at%5 != 0 {
			continue // the middle of bodies and of padding
		}
		all, err := e.with(t, e.path, func(b []byte) { b[at] ^= 1 << (at % 8) })
		if err != nil {
			continue
		}
		good, damaged := intact(t, all)
		if good+damaged != len(e.unchanged) || damaged > 1 {
			t.Fatalf("byte %d: %d records and %d damaged", at, good, damaged)
		}
		if damaged == 0 {
			padding++ // between groups, where nothing is read: logged, and named by Verify
		}
	}
	if padding > 5*pageSize || padding == 0 {
		t.Errorf("%d bytes are never missed", padding)
	}
	for at := int64(pageSize); at < e.end+sectorSize; at += 7 {
		files := map[string][]byte{e.path: bytes.Clone(e.files[e.path])}
		files[e.path][at] ^= 1
		r, err := Verify(copyFS(t, files, e.o.Dir), e.path, e.o.FrameKey, e.o.Keys)
		if err == nil {
			t.Fatalf("byte %d: Verify finds nothing", at)
		}
		if sum := r.Frame + r.Opened + r.Locked + r.Damaged + r.Padding + r.Preallocated + r.Leftover; sum != r.Size {
			t.Fatalf("byte %d: %+v", at, r)
		}
	}
}

// TestWhatTheOpenEndCanLose zeroes every stretch of the open end, of a byte up to sixteen pages. What comes back is whole up to its
// end, and its end is not before the mark.
func TestWhatTheOpenEndCanLose(t *testing.T) {
	e := newOpenEnd(t, 1, 2, 700)
	for _, grain := range []int64{1, 16, sectorSize, pageSize, 16 * pageSize} {
		lost := 0
		for at := int64(pageSize); at < e.end+pageSize; at += grain {
			if grain == 1 && at%pageSize > sectorSize && at%5 != 0 {
				continue
			}
			all, err := e.with(t, e.path, func(b []byte) { clear(b[at:min(at+grain, int64(len(b)))]) })
			if err != nil {
				continue
			}
			good, damaged := intact(t, all)
			switch {
			case LSN(len(all)) < e.marked:
				t.Fatalf("%d bytes at %d: ends at record %d, marked are %d", grain, at, len(all), e.marked)
			case damaged == 0 && good < len(e.unchanged):
				lost++
			}
			if grain < sectorSize && good+damaged != len(e.unchanged) {
				t.Fatalf("%d bytes at %d: a sector that is not zeros went unnoticed", grain, at)
			}
		}
		t.Logf("%d bytes: %d places take records without a word, all behind the mark", grain, lost)
	}
}

func TestAJournalCutBeforeItsMarkIsRefused(t *testing.T) {
	t.Run("one page re-enables a key", func(t *testing.T) {
		e := newOpenEnd(t, 3, 0, 100) // the last commit disables a key
		refused(t, &e, e.groups[2], 2, 3)
	})
	t.Run("200 of 300 rows", func(t *testing.T) {
		e := newOpenEnd(t, 250, 50, 10) // a second ago 250 were there
		refused(t, &e, e.groups[100], 100, 250)
		all, err := e.with(t, e.path, func(b []byte) { clear(b[e.groups[260]:]) })
		if err != nil || len(all) != 260 {
			t.Errorf("the last second: %d records, %v", len(all), err)
		}
	})
}

func refused(t *testing.T, e *openEnd, from int64, ends, mark int) {
	t.Helper()
	_, err := e.with(t, e.path, func(b []byte) { clear(b[from:]) })
	want := fmt.Sprintf("the journal ends at record %d, but its high-water mark says that record %d was durable", ends, mark)
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v", err)
	}
}

func TestTheMarkItself(t *testing.T) {
	e := newOpenEnd(t, 3, 2, 100)
	mark := HighWaterPath(e.o.FS, e.o.Dir)
	earlier, other := newOpenEnd(t, 1, 1, 100), testOptions(vfs.NewMem())
	other.FrameKey[3] = 77
	j, _ := mustOpen(t, other)
	mustClose(t, j)
	for _, c := range []struct {
		name   string
		change func(files map[string][]byte)
		want   string // in the error; none if empty
	}{
		{"as it is", func(map[string][]byte) {}, ""},
		{"missing", func(f map[string][]byte) { delete(f, mark) }, "high-water mark of the journal is missing"},
		{"missing with its journal", func(f map[string][]byte) { clear(f) }, ""}, // the tables' own marks tell
		{"first copy", func(f map[string][]byte) { f[mark][9] ^= 1 }, ""},
		{"second copy", func(f map[string][]byte) { f[mark][pageSize+9] ^= 1 }, ""},
		{"both copies", func(f map[string][]byte) { f[mark][0] ^= 1; f[mark][pageSize+40] ^= 1 }, "neither copy"},
		{"cut", func(f map[string][]byte) { f[mark] = f[mark][:pageSize] }, "not 8192 bytes"},
		{"longer", func(f map[string][]byte) { f[mark] = append(f[mark], 0) }, "not 8192 bytes"},
		{"of another installation", func(f map[string][]byte) { f[mark] = snapshot(t, other)[mark] }, "neither copy"},
		{"an older one", func(f map[string][]byte) { f[mark] = earlier.files[mark] }, ""}, // what nobody can tell
		{"the journal missing", func(f map[string][]byte) { delete(f, e.path) }, "ends at record 0, but its high-water mark"},
	} {
		files := map[string][]byte{}
		for path, b := range e.files {
			files[path] = bytes.Clone(b)
		}
		c.change(files)
		_, err := replayFiles(t, e.o, files)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	// A copy that is damaged does not take the other one's record back.
	_, err := e.with(t, mark, func(b []byte) { b[3] ^= 1 })
	if err != nil {
		t.Fatal(err)
	}
	files := maps.Clone(e.files)
	files[mark], files[e.path] = bytes.Clone(files[mark]), bytes.Clone(files[e.path])
	files[mark][3] ^= 1
	clear(files[e.path][e.groups[2]:])
	if _, err := replayFiles(t, e.o, files); err == nil {
		t.Error("with one copy damaged, the journal may be cut before the mark")
	}
}

// TestAJournalWithoutAMarkGetsOne opens a segment of a time before marks.
func TestAJournalWithoutAMarkGetsOne(t *testing.T) {
	o, image := goldenSegment(t)
	o.FS = copyFS(t, map[string][]byte{o.FS.PathJoin(o.Dir, segmentName(1)): image}, o.Dir)
	if _, err := ReadHighWater(o.FS, o.Dir, o.FrameKey); !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	j, _ := mustOpen(t, o)
	mustClose(t, j)
	mark, err := ReadHighWater(o.FS, o.Dir, o.FrameKey)
	if err != nil || mark.LSN != 2 || mark.Copies != 2 {
		t.Errorf("%+v, %v", mark, err)
	}
}

func TestMarksAreSharedAndHoldNobodyUp(t *testing.T) {
	o := testOptions(vfs.NewMem())
	j, _ := mustOpen(t, o)
	var wg sync.WaitGroup
	for n := range 16 {
		wg.Go(func() {
			commit := j.Commit
			if n%2 == 0 {
				commit = j.CommitMarked
			}
			for i := range 20 {
				lsn, err := commit([]Section{text(1+n%3, fmt.Sprint("row ", i))})
				if err != nil {
					t.Error(err)
				}
				if mark, err := ReadHighWater(o.FS, o.Dir, o.FrameKey); n%2 == 0 && (err != nil || mark.LSN < lsn) {
					t.Errorf("record %d was answered, marked is %d, %v", lsn, mark.LSN, err)
				}
			}
		})
	}
	wg.Wait()
	mustClose(t, j)
}

func TestAMarkThatCannotBeWrittenStopsTheJournal(t *testing.T) {
	fs := newFailing()
	j, _ := mustOpen(t, testOptions(fs))
	mustCommit(t, j, text(1, "a"))
	fs.broken.Store(true)
	if err := j.RaiseHighWater(1); !errors.Is(err, errBroken) {
		t.Fatal(err)
	}
	fs.broken.Store(false)
	if _, err := j.Commit([]Section{text(1, "b")}); !errors.Is(err, errBroken) {
		t.Errorf("a commit after it: %v", err)
	}
	if err := j.Close(); !errors.Is(err, errBroken) {
		t.Errorf("close: %v", err)
	}
}

// TestSparesAreZeros puts bytes into a spare: it is not used, and Verify names it.
func TestSparesAreZeros(t *testing.T) {
	o := testOptions(vfs.NewMem())
	o.SegmentBytes = minSegmentBytes
	j, _ := mustOpen(t, o)
	write(t, j, 0, 40, 1500)
	mustRelease(t, j, j.Stats().Newest, nil)
	mustClose(t, j)
	files := snapshot(t, o)
	paths := slices.DeleteFunc(slices.Collect(maps.Keys(files)), func(p string) bool { return !strings.HasSuffix(p, spareSuffix) })
	if len(paths) == 0 {
		t.Fatal("no spare")
	}
	for _, path := range paths {
		if !isZero(files[path]) {
			t.Errorf("%s holds something of its earlier life", path)
		}
		files[path][rand.IntN(len(files[path]))] = 1
		if r, err := Verify(copyFS(t, files, o.Dir), path, o.FrameKey, o.Keys); err == nil || r.Damaged == 0 {
			t.Errorf("%s: %+v", path, r)
		}
	}
	o.FS = copyFS(t, files, o.Dir)
	j, _ = mustOpen(t, o)
	defer mustClose(t, j)
	for _, path := range paths {
		if _, err := o.FS.Stat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is kept: %v", path, err)
		}
	}
}

// goldenHighWater is the mark of docs/format/journal.md.
func goldenHighWater(t testing.TB) []byte {
	t.Helper()
	o, _ := goldenSegment(t)
	m, err := newHighWater(&o)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Repeat(m.encode(3), highWaterCopies)
}

// TestGoldenHighWaterReads reads the stored bytes.
func TestGoldenHighWaterReads(t *testing.T) {
	o, _ := goldenSegment(t)
	image := make([]byte, highWaterBytes)
	undump(t, "high-water.hex", image)
	o.FS = copyFS(t, map[string][]byte{HighWaterPath(o.FS, o.Dir): image}, o.Dir)
	if mark, err := ReadHighWater(o.FS, o.Dir, o.FrameKey); err != nil || mark != (HighWater{LSN: 3, Copies: 2}) {
		t.Errorf("%+v, %v", mark, err)
	}
}
