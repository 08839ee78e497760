package journal

import (
	"bytes"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/sealtable/sealtable/internal/storage"
)

// withAnchors opens a journal and gives the anchors that it told; nil if it told none.
func withAnchors(t testing.TB, o Options) (j *Journal, told []Anchor) {
	t.Helper()
	o.Anchors = func(a []Anchor) { told = a }
	j, _ = mustOpen(t, o)
	return j, told
}

func manyAnchors(n int) []Anchor {
	out := make([]Anchor, n)
	for i := range out {
		out[i] = Anchor{Table: storage.TableID{byte(i >> 16), byte(i >> 8), byte(i)}, Held: LSN(i), Parked: LSN(2 * i)}
	}
	return out
}

func mustRelease(t testing.TB, j *Journal, upTo LSN, anchors []Anchor) {
	t.Helper()
	if err := j.Release(upTo, anchors); err != nil {
		t.Fatal(err)
	}
}

// TestAnchorsStay follows anchors through sessions in which nothing is said of them, while the segment that had them is released.
// Ten thousand do not fit into any of these segments but one of their own.
func TestAnchorsStay(t *testing.T) {
	for _, n := range []int{0, 1, 3, 10000} {
		mem := vfs.NewCrashableMem()
		o := testOptions(mem)
		o.Dir = "journal"
		j, told := withAnchors(t, o)
		if told != nil {
			t.Fatal("anchors of nothing")
		}
		write(t, j, 0, 30, 3000)
		mustRelease(t, j, j.Stats().Newest, manyAnchors(n))
		write(t, j, 30, 30, 3000)
		for range 3 {
			o.FS = mem.CrashClone(vfs.CrashCloneCfg{})
			mustClose(t, j)
			mem = o.FS.(*vfs.MemFS)
			j, told = withAnchors(t, o)
			if told == nil || !slices.Equal(told, manyAnchors(n)) {
				t.Fatalf("%d: told %d anchors", n, len(told))
			}
		}
		mustRelease(t, j, j.Stats().Newest, manyAnchors(2))
		mustClose(t, j)
		j, told = withAnchors(t, o)
		mustClose(t, j)
		if !slices.Equal(told, manyAnchors(2)) {
			t.Fatalf("%d: told %v", n, told)
		}
	}
}

// TestReleasedMeansAnchored is about a crash between the two, of which there is none: what is released rises with the anchors alone.
func TestReleasedMeansAnchored(t *testing.T) {
	o := testOptions(vfs.NewMem())
	j, _ := mustOpen(t, o)
	write(t, j, 0, 5, 100)
	mustRelease(t, j, 4, manyAnchors(1))
	write(t, j, 5, 5, 100)
	if err := j.Release(3, manyAnchors(2)); err != nil || j.Stats().Released != 4 {
		t.Fatalf("released %d, %v", j.Stats().Released, err)
	}
	mustClose(t, j)
	for path, image := range snapshot(t, o) {
		if !strings.HasSuffix(path, segmentSuffix) {
			continue
		}
		r, err := Verify(copyFS(t, map[string][]byte{path: image}, o.Dir), path, o.FrameKey, o.Keys)
		if err != nil || r.Released != 4 || !slices.Equal(r.Anchors, manyAnchors(1)) || r.Ending != "closed" || r.Last != 10 {
			t.Fatalf("%+v, %v", r, err)
		}
	}
}

// TestAnchorsGone takes the anchors away in each way that leaves all records there.
func TestAnchorsGone(t *testing.T) {
	o := testOptions(vfs.NewMem())
	o.Keys = newKeyring()
	j, _ := mustOpen(t, o)
	write(t, j, 0, 3, 100)
	bare := snapshot(t, o)
	mustRelease(t, j, 2, manyAnchors(2))
	at := int(j.writer.pos) - pageSize
	mustClose(t, j)
	first := filepath.Join(o.Dir, segmentName(1))
	one := snapshot(t, o)
	j, _ = mustOpen(t, o) // a second segment; the first is still needed
	write(t, j, 3, 3, 100)
	mustClose(t, j)
	two := snapshot(t, o)
	for name, c := range map[string]struct {
		files map[string][]byte
		from  int // zeros from here
		upTo  int
	}{
		"one segment, the group":            {one, at, at + pageSize},
		"two segments, the group":           {two, at, at + pageSize},
		"two segments, it and the end":      {two, at, at + 2*pageSize},
		"two segments, a byte of an anchor": {two, at + groupHeader + 20, at + groupHeader + 40},
	} {
		files := map[string][]byte{}
		for path, image := range c.files {
			files[path] = bytes.Clone(image)
		}
		clear(files[first][c.from:c.upTo])
		_, err := replayFiles(t, o, files)
		var corrupt *CorruptError
		if !errors.As(err, &corrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
	two[first] = bare[first] // the segment before the anchors were written
	if _, err := replayFiles(t, o, two); err == nil {
		t.Error("an older copy of the segment that has the anchors was taken")
	}
	clear(one[first][at : at+2*pageSize]) // with everything behind it: as if it had not been written; all records count again
	if all, err := replayFiles(t, o, one); err != nil || len(all) != 3 {
		t.Errorf("%d records, %v", len(all), err)
	}
}

// TestAJournalFromBeforeAnchors has released records, and no anchors; it gets them.
func TestAJournalFromBeforeAnchors(t *testing.T) {
	o := testOptions(vfs.NewMem())
	j, _ := mustOpen(t, o)
	write(t, j, 0, 3, 100)
	j.released.Store(3) // as Release did it
	write(t, j, 3, 1, 100)
	mustClose(t, j)
	j, told := withAnchors(t, o)
	if told != nil || j.Stats().Released != 3 {
		t.Fatalf("%v, released %d", told, j.Stats().Released)
	}
	mustRelease(t, j, 3, manyAnchors(2))
	mustClose(t, j)
	j, told = withAnchors(t, o)
	if !slices.Equal(told, manyAnchors(2)) {
		t.Errorf("told %v", told)
	}
	mustClose(t, j)
}

// TestAFullDiskHasRoomForAnchors fills the disk with as many tables as there were at the last release.
func TestAFullDiskHasRoomForAnchors(t *testing.T) {
	fs := newFailing()
	o := testOptions(fs)
	o.SegmentBytes = 1 << 20
	j, _ := mustOpen(t, o)
	defer mustClose(t, j)
	write(t, j, 0, 3, 3000)
	mustRelease(t, j, 1, manyAnchors(10000))
	var err error
	for n := 0; err == nil; n++ {
		fs.full.Store(n > 400)
		_, err = j.Commit([]Section{{Table: tableID(1), Payload: payload(1, 3000)}})
	}
	if !errors.Is(err, errFull) {
		t.Fatal(err)
	}
	mustRelease(t, j, j.Stats().Newest, manyAnchors(10100))
	mustCommit(t, j, text(1, "in a released segment"))
}

func TestAnchorsOutOfOrder(t *testing.T) {
	a := manyAnchors(3)
	for _, bad := range [][]Anchor{{a[1], a[0]}, {a[0], a[0]}, {a[0], a[2], a[1]}} {
		var directory []byte
		for i := range bad {
			directory = appendAnchor(directory, &bad[i])
		}
		if checkDirectory(&groupHead{kind: kindAnchors}, directory) == nil ||
			checkDirectory(&groupHead{kind: kindAnchors}, directory[:40]) == nil {
			t.Errorf("%v was taken", bad)
		}
	}
}

// goldenAnchors is the second example of docs/format/journal.md.
func goldenAnchors(t testing.TB) (o Options, image []byte) {
	t.Helper()
	o, image = goldenSegment(t)
	r, err := newSegmentReaderOf(t, o, image)
	if err != nil {
		t.Fatal(err)
	}
	w := writer{head: r.head, mac: r.mac}
	note := request{note: true}
	for _, a := range []Anchor{{Table: tableID(1), Held: 2}, {Table: tableID(2), Held: 1, Parked: 2}} {
		note.directory = appendAnchor(note.directory, &a)
	}
	g := groupHead{kind: kindAnchors, anchored: true, seq: 1, offset: 2 * pageSize, synced: 2 * pageSize, released: 2, first: 3,
		dirBytes: uint32(len(note.directory))}
	copy(image[2*pageSize:], w.layOut(&g, []*request{&note}))
	end := groupHead{kind: kindEnd, anchored: true, seq: 1, offset: 3 * pageSize, synced: 3 * pageSize, released: 2, first: 3}
	copy(image[3*pageSize:], w.layOut(&end, nil))
	return o, image
}

func newSegmentReaderOf(t testing.TB, o Options, image []byte) (*segmentReader, error) {
	path := o.FS.PathJoin(o.Dir, segmentName(1))
	r, err := openSegment(copyFS(t, map[string][]byte{path: image}, o.Dir), path, &o.FrameKey)
	if err == nil {
		r.close()
	}
	return r, err
}

func TestGoldenAnchorsRead(t *testing.T) {
	o, _ := goldenAnchors(t)
	image := make([]byte, minSegmentBytes)
	undump(t, "anchors.hex", image)
	o.FS = copyFS(t, map[string][]byte{o.FS.PathJoin(o.Dir, segmentName(1)): image}, o.Dir)
	j, told := withAnchors(t, o)
	mustClose(t, j)
	want := []Anchor{{Table: tableID(1), Held: 2}, {Table: tableID(2), Held: 1, Parked: 2}}
	if !slices.Equal(told, want) || j.Stats().Released != 2 {
		t.Errorf("%v, released %d", told, j.Stats().Released)
	}
}
