package strictjson

import (
	"encoding/binary"
	"math/bits"
)

// plain is how many bytes at the start of s stand for themselves in a JSON string: none of them is a
// quotation mark, a backslash or a control character. high has its top bit set if any of them, or one soon
// after, is not ASCII.
//
// It looks at eight bytes at a time. In each, the subtraction borrows into the top bit of a byte that is zero
// after the exclusive or, or below 0x20; a borrow can run on only into later bytes, so the first byte found
// is always right.
func plain(s []byte) (n int, high byte) {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	seen := uint64(0)
	for ; n+8 <= len(s); n += 8 {
		x := binary.LittleEndian.Uint64(s[n:])
		quote, slash := x^'"'*ones, x^'\\'*ones
		seen |= x
		found := ((x-0x20*ones)&^x | (quote-ones)&^quote | (slash-ones)&^slash) & tops
		if found != 0 {
			n += bits.TrailingZeros64(found) / 8
			break
		}
	}
	if seen&tops != 0 {
		high = 0x80
	}
	for ; n < len(s); n++ {
		c := s[n]
		if c < 0x20 || c == '"' || c == '\\' {
			break
		}
		high |= c
	}
	return n, high
}
