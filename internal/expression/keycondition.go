package expression

import "github.com/sealtable/sealtable/internal/attribute"

// Comparison is the operator of a KeyClause.
type Comparison uint8

// What a key condition can ask of a key attribute.
const (
	Equal Comparison = iota + 1
	Less
	LessOrEqual
	Greater
	GreaterOrEqual
	Between
	BeginsWith
)

// KeyClause is what a key condition asks of one top-level attribute. High is nil unless Comparison is
// Between. Low and High are S, N or B, except that Equal takes any type; whether they fit the key is the
// caller's to say, who knows it.
type KeyClause struct {
	Attribute  string
	Comparison Comparison
	Low, High  attribute.Value
}

// KeyCondition is a compiled KeyConditionExpression.
type KeyCondition struct{ clauses []KeyClause }

// Clauses are of different attributes, in the order of the text.
func (k *KeyCondition) Clauses() []KeyClause { return k.clauses }

// Attributes that a key can have: of a table, and of an index ("Multi-attribute keys").
const (
	tableKeyParts = 2
	indexKeyParts = 8
)

// KeyCondition compiles a KeyConditionExpression of one or two clauses.
func (s *Scope) KeyCondition(text string) (*KeyCondition, error) {
	return s.keyCondition(text, tableKeyParts)
}

// IndexKeyCondition is KeyCondition for an index, whose key may have more attributes. Whether it has is the
// caller's to say.
func (s *Scope) IndexKeyCondition(text string) (*KeyCondition, error) {
	return s.keyCondition(text, indexKeyParts)
}

func (s *Scope) keyCondition(text string, limit int) (*KeyCondition, error) {
	if err := s.open(); err != nil {
		return nil, err
	}
	t, root, err := parseCondition(memberKeyCondition, text)
	if err != nil {
		return nil, err
	}
	c := newChecker(t, s, memberKeyCondition)
	c.checkCondition(root)
	if err := c.finish(); err != nil {
		return nil, err
	}
	k := &KeyCondition{clauses: make([]KeyClause, 0, 2)}
	if err := k.collect(t, root); err != nil {
		return nil, err
	}
	if len(k.clauses) > limit {
		return nil, TooManyKeyConditions()
	}
	return k, nil
}

// TooManyKeyConditions is the error for more clauses than the key has attributes.
func TooManyKeyConditions() error { return &Error{"Conditions can be of length 1 or 2 only"} }

// collect adds the clauses of r, which AND may connect and nothing else.
func (k *KeyCondition) collect(t *tree, r ref) error {
	if t.nodes[r].op != opAnd {
		clause, err := t.keyClause(r)
		if err != nil {
			return err
		}
		return k.add(clause)
	}
	for operand := t.nodes[r].first; operand != 0; operand = t.nodes[operand].next {
		if err := k.collect(t, operand); err != nil {
			return err
		}
	}
	return nil
}

func (k *KeyCondition) add(clause KeyClause) error {
	for _, other := range k.clauses {
		if other.Attribute == clause.Attribute {
			return &Error{"KeyConditionExpressions must only contain one condition per key"}
		}
	}
	k.clauses = append(k.clauses, clause)
	return nil
}

// keyComparison is what op asks of a key attribute; none is 0.
func keyComparison(op operator) Comparison {
	switch op {
	case opEqual:
		return Equal
	case opLess:
		return Less
	case opLessOrEqual:
		return LessOrEqual
	case opGreater:
		return Greater
	case opGreaterOrEqual:
		return GreaterOrEqual
	case opBetween:
		return Between
	case opBeginsWith:
		return BeginsWith
	}
	return 0
}

// turned is the comparison with its operands exchanged.
func (c Comparison) turned() Comparison {
	switch c {
	case Less:
		return Greater
	case LessOrEqual:
		return GreaterOrEqual
	case Greater:
		return Less
	case GreaterOrEqual:
		return LessOrEqual
	}
	return c
}

// keyClause makes a clause of r, which compares one attribute with values. The attribute may stand on the
// right of a comparator.
func (t *tree) keyClause(r ref) (clause KeyClause, err error) {
	n := &t.nodes[r]
	clause.Comparison = keyComparison(n.op)
	if clause.Comparison == 0 {
		return clause, &Error{"Invalid operator used in KeyConditionExpression: " + n.op.String()}
	}
	var paths, values []ref
	for operand := n.first; operand != 0; operand = t.nodes[operand].next {
		switch t.nodes[operand].op {
		case opPath:
			paths = append(paths, operand)
		case opValue:
			values = append(values, operand)
		default:
			return clause, &Error{"KeyConditionExpressions cannot contain nested operations"}
		}
	}
	if err := t.checkKeyPaths(n, paths); err != nil {
		return clause, err
	}
	if n.first != paths[0] {
		clause.Comparison = clause.Comparison.turned()
	}
	clause.Attribute, clause.Low = t.name(paths[0]), t.nodes[values[0]].value
	if len(values) > 1 {
		clause.High = t.nodes[values[1]].value
	}
	return clause, nil
}

// checkKeyPaths checks the paths among the operands of n: one, top-level, and in front where the operator
// wants it so.
func (t *tree) checkKeyPaths(n *node, paths []ref) error {
	const invalid = "Invalid condition in KeyConditionExpression: "
	switch {
	case len(paths) > 1:
		return &Error{invalid + "Multiple attribute names used in one condition"}
	case len(paths) == 0:
		return &Error{invalid + "No key attribute specified"}
	case n.first != paths[0] && (n.op == opBetween || n.op == opBeginsWith):
		return &Error{invalid + n.op.String() + " operator must have the key attribute as its first operand"}
	case len(t.path(paths[0])) > 1:
		return refuse(memberKeyCondition, "KeyConditionExpressions cannot have conditions on nested "+
			"attributes")
	}
	return nil
}
