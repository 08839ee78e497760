package deploy

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"

	"github.com/sealtable/sealtable/internal/deploy/resource"
	"github.com/sealtable/sealtable/internal/template"
	"github.com/sealtable/sealtable/internal/template/document"
)

// Unknown stands for a property whose value is known only after what it depends on exists.
const Unknown = "{{changeSet:KNOWN_AFTER_APPLY}}"

// comparison works out what a target changes about a stack.
type comparison struct {
	h        *held
	types    Types
	before   *template.Template // what the stack has; nil of one that is new
	values   *evaluation
	target   *target
	given    map[string]string // parameters of the stack
	replaced map[string]bool   // what exists no more, or not yet
	modified map[string]bool
}

// Ref implements template.Resources: of what is replaced or new nothing is known.
func (c *comparison) Ref(id string) *template.Node {
	if c.replaced[id] {
		return nil
	}
	return knownResources{c.h, c.types}.Ref(id)
}

// Attribute implements template.Resources.
func (c *comparison) Attribute(id, name string) (*template.Node, error) {
	if c.replaced[id] {
		return nil, nil
	}
	return knownResources{c.h, c.types}.Attribute(id, name)
}

// compare returns the changes, sorted by logical id.
func (e *Engine) compare(h *held, wanted, s *Stack, t *target) ([]Change, error) {
	c := &comparison{h: h, types: e.o.Types, target: t, given: map[string]string{},
		replaced: map[string]bool{},
		modified: map[string]bool{}}
	for _, p := range s.Parameters {
		c.given[p.Key] = p.Value + p.Resolved
	}
	if _, current := h.now(); current.Processed != "" {
		again, err := e.again(current, s.Parameters)
		if err != nil {
			return nil, err
		}
		c.before = again.template
	}
	c.values = &evaluation{evaluator: t.template.Evaluator(template.Environment{Pseudo: wanted.pseudo(),
		Parameters: t.values,
		Resources:  c, Exports: e.exportsIn(s.Scope), DynamicReferences: e.o.References})}
	plan, err := c.values.evaluator.Plan()
	if err != nil {
		return nil, err
	}
	changes := c.all(plan, !maps.Equal(s.Tags, wanted.Tags) && s.Generation > 0)
	slices.SortFunc(changes, func(a, b Change) int {
		return bytes.Compare([]byte(a.Logical), []byte(b.Logical))
	})
	return changes, nil
}

func (c *comparison) all(plan *template.Plan, tags bool) (changes []Change) {
	existing := c.h.all()
	for _, wanted := range plan.Order {
		there := existing[wanted.ID]
		delete(existing, wanted.ID)
		if there == nil || there.Live.Physical == "" {
			c.replaced[wanted.ID] = true
			changes = append(changes, Change{Action: "Add", Logical: wanted.ID, Type: wanted.Type,
				After: c.after(wanted)})
			continue
		}
		if change, changed := c.modify(wanted, there, tags); changed {
			changes = append(changes, change)
		}
	}
	for _, there := range existing {
		if there.Live.Physical == "" {
			continue
		}
		policy := "Delete"
		if there.Live.Deletion == "Retain" || there.Live.Deletion == "RetainExceptOnCreate" {
			policy = "Retain"
		}
		changes = append(changes, Change{Action: "Remove", Logical: there.ID, Physical: there.Live.Physical,
			Type:         there.Type,
			PolicyAction: policy, Before: string(there.Live.Properties)})
	}
	return changes
}

// after is what the properties of a resource will be, as JSON.
func (c *comparison) after(wanted *template.Resource) string {
	node, err := c.values.evaluator.Resource(wanted)
	if err != nil {
		return ""
	}
	return string(known(node).AppendJSON(nil))
}

// known replaces what is not known by the text that says so.
func known(n *template.Node) *template.Node {
	if n == nil {
		return nil
	}
	clone := *n
	switch n.Kind {
	case document.Unknown:
		return document.NewString(Unknown)
	case document.List:
		clone.Items = nil
		for _, item := range n.Items {
			clone.Items = append(clone.Items, known(item))
		}
	case document.Map:
		clone.Entries = nil
		for _, entry := range n.Entries {
			entry.Value = known(entry.Value)
			clone.Entries = append(clone.Entries, entry)
		}
	}
	return &clone
}

// modify compares a resource that exists with what is wanted of it.
func (c *comparison) modify(wanted *template.Resource, there *Resource, tags bool) (Change, bool) {
	change := Change{Action: "Modify", Logical: wanted.ID, Physical: there.Live.Physical, Type: wanted.Type,
		Replacement: "False",
		Before:      string(there.Live.Properties), After: c.after(wanted)}
	t, ok := c.types.Lookup(wanted.Type)
	if !ok {
		return change, false
	}
	schema := t.Schema()
	for _, name := range changedProperties(schema, wanted.Type, there.Live.Properties, change.After) {
		property := schema.Properties[name]
		recreation := "Never"
		if property != nil && property.Replaces {
			recreation = "Always"
			change.Replacement = "True"
		}
		change.Details = append(change.Details, c.causes(wanted, name, recreation)...)
	}
	if len(change.Details) > 0 {
		change.Scope = []string{"Properties"}
	}
	c.other(&change, wanted, there, schema, tags)
	if len(change.Scope) == 0 {
		return change, false
	}
	c.modified[wanted.ID] = true
	if change.Replacement == "True" {
		c.replaced[wanted.ID] = true
		change.PolicyAction = "ReplaceAndDelete"
		if there.Live.Replacement == "Retain" {
			change.PolicyAction = "ReplaceAndRetain"
		}
	}
	return change, true
}

// other adds what changes beside properties: metadata, and the stack's tags on what takes them.
func (c *comparison) other(
	change *Change, wanted *template.Resource, there *Resource, schema *resource.Schema, tags bool,
) {
	metadata := ""
	if wanted.Metadata != nil {
		metadata = string(wanted.Metadata.AppendJSON(nil))
	}
	if metadata != there.Metadata {
		change.Scope = append(change.Scope, "Metadata")
		change.Details = append(change.Details,
			Detail{Attribute: "Metadata", Recreation: "Never", Evaluation: "Static",
				Source: "DirectModification"})
	}
	if tags && schema.TagsProperty != "" {
		change.Scope = append(change.Scope, "Tags")
		change.Details = append(change.Details,
			Detail{Attribute: "Tags", Recreation: "Never", Evaluation: "Static",
				Source: "DirectModification"})
	}
}

// changedProperties names the properties at the top that differ, sorted; those that hold what is not known
// do.
func changedProperties(
	schema *resource.Schema, typeName string, before json.RawMessage, after string,
) []string {
	old, err := stored(before, schema, typeName)
	if err != nil {
		return nil
	}
	raw, err := decode([]byte(after))
	if err != nil {
		return nil
	}
	var changed []string
	for _, name := range slices.Sorted(maps.Keys(union(old, raw))) {
		value, wanted := raw[name]
		property := schema.Properties[name]
		if wanted && property != nil && !bytes.Contains(mustJSON(value), []byte(Unknown)) {
			one := &resource.Schema{Properties: map[string]*resource.Property{name: property}}
			if checked, err := one.Check(typeName, map[string]any{name: value}); err == nil {
				value = checked[name]
			}
		}
		if !bytes.Equal(mustJSON(old[name]), mustJSON(value)) {
			changed = append(changed, name)
		}
	}
	return changed
}

func union(a, b map[string]any) map[string]any {
	all := maps.Clone(a)
	if all == nil {
		all = map[string]any{}
	}
	maps.Copy(all, b)
	return all
}

// mustJSON is the JSON of what came from JSON.
func mustJSON(value any) []byte {
	data, err := json.Marshal(value)
	if err != nil {
		return nil
	}
	return data
}

// causes says why a property changes: its own text, a parameter, or a resource that it refers to.
func (c *comparison) causes(wanted *template.Resource, name, recreation string) []Detail {
	detail := Detail{Attribute: "Properties", Name: name, Recreation: recreation, Evaluation: "Static",
		Source: "DirectModification"}
	text := propertyOf(wanted, name)
	if c.before != nil {
		if before := c.before.Resource(wanted.ID); before == nil ||
			!sameNode(propertyOf(before, name), text) {
			return []Detail{detail}
		}
	}
	var found []Detail
	references, err := template.References(text)
	if err != nil || text == nil {
		return []Detail{detail}
	}
	for _, reference := range references {
		if one, ok := c.cause(reference, detail); ok {
			found = append(found, one)
			if one.Source == "ParameterReference" {
				dynamic := detail
				dynamic.Evaluation = "Dynamic"
				found = append(found, dynamic)
			}
		}
	}
	if len(found) == 0 {
		return []Detail{detail}
	}
	return found
}

func (c *comparison) cause(r template.Reference, detail Detail) (Detail, bool) {
	detail.Cause = r.Name
	switch {
	case r.Kind == template.ToName && c.target.template.Parameter(r.Name) != nil:
		value := c.target.values[r.Name]
		now := value.Given
		if value.Resolved != value.Given {
			now += value.Resolved
		}
		detail.Source = "ParameterReference"
		return detail, now != c.given[r.Name] && value.Resolved == value.Given
	case r.Kind == template.ToName && c.replaced[r.Name]:
		detail.Source = "ResourceReference"
		return detail, true
	case r.Kind == template.ToAttribute && (c.replaced[r.Name] || c.modified[r.Name]):
		detail.Source = "ResourceAttribute"
		detail.Cause = r.Name + "." + r.Attribute
		if !c.replaced[r.Name] {
			detail.Evaluation = "Dynamic"
		}
		return detail, true
	}
	return detail, false
}

func propertyOf(r *template.Resource, name string) *template.Node {
	if r.Properties == nil {
		return nil
	}
	for _, entry := range r.Properties.Entries {
		if entry.Key == name {
			return entry.Value
		}
	}
	return nil
}

func sameNode(a, b *template.Node) bool {
	if a == nil || b == nil {
		return a == b
	}
	return document.Equal(a, b)
}
