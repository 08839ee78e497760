package front

import (
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/sealtable/sealtable/internal/wire"
)

// TestPromisedBodiesAreBounded opens connections whose headers promise large bodies of which nearly nothing comes: they must not
// make the server hold memory for all of them, nor keep others from being served.
func TestPromisedBodiesAreBounded(t *testing.T) {
	const size, promises, most = 16 << 20, 64, 64 << 20
	for name, promise := range map[string]string{
		"length": fmt.Sprintf("Content-Length: %d\r\n\r\n", size),
		"chunk":  fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n", size),
	} {
		t.Run(name, func(t *testing.T) {
			onBoth(t, func(t *testing.T, start starter) {
				o := short()
				o.MaxBody = size
				o.MaxUnanswered = most
				o.BodyTimeout = 20 * time.Second
				o.HeaderTimeout = 20 * time.Second
				_, address := start(wire.HandlerFunc(echo), o)
				before := memory()
				for range promises {
					conn := dial(t, address)
					_, _ = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: h\r\n"+promise)
					_, _ = conn.Write(make([]byte, o.MaxHeader+1))
				}
				// A chunk's buffer is up to twice as large as the chunk.
				waitFor(t, "what is held for promises to be bounded", func() bool { return memory()-before < 2*most+32<<20 })
				ask(t, dial(t, address))
			})
		})
	}
}

// TestPromisedBytesAreGivenBack has clients go away that hold all there is, and sends a large body then.
func TestPromisedBytesAreGivenBack(t *testing.T) {
	o := short()
	o.MaxBody = 4 << 20
	o.MaxUnanswered = 8 << 20
	o.BodyTimeout = 10 * time.Second
	f := NewFast(wire.HandlerFunc(echo), o)
	_, address := run(t, f)
	var conns []net.Conn
	for range 4 {
		conn := dial(t, address)
		_, _ = fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n", o.MaxBody)
		_, _ = conn.Write(make([]byte, o.MaxHeader+1))
		conns = append(conns, conn)
	}
	waitFor(t, "the promises to be counted", func() bool { return f.gate.unanswered.Load() > o.MaxUnanswered/2 })
	for _, conn := range conns {
		_ = conn.Close()
	}
	waitFor(t, "reserved bytes to be given back", func() bool { return f.gate.unanswered.Load() == 0 })
	if status := sendSlowly(dial(t, address), o.MaxBody); status != 200 {
		t.Errorf("afterwards: %d", status)
	}
}
