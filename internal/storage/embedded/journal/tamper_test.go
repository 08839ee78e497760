package journal

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/sealtable/sealtable/internal/storage"
)

// snapshot reads all files of the journal's directory. A spare that is being made in the background may get its name while it is
// looked at: then it looks again.
func snapshot(t testing.TB, o Options) map[string][]byte {
	t.Helper()
	var err error
	for range 1000 {
		var files map[string][]byte
		if files, err = readDir(o); err == nil {
			return files
		}
	}
	t.Fatal(err)
	return nil
}

func readDir(o Options) (map[string][]byte, error) {
	names, err := o.FS.List(o.Dir)
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for _, name := range names {
		path := o.FS.PathJoin(o.Dir, name)
		content, err := readWhole(o.FS, path)
		if err != nil {
			return nil, err
		}
		files[path] = content
	}
	mark, err := readWhole(o.FS, HighWaterPath(o.FS, o.Dir))
	files[HighWaterPath(o.FS, o.Dir)] = mark
	return files, err
}

func readWhole(fs vfs.FS, path string) ([]byte, error) {
	f, err := fs.Open(path)
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(f)
	return content, errors.Join(err, f.Close())
}

func segmentPaths(files map[string][]byte) []string {
	paths := slices.Collect(maps.Keys(files))
	paths = slices.DeleteFunc(paths, func(p string) bool { return !strings.HasSuffix(p, segmentSuffix) })
	slices.Sort(paths)
	return paths
}

// write commits n records of two tables with about size bytes each.
func write(t testing.TB, j *Journal, from, n, size int) {
	t.Helper()
	for i := from; i < from+n; i++ {
		if _, err := j.Commit(crashCommit(uint64(i), size)); err != nil {
			t.Fatal(err)
		}
	}
}

// replayFiles replays a directory with the given files.
func replayFiles(t testing.TB, o Options, files map[string][]byte) ([]replayed, error) {
	t.Helper()
	o.FS = copyFS(t, files, o.Dir)
	j, all, err := reopen(o)
	if err == nil {
		mustClose(t, j)
	}
	return all, err
}

// TestEveryFlippedBitIsFoundOrInUnusedBytes flips bits all over a small journal of two segments. Only the last group of the
// last one was never declared synced and may count as torn.
func TestEveryFlippedBitIsFoundOrInUnusedBytes(t *testing.T) {
	o := testOptions(vfs.NewMem())
	o.SegmentBytes = minSegmentBytes
	j, _ := mustOpen(t, o)
	write(t, j, 0, 3, 300)
	mustClose(t, j)
	j, _ = mustOpen(t, o)
	write(t, j, 3, 2, 500)
	files := snapshot(t, o)
	undeclared := j.writer.pos - pageSize
	end := j.writer.pos
	mustClose(t, j)
	paths := segmentPaths(files)
	if len(paths) != 2 {
		t.Fatalf("%d segments", len(paths))
	}
	for i, path := range paths {
		last := i == len(paths)-1
		for at := range files[path] {
			if !last && at > 5*pageSize || at%61 != 0 && (at%pageSize > 220 || at/pageSize == 2) {
				continue // keep the test short: every byte of most headers and directories, some of the rest
			}
			original := files[path][at]
			files[path][at] ^= 1 << (at % 8)
			all, err := replayFiles(t, o, files)
			files[path][at] = original
			checkFlip(t, all, err, flip{path, int64(at), last, undeclared, end})
		}
	}
}

type flip struct {
	path            string
	at              int64
	last            bool
	undeclared, end int64
}

func checkFlip(t *testing.T, all []replayed, err error, f flip) {
	t.Helper()
	var c *CorruptError
	if err != nil {
		if !errors.As(err, &c) || !strings.HasSuffix(f.path, c.File) || c.Offset > f.at {
			t.Fatalf("%s byte %d: %v", f.path, f.at, err)
		}
		return
	}
	damaged := 0
	for _, r := range all {
		for i, s := range r.sections {
			var sc *storage.CorruptError
			if s.Err == nil {
				continue
			}
			damaged++
			if !errors.As(s.Err, &sc) || sc.Table != tableID(1+i) || !strings.HasSuffix(f.path, sc.File) {
				t.Fatalf("%s byte %d: section error %v", f.path, f.at, s.Err)
			}
		}
	}
	torn := f.last && f.at >= f.undeclared && f.at < f.end
	if len(all) == 5 && damaged <= 1 || torn && len(all) == 4 {
		return
	}
	t.Fatalf("%s byte %d: %d records, %d damaged sections, no error", f.path, f.at, len(all), damaged)
}

// TestADamagedBodyCondemnsOneTable checks that flips in sealed bytes leave the record's other table usable.
func TestADamagedBodyCondemnsOneTable(t *testing.T) {
	o := testOptions(vfs.NewMem())
	j, _ := mustOpen(t, o)
	write(t, j, 0, 2, 400)
	mustClose(t, j)
	files := snapshot(t, o)
	path := segmentPaths(files)[0]
	files[path][pageSize+groupHeader+recordEntry+2*entrySize+10] ^= 4
	all, err := replayFiles(t, o, files)
	if err != nil || len(all) != 2 {
		t.Fatalf("%d records, %v", len(all), err)
	}
	first := all[0].sections
	var c *storage.CorruptError
	if !errors.As(first[0].Err, &c) || c.Table != tableID(1) || c.File != "journal/0000000000000001.segment" {
		t.Fatalf("table 1: %v", first[0].Err)
	}
	if first[1].Err != nil || all[1].sections[0].Err != nil {
		t.Fatalf("others: %v, %v", first[1].Err, all[1].sections[0].Err)
	}
}

// history is a journal of several segments, with snapshots taken on the way.
type history struct {
	o         Options
	half, now map[string][]byte // while the second segment was being filled, and at the end, unclosed
	paths     []string
}

func newHistory(t *testing.T) history {
	h := history{o: testOptions(vfs.NewMem())}
	j, _ := mustOpen(t, h.o)
	for i := 0; len(j.files.segments) < 4; i++ {
		write(t, j, i, 1, 3000)
		if len(j.files.segments) == 2 && h.half == nil {
			write(t, j, i, 1, 3000)
			h.half = snapshot(t, h.o)
		}
	}
	write(t, j, 1000, 3, 100)
	h.now = snapshot(t, h.o)
	mustClose(t, j)
	h.paths = segmentPaths(h.now)
	return h
}

func TestSegmentsOutOfPlaceAreNamed(t *testing.T) {
	h := newHistory(t)
	foreign := newHistory(t).now // same frame key, another history
	other := testOptions(vfs.NewMem())
	other.FrameKey[5] = 9
	j, _ := mustOpen(t, other)
	write(t, j, 0, 3, 100)
	mustClose(t, j)
	stolen := snapshot(t, other)
	p := h.paths
	for _, c := range []struct {
		name   string
		change func(files map[string][]byte)
		file   string // named by the error
	}{
		{"swapped", func(f map[string][]byte) { f[p[1]], f[p[2]] = f[p[2]], f[p[1]] }, p[1]},
		{"swapped with the last", func(f map[string][]byte) { f[p[1]], f[p[3]] = f[p[3]], f[p[1]] }, p[1]},
		{"first missing", func(f map[string][]byte) { delete(f, p[0]) }, p[0]},
		{"middle missing", func(f map[string][]byte) { delete(f, p[1]) }, p[1]},
		{"last missing", func(f map[string][]byte) { delete(f, p[3]) }, p[2]},
		{"older copy of the same life", func(f map[string][]byte) { f[p[1]] = h.half[p[1]] }, p[1]},
		{"of another installation", func(f map[string][]byte) { f[p[0]] = stolen[p[0]] }, p[0]},
		{"of another history", func(f map[string][]byte) { f[p[1]] = foreign[p[1]] }, p[1]},
		{"last of another history", func(f map[string][]byte) { f[p[3]] = foreign[p[3]] }, p[2]},
		{"cut", func(f map[string][]byte) { f[p[2]] = f[p[2]][:len(f[p[2]])-pageSize] }, p[2]},
		{"cut to nothing", func(f map[string][]byte) { f[p[2]] = nil }, p[2]},
		{"longer", func(f map[string][]byte) { f[p[2]] = append(bytes.Clone(f[p[2]]), make([]byte, pageSize)...) }, p[2]},
		{"groups moved within", func(f map[string][]byte) {
			b := bytes.Clone(f[p[1]])
			copy(b[pageSize:3*pageSize], f[p[1]][3*pageSize:5*pageSize])
			f[p[1]] = b
		}, p[1]},
		{"zeros in the last", func(f map[string][]byte) {
			b := bytes.Clone(f[p[3]])
			clear(b[pageSize : 2*pageSize])
			f[p[3]] = b
		}, p[3]},
	} {
		t.Run(c.name, func(t *testing.T) {
			files := maps.Clone(h.now)
			c.change(files)
			all, err := replayFiles(t, h.o, files)
			var ce *CorruptError
			if !errors.As(err, &ce) || !strings.HasSuffix(c.file, ce.File) {
				t.Fatalf("%d records, error %v; want one that names %s", len(all), err, c.file)
			}
		})
	}
}

// TestAStaleCopyOfARecycledSegmentIsNamed puts an earlier life of a file back, under its old and under its new name.
func TestAStaleCopyOfARecycledSegmentIsNamed(t *testing.T) {
	o := testOptions(vfs.NewMem())
	j, _ := mustOpen(t, o)
	write(t, j, 0, 30, 3000)
	old := snapshot(t, o)
	if err := j.Release(j.Stats().Newest, nil); err != nil {
		t.Fatal(err)
	}
	write(t, j, 30, 40, 3000)
	now := snapshot(t, o)
	mustClose(t, j)
	oldPaths, paths := segmentPaths(old), segmentPaths(now)
	stale := maps.Clone(now)
	stale[paths[1]] = old[oldPaths[0]]
	var c *CorruptError
	if _, err := replayFiles(t, o, stale); !errors.As(err, &c) || !strings.HasSuffix(paths[1], c.File) {
		t.Fatalf("under the new name: %v", err)
	}
	stale = maps.Clone(now)
	stale[oldPaths[0]] = old[oldPaths[0]]
	if _, err := replayFiles(t, o, stale); !errors.As(err, &c) {
		t.Fatalf("under its old name: %v", err)
	}
}

func TestALostEndIsNoticedByWhatTablesHold(t *testing.T) {
	h := newHistory(t)
	all, err := replayFiles(t, h.o, h.now)
	if err != nil {
		t.Fatal(err)
	}
	h.o.Highest = all[len(all)-1].lsn
	if _, err := replayFiles(t, h.o, h.now); err != nil {
		t.Fatalf("a whole journal: %v", err)
	}
	var c *CorruptError
	if _, err := replayFiles(t, h.o, h.half); !errors.As(err, &c) {
		t.Fatalf("a journal of an earlier time: %v", err)
	}
	if _, err := replayFiles(t, h.o, nil); !errors.As(err, &c) {
		t.Fatalf("no journal at all: %v", err)
	}
}

func TestVerifyAccountsForEveryByte(t *testing.T) {
	h := newHistory(t)
	fs := copyFS(t, h.now, h.o.Dir)
	records := 0
	for path := range h.now {
		if path == HighWaterPath(h.o.FS, h.o.Dir) {
			continue
		}
		r, err := Verify(fs, path, h.o.FrameKey, h.o.Keys)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		sum := r.Frame + r.Opened + r.Locked + r.Damaged + r.Padding + r.Preallocated + r.Leftover
		if sum != r.Size || r.Locked+r.Damaged+r.Leftover != 0 {
			t.Fatalf("%s: %+v", path, r)
		}
		if r.Kind == KindSegment && r.First > 0 {
			records += int(r.Last-r.First) + 1
		}
	}
	if all, _ := replayFiles(t, h.o, h.now); records != len(all) {
		t.Fatalf("verified %d records, replayed %d", records, len(all))
	}
	keys := newKeyring()
	keys.lock(tableID(2), errors.New("disabled"))
	r, err := Verify(fs, h.paths[1], h.o.FrameKey, keys)
	if two := r.Tables[tableID(2)]; err != nil || two.Locked == 0 || two.Locked != two.Sections || two.Cause == nil || r.Locked == 0 {
		t.Fatalf("with a locked table: %+v, %v", r, err)
	}
}

func TestVerifyNamesDamage(t *testing.T) {
	h := newHistory(t)
	path := h.paths[1]
	for at := range len(h.now[path]) / 2 {
		if at%97 != 0 {
			continue
		}
		image := bytes.Clone(h.now[path])
		image[at] ^= 0x10
		r, err := Verify(copyFS(t, map[string][]byte{path: image}, h.o.Dir), path, h.o.FrameKey, h.o.Keys)
		if err == nil {
			t.Fatalf("byte %d: no error", at)
		}
		if sum := r.Frame + r.Opened + r.Locked + r.Damaged + r.Padding + r.Preallocated + r.Leftover; sum != r.Size {
			t.Fatalf("byte %d: %+v", at, r)
		}
	}
	if _, err := Verify(copyFS(t, h.now, h.o.Dir), path, [32]byte{7}, h.o.Keys); err == nil {
		t.Fatal("another frame key verifies")
	}
}
