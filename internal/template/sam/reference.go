package sam

import (
	"regexp"
	"strings"

	"github.com/sealtable/sealtable/internal/template/document"
)

// readParameters gathers the values that references to parameters have: given ones, else defaults.
func (t *translation) readParameters() {
	t.parameters = map[string]*node{}
	if section := t.root.Get("Parameters"); section.Is(document.Map) {
		for _, e := range section.Entries {
			if value := given(e.Value, "Default"); value != nil {
				t.parameters[e.Key] = value
			}
		}
	}
	for name, value := range t.options.Parameters {
		t.parameters[name] = value
	}
	if t.options.Region != "" {
		t.parameters["AWS::Region"] = document.NewString(t.options.Region)
	}
	t.parameters["AWS::Partition"] = document.NewString(t.partition())
}

var subVariable = regexp.MustCompile(`\$\{([A-Za-z0-9.]+|AWS::[A-Z][A-Za-z]*)\}`)

// resolve returns a tree in which references to parameters are replaced by their values.
func (t *translation) resolve(n *node) *node {
	if n == nil {
		return nil
	}
	return deepRewrite(n, func(n *node) *node {
		name, arg, ok := n.Single()
		switch {
		case ok && name == "Ref" && arg.Is(document.String):
			if value := t.parameters[arg.Text]; value != nil {
				return value
			}
		case ok && name == "Fn::Sub":
			return rewriteSub(n, arg, t.subValue)
		}
		return n
	})
}

// resolveInside resolves what stands inside of a value, but leaves it alone if it is itself a Ref: so the
// translator does where it only meant to look.
func (t *translation) resolveInside(n *node) *node {
	if name, _, ok := n.Single(); ok && name == "Ref" {
		return n
	}
	return t.resolve(n)
}

func (t *translation) subValue(variable string) string {
	if value := t.parameters[variable]; value.IsScalar() {
		return value.Text
	}
	return "${" + variable + "}"
}

// resolveInMappings replaces Fn::FindInMap, where all keys are known, by its value.
func (t *translation) resolveInMappings(n *node) (*node, error) {
	if !truthy(t.root.Get("Mappings")) {
		return n, nil
	}
	var err error
	n = n.Rewrite(func(n *node) *node {
		name, arg, ok := n.Single()
		if !ok || name != "Fn::FindInMap" {
			return n
		}
		if !arg.Is(document.List) || len(arg.Items) != 3 {
			err = failure{message: structure + "Invalid FindInMap value " + repr(arg) +
				". FindInMap expects an array with 3 values.", alone: true}
			return n
		}
		found := t.root.Get("Mappings")
		for _, key := range arg.Items {
			if !key.IsScalar() {
				return n
			}
			found = found.Get(key.Text)
		}
		if found == nil {
			return n
		}
		return found
	})
	return n, err
}

// rewriteSub replaces the variables in the text of Fn::Sub.
func rewriteSub(n, arg *node, value func(variable string) string) *node {
	first := arg
	if arg.Is(document.List) && len(arg.Items) > 0 {
		first = arg.Items[0]
	}
	if !first.Is(document.String) {
		return n
	}
	text := subVariable.ReplaceAllStringFunc(first.Text,
		func(match string) string { return value(match[2 : len(match)-1]) })
	if text == first.Text {
		return n
	}
	replaced := &node{Kind: document.String, Text: text, Pos: first.Pos}
	if first == arg {
		return n.With("Fn::Sub", replaced)
	}
	items := append([]*node{replaced}, arg.Items[1:]...)
	return n.With("Fn::Sub", &node{Kind: document.List, Items: items, Pos: arg.Pos})
}

// derive records that an expression like F.Alias stands for a resource that was made.
func (t *translation) derive(id, property, madeID string) { t.derived[id+"."+property] = madeID }

// resolveDerived replaces expressions like F.Alias everywhere: in Ref, in Fn::GetAtt and in Fn::Sub.
func (t *translation) resolveDerived(root *node) *node {
	if len(t.derived) == 0 {
		return root
	}
	return deepRewrite(root, func(n *node) *node {
		name, arg, ok := n.Single()
		switch {
		case !ok:
		case name == "Ref" && arg.Is(document.String):
			if id := t.derived[arg.Text]; id != "" {
				return n.With("Ref", document.NewString(id))
			}
		case name == "Fn::GetAtt":
			return t.deriveGetAtt(n, arg)
		case name == "Fn::Sub":
			return rewriteSub(n, arg, t.deriveVariable)
		}
		return n
	})
}

func (t *translation) deriveGetAtt(n, arg *node) *node {
	texts, ok := arg.Strings()
	if !ok || len(texts) < 2 {
		return n
	}
	parts := strings.Split(strings.Join(texts, "."), ".")
	id := t.derived[parts[0]+"."+parts[1]]
	if id == "" {
		return n
	}
	names := []string{id}
	if len(parts) > 2 {
		names = append(names, strings.Join(parts[2:], "."))
	}
	return n.With("Fn::GetAtt", document.From(names))
}

func (t *translation) deriveVariable(variable string) string {
	parts := strings.SplitN(variable, ".", 3)
	if len(parts) < 2 || t.derived[parts[0]+"."+parts[1]] == "" {
		return "${" + variable + "}"
	}
	parts = append([]string{t.derived[parts[0]+"."+parts[1]]}, parts[2:]...)
	return "${" + strings.Join(parts, ".") + "}"
}

// resolveRenamed replaces the ids of resources that got another one, as layers do.
func (t *translation) resolveRenamed(root *node) *node {
	if len(t.renamed) == 0 {
		return root
	}
	return deepRewrite(root, func(n *node) *node {
		name, arg, ok := n.Single()
		switch {
		case !ok:
		case name == "Ref" && arg.Is(document.String):
			if id := t.renamed[arg.Text]; id != "" {
				return n.With("Ref", document.NewString(id))
			}
		case name == "Fn::GetAtt":
			texts, isList := arg.Strings()
			if isList && len(texts) > 0 && t.renamed[texts[0]] != "" {
				return n.With("Fn::GetAtt", document.From(append([]string{t.renamed[texts[0]]},
					texts[1:]...)))
			}
		case name == "Fn::Sub":
			return rewriteSub(n, arg, t.renameVariable)
		}
		return n
	})
}

func (t *translation) renameVariable(variable string) string {
	id, rest, dotted := strings.Cut(variable, ".")
	if t.renamed[id] == "" {
		return "${" + variable + "}"
	}
	if dotted {
		rest = "." + rest
	}
	return "${" + t.renamed[id] + rest + "}"
}

// deepRewrite visits the inside of what f returned, too.
func deepRewrite(n *node, f func(*node) *node) *node {
	return n.Rewrite(func(n *node) *node {
		out := f(n)
		if out == n || out.Kind != document.Map {
			return out
		}
		entries := make([]entry, len(out.Entries))
		for i, e := range out.Entries {
			entries[i] = entry{Key: e.Key, Value: deepRewrite(e.Value, f), Pos: e.Pos}
		}
		return &node{Kind: document.Map, Entries: entries, Pos: out.Pos}
	})
}
