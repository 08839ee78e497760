package expression

import (
	"slices"

	"github.com/sealtable/sealtable/internal/attribute"
)

// Builder makes a condition, a filter or an update of parts instead of a text, for languages that say the
// same in other words. What it makes is checked and run as if it had been a text. Names are names, whatever
// characters they have, and values are values: there are no placeholders and no reserved words. A Builder
// makes one expression.
type Builder struct {
	tree    *tree
	actions []action
}

// Part is an operand or an operation. It belongs to the Builder that made it, and to at most one operation.
type Part struct{ ref ref }

// NewBuilder returns an empty Builder.
func NewBuilder() *Builder {
	t := newTree("")
	t.literal = true
	return &Builder{tree: t}
}

// Path is a document path. An index too large for Index has its digits as Name.
func (b *Builder) Path(path []attribute.Step) Part {
	from := len(b.tree.steps)
	b.tree.steps = append(b.tree.steps, path...)
	return Part{b.tree.add(node{op: opPath, from: int32(from), to: int32(len(b.tree.steps))})}
}

// Value is a value. The expression keeps it.
func (b *Builder) Value(v attribute.Value) Part { return Part{b.tree.add(node{op: opValue, value: v})} }

// Operation is an operator or a function, named as in expressions, with at least one operand. AND, OR and IN
// take any number. What is no operator counts as a function, and is refused with the expression if it is
// none.
func (b *Builder) Operation(name string, operands ...Part) Part {
	refs := make([]ref, len(operands))
	for i, operand := range operands {
		refs[i] = operand.ref
	}
	b.tree.operators++
	op := operatorNamed(name)
	if op == opAnd || op == opOr {
		b.tree.operators += len(operands) - 2
	}
	r := b.tree.addOperator(op, refs...)
	if op == opCall {
		b.tree.nodes[r].text = name
	}
	return Part{r}
}

// operatorNamed is the operator that is no function, opCall for every other name.
func operatorNamed(name string) operator {
	for _, op := range []operator{opAnd, opOr, opNot, opEqual, opNotEqual,
		opLess, opLessOrEqual, opGreater, opGreaterOrEqual, opBetween, opIn, opPlus, opMinus} {
		if name == op.String() {
			return op
		}
	}
	return opCall
}

// Set, Remove, Add and Delete add an action to an update.
func (b *Builder) Set(path, value Part) { b.act(setSection, path, value) }

// Remove takes away what the path leads to.
func (b *Builder) Remove(path Part) { b.act(removeSection, path, Part{}) }

// Add adds to a number or a set. The value is a Value.
func (b *Builder) Add(path, value Part) { b.act(addSection, path, value) }

// Delete takes members out of a set. The value is a Value.
func (b *Builder) Delete(path, value Part) { b.act(deleteSection, path, value) }

func (b *Builder) act(s section, path, value Part) {
	b.actions = append(b.actions, action{section: s, path: path.ref, value: value.ref})
}

// Condition makes a condition for a write.
func (b *Builder) Condition(root Part) (*Condition, error) { return b.condition(memberCondition, root) }

// Filter makes a condition for a read.
func (b *Builder) Filter(root Part) (*Condition, error) { return b.condition(memberFilter, root) }

func (b *Builder) condition(member string, root Part) (*Condition, error) {
	c := newChecker(b.tree, nil, member)
	if !b.isCondition(root.ref) {
		c.report(rankForm, "The expression must be a condition;")
		return nil, c.finish()
	}
	c.checkCondition(root.ref)
	if err := c.finish(); err != nil {
		return nil, err
	}
	return &Condition{b.tree, root.ref}, nil
}

// isCondition says whether r is true or false where a condition must stand, and its operands are none where a
// value must stand. Texts are so by their grammar.
func (b *Builder) isCondition(r ref) bool {
	switch n := &b.tree.nodes[r]; n.op {
	case opAnd, opOr, opNot:
		return b.every(n.first, b.isCondition)
	case opEqual, opNotEqual, opLess, opLessOrEqual, opGreater, opGreaterOrEqual, opBetween, opIn, opCall:
		return b.every(n.first, b.isOperand)
	}
	return false
}

func (b *Builder) isOperand(r ref) bool {
	op := b.tree.nodes[r].op
	return op == opPath || op == opValue || op == opCall && b.every(b.tree.nodes[r].first, b.isOperand)
}

func (b *Builder) every(first ref, is func(ref) bool) bool {
	for operand := first; operand != 0; operand = b.tree.nodes[operand].next {
		if !is(operand) {
			return false
		}
	}
	return first != 0
}

// Update makes an update of the actions that were added.
func (b *Builder) Update() (*Update, error) {
	c := newChecker(b.tree, nil, memberUpdate)
	targets := c.checkUpdate(&parsedUpdate{tree: b.tree, actions: b.actions})
	if err := c.finish(); err != nil {
		return nil, err
	}
	return &Update{tree: b.tree, actions: slices.Clip(b.actions), targets: targets}, nil
}
