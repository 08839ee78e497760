package template

import (
	"strings"
	"unicode/utf8"

	"github.com/sealtable/sealtable/internal/template/document"
)

// Read returns the sections of a template that has no transform left to do. It checks the form of every
// section, the names, the quotas, the form of functions, and that what is referred to exists; what depends on
// the values of parameters is Evaluator.Plan's.
func Read(doc *document.Document) (*Template, error) {
	t := &Template{
		Document: doc, Root: doc.Root,
		parameters: map[string]*Parameter{}, resources: map[string]*Resource{},
	}
	steps := []func() error{
		t.readRoot, t.readParameters, t.readRules, t.readMappings, t.readConditions, t.readResources,
		t.readOutputs, t.checkReferences,
	}
	if err := refuseNulls(doc.Root, ""); err != nil {
		return nil, err
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// refuseNulls gives the path of the first null in a tree.
func refuseNulls(n *Node, path string) error {
	switch n.Kind {
	case document.Null:
		return refuse(n.Pos, "[%s] 'null' values are not allowed in templates", path)
	case document.List:
		for i, item := range n.Items {
			if err := refuseNulls(item, path+"/"+itoa(i)); err != nil {
				return err
			}
		}
	case document.Map:
		for _, e := range n.Entries {
			if err := refuseNulls(e.Value, path+"/"+e.Key); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *Template) readRoot() error {
	var unknown []string
	for _, e := range t.Root.Entries {
		switch e.Key {
		case "AWSTemplateFormatVersion", "Description", "Metadata", "Parameters", "Rules", "Mappings",
			"Conditions",
			"Transform", "Resources", "Outputs", "Hooks":
		case "Globals":
			if !t.Root.Has("Transform") {
				unknown = append(unknown, e.Key)
			}
		default:
			unknown = append(unknown, e.Key)
		}
	}
	if hooks := t.Root.Get("Hooks"); hooks != nil {
		return formatError(hooks.Pos, "The section Hooks is about deployments by CodeDeploy, which is not "+
			"available here.")
	}
	if len(unknown) > 0 {
		return formatError(t.Root.Pos, "Invalid template property or properties [%s]", strings.Join(unknown,
			", "))
	}
	if v := t.Root.Get("AWSTemplateFormatVersion"); v != nil && (!v.IsScalar() || v.Text != "2010-09-09") {
		return formatError(v.Pos, "unsupported value for AWSTemplateFormatVersion.")
	}
	return t.readHeading()
}

func (t *Template) readHeading() error {
	if d := t.Root.Get("Description"); d != nil {
		if !d.IsScalar() {
			return formatError(d.Pos, "Every Description member must be a string.")
		}
		if len(d.Text) > MaxDescription {
			return formatError(d.Pos, "'Description' length is greater than %d.", MaxDescription)
		}
		t.Description = d.Text
	}
	if n := len(DynamicReferencesIn(t.Root)); n > MaxDynamicReferences {
		return formatError(t.Root.Pos, "Number of dynamic references, %d, is greater than maximum "+
			"allowed, %d",
			n, MaxDynamicReferences)
	}
	t.Metadata = t.Root.Get("Metadata")
	if t.Metadata != nil && !t.Metadata.Is(document.Map) {
		return formatError(t.Metadata.Pos, "Metadata section must be an object.")
	}
	var err error
	t.Transforms, err = Transforms(t.Document)
	return err
}

// section returns a section that must be a map, nil when it is absent.
func (t *Template) section(name string) (*Node, error) {
	n := t.Root.Get(name)
	if n != nil && !n.Is(document.Map) {
		return nil, formatError(n.Pos, "%s section must be an object.", name)
	}
	return n, nil
}

func (t *Template) readMappings() error {
	mappings, err := t.section("Mappings")
	if err != nil || mappings == nil {
		return err
	}
	t.Mappings = mappings
	if len(mappings.Entries) > MaxMappings {
		return formatError(mappings.Pos, "Number of mappings, %d, is greater than maximum allowed, %d",
			len(mappings.Entries), MaxMappings)
	}
	for _, m := range mappings.Entries {
		if !isAlphanumeric(m.Key) {
			return formatError(m.Pos, "Mappings name '%s' is non alphanumeric.", m.Key)
		}
		if err := readMapping(m); err != nil {
			return err
		}
	}
	return nil
}

func readMapping(m document.Entry) error {
	if !m.Value.Is(document.Map) {
		return formatError(m.Value.Pos, "Every Mappings member %s must be a map", m.Key)
	}
	for _, top := range m.Value.Entries {
		if !top.Value.Is(document.Map) {
			return formatError(top.Value.Pos, "Every Mappings member %s must be a map", top.Key)
		}
		if len(top.Value.Entries) > MaxMappingAttributes {
			return formatError(top.Value.Pos, "Number of mapping attributes, %d, is greater than maximum "+
				"allowed, %d",
				len(top.Value.Entries), MaxMappingAttributes)
		}
		for _, second := range top.Value.Entries {
			if _, ok := second.Value.Strings(); !ok {
				return formatError(second.Value.Pos, "Every Mappings attribute must be a String or a List.")
			}
		}
	}
	return nil
}

func (t *Template) readConditions() error {
	conditions, err := t.section("Conditions")
	if err != nil || conditions == nil {
		return err
	}
	t.Conditions = conditions
	for _, c := range conditions.Entries {
		if t.isLoop(c) {
			continue
		}
		if !isAlphanumeric(c.Key) {
			return formatError(c.Pos, "Conditions name '%s' is non alphanumeric.", c.Key)
		}
		if !c.Value.Is(document.Map) || len(c.Value.Entries) != 1 {
			return formatError(c.Value.Pos, "%s", conditionForm)
		}
	}
	return nil
}

func (t *Template) readResources() error {
	resources := t.Root.Get("Resources")
	if resources == nil || resources.Is(document.Map) && len(resources.Entries) == 0 {
		return formatError(t.Root.Pos, "At least one Resources member must be defined.")
	}
	if !resources.Is(document.Map) {
		return formatError(resources.Pos, "Resources section must be an object.")
	}
	if n := len(resources.Entries); n > MaxResources {
		return formatError(resources.Pos, "Number of resources, %d, is greater than maximum allowed, %d", n,
			MaxResources)
	}
	for _, e := range resources.Entries {
		if t.isLoop(e) {
			continue
		}
		if !isAlphanumeric(e.Key) || utf8.RuneCountInString(e.Key) > MaxName {
			return formatError(e.Pos, "Resource name %s is non alphanumeric.", e.Key)
		}
		r, err := t.readResource(e)
		if err != nil {
			return err
		}
		t.Resources = append(t.Resources, r)
		t.resources[r.ID] = r
	}
	return nil
}

func (t *Template) readResource(e document.Entry) (*Resource, error) {
	if !e.Value.Is(document.Map) {
		return nil, formatError(e.Value.Pos, "Any Resources member must be an object.")
	}
	r := &Resource{ID: e.Key, Pos: e.Pos, DeletionPolicy: "Delete", UpdateReplacePolicy: "Delete"}
	for _, a := range e.Value.Entries {
		if t.isPending(a) {
			continue
		}
		if err := r.attribute(a); err != nil {
			return nil, err
		}
	}
	if r.Type == "" {
		return nil, formatError(e.Pos, "[/Resources/%s] Every Resources object must contain a Type member.",
			r.ID)
	}
	return r, nil
}

func (r *Resource) attribute(a document.Entry) error {
	v := a.Value
	switch a.Key {
	case "Type":
		return stringMember(v, a.Key, &r.Type)
	case "Condition":
		return stringMember(v, a.Key, &r.Condition)
	case "Properties":
		r.Properties = v
	case "Metadata":
		r.Metadata = v
	case "CreationPolicy":
		r.CreationPolicy = v
	case "UpdatePolicy":
		r.UpdatePolicy = v
	case "DeletionPolicy":
		return policyMember(v, a.Key, &r.DeletionPolicy)
	case "UpdateReplacePolicy":
		return policyMember(v, a.Key, &r.UpdateReplacePolicy)
	case "DependsOn":
		return r.readDependsOn(v)
	case "Description":
	default:
		return refuse(a.Pos, "Invalid template resource property '%s'", a.Key)
	}
	if a.Key != "Description" && !v.Is(document.Map) {
		return formatError(v.Pos, "[/Resources/%s/%s] '%s' must be an object.", r.ID, a.Key, a.Key)
	}
	return nil
}

func stringMember(v *Node, name string, to *string) error {
	if !v.Is(document.String) {
		return formatError(v.Pos, "Every %s member must be a string.", name)
	}
	*to = v.Text
	return nil
}

func policyMember(v *Node, name string, to *string) error {
	if err := stringMember(v, name, to); err != nil {
		return err
	}
	return checkPolicy(v, name)
}

// isPending reports whether an attribute of a resource is the business of a transform that is still to come.
func (t *Template) isPending(a document.Entry) bool {
	if len(t.Transforms) == 0 {
		return false
	}
	policy := a.Key == "DeletionPolicy" || a.Key == "UpdateReplacePolicy"
	return policy && IsFunction(a.Value) || a.Key == "Connectors" || a.Key == "IgnoreGlobals"
}

// isLoop reports whether a member is a loop of AWS::LanguageExtensions, which a transform that is still to
// come unrolls.
func (t *Template) isLoop(e document.Entry) bool {
	return len(t.Transforms) > 0 && strings.HasPrefix(e.Key, "Fn::ForEach::")
}

func checkPolicy(v *Node, name string) error {
	switch v.Text {
	case "Delete", "Retain", "Snapshot":
		return nil
	case "RetainExceptOnCreate":
		if name == "DeletionPolicy" {
			return nil
		}
	}
	return formatError(v.Pos, "Unrecognized %s %s", name, v.Text)
}

func (r *Resource) readDependsOn(v *Node) error {
	names, ok := v.Strings()
	if !ok || v.Is(document.Bool) || v.Is(document.Number) {
		return formatError(v.Pos, "Every DependsOn value must be a string or a list of strings.")
	}
	r.DependsOn = names
	return nil
}

func (t *Template) readOutputs() error {
	outputs, err := t.section("Outputs")
	if err != nil || outputs == nil {
		return err
	}
	if n := len(outputs.Entries); n > MaxOutputs {
		return formatError(outputs.Pos, "Number of outputs, %d, is greater than maximum allowed, %d", n,
			MaxOutputs)
	}
	for _, e := range outputs.Entries {
		if t.isLoop(e) {
			continue
		}
		if !isAlphanumeric(e.Key) || utf8.RuneCountInString(e.Key) > MaxName {
			return formatError(e.Pos, "Outputs name '%s' is non alphanumeric.", e.Key)
		}
		o, err := readOutput(e)
		if err != nil {
			return err
		}
		t.Outputs = append(t.Outputs, o)
	}
	return nil
}

func readOutput(e document.Entry) (*Output, error) {
	if !e.Value.Is(document.Map) {
		return nil, formatError(e.Value.Pos, "Any Outputs member must be an object.")
	}
	o := &Output{Key: e.Key, Value: e.Value.Get("Value"), Pos: e.Pos}
	if o.Value == nil {
		return nil, formatError(e.Pos, "Every Outputs member must contain a Value object")
	}
	for _, a := range e.Value.Entries {
		var err error
		switch a.Key {
		case "Value":
		case "Description":
			err = stringMember(a.Value, a.Key, &o.Description)
		case "Condition":
			err = stringMember(a.Value, a.Key, &o.Condition)
		case "Export":
			o.Export = a.Value.Get("Name")
			if o.Export == nil || len(a.Value.Entries) != 1 {
				err = badExport(a.Value.Pos, e.Key)
			}
		default:
			err = refuse(a.Pos, "Invalid template output property '%s'", a.Key)
		}
		if err != nil {
			return nil, err
		}
	}
	return o, nil
}
