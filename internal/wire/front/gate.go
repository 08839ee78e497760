package front

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	// lingerTime and lingerBytes bound how long a refused client may go on sending before its connection is
	// closed: closing it with bytes unread would make the kernel take back the answer.
	lingerTime  = 500 * time.Millisecond
	lingerBytes = 1 << 20
)

// gate bounds the connections of a front, and the memory that they and their unanswered requests hold.
type gate struct {
	maxConnections, peerConnections int
	maxHeld, peerHeld               int64
	held                            atomic.Int64
	log                             *slog.Logger
	gulps                           *sync.Pool

	mu      sync.Mutex
	conns   map[*conn]struct{}
	peers   map[netip.Addr]*peer
	closing bool
}

// peer is who shares an address.
type peer struct {
	address     netip.Addr
	connections int // under the gate's mu
	held        atomic.Int64
}

func newGate(o Options) *gate {
	return &gate{
		maxConnections: o.MaxConnections, peerConnections: max(o.MaxConnections*o.PeerShare/100, 1),
		maxHeld: o.MaxHeld, peerHeld: o.MaxHeld / 100 * int64(o.PeerShare), log: o.Log,
		gulps: newGulpBuffers(), conns: map[*conn]struct{}{}, peers: map[netip.Addr]*peer{},
	}
}

// reserve takes n bytes for p, and reports whether it may have as many.
func (g *gate) reserve(p *peer, n int64) bool {
	if p.held.Add(n) > g.peerHeld {
		p.held.Add(-n)
		return false
	}
	if g.held.Add(n) > g.maxHeld {
		g.free(p, n)
		return false
	}
	return true
}

func (g *gate) free(p *peer, n int64) {
	p.held.Add(-n)
	g.held.Add(-n)
}

// enter counts c in, unless there are too many, of its peer or together.
func (g *gate) enter(c *conn) bool {
	address := peerOf(c.ip)
	g.mu.Lock()
	defer g.mu.Unlock()
	p := g.peers[address]
	if p == nil {
		p = &peer{address: address}
	}
	if g.closing || len(g.conns) >= g.maxConnections || p.connections >= g.peerConnections {
		return false
	}
	p.connections++
	g.peers[address] = p
	g.conns[c] = struct{}{}
	c.peer = p
	return true
}

func (g *gate) leave(c *conn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.conns, c)
	c.peer.connections--
	if c.peer.connections == 0 {
		delete(g.peers, c.peer.address)
	}
}

// peerOf is the address that budgets are counted by: a host of IPv6 usually has a whole network.
func peerOf(ip string) netip.Addr {
	address, err := netip.ParseAddr(ip)
	if err != nil {
		return netip.Addr{}
	}
	address = address.Unmap().WithZone("")
	if address.Is4() {
		return address
	}
	network, err := address.Prefix(64)
	if err != nil {
		return address
	}
	return network.Addr()
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

// hold is what a connection or a request has of its gate's memory. One goroutine at a time makes it grow.
type hold struct {
	gate  *gate
	peer  *peer
	bytes atomic.Int64
}

// upTo makes the hold n bytes large if it is less, and reports whether it could.
func (h *hold) upTo(n int64) bool {
	missing := n - h.bytes.Load()
	if missing <= 0 {
		return true
	}
	if !h.gate.reserve(h.peer, missing) {
		return false
	}
	h.bytes.Add(missing)
	return true
}

// release gives everything back. It may be called twice.
func (h *hold) release() {
	if n := h.bytes.Swap(0); n != 0 {
		h.gate.free(h.peer, n)
	}
}

// listener lets connections through the gate.
type listener struct {
	net.Listener
	gate *gate
	cost int64 // bytes that a connection holds as long as it lasts
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
		if c, ok := l.admit(accepted); ok {
			return c, nil
		}
		_ = accepted.Close()
	}
}

func (l *listener) admit(accepted net.Conn) (*conn, bool) {
	c := &conn{Conn: accepted, gate: l.gate, ip: hostOf(accepted.RemoteAddr())}
	c.idle.Store(true)
	if !l.gate.enter(c) {
		return nil, false
	}
	c.standing.gate = l.gate
	c.standing.peer = c.peer
	if !c.standing.upTo(l.cost) {
		l.gate.leave(c)
		return nil, false
	}
	return c, true
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
	peer     *peer
	ip       string
	idle     atomic.Bool // no request is being read or answered
	linger   atomic.Bool // the last answer refused a request that may still be arriving
	closed   atomic.Bool
	standing hold   // what it costs as long as it lasts
	ahead    []byte // what was read of it already, by the Fast front
}

// Read gives first what was read ahead.
func (c *conn) Read(p []byte) (int, error) {
	if len(c.ahead) > 0 {
		n := copy(p, c.ahead)
		c.ahead = c.ahead[n:]
		if len(c.ahead) == 0 {
			c.ahead = nil
		}
		return n, nil
	}
	return c.Conn.Read(p)
}

// Close closes the connection, gives back what it held, and lets another in.
func (c *conn) Close() error {
	if c.closed.Swap(true) {
		return net.ErrClosed
	}
	if c.linger.Load() {
		c.drain()
	}
	c.standing.release()
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
