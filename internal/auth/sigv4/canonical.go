package sigv4

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"slices"
)

const (
	unsignedPayload = "UNSIGNED-PAYLOAD"
	hexUpper        = "0123456789ABCDEF"

	// maxSigned bounds the list of signed headers, and so what a request without a valid signature can cost:
	// each name is looked for among all fields. Clients sign a dozen.
	maxSigned = 64
)

// scratch is the memory of one verification.
type scratch struct {
	signature signature
	text      []byte // the canonical request, then the string to sign
	sum       [sha256.Size]byte
	hex       [2 * sha256.Size]byte
}

// release forgets what belongs to the request, and memory that an unusual request made large.
func (s *scratch) release() {
	decoded := s.signature.decoded[:0]
	if cap(decoded) > 64<<10 {
		decoded = nil
	}
	if cap(s.text) > 64<<10 {
		s.text = nil
	}
	s.signature = signature{decoded: decoded}
}

// checkSigned checks that the list of signed headers is in order, names only headers that are there, and
// holds the host and every x-amz- header, except those that are bound in another way: the date is in the
// string to sign, the payload hash is compared with the body, and the session token with the credential's.
func checkSigned(req Request, g *signature) error {
	if bytes.Count(g.signedHeaders, []byte(";")) >= maxSigned {
		return invalid("At most 64 headers may be signed.")
	}
	previous, host := []byte(nil), false
	for name, rest := nextName(g.signedHeaders); name != nil; name, rest = nextName(rest) {
		if bytes.Compare(previous, name) >= 0 {
			return mismatch()
		}
		previous = name
		if string(name) == "host" {
			host = true
		} else if _, ok := fieldOf(req, string(name)); !ok {
			return incomplete("'", string(name), "' is named as a SignedHeader, but it does not exist in "+
				"the HTTP request.")
		}
	}
	if !host {
		return invalid("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
	}
	for i := range req.Fields() {
		name, _ := req.Field(i)
		if mustBeSigned(name) && !listed(g.signedHeaders, name) {
			return invalid("'", string(name), "' must be a 'SignedHeader' in the AWS Authorization.")
		}
	}
	return nil
}

func mustBeSigned(name []byte) bool {
	switch string(name) {
	case "x-amz-date", "x-amz-content-sha256", "x-amz-security-token":
		return false
	}
	return bytes.HasPrefix(name, []byte("x-amz-"))
}

func listed(list, want []byte) bool {
	for name, rest := nextName(list); name != nil; name, rest = nextName(rest) {
		if bytes.Equal(name, want) {
			return true
		}
	}
	return false
}

// nextName takes one name from a list that semicolons divide; nil at its end.
func nextName(list []byte) (name, rest []byte) {
	if list == nil {
		return nil, nil
	}
	if i := bytes.IndexByte(list, ';'); i >= 0 {
		return list[:i:i], list[i+1:]
	}
	return list, nil
}

// appendStringToSign sets s.text to the string to sign.
func (s *scratch) appendStringToSign(req Request, service string) error {
	if err := s.appendCanonicalRequest(req, service); err != nil {
		return err
	}
	s.sum = sha256.Sum256(s.text)
	g := &s.signature
	s.text = append(s.text[:0], algorithm...)
	s.text = append(s.text, '\n')
	s.text = append(s.text, g.stamp[:]...)
	s.text = append(s.text, '\n')
	s.text = append(s.text, g.credential[len(g.parts[0])+1:]...)
	s.text = append(s.text, '\n')
	s.text = hex.AppendEncode(s.text, s.sum[:])
	return nil
}

// appendCanonicalRequest sets s.text to the canonical request: step 1 of "Create a signed AWS API request".
func (s *scratch) appendCanonicalRequest(req Request, service string) error {
	g := &s.signature
	s.text = append(s.text[:0], req.Method()...)
	s.text = append(s.text, '\n')
	if service == "s3" {
		s.text = appendPathS3(s.text, req.Path())
	} else {
		s.text = appendPath(s.text, req.Path())
	}
	s.text = append(s.text, '\n')
	s.text = appendQuery(s.text, req.Query(), g.presigned)
	s.text = append(s.text, '\n')
	for name, rest := nextName(g.signedHeaders); name != nil; name, rest = nextName(rest) {
		s.text = appendHeader(s.text, req, name)
	}
	s.text = append(s.text, '\n')
	s.text = append(s.text, g.signedHeaders...)
	s.text = append(s.text, '\n')
	return s.appendPayloadHash(req, service)
}

// appendHeader writes name:value, and all values of a name that occurs several times, in their order, with
// commas.
func appendHeader(dst []byte, req Request, name []byte) []byte {
	dst = append(dst, name...)
	dst = append(dst, ':')
	if string(name) == "host" {
		dst = appendFolded(dst, req.Host())
		return append(dst, '\n')
	}
	seen := false
	for i := range req.Fields() {
		field, value := req.Field(i)
		if !bytes.Equal(field, name) {
			continue
		}
		if seen {
			dst = append(dst, ',')
		}
		seen = true
		dst = appendFolded(dst, value)
	}
	return append(dst, '\n')
}

// appendFolded drops spaces at both ends and makes one of several in between.
func appendFolded(dst, value []byte) []byte {
	value = bytes.Trim(value, " \t")
	if !bytes.Contains(value, []byte("  ")) {
		return append(dst, value...)
	}
	for i, c := range value {
		if c != ' ' || value[i-1] != ' ' {
			dst = append(dst, c)
		}
	}
	return dst
}

// appendPayloadHash writes the hash of the body. A request may give it itself, but only correctly; only S3
// may leave the body unsigned.
func (s *scratch) appendPayloadHash(req Request, service string) error {
	claimed, ok := fieldOf(req, "x-amz-content-sha256")
	if service == "s3" && (string(claimed) == unsignedPayload || !ok && s.signature.presigned) {
		s.text = append(s.text, unsignedPayload...)
		return nil
	}
	s.sum = sha256.Sum256(req.Body())
	hex.Encode(s.hex[:], s.sum[:])
	if ok && !bytes.Equal(claimed, s.hex[:]) {
		return mismatch()
	}
	s.text = append(s.text, s.hex[:]...)
	return nil
}

// appendPath writes the canonical URI for every service but S3: without empty and relative segments, and
// encoded once more than it was on the wire.
func appendPath(dst, path []byte) []byte {
	start, slash := len(dst), bytes.HasSuffix(path, []byte("/"))
	for len(path) > 0 {
		path = path[1:]
		end := bytes.IndexByte(path, '/')
		if end < 0 {
			end = len(path)
		}
		segment := path[:end]
		path = path[end:]
		switch string(segment) {
		case "", ".":
			continue
		case "..":
			dst = dst[:start+max(0, bytes.LastIndexByte(dst[start:], '/'))]
			continue
		}
		dst = append(dst, '/')
		dst = appendEncoded(dst, segment, false)
	}
	if slash || len(dst) == start {
		dst = append(dst, '/')
	}
	return dst
}

// appendPathS3 writes the path encoded exactly once, its segments as they are.
func appendPathS3(dst, path []byte) []byte {
	for len(path) > 0 {
		c, n := decodeByte(path)
		if c == '/' {
			dst = append(dst, '/')
		} else {
			dst = appendEncodedByte(dst, c)
		}
		path = path[n:]
	}
	return dst
}

// appendQuery writes the canonical query: names and values encoded alike, sorted by name, then by value. The
// signature of a presigned request is not part of it.
func appendQuery(dst, query []byte, presigned bool) []byte {
	if len(query) == 0 {
		return dst
	}
	var pairs [][2][]byte
	for part := range bytes.SplitSeq(query, []byte("&")) {
		name, value, _ := bytes.Cut(part, []byte("="))
		if len(part) == 0 || presigned && string(name) == "X-Amz-Signature" {
			continue
		}
		pairs = append(pairs, [2][]byte{appendEncoded(nil, name, true), appendEncoded(nil, value, true)})
	}
	slices.SortStableFunc(pairs, func(a, b [2][]byte) int {
		if order := bytes.Compare(a[0], b[0]); order != 0 {
			return order
		}
		return bytes.Compare(a[1], b[1])
	})
	for i, pair := range pairs {
		if i > 0 {
			dst = append(dst, '&')
		}
		dst = append(append(append(dst, pair[0]...), '='), pair[1]...)
	}
	return dst
}

// appendEncoded percent-encodes b, decoding it first if decode is set.
func appendEncoded(dst, b []byte, decode bool) []byte {
	for len(b) > 0 {
		c, n := b[0], 1
		if decode {
			c, n = decodeByte(b)
			if n == 1 && c == '+' {
				c = ' '
			}
		}
		dst = appendEncodedByte(dst, c)
		b = b[n:]
	}
	return dst
}

// appendEncodedByte leaves the unreserved characters of RFC 3986 as they are.
func appendEncodedByte(dst []byte, c byte) []byte {
	if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' ||
		c == '.' || c == '~' {
		return append(dst, c)
	}
	return append(dst, '%', hexUpper[c>>4], hexUpper[c&15])
}

// decodeByte takes one byte from b, which is not empty: a percent sign that starts no escape stands for
// itself.
func decodeByte(b []byte) (c byte, n int) {
	if b[0] == '%' && len(b) >= 3 {
		var out [1]byte
		if _, err := hex.Decode(out[:], b[1:3]); err == nil {
			return out[0], 3
		}
	}
	return b[0], 1
}
