package front

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/valyala/fasthttp"

	"github.com/sealtable/sealtable/internal/wire"
)

// fastCost is what a connection costs that has sent nothing, or little.
const fastCost = 12 << 10

// Fast serves plain HTTP/1.1 on fasthttp, at about half of the CPU time of net/http.
type Fast struct {
	server
	http  *fasthttp.Server
	large *Standard // for the connections of large requests
	moved *moved
}

// NewFast returns a front for plain HTTP/1.1.
func NewFast(h wire.Handler, o Options) *Fast {
	o = o.withDefaults()
	g := newGate(o)
	f := &Fast{server: newServer(h, o, g), large: newStandard(h, o, nil, g), moved: newMoved()}
	f.http = &fasthttp.Server{
		Handler:                      f.handle,
		ErrorHandler:                 f.refuse,
		ConnState:                    follow,
		Concurrency:                  o.MaxConnections + 1, // the gate counts
		ReadBufferSize:               o.MaxHeader,
		MaxRequestBodySize:           min(o.MaxBody, lightBody),
		ReadTimeout:                  o.HeaderTimeout,
		WriteTimeout:                 o.WriteTimeout,
		IdleTimeout:                  o.IdleTimeout,
		ReduceMemoryUsage:            true,
		CloseOnShutdown:              true,
		DisablePreParseMultipartForm: true,
		Name:                         serverName,
		NoDefaultContentType:         true,
		SecureErrorLogMessage:        true,
		Logger:                       quiet{&f.server},
	}
	return f
}

// Serve accepts connections from l until Shutdown.
func (f *Fast) Serve(l net.Listener) error {
	go func() { _ = f.large.http.Serve(f.moved) }()
	err := f.http.Serve(&fastListener{listener{l, f.gate, fastCost}, f})
	if f.base.Err() != nil || errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// Shutdown drains the front.
func (f *Fast) Shutdown(ctx context.Context) error {
	defer f.abandon()
	defer f.large.abandon()
	f.gate.closeAll(func(c *conn) bool { return c.idle.Load() })
	err := f.http.ShutdownWithContext(ctx)
	if large := f.large.http.Shutdown(ctx); err == nil {
		err = large
	}
	_ = f.large.http.Close()
	_ = f.moved.Close()
	f.gate.closeAll(func(*conn) bool { return true })
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// follow keeps whether c is idle.
func follow(nc net.Conn, state fasthttp.ConnState) {
	if c, ok := nc.(*fastConn); ok && !c.moved.Load() {
		c.idle.Store(state == fasthttp.StateNew || state == fasthttp.StateIdle)
	}
}

func (f *Fast) handle(ctx *fasthttp.RequestCtx) {
	x := f.take()
	c, _ := ctx.Conn().(*fastConn)
	h := &ctx.Request.Header
	x.req.Begin(h.Method(), h.RequestURI(), h.Host(), c.ip)
	wellFormed := true
	for name, value := range h.All() {
		wellFormed = wellFormed && isToken(name)
		if !bytes.EqualFold(name, []byte("Host")) {
			x.req.AddHeader(name, value)
		}
	}
	x.req.SetBody(ctx.Request.Body())
	if wellFormed {
		f.serve(x)
	} else {
		fail(&x.res, errNotHTTP)
	}
	x.res.Body = send(ctx, &x.res)
	c.answered()
	f.give(x)
}

// isToken says whether a field name is one (RFC 9110 section 5.6.2), which fasthttp does not ask.
func isToken(name []byte) bool {
	for _, c := range name {
		switch {
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9':
		case bytes.IndexByte([]byte("!#$%&'*+-.^_`|~"), c) >= 0:
		default:
			return false
		}
	}
	return len(name) > 0
}

// send hands the response to fasthttp and returns a buffer in exchange for its body.
func send(ctx *fasthttp.RequestCtx, res *wire.Response) []byte {
	ctx.Response.SetStatusCode(res.Status)
	for i := range res.Fields() {
		name, value := res.Field(i)
		ctx.Response.Header.SetBytesV(name, value)
	}
	if res.Close {
		ctx.SetConnectionClose()
	}
	return ctx.Response.SwapBody(res.Body)
}

// refuse answers what fasthttp could not read.
func (f *Fast) refuse(ctx *fasthttp.RequestCtx, err error) {
	var long *fasthttp.ErrSmallBuffer
	switch {
	case errors.As(err, &long):
		err = errLongHeader
	case errors.Is(err, fasthttp.ErrBodyTooLarge):
		err = errTooLarge
	}
	var res wire.Response
	fail(&res, err)
	send(ctx, &res)
	if c, ok := ctx.Conn().(*fastConn); ok {
		c.linger.Store(true)
	}
}

// quiet takes fasthttp's log, which tells of what clients did.
type quiet struct{ *server }

func (q quiet) Printf(format string, args ...any) {
	q.options.Log.Debug("http connection", "message", fmt.Sprintf(format, args...))
}
