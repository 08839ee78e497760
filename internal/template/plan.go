package template

import (
	"slices"
	"strings"

	"github.com/sealtable/sealtable/internal/template/document"
)

// A Plan says which resources exist and what each of them waits for.
type Plan struct {
	// Order holds the resources whose condition is true, or not known, each after all that it needs; what is
	// not ordered by need is in the order of the text.
	Order []*Resource
	// Needs holds, by logical id, the ids of those that a resource refers to or depends on: direct needs,
	// sorted.
	Needs map[string][]string
}

// Plan returns the order of a template's resources. It refuses references to resources that do not exist
// because their condition is false, and circles.
func (e *Evaluator) Plan() (*Plan, error) {
	if err := e.checkConditions(); err != nil {
		return nil, err
	}
	active := map[string]bool{}
	for _, r := range e.template.Resources {
		exists, err := e.Active(r.Condition)
		if err != nil {
			return nil, err
		}
		active[r.ID] = exists
	}
	plan := &Plan{Needs: map[string][]string{}}
	if err := e.findNeeds(plan, active); err != nil {
		return nil, err
	}
	if err := e.checkActiveOutputs(active); err != nil {
		return nil, err
	}
	return plan, e.order(plan, active)
}

// checkConditions evaluates all conditions, used or not.
func (e *Evaluator) checkConditions() error {
	if e.template.Conditions == nil {
		return nil
	}
	for _, c := range e.template.Conditions.Entries {
		if _, err := e.condition(c.Key); err != nil {
			return err
		}
	}
	return nil
}

// references returns what a tree refers to when the branches that are not taken are left out.
func (e *Evaluator) references(nodes ...*Node) ([]Reference, error) {
	w := &walker{}
	w.choose = func(condition string) truth {
		result, err := e.condition(condition)
		if err != nil && w.err == nil {
			w.err = err
		}
		return result
	}
	for _, n := range nodes {
		w.walk(n)
	}
	return w.found, w.err
}

func (e *Evaluator) findNeeds(plan *Plan, active map[string]bool) error {
	var lost []string
	var at Position
	for _, r := range e.template.Resources {
		if !active[r.ID] {
			continue
		}
		references, err := e.references(r.Properties, r.Metadata, r.CreationPolicy, r.UpdatePolicy)
		if err != nil {
			return err
		}
		for _, name := range r.DependsOn {
			references = append(references, Reference{Kind: ToAttribute, Name: name, Pos: r.Pos})
		}
		needs, missing := e.needsOf(references, active)
		plan.Needs[r.ID] = needs
		if len(missing) > 0 && lost == nil {
			at = missing[0].Pos
		}
		lost = appendNames(lost, missing)
	}
	if len(lost) > 0 {
		return unresolved(at, strings.Join(lost, ", "))
	}
	return nil
}

// needsOf returns the resources that are referred to, and the references to resources that do not exist.
func (e *Evaluator) needsOf(references []Reference, active map[string]bool) (needs []string,
	missing []Reference) {
	for _, r := range references {
		if r.Kind == ToCondition || e.template.resources[r.Name] == nil {
			continue
		}
		if !active[r.Name] {
			missing = append(missing, r)
			continue
		}
		needs = append(needs, r.Name)
	}
	slices.Sort(needs)
	return slices.Compact(needs), missing
}

func appendNames(names []string, references []Reference) []string {
	for _, r := range references {
		if !slices.Contains(names, r.Name) {
			names = append(names, r.Name)
		}
	}
	return names
}

func (e *Evaluator) checkActiveOutputs(active map[string]bool) error {
	for _, o := range e.template.Outputs {
		exists, err := e.Active(o.Condition)
		if err != nil {
			return err
		}
		if !exists {
			continue
		}
		references, err := e.references(o.Value, o.Export)
		if err != nil {
			return err
		}
		if _, missing := e.needsOf(references, active); len(missing) > 0 {
			return refuse(missing[0].Pos, "Unresolved resource dependencies [%s] in the Outputs block of "+
				"the template",
				strings.Join(appendNames(nil, missing), ", "))
		}
	}
	return nil
}

// order sorts the active resources by their needs.
func (e *Evaluator) order(plan *Plan, active map[string]bool) error {
	waiting := map[string]int{}
	neededBy := map[string][]string{}
	position := map[string]int{}
	var ready []int
	for i, r := range e.template.Resources {
		position[r.ID] = i
		if !active[r.ID] {
			continue
		}
		waiting[r.ID] = len(plan.Needs[r.ID])
		for _, need := range plan.Needs[r.ID] {
			neededBy[need] = append(neededBy[need], r.ID)
		}
		if waiting[r.ID] == 0 {
			ready = append(ready, i)
		}
	}
	for len(ready) > 0 {
		r := e.template.Resources[ready[0]]
		ready = ready[1:]
		plan.Order = append(plan.Order, r)
		for _, id := range neededBy[r.ID] {
			waiting[id]--
			if waiting[id] == 0 {
				at, _ := slices.BinarySearch(ready, position[id])
				ready = slices.Insert(ready, at, position[id])
			}
		}
	}
	if len(plan.Order) < len(waiting) {
		return e.refuseCircle(plan.Needs)
	}
	return nil
}

// refuseCircle names the resources that need themselves, by way of others or at once.
func (e *Evaluator) refuseCircle(needs map[string][]string) error {
	var members []string
	for _, r := range e.template.Resources {
		if reaches(needs, r.ID, r.ID) {
			members = append(members, r.ID)
		}
	}
	at := e.template.resources[members[0]].Pos
	return refuse(at, "Circular dependency between resources: [%s]", strings.Join(members, ", "))
}

// reaches reports whether the needs of a resource, or theirs, include another.
func reaches(needs map[string][]string, from, to string) bool {
	seen := map[string]bool{}
	open := []string{from}
	for len(open) > 0 {
		id := open[len(open)-1]
		open = open[:len(open)-1]
		for _, need := range needs[id] {
			if need == to {
				return true
			}
			if !seen[need] {
				seen[need] = true
				open = append(open, need)
			}
		}
	}
	return false
}

// Resource returns the values of a resource's properties; a resource without properties has an empty map.
func (e *Evaluator) Resource(r *Resource) (*Node, error) {
	if r.Properties == nil {
		return &Node{Kind: document.Map, Pos: r.Pos}, nil
	}
	e.made = 0
	value, err := e.Value(r.Properties)
	if value == nil && err == nil {
		return &Node{Kind: document.Map, Pos: r.Pos}, nil
	}
	return value, err
}

// An OutputValue is an output with its value: a String, or Unknown.
type OutputValue struct {
	*Output
	Value  *Node
	Export *Node // the export's name; nil when there is none
}

// Outputs returns the outputs whose condition is not false, with their values, in the order of the text.
func (e *Evaluator) Outputs() ([]OutputValue, error) {
	e.made = 0
	var all []OutputValue
	for _, o := range e.template.Outputs {
		exists, err := e.Active(o.Condition)
		if err != nil {
			return nil, err
		}
		if !exists {
			continue
		}
		value, err := e.output(o)
		if err != nil {
			return nil, err
		}
		all = append(all, value)
	}
	return all, nil
}

func (e *Evaluator) output(o *Output) (OutputValue, error) {
	out := OutputValue{Output: o}
	var err error
	out.Value, err = e.outputText(o.Value, "The Value field of every Outputs member must evaluate to a "+
		"String.")
	if err != nil || o.Export == nil {
		return out, err
	}
	out.Export, err = e.outputText(o.Export, "Output "+o.Key+" is malformed. The Name field of every "+
		"Export member must "+
		"evaluate to a String.")
	return out, err
}

func (e *Evaluator) outputText(n *Node, form string) (*Node, error) {
	value, err := e.Value(n)
	if err != nil {
		return nil, err
	}
	if value.Is(document.Unknown) {
		return value, nil
	}
	if !value.IsScalar() {
		return nil, formatError(n.Pos, "%s", form)
	}
	return &Node{Kind: document.String, Text: value.Text, Pos: n.Pos}, nil
}
