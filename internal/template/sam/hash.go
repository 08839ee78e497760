package sam

import (
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"

	"github.com/sealtable/sealtable/internal/template/document"
)

// digest returns the ten hexadecimal digits that the translator appends to logical ids: the beginning of the
// SHA-1 of the value as JSON with sorted keys, no blanks, and nothing but ASCII. SHA-1 names things here; it
// protects nothing.
func digest(n *node) string {
	return digestText(string(appendASCII(nil, n)))
}

// digestText is the digest of a text alone, which is hashed as it is.
func digestText(text string) string {
	sum := sha1.Sum([]byte(text))
	return hex.EncodeToString(sum[:])[:10]
}

func appendASCII(dst []byte, n *node) []byte {
	switch n.Kind {
	case document.String:
		return appendASCIIString(dst, n.Text)
	case document.Number:
		return append(dst, pythonNumber(n)...)
	case document.List:
		dst = append(dst, '[')
		for i, item := range n.Items {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendASCII(dst, item)
		}
		return append(dst, ']')
	case document.Map:
		entries := slices.Clone(n.Entries)
		slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.Key, b.Key) })
		dst = append(dst, '{')
		for i, e := range entries {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(appendASCIIString(dst, e.Key), ':')
			dst = appendASCII(dst, e.Value)
		}
		return append(dst, '}')
	}
	return n.AppendJSON(dst)
}

// appendASCIIString escapes everything that is not ASCII, beyond the basic plane as two surrogates.
func appendASCIIString(dst []byte, s string) []byte {
	for _, r := range string(document.NewString(s).AppendJSON(nil)) {
		switch {
		case r < 0x7f:
			dst = append(dst, byte(r))
		case r == 0x7f:
			dst = append(dst, 0x7f)
		case r < 0x10000:
			dst = fmt.Appendf(dst, `\u%04x`, r)
		default:
			high, low := utf16.EncodeRune(r)
			dst = fmt.Appendf(dst, `\u%04x\u%04x`, high, low)
		}
	}
	return dst
}

// pythonNumber writes a number as Python's json does: 1e3 is 1000.0.
func pythonNumber(n *node) string {
	text := string(n.AppendJSON(nil))
	if !strings.ContainsAny(text, ".eE") {
		return text
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return text
	}
	if f == math.Trunc(f) && math.Abs(f) < 1e16 {
		return strconv.FormatFloat(f, 'f', 1, 64)
	}
	if math.Abs(f) >= 1e-4 && math.Abs(f) < 1e16 {
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	return strconv.FormatFloat(f, 'e', -1, 64)
}

// repr returns a value as Python prints it.
func repr(n *node) string {
	switch {
	case n.Is(document.String):
		if strings.Contains(n.Text, "'") && !strings.Contains(n.Text, `"`) {
			return `"` + n.Text + `"`
		}
		return "'" + strings.ReplaceAll(n.Text, "'", `\'`) + "'"
	case n.Is(document.Bool) && n.Text == "true":
		return "True"
	case n.Is(document.Bool):
		return "False"
	case n.Is(document.Number):
		return pythonNumber(n)
	case n.Is(document.List):
		var items []string
		for _, item := range n.Items {
			items = append(items, repr(item))
		}
		return "[" + strings.Join(items, ", ") + "]"
	case n.Is(document.Map):
		var members []string
		for _, e := range n.Entries {
			members = append(members, repr(document.NewString(e.Key))+": "+repr(e.Value))
		}
		return "{" + strings.Join(members, ", ") + "}"
	}
	return "None"
}

// printed returns a value as Python's str prints it: text without quotes.
func printed(n *node) string {
	if n.Is(document.String) {
		return n.Text
	}
	return repr(n)
}
