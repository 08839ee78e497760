package policy

import "strings"

// quantifier is how an operator treats a key of several values ("Set operators for multivalued context keys").
type quantifier int

const (
	single quantifier = iota
	forAny
	forAll
)

// condition is one operator with one key and its values. The values are alternatives; conditions of one statement must all hold.
type condition struct {
	key        string // in lower case
	quantifier quantifier
	ifExists   bool
	negated    bool // a Not… operator: the value must match none of the operands
	null       bool // the Null operator, whose operand is wantNull
	wantNull   bool
	operands   []operand
}

// operand tests one value of the request against one value of the policy.
type operand interface {
	match(value string, r *Request) bool
}

func (c *condition) holds(r *Request) bool {
	values, present := lookup(r, c.key)
	if c.null {
		return (!present || len(values) == 0) == c.wantNull
	}
	if !present || len(values) == 0 {
		return c.holdsWithout()
	}
	switch c.quantifier {
	case forAll:
		return every(values, func(v string) bool { return c.fits(v, r) })
	case forAny:
		return !every(values, func(v string) bool { return !c.fits(v, r) })
	}
	if c.negated {
		return every(values, func(v string) bool { return c.fits(v, r) })
	}
	return !every(values, func(v string) bool { return !c.fits(v, r) })
}

// holdsWithout is the outcome for a key that the request does not have.
func (c *condition) holdsWithout() bool {
	switch {
	case c.quantifier == forAll:
		return true
	case c.quantifier == forAny:
		return false
	}
	return c.ifExists || c.negated
}

func (c *condition) fits(value string, r *Request) bool {
	for _, o := range c.operands {
		if o.match(value, r) {
			return !c.negated
		}
	}
	return c.negated
}

func lookup(r *Request, key string) ([]string, bool) {
	if r.Context == nil {
		return nil, false
	}
	return r.Context.Values(key)
}

func every(values []string, test func(string) bool) bool {
	for _, v := range values {
		if !test(v) {
			return false
		}
	}
	return true
}

// operator is a condition operator taken apart: ForAnyValue:StringNotEqualsIfExists is {forAny, "StringEquals", negated, ifExists}.
type operator struct {
	quantifier quantifier
	base       string
	negated    bool
	ifExists   bool
}

func parseOperator(name string) (operator, bool) {
	var op operator
	switch {
	case strings.HasPrefix(name, "ForAnyValue:"):
		op.quantifier, name = forAny, strings.TrimPrefix(name, "ForAnyValue:")
	case strings.HasPrefix(name, "ForAllValues:"):
		op.quantifier, name = forAll, strings.TrimPrefix(name, "ForAllValues:")
	}
	name, op.ifExists = strings.CutSuffix(name, "IfExists")
	switch name {
	case "StringNotEquals", "StringNotEqualsIgnoreCase", "StringNotLike", "NumericNotEquals", "DateNotEquals", "ArnNotEquals",
		"ArnNotLike":
		op.negated, op.base = true, strings.Replace(name, "Not", "", 1)
		return op, true
	case "NotIpAddress":
		op.negated, op.base = true, "IpAddress"
		return op, true
	case "StringEquals", "StringEqualsIgnoreCase", "StringLike", "NumericEquals", "NumericLessThan", "NumericLessThanEquals",
		"NumericGreaterThan", "NumericGreaterThanEquals", "DateEquals", "DateLessThan", "DateLessThanEquals", "DateGreaterThan",
		"DateGreaterThanEquals", "Bool", "BinaryEquals", "IpAddress", "ArnEquals", "ArnLike":
		op.base = name
		return op, true
	case "Null":
		op.base = name
		return op, !op.ifExists && op.quantifier == single
	}
	return op, false
}
