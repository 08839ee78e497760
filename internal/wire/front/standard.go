package front

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/sealtable/sealtable/internal/wire"
)

// Standard serves HTTP/1.1 and, over TLS, HTTP/2, on net/http.
type Standard struct {
	server
	http *http.Server
}

// What net/http and crypto/tls hold for a connection, and for a request beyond its body.
const (
	plainCost   = 24 << 10
	tlsCost     = 64 << 10
	requestCost = 24 << 10
)

// drained is how much of a body that is refused is read all the same, so that clients which send everything
// before they read see the answer.
const drained = 64 << 20

type connKey struct{}

// NewStandard returns a front on net/http. Without a TLS configuration it serves plain HTTP/1.1.
func NewStandard(h wire.Handler, o Options, config *tls.Config) *Standard {
	o = o.withDefaults()
	return newStandard(h, o, config, newGate(o))
}

func newStandard(h wire.Handler, o Options, config *tls.Config, g *gate) *Standard {
	s := &Standard{server: newServer(h, o, g)}
	s.http = &http.Server{
		Handler:           http.HandlerFunc(s.handle),
		ReadHeaderTimeout: o.HeaderTimeout,
		IdleTimeout:       o.IdleTimeout,
		MaxHeaderBytes:    2 * o.MaxHeader, // what is above the limit itself is answered by handle
		TLSConfig:         config,
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams:          100,
			MaxReadFrameSize:              16 << 10,
			MaxReceiveBufferPerConnection: 1 << 20,
			MaxReceiveBufferPerStream:     256 << 10,
			SendPingTimeout:               o.IdleTimeout,
			WriteByteTimeout:              o.WriteTimeout,
		},
		ErrorLog: slog.NewLogLogger(o.Log.Handler(), slog.LevelDebug),
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, connKey{}, gated(c))
		},
		ConnState: track,
		// OPTIONS * is answered like any other request.
		DisableGeneralOptionsHandler: true,
	}
	return s
}

// gated is the connection below TLS.
func gated(nc net.Conn) *conn {
	if over, ok := nc.(*tls.Conn); ok {
		nc = over.NetConn()
	}
	c, _ := nc.(*conn)
	return c
}

// track keeps whether c is idle.
func track(nc net.Conn, state http.ConnState) {
	if c := gated(nc); c != nil {
		c.idle.Store(state == http.StateNew || state == http.StateIdle)
	}
}

// Serve accepts connections from l until Shutdown.
func (s *Standard) Serve(l net.Listener) error {
	var err error
	if s.http.TLSConfig != nil {
		err = s.http.ServeTLS(&listener{l, s.gate, tlsCost}, "", "")
	} else {
		err = s.http.Serve(&listener{l, s.gate, plainCost})
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// Shutdown drains the front.
func (s *Standard) Shutdown(ctx context.Context) error {
	defer s.abandon()
	s.gate.closeAll(func(c *conn) bool { return c.idle.Load() })
	err := s.http.Shutdown(ctx)
	_ = s.http.Close()
	s.gate.closeAll(func(*conn) bool { return true })
	return err
}

func (s *Standard) handle(w http.ResponseWriter, r *http.Request) {
	x := s.take()
	c, _ := r.Context().Value(connKey{}).(*conn)
	held := &hold{gate: s.gate, peer: c.peer}
	defer held.release()
	body, err := s.readBody(w, r, held)
	if err != nil {
		fail(&x.res, err)
		c.linger.Store(r.ProtoMajor == 1)
		if errors.Is(err, errTooLarge) {
			// Without it net/http reads on before it lets the answer out.
			_ = http.NewResponseController(w).EnableFullDuplex()
			defer drain(w, r)
		}
	} else {
		fill(&x.req, r, c, body)
		s.serve(x)
	}
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(s.options.WriteTimeout))
	header := w.Header()
	header["Server"] = []string{serverName}
	for i := range x.res.Fields() {
		name, value := x.res.Field(i)
		header[name] = []string{string(value)}
	}
	if _, ok := header["Content-Type"]; !ok {
		header["Content-Type"] = nil // or net/http would guess
	}
	if x.res.Status >= 200 && x.res.Status != http.StatusNoContent && x.res.Status != http.StatusNotModified {
		header["Content-Length"] = []string{strconv.Itoa(len(x.res.Body))}
	}
	if x.res.Close {
		header["Connection"] = []string{"close"}
	}
	w.WriteHeader(x.res.Status)
	if len(x.res.Body) > 0 {
		_, _ = w.Write(x.res.Body)
	}
	s.give(x)
}

// drain reads a body that was refused, after the answer has gone out: a client that writes all before it
// reads sees why, and one that waits for the answer does not wait for the body.
func drain(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Expect") != "" {
		return
	}
	if err := http.NewResponseController(w).Flush(); err != nil {
		return
	}
	_, _ = io.CopyN(io.Discard, r.Body, drained)
}

func fill(req *wire.Request, r *http.Request, c *conn, body []byte) {
	req.Begin([]byte(r.Method), []byte(r.RequestURI), []byte(r.Host), c.ip)
	for name, values := range r.Header {
		for _, value := range values {
			req.AddHeader([]byte(name), []byte(value))
		}
	}
	if r.TLS != nil {
		req.SetSecure()
	}
	req.SetBody(body)
}

// headerSize is about how many bytes the request line and the headers have.
func headerSize(r *http.Request) int {
	size := len(r.Method) + len(r.RequestURI) + len(r.Host) + len("  HTTP/1.1\r\nHost: \r\n\r\n")
	for name, values := range r.Header {
		for _, value := range values {
			size += len(name) + len(value) + len(": \r\n")
		}
	}
	return size
}

// readBody reads the whole body.
func (s *Standard) readBody(w http.ResponseWriter, r *http.Request, held *hold) ([]byte, error) {
	if headerSize(r) > s.options.MaxHeader {
		return nil, errLongHeader
	}
	if !held.upTo(requestCost) {
		return nil, errBusy
	}
	if r.Body == nil || r.Body == http.NoBody {
		return nil, nil
	}
	control := http.NewResponseController(w)
	if err := control.SetReadDeadline(time.Now().Add(s.options.BodyTimeout)); err != nil {
		return nil, err
	}
	body, err := collect(r, s.options.MaxBody, held)
	if err != nil {
		return nil, err
	}
	return body, control.SetReadDeadline(time.Time{})
}

// collect reads to the end. The buffer grows with what arrives, not with what the header promises.
func collect(r *http.Request, limit int, held *hold) ([]byte, error) {
	if r.ContentLength > int64(limit) {
		return nil, errTooLarge
	}
	most := limit + 1
	if r.ContentLength >= 0 {
		most = int(r.ContentLength) + 1
	}
	body := make([]byte, 0, min(most, freeAhead))
	for {
		if len(body) == cap(body) {
			size := min(2*cap(body), most)
			if !held.upTo(int64(requestCost + cap(body) + size)) {
				return nil, errBusy
			}
			body = append(make([]byte, 0, size), body...)
		}
		n, err := r.Body.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		switch {
		case len(body) > limit:
			return nil, errTooLarge
		case err == io.EOF:
			return body, nil
		case err != nil:
			return nil, err
		}
	}
}
