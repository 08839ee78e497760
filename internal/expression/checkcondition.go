package expression

import (
	"slices"

	"github.com/sealtable/sealtable/internal/attribute"
)

// checkCondition checks r where the text must say something true or false.
func (c *checker) checkCondition(r ref) {
	switch n := c.nodes[r]; n.op {
	case opAnd, opOr, opNot:
		for operand := n.first; operand != 0; operand = c.nodes[operand].next {
			c.checkCondition(operand)
		}
	case opCall:
		if f, ok := c.checkCall(r); ok && f.op == opSize {
			c.report(rankUse, "The function is not allowed to be used this way in an expression; "+
				"function: %s", n.text)
		}
	default:
		c.checkComparison(r)
	}
}

// checkOperand checks r where the text must name a value.
func (c *checker) checkOperand(r ref) {
	switch c.nodes[r].op {
	case opPath:
		c.checkPath(r)
	case opValue:
		c.checkValue(r)
	default:
		if f, ok := c.checkCall(r); ok && f.op != opSize {
			c.report(rankUse, "The function is not allowed to be used this way in an expression; "+
				"function: %s", f.op)
		}
	}
}

func (c *checker) checkOperands(r ref) {
	for operand := c.nodes[r].first; operand != 0; operand = c.nodes[operand].next {
		c.checkOperand(operand)
	}
}

// checkCall checks a function of conditions. ok says whether it is one.
func (c *checker) checkCall(r ref) (f function, ok bool) {
	c.checkOperands(r)
	f, ok = c.resolveCall(r, false)
	if !ok {
		return f, f.op != 0 && !f.update
	}
	first, second := c.tree.operands(r)
	switch f.op {
	case opExists, opNotExists:
		c.requirePath(first, f.op)
	case opType:
		c.requirePath(first, f.op)
		c.checkTypeName(second)
	case opBeginsWith:
		c.requireKind(first, f.op, kindsOf(attribute.S, attribute.B))
		c.requireKind(second, f.op, kindsOf(attribute.S, attribute.B))
		c.requireDistinct(r)
	case opContains:
		c.requireKind(first, f.op, kindsOf(attribute.S, attribute.B, attribute.SS, attribute.NS, attribute.BS,
			attribute.L))
		c.requireDistinct(r)
	case opSize:
		c.requireKind(first, f.op, kindsOf(attribute.S, attribute.B, attribute.SS, attribute.NS, attribute.BS,
			attribute.L, attribute.M))
	}
	return f, true
}

// checkTypeName checks the type that attribute_type asks for.
func (c *checker) checkTypeName(operand ref) {
	n := &c.nodes[operand]
	if n.op == opPath {
		c.report(rankOperand, "Incorrect operand type for operator or function; operator or function: %s, "+
			"operand type: %s",
			opType, "{NS,SS,L,BS,N,M,B,BOOL,NULL,S}")
		return
	}
	c.requireKind(operand, opType, kindsOf(attribute.S))
	if n.value.Kind() == attribute.S && typeNamed(n.value) == attribute.Invalid {
		c.report(rankOperand, "Invalid attribute type name found; type: %s, valid types: "+
			"{N,BS,L,B,NULL,M,S,SS,NS,BOOL}", n.value.Text())
	}
}

// typeNamed is the type whose name is the text of v, an S.
func typeNamed(v attribute.Value) attribute.Kind {
	for k := attribute.S; k <= attribute.BS; k++ {
		if string(v.Text()) == k.String() {
			return k
		}
	}
	return attribute.Invalid
}

// checkComparison checks a comparator, BETWEEN or IN.
func (c *checker) checkComparison(r ref) {
	c.checkOperands(r)
	n := c.nodes[r]
	switch n.op {
	case opLess, opLessOrEqual, opGreater, opGreaterOrEqual, opBetween:
		for operand := n.first; operand != 0; operand = c.nodes[operand].next {
			c.requireKind(operand, n.op, kindsOf(attribute.S, attribute.N, attribute.B))
		}
	case opIn:
		count := -1
		for operand := n.first; operand != 0; operand = c.nodes[operand].next {
			count++
		}
		if count > maxIn {
			c.report(rankOperand, "The IN operator is provided with too many operands; number of "+
				"operands: %d", count)
		}
	}
	c.requireDistinct(r)
	if n.op == opBetween {
		_, low := c.tree.operands(r)
		c.checkBounds(c.nodes[low].value, c.nodes[c.nodes[low].next].value)
	}
}

// requireDistinct refuses that a path is compared with itself.
func (c *checker) requireDistinct(r ref) {
	first := c.nodes[r].first
	if c.nodes[first].op != opPath {
		return
	}
	for other := c.nodes[first].next; other != 0; other = c.nodes[other].next {
		if c.nodes[other].op == opPath && slices.Equal(c.path(first), c.path(other)) {
			c.report(rankOperand,
				"The first operand must be distinct from the remaining operands for this operator or "+
					"function; operator: %s, first operand: %s",
				c.nodes[r].op, formatPath(c.path(first)))
			return
		}
	}
}

// checkBounds checks the bounds of BETWEEN when both are values.
func (c *checker) checkBounds(low, high attribute.Value) {
	const operands = "lower bound operand: %s, upper bound operand: %s"
	switch {
	case low == nil || high == nil:
	case low.Kind() != high.Kind():
		c.report(rankOperand, "The BETWEEN operator requires same data type for lower and upper bounds; "+
			operands,
			formatValue(low), formatValue(high))
	case attribute.Compare(low, high) > 0:
		c.report(rankOperand, "The BETWEEN operator requires upper bound to be greater than or equal to "+
			"lower bound; "+operands,
			formatValue(low), formatValue(high))
	}
}
