package journal

import (
	"errors"
	"fmt"
	"io"

	"github.com/cespare/xxhash/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// segmentReader reads the groups of one segment. Errors are *CorruptError without a file name, errNoGroup, or
// the disk's.
type segmentReader struct {
	file vfs.File
	head segmentHead
	mac  *frameMAC
	buf  []byte
}

// openSegment authenticates the header and compares the file's size with what it should be: segments are made
// in full before they get their name.
func openSegment(fs vfs.FS, path string, frameKey *[32]byte) (*segmentReader, error) {
	file, err := fs.Open(path)
	if err != nil {
		return nil, fmt.Errorf("journal: open segment: %w", err)
	}
	r := &segmentReader{file: file, buf: make([]byte, pageSize)}
	if err := r.readHead(frameKey); err != nil {
		_ = file.Close()
		return nil, err
	}
	return r, nil
}

func (r *segmentReader) readHead(frameKey *[32]byte) error {
	info, err := r.file.Stat()
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	page := r.buf[:pageSize]
	if n, err := r.file.ReadAt(page, 0); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("journal: read segment: %w", err)
	} else if n < pageSize {
		return &CorruptError{Cause: fmt.Errorf("cut to %d bytes", n)}
	}
	if r.head, r.mac, err = parseHead(page, frameKey); err != nil {
		return &CorruptError{Cause: err}
	}
	if size := info.Size(); uint64(size) != r.head.size || size%pageSize != 0 {
		return &CorruptError{Offset: min(size, int64(r.head.size)),
			Cause: fmt.Errorf("%d bytes long, not %d", size, r.head.size)}
	}
	return nil
}

func (r *segmentReader) close() { _ = r.file.Close() }

func (r *segmentReader) size() int64 { return int64(r.head.size) }

// group is one group as read. The slices live until the next read.
type group struct {
	groupHead
	at        int64
	directory []byte
	bodies    []byte
	padding   []byte
}

func (g *group) end() int64 { return g.at + g.length() }

// readFrame reads and authenticates header and directory of the group at a page boundary; errNoGroup if there
// is none.
func (r *segmentReader) readFrame(at int64) (group, error) {
	g := group{at: at}
	if at+pageSize > r.size() {
		return g, errNoGroup
	}
	if err := r.fill(at, 0, groupHeader); err != nil {
		return g, err
	}
	var err error
	if g.groupHead, err = parseGroupHead(r.buf, &r.head, at); err != nil {
		return g, err
	}
	frame := groupHeader + int(g.dirBytes)
	if err := r.fill(at, groupHeader, frame); err != nil {
		return g, err
	}
	g.setFrame(r.buf)
	if !r.mac.verify(r.buf[groupFixed:groupHeader], r.buf[:groupFixed], g.directory) {
		return g, errNoGroup
	}
	if err := checkDirectory(&g.groupHead, g.directory); err != nil {
		return g, &CorruptError{Offset: at, Cause: err}
	}
	return g, nil
}

func (g *group) setFrame(buf []byte) {
	g.directory = buf[groupHeader : groupHeader+int64(g.dirBytes)]
}

// readGroup reads the whole group. Its bodies are not checked.
func (r *segmentReader) readGroup(at int64) (group, error) {
	g, err := r.readFrame(at)
	if err != nil {
		return g, err
	}
	frame := groupHeader + int(g.dirBytes)
	if err := r.fill(at, frame, int(g.length())); err != nil {
		return g, err
	}
	g.setFrame(r.buf)
	g.bodies = r.buf[frame : frame+int(g.bodyBytes)]
	g.padding = r.buf[frame+len(g.bodies):]
	return g, nil
}

// fill reads buf[from:to] of what begins at offset at, keeping buf[:from].
func (r *segmentReader) fill(at int64, from, to int) error {
	if cap(r.buf) < to {
		r.buf = append(make([]byte, 0, to+to/4), r.buf[:from]...)
	}
	r.buf = r.buf[:to]
	if _, err := r.file.ReadAt(r.buf[from:], at+int64(from)); err != nil {
		if errors.Is(err, io.EOF) {
			return errNoGroup
		}
		return fmt.Errorf("journal: read segment: %w", err)
	}
	return nil
}

// declares looks for an authentic group at or after from which says that the bytes at failed were durable
// when it was written.
func (r *segmentReader) declares(failed, from int64) (at int64, found bool, err error) {
	const window = 256 << 10
	buf := make([]byte, min(window, max(0, r.size()-from)))
	for ; from < r.size(); from += window {
		n, err := r.file.ReadAt(buf[:min(window, r.size()-from)], from)
		if err != nil && !errors.Is(err, io.EOF) {
			return 0, false, fmt.Errorf("journal: read segment: %w", err)
		}
		for p := 0; p+pageSize <= n; p += pageSize {
			if string(buf[p:p+4]) != groupMagic {
				continue
			}
			g, err := r.readFrame(from + int64(p))
			if err == nil && g.synced > uint64(failed) {
				return g.at, true, nil
			}
			if err != nil && !isFormat(err) {
				return 0, false, err
			}
		}
	}
	return 0, false, nil
}

// isTorn decides whether a group whose sealed bytes are not as written was cut short by a crash and never
// acknowledged. Otherwise it was durable, and tables' sections in it are damaged. It reads on, over g.
func (r *segmentReader) isTorn(g *group) (bool, error) {
	damaged, end := r.head.guarded && !g.torn(), g.end()
	_, declared, err := r.declares(g.at, end)
	if err != nil || declared {
		return false, err
	}
	if r.head.guarded {
		err = r.checkZero(end)
	}
	return !damaged, err
}

// isFormat tells errors about bytes from those of the disk.
func isFormat(err error) bool {
	var c *CorruptError
	return errors.Is(err, errNoGroup) || errors.As(err, &c)
}

// walk goes through the records of a group and their sections.
type walk struct {
	directory directoryReader
	bodies    []byte
	entries   []byte // of the record in hand
}

func (g *group) walk() walk { return walk{directory: directoryReader{g.directory}, bodies: g.bodies} }

func (w *walk) nextRecord() (err error) {
	w.entries, err = w.directory.next()
	return err
}

// nextSection gives the record's next section. sound says that the sealed bytes are those that were written;
// it takes no key.
func (w *walk) nextSection() (e entry, body []byte, sound, ok bool) {
	if len(w.entries) == 0 {
		return e, nil, false, false
	}
	e = parseEntry(w.entries)
	w.entries = w.entries[entrySize:]
	body = w.bodies[:e.size]
	w.bodies = w.bodies[e.size:]
	return e, body, xxhash.Sum64(body) == e.sum, true
}

// whole says whether all sealed bytes of the group are those that were written.
func (g *group) whole() bool {
	w := g.walk()
	for range g.records {
		if w.nextRecord() != nil {
			return false
		}
		for _, _, sound, ok := w.nextSection(); ok; _, _, sound, ok = w.nextSection() {
			if !sound {
				return false
			}
		}
	}
	return true
}
