package attribute

import (
	"bytes"
	"unicode/utf8"
)

// AppendKey appends a key attribute, an S, N or B, so that the order of the bytes is the order of the values: UTF-8 bytes,
// numbers, unsigned bytes. Nothing marks the type or the end. A value of another kind appends nothing.
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

// AppendKeyPart appends a key attribute so that its end can be found and the order of several parts, one after the other, is the
// order of the first that differs: an S or B with 00 written as 00 FF, or an N as it is, then 00 01.
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

// ReadKeyPart is the value of that kind that AppendKeyPart wrote at the start of b, and what follows it. Errors wrap ErrCorrupt.
func ReadKeyPart(kind Kind, b []byte) (Value, []byte, error) {
	if kind == N {
		return readNumberPart(b)
	}
	var text []byte
	for {
		i := bytes.IndexByte(b, 0)
		if i < 0 || i+1 == len(b) {
			return nil, nil, corrupt("key part does not end")
		}
		text = append(text, b[:i]...)
		next := b[i+1]
		b = b[i+2:]
		switch next {
		case 1:
			v, err := ReadKey(kind, text)
			return v, b, err
		case 0xFF:
			text = append(text, 0)
		default:
			return nil, nil, corrupt("key part has an unknown escape")
		}
	}
}

// readNumberPart looks for the end behind the first byte, which is 00 for the numbers of the largest magnitude below zero.
func readNumberPart(b []byte) (Value, []byte, error) {
	if len(b) == 0 {
		return nil, nil, corrupt("key part is missing")
	}
	i := bytes.IndexByte(b[1:], 0) + 1
	if i == 0 || i+1 == len(b) || b[i+1] != 1 {
		return nil, nil, corrupt("key part does not end")
	}
	v, err := ReadKey(N, b[:i])
	return v, b[i+2:], err
}
