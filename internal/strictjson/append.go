package strictjson

import (
	"encoding/base64"
	"math"
	"strconv"
)

const hexDigits = "0123456789abcdef"

// AppendString appends s as a JSON string. s must be valid UTF-8. Only what RFC 8259 requires is escaped, as
// DynamoDB does: the quotation mark, the backslash and control characters.
func AppendString[T string | []byte](dst []byte, s T) []byte {
	dst = append(dst, '"')
	for len(s) > 0 {
		n, _ := plain([]byte(s))
		dst = append(dst, s[:n]...)
		s = s[n:]
		if len(s) > 0 {
			dst = appendEscape(dst, s[0])
			s = s[1:]
		}
	}
	return append(dst, '"')
}

func appendEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	}
	return append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
}

// AppendBase64 appends b as a JSON string in standard base64 with padding (RFC 4648 section 4), the wire form
// of every blob.
func AppendBase64(dst, b []byte) []byte {
	dst = append(dst, '"')
	dst = base64.StdEncoding.AppendEncode(dst, b)
	return append(dst, '"')
}

// AppendFloat appends the shortest decimal that reads back as f. NaN and the infinities, which JSON cannot
// write, become null.
func AppendFloat(dst []byte, f float64) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return append(dst, "null"...)
	}
	return strconv.AppendFloat(dst, f, 'f', -1, 64)
}

// AppendName appends the name of an object's member with its colon, and a comma before it unless it is the
// first after '{'.
func AppendName(dst []byte, name string) []byte {
	if n := len(dst); n > 0 && dst[n-1] != '{' {
		dst = append(dst, ',')
	}
	dst = AppendString(dst, name)
	return append(dst, ':')
}
