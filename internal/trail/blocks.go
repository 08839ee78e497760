package trail

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

// A file of the trail is a row of blocks; docs/format/trail.md draws them:
//
//	length 4, big-endian │ that many bytes: one Zstandard frame (RFC 8878), of whole lines
//
// What a crash cut short is never more than the last block.
const (
	lengthSize = 4
	maxPacked  = 32 << 20 // more than a block ever has: callers wait long before
	maxLines   = 32 << 20
	readSize   = 64 << 10
)

// newEncoder gives a compressor for whole blocks. It is cheap rather than thorough: records are repetitive,
// and the calls that they tell of have a use for the time.
func newEncoder() (*zstd.Encoder, error) {
	return zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest),
		zstd.WithEncoderCRC(false))
}

// appendBlock appends a block that holds lines.
func appendBlock(dst []byte, encoder *zstd.Encoder, lines []byte) []byte {
	at := len(dst)
	dst = encoder.EncodeAll(lines, append(dst, 0, 0, 0, 0))
	binary.BigEndian.PutUint32(dst[at:], uint32(len(dst)-at-lengthSize))
	return dst
}

// cutLines takes whole lines off the front of b: at most limit bytes, but at least one line.
func cutLines(b []byte, limit int) (lines, rest []byte) {
	end := len(b)
	if end > limit {
		end = bytes.LastIndexByte(b[:limit], '\n') + 1
	}
	if end == 0 {
		end = bytes.IndexByte(b, '\n') + 1
	}
	if end == 0 {
		end = len(b)
	}
	return b[:end], b[end:]
}

// wholeBlocks is how many bytes of content are whole blocks.
func wholeBlocks(content []byte) int {
	at := 0
	for {
		length, ok := blockLength(content[at:])
		if !ok || length > len(content)-at-lengthSize {
			return at
		}
		at += lengthSize + length
	}
}

func blockLength(b []byte) (int, bool) {
	if len(b) < lengthSize {
		return 0, false
	}
	length := binary.BigEndian.Uint32(b)
	return int(length), length > 0 && length <= maxPacked
}

// ErrNoBlock says that a file of the trail holds what no trail wrote.
var ErrNoBlock = errors.New("this is no block of records")

// Scanner reads the blocks of one file of a trail. The file may grow meanwhile.
type Scanner struct {
	src     io.Reader
	decoder *zstd.Decoder
	buf     []byte // read and not yet given out
	lines   []byte
}

// NewScanner reads blocks from src, which may go on after it said io.EOF.
func NewScanner(src io.Reader) (*Scanner, error) {
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxLines))
	if err != nil {
		return nil, err
	}
	return &Scanner{src: src, decoder: decoder}, nil
}

// Next gives the lines of the next block, valid until the next call. It says io.EOF at the end of what is
// there; half a block that stands there is kept until the rest comes.
func (s *Scanner) Next() ([]byte, error) {
	for {
		length, ok := blockLength(s.buf)
		if !ok && len(s.buf) >= lengthSize {
			return nil, fmt.Errorf("%w: of length %d", ErrNoBlock, binary.BigEndian.Uint32(s.buf))
		}
		if ok && len(s.buf)-lengthSize >= length {
			return s.open(length)
		}
		if err := s.fill(); err != nil {
			return nil, err
		}
	}
}

func (s *Scanner) fill() error {
	at := len(s.buf)
	s.buf = append(s.buf, make([]byte, readSize)...)
	n, err := s.src.Read(s.buf[at:])
	s.buf = s.buf[:at+n]
	if n > 0 {
		return nil
	}
	return err
}

func (s *Scanner) open(length int) (_ []byte, err error) {
	s.lines, err = s.decoder.DecodeAll(s.buf[lengthSize:lengthSize+length], s.lines[:0])
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoBlock, err)
	}
	s.buf = append(s.buf[:0], s.buf[lengthSize+length:]...)
	return s.lines, nil
}

// Close lets go of the memory.
func (s *Scanner) Close() { s.decoder.Close() }
