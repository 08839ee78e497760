package document

import (
	"encoding/json"
	"fmt"
	"unicode/utf8"
)

// jsonReader reads RFC 8259 with the place of every value. encoding/json gives no places, and takes the rest
// of the text for granted.
type jsonReader struct {
	doc  *Document
	text []byte
	at   int
	// The place of text[mark], so that places are found by going forward only.
	mark, line, column int
	depth              int
}

// notWellFormed is thrown inside the reader alone and caught by parseJSON.
type notWellFormed struct{ err *Error }

func (d *Document) parseJSON(body []byte) (err error) {
	r := &jsonReader{doc: d, text: body, line: 1, column: 1}
	defer func() {
		if caught := recover(); caught != nil {
			bad, ours := caught.(notWellFormed)
			if !ours {
				panic(caught)
			}
			err = bad.err
		}
	}()
	d.Root = r.value()
	r.space()
	if r.at < len(r.text) {
		r.fail()
	}
	return nil
}

func (r *jsonReader) fail() {
	at := r.place()
	message := fmt.Sprintf("Template format error: JSON not well-formed. (%s)", at)
	panic(notWellFormed{Refuse(at, message)})
}

// place returns the place of the next byte.
func (r *jsonReader) place() Position {
	for r.mark < r.at {
		c := r.text[r.mark]
		r.mark++
		if c == '\n' {
			r.line, r.column = r.line+1, 1
		} else if utf8.RuneStart(c) {
			r.column++
		}
	}
	return Position{r.line, r.column}
}

func (r *jsonReader) space() {
	for r.at < len(r.text) {
		switch r.text[r.at] {
		case ' ', '\t', '\r', '\n':
			r.at++
		default:
			return
		}
	}
}

// peek returns the next byte that is no blank; at the end it fails.
func (r *jsonReader) peek() byte {
	r.space()
	if r.at >= len(r.text) {
		r.fail()
	}
	return r.text[r.at]
}

func (r *jsonReader) take(c byte) {
	if r.peek() != c {
		r.fail()
	}
	r.at++
}

func (r *jsonReader) value() *Node {
	c := r.peek()
	n := &Node{Pos: r.place()}
	switch {
	case c == '{':
		r.object(n)
	case c == '[':
		r.array(n)
	case c == '"':
		n.Kind, n.Text = String, r.str()
	case c == '-' || c >= '0' && c <= '9':
		n.Kind, n.Text = Number, r.number()
	default:
		r.word(n)
	}
	return n
}

func (r *jsonReader) open() {
	r.at++
	r.depth++
	if r.depth > MaxDepth {
		at := r.place()
		panic(notWellFormed{tooDeep(at)})
	}
}

func tooDeep(at Position) *Error {
	return Refuse(at, fmt.Sprintf("Template format error: nested deeper than %d levels. (%s)", MaxDepth, at))
}

func (r *jsonReader) object(n *Node) {
	n.Kind = Map
	r.open()
	var index entryIndex
	for r.peek() != '}' {
		if len(n.Entries) > 0 {
			r.take(',')
		}
		if r.peek() != '"' {
			r.fail()
		}
		at := r.place()
		key := r.str()
		r.take(':')
		if index.put(n, Entry{Key: key, Value: r.value(), Pos: at}) {
			r.doc.warnDuplicate(key, at)
		}
	}
	r.at++
	r.depth--
}

func (r *jsonReader) array(n *Node) {
	n.Kind = List
	r.open()
	for r.peek() != ']' {
		if len(n.Items) > 0 {
			r.take(',')
		}
		n.Items = append(n.Items, r.value())
	}
	r.at++
	r.depth--
}

func (r *jsonReader) word(n *Node) {
	for word, kind := range map[string]Kind{"true": Bool, "false": Bool, "null": Null} {
		if end := r.at + len(word); end <= len(r.text) && string(r.text[r.at:end]) == word {
			n.Kind, n.Text = kind, word
			r.at = end
			return
		}
	}
	r.fail()
}

// number reads -?(0|[1-9][0-9]*)(.[0-9]+)?([eE][-+]?[0-9]+)?
func (r *jsonReader) number() string {
	start := r.at
	r.accept("-")
	if !r.accept("0") {
		r.digits()
	}
	if r.accept(".") {
		r.digits()
	}
	if r.accept("eE") {
		r.accept("-+")
		r.digits()
	}
	return string(r.text[start:r.at])
}

func (r *jsonReader) accept(any string) bool {
	for i := range len(any) {
		if r.at < len(r.text) && r.text[r.at] == any[i] {
			r.at++
			return true
		}
	}
	return false
}

func (r *jsonReader) digits() {
	start := r.at
	for r.at < len(r.text) && r.text[r.at] >= '0' && r.text[r.at] <= '9' {
		r.at++
	}
	if r.at == start {
		r.fail()
	}
}

// str reads a string. One with escapes is left to encoding/json, once its end is found.
func (r *jsonReader) str() string {
	start := r.at
	escaped := false
	for r.at++; r.at < len(r.text) && r.text[r.at] != '"'; r.at++ {
		switch c := r.text[r.at]; {
		case c == '\\':
			escaped = true
			r.at++
		case c < ' ':
			r.fail()
		}
	}
	if r.at >= len(r.text) {
		r.at = len(r.text)
		r.fail()
	}
	r.at++
	raw := r.text[start:r.at]
	if !escaped && utf8.Valid(raw) {
		return string(raw[1 : len(raw)-1])
	}
	var text string
	if err := json.Unmarshal(raw, &text); err != nil || !utf8.Valid(raw) {
		r.at = start
		r.fail()
	}
	return text
}
