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

type connKey struct{}

// NewStandard returns a front on net/http. Without a TLS configuration it serves plain HTTP/1.1.
func NewStandard(h wire.Handler, o Options, config *tls.Config) *Standard {
	s := &Standard{server: newServer(h, o)}
	o = s.options
	s.http = &http.Server{
		Handler:           http.HandlerFunc(s.handle),
		ReadHeaderTimeout: o.HeaderTimeout,
		IdleTimeout:       o.IdleTimeout,
		MaxHeaderBytes:    o.MaxHeader,
		TLSConfig:         config,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: 100},
		ErrorLog:          slog.NewLogLogger(o.Log.Handler(), slog.LevelDebug),
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
		err = s.http.ServeTLS(&listener{l, s.gate}, "", "")
	} else {
		err = s.http.Serve(&listener{l, s.gate})
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
	body, err := s.readBody(w, r)
	defer body.release(s.gate)
	if err != nil {
		fail(&x.res, err)
	} else {
		s.fill(&x.req, r, body.bytes)
		s.serve(x)
	}
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(s.options.WriteTimeout))
	header := w.Header()
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

func (s *Standard) fill(req *wire.Request, r *http.Request, body []byte) {
	c, _ := r.Context().Value(connKey{}).(*conn)
	req.Begin([]byte(r.Method), []byte(r.RequestURI), []byte(r.Host), c.ip)
	for name, values := range r.Header {
		for _, value := range values {
			req.AddHeader([]byte(name), []byte(value))
		}
	}
	req.SetBody(body)
}

// requestBody is a body and what it holds of the gate.
type requestBody struct {
	bytes    []byte
	reserved int64
}

func (b *requestBody) release(g *gate) { g.unanswered.Add(-b.reserved) }

// readBody reads the whole body.
func (s *Standard) readBody(w http.ResponseWriter, r *http.Request) (*requestBody, error) {
	b := new(requestBody)
	if r.ContentLength > int64(s.options.MaxBody) {
		return b, errTooLarge
	}
	if r.Body == nil || r.Body == http.NoBody {
		return b, nil
	}
	control := http.NewResponseController(w)
	if err := control.SetReadDeadline(time.Now().Add(s.options.BodyTimeout)); err != nil {
		return b, err
	}
	if err := b.fill(r, s.options.MaxBody, s.gate); err != nil {
		return b, err
	}
	return b, control.SetReadDeadline(time.Time{})
}

// fill reads to the end. The buffer grows with what arrives, not with what the header promises.
func (b *requestBody) fill(r *http.Request, limit int, g *gate) error {
	b.bytes = make([]byte, 0, min(max(r.ContentLength+1, 512), 64<<10))
	for {
		if len(b.bytes) == cap(b.bytes) {
			if err := b.grow(limit, g); err != nil {
				return err
			}
		}
		n, err := r.Body.Read(b.bytes[len(b.bytes):cap(b.bytes)])
		b.bytes = b.bytes[:len(b.bytes)+n]
		switch {
		case len(b.bytes) > limit:
			return errTooLarge
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		}
	}
}

func (b *requestBody) grow(limit int, g *gate) error {
	size := min(2*cap(b.bytes), limit+1)
	if held := int64(size) - freeBody; held > b.reserved {
		if !g.reserve(held - b.reserved) {
			return errBusy
		}
		b.reserved = held
	}
	b.bytes = append(make([]byte, 0, size), b.bytes...)
	return nil
}
