package document

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// AppendJSON appends the tree as compact JSON, maps in the order of the text. An Unknown is written as null.
func (n *Node) AppendJSON(dst []byte) []byte { return n.appendJSON(dst, false) }

// AppendSortedJSON appends the tree as compact JSON, the keys of maps sorted: equal trees give equal bytes.
func (n *Node) AppendSortedJSON(dst []byte) []byte { return n.appendJSON(dst, true) }

// MarshalJSON returns the tree as compact JSON; it never fails.
func (n *Node) MarshalJSON() ([]byte, error) { return n.AppendJSON(nil), nil }

func (n *Node) appendJSON(dst []byte, sorted bool) []byte {
	switch n.Kind {
	case Bool:
		return append(dst, n.Text...)
	case Number:
		return append(dst, jsonNumber(n.Text)...)
	case String:
		return appendQuoted(dst, n.Text)
	case List:
		return n.appendList(dst, sorted)
	case Map:
		return n.appendMap(dst, sorted)
	}
	return append(dst, "null"...)
}

func (n *Node) appendList(dst []byte, sorted bool) []byte {
	dst = append(dst, '[')
	for i, item := range n.Items {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = item.appendJSON(dst, sorted)
	}
	return append(dst, ']')
}

func (n *Node) appendMap(dst []byte, sorted bool) []byte {
	entries := n.Entries
	if sorted {
		entries = slices.Clone(entries)
		slices.SortFunc(entries, func(a, b Entry) int { return strings.Compare(a.Key, b.Key) })
	}
	dst = append(dst, '{')
	for i, e := range entries {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendQuoted(dst, e.Key), ':')
		dst = e.Value.appendJSON(dst, sorted)
	}
	return append(dst, '}')
}

const hex = "0123456789abcdef"

// appendQuoted escapes what RFC 8259 requires and nothing else.
func appendQuoted(dst []byte, s string) []byte {
	dst = append(dst, '"')
	start := 0
	for i := range len(s) {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		dst = append(dst, s[start:i]...)
		start = i + 1
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
	}
	return append(append(dst, s[start:]...), '"')
}

// jsonNumber returns a number as JSON writes it, for those ways of YAML that JSON lacks: 0x1F, 017, 1_000, +5
// and .5.
func jsonNumber(text string) string {
	if json.Valid([]byte(text)) {
		return text
	}
	plain := strings.ReplaceAll(strings.TrimPrefix(text, "+"), "_", "")
	if i, err := strconv.ParseInt(plain, 0, 64); err == nil {
		return strconv.FormatInt(i, 10)
	}
	if f, err := strconv.ParseFloat(plain, 64); err == nil {
		if out, err := json.Marshal(f); err == nil {
			return string(out)
		}
	}
	return string(appendQuoted(nil, text))
}
