package strictjson

import (
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// MaxDepth is how deep objects and arrays may nest. DynamoDB allows 32 levels of attribute nesting, each of
// which takes two levels of JSON ({"M":{"a":…}}), below a few levels of the request itself.
const MaxDepth = 128

// Kind is what the next value is, named by the first byte of its JSON text.
type Kind byte

// The kinds of value. None stands for the end of the input and for a byte that starts no value.
const (
	None   Kind = 0
	Null   Kind = 'n'
	True   Kind = 't'
	False  Kind = 'f'
	String Kind = '"'
	Number Kind = '0'
	Object Kind = '{'
	Array  Kind = '['
)

// SyntaxError says that the bytes are not JSON. Offset is in bytes from the start of the document.
type SyntaxError struct {
	Offset int
	Reason string
}

func (e *SyntaxError) Error() string {
	return "malformed JSON at byte " + strconv.Itoa(e.Offset) + ": " + e.Reason
}

// TypeError says that a well-formed value is not of the type that the reader of the document asked for.
type TypeError struct {
	Offset int
	Found  Kind
	// Text is the literal of a number, so that a message can tell an integer from a decimal. Empty for other
	// kinds.
	Text string
	// Want is the type asked for, in the words of the service: String, Integer, Long, Boolean, Double, Map,
	// Structure, List, Blob.
	Want string
}

func (e *TypeError) Error() string {
	return fmt.Sprintf("byte %d: found %c where a %s was expected", e.Offset, e.Found, e.Want)
}

// Wanted gives a TypeError another type that was asked for: what is written as a string may stand for
// something else. Other errors pass as they are.
func Wanted(err error, want string) error {
	if wrong := (*TypeError)(nil); errors.As(err, &wrong) {
		return &TypeError{Offset: wrong.Offset, Found: wrong.Found, Text: wrong.Text, Want: want}
	}
	return err
}

// Reader reads one document. The zero value reads the empty document; Reset gives it another. A Reader is not
// safe for concurrent use.
type Reader struct {
	data    []byte
	pos     int
	depth   int
	fresh   bool // an object or array was just opened: no comma is due
	scratch []byte
}

// NewReader returns a Reader at the start of data. The Reader keeps data and never writes to it.
func NewReader(data []byte) *Reader { return &Reader{data: data} }

// Reset starts over with another document and keeps the scratch memory.
func (r *Reader) Reset(data []byte) {
	*r = Reader{data: data, scratch: r.scratch[:0]}
}

// Offset is the number of bytes read so far.
func (r *Reader) Offset() int { return r.pos }

// Depth is the number of objects and arrays that are open.
func (r *Reader) Depth() int { return r.depth }

func (r *Reader) syntax(reason string) error {
	return &SyntaxError{Offset: r.pos, Reason: reason}
}

func (r *Reader) wrongType(want string) error {
	kind := r.Kind()
	if kind == None {
		return r.syntax("a value is missing")
	}
	err := &TypeError{Offset: r.pos, Found: kind, Want: want}
	if kind == Number {
		literal, numberErr := r.number()
		if numberErr != nil {
			return numberErr
		}
		err.Text = string(literal)
	}
	return err
}

func (r *Reader) skipSpace() {
	for r.pos < len(r.data) {
		switch r.data[r.pos] {
		case ' ', '\t', '\n', '\r':
			r.pos++
		default:
			return
		}
	}
}

// Kind says what the next value is without reading it.
func (r *Reader) Kind() Kind {
	r.skipSpace()
	if r.pos >= len(r.data) {
		return None
	}
	switch c := r.data[r.pos]; c {
	case 'n', 't', 'f', '"', '{', '[':
		return Kind(c)
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		return Number
	}
	return None
}

// End returns an error unless only white space is left.
func (r *Reader) End() error {
	r.skipSpace()
	if r.pos < len(r.data) {
		return r.syntax("something follows the value")
	}
	return nil
}

func (r *Reader) literal(word string) error {
	if len(r.data)-r.pos < len(word) || string(r.data[r.pos:r.pos+len(word)]) != word {
		return r.syntax("expected " + word)
	}
	r.pos += len(word)
	return nil
}

// SkipNull reads the value if it is null and says whether it was.
func (r *Reader) SkipNull() (bool, error) {
	if r.Kind() != Null {
		return false, nil
	}
	return true, r.literal("null")
}

// ReadBool reads true or false.
func (r *Reader) ReadBool() (bool, error) {
	switch r.Kind() {
	case True:
		return true, r.literal("true")
	case False:
		return false, r.literal("false")
	}
	return false, r.wrongType("Boolean")
}

// ReadNumber reads a number and returns its literal, which lies in the document.
func (r *Reader) ReadNumber(want string) ([]byte, error) {
	if r.Kind() != Number {
		return nil, r.wrongType(want)
	}
	return r.number()
}

// number follows the grammar of RFC 8259 section 6.
func (r *Reader) number() ([]byte, error) {
	start := r.pos
	if r.data[r.pos] == '-' {
		r.pos++
	}
	switch {
	case r.peek() == '0':
		r.pos++
	case !r.digits():
		return nil, r.syntax("a number needs a digit")
	}
	if r.peek() == '.' {
		r.pos++
		if !r.digits() {
			return nil, r.syntax("a fraction needs a digit")
		}
	}
	if c := r.peek(); c == 'e' || c == 'E' {
		r.pos++
		if c := r.peek(); c == '+' || c == '-' {
			r.pos++
		}
		if !r.digits() {
			return nil, r.syntax("an exponent needs a digit")
		}
	}
	return r.data[start:r.pos], nil
}

func (r *Reader) peek() byte {
	if r.pos < len(r.data) {
		return r.data[r.pos]
	}
	return 0
}

func (r *Reader) digits() bool {
	start := r.pos
	for c := r.peek(); c >= '0' && c <= '9'; c = r.peek() {
		r.pos++
	}
	return r.pos > start
}

// ReadInt reads a whole number that fits in bits bits. A number with a fraction or exponent is a TypeError.
func (r *Reader) ReadInt(bits int) (int64, error) {
	want := "Integer"
	if bits > 32 {
		want = "Long"
	}
	r.skipSpace()
	offset := r.pos
	literal, err := r.ReadNumber(want)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(string(literal), 10, bits)
	if err != nil {
		return 0, &TypeError{Offset: offset, Found: Number, Text: string(literal), Want: want}
	}
	return n, nil
}

// ReadFloat reads a number as a float64. A number out of range is a TypeError.
func (r *Reader) ReadFloat() (float64, error) {
	r.skipSpace()
	offset := r.pos
	literal, err := r.ReadNumber("Double")
	if err != nil {
		return 0, err
	}
	f, err := strconv.ParseFloat(string(literal), 64)
	if err != nil {
		return 0, &TypeError{Offset: offset, Found: Number, Text: string(literal), Want: "Double"}
	}
	return f, nil
}

// ReadString reads a string and returns its value. The bytes lie in the document, or, if it held an escape,
// in memory of the Reader that the next ReadString or NextName overwrites: copy what must live longer.
func (r *Reader) ReadString() ([]byte, error) {
	if r.Kind() != String {
		return nil, r.wrongType("String")
	}
	return r.text()
}

func (r *Reader) text() ([]byte, error) {
	r.pos++
	rest := r.data[r.pos:]
	n, high := plain(rest)
	if n < len(rest) && rest[n] == '"' {
		r.pos += n + 1
		return r.checked(rest[:n], high)
	}
	return r.escaped(rest, n, high)
}

func (r *Reader) checked(s []byte, high byte) ([]byte, error) {
	if high >= utf8.RuneSelf && !utf8.Valid(s) {
		return nil, r.syntax("a string is not valid UTF-8")
	}
	return s, nil
}

// escaped goes on with a string of which the first n bytes of rest, at r.pos, are plain.
func (r *Reader) escaped(rest []byte, n int, high byte) ([]byte, error) {
	out := r.scratch[:0]
	for n < len(rest) {
		out = append(out, rest[:n]...)
		r.pos += n
		switch rest[n] {
		case '"':
			r.pos++
			r.scratch = out
			return r.checked(out, high)
		case '\\':
			var err error
			if out, err = r.escape(out); err != nil {
				return nil, err
			}
		default:
			return nil, r.syntax("a control character must be escaped")
		}
		rest = r.data[r.pos:]
		more := byte(0)
		n, more = plain(rest)
		high |= more
	}
	r.pos = len(r.data)
	return nil, r.syntax("a string does not end")
}

func (r *Reader) escape(out []byte) ([]byte, error) {
	if r.pos+1 >= len(r.data) {
		return nil, r.syntax("a string does not end")
	}
	c := r.data[r.pos+1]
	switch c {
	case '"', '\\', '/':
		out = append(out, c)
	case 'b':
		out = append(out, '\b')
	case 'f':
		out = append(out, '\f')
	case 'n':
		out = append(out, '\n')
	case 'r':
		out = append(out, '\r')
	case 't':
		out = append(out, '\t')
	case 'u':
		return r.unicodeEscape(out)
	default:
		return nil, r.syntax("an unknown escape")
	}
	r.pos += 2
	return out, nil
}

func (r *Reader) unicodeEscape(out []byte) ([]byte, error) {
	first, ok := r.hex4(r.pos)
	if !ok {
		return nil, r.syntax("an escape needs four hexadecimal digits")
	}
	if first < 0xD800 || first > 0xDFFF {
		r.pos += 6
		return utf8.AppendRune(out, first), nil
	}
	second, ok := r.hex4(r.pos + 6)
	if first > 0xDBFF || !ok || second < 0xDC00 || second > 0xDFFF {
		return nil, r.syntax("a surrogate has no partner")
	}
	r.pos += 12
	return utf8.AppendRune(out, (first-0xD800)<<10+(second-0xDC00)+0x10000), nil
}

// hex4 reads the \uXXXX at offset at.
func (r *Reader) hex4(at int) (rune, bool) {
	if at+6 > len(r.data) || r.data[at] != '\\' || r.data[at+1] != 'u' {
		return 0, false
	}
	var v rune
	for _, c := range r.data[at+2 : at+6] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		v = v<<4 | rune(c)
	}
	return v, true
}

func (r *Reader) open(kind Kind, want string) error {
	if r.Kind() != kind {
		return r.wrongType(want)
	}
	if r.depth == MaxDepth {
		return r.syntax("nested too deep")
	}
	r.pos++
	r.depth++
	r.fresh = true
	return nil
}

// BeginObject enters an object; NextName then walks its members.
func (r *Reader) BeginObject() error { return r.open(Object, "Map") }

// BeginStructure is BeginObject for a structure of the service's model, which the errors of a wrong type tell
// from a map.
func (r *Reader) BeginStructure() error { return r.open(Object, "Structure") }

// BeginArray enters an array; NextElement then walks it.
func (r *Reader) BeginArray() error { return r.open(Array, "List") }

// next says whether another entry follows in the open object or array, and leaves it when none does.
func (r *Reader) next(closing byte) (bool, error) {
	r.skipSpace()
	c := r.peek()
	fresh := r.fresh
	r.fresh = false
	if c == closing {
		r.pos++
		r.depth--
		return false, nil
	}
	if fresh {
		return true, nil
	}
	if c != ',' {
		return false, r.syntax("expected a comma or the end of the object or array")
	}
	r.pos++
	r.skipSpace()
	if r.peek() == closing {
		return false, r.syntax("nothing follows the comma")
	}
	return true, nil
}

// NextName reads the next member's name and leaves the Reader at its value, which the caller must read. ok is
// false at the object's end. The name lives as long as the result of ReadString. Duplicates are the caller's
// to refuse.
func (r *Reader) NextName() (name []byte, ok bool, err error) {
	if ok, err = r.next('}'); !ok || err != nil {
		return nil, false, err
	}
	r.skipSpace()
	if r.peek() != '"' {
		return nil, false, r.syntax("expected a member name")
	}
	if name, err = r.text(); err != nil {
		return nil, false, err
	}
	r.skipSpace()
	if r.peek() != ':' {
		return nil, false, r.syntax("expected a colon")
	}
	r.pos++
	return name, true, nil
}

// NextElement says whether an array has another element, which the caller must then read.
func (r *Reader) NextElement() (bool, error) { return r.next(']') }

// ReadRaw reads any value and returns its text, which lies in the document.
func (r *Reader) ReadRaw() ([]byte, error) {
	r.skipSpace()
	start := r.pos
	if err := r.skip(); err != nil {
		return nil, err
	}
	return r.data[start:r.pos], nil
}

func (r *Reader) skip() error {
	var err error
	switch r.Kind() {
	case Null:
		_, err = r.SkipNull()
	case True, False:
		_, err = r.ReadBool()
	case Number:
		_, err = r.number()
	case String:
		_, err = r.text()
	case Object:
		err = r.skipObject()
	case Array:
		err = r.skipArray()
	default:
		err = r.syntax("a value is missing")
	}
	return err
}

func (r *Reader) skipObject() error {
	if err := r.BeginObject(); err != nil {
		return err
	}
	for {
		if _, ok, err := r.NextName(); !ok || err != nil {
			return err
		}
		if err := r.skip(); err != nil {
			return err
		}
	}
}

func (r *Reader) skipArray() error {
	if err := r.BeginArray(); err != nil {
		return err
	}
	for {
		if ok, err := r.NextElement(); !ok || err != nil {
			return err
		}
		if err := r.skip(); err != nil {
			return err
		}
	}
}
