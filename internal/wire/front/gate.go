package front

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	// freeBody is how much of a body counts as nothing: the normal requests.
	freeBody = 256 << 10
	// lingerTime and lingerBytes bound how long a refused client may go on sending before its connection is
	// closed: closing it with bytes unread would make the kernel take back the answer.
	lingerTime  = 500 * time.Millisecond
	lingerBytes = 1 << 20
)

// gate bounds the connections of a front, and the memory that their unanswered requests hold.
type gate struct {
	maxConnections int
	maxUnanswered  int64
	unanswered     atomic.Int64
	log            *slog.Logger
	gulps          *sync.Pool

	mu      sync.Mutex
	conns   map[*conn]struct{}
	closing bool
}

func newGate(o Options) *gate {
	return &gate{maxConnections: o.MaxConnections, maxUnanswered: o.MaxUnanswered, log: o.Log,
		gulps: newGulpBuffers(), conns: map[*conn]struct{}{}}
}

// reserve takes n bytes, and says whether there were as many.
func (g *gate) reserve(n int64) bool {
	if g.unanswered.Add(n) > g.maxUnanswered {
		g.unanswered.Add(-n)
		return false
	}
	return true
}

// enter counts c in, unless there are too many.
func (g *gate) enter(c *conn) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closing || len(g.conns) >= g.maxConnections {
		return false
	}
	g.conns[c] = struct{}{}
	return true
}

func (g *gate) leave(c *conn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.conns, c)
}

// closeAll closes the connections that which chooses, now. No more may enter.
func (g *gate) closeAll(which func(*conn) bool) {
	g.mu.Lock()
	g.closing = true
	var chosen []*conn
	for c := range g.conns {
		if which(c) {
			chosen = append(chosen, c)
		}
	}
	g.mu.Unlock()
	for _, c := range chosen {
		_ = c.Close()
	}
}

// listener lets connections through the gate.
type listener struct {
	net.Listener
	gate *gate
}

// Accept waits for a connection that the gate lets in. It survives a lack of descriptors and clients that
// went away.
func (l *listener) Accept() (net.Conn, error) {
	delay := time.Millisecond
	for {
		accepted, err := l.Listener.Accept()
		if err != nil {
			if !passing(err) {
				return nil, err
			}
			l.gate.log.Warn("accepting a connection failed; trying again", "error", err, "in", delay)
			time.Sleep(delay)
			delay = min(2*delay, time.Second)
			continue
		}
		delay = time.Millisecond
		c := &conn{Conn: accepted, gate: l.gate, ip: hostOf(accepted.RemoteAddr())}
		c.idle.Store(true)
		c.first.attach(accepted, l.gate.gulps)
		if l.gate.enter(c) {
			return c, nil
		}
		_ = accepted.Close()
	}
}

func passing(err error) bool {
	for _, known := range [...]error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM,
		syscall.ECONNABORTED} {
		if errors.Is(err, known) {
			return true
		}
	}
	return false
}

func hostOf(a net.Addr) string {
	host, _, err := net.SplitHostPort(a.String())
	if err != nil {
		return a.String()
	}
	return host
}

// conn is a connection that the gate let in. One goroutine at a time reads from it; any may close it.
type conn struct {
	net.Conn
	gate     *gate
	ip       string
	idle     atomic.Bool // no request is being read or answered
	linger   atomic.Bool // the last answer refused a request that may still be arriving
	closed   atomic.Bool
	metered  bool         // of the Fast front: what is read counts as unanswered
	first    gulp         // of the Fast front: the first bytes of a request
	read     int64        // bytes since the last answer
	reserved atomic.Int64 // of the gate, for this connection
}

// Read reads, and fails when the request that is being read grows beyond the memory that is left for all of
// them. What counts is p, not what comes: fasthttp makes room for the whole of a body when its header
// promises it, and a promise costs a client nothing.
func (c *conn) Read(p []byte) (int, error) {
	if c.metered && !c.meter(len(p)) {
		return 0, errBusy
	}
	n, err := c.readSome(p)
	if c.metered && n > 0 {
		c.read += int64(n)
	}
	return n, err
}

// readSome reads what there is. A front that asks for a single byte waits for a request: it then gets the
// byte, and finds all that came with it at its next call.
func (c *conn) readSome(p []byte) (int, error) {
	switch {
	case c.first.holds():
	case len(p) == 1 && c.metered && c.first.usable():
		if err := c.first.fill(); err != nil {
			return 0, err
		}
	default:
		return c.Conn.Read(p)
	}
	return c.first.take(p), nil
}

// meter reserves what the request holds once n more bytes of it are read.
func (c *conn) meter(n int) bool {
	missing := c.read + int64(n) - freeBody - c.reserved.Load()
	if missing <= 0 {
		return true
	}
	missing = (missing/freeBody + 1) * freeBody
	if !c.gate.reserve(missing) {
		return false
	}
	c.reserved.Add(missing)
	if c.closed.Load() {
		c.release()
	}
	return true
}

// answered gives back what the request held. The reading goroutine calls it.
func (c *conn) answered() {
	c.read = 0
	c.release()
}

func (c *conn) release() {
	if n := c.reserved.Swap(0); n != 0 {
		c.gate.unanswered.Add(-n)
	}
}

// Close closes the connection, gives back what it held, and lets another in.
func (c *conn) Close() error {
	if c.closed.Swap(true) {
		return net.ErrClosed
	}
	if c.linger.Load() {
		c.drain()
	}
	c.release()
	c.gate.leave(c)
	return c.Conn.Close()
}

// drain ends the sending side, so that the client reads the answer to its end, and discards for a moment what
// still comes.
func (c *conn) drain() {
	half, ok := c.Conn.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil || c.Conn.SetReadDeadline(time.Now().Add(lingerTime)) != nil {
		return
	}
	_, _ = io.CopyN(io.Discard, c.Conn, lingerBytes)
}
