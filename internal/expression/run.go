package expression

import (
	"bytes"
	"slices"

	"github.com/sealtable/sealtable/internal/attribute"
)

// Condition is a compiled ConditionExpression or FilterExpression, or what legacy parameters say in their
// place.
type Condition struct {
	tree *tree
	root ref
}

// Condition compiles a ConditionExpression.
func (s *Scope) Condition(text string) (*Condition, error) { return s.condition(memberCondition, text) }

// Filter compiles a FilterExpression.
func (s *Scope) Filter(text string) (*Condition, error) { return s.condition(memberFilter, text) }

func (s *Scope) condition(member, text string) (*Condition, error) {
	if err := s.open(); err != nil {
		return nil, err
	}
	t, root, err := parseCondition(member, text)
	if err != nil {
		return nil, err
	}
	c := newChecker(t, s, member)
	c.checkCondition(root)
	if err := c.finish(); err != nil {
		return nil, err
	}
	return &Condition{t, root}, nil
}

// Holds says whether the condition is true of the item; nil is no item, which has no attributes. What is not
// there, or has another type than the condition asks about, is no error: comparisons with it are false, <> is
// true. A condition that compiled always has an answer, so the error is nil; it is here for callers that take
// conditions of other kinds too.
func (c *Condition) Holds(item attribute.Item) (bool, error) { return c.tree.holds(item, c.root), nil }

// Attributes are the names of the top-level attributes that the condition looks at, each once, in the order
// of the text.
func (c *Condition) Attributes() []string {
	var names []string
	for i := range c.tree.nodes {
		n := &c.tree.nodes[i]
		if n.op != opPath || n.from == n.to {
			continue
		}
		if name := c.tree.name(ref(i)); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

func (t *tree) holds(item attribute.Item, r ref) bool {
	n := &t.nodes[r]
	switch n.op {
	case opAnd, opOr:
		for operand := n.first; operand != 0; operand = t.nodes[operand].next {
			if t.holds(item, operand) == (n.op == opOr) {
				return n.op == opOr
			}
		}
		return n.op == opAnd
	case opNot:
		return !t.holds(item, n.first)
	case opBetween:
		low := t.nodes[n.first].next
		v := t.value(item, n.first)
		return compares(opGreaterOrEqual, v, t.value(item, low)) &&
			compares(opLessOrEqual, v, t.value(item, t.nodes[low].next))
	case opIn:
		return t.isIn(item, n.first)
	}
	first, second := t.operands(r)
	v := t.value(item, first)
	switch n.op {
	case opExists:
		return v != nil
	case opNotExists:
		return v == nil
	case opType:
		return v != nil && v.Kind() == typeNamed(t.value(item, second))
	case opBeginsWith:
		return beginsWith(v, t.value(item, second))
	case opContains:
		return contains(v, t.value(item, second))
	}
	return compares(n.op, v, t.value(item, second))
}

func (t *tree) isIn(item attribute.Item, first ref) bool {
	v := t.value(item, first)
	for operand := t.nodes[first].next; operand != 0; operand = t.nodes[operand].next {
		if compares(opEqual, v, t.value(item, operand)) {
			return true
		}
	}
	return false
}

// value is what an operand of a condition stands for in the item; nil when there is none.
func (t *tree) value(item attribute.Item, r ref) attribute.Value {
	switch n := &t.nodes[r]; n.op {
	case opPath:
		return item.Value().At(t.steps[n.from:n.to])
	case opValue:
		return n.value
	default:
		return size(t.value(item, n.first))
	}
}

// compares says whether a op b. Only values of one type compare, and only S, N and B have an order.
func compares(op operator, a, b attribute.Value) bool {
	same := a != nil && b != nil && attribute.Equal(a, b)
	switch k := a.Kind(); {
	case op == opEqual:
		return same
	case op == opNotEqual:
		return !same
	case k != b.Kind() || k < attribute.S || k > attribute.B:
		return false
	}
	switch order := attribute.Compare(a, b); op {
	case opLess:
		return order < 0
	case opLessOrEqual:
		return order <= 0
	case opGreater:
		return order > 0
	default:
		return order >= 0
	}
}

func isText(v attribute.Value) bool { return v.Kind() == attribute.S || v.Kind() == attribute.B }

func beginsWith(v, prefix attribute.Value) bool {
	return isText(v) && v.Kind() == prefix.Kind() && bytes.HasPrefix(v.Text(), prefix.Text())
}

// contains says whether v, an S or B, has the part in it, or whether the part is a member of the set or an
// element of the list v.
func contains(v, part attribute.Value) bool {
	if isText(v) {
		return v.Kind() == part.Kind() && bytes.Contains(v.Text(), part.Text())
	}
	return part != nil && v.Kind() != attribute.M && v.Contains(part)
}

// size is what the function size gives, as an N; nil for types that have none. The size of a string is its
// length in UTF-16.
func size(v attribute.Value) attribute.Value {
	n := v.Len()
	switch v.Kind() {
	case attribute.S:
		n = utf16Length(v.Text())
	case attribute.B:
		n = len(v.Text())
	case attribute.Invalid, attribute.N, attribute.BOOL, attribute.NULL:
		return nil
	}
	return attribute.FromNumber(attribute.NumberFromInt(int64(n)))
}

// utf16Length counts the UTF-16 code units of valid UTF-8: one for each character, one more for those of four
// bytes.
func utf16Length(text []byte) int {
	n := 0
	for _, c := range text {
		if c&0xC0 != 0x80 {
			n++
		}
		if c >= 0xF0 {
			n++
		}
	}
	return n
}
