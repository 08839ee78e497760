package front

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/sealtable/sealtable/internal/wire"
)

// freeAhead is how much of a request counts as nothing while it arrives; a connection's own cost covers it.
const freeAhead = 4 << 10

// fastConn is a connection as fasthttp sees it: it gives one request at a time, whole, and waits before. What
// a client sends slowly lies here in as many bytes as have come, and fasthttp, which makes room for all that
// a header promises, never waits for a body.
type fastConn struct {
	*conn
	front  *Fast
	gulp   gulp
	buf    []byte          // what has come and was not given out: buf[from:]
	pooled *[gulpSize]byte // what buf lies in, if that is a buffer of the pool
	from   int
	ready  int  // buf[from:ready] is what is left of the request that is being given out
	held   hold // what the request costs until it is answered
	moved  atomic.Bool
}

func (f *Fast) wrap(c *conn) *fastConn {
	fc := &fastConn{conn: c, front: f}
	fc.gulp.attach(c.Conn, c.gate.gulps)
	fc.held.gate = c.gate
	fc.held.peer = c.peer
	return fc
}

// fastListener gives fasthttp its connections.
type fastListener struct {
	listener
	front *Fast
}

// Accept waits for a connection that the gate lets in.
func (l *fastListener) Accept() (net.Conn, error) {
	c, err := l.listener.Accept()
	if err != nil {
		return nil, err
	}
	return l.front.wrap(c.(*conn)), nil
}

// Read gives out what is left of a request. fasthttp reads one byte alone to wait for the next.
func (c *fastConn) Read(p []byte) (int, error) {
	if c.from == c.ready {
		if len(p) != 1 {
			return 0, io.ErrUnexpectedEOF // the request ends elsewhere than fasthttp believes
		}
		if err := c.await(); err != nil {
			return 0, err
		}
	}
	n := copy(p, c.buf[c.from:c.ready])
	c.from += n
	if c.from == len(c.buf) {
		c.drop()
	}
	return n, nil
}

// drop lets go of the buffer, all of which was given out.
func (c *fastConn) drop() {
	if c.pooled != nil {
		c.gulp.put(c.pooled)
	}
	c.buf, c.pooled = nil, nil
	c.from = 0
	c.ready = 0
}

// await waits until a request is there whole.
func (c *fastConn) await() error {
	begun := false
	for {
		size, err := c.framed()
		if err == errHeavy {
			return c.move()
		}
		if err != nil {
			return c.refuse(err)
		}
		if size > 0 && len(c.buf)-c.from >= size {
			c.ready = c.from + size
			return nil
		}
		if !begun && len(c.buf) > c.from {
			begun = true
			if err := c.Conn.SetReadDeadline(time.Now().Add(c.front.options.HeaderTimeout)); err != nil {
				return err
			}
		}
		if err := c.more(); err != nil {
			return c.ended(begun, err)
		}
	}
}

// framed is how large the request is that is arriving; 0 while that cannot be told. Empty lines before it are
// skipped (RFC 9112 section 2.2).
func (c *fastConn) framed() (int, error) {
	for c.from < len(c.buf) && (c.buf[c.from] == '\r' || c.buf[c.from] == '\n') {
		c.from++
	}
	c.ready = c.from
	if c.from == len(c.buf) {
		c.drop()
		return 0, nil
	}
	o := &c.front.options
	return frame(c.buf[c.from:], o.MaxHeader, min(o.MaxBody, lightBody))
}

// more reads what comes next. A request that comes in one piece stays in the buffer of the pool.
func (c *fastConn) more() error {
	buf, n, err := c.gulp.fill()
	if err != nil {
		return err
	}
	if len(c.buf) == 0 {
		c.pooled = buf
		c.buf = buf[:n]
		return nil
	}
	defer c.gulp.put(buf)
	return c.keep(buf[:n])
}

// keep appends to what has come, in memory of its own, which is counted as it grows: twice, since fasthttp
// makes a copy.
func (c *fastConn) keep(more []byte) error {
	have := c.buf[c.from:]
	if c.pooled != nil || cap(have)-len(have) < len(more) {
		size := max(len(have)+len(more), min(2*len(have), lightBody))
		if size > freeAhead && !c.held.upTo(int64(2*size)) {
			return errBusy
		}
		grown := append(make([]byte, 0, size), have...)
		c.drop()
		have = grown
	}
	c.buf = append(have, more...)
	c.from = 0
	c.ready = 0
	if c.closed.Load() {
		c.held.release()
	}
	return nil
}

// ended says why no more comes: a client that was slow or too large is told.
func (c *fastConn) ended(begun bool, err error) error {
	var timeout net.Error
	if errors.Is(err, errBusy) || begun && errors.As(err, &timeout) && timeout.Timeout() {
		return c.refuse(err)
	}
	return err
}

// refuse answers what fasthttp is not to see, and ends the connection.
func (c *fastConn) refuse(cause error) error {
	var res wire.Response
	fail(&res, cause)
	text := fmt.Appendf(nil, "HTTP/1.1 %d %s\r\nServer: "+serverName+
		"\r\nConnection: close\r\nContent-Length: %d\r\n", res.Status,
		http.StatusText(res.Status), len(res.Body))
	for i := range res.Fields() {
		name, value := res.Field(i)
		text = fmt.Appendf(text, "%s: %s\r\n", name, value)
	}
	text = append(append(text, "\r\n"...), res.Body...)
	if err := c.Conn.SetWriteDeadline(time.Now().Add(c.front.options.WriteTimeout)); err != nil {
		return err
	}
	_, _ = c.Conn.Write(text)
	c.linger.Store(true)
	return io.EOF
}

// move gives the connection, with what was read of it, to the front for large requests. For fasthttp it has
// ended.
func (c *fastConn) move() error {
	c.ahead = append([]byte(nil), c.buf[c.from:]...)
	c.drop()
	c.held.release()
	if !c.standing.upTo(plainCost) {
		return c.refuse(errBusy)
	}
	c.moved.Store(true)
	c.front.moved.give(c.conn)
	return io.EOF
}

// answered gives back what the request held.
func (c *fastConn) answered() { c.held.release() }

// Close closes the connection, unless it goes on elsewhere.
func (c *fastConn) Close() error {
	if c.moved.Load() {
		return nil
	}
	err := c.conn.Close()
	c.held.release()
	return err
}

// moved is a listener for connections that another front has accepted.
type moved struct {
	conns chan *conn
	done  chan struct{}
	ended atomic.Bool
}

func newMoved() *moved { return &moved{conns: make(chan *conn), done: make(chan struct{})} }

func (m *moved) give(c *conn) {
	select {
	case m.conns <- c:
	case <-m.done:
		_ = c.Close()
	}
}

// Accept implements net.Listener.
func (m *moved) Accept() (net.Conn, error) {
	select {
	case c := <-m.conns:
		return c, nil
	case <-m.done:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (m *moved) Close() error {
	if !m.ended.Swap(true) {
		close(m.done)
	}
	return nil
}

// Addr implements net.Listener.
func (m *moved) Addr() net.Addr { return &net.TCPAddr{} }
