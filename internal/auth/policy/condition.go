package policy

import "strings"

// quantifier is how an operator treats a key of several values ("Set operators for multivalued context
// keys").
type quantifier int

const (
	single quantifier = iota
	forAny
	forAll
)

// condition is one operator with one key and its values. The values are alternatives; conditions of one
// statement must all hold.
type condition struct {
	key        string // in lower case
	quantifier quantifier
	ifExists   bool
	negated    bool // a Not… operator: the value must match none of the operands
	operands   []operand
	// null is the Null operator: does it hold for a key that the request does not have, and for one that it
	// has?
	null, holdsAbsent, holdsPresent bool
}

// operand tests one value of the request against one value of the policy.
type operand interface {
	match(value string, r *Request) bool
}

func (c *condition) holds(r *Request) bool {
	values, present := lookup(r, c.key)
	present = present && len(values) > 0
	if c.null {
		return present && c.holdsPresent || !present && c.holdsAbsent
	}
	if !present || c.quantifier != single && every(values, isEmpty) {
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

// isEmpty is for set operators, to which a set of nothing but empty strings is the empty set.
func isEmpty(value string) bool { return value == "" }

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

// operator is a condition operator taken apart: ForAnyValue:StringNotEqualsIfExists is {forAny,
// "StringEquals", negated, ifExists}.
type operator struct {
	quantifier quantifier
	base       string
	negated    bool
	ifExists   bool
}

// parseOperator reads the name of an operator, whose case does not matter.
func parseOperator(name string) (operator, bool) {
	var op operator
	name = strings.ToLower(name)
	if rest, ok := strings.CutPrefix(name, "foranyvalue:"); ok {
		op.quantifier, name = forAny, rest
	} else if rest, ok := strings.CutPrefix(name, "forallvalues:"); ok {
		op.quantifier, name = forAll, rest
	}
	name, op.ifExists = strings.CutSuffix(name, "ifexists")
	op.base = positiveOperator(name)
	if op.base != "" {
		return op, op.base != "Null" || !op.ifExists && op.quantifier == single
	}
	op.base, op.negated = negatedOperator(name), true
	return op, op.base != ""
}

func positiveOperator(name string) string {
	for _, base := range []string{
		"StringEquals", "StringEqualsIgnoreCase", "StringLike", "ArnEquals", "ArnLike", "Bool",
		"BinaryEquals", "IpAddress", "Null",
		"NumericEquals", "NumericLessThan", "NumericLessThanEquals", "NumericGreaterThan",
		"NumericGreaterThanEquals",
		"DateEquals", "DateLessThan", "DateLessThanEquals", "DateGreaterThan", "DateGreaterThanEquals",
	} {
		if strings.EqualFold(name, base) {
			return base
		}
	}
	return ""
}

// negatedOperator gives the positive operator that a negated one turns round.
func negatedOperator(name string) string {
	switch name {
	case "stringnotequals":
		return "StringEquals"
	case "stringnotequalsignorecase":
		return "StringEqualsIgnoreCase"
	case "stringnotlike":
		return "StringLike"
	case "arnnotequals", "arnnotlike":
		return "ArnLike"
	case "numericnotequals":
		return "NumericEquals"
	case "datenotequals":
		return "DateEquals"
	case "notipaddress":
		return "IpAddress"
	}
	return ""
}
