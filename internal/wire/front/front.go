// Package front serves HTTP: it turns connections into wire.Requests and wire.Responses back into bytes.
//
// Callers may rely on this, for both fronts alike: a handler sees only requests that are well-formed HTTP,
// were read whole, and keep the limits; everything else is answered by the front (400, 408, 413, 503) and its
// connection closed. A handler that panics costs its request a 500 and nothing else. The time that a client
// may take for each step is bounded; an idle connection holds no buffers on the Fast front. Shutdown stops
// accepting, lets requests in flight finish until its deadline, and closes every connection.
//
// The bound: what clients make a front hold before they have an answer (connections, TLS, streams, headers,
// bodies) is at most MaxHeld bytes, half of which one address may take, and connections at most
// MaxConnections, of which one address may have half. Memory is taken as bytes come, never for what a header
// promises. What is beyond is refused with 503 or closed at once; others are served meanwhile. The heap may
// be twice as large, until it is collected. Answers that are being written are not counted: large ones are
// only given to callers who are known.
//
// There are two: Fast, for plain HTTP/1.1, and Standard, on net/http, for TLS and HTTP/2. Fast hands the
// connections of requests that are large or of unknown length to a Standard of its own.
package front

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime/debug"
	"sync"
	"time"

	"github.com/sealtable/sealtable/internal/wire"
)

// serverName is the Server header of every answer, which is DynamoDB's.
const serverName = "Server"

// Front serves connections of a listener until Shutdown.
type Front interface {
	// Serve accepts connections until Shutdown, then returns nil.
	Serve(l net.Listener) error
	// Shutdown stops accepting, closes idle connections and waits for requests in flight. When ctx ends
	// first, it closes their connections too and returns the error of ctx.
	Shutdown(ctx context.Context) error
}

// Options are the limits of a front. A zero field means its default.
type Options struct {
	MaxBody        int // bytes of one body; 16 MiB, as DynamoDB's
	MaxHeader      int // bytes of the request line and all headers; 16 KiB, as DynamoDB's
	MaxConnections int // further ones are closed at once; 16,384
	// bytes that connections and requests not yet answered hold together; 512 MiB
	MaxHeld int64
	// percent of MaxConnections and of MaxHeld that one address (of IPv6: one network of 64 bits) may have;
	// 50
	PeerShare     int
	HeaderTimeout time.Duration // from the first byte to the end of the header; 10 s
	BodyTimeout   time.Duration // for the body; 60 s
	WriteTimeout  time.Duration // for the answer; 60 s
	IdleTimeout   time.Duration // between requests; 120 s
	Log           *slog.Logger  // slog.Default()
}

func (o Options) withDefaults() Options {
	orDefault(&o.MaxBody, 16<<20)
	orDefault(&o.MaxHeader, 16<<10)
	orDefault(&o.MaxConnections, 16384)
	orDefault(&o.MaxHeld, 512<<20)
	orDefault(&o.PeerShare, 50)
	orDefault(&o.HeaderTimeout, 10*time.Second)
	orDefault(&o.BodyTimeout, 60*time.Second)
	orDefault(&o.WriteTimeout, 60*time.Second)
	orDefault(&o.IdleTimeout, 120*time.Second)
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return o
}

func orDefault[T comparable](v *T, value T) {
	var zero T
	if *v == zero {
		*v = value
	}
}

// server is what both fronts have.
type server struct {
	handler wire.Handler
	options Options
	gate    *gate
	pool    sync.Pool // of *exchange
	base    context.Context
	abandon context.CancelFunc // ends base
}

type exchange struct {
	req wire.Request
	res wire.Response
}

func newServer(h wire.Handler, o Options, g *gate) server {
	base, abandon := context.WithCancel(context.Background())
	return server{handler: h, options: o, gate: g, base: base, abandon: abandon}
}

func (s *server) take() *exchange {
	x, ok := s.pool.Get().(*exchange)
	if !ok {
		x = new(exchange)
	}
	x.req.Reset()
	x.res.Reset()
	return x
}

func (s *server) give(x *exchange) {
	x.req.Reset()
	s.pool.Put(x)
}

// serve runs the handler and survives its panic.
func (s *server) serve(x *exchange) {
	defer func() {
		if v := recover(); v != nil {
			wire.Fail(&x.res, 500, "InternalFailure", "The request processing has failed because of an "+
				"unknown error.")
			id, _ := x.res.Header("X-Amzn-Requestid")
			s.options.Log.Error("a handler panicked", "panic", fmt.Sprint(v), "request", string(id), "stack",
				string(debug.Stack()))
		}
	}()
	s.handler.Serve(s.base, &x.req, &x.res)
}

// errBusy ends the reading of a request because others hold all memory that requests may have.
var errBusy = errors.New("connections and requests hold too many bytes")

// fail answers a request that could not be read.
func fail(res *wire.Response, err error) {
	var timeout net.Error
	switch {
	case errors.Is(err, errBusy):
		wire.Fail(res, 503, "ServiceUnavailableException", "The server is busy. Try again.")
	case errors.Is(err, errTooLarge):
		wire.Fail(res, 413, "RequestEntityTooLargeException", "The request body is larger than is allowed.")
	case errors.Is(err, errLongHeader):
		wire.Fail(res, 400, "RequestHeaderFieldsTooLargeException",
			"The request headers are larger than is allowed.")
	case errors.Is(err, errVersion):
		wire.Fail(res, 505, "HttpVersionNotSupportedException", "HTTP/1.0 and HTTP/1.1 are spoken here.")
	case errors.As(err, &timeout) && timeout.Timeout():
		wire.Fail(res, 408, "RequestTimeoutException", "The request took too long to arrive.")
	default:
		wire.Fail(res, 400, "MalformedHttpRequestException", "The request is not well-formed HTTP.")
	}
	res.Close = true
}

var (
	errTooLarge   = errors.New("the body is larger than is allowed")
	errLongHeader = errors.New("the header is larger than is allowed")
	errVersion    = errors.New("the version of HTTP is none that is spoken here")
	errNotHTTP    = errors.New("the request is not well-formed HTTP")
)
