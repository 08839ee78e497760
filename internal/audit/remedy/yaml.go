package remedy

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// yamlEdits sets a property of a resource of a CloudFormation template, in YAML or JSON, and leaves
// everything else as it stands.
func yamlEdits(text, id string, want property) ([]edit, error) {
	var document yaml.Node
	if err := yaml.Unmarshal([]byte(text), &document); err != nil || len(document.Content) == 0 {
		return nil, errors.New("the template can't be read")
	}
	resource := child(child(document.Content[0], "Resources"), id)
	if resource == nil || resource.Kind != yaml.MappingNode {
		return nil, errors.New("the resource is not in the text of the template: a transform made it")
	}
	w := &writer{text: text, starts: lineStarts(text)}
	properties := child(resource, "Properties")
	if properties == nil {
		return w.insert(resource, "Properties", [][2]string{}, &want)
	}
	return w.set(properties, want)
}

func child(n *yaml.Node, name string) *yaml.Node {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == name {
			return n.Content[i+1]
		}
	}
	return nil
}

// writer makes edits in the style of the text.
type writer struct {
	text   string
	starts []int
}

// offset is the byte at which a node begins; columns count characters.
func (w *writer) offset(n *yaml.Node) int {
	at := w.starts[n.Line-1]
	for range n.Column - 1 {
		_, size := utf8.DecodeRuneInString(w.text[at:])
		at += size
	}
	return at
}

// set puts a property into a mapping: it replaces a literal value, or adds what is missing. An expression is
// left alone.
func (w *writer) set(mapping *yaml.Node, want property) ([]edit, error) {
	if mapping.Kind != yaml.MappingNode || isFunction(mapping) {
		return nil, errors.New("a function decides; change the parameters, or the function, by hand")
	}
	if want.block == "" {
		return w.member(mapping, want.name, want.value)
	}
	block := child(mapping, want.block)
	if block == nil {
		return w.insert(mapping, want.block, append([][2]string{{want.name, want.value}}, want.more...), nil)
	}
	if block.Kind != yaml.MappingNode || isFunction(block) {
		return nil, errors.New("a function decides over " + want.block + "; change its parameters by hand")
	}
	edits, err := w.member(block, want.name, want.value)
	for _, pair := range want.more {
		if err == nil && (child(block, pair[0]) == nil || pair[0] != "SSEType") {
			var more []edit
			more, err = w.member(block, pair[0], pair[1])
			edits = append(edits, more...)
		}
	}
	return edits, err
}

// isFunction reports whether a mapping is the call of a function in its long form.
func isFunction(n *yaml.Node) bool {
	return len(n.Content) == 2 && (n.Content[0].Value == "Ref" || strings.HasPrefix(n.Content[0].Value,
		"Fn::"))
}

func (w *writer) member(mapping *yaml.Node, name, value string) ([]edit, error) {
	old := child(mapping, name)
	if old == nil {
		return w.insert(mapping, name, nil, &property{value: value})
	}
	if old.Kind != yaml.ScalarNode || strings.HasPrefix(old.Tag, "!") && !strings.HasPrefix(old.Tag, "!!") {
		return nil, fmt.Errorf("a function decides over %s; change its parameters by hand", name)
	}
	from := w.offset(old)
	to := from + len(old.Value)
	if old.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0 {
		to += 2
	}
	return []edit{{from, to, w.scalar(mapping, value)}}, nil
}

// scalar is a value as it is written: JSON quotes what is no boolean.
func (w *writer) scalar(mapping *yaml.Node, value string) string {
	if mapping.Style&yaml.FlowStyle != 0 && value != "true" && value != "false" {
		return `"` + value + `"`
	}
	return value
}

// insert puts a member before the first one of a mapping: a map of pairs, or a single value, or, where inside
// is given without a value, a map of that property.
func (w *writer) insert(mapping *yaml.Node, name string, pairs [][2]string, inside *property) ([]edit,
	error) {
	if len(mapping.Content) == 0 {
		return nil, errors.New("an empty mapping is not changed; write its members by hand")
	}
	first := mapping.Content[0]
	at := w.offset(first)
	indent := strings.Repeat(" ", first.Column-1)
	if mapping.Style&yaml.FlowStyle != 0 {
		separator := " "
		if first.Line != mapping.Line {
			separator = "\n" + w.text[w.starts[first.Line-1]:at]
		}
		return []edit{{at, at, `"` + name + `": ` + w.flow(mapping, pairs, inside) + "," + separator}}, nil
	}
	var b strings.Builder
	switch {
	case inside != nil && inside.name != "": // Properties, which were not there
		b.WriteString(name + ":\n")
		w.block(&b, indent+"  ", inside)
	case inside != nil:
		b.WriteString(name + ": " + inside.value + "\n")
	default:
		b.WriteString(name + ":\n")
		for _, pair := range pairs {
			b.WriteString(indent + "  " + pair[0] + ": " + pair[1] + "\n")
		}
	}
	return []edit{{at, at, b.String() + indent}}, nil
}

func (w *writer) block(b *strings.Builder, indent string, p *property) {
	if p.block == "" {
		b.WriteString(indent + p.name + ": " + p.value + "\n")
		return
	}
	b.WriteString(indent + p.block + ":\n" + indent + "  " + p.name + ": " + p.value + "\n")
	for _, pair := range p.more {
		b.WriteString(indent + "  " + pair[0] + ": " + pair[1] + "\n")
	}
}

// flow writes a value in JSON, which flow style is also.
func (w *writer) flow(mapping *yaml.Node, pairs [][2]string, inside *property) string {
	if inside != nil && inside.name == "" {
		return w.scalar(mapping, inside.value)
	}
	if inside != nil {
		members := append([][2]string{{inside.name, inside.value}}, inside.more...)
		if inside.block == "" {
			return w.flow(mapping, members, nil)
		}
		return `{"` + inside.block + `": ` + w.flow(mapping, members, nil) + "}"
	}
	var members []string
	for _, pair := range pairs {
		members = append(members, `"`+pair[0]+`": `+w.scalar(mapping, pair[1]))
	}
	return "{" + strings.Join(members, ", ") + "}"
}
