package sealedfs

import (
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// The layout of one frame: length of the plaintext, index of the frame, and how many frames were synced when
// it was written, four bytes each and authenticated with the sealed plaintext that follows.
const (
	frameHead = 12
	frameMore = frameHead + tagSize // what a frame takes beside its plaintext
	maxFrame  = 64 << 10            // of plaintext
	// maxSuspects, and one more in 4 KiB, is how many places that read like a frame behind a damaged one are
	// tried. Chance makes one in 128 KiB; more were put there.
	maxSuspects = 64
)

// frameScanner reads frames in order, of a file as long as it was when it was opened: what a writer appends
// meanwhile is not seen, half of it least of all.
type frameScanner struct {
	src   io.ReaderAt
	aead  cipher.AEAD // nil without header
	path  string
	limit int64 // physical size

	off    int64  // of the next frame
	next   uint32 // its index
	nonce  scratch
	window []byte // bytes of the file
	at     int64  // where they lie
}

// errTornEnd is where reading ends cleanly although bytes are left.
var errTornEnd = errors.New("unsynced end")

// nextFrame returns the plaintext of the next frame, valid until the next call; empty for a mark. It ends
// with io.EOF where the file does, with errTornEnd in front of bytes that were never declared synced, and
// with ErrNotAuthentic in front of damage.
func (s *frameScanner) nextFrame() ([]byte, error) {
	if s.off == s.limit {
		return nil, io.EOF
	}
	head, err := s.peek(s.off, frameHead)
	if err != nil {
		return nil, err
	}
	f, ok := parseFrame(head)
	if !ok || f.index != s.next || f.synced > f.index || f.end(s.off) > s.limit {
		return nil, s.judge()
	}
	raw, err := s.peek(s.off, frameMore+int(f.length))
	if err != nil {
		return nil, err
	}
	plain, err := s.aead.Open(raw[frameHead:frameHead], s.nonce.setNonce(uint64(f.index), 0), raw[frameHead:],
		raw[:frameHead])
	if err != nil {
		return nil, s.judge()
	}
	s.off, s.next = f.end(s.off), s.next+1
	return plain, nil
}

type frame struct{ length, index, synced uint32 }

func (f frame) end(off int64) int64 { return off + frameMore + int64(f.length) }

// parseFrame reads a frame's head. False means that it is none: cut, or longer than any.
func parseFrame(head []byte) (frame, bool) {
	if len(head) < frameHead {
		return frame{}, false
	}
	f := frame{binary.BigEndian.Uint32(head), binary.BigEndian.Uint32(head[4:]),
		binary.BigEndian.Uint32(head[8:])}
	return f, f.length <= maxFrame
}

// judge tells what the bytes at s.off are, which are not the next frame: damage if a later frame declares
// that the frame which belongs here was synced, else the end that a power cut left.
func (s *frameScanner) judge() error {
	s.window = s.window[:0] // the frame may have been opened in place, to nothing
	claimed, err := s.claimsSync()
	if err != nil {
		return err
	}
	if claimed {
		return notAuthentic(s.path, fmt.Sprintf("frame %d, at byte %d, was changed", s.next, s.off))
	}
	return errTornEnd
}

// claimsSync looks for a frame that was written when the missing one was synced already. It looks at every
// byte, because where the missing frame ends may be what was changed. Such a frame is believed if it is
// authentic; and if it is not, or cannot be tried because the header is lost, when a frame follows it that
// continues its numbers, or when the file ends with it and it has a number that fits into the file: chance
// makes neither.
func (s *frameScanner) claimsSync() (bool, error) {
	tries := maxSuspects + (s.limit-s.off)/segmentSize
	for pos := s.off; pos+frameMore <= s.limit; pos++ {
		head, err := s.peek(pos, frameHead)
		if err != nil {
			return false, err
		}
		f, ok := parseFrame(head)
		if !ok || f.index <= s.next || f.synced <= s.next || f.synced > f.index || f.end(pos) > s.limit {
			continue
		}
		tries--
		if tries < 0 {
			return true, nil
		}
		if believed, err := s.believe(f, pos); believed || err != nil {
			return believed, err
		}
	}
	return false, nil
}

func (s *frameScanner) believe(f frame, pos int64) (bool, error) {
	end := f.end(pos)
	head, err := s.peek(end, frameHead)
	if err != nil {
		return false, err
	}
	after, ok := parseFrame(head)
	if ok && after.index == f.index+1 && after.synced >= f.synced && after.synced <= after.index {
		return true, nil
	}
	if end == s.limit && int64(f.index) <= end/frameMore {
		return true, nil
	}
	if s.aead == nil {
		return false, nil
	}
	raw, err := s.peek(pos, frameMore+int(f.length))
	if err != nil {
		return false, err
	}
	_, err = s.aead.Open(nil, s.nonce.setNonce(uint64(f.index), 0), raw[frameHead:], raw[:frameHead])
	return err == nil, nil
}

// peek gives up to n bytes from pos, at most frameMore+maxFrame; less only at the limit. They may be changed
// until the next call.
func (s *frameScanner) peek(pos int64, n int) ([]byte, error) {
	n = int(min(int64(n), s.limit-pos))
	if from := pos - s.at; from >= 0 && from+int64(n) <= int64(len(s.window)) {
		return s.window[from : from+int64(n)], nil
	}
	want := int(min(frameMore+maxFrame, s.limit-pos))
	if cap(s.window) < want {
		s.window = make([]byte, want)
	}
	s.window, s.at = s.window[:want], pos
	got, err := readUpTo(s.src, s.window, pos)
	if err != nil || got < want {
		s.window = s.window[:0]
		if err == nil {
			err = notAuthentic(s.path, "it was cut while it was open")
		}
		return nil, err
	}
	return s.window[:n], nil
}

// openFrames gives a scanner that stands behind the header of the file. A file whose header a power cut may
// have kept from the disk has no frames: whole is false then.
func (fs *FS) openFrames(
	base vfs.File, path string, physical int64,
) (s *frameScanner, epoch Header, err error) {
	s = &frameScanner{src: base, path: path, limit: physical, off: headerSize}
	var raw [headerSize]byte
	n, err := readUpTo(base, raw[:min(physical, headerSize)], 0)
	if err != nil {
		return nil, Header{}, err
	}
	if n < headerSize || raw == [headerSize]byte{} {
		return s, Header{}, s.headerLost()
	}
	h, aead, err := fs.openHeader(path, raw[:])
	s.aead = aead
	return s, h, err
}

// headerLost says what a file without header is: it was damaged if its frames say that they were synced.
func (s *frameScanner) headerLost() error {
	if s.limit < headerSize {
		return errTornEnd
	}
	claimed, err := s.claimsSync()
	if err == nil && claimed {
		err = notAuthentic(s.path, "its header was erased")
	}
	if err == nil {
		err = errTornEnd
	}
	return err
}

// frameReader reads an appended file from its start to its end.
type frameReader struct {
	readOnly
	fs      *FS
	frames  *frameScanner
	pending []byte // opened, not yet read
	end     error
}

func (fs *FS) newFrameReader(base vfs.File, path string, physical int64) (*frameReader, error) {
	frames, _, err := fs.openFrames(base, path, physical)
	r := &frameReader{readOnly: readOnly{base: base, path: path}, fs: fs, frames: frames}
	if err != nil && err != errTornEnd {
		return nil, err
	}
	if err == nil {
		r.pending, err = frames.nextFrame()
	}
	if err == io.EOF || err == errTornEnd {
		r.end = io.EOF
		if bornWhole(fs.base.PathBase(path)) {
			return nil, torn(path, "it is cut in front of its first frame, or was never synced")
		}
		err = nil
	}
	return r, err
}

func (r *frameReader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for len(r.pending) == 0 && r.end == nil {
		r.pending, r.end = r.frames.nextFrame()
		if r.end == errTornEnd {
			r.end = io.EOF
		}
	}
	n := copy(p, r.pending)
	r.pending = r.pending[n:]
	if n == 0 {
		return 0, r.end
	}
	return n, nil
}

// ReadAt is refused: Pebble reads appended files from their start only.
func (r *frameReader) ReadAt([]byte, int64) (int, error) { return 0, r.refuse("read at an offset") }

// Close clears what was opened.
func (r *frameReader) Close() error {
	clear(r.frames.window[:cap(r.frames.window)])
	return r.base.Close()
}

func (r *frameReader) Prefetch(offset, length int64) error { return r.base.Prefetch(offset, length) }

// Stat reads the whole file: only its frames tell how long it is.
func (r *frameReader) Stat() (vfs.FileInfo, error) {
	size, err := r.fs.frameSize(r.base, r.path, r.frames.limit)
	if err != nil {
		return nil, err
	}
	return r.stat(size)
}

// frameSize is the number of bytes that reading the file gives.
func (fs *FS) frameSize(base vfs.File, path string, physical int64) (int64, error) {
	_, size, err := fs.scanFrames(base, path, physical)
	if err == errTornEnd {
		err = nil
	}
	return size, err
}

// scanFrames authenticates every frame. It returns nil if no byte is left over, and errTornEnd if some are
// that may be.
func (fs *FS) scanFrames(base vfs.File, path string, physical int64) (h Header, size int64, err error) {
	frames, h, err := fs.openFrames(base, path, physical)
	for err == nil {
		var plain []byte
		plain, err = frames.nextFrame()
		size += int64(len(plain))
	}
	if err == io.EOF {
		err = nil
	}
	return h, size, err
}
