package policy

import (
	"strings"

	"github.com/sealtable/sealtable/internal/arn"
)

// wildcard is a pattern in which * stands for any characters and ? for one, compiled into the pieces between the stars.
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

// hasSpecial says whether a pattern holds a wildcard, or one of the bytes that stand for a literal star or question mark.
func hasSpecial(s string) bool {
	for i := range len(s) {
		switch s[i] {
		case '*', '?', literalStar, literalQuestion:
			return true
		}
	}
	return false
}

// match says whether all of s fits. The first piece is anchored at the start, the last at the end, and each piece between takes
// the leftmost place where it fits, which leaves the most for those behind it: no way needs to be tried twice.
func (w *wildcard) match(s string, foldCase bool) bool {
	if w.pieces == nil {
		return len(s) == len(w.text) && fits(s, w.text, foldCase)
	}
	first, last := w.pieces[0], w.pieces[len(w.pieces)-1]
	if len(w.pieces) == 1 {
		return len(s) == len(first) && fits(s, first, foldCase)
	}
	if len(s) < len(first)+len(last) || !fits(s[:len(first)], first, foldCase) || !fits(s[len(s)-len(last):], last, foldCase) {
		return false
	}
	s = s[len(first) : len(s)-len(last)]
	for _, piece := range w.pieces[1 : len(w.pieces)-1] {
		at := indexPiece(s, piece, foldCase)
		if at < 0 {
			return false
		}
		s = s[at+len(piece):]
	}
	return true
}

func indexPiece(s, piece string, foldCase bool) int {
	if !foldCase && !hasSpecial(piece) {
		return strings.Index(s, piece)
	}
	for at := 0; at+len(piece) <= len(s); at++ {
		if fits(s[at:at+len(piece)], piece, foldCase) {
			return at
		}
	}
	return -1
}

// fits compares two strings of one length byte by byte; ? in the pattern fits any byte.
func fits(s, pattern string, foldCase bool) bool {
	for i := range len(pattern) {
		a := s[i]
		switch b := pattern[i]; b {
		case '?':
		case literalStar:
			if a != '*' {
				return false
			}
		case literalQuestion:
			if a != '?' {
				return false
			}
		default:
			if a != b && (!foldCase || lower(a) != lower(b)) {
				return false
			}
		}
	}
	return true
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// resourcePattern is one entry of Resource or NotResource.
type resourcePattern struct {
	all     bool // "*"
	arn     arnPattern
	dynamic template // set instead of arn when the pattern holds policy variables
}

func compileResource(text string, variables bool) resourcePattern {
	if text == "*" {
		return resourcePattern{all: true}
	}
	if t, ok := compileTemplate(text, variables); ok {
		return resourcePattern{dynamic: t}
	}
	return resourcePattern{arn: compileARN(text)}
}

func (p *resourcePattern) match(r *Request) bool {
	switch {
	case p.all:
		return true
	case p.dynamic != nil:
		text, ok := p.dynamic.pattern(r)
		if !ok {
			return false
		}
		pattern := compileARN(text)
		return pattern.match(r.Resource)
	}
	return p.arn.match(r.Resource)
}

// arnPattern matches an ARN part by part, so that a star in one part does not reach into the next; the last part takes the rest.
type arnPattern struct {
	whole wildcard // used when the pattern is not of six parts
	parts []wildcard
}

const arnParts = 6

func compileARN(text string) arnPattern {
	parts := strings.SplitN(text, ":", arnParts)
	if len(parts) < arnParts {
		return arnPattern{whole: compileWildcard(text)}
	}
	p := arnPattern{parts: make([]wildcard, arnParts)}
	for i, part := range parts {
		p.parts[i] = compileWildcard(part)
	}
	return p
}

func (p *arnPattern) match(s string) bool {
	if p.parts == nil {
		return p.whole.match(s, false)
	}
	for i := range p.parts[:arnParts-1] {
		part, rest, ok := strings.Cut(s, ":")
		if !ok || !p.parts[i].match(part, false) {
			return false
		}
		s = rest
	}
	return p.parts[arnParts-1].match(s, false)
}

// looksLikeARN says whether a resource entry has the form that IAM demands: an ARN, perhaps with wildcards, or "*".
func looksLikeARN(s string) bool {
	if s == "*" {
		return true
	}
	if _, ok := arn.Parse(s); ok {
		return true
	}
	return strings.HasPrefix(s, "arn:") && strings.ContainsAny(s, "*?")
}
