package partiql

import (
	"github.com/sealtable/sealtable/internal/attribute"
	"github.com/sealtable/sealtable/internal/expression"
)

// Checked is a statement whose parameters are bound and which means something. What a kind of statement does
// not have is zero.
type Checked struct {
	*Statement
	// Item is what INSERT stores.
	Item attribute.Item
	// Where is the condition, nil for none.
	Where *expression.Condition
	// Columns are what SELECT gives of an item, nil for everything.
	Columns *Columns
	// Order is ORDER BY.
	Order []Order
	// Changes are what UPDATE does.
	Changes *expression.Update

	access *term
}

// Check binds the parameters, which are all that the statement has, and checks everything that can be checked
// without a table.
func (s *Statement) Check(values []attribute.Value) (*Checked, error) {
	if len(values) != s.parameters {
		return nil, refuse("Number of parameters in request and statement don't match.")
	}
	c, p := &Checked{Statement: s, Order: s.order}, parameters(values)
	var err error
	switch s.Kind {
	case Select, Exists:
		c.Columns, err = columnsOf(s.columns)
	case Insert:
		if c.Item, err = p.item(s.item); err == nil {
			err = c.Item.CheckNesting()
		}
	case Update:
		c.Changes, err = p.update(s.changes)
	}
	if err != nil {
		return nil, err
	}
	if s.where == nil {
		c.access = &term{}
		return c, nil
	}
	if c.Where, err = p.condition(s); err != nil {
		return nil, err
	}
	c.access = p.term(s.where)
	return c, nil
}

// condition makes the condition of WHERE.
func (p parameters) condition(s *Statement) (*expression.Condition, error) {
	w := &where{parameters: p, Builder: expression.NewBuilder()}
	root, err := w.predicate(s.where)
	switch {
	case err != nil:
		return nil, err
	case s.Kind == Select:
		return w.Filter(root)
	}
	return w.Condition(root)
}

// where turns an expression into a condition.
type where struct {
	parameters
	*expression.Builder
}

// predicate is for where the statement must say something true or false.
func (w *where) predicate(e *expr) (part expression.Part, err error) {
	switch e.op {
	case opAnd, opOr, opNot:
		return w.operation(e.op.keyword(), e.operands, w.predicate)
	case opCompare:
		return w.operation(e.text, e.operands, w.operand)
	case opBetween:
		return w.operation("BETWEEN", e.operands, w.operand)
	case opIn:
		return w.in(e)
	case opIsMissing:
		return w.operation("attribute_not_exists", e.operands, w.operand)
	case opIsNull:
		path, err := w.operand(e.operands[0])
		return w.Operation("attribute_type", path, w.Value(attribute.String("NULL"))), err
	case opCall:
		return w.call(e)
	case opPlus:
		return part, unsupportedOperator("+")
	case opMinus, opNegate:
		return part, unsupportedOperator("-")
	}
	return part, refuse("Unsupported expression in WHERE clause: a condition is expected")
}

func (o operation) keyword() string {
	switch o {
	case opOr:
		return "OR"
	case opNot:
		return "NOT"
	}
	return "AND"
}

func unsupportedOperator(op string) error {
	return refuse("Unsupported operator in Condition Expression. Operator: %s", op)
}

func (w *where) operation(
	name string, operands []*expr, each func(*expr) (expression.Part, error),
) (expression.Part, error) {
	parts := make([]expression.Part, len(operands))
	for i, operand := range operands {
		var err error
		if parts[i], err = each(operand); err != nil {
			return expression.Part{}, err
		}
	}
	return w.Operation(name, parts...), nil
}

// in compares with the elements of a list, which may be a parameter.
func (w *where) in(e *expr) (part expression.Part, err error) {
	left, err := w.operand(e.operands[0])
	if err != nil {
		return part, err
	}
	values, err := w.elements(e.operands[1])
	if err != nil {
		return part, err
	}
	parts := []expression.Part{left}
	for _, v := range values {
		parts = append(parts, w.Value(v))
	}
	return w.Operation("IN", parts...), nil
}

// elements are the values on the right side of IN.
func (p parameters) elements(list *expr) ([]attribute.Value, error) {
	if list.op != opList && list.op != opParameter {
		return nil, refuse("Unsupported data type: the IN operator requires a list")
	}
	v, err := p.value(list)
	if err != nil {
		return nil, err
	}
	if v.Kind() != attribute.L || v.Len() == 0 {
		return nil, refuse("Unsupported data type: the IN operator requires a list with at least one element")
	}
	values := make([]attribute.Value, 0, v.Len())
	for _, element := range v.Elements() {
		values = append(values, element)
	}
	return values, nil
}

// operand is for where the statement must name a value.
func (w *where) operand(e *expr) (part expression.Part, err error) {
	switch e.op {
	case opPath:
		return w.Path(e.path), nil
	case opCall:
		return w.call(e)
	case opPlus:
		return part, unsupportedOperator("+")
	case opMinus:
		return part, unsupportedOperator("-")
	}
	v, err := w.value(e)
	return w.Value(v), err
}

func (w *where) call(e *expr) (part expression.Part, err error) {
	if e.text == "exists" {
		return part, refuse("Unexpected path component")
	}
	if len(e.operands) == 0 {
		return part, refuse("Incorrect number of operands for operator or function; operator or function: "+
			"%s, number of operands: 0", e.text)
	}
	return w.operation(e.text, e.operands, w.operand)
}
