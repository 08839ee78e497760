package expression

import (
	"maps"
	"slices"

	"github.com/sealtable/sealtable/internal/attribute"
)

// LegacyCondition is what QueryFilter, ScanFilter or KeyConditions ask of one attribute: a Condition of the
// API.
type LegacyCondition struct {
	Operator string // ComparisonOperator
	Values   []attribute.Value
}

// LegacyExpectation is what Expected asks of one attribute: an ExpectedAttributeValue of the API. Operator ""
// and nil are what was not given; an empty AttributeValueList is given.
type LegacyExpectation struct {
	Operator string // ComparisonOperator
	Values   []attribute.Value
	Value    attribute.Value
	Exists   *bool
}

func wrongParameter(text string) error {
	return &Error{"One or more parameter values were invalid: " + text}
}

// LegacyFilter compiles a QueryFilter or a ScanFilter. conditionalOperator is ConditionalOperator: AND, OR,
// or "" where none was given.
func LegacyFilter(filter map[string]LegacyCondition, conditionalOperator string) (*Condition, error) {
	l := newLegacyTree()
	for _, name := range slices.Sorted(maps.Keys(filter)) {
		if err := l.add(name, filter[name].Operator, filter[name].Values); err != nil {
			return nil, err
		}
	}
	return l.condition(conditionalOperator)
}

// Expected compiles the parameter Expected. conditionalOperator is ConditionalOperator: AND, OR, or "" where
// none was given.
func Expected(expected map[string]LegacyExpectation, conditionalOperator string) (*Condition, error) {
	l := newLegacyTree()
	for _, name := range slices.Sorted(maps.Keys(expected)) {
		e := expected[name]
		if err := e.check(name); err != nil {
			return nil, err
		}
		operator, values := e.plain()
		if err := l.add(name, operator, values); err != nil {
			return nil, err
		}
	}
	return l.condition(conditionalOperator)
}

// check refuses combinations of members that contradict each other. A Value together with an operator is
// fine.
func (e *LegacyExpectation) check(name string) error {
	hasOperator := e.Operator != ""
	hasValue := e.Value != nil
	hasList := e.Values != nil
	needsValue := hasOperator && e.Operator != "NULL" && e.Operator != "NOT_NULL"
	text := ""
	switch {
	case hasValue && hasList:
		text = "Value and AttributeValueList cannot be used together"
	case hasOperator && e.Exists != nil:
		text = "Exists and ComparisonOperator cannot be used together"
	case needsValue && !hasValue && !hasList:
		text = "Value or AttributeValueList must be used with ComparisonOperator: " + e.Operator
	case hasOperator:
	case hasList:
		text = "AttributeValueList can only be used with a ComparisonOperator"
	case e.Exists == nil && !hasValue:
		text = "Value must be provided when Exists is null"
	case e.Exists != nil && *e.Exists && !hasValue:
		text = "Value must be provided when Exists is true"
	case e.Exists != nil && !*e.Exists && hasValue:
		text = "Value cannot be used when Exists is false"
	}
	if text == "" {
		return nil
	}
	return wrongParameter(text + " for Attribute: " + name)
}

// plain is the expectation in the newer form, an operator and values.
func (e *LegacyExpectation) plain() (operator string, values []attribute.Value) {
	switch {
	case e.Operator == "" && e.Value == nil:
		return "NULL", nil
	case e.Operator == "":
		return "EQ", []attribute.Value{e.Value}
	case e.Value != nil:
		return e.Operator, []attribute.Value{e.Value}
	}
	return e.Operator, e.Values
}

// legacyTree makes of legacy parameters the tree that an expression would give.
type legacyTree struct {
	tree  *tree
	terms []ref
}

func newLegacyTree() *legacyTree { return &legacyTree{tree: newTree("")} }

func (l *legacyTree) path(name string) ref {
	from := int32(len(l.tree.steps))
	l.tree.steps = append(l.tree.steps, attribute.Step{Name: name})
	return l.tree.add(node{op: opPath, from: from, to: from + 1})
}

func (l *legacyTree) value(v attribute.Value) ref { return l.tree.add(node{op: opValue, value: v}) }

// add checks one condition and adds it.
func (l *legacyTree) add(name, operator string, values []attribute.Value) error {
	spec, ok := legacyOperatorNamed(operator)
	if !ok {
		return wrongParameter("Unsupported operator on ExpectedAttributeValue: " + operator)
	}
	if err := spec.check(operator, values); err != nil {
		return err
	}
	operands := append(make([]ref, 0, 1+len(values)), l.path(name))
	for _, v := range values {
		operands = append(operands, l.value(v))
	}
	term := l.tree.addOperator(spec.op, operands...)
	if spec.negated {
		// Unlike <>, it wants the attribute to be there.
		term = l.tree.addOperator(opAnd, l.tree.addOperator(opExists, l.path(name)),
			l.tree.addOperator(opNot, term))
	}
	l.terms = append(l.terms, term)
	return nil
}

// condition connects the terms. No terms at all hold of everything.
func (l *legacyTree) condition(conditionalOperator string) (*Condition, error) {
	op := opAnd
	switch conditionalOperator {
	case "", "AND":
	case "OR":
		op = opOr
	default:
		return nil, wrongParameter("ConditionalOperator must be AND or OR")
	}
	switch {
	case conditionalOperator != "" && len(l.terms) == 0:
		return nil, &Error{"ConditionalOperator cannot be used without Filter or Expected"}
	case conditionalOperator != "" && len(l.terms) == 1:
		return nil, &Error{"ConditionalOperator can only be used when Filter or Expected has two or more " +
			"elements"}
	case len(l.terms) == 0:
		return &Condition{l.tree, l.tree.add(node{op: opAnd})}, nil
	}
	return &Condition{l.tree, l.tree.addOperator(op, l.terms...)}, nil
}

// legacyOperator is what a ComparisonOperator means and takes. most is -1 where any number from least on will
// do.
type legacyOperator struct {
	op          operator
	least, most int
	takes       kinds
	negated     bool
}

func legacyOperatorNamed(name string) (legacyOperator, bool) {
	ordered := kindsOf(attribute.S, attribute.N, attribute.B)
	every := ^kinds(0)
	switch name {
	case "EQ":
		return legacyOperator{opEqual, 1, 1, every, false}, true
	case "NE":
		return legacyOperator{opNotEqual, 1, 1, every, false}, true
	case "LE":
		return legacyOperator{opLessOrEqual, 1, 1, ordered, false}, true
	case "LT":
		return legacyOperator{opLess, 1, 1, ordered, false}, true
	case "GE":
		return legacyOperator{opGreaterOrEqual, 1, 1, ordered, false}, true
	case "GT":
		return legacyOperator{opGreater, 1, 1, ordered, false}, true
	case "BETWEEN":
		return legacyOperator{opBetween, 2, 2, ordered, false}, true
	case "IN":
		return legacyOperator{opIn, 1, -1, ordered, false}, true
	case "BEGINS_WITH":
		return legacyOperator{opBeginsWith, 1, 1, kindsOf(attribute.S, attribute.B), false}, true
	case "CONTAINS":
		return legacyOperator{opContains, 1, 1, ordered, false}, true
	case "NOT_CONTAINS":
		return legacyOperator{opContains, 1, 1, ordered, true}, true
	case "NULL":
		return legacyOperator{op: opNotExists}, true
	case "NOT_NULL":
		return legacyOperator{op: opExists}, true
	}
	return legacyOperator{}, false
}

func (o legacyOperator) check(name string, values []attribute.Value) error {
	if len(values) < o.least || o.most >= 0 && len(values) > o.most {
		return wrongParameter("Invalid number of argument(s) for the " + name + " ComparisonOperator")
	}
	for _, v := range values {
		if v.Kind() != values[0].Kind() {
			return wrongParameter("AttributeValues inside AttributeValueList must be of same type")
		}
		if !o.takes.has(v.Kind()) {
			return wrongParameter("ComparisonOperator " + name + " is not valid for " + v.Kind().String() +
				" AttributeValue type")
		}
	}
	if o.op == opBetween && attribute.Compare(values[0], values[1]) > 0 {
		return &Error{"The BETWEEN condition was provided a range where the lower bound is greater than " +
			"the upper bound"}
	}
	return nil
}
