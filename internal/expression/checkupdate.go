package expression

import "github.com/sealtable/sealtable/internal/attribute"

// checkUpdate checks all actions of an update, and gives the paths that it writes to.
func (c *checker) checkUpdate(u *parsedUpdate) *Projection {
	if u.twice != noSection {
		c.report(rankForm, `The "%s" section can only be used once in an update expression;`, u.twice)
	}
	targets := make([]ref, len(u.actions))
	for i, a := range u.actions {
		targets[i] = a.path
		c.checkPath(a.path)
		if a.value != 0 {
			c.checkUpdateOperand(a.value)
		}
		switch a.section {
		case addSection:
			c.requireAddend(a, kindsOf(attribute.N, attribute.SS, attribute.NS, attribute.BS))
		case deleteSection:
			c.requireAddend(a, kindsOf(attribute.SS, attribute.NS, attribute.BS))
		}
	}
	return c.checkOverlap(targets)
}

func (c *checker) checkUpdateOperand(r ref) {
	n := c.nodes[r]
	switch n.op {
	case opPath:
		c.checkPath(r)
		return
	case opValue:
		c.checkValue(r)
		return
	}
	for operand := n.first; operand != 0; operand = c.nodes[operand].next {
		c.checkUpdateOperand(operand)
	}
	if n.op == opCall {
		c.checkUpdateCall(r)
		return
	}
	first, second := c.tree.operands(r)
	c.requireKind(first, n.op, kindsOf(attribute.N))
	c.requireKind(second, n.op, kindsOf(attribute.N))
}

func (c *checker) checkUpdateCall(r ref) {
	f, ok := c.resolveCall(r, true)
	if !ok {
		return
	}
	first, second := c.tree.operands(r)
	if f.op == opIfNotExists {
		c.requirePath(first, f.op)
		return
	}
	c.requireKind(first, f.op, kindsOf(attribute.L))
	c.requireKind(second, f.op, kindsOf(attribute.L))
}

// requireAddend checks the type of what ADD adds or DELETE takes away. DynamoDB words this in a way of its
// own.
func (c *checker) requireAddend(a action, allowed kinds) {
	if k := c.nodes[a.value].value.Kind(); k != attribute.Invalid && !allowed.has(k) {
		c.report(rankOperand, "Incorrect operand type for operator or function; operator: %s, operand "+
			"type: %s, "+
			"typeSet: ALLOWED_FOR_%s_OPERAND", a.section, longName(k), a.section)
	}
}

func longName(k attribute.Kind) string {
	switch k {
	case attribute.S:
		return "STRING"
	case attribute.N:
		return "NUMBER"
	case attribute.B:
		return "BINARY"
	case attribute.BOOL:
		return "BOOLEAN"
	case attribute.M:
		return "MAP"
	case attribute.L:
		return "LIST"
	}
	return k.String()
}
