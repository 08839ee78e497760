package policy

import (
	"strings"
	"unicode/utf8"
)

// wildcard is a pattern in which * stands for any characters and ? for one, compiled into the pieces between
// the stars.
type wildcard struct {
	text   string
	pieces []string // nil when the pattern has no special byte
}

func compileWildcard(text string) wildcard {
	if !hasSpecial(text) {
		return wildcard{text: text}
	}
	return wildcard{text: text, pieces: strings.Split(text, "*")}
}

// Stars and question marks that come from ${*}, ${?} or from the value of a variable must not act as
// wildcards. In patterns these bytes, which no valid UTF-8 text holds, stand for them.
const (
	literalStar     = 0xfe
	literalQuestion = 0xff
)

// hasSpecial says whether a pattern holds a wildcard, or one of the bytes that stand for a literal star or
// question mark.
func hasSpecial(s string) bool {
	for i := range len(s) {
		switch s[i] {
		case '*', '?', literalStar, literalQuestion:
			return true
		}
	}
	return false
}

// match says whether all of s fits. The first piece is anchored at the start, the last at the end, and each
// piece between takes the leftmost place where it fits, which leaves the most for those behind it: no way
// needs to be tried twice.
func (w *wildcard) match(s string, foldCase bool) bool {
	if w.pieces == nil {
		return len(s) == len(w.text) && fitsStart(s, w.text, foldCase) == len(s)
	}
	first, last := w.pieces[0], w.pieces[len(w.pieces)-1]
	at := fitsStart(s, first, foldCase)
	if at < 0 || len(w.pieces) == 1 {
		return at == len(s)
	}
	s = s[at:]
	at = fitsEnd(s, last, foldCase)
	if at < 0 {
		return false
	}
	s = s[:at]
	for _, piece := range w.pieces[1 : len(w.pieces)-1] {
		at = beyondPiece(s, piece, foldCase)
		if at < 0 {
			return false
		}
		s = s[at:]
	}
	return true
}

// beyondPiece finds the leftmost place where a piece fits, and gives the offset behind it, or -1.
func beyondPiece(s, piece string, foldCase bool) int {
	if !foldCase && !hasSpecial(piece) {
		if at := strings.Index(s, piece); at >= 0 {
			return at + len(piece)
		}
		return -1
	}
	for at := 0; ; {
		if n := fitsStart(s[at:], piece, foldCase); n >= 0 {
			return at + n
		}
		if at == len(s) {
			return -1
		}
		_, width := utf8.DecodeRuneInString(s[at:])
		at += width
	}
}

// fitsStart says how many bytes at the start of s a pattern without stars takes, or -1 if it does not fit; ?
// takes one character.
func fitsStart(s, pattern string, foldCase bool) int {
	at := 0
	for i := range len(pattern) {
		if at == len(s) {
			return -1
		}
		if pattern[i] == '?' {
			_, width := utf8.DecodeRuneInString(s[at:])
			at += width
			continue
		}
		if !same(s[at], pattern[i], foldCase) {
			return -1
		}
		at++
	}
	return at
}

// fitsEnd says at which offset a pattern without stars that takes the end of s begins, or -1 if it does not
// fit.
func fitsEnd(s, pattern string, foldCase bool) int {
	at := len(s)
	for i := len(pattern) - 1; i >= 0; i-- {
		if at == 0 {
			return -1
		}
		if pattern[i] == '?' {
			_, width := utf8.DecodeLastRuneInString(s[:at])
			at -= width
			continue
		}
		if !same(s[at-1], pattern[i], foldCase) {
			return -1
		}
		at--
	}
	return at
}

// same compares a byte with one of a pattern.
func same(a, pattern byte, foldCase bool) bool {
	switch pattern {
	case literalStar:
		return a == '*'
	case literalQuestion:
		return a == '?'
	}
	return a == pattern || foldCase && lower(a) == lower(pattern)
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// glob is a wildcard that may hold policy variables.
type glob struct {
	fixed     wildcard
	variables template // set instead of fixed when there are any
}

func compileGlob(text string, variables bool) glob {
	if t, ok := compileTemplate(text, variables); ok {
		return glob{variables: t}
	}
	return glob{fixed: compileWildcard(text)}
}

// match says whether all of s fits. resolved is false when a variable has no value; then nothing fits.
func (g *glob) match(s string, r *Request) (fits, resolved bool) {
	if g.variables == nil {
		return g.fixed.match(s, false), true
	}
	text, ok := g.variables.pattern(r)
	if !ok {
		return false, false
	}
	w := compileWildcard(text)
	return w.match(s, false), true
}
