package front

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sealtable/sealtable/internal/wire"
)

// patient are limits that no client of a test meets by being slow.
func patient() Options {
	o := short()
	o.MaxBody = 16 << 20
	o.BodyTimeout = time.Minute
	o.HeaderTimeout = time.Minute
	o.IdleTimeout = time.Minute
	return o
}

// TestPromisesCostNothing opens connections whose headers promise large bodies of which little comes. Before,
// 33 of them kept every body over 256 KiB from being read, of everybody.
func TestPromisesCostNothing(t *testing.T) {
	const size, promises = 16 << 20, 200
	for name, promise := range map[string]string{
		"length":    fmt.Sprintf("Content-Length: %d\r\n\r\n", size),
		"chunk":     fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n", size),
		"light":     fmt.Sprintf("Content-Length: %d\r\n\r\n", lightBody),
		"continued": fmt.Sprintf("Content-Length: %d\r\nExpect: 100-continue\r\n\r\n", size),
	} {
		t.Run(name, func(t *testing.T) {
			onBoth(t, func(t *testing.T, start starter) {
				f, address := start(wire.HandlerFunc(echo), patient())
				before := memory()
				for range promises {
					conn := dial(t, address)
					_, _ = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: h\r\n"+promise+"some")
				}
				waitFor(t, "the connections to be there", func() bool { return connections(f) == promises })
				if status := post(dial(t, address), size); status != 200 {
					t.Errorf("a large body meanwhile: %d", status)
				}
				waitFor(t, "promises to cost little", func() bool {
					return memory()-before < promises*(100<<10)
				})
			})
		})
	}
}

func connections(f Front) int {
	g := gateOf(f)
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.conns)
}

// post sends all of a body and returns the status of the answer.
func post(c net.Conn, size int) int {
	_, _ = fmt.Fprintf(c, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n", size)
	if _, err := io.CopyN(c, strings.NewReader(strings.Repeat("x", size)), int64(size)); err != nil {
		return -1
	}
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return -1
	}
	return res.StatusCode
}

// from dials from another address of this machine.
func from(t *testing.T, ip, address string) net.Conn {
	t.Helper()
	c, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(ip)}}).Dial("tcp", address)
	if err != nil {
		t.Skipf("no second address: %v", err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(30 * time.Second))
	return c
}

// TestOnePeerCannotTakeAll has one address send bodies that it never ends, and connections that say nothing,
// until it is refused: another is served, and what the first held comes back when it goes.
func TestOnePeerCannotTakeAll(t *testing.T) {
	onBoth(t, func(t *testing.T, start starter) {
		o := patient()
		o.MaxHeld = 24 << 20
		o.MaxConnections = 40
		f, address := start(wire.HandlerFunc(echo), o)
		var conns []net.Conn
		refused := make(chan struct{}, o.MaxConnections)
		for range o.MaxConnections {
			c := from(t, "127.0.0.2", address)
			_, _ = fmt.Fprintf(c, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n", 2<<20)
			go func() { _, _ = c.Write(make([]byte, 2<<20-1)) }()
			// The body never ends, so that an answer, or the end of the connection, is a refusal.
			go func() {
				_, _ = c.Read(make([]byte, 1))
				refused <- struct{}{}
			}()
			conns = append(conns, c)
		}
		<-refused
		if held := gateOf(f).held.Load(); held > o.MaxHeld/2 {
			t.Errorf("one address holds %d bytes", held)
		}
		if n := connections(f); n > o.MaxConnections/2 {
			t.Errorf("one address has %d connections", n)
		}
		if status := post(dial(t, address), 2<<20); status != 200 {
			t.Errorf("another address: %d", status)
		}
		for _, c := range conns {
			_ = c.Close()
		}
		waitFor(t, "what was held to be given back", func() bool {
			return connections(f) <= 1 && gateOf(f).held.Load() < 1<<20
		})
		if status := post(from(t, "127.0.0.2", address), 2<<20); status != 200 {
			t.Errorf("afterwards: %d", status)
		}
	})
}

// TestHeldMemoryIsBounded holds the bound of the package comment: half of MaxHeld for one address, and the
// heap twice that before it is collected. The clients are in this process too, but hold little.
func TestHeldMemoryIsBounded(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector needs memory of its own")
	}
	certificate, roots := selfSigned(t)
	o := patient()
	o.MaxHeld = 64 << 20
	f := NewStandard(wire.HandlerFunc(echo), o, &tls.Config{Certificates: []tls.Certificate{certificate}})
	_, address := run(t, f)
	payload := make([]byte, 200<<10)
	before := memory()
	var wait sync.WaitGroup
	ctx, cancel := context.WithCancel(t.Context())
	for range 10 {
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true}
		t.Cleanup(transport.CloseIdleConnections)
		for range 90 {
			wait.Go(func() {
				body, end := io.Pipe()
				go func() { _, _ = end.Write(payload) }()
				req, _ := http.NewRequestWithContext(ctx, "POST", "https://"+address+"/", body)
				if res, err := transport.RoundTrip(req); err == nil {
					_ = res.Body.Close()
				}
				_ = end.Close()
			})
		}
	}
	waitFor(t, "one address to hold what it may", func() bool { return f.gate.held.Load() > o.MaxHeld*2/5 })
	clients := int64(10 * 90 * (64 << 10))
	if grown := memory() - before - clients; grown > o.MaxHeld {
		t.Errorf("%d bytes for %d held", grown, f.gate.held.Load())
	}
	cancel()
	wait.Wait()
	waitFor(t, "what was held to be given back", func() bool { return f.gate.held.Load() <= 10*tlsCost })
}

// TestSlowHeadersCostLittle opens connections that send one byte and no more.
func TestSlowHeadersCostLittle(t *testing.T) {
	const count = 500
	o := patient()
	f, address := run(t, NewFast(wire.HandlerFunc(echo), o))
	before := memory()
	for range count {
		_, _ = io.WriteString(dial(t, address), "P")
	}
	waitFor(t, "the connections to be there", func() bool { return connections(f) == count })
	waitFor(t, "one byte to cost little", func() bool {
		return memory()-before < count*(fastCost+freeAhead) || raceEnabled
	})
	ask(t, dial(t, address))
}

// TestClientsSeeWhyBodiesAreRefused sends all of a body before it reads, as most clients do.
func TestClientsSeeWhyBodiesAreRefused(t *testing.T) {
	onBoth(t, func(t *testing.T, start starter) {
		o := patient()
		o.MaxBody = 1 << 20
		_, address := start(wire.HandlerFunc(echo), o)
		for _, size := range []int{1<<20 + 1, 20 << 20} {
			if status := post(dial(t, address), size); status != 413 {
				t.Errorf("%d bytes: %d", size, status)
			}
		}
	})
}

// TestConnectionsGoOn sends requests of all kinds, one after the other and at once, on one connection.
func TestConnectionsGoOn(t *testing.T) {
	var all strings.Builder
	var want []string
	for i, size := range []int{0, 10, 5000, 9000, lightBody, 0, lightBody + 1, 10, 300_000, 0} {
		for _, method := range []string{"POST", "GET"} {
			fmt.Fprintf(&all, "%s /%d HTTP/1.1\r\nHost: h\r\ncontent-LENGTH: %d\r\n\r\n%s", method, i, size,
				strings.Repeat("y", size))
			want = append(want, fmt.Sprintf("%s /%d host=h ip=127.0.0.1 body=%d", method, i, size))
		}
	}
	all.WriteString("GET /last HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
	onBoth(t, func(t *testing.T, start starter) {
		o := patient()
		_, address := start(wire.HandlerFunc(echo), o)
		conn := dial(t, address)
		go func() { _, _ = io.WriteString(conn, all.String()) }()
		got, err := io.ReadAll(conn)
		if err != nil {
			t.Error(err)
		}
		inOrder(t, string(got), append(want, "GET /last"))
	})
}

// FuzzFrame looks for a frame that depends on how much has come, and for one that ends before its headers do.
func FuzzFrame(f *testing.F) {
	f.Add([]byte("POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc"), 10)
	f.Add([]byte("POST / HTTP/1.1\nContent-Length: 3\n\nabc"), 3)
	f.Add([]byte("POST / HTTP/1.1\r\nExpect: x\r\nTransfer-Encoding: chunked\r\n\r\n"), 30)
	f.Fuzz(func(t *testing.T, b []byte, at int) {
		size, err := frame(b, 100, 1000)
		if at < 0 || at > len(b) || (size == 0 && err == nil) {
			return
		}
		part, partErr := frame(b[:at], 100, 1000)
		if part != 0 && part != size || partErr != nil && partErr != err || size != 0 && size < headSize(b) {
			t.Fatalf("%d %v of the whole, %d %v of %d bytes", size, err, part, partErr, at)
		}
	})
}
