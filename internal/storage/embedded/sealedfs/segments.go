package sealedfs

import (
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// The layout of a file of segments. Bigger segments only slow down reads, which are of Pebble's blocks of 4
// KiB.
const (
	segmentSize = 4096
	segmentSpan = segmentSize + tagSize
	sealSize    = 4 // how often the end was sealed, behind the last segment
	maxSeals    = 1<<32 - 1
	// longestRead is how much one base read gets, so that the largest buffer holds it wherever it begins.
	longestRead = (largeBuffer - 1) * segmentSize
)

// extent is what the physical size of a file of segments says about it.
type extent struct {
	last     int64 // index of the last segment
	lastSpan int64 // its sealed length
	size     int64 // logical
}

func segmentOffset(index int64) int64 { return headerSize + index*segmentSpan }

// measure gives the extent of a file of this physical size, false where no complete file has that size.
func measure(physical int64) (extent, bool) {
	body := physical - headerSize - sealSize
	if body < tagSize {
		return extent{}, false
	}
	last := (body - 1) / segmentSpan
	span := body - last*segmentSpan
	if span < tagSize || span == tagSize && last > 0 {
		return extent{}, false
	}
	return extent{last: last, lastSpan: span, size: last*segmentSize + span - tagSize}, true
}

// segmentReader reads a finished file of segments. It is safe for concurrent ReadAt, which allocates nothing.
type segmentReader struct {
	readOnly
	aead cipher.AEAD
	bufs *buffers
	extent
	seals uint32 // of the last segment
	pos   int64  // of Read
}

// openSegments authenticates the last segment, and with it that the file was finished and is neither cut nor
// lengthened.
func openSegments(
	base vfs.File, path string, physical int64, aead cipher.AEAD, bufs *buffers,
) (*segmentReader, error) {
	e, ok := measure(physical)
	if !ok {
		return nil, notAuthentic(path, "it is cut, or was never finished")
	}
	r := &segmentReader{readOnly: readOnly{base: base, path: path}, aead: aead, bufs: bufs, extent: e}
	var seals [sealSize]byte
	if n, err := readUpTo(base, seals[:], physical-sealSize); err != nil || n < sealSize {
		return nil, r.short(err)
	}
	r.seals = binary.BigEndian.Uint32(seals[:])
	if r.seals == 0 {
		return nil, notAuthentic(path, "its end was never sealed")
	}
	return r, r.checkEnd()
}

// checkEnd opens the last segment for its tag's sake.
func (r *segmentReader) checkEnd() error {
	s := r.bufs.take(int(r.lastSpan))
	defer r.bufs.give(s)
	if err := r.readSealed(s.buf, segmentOffset(r.last)); err != nil {
		return err
	}
	defer clear(s.buf)
	_, err := r.open(s, s.buf[:0], s.buf, r.last)
	return err
}

func (r *segmentReader) Read(p []byte) (int, error) {
	n, err := r.ReadAt(p, r.pos)
	r.pos += int64(n)
	if n > 0 && err == io.EOF {
		err = nil
	}
	return n, err
}

// ReadAt reads and authenticates the segments that p touches, with one base read up to 256 KiB.
func (r *segmentReader) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("read of %s at a negative offset: %w", r.path, errors.ErrUnsupported)
	}
	if len(p) == 0 {
		return 0, nil
	}
	if off >= r.size {
		return 0, io.EOF
	}
	var end error
	if int64(len(p)) > r.size-off {
		p, end = p[:r.size-off], io.EOF
	}
	for n := 0; n < len(p); {
		part := p[n:min(len(p), n+longestRead)]
		if err := r.readRange(part, off+int64(n)); err != nil {
			return n, err
		}
		n += len(part)
	}
	return len(p), end
}

// readRange fills p, which lies within the file and is at most longestRead long.
func (r *segmentReader) readRange(p []byte, off int64) error {
	first, last := off/segmentSize, (off+int64(len(p))-1)/segmentSize
	from, to := segmentOffset(first), segmentOffset(last+1)
	if last == r.last {
		to = segmentOffset(last) + r.lastSpan
	}
	s := r.bufs.take(int(to - from))
	defer r.bufs.give(s)
	if err := r.readSealed(s.buf, from); err != nil {
		return err
	}
	skip := int(off - first*segmentSize)
	for index, sealed := first, s.buf; len(p) > 0; index++ {
		one := sealed[:min(segmentSpan, len(sealed))]
		n, err := r.copyOut(s, p, one, index, skip)
		if err != nil {
			return err
		}
		p = p[n:]
		sealed = sealed[len(one):]
		skip = 0
	}
	return nil
}

// copyOut opens one segment and copies its plaintext from skip on to p. A segment that fits whole is opened
// in place.
func (r *segmentReader) copyOut(s *scratch, p, sealed []byte, index int64, skip int) (int, error) {
	if size := len(sealed) - tagSize; skip == 0 && len(p) >= size {
		_, err := r.open(s, p[:0:size], sealed, index)
		return size, err
	}
	plain, err := r.open(s, sealed[:0], sealed, index)
	if err != nil {
		return 0, err
	}
	n := copy(p, plain[skip:])
	clear(plain)
	return n, nil
}

func (r *segmentReader) open(s *scratch, dst, sealed []byte, index int64) ([]byte, error) {
	var seal uint32
	if index == r.last {
		seal = r.seals
	}
	plain, err := r.aead.Open(dst, s.setNonce(uint64(index), seal), sealed, nil)
	if err != nil {
		return nil, notAuthentic(r.path, fmt.Sprintf("segment %d of %d was changed", index, r.last+1))
	}
	return plain, nil
}

func (r *segmentReader) readSealed(p []byte, off int64) error {
	if n, err := readUpTo(r.base, p, off); err != nil || n < len(p) {
		return r.short(err)
	}
	return nil
}

func (r *segmentReader) short(err error) error {
	if err != nil {
		return err
	}
	return notAuthentic(r.path, "it was cut while it was open")
}

func (r *segmentReader) Stat() (vfs.FileInfo, error) { return r.stat(r.size) }

// Prefetch asks for the segments that hold the range.
func (r *segmentReader) Prefetch(offset, length int64) error {
	from, to := sealedRange(offset, length)
	return r.base.Prefetch(from, to-from)
}

// sealedRange is where the segments of a logical range lie.
func sealedRange(offset, length int64) (from, to int64) {
	return segmentOffset(offset / segmentSize), segmentOffset(
		(offset + length + segmentSize - 1) / segmentSize,
	)
}
