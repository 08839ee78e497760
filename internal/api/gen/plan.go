package main

import (
	"fmt"
	"slices"
	"strings"
)

// kind is what a shape becomes in Go.
type kind int

const (
	textKind kind = iota
	integerKind
	longKind
	floatKind
	boolKind
	timeKind
	blobKind
	structKind
	listKind
	mapKind
	valueKind // an attribute value
	itemKind  // a map of attribute values
)

// plan is a model with everything decided that the writers of the files need.
type plan struct {
	service
	*model
	structs map[string]bool // shape name → reachable from an input or an output
	read    map[string]bool
	append  map[string]bool
	inputs  map[string]bool // reachable from an input
	rules   *rules
}

// member is one field of a structure.
type member struct {
	*ref
	name     string // on the wire
	field    string // in Go
	index    int
	kind     kind
	shape    *shape
	required bool
}

func newPlan(s service, m *model) (*plan, error) {
	p := &plan{
		service: s, model: m, structs: map[string]bool{}, read: map[string]bool{}, append: map[string]bool{},
		inputs: map[string]bool{}, rules: newRules(),
	}
	for _, name := range sortedKeys(m.Operations) {
		p.completeOperation(m.Operations[name])
	}
	for _, op := range m.Operations {
		p.reach(op.Input.Shape, p.structs, p.read, p.inputs)
		p.reach(op.Output.Shape, p.structs, p.append)
		if s.clientSide {
			p.reach(op.Input.Shape, p.append)
			p.reach(op.Output.Shape, p.read)
		}
	}
	for _, name := range sortedKeys(m.Shapes) {
		if s := m.Shapes[name]; s.Exception {
			for _, extra := range p.extras(s) {
				p.reach(extra.shape.Name, p.structs, p.append)
			}
		}
	}
	return p, p.check()
}

// completeOperation gives an operation without an input or output an empty structure.
func (p *plan) completeOperation(op *operation) {
	if op.Input == nil {
		op.Input = p.emptyShape(op.Name + "Input")
	}
	if op.Output == nil {
		op.Output = p.emptyShape(op.Name + "Output")
		op.Output.Location = "none"
	}
}

func (p *plan) emptyShape(name string) *ref {
	if p.Shapes[name] == nil {
		p.Shapes[name] = &shape{Name: name, Type: "structure"}
	}
	return &ref{Shape: name}
}

func (p *plan) kindOf(s *shape) kind {
	switch s.Type {
	case "string":
		return textKind
	case "integer":
		return integerKind
	case "long":
		return longKind
	case "double", "float":
		return floatKind
	case "boolean":
		return boolKind
	case "timestamp":
		return timeKind
	case "blob":
		return blobKind
	case "list":
		return listKind
	case "map":
		if p.isAttributeValue(p.Shapes[s.Value.Shape]) {
			return itemKind
		}
		return mapKind
	}
	if p.isAttributeValue(s) {
		return valueKind
	}
	return structKind
}

func (p *plan) isAttributeValue(s *shape) bool {
	return s.Name == "AttributeValue" && strings.HasPrefix(p.pkg, "dynamodb")
}

// reach marks the structures that can be reached from the shape called name in every set.
func (p *plan) reach(name string, sets ...map[string]bool) {
	for _, set := range sets {
		p.reachOne(p.Shapes[name], set, map[string]bool{})
	}
}

func (p *plan) reachOne(s *shape, set, seen map[string]bool) {
	if seen[s.Name] {
		return
	}
	seen[s.Name] = true
	switch p.kindOf(s) {
	case listKind:
		p.reachOne(p.Shapes[s.Member.Shape], set, seen)
	case mapKind:
		p.reachOne(p.Shapes[s.Value.Shape], set, seen)
	case structKind:
		set[s.Name] = true
		for _, m := range p.members(s) {
			p.reachOne(m.shape, set, seen)
		}
	}
}

// members are the fields of a structure, in the model's order.
func (p *plan) members(s *shape) []member {
	var out []member
	for _, name := range sortedKeys(s.Members) {
		r := s.Members[name]
		target := p.Shapes[r.Shape]
		if target.EventStream {
			continue
		}
		out = append(out, member{
			ref: r, name: name, field: exported(name), index: len(out), kind: p.kindOf(target), shape: target,
			required: slices.Contains(s.Required, name),
		})
	}
	return out
}

// bodyMembers are the members that travel in the body as JSON or XML.
func (p *plan) bodyMembers(s *shape) []member {
	return slices.DeleteFunc(p.members(s), func(m member) bool {
		return m.Location != "" || m.name == s.Payload
	})
}

func exported(name string) string { return strings.ToUpper(name[:1]) + name[1:] }

// elementType is the Go type of a shape inside a list or map.
func (p *plan) elementType(s *shape) string {
	switch p.kindOf(s) {
	case textKind:
		return "string"
	case integerKind, longKind:
		return "int64"
	case floatKind:
		return "float64"
	case boolKind:
		return "bool"
	case timeKind:
		return "time.Time"
	case blobKind:
		return "[]byte"
	case listKind:
		return "[]" + p.elementType(p.Shapes[s.Member.Shape])
	case mapKind:
		return "map[string]" + p.elementType(p.Shapes[s.Value.Shape])
	case valueKind:
		return "attribute.Value"
	case itemKind:
		return "attribute.Item"
	}
	return exported(s.Name)
}

// fieldType is the Go type of a shape as a member; nil means absent.
func (p *plan) fieldType(s *shape) string {
	switch p.kindOf(s) {
	case blobKind, listKind, mapKind, valueKind, itemKind:
		return p.elementType(s)
	}
	return "*" + p.elementType(s)
}

// extras are the members of an error besides its message that travel in the body.
func (p *plan) extras(s *shape) []member {
	return slices.DeleteFunc(p.bodyMembers(s), func(m member) bool {
		return strings.EqualFold(m.name, "message") || p.Metadata.Protocol == "rest-json" && m.name == "Type"
	})
}

// check refuses what the writers do not handle.
func (p *plan) check() error {
	for _, name := range sortedKeys(p.Shapes) {
		s := p.Shapes[name]
		if len(s.Members) > 64 {
			return fmt.Errorf("%s: more than 64 members", name)
		}
		if s.Max != nil && *s.Max == 0 {
			return fmt.Errorf("%s: a maximum of 0 is how the rules say that there is none", name)
		}
		if s.Exception && p.Metadata.Protocol == "query" && len(p.extras(s)) > 0 {
			return fmt.Errorf("%s: an error of the query protocol with more than a message", name)
		}
		for _, m := range s.Members {
			if p.Metadata.Protocol != "rest-json" && (m.Location != "" || m.LocationName != "") {
				return fmt.Errorf("%s: a location outside rest-json", name)
			}
		}
	}
	for _, op := range p.Operations {
		if w := op.Output.ResultWrapper; p.Metadata.Protocol == "query" && op.Output.Location == "" &&
			w != op.Name+"Result" {
			return fmt.Errorf("%s: the result is wrapped in %q", op.Name, w)
		}
	}
	return nil
}
