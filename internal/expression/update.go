package expression

import (
	"errors"

	"github.com/sealtable/sealtable/internal/attribute"
)

// Update is a compiled UpdateExpression, or what AttributeUpdates says in its place.
type Update struct {
	tree    *tree
	actions []action
	targets *Projection
	legacy  bool
}

// Update compiles an UpdateExpression.
func (s *Scope) Update(text string) (*Update, error) {
	if err := s.open(); err != nil {
		return nil, err
	}
	parsed, err := parseUpdate(text)
	if err != nil {
		return nil, err
	}
	c := newChecker(parsed.tree, s, memberUpdate)
	targets := c.checkUpdate(parsed)
	if err := c.finish(); err != nil {
		return nil, err
	}
	return &Update{tree: parsed.tree, actions: parsed.actions, targets: targets}, nil
}

// Attributes are the names of the top-level attributes that the update writes to, each once, in order.
func (u *Update) Attributes() []string { return u.targets.Attributes() }

// Apply makes the item that follows current. Without a current item (nil) the update begins with the key
// alone. All operands are taken from the item as it was before, in whatever order the text has its actions.
// touched selects, from current or from next, what the update wrote to, for the ReturnValues UPDATED_OLD and
// UPDATED_NEW.
//
// Errors are *Error: the update writes to an attribute of the key, or does not fit the item, or would make a
// number or a nesting that DynamoDB does not have, or would write far more than an item can hold. The exact
// size of the item is the caller's to check.
func (u *Update) Apply(current, key attribute.Item) (next attribute.Item, touched *Projection, err error) {
	for _, name := range u.Attributes() {
		if key.Get(name) != nil {
			return nil, nil, &Error{"One or more parameter values were invalid: Cannot update attribute " +
				name +
				". This attribute is part of the key"}
		}
	}
	base := current
	if base == nil {
		base = key
	}
	changed, written := base.Tree(), 0
	for _, a := range u.actions {
		size, err := u.act(base, changed, a)
		if err != nil {
			return nil, nil, asError(err)
		}
		written += size
		if written > maxWritten {
			return nil, nil, errTooLarge()
		}
	}
	next = changed.Item()
	if err := next.CheckNesting(); err != nil {
		return nil, nil, asError(err)
	}
	return next, u.targets, nil
}

// maxWritten bounds the memory of an update: values of so many encoded bytes fit no item, whose Size is never
// less than a quarter of its encoding. Without it a short text could copy a large list hundreds of times.
const maxWritten = 4 * attribute.MaxItemSize

func errTooLarge() error {
	return &Error{"Item size to update has exceeded the maximum allowed size"}
}

// asError words what internal/attribute refuses.
func asError(err error) error {
	var invalid *attribute.ValidationError
	switch {
	case errors.As(err, &invalid):
		return &Error{invalid.Message}
	case errors.Is(err, attribute.ErrPath):
		return &Error{"The document path provided in the update expression is invalid for update"}
	}
	return err
}

func errMissing() error {
	return &Error{"The provided expression refers to an attribute that does not exist in the item"}
}

func errOperand() error {
	return &Error{"An operand in the update expression has an incorrect data type"}
}

// act makes one change and says how many encoded bytes it wrote. base is the item before all changes.
func (u *Update) act(base attribute.Item, changed *attribute.Tree, a action) (written int, err error) {
	path := u.tree.path(a.path)
	old := base.Value().At(path)
	var v attribute.Value
	switch a.section {
	case setSection:
		if v, err = u.tree.result(base, a.value); err == nil && v == nil {
			err = errMissing()
		}
	case addSection:
		v, err = u.combine(sum, old, a)
	case deleteSection:
		v, err = u.combine(difference, old, a)
	}
	if err != nil {
		return 0, err
	}
	return len(v), changed.Set(path, v)
}

type combination func(old, v attribute.Value) (attribute.Value, error)

// combine combines the old value with the operand of ADD or DELETE, which must be of one type.
func (u *Update) combine(how combination, old attribute.Value, a action) (attribute.Value, error) {
	v := u.tree.nodes[a.value].value
	switch {
	case old == nil || old.Kind() == v.Kind():
		return how(old, v)
	case u.legacy:
		return nil, &Error{"Type mismatch for attribute to update"}
	}
	return nil, errOperand()
}

// result is the value of an operand of SET; nil when a path leads to nothing.
func (t *tree) result(base attribute.Item, r ref) (attribute.Value, error) {
	n := &t.nodes[r]
	switch n.op {
	case opPath:
		return base.Value().At(t.path(r)), nil
	case opValue:
		return n.value, nil
	}
	first, second := t.operands(r)
	a, err := t.result(base, first)
	if err != nil || n.op == opIfNotExists && a != nil {
		return a, err
	}
	b, err := t.result(base, second)
	switch {
	case err != nil || n.op == opIfNotExists:
		return b, err
	case a == nil || b == nil:
		return nil, errMissing()
	case n.op == opListAppend:
		return appendList(a, b)
	}
	return calculate(n.op, a, b)
}

func appendList(a, b attribute.Value) (attribute.Value, error) {
	if a.Kind() != attribute.L || b.Kind() != attribute.L {
		return nil, errOperand()
	}
	if len(a)+len(b) > maxWritten {
		return nil, errTooLarge()
	}
	elements := make([]attribute.Value, 0, a.Len()+b.Len())
	for _, list := range []attribute.Value{a, b} {
		for _, element := range list.Elements() {
			elements = append(elements, element)
		}
	}
	return attribute.NewList(elements...), nil
}

func calculate(op operator, a, b attribute.Value) (attribute.Value, error) {
	if a.Kind() != attribute.N || b.Kind() != attribute.N {
		return nil, errOperand()
	}
	operation := attribute.Add
	if op == opMinus {
		operation = attribute.Subtract
	}
	n, err := operation(a.Number(), b.Number())
	if err != nil {
		return nil, err
	}
	return attribute.FromNumber(n), nil
}

// sum is what ADD makes of the old value, nil for none, and v.
func sum(old, v attribute.Value) (attribute.Value, error) {
	switch {
	case old == nil:
		return v, nil
	case v.Kind() == attribute.N:
		return calculate(opPlus, old, v)
	case v.Kind() == attribute.L: // in AttributeUpdates alone; expressions refuse it
		return appendList(old, v)
	}
	return attribute.Union(old, v), nil
}

// difference is what DELETE leaves of the old value; nil for nothing.
func difference(old, v attribute.Value) (attribute.Value, error) {
	return attribute.Difference(old, v), nil
}
