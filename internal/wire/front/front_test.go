package front

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sealtable/sealtable/internal/wire"
)

// kinds are the fronts; every test runs against each.
func kinds() map[string]func(wire.Handler, Options) Front {
	return map[string]func(wire.Handler, Options) Front{
		"fast":     func(h wire.Handler, o Options) Front { return NewFast(h, o) },
		"standard": func(h wire.Handler, o Options) Front { return NewStandard(h, o, nil) },
	}
}

func onBoth(t *testing.T, test func(t *testing.T, start starter)) {
	for name, make := range kinds() {
		t.Run(name, func(t *testing.T) {
			test(t, func(h wire.Handler, o Options) (Front, string) {
				t.Helper()
				return run(t, make(h, o))
			})
		})
	}
}

type starter func(wire.Handler, Options) (f Front, address string)

func run(t testing.TB, f Front) (Front, string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- f.Serve(l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond) // nobody is waited for
		defer cancel()
		_ = f.Shutdown(ctx)
		select {
		case err := <-served:
			if err != nil {
				t.Errorf("Serve: %v", err)
			}
		case <-time.After(patience):
			t.Error("Serve did not return")
		}
	})
	return f, l.Addr().String()
}

// echo answers with what it sees.
func echo(_ context.Context, req *wire.Request, res *wire.Response) {
	if string(req.Path()) == "/panic" {
		panic("as asked")
	}
	res.SetHeader("Content-Type", "text/plain")
	res.Body = fmt.Appendf(res.Body, "%s %s host=%s ip=%s body=%d", req.Method(), req.Target(), req.Host(), req.RemoteIP(), len(req.Body()))
	for i := range req.Fields() {
		if name, value := req.Field(i); strings.HasPrefix(string(name), "x-") {
			res.Body = fmt.Appendf(res.Body, " %s=%s", name, value)
		}
	}
}

// patience is how long anything that should happen at once may take on a busy machine: only what hangs takes that long.
const patience = 5 * time.Minute

// short are options under which the server soon loses its patience; for clients that are meant to be too slow.
func short() Options {
	return Options{
		MaxBody: 4096, MaxHeader: 8192, HeaderTimeout: 300 * time.Millisecond, BodyTimeout: 300 * time.Millisecond,
		IdleTimeout: 300 * time.Millisecond, WriteTimeout: 2 * time.Second, Log: slog.New(slog.DiscardHandler),
	}
}

func dial(t testing.TB, address string) *net.TCPConn {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(patience))
	return c.(*net.TCPConn)
}

// TestConversations sends bytes and reads everything until the server closes.
func TestConversations(t *testing.T) {
	const host = "Host: h:1\r\n"
	get := "GET /a?b HTTP/1.1\r\n" + host + "\r\n"
	last := "GET /last HTTP/1.1\r\n" + host + "Connection: close\r\n\r\n"
	cases := []struct {
		name, send string
		want       []string // in this order
		never      string
	}{
		{"simple", last, []string{"HTTP/1.1 200 OK\r\n", "GET /last host=h:1 ip=127.0.0.1 body=0"}, ""},
		{"pipelined", get + get + last, []string{"GET /a?b host", "GET /a?b host", "GET /last host"}, ""},
		{"headers", "GET / HTTP/1.1\r\n" + host + "X-A: 1\r\nx-a:  two  words \r\nConnection: close\r\n\r\n",
			[]string{"x-a=1 x-a=two  words"}, ""},
		{"body", "POST / HTTP/1.1\r\n" + host + "Content-Length: 5\r\nConnection: close\r\n\r\nhello",
			[]string{"POST / host=h:1 ip=127.0.0.1 body=5"}, ""},
		{"chunks", "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
			[]string{"body=5"}, ""},
		{"expect", "POST / HTTP/1.1\r\n" + host + "Content-Length: 2\r\nExpect: 100-continue\r\nConnection: close\r\n\r\nhi",
			[]string{"HTTP/1.1 100 Continue\r\n", "HTTP/1.1 200 OK", "body=2"}, ""},
		{"head", "HEAD / HTTP/1.1\r\n" + host + "Connection: close\r\n\r\n", []string{"HTTP/1.1 200 OK\r\n"}, "ip="},
		{"absolute", "GET http://h:1/x?y HTTP/1.1\r\n" + host + "Connection: close\r\n\r\n", []string{"GET /x?y host=h:1"}, ""},
		{"encoded", "GET /a%2Fb/../c HTTP/1.1\r\n" + host + "Connection: close\r\n\r\n", []string{"GET /a%2Fb/../c host"}, ""},
		{"panic", "GET /panic HTTP/1.1\r\n" + host + "\r\n" + last, []string{"HTTP/1.1 500 ", "InternalFailure", "GET /last"}, "as asked"},
		{"http 1.0", "GET /old HTTP/1.0\r\n" + host + "\r\n", []string{"200 OK", "GET /old"}, ""},
		{"too large", "POST / HTTP/1.1\r\n" + host + "Content-Length: 4097\r\n\r\n" + strings.Repeat("x", 4097),
			[]string{"HTTP/1.1 413 ", "RequestEntityTooLargeException"}, "host="},
		{"too large in chunks", "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n1001\r\n" + strings.Repeat("x", 4097) +
			"\r\n0\r\n\r\n",
			[]string{"HTTP/1.1 413 "}, "host="},
		{"just right", "POST / HTTP/1.1\r\n" + host + "Content-Length: 4096\r\nConnection: close\r\n\r\n" + strings.Repeat("x", 4096),
			[]string{"body=4096"}, ""},
		{"long header", "GET / HTTP/1.1\r\n" + host + "X-A: " + strings.Repeat("x", 20_000) + "\r\n\r\n", []string{"HTTP/1.1 400 "},
			"host="},
		{"garbage", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", []string{"HTTP/1.1 400 "}, "host="},
		{"not HTTP", "hello\r\n\r\n", []string{"HTTP/1.1 400 "}, "host="},
		{"bad header", "GET / HTTP/1.1\r\n" + host + "X A: 1\r\n\r\n" + last, []string{"HTTP/1.1 400 "}, "GET"},
		{"header without colon", "GET / HTTP/1.1\r\n" + host + "nocolon\r\n\r\n" + last, []string{"HTTP/1.1 400 "}, "GET"},
		{"bad length", "POST / HTTP/1.1\r\n" + host + "Content-Length: -1\r\n\r\n" + last, []string{"HTTP/1.1 400 "}, "POST"},
		{"two lengths", "POST / HTTP/1.1\r\n" + host + "Content-Length: 0\r\nContent-Length: 5\r\n\r\nhello", []string{"HTTP/1.1 400 "},
			"POST"},
		{"two hosts", "GET / HTTP/1.1\r\n" + host + host + "\r\n", []string{"HTTP/1.1 400 "}, "GET"},
		{"no framing", "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: identity\r\n\r\n" + last, []string{"HTTP/1.1 "}, "200 OK"},
		{"no framing, last field", "POST / HTTP/1.1\r\nX-A: 1\r\n" + host + "transfer-encoding:Identity \r\n\r\n" + last,
			[]string{"HTTP/1.1 "}, "200 OK"},
		{"bad chunk", "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\nzz\r\n", []string{"HTTP/1.1 400 "}, "POST"},
		{"slow header", "GET / HTTP/1.1\r\nHost", nil, "host="},
		{"slow body", "POST / HTTP/1.1\r\n" + host + "Content-Length: 5\r\n\r\nhel", nil, "host="},
		{"silence", "", nil, "host="},
		{"idle", get, []string{"GET /a?b host"}, ""},
	}
	onBoth(t, func(t *testing.T, start starter) {
		soon, late := short(), short()
		late.HeaderTimeout, late.BodyTimeout = patience, patience // a client on a busy machine may be slow to begin
		_, hurried := start(wire.HandlerFunc(echo), soon)
		_, patient := start(wire.HandlerFunc(echo), late)
		for _, c := range cases {
			address := map[bool]string{true: hurried, false: patient}[c.want == nil]
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				got := conversation(t, address, c.send)
				inOrder(t, got, c.want)
				if c.never != "" && strings.Contains(got, c.never) {
					t.Errorf("%q is in %q", c.never, got)
				}
			})
		}
	})
}

// conversation sends bytes and returns all that comes until the server closes.
func conversation(t *testing.T, address, send string) string {
	t.Helper()
	conn := dial(t, address)
	go func() { _, _ = io.WriteString(conn, send) }()
	got, err := io.ReadAll(conn)
	if err != nil && !strings.Contains(err.Error(), "reset") {
		t.Fatalf("the server did not close: %v", err)
	}
	return string(got)
}

// TestLengthAndChunks is about a request that two readers could cut in two ways: the fast front closes after it. net/http lets the
// chunks win, as RFC 9112 section 6.3 says, and goes on.
func TestLengthAndChunks(t *testing.T) {
	_, address := run(t, NewFast(wire.HandlerFunc(echo), short()))
	conn := dial(t, address)
	_, _ = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"+
		"GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n")
	if got, _ := io.ReadAll(conn); strings.Contains(string(got), "smuggled") {
		t.Errorf("%q", got)
	}
}

func inOrder(t *testing.T, got string, want []string) {
	t.Helper()
	rest := got
	for _, w := range want {
		_, after, ok := strings.Cut(rest, w)
		if !ok {
			t.Fatalf("no %q in %q", w, got)
		}
		rest = after
	}
}

func TestHalfClosedClientGetsItsAnswer(t *testing.T) {
	onBoth(t, func(t *testing.T, start starter) {
		_, address := start(wire.HandlerFunc(func(ctx context.Context, req *wire.Request, res *wire.Response) {
			time.Sleep(20 * time.Millisecond)
			if ctx.Err() != nil {
				t.Error("the client's half-close ended the context")
			}
			echo(ctx, req, res)
		}), short())
		conn := dial(t, address)
		_, _ = io.WriteString(conn, "POST /half HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nok")
		_ = conn.CloseWrite()
		got, err := io.ReadAll(conn)
		if err != nil {
			t.Fatal(err)
		}
		inOrder(t, string(got), []string{"200 OK", "POST /half host=h ip=127.0.0.1 body=2"})
	})
}

// TestSlowReaderIsCut sends requests and reads no answers.
func TestSlowReaderIsCut(t *testing.T) {
	onBoth(t, func(t *testing.T, start starter) {
		o := short()
		o.WriteTimeout = 200 * time.Millisecond
		answered := make(chan struct{})
		_, address := start(wire.HandlerFunc(func(_ context.Context, _ *wire.Request, res *wire.Response) {
			defer close(answered)
			res.Body = append(res.Body, make([]byte, 16<<20)...)
		}), o)
		conn := dial(t, address)
		_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
		<-answered
		time.Sleep(2 * time.Second) // far more than the time that a client has, for machines that are slow to begin writing
		got, _ := io.ReadAll(conn)
		if len(got) >= 16<<20 {
			t.Error("a client that does not read was waited for")
		}
	})
}

func TestConnectionsAreBounded(t *testing.T) {
	onBoth(t, func(t *testing.T, start starter) {
		o := short()
		o.MaxConnections = 3
		o.PeerShare = 100
		o.HeaderTimeout, o.IdleTimeout = patience, patience
		_, address := start(wire.HandlerFunc(echo), o)
		var held []*net.TCPConn
		for range 3 {
			c := dial(t, address)
			ask(t, c)
			held = append(held, c)
		}
		refused := dial(t, address)
		if got, _ := io.ReadAll(refused); len(got) != 0 {
			t.Errorf("a fourth connection got %q", got)
		}
		_ = held[0].Close()
		deadline := time.Now().Add(patience)
		for time.Now().Before(deadline) {
			c := dial(t, address)
			if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: h\r\n\r\n"); err == nil {
				if line, err := bufio.NewReader(c).ReadString('\n'); err == nil && strings.Contains(line, "200") {
					return
				}
			}
		}
		t.Error("a connection that ended lets no other in")
	})
}

func ask(t testing.TB, c net.Conn) {
	t.Helper()
	if _, err := io.WriteString(c, "GET /ask HTTP/1.1\r\nHost: h\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	if body, _ := io.ReadAll(res.Body); !strings.HasPrefix(string(body), "GET /ask") {
		t.Fatalf("%q", body)
	}
}

// TestUnansweredBytesAreBounded sends more bytes of bodies at once than all requests may hold.
func TestUnansweredBytesAreBounded(t *testing.T) {
	onBoth(t, func(t *testing.T, start starter) {
		o := short()
		o.MaxBody = 8 << 20
		o.MaxHeld = 6 << 20
		o.PeerShare = 100
		o.HeaderTimeout, o.BodyTimeout = patience, patience
		o.IdleTimeout = patience
		f, address := start(wire.HandlerFunc(echo), o)
		statuses := make(chan int, 8)
		var wg, sent sync.WaitGroup
		sent.Add(8)
		for range 8 {
			wg.Go(func() { statuses <- sendSlowly(dial(t, address), 2<<20, func() { sent.Done(); sent.Wait() }) })
		}
		wg.Wait()
		close(statuses)
		count := map[int]int{}
		for status := range statuses {
			count[status]++
		}
		// A client that goes on sending for long is cut off before it reads its answer.
		if count[503] == 0 || count[503]+count[200]+count[-1] != 8 {
			t.Errorf("answers: %v", count)
		}
		waitFor(t, "reserved bytes to be given back", func() bool { return gateOf(f).held.Load() < 1<<20 })
		if status := sendSlowly(dial(t, address), 2<<20, func() {}); status != 200 {
			t.Errorf("afterwards: %d", status)
		}
	})
}

// sendSlowly sends all of a body but its end, meets others who have done the same, and returns the status of the answer.
func sendSlowly(c net.Conn, size int, meet func()) int {
	body := strings.Repeat("x", size)
	_, _ = fmt.Fprintf(c, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n", size)
	_, _ = io.WriteString(c, body[:size-1])
	meet()
	_, _ = io.WriteString(c, body[size-1:])
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return -1
	}
	return res.StatusCode
}

func gateOf(f Front) *gate {
	switch f := f.(type) {
	case *Fast:
		return f.gate
	case *Standard:
		return f.gate
	}
	return nil
}

func waitFor(t *testing.T, what string, done func() bool) {
	t.Helper()
	for range 12_000 { // at least two minutes
		if done() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("waited in vain for %s", what)
}
