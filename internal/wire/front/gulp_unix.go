//go:build unix

package front

import (
	"io"
	"net"
	"sync"
	"syscall"
)

// gulpSize holds most requests whole.
const gulpSize = 8 << 10

// gulp reads the first bytes of a request without holding a buffer while the connection is idle, and without
// a system call for the first byte alone: it takes a buffer only when the kernel says that there is something
// to read.
type gulp struct {
	pool  *sync.Pool
	raw   syscall.RawConn
	ready func(fd uintptr) bool // (*gulp).read, made once
	buf   *[gulpSize]byte       // what was read and not handed out: buf[from:to]
	from  int
	to    int
	err   error
}

// newGulpBuffers returns a pool of what gulps read into.
func newGulpBuffers() *sync.Pool {
	return &sync.Pool{New: func() any { return new([gulpSize]byte) }}
}

// attach makes g read from c, into buffers of pool. It stays unusable for connections without a descriptor.
func (g *gulp) attach(c net.Conn, pool *sync.Pool) {
	below, ok := c.(syscall.Conn)
	if !ok {
		return
	}
	raw, err := below.SyscallConn()
	if err != nil {
		return
	}
	g.pool = pool
	g.raw = raw
	g.ready = g.read
}

func (g *gulp) usable() bool { return g.raw != nil }

func (g *gulp) holds() bool { return g.buf != nil }

// fill waits for bytes, under the connection's read deadline, and reads them.
func (g *gulp) fill() error {
	g.err = nil
	if err := g.raw.Read(g.ready); err != nil {
		return err
	}
	return g.err
}

// read is called by the poller: once at once, and again each time the connection may be readable, until it
// returns true.
func (g *gulp) read(fd uintptr) bool {
	buf, _ := g.pool.Get().(*[gulpSize]byte)
	n, err := syscall.Read(int(fd), buf[:])
	for err == syscall.EINTR {
		n, err = syscall.Read(int(fd), buf[:])
	}
	if n > 0 {
		g.buf = buf
		g.from = 0
		g.to = n
		return true
	}
	g.pool.Put(buf)
	switch {
	case err == syscall.EAGAIN:
		return false
	case err != nil:
		g.err = err
	default:
		g.err = io.EOF
	}
	return true
}

// take hands out what fill has read, and gives the buffer back with its last byte.
func (g *gulp) take(p []byte) int {
	n := copy(p, g.buf[g.from:g.to])
	g.from += n
	if g.from == g.to {
		g.pool.Put(g.buf)
		g.buf = nil
	}
	return n
}
