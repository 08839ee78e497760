package journal

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/sealtable/sealtable/internal/storage"
)

var update = flag.Bool("update", false, "write the golden vectors anew: only for a new format version")

// goldenSegment is the worked example of docs/format/journal.md: fixed salts, two records, the end mark.
func goldenSegment(t testing.TB) (o Options, image []byte) {
	t.Helper()
	o = testOptions(vfs.NewMem())
	for i := range o.FrameKey {
		o.FrameKey[i] = byte(i)
	}
	o.SegmentBytes = minSegmentBytes
	j, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	for i := range j.sealer.session {
		j.sealer.session[i] = 0x55
	}
	head := segmentHead{seq: 1, base: 1, size: minSegmentBytes, session: j.sealer.session}
	for i := range head.salt {
		head.salt[i] = 0xaa
	}
	mac, err := newFrameMAC(&o.FrameKey, &head.salt, head.seq)
	if err != nil {
		t.Fatal(err)
	}
	image = make([]byte, minSegmentBytes)
	head.encode(image, mac)
	w := writer{head: head, mac: mac, pos: pageSize, next: 1}
	r := j.request()
	r.directory[3] = 2
	for _, s := range []Section{text(1, "first"), text(2, "second")} {
		if err := j.sealer.seal(r, &s); err != nil {
			t.Fatal(err)
		}
	}
	empty := j.request()
	g := groupHead{kind: kindRecords, seq: 1, offset: pageSize, synced: pageSize, first: 1, records: 2,
		dirBytes: uint32(len(r.directory) + len(empty.directory)), bodyBytes: uint64(len(r.bodies))}
	copy(image[pageSize:], w.layOut(&g, []*request{r, empty}))
	end := groupHead{kind: kindEnd, seq: 1, offset: 2 * pageSize, synced: 2 * pageSize, first: 3}
	copy(image[2*pageSize:], w.layOut(&end, nil))
	return o, image
}

func goldenSealed(t testing.TB) []byte {
	t.Helper()
	_, image := goldenSegment(t)
	e := parseEntry(image[pageSize+groupHeader+recordEntry:])
	body := image[pageSize+groupHeader+2*recordEntry+2*entrySize:][:e.size]
	session := [saltSize]byte(bytes.Repeat([]byte{0x55}, saltSize))
	return appendSealed(nil, 1, &session, &e, body)
}

// goldenParked builds a parked file with a fixed salt.
func goldenParked(t testing.TB) []byte {
	t.Helper()
	o, _ := goldenSegment(t)
	head := make([]byte, 64, parkedHead)
	copy(head, parkedMagic)
	head[4] = formatVersion
	table := tableID(1)
	copy(head[8:], table[:])
	salt := [saltSize]byte(bytes.Repeat([]byte{0xcc}, saltSize))
	copy(head[32:], salt[:])
	mac, err := newParkedMAC(&o.FrameKey, &salt, table)
	if err != nil {
		t.Fatal(err)
	}
	out := mac.sum(head, head)
	sealed := goldenSealed(t)
	prefix := []byte{0, 0, 0, byte(len(sealed)), 0, 0, 0, 0, 0, 0, 0, 1}
	out = append(append(append(out, prefix...), sealed...), mac.next(prefix, sealed)...)
	mark := []byte{0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 1}
	return append(append(out, mark...), mac.next(mark, nil)...)
}

// dump writes the bytes that are not zero, 32 a line, with their offsets.
func dump(image []byte) string {
	var b strings.Builder
	for at := 0; at < len(image); at += 32 {
		line := image[at:min(at+32, len(image))]
		if !isZero(line) {
			_, _ = b.WriteString(hex.EncodeToString([]byte{byte(at >> 16), byte(at >> 8), byte(at)}) + " " + hex.EncodeToString(line) +
				"\n")
		}
	}
	return b.String()
}

func TestGoldenVectors(t *testing.T) {
	_, segment := goldenSegment(t)
	_, anchors := goldenAnchors(t)
	for name, image := range map[string][]byte{"segment.hex": segment, "anchors.hex": anchors, "parked.hex": goldenParked(t),
		"high-water.hex": goldenHighWater(t)} {
		path := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(path, []byte(dump(image)), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := dump(image); got != string(want) {
			t.Fatalf("%s: the format changed:\n%s", name, got)
		}
	}
}

// TestGoldenSegmentReads reads the stored bytes, not those that the program would write now.
func TestGoldenSegmentReads(t *testing.T) {
	o, _ := goldenSegment(t)
	image := make([]byte, minSegmentBytes)
	undump(t, "segment.hex", image)
	all, err := replayFiles(t, o, map[string][]byte{o.FS.PathJoin(o.Dir, segmentName(1)): image})
	if err != nil || len(all) != 2 || len(all[0].sections) != 2 || len(all[1].sections) != 0 {
		t.Fatalf("%+v, %v", all, err)
	}
	if s := all[0].sections; string(s[0].Payload) != "first" || string(s[1].Payload) != "second" || s[1].Table != tableID(2) {
		t.Fatalf("%+v", s)
	}
	parked := make([]byte, len(goldenParked(t)))
	undump(t, "parked.hex", parked)
	fs := copyFS(t, map[string][]byte{"p": parked}, "d")
	err = ReadParked(fs, "p", o.FrameKey, tableID(1), func(p Parked) error {
		if got, err := OpenSection(o.Keys, p.LSN, p.Sealed); err != nil || string(got) != "first" {
			return errors.Join(errors.New("not the section"), err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func undump(t testing.TB, name string, image []byte) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		at, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		offset, err := hex.DecodeString(at)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := hex.Decode(image[int(offset[0])<<16|int(offset[1])<<8|int(offset[2]):], []byte(rest)); err != nil {
			t.Fatal(err)
		}
	}
}

// TestAForgedOrderIsRefused gives a group that is authentic in itself the wrong number.
func TestAForgedOrderIsRefused(t *testing.T) {
	o, image := goldenSegment(t)
	image[pageSize+47] = 2
	forgeGroups(t, o, image)
	all, err := replayFiles(t, o, map[string][]byte{o.FS.PathJoin(o.Dir, segmentName(1)): image})
	var c *CorruptError
	if !errors.As(err, &c) || c.Offset != pageSize || len(all) != 0 {
		t.Fatalf("%d records, %v", len(all), err)
	}
}

func FuzzSegmentHeader(f *testing.F) {
	o, image := goldenSegment(f)
	f.Add(image[:pageSize])
	f.Add([]byte(segmentMagic))
	f.Fuzz(func(t *testing.T, page []byte) {
		head, mac, err := parseHead(page, &o.FrameKey)
		if err != nil {
			return
		}
		again := make([]byte, pageSize)
		head.encode(again, mac)
		if !bytes.Equal(again, page[:pageSize]) {
			t.Fatal("an authentic header that this program would not write")
		}
	})
}

// FuzzGroups lets a segment's groups be anything, authenticated as if written so: the reader must stay in bounds.
func FuzzGroups(f *testing.F) {
	o, image := goldenSegment(f)
	f.Add(image[pageSize:3*pageSize], true)
	f.Add(image[pageSize:2*pageSize], false)
	f.Fuzz(func(t *testing.T, groups []byte, forge bool) {
		forged := bytes.Clone(image)
		copy(forged[pageSize:], groups)
		if forge {
			forgeGroups(t, o, forged)
		}
		path := o.FS.PathJoin(o.Dir, segmentName(1))
		_, _ = replayFiles(t, o, map[string][]byte{path: forged})
		fs := copyFS(t, map[string][]byte{path: forged}, o.Dir)
		r, _ := Verify(fs, path, o.FrameKey, o.Keys)
		if r.Frame+r.Opened+r.Locked+r.Damaged+r.Padding+r.Preallocated+r.Leftover > r.Size {
			t.Fatalf("%+v", r)
		}
	})
}

// forgeGroups makes the MAC of whatever looks like a group right, so that the fuzzer gets past it.
func forgeGroups(t *testing.T, o Options, image []byte) {
	head, mac, err := parseHead(image, &o.FrameKey)
	if err != nil {
		t.Fatal(err)
	}
	for at := pageSize; at < len(image); at += pageSize {
		g, err := parseGroupHead(image[at:], &head, int64(at))
		if err != nil {
			continue
		}
		b := image[at:]
		mac.sum(b[groupFixed:groupFixed], b[:groupFixed], b[groupHeader:groupHeader+int(g.dirBytes)])
	}
}

func FuzzParked(f *testing.F) {
	o, _ := goldenSegment(f)
	image := goldenParked(f)
	f.Add(image)
	f.Add(image[:parkedHead+20])
	f.Fuzz(func(t *testing.T, b []byte) {
		fs := copyFS(t, map[string][]byte{"p": b}, "d")
		err := ReadParked(fs, "p", o.FrameKey, tableID(1), func(Parked) error { return nil })
		var c *storage.CorruptError
		if err != nil && !errors.As(err, &c) {
			t.Fatalf("not named as damage: %v", err)
		}
		if err == nil && !bytes.Equal(b, image) {
			t.Fatal("a forged parked file was read")
		}
	})
}

func FuzzOpenSection(f *testing.F) {
	sealed := goldenSealed(f)
	keys := newKeyring()
	f.Add(sealed)
	f.Fuzz(func(t *testing.T, b []byte) {
		if got, err := OpenSection(keys, 1, b); err == nil && !bytes.Equal(b, sealed) {
			t.Fatalf("opened %q", got)
		}
	})
}
