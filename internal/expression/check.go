package expression

import (
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/sealtable/sealtable/internal/attribute"
)

// Limits of "Service, account, and table quotas in Amazon DynamoDB", expression parameters.
const (
	maxOperators = 300
	maxIn        = 100
	maxPathDepth = attribute.MaxNesting
)

// rank is how early DynamoDB finds a class of errors. Of several errors in one text it reports the earliest
// class.
type rank uint8

const (
	rankForm rank = iota
	rankOperators
	rankFunction
	rankUse
	rankReserved
	rankPlaceholder
	rankPath
	rankOverlap
	rankOperand
	none
)

// checker resolves what a tree names and looks for everything that can be wrong without an item. It goes on
// after an error, to find one of an earlier class.
type checker struct {
	*tree
	scope   *Scope
	member  string
	rank    rank
	message string
}

func newChecker(t *tree, scope *Scope, member string) *checker {
	c := &checker{tree: t, scope: scope, member: member, rank: none}
	if t.redundant {
		c.report(rankForm, "The expression has redundant parentheses;")
	}
	if t.operators > maxOperators {
		c.report(rankOperators, "The expression contains too many operators; operator count: %d",
			maxOperators+1)
	}
	return c
}

// report keeps the first error of the earliest class.
func (c *checker) report(r rank, format string, args ...any) {
	if r < c.rank {
		c.rank, c.message = r, fmt.Sprintf(format, args...)
	}
}

func (c *checker) finish() error {
	if c.rank == none {
		return nil
	}
	return &Error{Message: "Invalid " + c.member + ": " + c.message}
}

// checkPath resolves the names of a path.
func (c *checker) checkPath(r ref) {
	path := c.path(r)
	if len(path) > maxPathDepth {
		c.report(rankPath, "The document path has too many nesting levels; nesting levels: %d", len(path))
	}
	for i := range path {
		switch step := &path[i]; {
		case step.IsIndex && step.Name != "":
			c.report(rankPath, "List index is not within the allowable range; index: [%s]", step.Name)
		case step.IsIndex || c.literal:
		case step.Name[0] == '#':
			name, ok := c.scope.name(step.Name)
			if !ok {
				c.report(rankPlaceholder,
					"An expression attribute name used in the document path is not defined; attribute "+
						"name: %s", step.Name)
				break
			}
			step.Name = name
		case isReserved(step.Name):
			c.report(rankReserved, "Attribute name is a reserved keyword; reserved keyword: %s", step.Name)
		}
	}
}

func (c *checker) checkValue(r ref) {
	n := &c.nodes[r]
	if c.literal {
		return
	}
	n.value = c.scope.value(n.text)
	if n.value == nil {
		c.report(rankPlaceholder, "An expression attribute value used in expression is not defined; "+
			"attribute value: %s", n.text)
	}
}

// function is what the checker knows of a function.
type function struct {
	op       operator
	operands int
	update   bool // usable in updates; the others in conditions
}

func lookup(name string) (f function, ok bool) {
	switch name {
	case "attribute_exists":
		return function{opExists, 1, false}, true
	case "attribute_not_exists":
		return function{opNotExists, 1, false}, true
	case "attribute_type":
		return function{opType, 2, false}, true
	case "begins_with":
		return function{opBeginsWith, 2, false}, true
	case "contains":
		return function{opContains, 2, false}, true
	case "size":
		return function{opSize, 1, false}, true
	case "if_not_exists":
		return function{opIfNotExists, 2, true}, true
	case "list_append":
		return function{opListAppend, 2, true}, true
	}
	return function{}, false
}

// resolveCall finds the function that a call names and counts its operands. ok is false when there is no use
// in looking further.
func (c *checker) resolveCall(r ref, update bool) (f function, ok bool) {
	n := &c.nodes[r]
	f, ok = lookup(n.text)
	switch {
	case !ok:
		c.report(rankFunction, "Invalid function name; function: %s", n.text)
		return f, false
	case f.update && !update:
		c.report(rankFunction, "The function is not allowed in a condition expression; function: %s", n.text)
		return f, false
	case update && !f.update:
		c.report(rankFunction, "The function is not allowed in an update expression; function: %s", n.text)
		return f, false
	}
	n.op = f.op
	count := 0
	for operand := n.first; operand != 0; operand = c.nodes[operand].next {
		count++
	}
	if count != f.operands {
		c.report(rankOperand, "Incorrect number of operands for operator or function; operator or "+
			"function: %s, number of operands: %d",
			f.op, count)
	}
	return f, count == f.operands
}

// requirePath refuses an operand that is no document path.
func (c *checker) requirePath(operand ref, op operator) {
	if c.nodes[operand].op != opPath {
		c.report(rankOperand, "Operator or function requires a document path; operator or function: %s", op)
	}
}

// requireKind refuses an operand whose type is known and none of allowed.
func (c *checker) requireKind(operand ref, op operator, allowed kinds) {
	if k := c.kind(operand); k != attribute.Invalid && !allowed.has(k) {
		c.report(rankOperand, "Incorrect operand type for operator or function; operator or function: %s, "+
			"operand type: %s", op, k)
	}
}

// kind is the type of an operand as far as it is known without an item, else Invalid.
func (c *checker) kind(operand ref) attribute.Kind {
	switch n := &c.nodes[operand]; n.op {
	case opValue:
		return n.value.Kind()
	case opSize, opPlus, opMinus:
		return attribute.N
	case opListAppend:
		return attribute.L
	}
	return attribute.Invalid
}

// kinds is a set of types.
type kinds uint16

func kindsOf(all ...attribute.Kind) kinds {
	var set kinds
	for _, k := range all {
		set |= 1 << k
	}
	return set
}

func (s kinds) has(k attribute.Kind) bool { return s&(1<<k) != 0 }

// formatValue is a value as DynamoDB's errors print it: AttributeValue: {N:1}.
func formatValue(v attribute.Value) string {
	text := ""
	switch v.Kind() {
	case attribute.S:
		text = string(v.Text())
	case attribute.N:
		text = v.Number().String()
	case attribute.B:
		text = base64.StdEncoding.EncodeToString(v.Text())
	default:
		_, text, _ = strings.Cut(strings.TrimSuffix(string(attribute.AppendJSON(nil, v)), "}"), ":")
	}
	return "AttributeValue: {" + v.Kind().String() + ":" + text + "}"
}
