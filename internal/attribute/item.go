package attribute

import (
	"bytes"
	"iter"
	"unsafe"
)

// Item is an attribute map in the same bytes as an M value: the tag of M, the number of entries, the entries
// in the order of their names. nil is no item (absent); an empty item is not nil.
type Item []byte

// Get is the value of the attribute, aliasing it. nil when there is none. It walks the entries and stops
// where the name would be.
func (it Item) Get(name string) Value {
	rest := it.entries()
	for len(rest) > 0 {
		entry, tail := cut(rest)
		value, next := cut(tail)
		if value == nil {
			return nil
		}
		if string(entry) >= name {
			if string(entry) == name {
				return value
			}
			return nil
		}
		rest = next
	}
	return nil
}

func (it Item) entries() []byte {
	if Value(it).Kind() != M {
		return nil
	}
	return Value(it).entries()
}

// Len is the number of attributes.
func (it Item) Len() int { return Value(it).Len() }

// All walks the attributes in the order of their names. Names and values alias it: copy (strings.Clone,
// Clone) what must outlive a buffer that is used again.
func (it Item) All() iter.Seq2[string, Value] {
	return func(yield func(string, Value) bool) {
		rest := it.entries()
		for len(rest) > 0 {
			name, tail := cut(rest)
			value, next := cut(tail)
			if value == nil || !yield(alias(name), value) {
				return
			}
			rest = next
		}
	}
}

// alias is b as a string without a copy. It is valid as long as nobody writes to b.
func alias(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// Clone is a copy that shares no memory with it. The clone of nil is nil.
func (it Item) Clone() Item { return bytes.Clone(it) }

// Value is the item as an M, the same bytes.
func (it Item) Value() Value { return Value(it) }
