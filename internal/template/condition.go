package template

import (
	"github.com/sealtable/sealtable/internal/template/document"
)

const conditionForm = "Conditions can only be boolean operations on parameters and other conditions"

// truth is true, false, or not to be known yet.
type truth int8

const (
	isFalse truth = iota
	isTrue
	unknowable
)

func truthOf(b bool) truth {
	if b {
		return isTrue
	}
	return isFalse
}

func (t truth) not() truth {
	switch t {
	case isTrue:
		return isFalse
	case isFalse:
		return isTrue
	}
	return unknowable
}

// checkConditionCycles refuses conditions that depend on themselves.
func (t *Template) checkConditionCycles() error {
	if t.Conditions == nil {
		return nil
	}
	const open, done = 1, 2
	state := map[string]int{}
	var visit func(e document.Entry) error
	visit = func(e document.Entry) error {
		state[e.Key] = open
		w := &walker{inCondition: true}
		w.walk(e.Value)
		for _, r := range w.found {
			if r.Kind != ToCondition {
				continue
			}
			if state[r.Name] == open {
				return formatError(r.Pos, "Found circular condition dependency between %s and %s", e.Key,
					r.Name)
			}
			if state[r.Name] == 0 {
				if err := visit(document.Entry{Key: r.Name, Value: t.Conditions.Get(r.Name)}); err != nil {
					return err
				}
			}
		}
		state[e.Key] = done
		return nil
	}
	for _, e := range t.Conditions.Entries {
		if state[e.Key] == 0 {
			if err := visit(e); err != nil {
				return err
			}
		}
	}
	return nil
}

// Condition returns whether a condition holds. known is false when that depends on what is not known yet.
func (e *Evaluator) Condition(name string) (holds, known bool, err error) {
	result, err := e.condition(name)
	return result == isTrue, result != unknowable, err
}

// Active reports whether a resource or an output with this condition exists; "" is no condition. What is not
// known counts as true.
func (e *Evaluator) Active(condition string) (bool, error) {
	if condition == "" {
		return true, nil
	}
	result, err := e.condition(condition)
	return result != isFalse, err
}

func (e *Evaluator) condition(name string) (truth, error) {
	if result, ok := e.conditions[name]; ok {
		return result, nil
	}
	n := e.template.Conditions.Get(name)
	if n == nil {
		return isFalse, templateError(Position{}, "unresolved condition dependency %s in Fn::If", name)
	}
	e.conditions[name] = unknowable // a cycle, which Read refuses, ends here
	result, err := e.boolean(n)
	if err != nil {
		delete(e.conditions, name)
		return isFalse, err
	}
	e.conditions[name] = result
	return result, nil
}

// boolean evaluates a condition's body.
func (e *Evaluator) boolean(n *Node) (truth, error) {
	if name := n.Get("Condition"); isText(name) && len(n.Entries) == 1 {
		return e.condition(name.Text)
	}
	if n.IsScalar() {
		return e.asTruth(n)
	}
	name, arg, isCall, err := call(n)
	if err != nil {
		return isFalse, err
	}
	if !isCall {
		return isFalse, formatError(n.Pos, "%s", conditionForm)
	}
	switch name {
	case "Fn::Equals":
		return e.equals(arg)
	case "Fn::Not":
		result, err := e.boolean(arg.Items[0])
		return result.not(), err
	case "Fn::And":
		return e.combine(arg, isFalse)
	case "Fn::Or":
		return e.combine(arg, isTrue)
	}
	value, err := e.Value(n)
	if err != nil {
		return isFalse, err
	}
	return e.asTruth(value)
}

func (e *Evaluator) asTruth(n *Node) (truth, error) {
	switch {
	case n.Is(document.Unknown):
		return unknowable, nil
	case n.IsScalar() && (n.Text == "true" || n.Text == "false"):
		return truthOf(n.Text == "true"), nil
	}
	at := Position{}
	if n != nil {
		at = n.Pos
	}
	return isFalse, formatError(at, "%s", conditionForm)
}

// combine evaluates Fn::And (decided by a false) and Fn::Or (decided by a true).
func (e *Evaluator) combine(arg *Node, decisive truth) (truth, error) {
	result := decisive.not()
	for _, item := range arg.Items {
		one, err := e.boolean(item)
		if err != nil {
			return isFalse, err
		}
		if one == decisive {
			return decisive, nil
		}
		if one == unknowable {
			result = unknowable
		}
	}
	return result, nil
}

func (e *Evaluator) equals(arg *Node) (truth, error) {
	a, err := e.Value(arg.Items[0])
	if err != nil {
		return isFalse, err
	}
	b, err := e.Value(arg.Items[1])
	if err != nil {
		return isFalse, err
	}
	if dependsOn(a) != "" || dependsOn(b) != "" {
		return unknowable, nil
	}
	return truthOf(document.Equal(a, b)), nil
}

// openNames returns the names of what a condition depends on that is not known.
func (e *Evaluator) openNames(condition string, seen map[string]bool) string {
	if seen[condition] {
		return ""
	}
	seen[condition] = true
	w := &walker{inCondition: true}
	w.walk(e.template.Conditions.Get(condition))
	names := ""
	for _, r := range w.found {
		switch r.Kind {
		case ToCondition:
			names = joinNames(names, e.openNames(r.Name, seen))
		case ToName:
			if value, err := e.ref(r.Name, r.Pos); err == nil && value.Is(document.Unknown) {
				names = joinNames(names, value.Text)
			}
		}
	}
	return names
}
