package expression

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/sealtable/sealtable/internal/attribute"
)

// maxSize is how many bytes an expression may have ("Service, account, and table quotas in Amazon DynamoDB").
// It bounds how deep the parser and everything behind it can recurse.
const maxSize = 4 << 10

// parser makes a tree of a text. The first error stays; behind it every token is of kind end, so that all
// loops end.
type parser struct {
	lexer     lexer
	prev, cur token
	member    string // the request's name of the expression
	tree      *tree
	keyword   func(string) bool // words that this kind of expression keeps for itself
	err       *Error
}

// newParser refuses what is empty or too long.
func newParser(member, text string, keyword func(string) bool) (*parser, error) {
	if len(text) > maxSize {
		return nil, refuse(member, "Expression size has exceeded the maximum allowed size; expression "+
			"size: %d", len(text))
	}
	p := &parser{lexer: lexer{text: text}, prev: token{end, -1, -1}, member: member, tree: newTree(text),
		keyword: keyword}
	p.cur = p.lexer.next()
	if p.cur.kind == end {
		return nil, refuse(member, "The expression can not be empty;")
	}
	return p, nil
}

func refuse(member, format string, args ...any) *Error {
	return &Error{Message: "Invalid " + member + ": " + fmt.Sprintf(format, args...)}
}

// finish is the error of the parse, which must have come to the end of the text.
func (p *parser) finish() error {
	p.expect(end)
	if p.err != nil {
		return p.err
	}
	return nil
}

// fail refuses the current token. DynamoDB quotes it with one token before and one behind.
func (p *parser) fail() {
	if p.err != nil {
		return
	}
	text, shown, window := p.lexer.text, p.text(), p.cur
	if p.prev.start >= 0 {
		window.start = p.prev.start
	}
	if p.cur.kind == end {
		shown, window.end = "<EOF>", max(p.prev.end, 0)
	} else if next := p.peek(); next.kind != end {
		window.end = next.end
	}
	p.err = refuse(p.member, `Syntax error; token: "%s", near: "%s"`, shown, text[window.start:window.end])
	p.cur.kind, p.lexer.at = end, len(text)
}

func (p *parser) advance() {
	if p.err == nil {
		p.prev, p.cur = p.cur, p.lexer.next()
	}
}

// peek is the token behind the current one.
func (p *parser) peek() token {
	ahead := p.lexer
	return ahead.next()
}

func (p *parser) text() string { return p.lexer.text[p.cur.start:p.cur.end] }

// accept goes on if the current token is of that kind.
func (p *parser) accept(k kind) bool {
	if p.cur.kind != k || k == end {
		return false
	}
	p.advance()
	return true
}

func (p *parser) expect(k kind) {
	if p.cur.kind != k {
		p.fail()
		return
	}
	p.advance()
}

// isWord says whether the current token is that keyword, in whatever case.
func (p *parser) isWord(keyword string) bool {
	return p.cur.kind == word && strings.EqualFold(p.text(), keyword)
}

func (p *parser) acceptWord(keyword string) bool {
	if !p.isWord(keyword) {
		return false
	}
	p.advance()
	return true
}

// parsePath reads name.name[1].#name. Placeholders stay in the steps as they are until they are checked.
func (p *parser) parsePath() ref {
	from := len(p.tree.steps)
	p.parseName()
	for p.err == nil {
		if p.accept(dot) {
			p.parseName()
		} else if p.accept(openIndex) {
			p.parseIndex()
			p.expect(closeIndex)
		} else {
			break
		}
	}
	return p.tree.add(node{op: opPath, from: int32(from), to: int32(len(p.tree.steps))})
}

func (p *parser) parseName() {
	if !p.startsPath() {
		p.fail()
		return
	}
	p.tree.steps = append(p.tree.steps, attribute.Step{Name: p.text()})
	p.advance()
}

func (p *parser) startsPath() bool {
	return p.cur.kind == namePlaceholder || p.cur.kind == word && !p.keyword(p.text())
}

// parseIndex reads the index of a list element. One too large for an index keeps its digits as Name, for the
// check.
func (p *parser) parseIndex() {
	if p.cur.kind != integer {
		p.fail()
		return
	}
	step := attribute.Step{IsIndex: true}
	index, err := strconv.ParseInt(p.text(), 10, 32)
	step.Index = int(index)
	if err != nil {
		step.Name = p.text()
	}
	p.tree.steps = append(p.tree.steps, step)
	p.advance()
}

// parseOperand reads a path, a value, a call, or one of these in parentheses.
func (p *parser) parseOperand() ref {
	if p.accept(open) {
		operand := p.parseOperand()
		return p.closeParentheses(operand)
	}
	return p.parseBareOperand()
}

func (p *parser) parseBareOperand() ref {
	switch {
	case p.cur.kind == valuePlaceholder:
		text := p.text()
		p.advance()
		return p.tree.add(node{op: opValue, text: text})
	case p.cur.kind == word && p.startsPath() && p.peek().kind == open:
		return p.parseCall()
	case p.startsPath():
		return p.parsePath()
	}
	p.fail()
	return p.tree.add(node{})
}

// parseCall reads name(operand, ...).
func (p *parser) parseCall() ref {
	name := p.text()
	p.advance()
	p.expect(open)
	p.tree.operators++
	first := p.parseOperand()
	for last := first; p.accept(comma); {
		operand := p.parseOperand()
		p.tree.nodes[last].next = operand
		last = operand
	}
	p.expect(closing)
	return p.tree.add(node{op: opCall, text: name, first: first})
}

// closeParentheses ends what was opened around inner.
func (p *parser) closeParentheses(inner ref) ref {
	p.expect(closing)
	p.tree.redundant = p.tree.redundant || p.tree.nodes[inner].wrapped
	p.tree.nodes[inner].wrapped = true
	return inner
}

// parseProjection reads path, path, ...
func parseProjection(member, text string) (*tree, []ref, error) {
	p, err := newParser(member, text, func(string) bool { return false })
	if err != nil {
		return nil, nil, err
	}
	paths := []ref{p.parsePath()}
	for p.accept(comma) {
		paths = append(paths, p.parsePath())
	}
	return p.tree, paths, p.finish()
}
