// Package wire is the contract between HTTP and the handlers behind it.
//
// Callers may rely on this: a handler sees a request that is complete (its body was read within the front's
// limit), whose header names are in lower case and whose header values are as received, in the order
// received. Everything that a Request hands out as bytes belongs to it and is overwritten after Serve
// returns: copy what must live longer. Strings may be kept. A Response is sent only after Serve has returned,
// so that an answer is either whole or absent.
//
// The package knows neither net/http nor AWS; the fronts in wire/front are the only code that knows a server
// implementation.
package wire

import (
	"bytes"
	"context"
)

// Handler answers requests. The context ends when the server stops waiting for requests in flight; a client
// that goes away does not end it, so that what was begun is finished and recorded.
type Handler interface {
	Serve(ctx context.Context, req *Request, res *Response)
}

// HandlerFunc is a function that is a Handler.
type HandlerFunc func(ctx context.Context, req *Request, res *Response)

// Serve calls f.
func (f HandlerFunc) Serve(ctx context.Context, req *Request, res *Response) { f(ctx, req, res) }

// keptCapacity is how much memory a Request or Response keeps for the next use.
const keptCapacity = 64 << 10

// span is a part of an arena. Offsets survive the arena's growth.
type span struct{ from, to int }

type field struct{ name, value span }

// Request is one HTTP request. The zero value is ready to be filled by a front: Reset, Begin, then AddHeader
// and SetBody.
type Request struct {
	method   string
	remoteIP string
	secure   bool
	arena    []byte
	target   span
	path     int // where the path ends in target
	host     span
	fields   []field
	body     []byte
}

// Reset forgets the request and keeps its memory for the next, within bounds.
func (r *Request) Reset() {
	arena, fields := r.arena[:0], r.fields[:0]
	if cap(arena) > keptCapacity {
		arena, fields = nil, nil
	}
	*r = Request{arena: arena, fields: fields}
}

// Begin sets the request line, the authority, and the address of the client without its port. The bytes are
// copied. Of a target in absolute form (RFC 9112 section 3.2.2) the path and query are kept.
func (r *Request) Begin(method, target, host []byte, remoteIP string) {
	r.method = methodName(method)
	r.remoteIP = remoteIP
	target = originForm(target)
	r.target = r.keep(target)
	r.path = len(target)
	if i := bytes.IndexByte(target, '?'); i >= 0 {
		r.path = i
	}
	r.host = r.keep(host)
}

func originForm(target []byte) []byte {
	if len(target) > 0 && target[0] == '/' {
		return target
	}
	_, rest, ok := bytes.Cut(target, []byte("://"))
	if !ok {
		return target
	}
	if i := bytes.IndexAny(rest, "/?"); i >= 0 && rest[i] == '/' {
		return rest[i:]
	}
	return []byte("/")
}

// AddHeader adds a header field. The bytes are copied, the name in lower case.
func (r *Request) AddHeader(name, value []byte) {
	n := r.keep(name)
	lower(r.arena[n.from:n.to])
	r.fields = append(r.fields, field{n, r.keep(value)})
}

// SetSecure says that the request came over TLS.
func (r *Request) SetSecure() { r.secure = true }

// Secure reports whether the request came over TLS to this server.
func (r *Request) Secure() bool { return r.secure }

// SetBody sets the body, which is not copied.
func (r *Request) SetBody(body []byte) { r.body = body }

func (r *Request) keep(b []byte) span {
	from := len(r.arena)
	r.arena = append(r.arena, b...)
	return span{from, len(r.arena)}
}

func (r *Request) at(s span) []byte { return r.arena[s.from:s.to:s.to] }

// Method is the method as received.
func (r *Request) Method() string { return r.method }

// Target is the path and the raw query, as received.
func (r *Request) Target() []byte { return r.at(r.target) }

// Path is the target before the question mark, still percent-encoded.
func (r *Request) Path() []byte { return r.Target()[:r.path] }

// Query is the target after the question mark, still percent-encoded; empty without one.
func (r *Request) Query() []byte {
	target := r.Target()
	return target[min(r.path+1, len(target)):]
}

// Host is the Host header as received, or the :authority of HTTP/2.
func (r *Request) Host() []byte { return r.at(r.host) }

// Body is the whole body, decoded from its transfer encoding.
func (r *Request) Body() []byte { return r.body }

// RemoteIP is the address of the client without its port.
func (r *Request) RemoteIP() string { return r.remoteIP }

// Fields is the number of header fields, Host not among them.
func (r *Request) Fields() int { return len(r.fields) }

// Field is the i-th header field; its name is in lower case.
func (r *Request) Field(i int) (name, value []byte) {
	f := r.fields[i]
	return r.at(f.name), r.at(f.value)
}

// Header is the first value of the header name, which is given in lower case.
func (r *Request) Header(name string) (value []byte, ok bool) {
	for _, f := range r.fields {
		if string(r.arena[f.name.from:f.name.to]) == name {
			return r.at(f.value), true
		}
	}
	return nil, false
}

// methodName returns a string without allocating for the methods that occur.
func methodName(method []byte) string {
	switch string(method) {
	case "POST":
		return "POST"
	case "GET":
		return "GET"
	case "PUT":
		return "PUT"
	case "DELETE":
		return "DELETE"
	case "HEAD":
		return "HEAD"
	case "OPTIONS":
		return "OPTIONS"
	}
	return string(method)
}

func lower(b []byte) {
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c | 0x20
		}
	}
}
