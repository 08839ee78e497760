package template

import (
	"slices"

	"github.com/sealtable/sealtable/internal/template/document"
)

// A Rule is a member of the section Rules: what the values of parameters must satisfy together.
type Rule struct {
	Name       string
	Condition  *Node // nil: the assertions always hold
	Assertions []Assertion
	Pos        Position
}

// An Assertion is a function that must be true, and what is said when it is not.
type Assertion struct {
	Assert      *Node
	Description string
}

func (t *Template) readRules() error {
	section, err := t.section("Rules")
	if err != nil || section == nil {
		return err
	}
	for _, e := range section.Entries {
		if !isAlphanumeric(e.Key) {
			return formatError(e.Pos, "Rules name '%s' is non alphanumeric.", e.Key)
		}
		rule := &Rule{Name: e.Key, Pos: e.Pos, Condition: e.Value.Get("RuleCondition")}
		list := e.Value.Get("Assertions")
		if !list.Is(document.List) || len(list.Items) == 0 {
			return formatError(e.Pos, "Every Rules member must contain an Assertions list.")
		}
		for _, item := range list.Items {
			assert := item.Get("Assert")
			if assert == nil {
				return formatError(item.Pos, "Every Assertions member must contain an Assert function.")
			}
			a := Assertion{Assert: assert}
			if text := item.Get("AssertDescription"); text.IsScalar() {
				a.Description = text.Text
			}
			rule.Assertions = append(rule.Assertions, a)
		}
		t.Rules = append(t.Rules, rule)
	}
	return nil
}

// CheckRules holds the values of the parameters against the section Rules.
func (e *Evaluator) CheckRules() error {
	for _, rule := range e.template.Rules {
		if rule.Condition != nil {
			applies, err := e.ruleTruth(rule.Condition)
			if err != nil {
				return err
			}
			if applies != isTrue {
				continue
			}
		}
		for _, a := range rule.Assertions {
			holds, err := e.ruleTruth(a.Assert)
			if err != nil {
				return err
			}
			if holds == isFalse {
				return refuse(rule.Pos, "Rule '%s' failed: %s", rule.Name, a.Description)
			}
		}
	}
	return nil
}

// ruleTruth evaluates a rule-specific function, or a condition's. Fn::RefAll, Fn::ValueOf and Fn::ValueOfAll
// are about parameters of types that name things of EC2 and Route 53, which are not here.
func (e *Evaluator) ruleTruth(n *Node) (truth, error) {
	name, arg, ok := n.Single()
	if !ok {
		return e.boolean(n)
	}
	switch name {
	case "Fn::And", "Fn::Or":
		return e.ruleCombine(name, arg)
	case "Fn::Not":
		if isOne(arg) {
			result, err := e.ruleTruth(arg.Items[0])
			return result.not(), err
		}
	case "Fn::Contains", "Fn::EachMemberEquals", "Fn::EachMemberIn":
		return e.membership(n, name, arg)
	case "Fn::RefAll", "Fn::ValueOf", "Fn::ValueOfAll":
		return isFalse, templateError(n.Pos, "%s is about parameter types of services that are not "+
			"available here", name)
	}
	return e.boolean(n)
}

func (e *Evaluator) ruleCombine(name string, arg *Node) (truth, error) {
	if !isTwoToTen(arg) {
		return isFalse, templateError(arg.Pos, "%s", forms[name].text)
	}
	decisive := truthOf(name == "Fn::Or")
	result := decisive.not()
	for _, item := range arg.Items {
		one, err := e.ruleTruth(item)
		if err != nil || one == decisive {
			return one, err
		}
		if one == unknowable {
			result = unknowable
		}
	}
	return result, nil
}

func (e *Evaluator) membership(n *Node, name string, arg *Node) (truth, error) {
	if !isPair(arg) {
		return isFalse, templateError(n.Pos, "every %s object requires a list of 2 parameters.", name)
	}
	var lists [2][]string
	for i, item := range arg.Items {
		value, err := e.Value(item)
		if err != nil {
			return isFalse, err
		}
		if dependsOn(value) != "" {
			return unknowable, nil
		}
		lists[i], _ = value.Strings()
	}
	holds := true
	switch name {
	case "Fn::Contains":
		holds = len(lists[1]) == 1 && slices.Contains(lists[0], lists[1][0])
	case "Fn::EachMemberEquals":
		for _, text := range lists[0] {
			holds = holds && len(lists[1]) == 1 && text == lists[1][0]
		}
	default:
		for _, text := range lists[0] {
			holds = holds && slices.Contains(lists[1], text)
		}
	}
	return truthOf(holds), nil
}
