package expression

import "unicode/utf8"

// kind is what a token is.
type kind uint8

const (
	end kind = iota
	stray
	word
	namePlaceholder
	valuePlaceholder
	integer
	equal
	notEqual
	less
	lessOrEqual
	greater
	greaterOrEqual
	open
	closing
	comma
	dot
	openIndex
	closeIndex
	plus
	minus
)

// token is a piece of the text, from start to before end.
type token struct {
	kind       kind
	start, end int
}

// lexer cuts tokens off a text. Copying it is how a parser looks ahead.
type lexer struct {
	text string
	at   int
}

// next cuts off the next token. Behind the last it gives tokens of kind end for ever. A character that begins
// nothing is a token of its own, of kind stray, so that the parser refuses it where it stands, as DynamoDB
// does: _ and digits begin no name.
func (l *lexer) next() token {
	for l.at < len(l.text) && isSpace(l.text[l.at]) {
		l.at++
	}
	start := l.at
	if start == len(l.text) {
		return token{end, start, start}
	}
	k := l.cut()
	return token{k, start, l.at}
}

func (l *lexer) cut() kind {
	switch c := l.text[l.at]; {
	case isLetter(c):
		l.skip(isNamePart)
		return word
	case isDigit(c):
		l.skip(isDigit)
		return integer
	case c == '#':
		return l.placeholder(namePlaceholder)
	case c == ':':
		return l.placeholder(valuePlaceholder)
	case c == '<' || c == '>':
		return l.angle()
	default:
		_, size := utf8.DecodeRuneInString(l.text[l.at:])
		l.at += size
		return symbol(c)
	}
}

func (l *lexer) skip(belongs func(byte) bool) {
	for l.at++; l.at < len(l.text) && belongs(l.text[l.at]); {
		l.at++
	}
}

// placeholder cuts off # or : and the name behind it. Without a name the character is stray.
func (l *lexer) placeholder(k kind) kind {
	start := l.at
	l.skip(isNamePart)
	if l.at == start+1 {
		return stray
	}
	return k
}

func (l *lexer) angle() kind {
	first, second := l.text[l.at], byte(0)
	l.at++
	if l.at < len(l.text) {
		second = l.text[l.at]
	}
	k, size := less, 1
	switch {
	case first == '<' && second == '>':
		k = notEqual
	case first == '<' && second == '=':
		k = lessOrEqual
	case first == '>' && second == '=':
		k = greaterOrEqual
	case first == '>':
		k, size = greater, 0
	default:
		size = 0
	}
	l.at += size
	return k
}

func symbol(c byte) kind {
	switch c {
	case '=':
		return equal
	case '(':
		return open
	case ')':
		return closing
	case ',':
		return comma
	case '.':
		return dot
	case '[':
		return openIndex
	case ']':
		return closeIndex
	case '+':
		return plus
	case '-':
		return minus
	}
	return stray
}

func isSpace(c byte) bool    { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }
func isDigit(c byte) bool    { return '0' <= c && c <= '9' }
func isLetter(c byte) bool   { return 'a' <= c|0x20 && c|0x20 <= 'z' }
func isNamePart(c byte) bool { return isLetter(c) || isDigit(c) || c == '_' }

// isPlaceholder says whether s is sigil and a name, as the keys of the two placeholder maps must be.
func isPlaceholder(s string, sigil byte) bool {
	if len(s) < 2 || s[0] != sigil {
		return false
	}
	for i := 1; i < len(s); i++ {
		if !isNamePart(s[i]) {
			return false
		}
	}
	return true
}
