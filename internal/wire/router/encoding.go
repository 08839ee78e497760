package router

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"io"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/sealtable/sealtable/internal/api"
	"github.com/sealtable/sealtable/internal/wire"
)

const (
	// maxUnpacked is how large a body may be once it is unpacked, as one that is not packed.
	maxUnpacked = 16 << 20
	// maxUnpacking bounds what all requests hold unpacked at a time.
	maxUnpacking = 128 << 20
	// compressFrom is the size of an answer that is compressed for those who ask.
	compressFrom = 4 << 10
)

// unpacking counts the bytes that requests hold unpacked.
type unpacking struct{ bytes atomic.Int64 }

// unpack gives the body of a request whose signature was verified over what was sent. done is called when the
// body is no longer used; it may be nil.
func (u *unpacking) unpack(req *wire.Request) (body []byte, done func(), e *api.Error) {
	encoding, ok := req.Header("content-encoding")
	if !ok {
		return req.Body(), nil, nil
	}
	var r io.Reader
	var err error
	switch strings.ToLower(strings.TrimSpace(string(encoding))) {
	case "", "identity", "aws-chunked":
		return req.Body(), nil, nil
	case "gzip":
		r, err = gzip.NewReader(bytes.NewReader(req.Body()))
	case "deflate":
		r, err = inflate(req.Body())
	default:
		return nil, nil, &api.Error{Code: "SerializationException",
			Message: "The Content-Encoding of the request is not supported; use gzip, deflate or none."}
	}
	if err != nil {
		return nil, nil, &api.Error{Code: "SerializationException"}
	}
	return u.read(r)
}

// inflate reads deflate as HTTP means it (RFC 9110 section 8.4.1.2), in zlib's format, and bare as some
// clients send it.
func inflate(b []byte) (io.Reader, error) {
	if len(b) > 1 && b[0]&0x0f == 8 && (int(b[0])<<8|int(b[1]))%31 == 0 {
		return zlib.NewReader(bytes.NewReader(b))
	}
	return flate.NewReader(bufio.NewReader(bytes.NewReader(b))), nil
}

// read unpacks to the end, within what one request and all of them may hold.
func (u *unpacking) read(r io.Reader) ([]byte, func(), *api.Error) {
	var held int64
	done := func() { u.bytes.Add(-held) }
	body := make([]byte, 0, 4096)
	for {
		if len(body) == cap(body) {
			more := int64(cap(body))
			held += more
			if u.bytes.Add(more) > maxUnpacking {
				done()
				return nil, nil, &api.Error{Code: "ServiceUnavailableException", Status: 503,
					Message: "The server is busy. Try again."}
			}
			body = append(make([]byte, 0, 2*cap(body)), body...)
		}
		n, err := r.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		switch {
		case len(body) > maxUnpacked:
			done()
			return nil, nil, &api.Error{Code: "RequestEntityTooLargeException", Status: 413,
				Message: "The request body is larger than is allowed."}
		case err == io.EOF:
			return body, done, nil
		case err != nil:
			done()
			return nil, nil, &api.Error{Code: "SerializationException"}
		}
	}
}

// compressors are writers that are used again: each holds some hundred kilobytes.
type compressors struct{ gzip, deflate sync.Pool }

// compress packs a large answer for a client that asks for it.
func (c *compressors) compress(req *wire.Request, res *wire.Response) {
	if len(res.Body) <= compressFrom {
		return
	}
	accept, ok := req.Header("accept-encoding")
	if !ok {
		return
	}
	name := accepted(accept)
	if name == "" {
		return
	}
	var packed bytes.Buffer
	packed.Grow(len(res.Body) / 4)
	c.pack(name, &packed, res.Body)
	res.Body = append(res.Body[:0], packed.Bytes()...)
	res.SetHeader("Content-Encoding", name)
}

func (c *compressors) pack(name string, to *bytes.Buffer, body []byte) {
	pool := &c.gzip
	if name == "deflate" {
		pool = &c.deflate
	}
	w, ok := pool.Get().(interface {
		io.WriteCloser
		Reset(w io.Writer)
	})
	if !ok && name == "gzip" {
		w = gzip.NewWriter(nil)
	} else if !ok {
		w = zlib.NewWriter(nil)
	}
	w.Reset(to)
	_, _ = w.Write(body) // into memory
	_ = w.Close()
	pool.Put(w)
}

// accepted is the encoding that a client asks for and that is known here; empty for none.
func accepted(accept []byte) string {
	best := ""
	for part := range bytes.SplitSeq(accept, []byte(",")) {
		name, weight, _ := bytes.Cut(part, []byte(";"))
		if refuses(bytes.ReplaceAll(weight, []byte(" "), nil)) {
			continue
		}
		switch strings.ToLower(string(bytes.TrimSpace(name))) {
		case "gzip":
			return "gzip"
		case "deflate":
			best = "deflate"
		}
	}
	return best
}

// refuses reports whether a weight is zero (RFC 9110 section 12.4.2).
func refuses(weight []byte) bool {
	value, ok := bytes.CutPrefix(weight, []byte("q=0"))
	return ok && len(bytes.Trim(value, ".0")) == 0
}
