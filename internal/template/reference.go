package template

import (
	"strings"

	"github.com/sealtable/sealtable/internal/template/document"
)

// ReferenceKind is what a Reference is about.
type ReferenceKind uint8

// The kinds of references.
const (
	ToName      ReferenceKind = iota // Ref, or ${X}: a parameter, a pseudo parameter or a resource
	ToAttribute                      // Fn::GetAtt, or ${X.Y}
	ToCondition                      // Fn::If, or {"Condition": X} in a condition
)

// A Reference is one mention of something by its name.
type Reference struct {
	Kind      ReferenceKind
	Name      string
	Attribute string // of ToAttribute; "" when a function computes it
	Pos       Position
}

// References returns all references in a tree, in the order of the text, repeated ones included. Branches of
// Fn::If are all taken.
func References(n *Node) ([]Reference, error) {
	w := &walker{}
	w.walk(n)
	return w.found, w.err
}

// walker collects references and checks the form of functions. choose, where it is set, picks the branches of
// Fn::If that count.
type walker struct {
	found       []Reference
	err         error
	inCondition bool
	choose      func(condition string) truth
}

func (w *walker) walk(n *Node) {
	if n == nil || w.err != nil {
		return
	}
	switch n.Kind {
	case document.List:
		for _, item := range n.Items {
			w.walk(item)
		}
	case document.Map:
		w.walkMap(n)
	}
}

func (w *walker) walkMap(n *Node) {
	name, arg, isCall, err := call(n)
	switch {
	case err != nil:
		w.err = err
	case isCall:
		w.call(n, name, arg)
	case w.inCondition && len(n.Entries) == 1 && n.Entries[0].Key == "Condition" &&
		isText(n.Entries[0].Value):
		w.add(ToCondition, n.Entries[0].Value.Text, "", n.Pos)
	default:
		for _, e := range n.Entries {
			w.walk(e.Value)
		}
	}
}

func (w *walker) add(kind ReferenceKind, name, attribute string, at Position) {
	w.found = append(w.found, Reference{Kind: kind, Name: name, Attribute: attribute, Pos: at})
}

func (w *walker) call(n *Node, name string, arg *Node) {
	switch name {
	case "Ref":
		w.add(ToName, arg.Text, "", n.Pos)
	case "Fn::GetAtt":
		resource, attribute := getAtt(arg)
		w.add(ToAttribute, resource, attribute.Text, n.Pos)
		w.walk(attribute)
	case "Fn::Sub":
		w.sub(arg)
	case "Fn::If":
		w.add(ToCondition, arg.Items[0].Text, "", n.Pos)
		w.branches(arg)
	default:
		w.walk(arg)
	}
}

func (w *walker) branches(arg *Node) {
	chosen := unknowable
	if w.choose != nil {
		chosen = w.choose(arg.Items[0].Text)
	}
	if chosen != isFalse {
		w.walk(arg.Items[1])
	}
	if chosen != isTrue {
		w.walk(arg.Items[2])
	}
}

func (w *walker) sub(arg *Node) {
	text, variables := subArguments(arg)
	parts, err := splitSub(text)
	if err != nil {
		w.err = err
		return
	}
	for _, part := range parts {
		if !part.variable || variables.Has(part.text) {
			continue
		}
		if resource, attribute, ok := strings.Cut(part.text, "."); ok {
			w.add(ToAttribute, resource, attribute, text.Pos)
		} else {
			w.add(ToName, part.text, "", text.Pos)
		}
	}
	w.walk(variables)
}

// checkReferences refuses what refers to nothing. A template with transforms left is not checked: they make
// resources.
func (t *Template) checkReferences() error {
	if len(t.Transforms) > 0 {
		return nil
	}
	for _, check := range []func() error{t.checkConditionBlock, t.checkResourceBlock, t.checkOutputBlock} {
		if err := check(); err != nil {
			return err
		}
	}
	return t.checkConditionCycles()
}

func (t *Template) checkConditionBlock() error {
	if t.Conditions == nil {
		return nil
	}
	w := &walker{inCondition: true}
	for _, c := range t.Conditions.Entries {
		w.walk(c.Value)
	}
	if w.err != nil {
		return w.err
	}
	if err := t.checkConditionsExist(w.found, "Conditions"); err != nil {
		return err
	}
	lost, at := t.lost(w.found, func(r Reference) bool {
		return r.Kind == ToName &&
			t.parameters[r.Name] != nil
	})
	if lost != "" {
		return formatError(at, "Unresolved dependencies [%s]. Cannot reference resources in the "+
			"Conditions block "+
			"of the template", lost)
	}
	return nil
}

func (t *Template) checkResourceBlock() error {
	w := &walker{}
	var all []Reference
	for _, r := range t.Resources {
		if r.Condition != "" && !t.Conditions.Has(r.Condition) {
			return noCondition(r.Pos, r.Condition, "Resources")
		}
		w.walk(r.Properties)
		w.walk(r.Metadata)
		w.walk(r.CreationPolicy)
		w.walk(r.UpdatePolicy)
		for _, name := range r.DependsOn {
			all = append(all, Reference{Kind: ToAttribute, Name: name, Pos: r.Pos})
		}
	}
	if w.err != nil {
		return w.err
	}
	if err := t.checkConditionsExist(w.found, ""); err != nil {
		return err
	}
	lost, at := t.lost(append(w.found, all...), t.exists)
	if lost != "" {
		return unresolved(at, lost)
	}
	return nil
}

func (t *Template) checkOutputBlock() error {
	w := &walker{}
	for _, o := range t.Outputs {
		if o.Condition != "" && !t.Conditions.Has(o.Condition) {
			return noCondition(o.Pos, o.Condition, "Outputs")
		}
		w.walk(o.Value)
		w.walk(o.Export)
		if err := t.checkExport(o); err != nil {
			return err
		}
	}
	if w.err != nil {
		return w.err
	}
	if err := t.checkConditionsExist(w.found, ""); err != nil {
		return err
	}
	if lost, at := t.lost(w.found, t.exists); lost != "" {
		return refuse(at, "Unresolved resource dependencies [%s] in the Outputs block of the template", lost)
	}
	return nil
}

// checkExport refuses names of exports that are only known once resources exist.
func (t *Template) checkExport(o *Output) error {
	if o.Export == nil {
		return nil
	}
	references, err := References(o.Export)
	if err != nil {
		return err
	}
	for _, r := range references {
		if r.Kind == ToAttribute || r.Kind == ToName && t.resources[r.Name] != nil {
			return badExport(o.Export.Pos, o.Key)
		}
	}
	return nil
}

func badExport(at Position, key string) error {
	return formatError(at, "Output %s is malformed. The Name field of every Export member must be "+
		"specified and must "+
		"not depend on any resources, imported values, or Fn::GetAZs.", key)
}

// exists accepts pseudo parameters, parameters and resources; attributes are of resources alone.
func (t *Template) exists(r Reference) bool {
	return t.resources[r.Name] != nil || r.Kind == ToName && t.parameters[r.Name] != nil
}

// lost returns the names that nothing bears, each once, in the order of the text, and the place of the first.
func (t *Template) lost(references []Reference, exists func(Reference) bool) (names string, at Position) {
	seen := map[string]bool{}
	var lost []string
	for _, r := range references {
		if r.Kind == ToCondition || seen[r.Name] || r.Kind == ToName && isPseudo(r.Name) || exists(r) {
			continue
		}
		seen[r.Name] = true
		if len(lost) == 0 {
			at = r.Pos
		}
		lost = append(lost, r.Name)
	}
	return strings.Join(lost, ", "), at
}

func (t *Template) checkConditionsExist(references []Reference, block string) error {
	for _, r := range references {
		if r.Kind != ToCondition || t.Conditions.Has(r.Name) {
			continue
		}
		if block == "" {
			return templateError(r.Pos, "unresolved condition dependency %s in Fn::If", r.Name)
		}
		return noCondition(r.Pos, r.Name, block)
	}
	return nil
}

func isPseudo(name string) bool {
	switch name {
	case "AWS::AccountId", "AWS::NotificationARNs", "AWS::NoValue", "AWS::Partition", "AWS::Region",
		"AWS::StackId",
		"AWS::StackName", "AWS::URLSuffix":
		return true
	}
	return false
}

func unresolved(at Position, names string) error {
	return formatError(at, "Unresolved resource dependencies [%s] in the Resources block of the template",
		names)
}

func noCondition(at Position, name, block string) error {
	return formatError(at, "Unresolved condition dependency %s in the %s block of the template", name, block)
}
