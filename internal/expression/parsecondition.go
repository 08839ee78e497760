package expression

import "strings"

// parseCondition reads a condition; NOT binds closer than AND, AND closer than OR.
func parseCondition(member, text string) (*tree, ref, error) {
	p, err := newParser(member, text, isConditionKeyword)
	if err != nil {
		return nil, 0, err
	}
	root := p.parseOr(false)
	return p.tree, root, p.finish()
}

func isConditionKeyword(s string) bool {
	switch len(s) {
	case 2:
		return strings.EqualFold(s, "OR") || strings.EqualFold(s, "IN")
	case 3:
		return strings.EqualFold(s, "AND") || strings.EqualFold(s, "NOT")
	case 7:
		return strings.EqualFold(s, "BETWEEN")
	}
	return false
}

// parseOr reads conditions between OR. enclosed says that a parenthesis stands before it: then a lone operand
// will do too, because operands may have parentheses around them.
func (p *parser) parseOr(enclosed bool) ref {
	return p.parseChain(opOr, p.parseAnd(enclosed), (*parser).parseAnd)
}

func (p *parser) parseAnd(enclosed bool) ref {
	return p.parseChain(opAnd, p.parseNot(enclosed), (*parser).parseNot)
}

// parseChain reads op and another term, as often as it comes.
func (p *parser) parseChain(op operator, first ref, term func(*parser, bool) ref) ref {
	if !p.isWord(op.String()) {
		return first
	}
	for last := first; p.acceptWord(op.String()); {
		p.tree.operators++
		operand := term(p, false)
		p.tree.nodes[last].next = operand
		last = operand
	}
	return p.tree.add(node{op: op, first: first})
}

func (p *parser) parseNot(enclosed bool) ref {
	if !p.acceptWord("NOT") {
		return p.parsePredicate(enclosed)
	}
	p.tree.operators++
	return p.tree.addOperator(opNot, p.parseNot(false))
}

// parsePredicate reads a condition without AND, OR and NOT. What it reads first may be a condition in
// parentheses, a call, or the left operand of a comparison: what follows tells.
func (p *parser) parsePredicate(enclosed bool) ref {
	var left ref
	if p.accept(open) {
		left = p.closeParentheses(p.parseOr(true))
	} else {
		left = p.parseBareOperand()
	}
	if op := p.tree.nodes[left].op; op > opCall || p.err != nil {
		return left
	} else if compared, ok := p.parseComparison(left); ok {
		return compared
	} else if op == opCall || enclosed && p.cur.kind == closing {
		return left
	}
	p.fail()
	return left
}

// parseComparison reads the rest of a comparison. ok is false when none follows.
func (p *parser) parseComparison(left ref) (compared ref, ok bool) {
	if op, is := comparator(p.cur.kind); is {
		p.advance()
		p.tree.operators++
		return p.tree.addOperator(op, left, p.parseOperand()), true
	}
	switch {
	case p.acceptWord("BETWEEN"):
		p.tree.operators++
		low := p.parseOperand()
		if !p.acceptWord("AND") {
			p.fail()
		}
		return p.tree.addOperator(opBetween, left, low, p.parseOperand()), true
	case p.acceptWord("IN"):
		p.tree.operators++
		return p.parseIn(left), true
	}
	return 0, false
}

func (p *parser) parseIn(left ref) ref {
	p.expect(open)
	for last, more := left, true; more; more = p.accept(comma) {
		operand := p.parseOperand()
		p.tree.nodes[last].next = operand
		last = operand
	}
	p.expect(closing)
	return p.tree.add(node{op: opIn, first: left})
}

func comparator(k kind) (operator, bool) {
	switch k {
	case equal:
		return opEqual, true
	case notEqual:
		return opNotEqual, true
	case less:
		return opLess, true
	case lessOrEqual:
		return opLessOrEqual, true
	case greater:
		return opGreater, true
	case greaterOrEqual:
		return opGreaterOrEqual, true
	}
	return 0, false
}
