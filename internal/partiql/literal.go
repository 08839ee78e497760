package partiql

import (
	"errors"

	"github.com/sealtable/sealtable/internal/attribute"
)

// parameters are the values of a statement's parameters.
type parameters []attribute.Value

// value is what a literal or a parameter stands for.
func (p parameters) value(e *expr) (attribute.Value, error) {
	switch e.op {
	case opString:
		return attribute.String(e.text), nil
	case opNumber, opNegate:
		return numberOf(e)
	case opBool:
		return attribute.Bool(e.text == "true"), nil
	case opNull:
		return attribute.Null(), nil
	case opParameter:
		return p[e.parameter], nil
	case opList:
		elements, err := p.values(e.operands)
		return attribute.NewList(elements...), err
	case opBag:
		return p.set(e)
	case opTuple:
		item, err := p.item(e)
		return item.Value(), err
	}
	return nil, refuse("Unsupported data type: %s", e.op)
}

func (p parameters) values(all []*expr) ([]attribute.Value, error) {
	values := make([]attribute.Value, len(all))
	for i, e := range all {
		var err error
		if values[i], err = p.value(e); err != nil {
			return nil, err
		}
	}
	return values, nil
}

// numberOf reads a number, which signs may stand before.
func numberOf(e *expr) (attribute.Value, error) {
	sign := ""
	for ; e.op == opNegate; e = e.operands[0] {
		if sign == "" {
			sign = "-"
		} else {
			sign = ""
		}
	}
	if e.op != opNumber {
		return nil, unsupportedOperator("-")
	}
	n, err := attribute.ParseNumber([]byte(sign + e.text))
	if err != nil {
		return nil, err
	}
	return attribute.FromNumber(n), nil
}

// set makes a set of literals. Parameters are whole sets, or none.
func (p parameters) set(e *expr) (attribute.Value, error) {
	if len(e.operands) == 0 {
		return nil, refuse("Empty bags are not supported")
	}
	members := make([]attribute.Value, len(e.operands))
	for i, operand := range e.operands {
		if operand.op != opString && operand.op != opNumber && operand.op != opNegate {
			return nil, refuse("Unsupported data type in Bag")
		}
		var err error
		if members[i], err = p.value(operand); err != nil {
			return nil, err
		}
		if members[i].Kind() != members[0].Kind() {
			return nil, refuse("DynamoDB only supports either numbers or strings in bags")
		}
	}
	kind := attribute.SS
	if members[0].Kind() == attribute.N {
		kind = attribute.NS
	}
	set, err := attribute.NewSet(kind, members...)
	var invalid *attribute.ValidationError
	if errors.As(err, &invalid) {
		return nil, refuse("Input collection contains duplicates")
	}
	return set, err
}

// item makes a map of a tuple.
func (p parameters) item(e *expr) (attribute.Item, error) {
	var b attribute.Builder
	for i, name := range e.names {
		value, err := p.value(e.operands[i])
		switch {
		case err != nil:
			return nil, err
		case name == "":
			return nil, refuse("Path component cannot be an empty string")
		case b.Get(name) != nil:
			return nil, refuse("Duplicate key in tuple: %s", name)
		case len(name) > maxName:
			return nil, refuse("Attribute name is too large, must be less than 65536 bytes")
		}
		b.Set(name, value)
	}
	return b.Item(), nil
}

// maxName is how many bytes the name of an attribute may have. It matters only to callers without DynamoDB's
// limit on statements.
const maxName = 1<<16 - 1

// String is the operation as refusals name it.
func (o operation) String() string {
	switch o {
	case opPath:
		return "PATH"
	case opMissing:
		return "MISSING"
	case opCall:
		return "FUNCTION"
	}
	return "EXPRESSION"
}
