package deploy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/sealtable/sealtable/internal/deploy/resource"
	"github.com/sealtable/sealtable/internal/template"
	"github.com/sealtable/sealtable/internal/template/document"
)

// A Source is a template with values for its parameters.
type Source struct {
	Body   string
	Inputs []template.Input
}

// target is what a template with its parameters asks for.
type target struct {
	texts
	template   *template.Template
	transforms []string
	values     template.Values
	parameters []Parameter
}

// prepare reads a template and the values of its parameters, and refuses what no stack can be made of.
// previous are the parameters that the stack has, nil if it has none yet.
func (e *Engine) prepare(s *Stack, source Source, previous []Parameter) (*target, error) {
	doc, err := document.Parse([]byte(source.Body))
	if err != nil {
		return nil, err
	}
	t := &target{texts: texts{Original: source.Body}}
	if t.transforms, err = template.Transforms(doc); err != nil {
		return nil, err
	}
	doc, err = template.Process(doc, template.Transformers{Named: e.o.Transforms(s.pseudo(), source.Inputs)})
	if err != nil {
		return nil, err
	}
	t.Processed = string(doc.Root.AppendJSON(nil))
	return t, e.read(t, doc, source.Inputs, previous)
}

// read fills what is read from the processed template.
func (e *Engine) read(
	t *target, doc *document.Document, inputs []template.Input, previous []Parameter,
) error {
	var err error
	if t.template, err = template.Read(doc); err != nil {
		return err
	}
	if err := t.template.Unrecognized(e.o.Types.Known); err != nil {
		return err
	}
	given := template.Inputs{Given: inputs, Store: e.o.Parameters}
	if previous != nil {
		given.Previous = map[string]string{}
		for _, p := range previous {
			given.Previous[p.Key] = p.Value
		}
	}
	if t.values, err = t.template.ResolveParameters(given); err != nil {
		return err
	}
	for _, p := range t.template.Parameters {
		value := t.values[p.Name]
		stored := Parameter{Key: p.Name, Value: value.Given, NoEcho: p.NoEcho}
		if value.Resolved != value.Given {
			stored.Resolved = value.Resolved
		}
		t.parameters = append(t.parameters, stored)
	}
	return nil
}

// again reads the templates of a generation with the parameters that were resolved then.
func (e *Engine) again(t texts, parameters []Parameter) (*target, error) {
	doc, err := document.Parse([]byte(t.Processed))
	if err != nil {
		return nil, err
	}
	var inputs []template.Input
	for _, p := range parameters {
		inputs = append(inputs, template.Input{Name: p.Key, Value: &p.Value})
	}
	again := &target{texts: t}
	return again, e.read(again, doc, inputs, nil)
}

func (s *Stack) pseudo() template.Pseudo {
	partition, suffix := "aws", "amazonaws.com"
	return template.Pseudo{AccountID: s.Scope.Account, Region: s.Scope.Region, Partition: partition,
		URLSuffix: suffix,
		StackName: s.Name, StackID: s.ID, NotificationARNs: s.NotificationARNs}
}

// evaluation gives the values of a target while its resources come into being. It is safe for concurrent use.
type evaluation struct {
	mu        sync.Mutex
	evaluator *template.Evaluator
}

func (e *Engine) evaluation(h *held, s *Stack, t *target) *evaluation {
	return &evaluation{evaluator: t.template.Evaluator(template.Environment{
		Pseudo: s.pseudo(), Parameters: t.values, Resources: knownResources{h, e.o.Types},
		Exports: e.exportsIn(s.Scope), DynamicReferences: e.o.References,
	})}
}

// properties are those of a resource as JSON values, checked and typed by its schema.
func (v *evaluation) properties(r *template.Resource, schema *resource.Schema) (map[string]any, error) {
	v.mu.Lock()
	node, err := v.evaluator.Resource(r)
	v.mu.Unlock()
	if err != nil {
		return nil, err
	}
	properties, err := decode(node.AppendJSON(nil))
	if err != nil {
		return nil, err
	}
	return schema.Check(r.Type, properties)
}

func decode(data []byte) (map[string]any, error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var out map[string]any
	if err := decoder.Decode(&out); err != nil {
		return nil, fmt.Errorf("properties: %w", err)
	}
	return out, nil
}

// stored reads properties that were checked when they were written.
func stored(data json.RawMessage, schema *resource.Schema, typeName string) (map[string]any, error) {
	if len(data) == 0 {
		return map[string]any{}, nil
	}
	properties, err := decode(data)
	if err != nil {
		return nil, err
	}
	return schema.Check(typeName, properties)
}

// knownResources are what Ref and Fn::GetAtt of resources give.
type knownResources struct {
	h     *held
	types Types
}

// Ref implements template.Resources.
func (k knownResources) Ref(id string) *template.Node {
	r := k.h.resource(id)
	if r == nil || r.Live.Physical == "" {
		return nil
	}
	return document.NewString(r.Live.Ref)
}

// Attribute implements template.Resources.
func (k knownResources) Attribute(id, name string) (*template.Node, error) {
	r := k.h.resource(id)
	if r == nil || r.Live.Physical == "" {
		return nil, nil
	}
	var attributes map[string]json.RawMessage
	if err := json.Unmarshal(r.Live.Attributes, &attributes); err != nil && len(r.Live.Attributes) > 0 {
		return nil, err
	}
	value, ok := attributes[name]
	if !ok {
		return nil, document.Refuse(template.Position{},
			fmt.Sprintf("Requested attribute %s does not exist in schema for %s", name, r.Type))
	}
	doc, err := document.Parse([]byte(`{"value":` + string(value) + `}`))
	if err != nil {
		return nil, err
	}
	return doc.Root.Entries[0].Value, nil
}
