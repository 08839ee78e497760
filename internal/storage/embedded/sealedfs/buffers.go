package sealedfs

import (
	"encoding/binary"
	"sync"
)

// The sizes of pooled buffers, in sealed segments: a small block that lies across two, a large block, and a
// long read.
const (
	smallBuffer  = 3
	mediumBuffer = 17
	largeBuffer  = 65
)

// scratch is what sealing and opening segments need of memory. The nonce is in it because a local one would
// be allocated by every call of a cipher.
type scratch struct {
	nonce [nonceSize]byte
	buf   []byte
}

// setNonce names one segment or frame. Seal is 0 but for the last segment of a file, where it counts how
// often the end was sealed.
func (s *scratch) setNonce(index uint64, seal uint32) []byte {
	binary.BigEndian.PutUint64(s.nonce[:], index)
	binary.BigEndian.PutUint32(s.nonce[8:], seal)
	return s.nonce[:]
}

// buffers lends scratch of three sizes. Whoever gives one back has cleared the plaintext in it.
type buffers struct {
	small, medium, large sync.Pool
}

func (b *buffers) pool(size int) (pool *sync.Pool, capacity int) {
	switch {
	case size <= smallBuffer*segmentSpan:
		return &b.small, smallBuffer * segmentSpan
	case size <= mediumBuffer*segmentSpan:
		return &b.medium, mediumBuffer * segmentSpan
	default:
		return &b.large, largeBuffer * segmentSpan
	}
}

// take lends a scratch whose buffer has the length size, at most largeBuffer segments.
func (b *buffers) take(size int) *scratch {
	pool, capacity := b.pool(size)
	s, ok := pool.Get().(*scratch)
	if !ok {
		s = &scratch{buf: make([]byte, capacity)}
	}
	s.buf = s.buf[:size]
	return s
}

func (b *buffers) give(s *scratch) {
	s.buf = s.buf[:cap(s.buf)]
	pool, _ := b.pool(len(s.buf))
	pool.Put(s)
}
