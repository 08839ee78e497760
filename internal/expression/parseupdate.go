package expression

import "strings"

// action is one change that an update makes: SET path = value, REMOVE path, ADD path value, DELETE path
// value.
type action struct {
	section section
	path    ref
	value   ref // none of REMOVE
}

// section is a part of an update expression.
type section uint8

const (
	noSection section = iota
	setSection
	removeSection
	addSection
	deleteSection
)

func (s section) String() string {
	return [...]string{"", "SET", "REMOVE", "ADD", "DELETE"}[s]
}

func sectionNamed(s string) section {
	for k := setSection; k <= deleteSection; k++ {
		if strings.EqualFold(s, k.String()) {
			return k
		}
	}
	return noSection
}

func isUpdateKeyword(s string) bool { return sectionNamed(s) != noSection }

// parsedUpdate is the actions of an update in the order of the text.
type parsedUpdate struct {
	tree    *tree
	actions []action
	twice   section // the first section that comes a second time
}

// parseUpdate reads the sections of an update.
func parseUpdate(text string) (*parsedUpdate, error) {
	p, err := newParser(memberUpdate, text, isUpdateKeyword)
	if err != nil {
		return nil, err
	}
	u := &parsedUpdate{tree: p.tree}
	var seen [deleteSection + 1]bool
	for first := true; first || p.cur.kind == word; first = false {
		s := noSection
		if p.cur.kind == word {
			s = sectionNamed(p.text())
		}
		if s == noSection {
			p.fail()
			break
		}
		if seen[s] && u.twice == noSection {
			u.twice = s
		}
		seen[s] = true
		p.advance()
		p.parseActions(u, s)
	}
	return u, p.finish()
}

func (p *parser) parseActions(u *parsedUpdate, s section) {
	for more := true; more; more = p.accept(comma) {
		a := action{section: s, path: p.parsePath()}
		switch s {
		case setSection:
			p.expect(equal)
			a.value = p.parseSum()
		case addSection, deleteSection:
			a.value = p.parseValuePlaceholder()
		}
		u.actions = append(u.actions, a)
	}
}

// parseValuePlaceholder reads what ADD and DELETE take, which is a value and nothing else.
func (p *parser) parseValuePlaceholder() ref {
	if p.cur.kind != valuePlaceholder {
		p.fail()
		return 0
	}
	return p.parseBareOperand()
}

// parseSum reads the right side of SET: an operand, a sum or a difference of two; or one of these in
// parentheses.
func (p *parser) parseSum() ref {
	var left ref
	if p.accept(open) {
		left = p.closeParentheses(p.parseSum())
		if p.isSum(left) {
			return left
		}
	} else {
		left = p.parseBareOperand()
	}
	op := opPlus
	switch {
	case p.accept(minus):
		op = opMinus
	case !p.accept(plus):
		return left
	}
	p.tree.operators++
	return p.tree.addOperator(op, left, p.parseOperand())
}

func (p *parser) isSum(r ref) bool {
	op := p.tree.nodes[r].op
	return op == opPlus || op == opMinus
}
