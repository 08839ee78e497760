package partiql

import (
	"slices"

	"github.com/sealtable/sealtable/internal/attribute"
	"github.com/sealtable/sealtable/internal/expression"
)

// update makes the update of SET and REMOVE.
func (p parameters) update(changes []change) (*expression.Update, error) {
	u := &updating{parameters: p, Builder: expression.NewBuilder()}
	for _, c := range changes {
		if err := u.change(c); err != nil {
			return nil, err
		}
	}
	return u.Update()
}

// updating turns assignments into the actions of an update.
type updating struct {
	parameters
	*expression.Builder
}

func (u *updating) change(c change) error {
	target := u.Path(c.target.path)
	switch {
	case c.value == nil:
		u.Remove(target)
		return nil
	case c.value.op == opCall && (c.value.text == "set_add" || c.value.text == "set_delete"):
		return u.members(c, target)
	}
	value, err := u.operand(c.value)
	u.Set(target, value)
	return err
}

// members changes a set in its place: set_add and set_delete name the attribute that they are assigned to.
func (u *updating) members(c change, target expression.Part) error {
	f := c.value
	if len(f.operands) != 2 || f.operands[0].op != opPath ||
		!slices.Equal(f.operands[0].path, c.target.path) {
		return refuse("The first argument of %s must be the attribute that its result is assigned to", f.text)
	}
	v, err := u.value(f.operands[1])
	switch k := v.Kind(); {
	case err != nil:
		return err
	case k != attribute.SS && k != attribute.NS && k != attribute.BS:
		return refuse("The second argument of %s must be a set", f.text)
	}
	if f.text == "set_add" {
		u.Add(target, u.Value(v))
	} else {
		u.Delete(target, u.Value(v))
	}
	return nil
}

// operand is the right side of an assignment, or a part of it.
func (u *updating) operand(e *expr) (part expression.Part, err error) {
	switch e.op {
	case opPath:
		return u.Path(e.path), nil
	case opPlus:
		return u.operation("+", e.operands)
	case opMinus:
		return u.operation("-", e.operands)
	case opCall:
		if e.text != "list_append" || len(e.operands) != 2 {
			return part, refuse("Unsupported function in SET clause: %s", e.text)
		}
		return u.operation(e.text, e.operands)
	}
	v, err := u.value(e)
	return u.Value(v), err
}

func (u *updating) operation(name string, operands []*expr) (expression.Part, error) {
	parts := make([]expression.Part, len(operands))
	for i, operand := range operands {
		var err error
		if parts[i], err = u.operand(operand); err != nil {
			return expression.Part{}, err
		}
	}
	return u.Operation(name, parts...), nil
}
