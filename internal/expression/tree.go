package expression

import (
	"strconv"
	"strings"

	"github.com/sealtable/sealtable/internal/attribute"
)

// operator is what a node does with its operands.
type operator uint8

const (
	opPath operator = iota
	opValue
	opCall
	opAnd
	opOr
	opNot
	opEqual
	opNotEqual
	opLess
	opLessOrEqual
	opGreater
	opGreaterOrEqual
	opBetween
	opIn
	opExists
	opNotExists
	opType
	opBeginsWith
	opContains
	opSize
	opIfNotExists
	opListAppend
	opPlus
	opMinus
)

// String is the operator as expressions and DynamoDB's errors spell it.
func (o operator) String() string {
	switch o {
	case opAnd:
		return "AND"
	case opOr:
		return "OR"
	case opNot:
		return "NOT"
	case opEqual:
		return "="
	case opNotEqual:
		return "<>"
	case opLess:
		return "<"
	case opLessOrEqual:
		return "<="
	case opGreater:
		return ">"
	case opGreaterOrEqual:
		return ">="
	case opBetween:
		return "BETWEEN"
	case opIn:
		return "IN"
	case opExists:
		return "attribute_exists"
	case opNotExists:
		return "attribute_not_exists"
	case opType:
		return "attribute_type"
	case opBeginsWith:
		return "begins_with"
	case opContains:
		return "contains"
	case opSize:
		return "size"
	case opIfNotExists:
		return "if_not_exists"
	case opListAppend:
		return "list_append"
	case opPlus:
		return "+"
	case opMinus:
		return "-"
	}
	return ""
}

// ref is the index of a node in its tree. 0 is no node.
type ref int32

// node is an operator with its operands, the nodes from first on along next; or a path; or a value. In one
// block of memory a tree costs few allocations and none to walk.
type node struct {
	op          operator
	wrapped     bool // the text has parentheses around it
	first, next ref
	from, to    int32  // of a path: its steps in the tree
	text        string // of a value: its placeholder; of a call: the name of the function
	value       attribute.Value
}

// tree is a parsed expression. Checking resolves what it names in place; afterwards it never changes.
type tree struct {
	nodes     []node
	steps     []attribute.Step
	operators int
	redundant bool // somewhere the text has two pairs of parentheses around the same
	literal   bool // names are names, not placeholders; values are there already
}

// newTree makes an empty tree with room for what the text is likely to hold.
func newTree(text string) *tree {
	return &tree{nodes: make([]node, 1, 2+len(text)/8), steps: make([]attribute.Step, 0, 1+len(text)/16)}
}

func (t *tree) add(n node) ref {
	t.nodes = append(t.nodes, n)
	return ref(len(t.nodes) - 1)
}

// addOperator adds a node over the operands. An operand belongs to one operator.
func (t *tree) addOperator(op operator, operands ...ref) ref {
	for i := 1; i < len(operands); i++ {
		t.nodes[operands[i-1]].next = operands[i]
	}
	return t.add(node{op: op, first: operands[0]})
}

func (t *tree) path(r ref) []attribute.Step { return t.steps[t.nodes[r].from:t.nodes[r].to] }

// operands are the first two operands of r.
func (t *tree) operands(r ref) (first, second ref) {
	first = t.nodes[r].first
	return first, t.nodes[first].next
}

// name is the top-level attribute of the path r.
func (t *tree) name(r ref) string { return t.steps[t.nodes[r].from].Name }

// formatPath is a path as DynamoDB's errors print it: [a, b, [0]].
func formatPath(path []attribute.Step) string {
	var b strings.Builder
	for i, step := range path {
		if i > 0 {
			b.WriteString(", ")
		}
		if step.IsIndex {
			b.WriteString("[" + strconv.Itoa(step.Index) + "]")
		} else {
			b.WriteString(step.Name)
		}
	}
	return "[" + b.String() + "]"
}
