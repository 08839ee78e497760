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

// gulp reads what has come of a request without holding a buffer while it waits: it takes one only when the
// kernel says that there is something to read.
type gulp struct {
	pool  *sync.Pool
	conn  net.Conn
	raw   syscall.RawConn // nil for connections without a descriptor
	ready func(fd uintptr) bool
	buf   *[gulpSize]byte
	n     int
	err   error
}

// newGulpBuffers returns a pool of what gulps read into.
func newGulpBuffers() *sync.Pool {
	return &sync.Pool{New: func() any { return new([gulpSize]byte) }}
}

// attach makes g read from c, into buffers of pool.
func (g *gulp) attach(c net.Conn, pool *sync.Pool) {
	g.pool = pool
	g.conn = c
	below, ok := c.(syscall.Conn)
	if !ok {
		return
	}
	if raw, err := below.SyscallConn(); err == nil {
		g.raw = raw
		g.ready = g.read
	}
}

// fill waits for bytes, under the connection's read deadline, and reads them. The buffer is the caller's,
// until it calls put.
func (g *gulp) fill() (buf *[gulpSize]byte, n int, err error) {
	if g.raw == nil {
		return g.fillSlowly()
	}
	g.buf = nil
	g.err = nil
	if err := g.raw.Read(g.ready); err != nil {
		return nil, 0, err
	}
	return g.buf, g.n, g.err
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
		g.n = n
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

// fillSlowly is fill with a buffer that is held while it waits.
func (g *gulp) fillSlowly() (*[gulpSize]byte, int, error) {
	buf, _ := g.pool.Get().(*[gulpSize]byte)
	n, err := g.conn.Read(buf[:])
	if n == 0 {
		g.pool.Put(buf)
		return nil, 0, err
	}
	return buf, n, nil
}

func (g *gulp) put(buf *[gulpSize]byte) { g.pool.Put(buf) }
