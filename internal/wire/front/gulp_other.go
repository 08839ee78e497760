//go:build !unix

package front

import (
	"net"
	"sync"
)

const gulpSize = 8 << 10

// gulp reads what has come of a request.
type gulp struct {
	pool *sync.Pool
	conn net.Conn
}

func newGulpBuffers() *sync.Pool {
	return &sync.Pool{New: func() any { return new([gulpSize]byte) }}
}

func (g *gulp) attach(c net.Conn, pool *sync.Pool) {
	g.pool = pool
	g.conn = c
}

// fill reads what there is, into a buffer that is held while it waits and then the caller's.
func (g *gulp) fill() (*[gulpSize]byte, int, error) {
	buf, _ := g.pool.Get().(*[gulpSize]byte)
	n, err := g.conn.Read(buf[:])
	if n == 0 {
		g.pool.Put(buf)
		return nil, 0, err
	}
	return buf, n, nil
}

func (g *gulp) put(buf *[gulpSize]byte) { g.pool.Put(buf) }
