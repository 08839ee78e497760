package attribute

import (
	"bytes"
	"math/bits"
	"slices"
)

// AppendString appends an S. s must be valid UTF-8.
func AppendString(dst []byte, s string) []byte { return append(append(dst, S.tag()), s...) }

// AppendBinary appends a B.
func AppendBinary(dst, b []byte) []byte { return append(append(dst, B.tag()), b...) }

// AppendNumber appends an N.
func AppendNumber(dst []byte, n Number) []byte { return append(append(dst, N.tag()), n...) }

// AppendBool appends a BOOL.
func AppendBool(dst []byte, b bool) []byte {
	if b {
		return append(dst, BOOL.tag(), 1)
	}
	return append(dst, BOOL.tag(), 0)
}

// AppendNull appends a NULL.
func AppendNull(dst []byte) []byte { return append(dst, NULL.tag()) }

// String makes an S. s must be valid UTF-8.
func String(s string) Value { return AppendString(make([]byte, 0, 1+len(s)), s) }

// Binary makes a B, copying b.
func Binary(b []byte) Value { return AppendBinary(make([]byte, 0, 1+len(b)), b) }

// FromNumber makes an N, copying n.
func FromNumber(n Number) Value { return AppendNumber(make([]byte, 0, 1+len(n)), n) }

// Bool makes a BOOL.
func Bool(b bool) Value { return AppendBool(nil, b) }

// Null makes a NULL.
func Null() Value { return AppendNull(nil) }

// NewList makes an L of the elements, copying them.
func NewList(elements ...Value) Value {
	out := appendLength([]byte{L.tag()}, len(elements))
	for _, element := range elements {
		out = appendSized(out, element)
	}
	return out
}

// NewSet makes a set of kind SS, NS or BS of the members, which may come in any order. The ValidationErrors
// are those of reading such a set. Members of another kind than the set's are an error too.
func NewSet(kind Kind, members ...Value) (Value, error) {
	out := []byte{kind.tag(), 0}
	entries := make([]entry, 0, len(members))
	for _, member := range members {
		if member.Kind() != kind.member() || kind.member() == Invalid {
			return nil, invalid(textManyTypes)
		}
		start := len(out)
		out = appendSized(out, member)
		entries = append(entries, entry{start, len(out) - len(member), len(out), len(out)})
	}
	return closeSet(out, 0, entries)
}

// Union is a set of the members of a and b, which are sets of one kind. nil when they are not.
func Union(a, b Value) Value { return combine(a, b, true) }

// Difference is the set of those members of a that b has not, nil when none is left: DynamoDB knows no empty
// sets.
func Difference(a, b Value) Value { return combine(a, b, false) }

// combine merges two sets. Members only in a are kept; members of b are kept too or taken away.
func combine(a, b Value, keep bool) Value {
	if a.Kind() != b.Kind() || a.Kind().member() == Invalid {
		return nil
	}
	out := []byte{a[0], 0}
	count := 0
	left, right := a.entries(), b.entries()
	for len(left)+len(right) > 0 {
		mine, restLeft := cut(left)
		other, restRight := cut(right)
		order := bytes.Compare(mine, other)
		if len(right) == 0 || len(left) > 0 && order < 0 {
			out = appendSized(out, mine)
			left = restLeft
			count = count + 1
			continue
		}
		right = restRight
		if len(left) > 0 && order == 0 {
			left = restLeft
		}
		if keep {
			out, count = appendSized(out, other), count+1
		}
	}
	if count == 0 {
		return nil
	}
	return closeLength(out, 1, count)
}

// appendLength appends n as cutLength reads it.
func appendLength(dst []byte, n int) []byte {
	for ; n >= 0x80; n >>= 7 {
		dst = append(dst, byte(n)|0x80)
	}
	return append(dst, byte(n))
}

func appendSized(dst, b []byte) []byte { return append(appendLength(dst, len(b)), b...) }

// closeLength writes n at the one byte that was left free for it at mark, and makes room when it needs more.
func closeLength(buf []byte, mark, n int) []byte {
	if n < 0x80 {
		buf[mark] = byte(n)
		return buf
	}
	more := (bits.Len(uint(n)) - 1) / 7
	buf = append(buf, 0, 0, 0, 0)
	buf = buf[:len(buf)-maxLengthBytes+more]
	copy(buf[mark+1+more:], buf[mark+1:])
	appendLength(buf[:mark], n)
	return buf
}

// entry is where one entry of a map or set lies in a buffer, and what it is ordered by: the name, or the
// member itself.
type entry struct{ start, key, keyEnd, end int }

// ordered says whether the last entry follows the one before it.
func ordered(buf []byte, entries []entry) bool {
	n := len(entries)
	if n < 2 {
		return true
	}
	a, b := entries[n-2], entries[n-1]
	return bytes.Compare(buf[a.key:a.keyEnd], buf[b.key:b.keyEnd]) < 0
}

// sortEntries orders entries by key and says whether two of them share one.
func sortEntries(buf []byte, entries []entry) (twice bool) {
	slices.SortFunc(entries, func(a, b entry) int {
		return bytes.Compare(buf[a.key:a.keyEnd], buf[b.key:b.keyEnd])
	})
	for i := 1; i < len(entries); i++ {
		if !ordered(buf, entries[:i+1]) {
			return true
		}
	}
	return false
}

// permute rewrites the end of buf, from start, so that the entries lie in the order given.
func permute(buf []byte, start int, entries []entry) []byte {
	var room [2048]byte // most items fit, and need no memory for it
	before := append(room[:0], buf[start:]...)
	at := start
	for _, e := range entries {
		at += copy(buf[at:], before[e.start-start:e.end-start])
	}
	return buf
}

// closeSet finishes the set whose tag is at start in buf, followed by a free byte for the count and the
// members as they came.
func closeSet(buf []byte, start int, entries []entry) ([]byte, error) {
	kind := Value(buf[start:]).Kind()
	if len(entries) == 0 {
		return buf, emptySet(kind)
	}
	for i := range entries {
		if ordered(buf, entries[:i+1]) {
			continue
		}
		if sortEntries(buf, entries) {
			return buf, duplicates(Value(buf[start:]))
		}
		buf = permute(buf, start+2, entries)
		break
	}
	return closeLength(buf, start+1, len(entries)), nil
}

func emptySet(kind Kind) error {
	switch kind {
	case SS:
		return invalid(textEmptySS)
	case NS:
		return invalid(textEmptyNS)
	}
	return invalid(textEmptyBS)
}

// duplicates is DynamoDB's error for a set, in the order of the request, which differs between the three
// kinds.
func duplicates(set Value) error {
	if set.Kind() == NS {
		return invalid(textDuplicateNS)
	}
	text := []byte(invalidParameter + "Input collection [")
	for i, member := range set.Elements() {
		if i > 0 {
			text = append(text, ", "...)
		}
		if set.Kind() == BS {
			text = strictBase64.AppendEncode(text, member.Text())
		} else {
			text = append(text, member.Text()...)
		}
	}
	if set.Kind() == BS {
		return invalid(string(append(text, "]of type BS contains duplicates."...)))
	}
	return invalid(string(append(text, "] contains duplicates."...)))
}
