package sealedfs

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// findings of a file that was tampered with: what reading it gave, and what Verify said.
func findings(t *testing.T, fs *FS, base vfs.FS, name string, data []byte) (got []byte, readErr, verifyErr error) {
	t.Helper()
	setRaw(t, base, name, data)
	got, readErr = read(fs, name)
	_, verifyErr = fs.Verify(name)
	if verifyErr != nil && !errors.Is(verifyErr, ErrNotAuthentic) {
		t.Fatalf("Verify: %v", verifyErr)
	}
	if readErr != nil && !errors.Is(readErr, ErrNotAuthentic) {
		t.Fatalf("read: %v", readErr)
	}
	return got, readErr, verifyErr
}

// mustFind wants reading and verifying to fail, naming the file.
func mustFind(t *testing.T, fs *FS, base vfs.FS, name, what string, data []byte) {
	t.Helper()
	_, readErr, verifyErr := findings(t, fs, base, name, data)
	var named *NotAuthenticError
	if !errors.As(readErr, &named) || named.Path != name || !errors.Is(verifyErr, ErrNotAuthentic) {
		t.Fatalf("%s: read: %v; verify: %v", what, readErr, verifyErr)
	}
}

func TestEveryBitOfSegments(t *testing.T) {
	for _, size := range []int{0, 1, 60, segmentSize, segmentSize + 40} {
		fs, mem := newFS()
		write(t, fs, "000001.sst", pattern(size))
		data := raw(t, mem, "000001.sst")
		for at := range data {
			for _, bit := range bits(len(data)) {
				changed := bytes.Clone(data)
				changed[at] ^= 1 << bit
				mustFind(t, fs, mem, "000001.sst", fmt.Sprintf("size %d, byte %d, bit %d", size, at, bit), changed)
			}
		}
	}
}

// bits to flip: all of them in small files, two in larger ones.
func bits(size int) []int {
	if size > 1000 {
		return []int{0, 7}
	}
	return []int{0, 1, 2, 3, 4, 5, 6, 7}
}

func TestEveryLengthOfSegments(t *testing.T) {
	for _, size := range []int{0, 60, segmentSize, 2*segmentSize + 40} {
		fs, mem := newFS()
		write(t, fs, "000001.sst", pattern(size))
		data := raw(t, mem, "000001.sst")
		for length := range data {
			mustFind(t, fs, mem, "000001.sst", fmt.Sprintf("size %d cut to %d bytes", size, length), data[:length])
		}
		for _, more := range []int{1, 4, 15, 16, 20, 60, segmentSpan, segmentSpan + sealSize} {
			mustFind(t, fs, mem, "000001.sst", fmt.Sprintf("size %d and %d zeros", size, more),
				append(bytes.Clone(data), make([]byte, more)...))
			again := slices.Concat(data, data[max(headerSize, len(data)-more):])
			mustFind(t, fs, mem, "000001.sst", fmt.Sprintf("size %d and %d bytes again", size, more), again)
		}
	}
}

func TestSegmentsChangePlaces(t *testing.T) {
	fs, mem := newFS()
	const name = "000001.sst"
	write(t, fs, name, make([]byte, 4*segmentSize))
	data := raw(t, mem, name)
	part := func(i int64) []byte { return data[segmentOffset(i):segmentOffset(i+1)] }
	head, seals := data[:headerSize], data[len(data)-sealSize:]
	for what, changed := range map[string][]byte{
		"two segments swapped":     slices.Concat(head, part(1), part(0), part(2), part(3), seals),
		"the end swapped":          slices.Concat(head, part(0), part(1), part(3), part(2), seals),
		"a segment twice":          slices.Concat(head, part(0), part(0), part(2), part(3), seals),
		"a segment left out":       slices.Concat(head, part(0), part(2), part(3), seals),
		"the last segment removed": slices.Concat(head, part(0), part(1), part(2), seals),
	} {
		mustFind(t, fs, mem, name, what, changed)
	}
}

// TestStaleEndOfOneLife: an end that an earlier Sync sealed does not pass behind segments written later.
func TestStaleEndOfOneLife(t *testing.T) {
	fs, mem := newFS()
	const name = "000001.sst"
	file, err := fs.Create(name, "")
	must(t, err)
	_, err = file.Write(pattern(segmentSize + 100))
	must(t, err)
	must(t, file.Sync())
	early := raw(t, mem, name)
	_, err = file.Write(pattern(100))
	must(t, err)
	must(t, file.Close())
	late := raw(t, mem, name)
	mustFind(t, fs, mem, name, "early end",
		slices.Concat(late[:segmentOffset(1)], early[segmentOffset(1):len(early)-sealSize], late[len(late)-sealSize:]))
	mixed := slices.Concat(early[:len(early)-sealSize], late[len(early)-sealSize:])
	mustFind(t, fs, mem, name, "early and late", mixed)
}

// TestStrangers brings files from elsewhere: other names, owners, keys, kinds and lives.
func TestStrangers(t *testing.T) {
	for _, name := range []string{"000001.sst", "MANIFEST-000001", "OPTIONS-000001", "000001.log"} {
		fs, mem := newFS()
		write(t, fs, name, pattern(5000))
		data := raw(t, mem, name)
		write(t, fs, name, pattern(5000))
		otherLife := raw(t, mem, name)
		mustFind(t, fs, mem, name, "header of another life", slices.Concat(otherLife[:headerSize], data[headerSize:]))
		mustFind(t, fs, mem, name, "salt of another life", slices.Concat(data[:16], otherLife[16:48], data[48:]))
		for _, other := range []string{"000002.sst", "000001.blob", "MANIFEST-000002", "OPTIONS-000002", "000002.log"} {
			mustFind(t, fs, mem, other, name+" as "+other, data)
		}
		setRaw(t, mem, name, data)
		for what, stranger := range map[string]*FS{
			"owner":    New(mem, owner(2), &ring{seed: "one", current: 2}),
			"data key": New(mem, owner(1), &ring{seed: "two", current: 2}),
			"epochs":   New(mem, owner(1), &ring{seed: "one", current: 1}),
		} {
			mustFind(t, stranger, mem, name, "another "+what, data)
		}
	}
}

// TestHeaderEdits sets fields to other valid values.
func TestHeaderEdits(t *testing.T) {
	for _, name := range []string{"000001.sst", "000001.log"} {
		fs, mem := newFS()
		write(t, fs, name, pattern(100))
		data := raw(t, mem, name)
		for at, values := range map[int][]byte{8: {0, 2}, 9: {0, 2}, 10: {0, 1, 2, 3}, 11: {1}, 15: {0, 1, 3}} {
			for _, value := range values {
				if data[at] == value {
					continue
				}
				changed := bytes.Clone(data)
				changed[at] = value
				mustFind(t, fs, mem, name, fmt.Sprintf("%s byte %d is %d", name, at, value), changed)
			}
		}
	}
}

// framed writes three synced frames, the last followed by its mark, then two unsynced ones, and says where each ends.
func framed(t *testing.T, fs *FS, mem vfs.FS, name string, unsynced bool) (data, plain []byte, ends []int) {
	t.Helper()
	file, err := fs.Create(name, "")
	must(t, err)
	put := func(p string) {
		_, err := file.Write([]byte(p))
		must(t, err)
		plain = append(plain, p...)
		ends = append(ends, len(raw(t, mem, name)))
	}
	put("first")
	put("second frame")
	must(t, file.Sync())
	put("third")
	must(t, file.Sync())
	if unsynced {
		put("fourth")
		put("fifth, and last")
	}
	must(t, file.Close())
	return raw(t, mem, name), plain, ends
}

// TestEveryBitOfSyncedFrames: only the last mark, which holds nothing, may be lost without reading failing.
func TestEveryBitOfSyncedFrames(t *testing.T) {
	for _, name := range []string{"MANIFEST-000001", "000001.log"} {
		fs, mem := newFS()
		data, plain, ends := framed(t, fs, mem, name, false)
		for at := range data {
			for bit := range 8 {
				changed := bytes.Clone(data)
				changed[at] ^= 1 << bit
				what := fmt.Sprintf("%s byte %d bit %d", name, at, bit)
				if at < ends[len(ends)-1] {
					mustFind(t, fs, mem, name, what, changed)
					continue
				}
				got, readErr, verifyErr := findings(t, fs, mem, name, changed)
				if readErr != nil || !bytes.Equal(got, plain) || !errors.Is(verifyErr, ErrTorn) {
					t.Fatalf("%s in the mark: %q, %v, %v", what, got, readErr, verifyErr)
				}
			}
		}
	}
}

// TestUnsyncedFrames: a change of what was never synced ends the file in front of it; of what was, it is an error.
func TestUnsyncedFrames(t *testing.T) {
	fs, mem := newFS()
	const name = "000001.log"
	data, plain, ends := framed(t, fs, mem, name, true)
	for at := range data {
		for bit := range 8 {
			changed := bytes.Clone(data)
			changed[at] ^= 1 << bit
			got, readErr, verifyErr := findings(t, fs, mem, name, changed)
			if !bytes.HasPrefix(plain, got) || verifyErr == nil {
				t.Fatalf("byte %d bit %d: %q, %v", at, bit, got, verifyErr)
			}
			if synced := at < ends[2]; synced != (readErr != nil) {
				t.Fatalf("byte %d bit %d: %v", at, bit, readErr)
			}
		}
	}
}

func TestEveryLengthOfFrames(t *testing.T) {
	for _, name := range []string{"MANIFEST-000001", "000001.log"} {
		fs, mem := newFS()
		data, plain, ends := framed(t, fs, mem, name, false)
		for length := range data {
			got, readErr, verifyErr := findings(t, fs, mem, name, data[:length])
			if !bytes.HasPrefix(plain, got) {
				t.Fatalf("%s cut to %d bytes: read %q", name, length, got)
			}
			if needed := bornWhole(name) && length < ends[0]; needed != (readErr != nil) {
				t.Fatalf("%s cut to %d bytes: %v", name, length, readErr)
			}
			onFrame := length == headerSize && !bornWhole(name) || slices.Contains(ends, length) || slices.Contains(ends, length-frameMore)
			if verifyErr == nil && !onFrame {
				t.Fatalf("%s cut to %d bytes: verified", name, length)
			}
		}
		for _, more := range []int{1, frameHead, frameMore, 600} {
			got, readErr, verifyErr := findings(t, fs, mem, name, append(bytes.Clone(data), make([]byte, more)...))
			if readErr != nil || !bytes.Equal(got, plain) || !errors.Is(verifyErr, ErrTorn) {
				t.Fatalf("%s and %d zeros: %q, %v, %v", name, more, got, readErr, verifyErr)
			}
		}
	}
}

func TestFramesChangePlaces(t *testing.T) {
	fs, mem := newFS()
	const name = "MANIFEST-000001"
	data, plain, ends := framed(t, fs, mem, name, false)
	head, first := data[:headerSize], data[headerSize:ends[0]]
	second, rest := data[ends[0]:ends[1]], data[ends[1]:]
	zeros := make([]byte, len(second))
	for what, changed := range map[string][]byte{
		"swapped":       slices.Concat(head, second, first, rest),
		"left out":      slices.Concat(head, first, rest),
		"first removed": slices.Concat(head, second, rest),
		"twice":         slices.Concat(head, first, first, second, rest),
		"erased":        slices.Concat(head, first, zeros, rest),
		"no header":     slices.Concat(make([]byte, headerSize), data[headerSize:]),
	} {
		mustFind(t, fs, mem, name, what, changed)
	}
	got, readErr, verifyErr := findings(t, fs, mem, name, slices.Concat(data, first))
	if readErr != nil || !bytes.Equal(got, plain) || verifyErr == nil {
		t.Fatalf("a frame again at the end: %q, %v, %v", got, readErr, verifyErr)
	}
	log := slices.Concat(make([]byte, headerSize), data[headerSize:])
	mustFind(t, fs, mem, "000001.log", "a log without header, with synced frames", log)
}

// TestCraftedSuspects: bytes made to look like many frames that declare a sync cost little, and count as damage.
func TestCraftedSuspects(t *testing.T) {
	fs, mem := newFS()
	const name = "000001.log"
	write(t, fs, name, []byte("one"))
	data := raw(t, mem, name)
	crafted := make([]byte, 0, 1<<20)
	for i := range cap(crafted) / frameMore {
		crafted = append(crafted, 0, 0, 0, 0, 0, 0, byte(i>>8), byte(i), 0, 0, 0, 10)
		crafted = append(crafted, make([]byte, tagSize)...)
	}
	mustFind(t, fs, mem, name, "crafted", slices.Concat(data, crafted))
}

// TestDamageInFrontOfATornEnd: a power cut at the end hides no damage in front of it, even where the header is another life's and no
// frame authenticates, or where only one frame is left to declare the damaged one.
func TestDamageInFrontOfATornEnd(t *testing.T) {
	fs, mem := newFS()
	const name = "000001.log"
	write(t, fs, name, []byte("another life"))
	other := raw(t, mem, name)[:headerSize]
	data, _, _ := framed(t, fs, mem, name, false)
	tornEnd := []byte{0, 0, 0, 9, 1}
	mustFind(t, fs, mem, name, "header of another life", slices.Concat(other, data[headerSize:], tornEnd))

	write(t, fs, name, []byte("one"))
	data = slices.Concat(raw(t, mem, name), tornEnd)
	data[headerSize+frameHead] ^= 1
	mustFind(t, fs, mem, name, "one frame", data)
}
