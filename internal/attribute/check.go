package attribute

import (
	"bytes"
	"fmt"
	"unicode/utf8"
)

// CheckItem says whether b is exactly one canonical item, so that every accessor gives a meaningful answer.
// It wraps ErrCorrupt.
func CheckItem(b []byte) error {
	if Value(b).Kind() != M {
		return corrupt("no item of format 1")
	}
	return check(b, 0)
}

func corrupt(reason string) error { return fmt.Errorf("%w: %s", ErrCorrupt, reason) }

// check checks v, which lies in depth maps and lists.
func check(v Value, depth int) error {
	switch v.Kind() {
	case Invalid:
		return corrupt("unknown tag")
	case S:
		if !utf8.Valid(v.Text()) {
			return corrupt("string is not UTF-8")
		}
	case N:
		if !v.Number().canonical() {
			return corrupt("number is not canonical")
		}
	case BOOL:
		if len(v) != 2 || v[1] > 1 {
			return corrupt("boolean is neither 0 nor 1")
		}
	case NULL:
		if len(v) != 1 {
			return corrupt("null has a payload")
		}
	case M:
		return checkMap(v, depth+1)
	case L, SS, NS, BS:
		return checkArray(v, depth+1)
	}
	return nil
}

func checkMap(v Value, depth int) error {
	count, rest, ok := cutLength(v[1:])
	if !ok || depth > MaxNesting {
		return corrupt("map has no count or is nested too deep")
	}
	for before := []byte(nil); count > 0; count-- {
		name, tail := cut(rest)
		value, next := cut(tail)
		if value == nil || len(name) > maxNameLength || !utf8.Valid(name) {
			return corrupt("map entry is cut or its name is not allowed")
		}
		if before != nil && bytes.Compare(before, name) >= 0 {
			return corrupt("map entries are out of order")
		}
		if err := check(value, depth); err != nil {
			return err
		}
		before, rest = name, next
	}
	if len(rest) > 0 {
		return corrupt("something follows a map")
	}
	return nil
}

// checkArray checks an L or a set.
func checkArray(v Value, depth int) error {
	count, rest, ok := cutLength(v[1:])
	member := v.Kind().member()
	if !ok || depth > MaxNesting && member == Invalid || count == 0 && member != Invalid {
		return corrupt("list or set has no count, no members or is nested too deep")
	}
	for before := []byte(nil); count > 0; count-- {
		element, tail := cut(rest)
		if element == nil || member != Invalid && Value(element).Kind() != member {
			return corrupt("element is cut or of the wrong type")
		}
		if member != Invalid && before != nil && bytes.Compare(before, element) >= 0 {
			return corrupt("set members are out of order")
		}
		if err := check(element, depth); err != nil {
			return err
		}
		before, rest = element, tail
	}
	if len(rest) > 0 {
		return corrupt("something follows a list or set")
	}
	return nil
}
