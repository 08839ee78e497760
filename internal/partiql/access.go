package partiql

import (
	"github.com/sealtable/sealtable/internal/attribute"
	"github.com/sealtable/sealtable/internal/expression"
)

// term is a condition as far as it says which values an attribute can have. The zero term says nothing.
type term struct {
	op         operation // opAnd, opOr, or none of them
	terms      []*term
	comparison expression.Comparison // of attribute with values; 0 says nothing of it
	in         bool                  // the comparison is with any of values
	attribute  string
	values     []attribute.Value
}

// term reads a condition that was checked.
func (p parameters) term(e *expr) *term {
	t := &term{op: e.op}
	switch e.op {
	case opAnd, opOr:
		for _, operand := range e.operands {
			t.terms = append(t.terms, p.term(operand))
		}
	case opCompare:
		left := e.operands[0]
		right := e.operands[1]
		comparison := comparisonNamed(e.text)
		if left.op != opPath {
			left, right, comparison = right, left, mirrored(comparison)
		}
		t.compare(p, comparison, left, right)
	case opBetween:
		t.compare(p, expression.Between, e.operands[0], e.operands[1:]...)
	case opCall:
		if e.text == "begins_with" {
			t.compare(p, expression.BeginsWith, e.operands[0], e.operands[1:]...)
		}
	case opIn:
		if values, err := p.elements(e.operands[1]); err == nil && isAttribute(e.operands[0]) {
			t.comparison = expression.Equal
			t.in = true
			t.attribute = e.operands[0].path[0].Name
			t.values = values
		}
	}
	return t
}

func isAttribute(e *expr) bool { return e.op == opPath && len(e.path) == 1 }

// compare notes a comparison of an attribute with values. With anything else it says nothing.
func (t *term) compare(p parameters, c expression.Comparison, left *expr, right ...*expr) {
	if !isAttribute(left) {
		return
	}
	values, err := p.values(right)
	if err != nil {
		return
	}
	t.comparison = c
	t.attribute = left.path[0].Name
	t.values = values
}

func comparisonNamed(op string) expression.Comparison {
	switch op {
	case "=":
		return expression.Equal
	case "<":
		return expression.Less
	case "<=":
		return expression.LessOrEqual
	case ">":
		return expression.Greater
	case ">=":
		return expression.GreaterOrEqual
	}
	return 0
}

// mirrored is the comparison with its sides exchanged.
func mirrored(c expression.Comparison) expression.Comparison {
	switch c {
	case expression.Less:
		return expression.Greater
	case expression.LessOrEqual:
		return expression.GreaterOrEqual
	case expression.Greater:
		return expression.Less
	case expression.GreaterOrEqual:
		return expression.LessOrEqual
	}
	return c
}

// Partitions are the values of which an attribute must have one where the condition holds, each once, in the
// order of the statement. bounded is false where the condition does not say.
func (c *Checked) Partitions(name string) (values []attribute.Value, bounded bool) {
	return c.access.partitions(name)
}

func (t *term) partitions(name string) (values []attribute.Value, bounded bool) {
	switch t.op {
	case opAnd:
		for _, each := range t.terms {
			if more, ok := each.partitions(name); ok && bounded {
				values = intersect(values, more)
			} else if ok {
				values, bounded = more, true
			}
		}
		return values, bounded
	case opOr:
		for _, each := range t.terms {
			more, ok := each.partitions(name)
			if !ok {
				return nil, false
			}
			values = append(values, more...)
		}
		return distinct(values), true
	}
	if t.comparison != expression.Equal || t.attribute != name {
		return nil, false
	}
	return distinct(t.values), true
}

func distinct(values []attribute.Value) []attribute.Value {
	seen := make(map[string]bool, len(values))
	out := make([]attribute.Value, 0, len(values))
	for _, v := range values {
		if !seen[string(v)] {
			seen[string(v)] = true
			out = append(out, v)
		}
	}
	return out
}

func intersect(a, b []attribute.Value) []attribute.Value {
	in := make(map[string]bool, len(b))
	for _, v := range b {
		in[string(v)] = true
	}
	out := make([]attribute.Value, 0, len(a))
	for _, v := range a {
		if in[string(v)] {
			out = append(out, v)
		}
	}
	return out
}

// conjuncts are the terms all of which the condition demands.
func (t *term) conjuncts() []*term {
	if t.op != opAnd {
		return []*term{t}
	}
	var all []*term
	for _, each := range t.terms {
		all = append(all, each.conjuncts()...)
	}
	return all
}

// Equality is the value that the condition demands of an attribute with =, nil when there is none.
func (c *Checked) Equality(name string) attribute.Value {
	for _, t := range c.access.conjuncts() {
		if t.attribute == name && t.comparison == expression.Equal && !t.in {
			return t.values[0]
		}
	}
	return nil
}

// Bound is a comparison of an attribute that the condition demands; ok is false when there is none.
func (c *Checked) Bound(name string) (bound expression.KeyClause, ok bool) {
	for _, t := range c.access.conjuncts() {
		if t.attribute != name || t.comparison == 0 || t.in && len(t.values) > 1 {
			continue
		}
		bound = expression.KeyClause{Attribute: name, Comparison: t.comparison, Low: t.values[0]}
		if t.comparison == expression.Between {
			bound.High = t.values[1]
		}
		return bound, true
	}
	return bound, false
}

// DemandsOnly says whether the condition is an equality of each of the attributes, and nothing else.
func (c *Checked) DemandsOnly(names ...string) bool {
	conjuncts := c.access.conjuncts()
	for _, name := range names {
		if c.Equality(name) == nil {
			return false
		}
	}
	return len(conjuncts) == len(names)
}
