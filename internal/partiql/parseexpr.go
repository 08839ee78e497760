package partiql

import (
	"strconv"
	"strings"

	"github.com/sealtable/sealtable/internal/attribute"
)

// or reads an expression of any kind. NOT binds closer than AND, AND closer than OR.
func (p *parser) or() *expr  { return p.chain(opOr, "OR", p.and) }
func (p *parser) and() *expr { return p.chain(opAnd, "AND", p.not) }

func (p *parser) chain(op operation, keyword string, term func() *expr) *expr {
	first := term()
	if !p.isWord(keyword) {
		return first
	}
	e := &expr{op: op, operands: []*expr{first}}
	for p.acceptWord(keyword) {
		e.operands = append(e.operands, term())
	}
	return e
}

func (p *parser) not() *expr {
	if !p.acceptWord("NOT") {
		return p.comparison()
	}
	defer p.rise()
	if !p.nest() {
		return &expr{}
	}
	return negated(p.not())
}

func negated(e *expr) *expr { return &expr{op: opNot, operands: []*expr{e}} }

// comparison reads a sum, and what it is compared with.
func (p *parser) comparison() *expr {
	left := p.sum()
	switch {
	case p.cur.kind == symbol && isComparison(p.text()):
		op := p.text()
		if op == "!=" {
			op = "<>"
		}
		p.advance()
		return &expr{op: opCompare, text: op, operands: []*expr{left, p.sum()}}
	case p.acceptWord("IS"):
		return p.is(left)
	case p.acceptWord("NOT"):
		return negated(p.among(left))
	case p.isWord("IN") || p.isWord("BETWEEN") || p.isWord("LIKE"):
		return p.among(left)
	}
	return left
}

func isComparison(s string) bool {
	return s == "=" || s == "<>" || s == "!=" || s == "<" || s == "<=" || s == ">" || s == ">="
}

// is reads what follows IS.
func (p *parser) is(left *expr) *expr {
	not := p.acceptWord("NOT")
	e := &expr{operands: []*expr{left}}
	switch {
	case p.acceptWord("MISSING"):
		e.op = opIsMissing
	case p.acceptWord("NULL"):
		e.op = opIsNull
	default:
		p.fail("Expected type name")
	}
	if not {
		return negated(e)
	}
	return e
}

// among reads IN or BETWEEN and what follows.
func (p *parser) among(left *expr) *expr {
	switch {
	case p.acceptWord("IN"):
		return &expr{op: opIn, operands: []*expr{left, p.list()}}
	case p.acceptWord("BETWEEN"):
		low := p.sum()
		p.expectWord("AND")
		return &expr{op: opBetween, operands: []*expr{left, low, p.sum()}}
	case p.isWord("LIKE"):
		p.failWith(refuse("Unsupported operator in Condition Expression. Operator: LIKE"))
	}
	p.fail("Unexpected keyword")
	return &expr{}
}

// list reads the right side of IN: a list in brackets, or in parentheses even if it has one element.
func (p *parser) list() *expr {
	if p.acceptSymbol("(") {
		return p.elements(opList, ")", "RIGHT_PAREN")
	}
	return p.sum()
}

// sum reads terms between + and -, which bind to the left.
func (p *parser) sum() *expr {
	e := p.unary()
	for {
		op := opPlus
		switch {
		case p.acceptSymbol("-"):
			op = opMinus
		case !p.acceptSymbol("+"):
			return e
		}
		e = &expr{op: op, operands: []*expr{e, p.unary()}}
	}
}

func (p *parser) unary() *expr {
	defer p.rise()
	if !p.nest() {
		return &expr{}
	}
	if p.acceptSymbol("-") {
		return &expr{op: opNegate, operands: []*expr{p.unary()}}
	}
	return p.primary()
}

// primary reads a literal, a parameter, a path, a call, or an expression in parentheses.
func (p *parser) primary() *expr {
	literal := &expr{text: p.text()}
	switch p.cur.kind {
	case text:
		literal.op, literal.text = opString, unquote(literal.text)
		p.advance()
		return literal
	case number:
		literal.op = opNumber
		p.advance()
		return literal
	case word:
		return p.named()
	case quoted:
		return p.path()
	case symbol:
		return p.enclosed()
	}
	p.unexpected()
	return literal
}

func (p *parser) unexpected() {
	switch {
	case p.cur.kind == word:
		p.fail("Unexpected keyword")
	case p.cur.kind == stray:
		p.fail("invalid character")
	default:
		p.fail("Unexpected term")
	}
}

// named reads what begins with a word.
func (p *parser) named() *expr {
	switch strings.ToLower(p.text()) {
	case "true", "false":
		e := &expr{op: opBool, text: strings.ToLower(p.text())}
		p.advance()
		return e
	case "null":
		p.advance()
		return &expr{op: opNull}
	case "missing":
		p.advance()
		return &expr{op: opMissing}
	}
	if next := p.peek(); next.kind == symbol && p.lexer.text[next.start:next.end] == "(" &&
		(isFunctionKeyword(p.text()) || !isKeyword(p.text())) {
		return p.call()
	}
	return p.path()
}

func (p *parser) call() *expr {
	e := &expr{op: opCall, text: strings.ToLower(p.text())}
	p.advance()
	p.advance()
	e.operands = p.elements(opList, ")", "RIGHT_PAREN").operands
	return e
}

// enclosed reads what begins with a symbol.
func (p *parser) enclosed() *expr {
	switch {
	case p.acceptSymbol("?"):
		p.parameters++
		return &expr{op: opParameter, parameter: p.parameters - 1}
	case p.acceptSymbol("["):
		return p.elements(opList, "]", "RIGHT_BRACKET")
	case p.acceptSymbol("<<"):
		return p.elements(opBag, ">>", "RIGHT_DOUBLE_ANGLE_BRACKET")
	case p.acceptSymbol("{"):
		return p.tuple()
	case p.acceptSymbol("("):
		e := p.or()
		p.expectSymbol(")", "RIGHT_PAREN")
		return e
	}
	p.unexpected()
	return &expr{}
}

// elements reads expressions up to the closing symbol.
func (p *parser) elements(op operation, closing, name string) *expr {
	e := &expr{op: op}
	if p.acceptSymbol(closing) {
		return e
	}
	for more := true; more; more = p.acceptSymbol(",") {
		e.operands = append(e.operands, p.sum())
	}
	p.expectSymbol(closing, name)
	return e
}

// tuple reads 'name': value, ...
func (p *parser) tuple() *expr {
	e := &expr{op: opTuple}
	if p.acceptSymbol("}") {
		return e
	}
	for more := true; more; more = p.acceptSymbol(",") {
		if p.cur.kind != text {
			p.unexpected()
			break
		}
		e.names = append(e.names, unquote(p.text()))
		p.advance()
		p.expectSymbol(":", "COLON")
		e.operands = append(e.operands, p.sum())
	}
	p.expectSymbol("}", "RIGHT_CURLY")
	return e
}

// path reads name.name[1]."name".
func (p *parser) path() *expr {
	e := &expr{op: opPath, path: []attribute.Step{{Name: p.name()}}}
	for p.err == nil {
		if p.acceptSymbol(".") {
			e.path = append(e.path, attribute.Step{Name: p.name()})
		} else if p.acceptSymbol("[") {
			e.path = append(e.path, p.index())
			p.expectSymbol("]", "RIGHT_BRACKET")
		} else {
			break
		}
	}
	return e
}

// name reads the name of a table, an index or an attribute.
func (p *parser) name() string {
	name := p.text()
	switch p.cur.kind {
	case word:
		if isKeyword(name) {
			p.unexpected()
		}
	case quoted:
		name = unquote(name)
		if name == "" {
			p.failWith(refuse("Path component cannot be an empty string"))
		}
	default:
		p.unexpected()
	}
	p.advance()
	return name
}

// index reads the index of a list element. One too large for an index keeps its digits as Name, for the
// check.
func (p *parser) index() attribute.Step {
	digits := p.text()
	if p.cur.kind != number || strings.Trim(digits, "0123456789") != "" {
		p.failWith(refuse("Unexpected path component"))
		return attribute.Step{IsIndex: true}
	}
	p.advance()
	step := attribute.Step{IsIndex: true}
	i, err := strconv.ParseInt(digits, 10, 32)
	step.Index = int(i)
	if err != nil {
		step.Name = digits
	}
	return step
}
