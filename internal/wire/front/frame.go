package front

import (
	"bytes"
	"errors"
	"strconv"
)

// lightBody is the largest body that the Fast front reads itself.
const lightBody = 64 << 10

// errHeavy is no error: the request is for the front that reads large bodies and those of unknown length.
var errHeavy = errors.New("the request is large, or its length is unknown")

// frame tells how many bytes the request has that b begins with, headers and body; 0 while that cannot be
// told. It fails with errHeavy for what is not to be read here, and for what two readers could cut in two
// ways (RFC 9112 section 6.3).
func frame(b []byte, maxHeader, maxBody int) (size int, err error) {
	head := headSize(b)
	if head == 0 && len(b) <= maxHeader {
		return 0, nil
	}
	if head == 0 || head > maxHeader {
		return 0, errLongHeader
	}
	if err := checkVersion(b[:bytes.IndexByte(b, '\n')]); err != nil {
		return 0, err
	}
	length := -1
	var lengths, encodings, expects int
	rest := b[:head]
	for len(rest) > 0 {
		end := bytes.IndexByte(rest, '\n') + 1
		line := rest[:end]
		rest = rest[end:]
		switch {
		case isField(line, "content-length"):
			lengths++
			length = decimal(line[len("content-length:"):])
		case isField(line, "transfer-encoding"):
			encodings++
		case isField(line, "expect"):
			expects++
		}
	}
	switch {
	case encodings > 0 && lengths > 0:
		return 0, errNotHTTP
	case encodings > 0 || expects > 0 || lengths > 1 || lengths == 1 && (length < 0 || length > maxBody):
		return 0, errHeavy
	}
	return head + max(length, 0), nil
}

// checkVersion refuses a request line that does not end with a version which this front speaks.
func checkVersion(line []byte) error {
	_, version, found := bytes.Cut(bytes.TrimSuffix(line, []byte("\r")), []byte(" HTTP/"))
	switch {
	case !found || len(version) != len("1.1") || version[1] != '.':
		return errNotHTTP
	case string(version) != "1.1" && string(version) != "1.0":
		return errVersion
	}
	return nil
}

// headSize is how many bytes there are up to the empty line that ends the headers; 0 without one.
func headSize(b []byte) int {
	if i := bytes.Index(b, []byte("\r\n\r\n")); i >= 0 {
		b = b[:i+4]
	}
	for from := 0; ; {
		i := bytes.IndexByte(b[from:], '\n')
		if i < 0 {
			return 0
		}
		from += i + 1
		if bytes.HasPrefix(b[from:], []byte("\n")) {
			return from + 1
		}
		if bytes.HasPrefix(b[from:], []byte("\r\n")) {
			return from + 2
		}
	}
}

// isField reports whether a line is of the field name, which is given in lower case.
func isField(line []byte, name string) bool {
	return len(line) > len(name) && line[len(name)] == ':' && bytes.EqualFold(line[:len(name)], []byte(name))
}

// decimal reads a length; -1 for what is none, or none that matters.
func decimal(value []byte) int {
	n, err := strconv.ParseUint(string(bytes.TrimSpace(value)), 10, 31)
	if err != nil {
		return -1
	}
	return int(n)
}
