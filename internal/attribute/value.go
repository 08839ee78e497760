package attribute

import (
	"bytes"
	"iter"
)

// Kind is the type of a value, named as on the wire.
type Kind uint8

// The ten types of DynamoDB. Invalid is the kind of no value.
const (
	Invalid Kind = iota
	S
	N
	B
	BOOL
	NULL
	M
	L
	SS
	NS
	BS
)

func (k Kind) String() string {
	switch k {
	case S:
		return "S"
	case N:
		return "N"
	case B:
		return "B"
	case BOOL:
		return "BOOL"
	case NULL:
		return "NULL"
	case M:
		return "M"
	case L:
		return "L"
	case SS:
		return "SS"
	case NS:
		return "NS"
	case BS:
		return "BS"
	}
	return "invalid"
}

// member is the kind of a set's members, and Invalid for what is no set.
func (k Kind) member() Kind {
	if k < SS || k > BS {
		return Invalid
	}
	return k - SS + S
}

// formatTag is the high half of the first byte of every value: version 1 of the format of
// docs/format/item.md.
const formatTag = 0x10

func (k Kind) tag() byte { return formatTag | byte(k) }

// Value is one value in canonical compact form: a tag byte, then the payload to the end of the slice. nil is
// no value (absent). A Value that was taken out of another aliases it.
type Value []byte

// Kind is the type of the value, Invalid for nil.
func (v Value) Kind() Kind {
	if len(v) == 0 || v[0] < S.tag() || v[0] > BS.tag() {
		return Invalid
	}
	return Kind(v[0] &^ formatTag)
}

// Text is the payload of an S (its UTF-8) or a B (its bytes), not copied. nil for other kinds.
func (v Value) Text() []byte {
	if k := v.Kind(); k != S && k != B {
		return nil
	}
	return v[1:]
}

// Bool is the truth of a BOOL, and false for other kinds.
func (v Value) Bool() bool { return v.Kind() == BOOL && len(v) == 2 && v[1] == 1 }

// Number is the number of an N, not copied. nil for other kinds.
func (v Value) Number() Number {
	if v.Kind() != N {
		return nil
	}
	return Number(v[1:])
}

// Item is the map of an M, not copied. nil for other kinds.
func (v Value) Item() Item {
	if v.Kind() != M {
		return nil
	}
	return Item(v)
}

// Len is the number of elements of an M, L, SS, NS or BS, and 0 for other kinds.
func (v Value) Len() int {
	if v.Kind() < M {
		return 0
	}
	n, _, _ := cutLength(v[1:])
	return n
}

// entries is what follows the count of an M, L or set.
func (v Value) entries() []byte {
	_, rest, _ := cutLength(v[1:])
	return rest
}

// Elements walks an L, SS, NS or BS in order, with the index of each element. Members of sets are given as S,
// N or B.
func (v Value) Elements() iter.Seq2[int, Value] {
	return func(yield func(int, Value) bool) {
		if v.Kind() < L {
			return
		}
		rest := v.entries()
		for i := 0; len(rest) > 0; i++ {
			var element []byte
			element, rest = cut(rest)
			if element == nil || !yield(i, element) {
				return
			}
		}
	}
}

// Index is element i of an L, counted from 0. nil when there is none. It costs a step for each element
// before.
func (v Value) Index(i int) Value {
	if v.Kind() != L || i < 0 || i >= v.Len() {
		return nil
	}
	rest := v.entries()
	for ; i > 0; i-- {
		_, rest = cut(rest)
	}
	element, _ := cut(rest)
	return element
}

// Contains says whether a set has the member, or a list an element that equals it.
func (v Value) Contains(member Value) bool {
	for _, element := range v.Elements() {
		if bytes.Equal(element, member) {
			return true
		}
	}
	return false
}

// At is what a document path leads to from v. nil when it leads nowhere.
func (v Value) At(path []Step) Value {
	for _, step := range path {
		if step.IsIndex {
			v = v.Index(step.Index)
		} else {
			v = v.Item().Get(step.Name)
		}
	}
	return v
}

// Clone is a copy that shares no memory with v. The clone of nil is nil.
func (v Value) Clone() Value { return bytes.Clone(v) }

// Equal says whether a and b are the same value in DynamoDB's sense: of one type, with equal numbers,
// elements, and members.
func Equal(a, b Value) bool { return bytes.Equal(a, b) }

// Compare orders two S by UTF-8 bytes, two N by number, two B by unsigned bytes: negative, 0 or positive. For
// any other pair the result is only a total order that agrees with Equal; callers look at the kinds first.
func Compare(a, b Value) int { return bytes.Compare(a, b) }

// cutLength reads the canonical length at the start of b: seven bits to a byte, low bits first, the top bit
// on all but the last. ok is false for what no writer writes.
func cutLength(b []byte) (n int, rest []byte, ok bool) {
	if len(b) > 0 && b[0] < 0x80 {
		return int(b[0]), b[1:], true
	}
	for i, c := range b {
		if i == maxLengthBytes {
			break
		}
		n |= int(c&0x7f) << (7 * i)
		if c < 0x80 {
			return n, b[i+1:], c != 0
		}
	}
	return 0, nil, false
}

// maxLengthBytes keeps every length below 2^28.
const maxLengthBytes = 4

// cut takes one length and that many bytes off b. Both results are nil when b holds less.
func cut(b []byte) (head, rest []byte) {
	n, rest, ok := cutLength(b)
	if !ok || n > len(rest) {
		return nil, nil
	}
	return rest[:n:n], rest[n:]
}
