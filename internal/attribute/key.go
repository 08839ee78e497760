package attribute

import (
	"bytes"
	"unicode/utf8"
)

// AppendKey appends a key attribute, an S, N or B, so that the order of the bytes is the order of the values:
// UTF-8 bytes, numbers, unsigned bytes. Nothing marks the type or the end. A value of another kind appends
// nothing.
func AppendKey(dst []byte, v Value) []byte {
	switch v.Kind() {
	case S, N, B:
		return append(dst, v[1:]...)
	}
	return dst
}

// ReadKey is the value of that kind that AppendKey wrote as b. Errors wrap ErrCorrupt.
func ReadKey(kind Kind, b []byte) (Value, error) {
	switch {
	case kind == S && utf8.Valid(b), kind == N && Number(b).canonical(), kind == B:
		return append(append(make(Value, 0, 1+len(b)), kind.tag()), b...), nil
	}
	return nil, corrupt("key is not of its type")
}

// AppendKeyPart appends a key attribute so that its end can be found and the order of several parts, one
// after the other, is the order of the first that differs: an S or B with 00 written as 00 FF, or an N as it
// is, then 00 01.
func AppendKeyPart(dst []byte, v Value) []byte {
	switch v.Kind() {
	case N:
		dst = append(dst, v[1:]...)
	case S, B:
		for text := v.Text(); len(text) > 0; {
			i := bytes.IndexByte(text, 0)
			if i < 0 {
				dst = append(dst, text...)
				break
			}
			dst = append(append(dst, text[:i+1]...), 0xFF)
			text = text[i+1:]
		}
	default:
		return dst
	}
	return append(dst, 0, 1)
}
