package partiql

import "slices"

// Attributes are the names of all top-level attributes that the statement reads or writes by name, each once.
// An INSERT names those of its item too.
func (s *Statement) Attributes() []string {
	var names []string
	add := func(name string) {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for _, e := range s.expressions() {
		e.eachPath(add)
	}
	for _, o := range s.order {
		add(o.Attribute)
	}
	if s.item != nil {
		for _, name := range s.item.names {
			add(name)
		}
	}
	return names
}

// expressions are the expressions that a statement is made of.
func (s *Statement) expressions() []*expr {
	all := slices.Clone(s.columns)
	if s.where != nil {
		all = append(all, s.where)
	}
	for _, c := range s.changes {
		all = append(all, c.target)
		if c.value != nil {
			all = append(all, c.value)
		}
	}
	return all
}

// eachPath visits the first name of every path in e.
func (e *expr) eachPath(visit func(name string)) {
	if e.op == opPath && len(e.path) > 0 {
		visit(e.path[0].Name)
	}
	for _, operand := range e.operands {
		operand.eachPath(visit)
	}
}
