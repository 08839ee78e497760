package journal

import (
	"errors"
	"fmt"
	"io"
)

// sectorSize is what a disk writes whole or not at all. A write that a crash cut short left some of its
// sectors as they were before: zeros, in a guarded life.
const sectorSize = 512

// checkRemains looks at what stands behind the groups of a guarded life, from offset at on, where no group
// is authentic that anything later declares. Zeros were never written to. The one write that a crash can have
// cut short lacks a sector of its header or directory. Everything else is damage, a *CorruptError.
func (r *segmentReader) checkRemains(at int64) error {
	if at+pageSize > r.size() {
		return nil
	}
	if err := r.fill(at, 0, sectorSize); err != nil {
		return err
	}
	if isZero(r.buf) {
		// Of a write whose first sector is missing, nobody knows how long it was: but it bears no mark.
		return r.checkNoMark(at + pageSize)
	}
	g := group{at: at}
	var err error
	if g.groupHead, err = parseGroupHead(r.buf, &r.head, at); err != nil {
		return damagedAt(at, "bytes that are no group, where no group was written yet")
	}
	whole, err := r.directoryIsThere(&g)
	if err != nil {
		return err
	}
	if whole {
		return damagedAt(at, "a group of this segment that is not authentic, though it was written whole")
	}
	return r.checkZero(g.end())
}

func damagedAt(at int64, format string, args ...any) error {
	return &CorruptError{Offset: at, Cause: fmt.Errorf(format, args...)}
}

// directoryIsThere says whether no sector of the group's header and directory is missing. How long the
// directory is, its own entries tell too: its length as the header has it may be what is damaged.
func (r *segmentReader) directoryIsThere(g *group) (bool, error) {
	frame := groupHeader + int(g.dirBytes)
	if err := r.fill(g.at, 0, int(alignSector(int64(frame)))); err != nil {
		return false, err
	}
	missing := missingSector(r.buf)
	if missing < 0 {
		return true, nil
	}
	if g.kind == kindAnchors {
		return false, nil
	}
	d := directoryReader{r.buf[groupHeader:min(missing, frame)]}
	for range g.records {
		if _, err := d.next(); err != nil {
			return false, nil //nolint:nilerr // the directory ends early: at the sector that is missing
		}
	}
	return true, nil
}

func alignSector(n int64) int64 { return (n + sectorSize - 1) &^ (sectorSize - 1) }

// missingSector is the offset of the first sector of zeros; negative if there is none.
func missingSector(b []byte) int {
	for at := 0; at < len(b); at += sectorSize {
		if isZero(b[at:min(at+sectorSize, len(b))]) {
			return at
		}
	}
	return -1
}

// torn says of a group whose frame is authentic whether sectors of its sealed bytes are missing. Ciphertext
// has no sector of zeros.
func (g *group) torn() bool {
	from := groupHeader + int64(len(g.directory))
	w := g.walk()
	for range g.records {
		if w.nextRecord() != nil {
			return false
		}
		for _, body, sound, ok := w.nextSection(); ok; _, body, sound, ok = w.nextSection() {
			if !sound && missesSector(body, from) {
				return true
			}
			from += int64(len(body))
		}
	}
	return false
}

// missesSector says whether some sector's share of body, which begins at offset from of its group, is zeros.
func missesSector(body []byte, from int64) bool {
	for len(body) > 0 {
		n := min(int64(len(body)), sectorSize-from%sectorSize)
		if isZero(body[:n]) {
			return true
		}
		body = body[n:]
		from += n
	}
	return false
}

// checkZero says whether everything from offset at on is zeros.
func (r *segmentReader) checkZero(at int64) error {
	return r.pages(at, func(at int64, page []byte) error {
		if !isZero(page) {
			return damagedAt(at, "bytes behind the last group, where nothing was written yet")
		}
		return nil
	})
}

// checkNoMark says whether no page from offset at on claims to be a group of this segment.
func (r *segmentReader) checkNoMark(at int64) error {
	return r.pages(at, func(at int64, page []byte) error {
		if _, err := parseGroupHead(page, &r.head, at); err == nil {
			return damagedAt(at, "a group of this segment that is not authentic, behind one that is missing")
		}
		return nil
	})
}

// pages visits the rest of the segment.
func (r *segmentReader) pages(at int64, visit func(at int64, page []byte) error) error {
	const window = 64 * pageSize
	buf := make([]byte, min(window, max(0, r.size()-at)))
	for ; at < r.size(); at += window {
		n, err := r.file.ReadAt(buf[:min(window, r.size()-at)], at)
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("journal: read segment: %w", err)
		}
		for p := 0; p < n; p += pageSize {
			if err := visit(at+int64(p), buf[p:min(p+pageSize, n)]); err != nil {
				return err
			}
		}
	}
	return nil
}
