package attribute

import "slices"

// Builder makes an item, or a map, of attributes given in any order. The zero Builder is empty and ready. It
// keeps the values that it was given and copies them into the item.
type Builder struct{ fields []field }

type field struct {
	name  string
	value Value
}

func (b *Builder) find(name string) (int, bool) {
	return slices.BinarySearchFunc(b.fields, name, func(f field, name string) int {
		switch {
		case f.name < name:
			return -1
		case f.name > name:
			return 1
		}
		return 0
	})
}

// Set gives the attribute a value, in place of one it had. nil takes the attribute away.
func (b *Builder) Set(name string, v Value) {
	if v == nil {
		b.Remove(name)
		return
	}
	i, found := b.find(name)
	if found {
		b.fields[i].value = v
		return
	}
	b.fields = slices.Insert(b.fields, i, field{name, v})
}

// Get is the value that was set. nil when there is none.
func (b *Builder) Get(name string) Value {
	if i, found := b.find(name); found {
		return b.fields[i].value
	}
	return nil
}

// Remove takes the attribute away if it is there.
func (b *Builder) Remove(name string) {
	if i, found := b.find(name); found {
		b.fields = slices.Delete(b.fields, i, i+1)
	}
}

// Item is the item of what was set, in memory of its own.
func (b *Builder) Item() Item {
	size := 1 + maxLengthBytes
	for _, f := range b.fields {
		size += len(f.name) + len(f.value) + 2*maxLengthBytes
	}
	return b.AppendItem(make([]byte, 0, size))
}

// AppendItem appends the item of what was set.
func (b *Builder) AppendItem(dst []byte) []byte {
	dst = appendLength(append(dst, M.tag()), len(b.fields))
	for _, f := range b.fields {
		dst = append(appendLength(dst, len(f.name)), f.name...)
		dst = appendSized(dst, f.value)
	}
	return dst
}
