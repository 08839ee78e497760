package template

import (
	"strings"

	"github.com/sealtable/sealtable/internal/template/document"
)

// maxExpanded bounds the nodes that loops make. The largest template that CloudFormation can run has far
// fewer.
const maxExpanded = 500_000

// ExpandLanguageExtensions is the transform AWS::LanguageExtensions: it unrolls the loops Fn::ForEach and
// resolves what only this transform allows, as far as parameters, mappings and conditions decide it. What
// depends on resources is left for the evaluation, which knows the same functions.
func ExpandLanguageExtensions(doc *document.Document, env Environment) (*document.Document, error) {
	x := &expander{root: doc.Root, names: map[string]bool{}}
	x.evaluator = scope(doc.Root, env)
	root, err := x.tree(doc.Root, nil)
	if err != nil {
		return nil, err
	}
	x.evaluator = scope(root, env)
	if root, err = x.resolve(root); err != nil {
		return nil, err
	}
	return &document.Document{Root: root, Format: doc.Format, Warnings: doc.Warnings}, nil
}

// scope returns an evaluator over a document that is not yet fit to be read as a template.
func scope(root *Node, env Environment) *Evaluator {
	t := &Template{Root: root, Mappings: root.Get("Mappings"), Conditions: root.Get("Conditions"),
		parameters: map[string]*Parameter{}, resources: map[string]*Resource{}}
	for name, value := range env.Parameters {
		t.parameters[name] = value.Parameter
	}
	if resources := root.Get("Resources"); resources.Is(document.Map) {
		for _, e := range resources.Entries {
			t.resources[e.Key] = &Resource{ID: e.Key}
		}
	}
	env.Resources, env.DynamicReferences = nil, nil
	e := t.Evaluator(env)
	e.lenient = true
	return e
}

// An expander unrolls loops. The names of loops are unique in a template.
type expander struct {
	root      *Node
	evaluator *Evaluator
	names     map[string]bool
	made      int
}

// bindings are the identifiers of the loops around a node with their present values, the innermost last.
type bindings []binding

type binding struct{ name, value string }

func layoutError(n *Node, function string) error {
	return refuse(n.Pos, "%s layout is incorrect", function)
}

// tree returns a tree without loops.
func (x *expander) tree(n *Node, in bindings) (*Node, error) {
	x.made++
	if x.made > maxExpanded {
		return nil, refuse(n.Pos, "the expanded template has more than %d values", maxExpanded)
	}
	switch n.Kind {
	case document.String:
		if text := in.replace(n.Text); text != n.Text {
			return &Node{Kind: document.String, Text: text, Pos: n.Pos}, nil
		}
	case document.List:
		return x.list(n, in)
	case document.Map:
		return x.members(n, in)
	}
	return n, nil
}

func (x *expander) list(n *Node, in bindings) (*Node, error) {
	out := &Node{Kind: document.List, Pos: n.Pos, Items: make([]*Node, 0, len(n.Items))}
	for _, item := range n.Items {
		value, err := x.tree(item, in)
		if err != nil {
			return nil, err
		}
		out.Items = append(out.Items, value)
	}
	return out, nil
}

func (x *expander) members(n *Node, in bindings) (*Node, error) {
	if name, arg, ok := n.Single(); ok && name == "Ref" && isText(arg) {
		if value, bound := in.value(arg.Text); bound {
			return &Node{Kind: document.String, Text: value, Pos: n.Pos}, nil
		}
	}
	out := &Node{Kind: document.Map, Pos: n.Pos, Entries: make([]document.Entry, 0, len(n.Entries))}
	seen := map[string]bool{}
	for _, e := range n.Entries {
		entries, err := x.member(e, in)
		if err != nil {
			return nil, err
		}
		for _, made := range entries {
			if seen[made.Key] {
				return nil, refuse(made.Pos, "Fn::ForEach: the key %s is made more than once", made.Key)
			}
			seen[made.Key] = true
		}
		out.Entries = append(out.Entries, entries...)
	}
	return x.fold(out, in)
}

// fold resolves Fn::Sub where it stands for a name, in Ref and Fn::GetAtt, which only loops can need.
func (x *expander) fold(n *Node, in bindings) (*Node, error) {
	name, arg, ok := n.Single()
	if !ok || len(in) == 0 {
		return n, nil
	}
	switch {
	case name == "Ref" && IsFunction(arg):
		folded, err := x.evaluator.Value(arg)
		if err != nil || !isText(folded) {
			return n, err
		}
		return n.With(name, folded), nil
	case name == "Fn::GetAtt" && isPair(arg) && IsFunction(arg.Items[0]):
		folded, err := x.evaluator.Value(arg.Items[0])
		if err != nil || !isText(folded) {
			return n, err
		}
		return n.With(name, at(document.NewList(folded, arg.Items[1]), arg.Pos)), nil
	}
	return n, nil
}

// member returns what a member of a map becomes: itself, or what its loop makes.
func (x *expander) member(e document.Entry, in bindings) ([]document.Entry, error) {
	loop, ok := strings.CutPrefix(e.Key, "Fn::ForEach::")
	if !ok {
		value, err := x.tree(e.Value, in)
		return []document.Entry{{Key: in.replace(e.Key), Value: value, Pos: e.Pos}}, err
	}
	if loop == "" || !isAlphanumeric(loop) || len(in) == 0 && x.names[loop] {
		return nil, layoutError(e.Value, "Fn::ForEach")
	}
	x.names[loop] = true
	if !e.Value.Is(document.List) || len(e.Value.Items) != 3 {
		return nil, layoutError(e.Value, "Fn::ForEach")
	}
	return x.loop(e.Value, in)
}

func (x *expander) loop(n *Node, in bindings) ([]document.Entry, error) {
	identifier, body := n.Items[0], n.Items[2]
	if !isText(identifier) || !isAlphanumeric(identifier.Text) || !body.Is(document.Map) {
		return nil, layoutError(n, "Fn::ForEach")
	}
	if x.evaluator.template.parameters[identifier.Text] != nil || in.has(identifier.Text) {
		return nil, layoutError(identifier, "Fn::ForEach")
	}
	values, err := x.collection(n.Items[1], in)
	if err != nil {
		return nil, err
	}
	var made []document.Entry
	for _, value := range values {
		inner := append(in[:len(in):len(in)], binding{identifier.Text, value})
		for _, e := range body.Entries {
			if !names(e.Key, identifier.Text) && !strings.HasPrefix(e.Key, "Fn::ForEach::") {
				return nil, layoutError(e.Value, "Fn::ForEach")
			}
			entries, err := x.member(e, inner)
			if err != nil {
				return nil, err
			}
			made = append(made, entries...)
		}
	}
	return made, nil
}

func names(key, identifier string) bool {
	return strings.Contains(key, "${"+identifier+"}") || strings.Contains(key, "&{"+identifier+"}")
}

// collection returns what a loop runs over; lists in the list, as of a parameter, are flattened, and repeated
// values count once.
func (x *expander) collection(n *Node, in bindings) ([]string, error) {
	bound, err := x.tree(n, in)
	if err != nil {
		return nil, err
	}
	value, err := x.evaluator.Value(bound)
	if err != nil {
		return nil, err
	}
	if !value.Is(document.List) || dependsOn(value) != "" {
		return nil, layoutError(n, "Fn::ForEach")
	}
	var all []string
	seen := map[string]bool{}
	for _, item := range value.Items {
		texts, ok := item.Strings()
		if !ok {
			return nil, layoutError(n, "Fn::ForEach")
		}
		for _, text := range texts {
			if !seen[text] {
				seen[text] = true
				all = append(all, text)
			}
		}
	}
	return all, nil
}

func (in bindings) value(name string) (string, bool) {
	for i := len(in) - 1; i >= 0; i-- {
		if in[i].name == name {
			return in[i].value, true
		}
	}
	return "", false
}

func (in bindings) has(name string) bool {
	_, ok := in.value(name)
	return ok
}

// replace puts the values of identifiers in their places: ${X} as it is, &{X} with its letters and digits
// alone.
func (in bindings) replace(text string) string {
	if len(in) == 0 || !strings.Contains(text, "{") {
		return text
	}
	for _, b := range in {
		text = strings.ReplaceAll(text, "${"+b.name+"}", b.value)
		text = strings.ReplaceAll(text, "&{"+b.name+"}", alphanumeric(b.value))
	}
	return text
}

func alphanumeric(text string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x80 && isAlphanumeric(string(r)) {
			return r
		}
		return -1
	}, text)
}

// resolve gives values to the functions that the transform adds, and to the policies of resources.
func (x *expander) resolve(root *Node) (*Node, error) {
	var failure error
	out := root.Rewrite(func(n *Node) *Node {
		if failure != nil || n.Kind != document.Map {
			return n
		}
		resolved, err := x.resolveOne(n)
		if err != nil {
			failure = err
			return n
		}
		return resolved
	})
	return out, failure
}

func (x *expander) resolveOne(n *Node) (*Node, error) {
	name, arg, ok := n.Single()
	enhanced := ok && name == "Fn::FindInMap" && isEnhanced(arg)
	if enhanced || ok && (name == "Fn::Length" || name == "Fn::ToJsonString") {
		value, err := x.evaluator.Value(n)
		if err != nil || value == nil || value.Is(document.Unknown) {
			return n, err
		}
		return value, nil
	}
	for _, policy := range []string{"DeletionPolicy", "UpdateReplacePolicy"} {
		given := n.Get(policy)
		if !IsFunction(given) || !n.Has("Type") {
			continue
		}
		value, err := x.evaluator.Value(given)
		if err != nil {
			return nil, err
		}
		if !isText(value) {
			return nil, refuse(given.Pos, "Unsupported expression for %s", policy)
		}
		return x.resolve(n.With(policy, value))
	}
	return n, nil
}

// isEnhanced reports whether Fn::FindInMap uses what only the transform allows.
func isEnhanced(arg *Node) bool {
	if !isFindInMap(arg) {
		return false
	}
	for _, item := range arg.Items[:3] {
		if name, _, ok := item.Single(); ok && name != "Ref" && name != "Fn::FindInMap" {
			return true
		}
	}
	return len(arg.Items) == 4
}
