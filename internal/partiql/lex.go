package partiql

import (
	"strings"
	"unicode/utf8"
)

// kind is what a token is.
type kind uint8

const (
	end kind = iota
	stray
	word   // a keyword or a name
	quoted // a name in double quotes
	text   // a string in single quotes
	number
	symbol
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

// next cuts off the next token. Behind the last it gives tokens of kind end for ever. What begins no token,
// and what is not closed, is stray, so that the parser refuses it.
func (l *lexer) next() token {
	closed := l.skipSpace()
	start := l.at
	switch {
	case !closed:
		return token{stray, start, len(l.text)}
	case start == len(l.text):
		return token{end, start, start}
	}
	k := l.cut()
	return token{k, start, l.at}
}

// skipSpace skips spaces and comments. closed is false where a comment does not end.
func (l *lexer) skipSpace() (closed bool) {
	for l.at < len(l.text) {
		rest := l.text[l.at:]
		switch {
		case isSpace(rest[0]):
			l.at++
		case strings.HasPrefix(rest, "--"):
			line, _, _ := strings.Cut(rest, "\n")
			l.at += len(line)
		case strings.HasPrefix(rest, "/*"):
			comment, _, ok := strings.Cut(rest[2:], "*/")
			if !ok {
				return false
			}
			l.at += 2 + len(comment) + 2
		default:
			return true
		}
	}
	return true
}

func (l *lexer) cut() kind {
	rest := l.text[l.at:]
	switch c := rest[0]; {
	case isNameStart(c):
		l.skip(isNamePart)
		return word
	case isDigit(c) || c == '.' && len(rest) > 1 && isDigit(rest[1]):
		return l.number()
	case c == '\'':
		return l.enclosed('\'', text)
	case c == '"':
		return l.enclosed('"', quoted)
	}
	if size := symbolSize(rest); size > 0 {
		l.at += size
		return symbol
	}
	_, size := utf8.DecodeRuneInString(rest)
	l.at += size
	return stray
}

func (l *lexer) skip(belongs func(byte) bool) {
	for l.at < len(l.text) && belongs(l.text[l.at]) {
		l.at++
	}
}

// number cuts off digits with a point and an exponent. A name must not follow at once.
func (l *lexer) number() kind {
	l.skip(isDigit)
	if l.at < len(l.text) && l.text[l.at] == '.' {
		l.at++
		l.skip(isDigit)
	}
	if rest := l.text[l.at:]; len(rest) > 1 && rest[0]|0x20 == 'e' {
		sign := 1
		if rest[1] == '+' || rest[1] == '-' {
			sign = 2
		}
		if len(rest) > sign && isDigit(rest[sign]) {
			l.at += sign
			l.skip(isDigit)
		}
	}
	if l.at < len(l.text) && isNamePart(l.text[l.at]) {
		l.skip(isNamePart)
		return stray
	}
	return number
}

// enclosed cuts off what stands in quotes. Two quotes in it are one.
func (l *lexer) enclosed(quote byte, k kind) kind {
	for l.at++; l.at < len(l.text); l.at++ {
		if l.text[l.at] != quote {
			continue
		}
		l.at++
		if l.at == len(l.text) || l.text[l.at] != quote {
			return k
		}
	}
	return stray
}

// unquote is what stands in the quotes of a token.
func unquote(token string) string {
	quote := token[:1]
	return strings.ReplaceAll(token[1:len(token)-1], quote+quote, quote)
}

func symbolSize(rest string) int {
	if len(rest) > 1 {
		switch rest[:2] {
		case "<=", ">=", "<>", "!=", "<<", ">>":
			return 2
		}
	}
	if strings.IndexByte("=<>()[]{},.:;?*+-", rest[0]) >= 0 {
		return 1
	}
	return 0
}

func isSpace(c byte) bool     { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }
func isDigit(c byte) bool     { return '0' <= c && c <= '9' }
func isNameStart(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' || c == '_' || c == '$' }
func isNamePart(c byte) bool  { return isNameStart(c) || isDigit(c) }
