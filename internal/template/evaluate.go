package template

import (
	"slices"
	"strings"

	"github.com/sealtable/sealtable/internal/template/document"
)

// MaxEvaluated bounds the text that functions make for one resource, or for the outputs, in bytes: a template
// can repeat the values of parameters as often as it likes, and no resource that a service would accept is
// nearly as large.
const MaxEvaluated = 16 << 20

// Pseudo holds the values of the pseudo parameters. StackName and StackID may be "" where there is no stack:
// then they are unknown.
type Pseudo struct {
	AccountID, Region, Partition, URLSuffix string
	StackName, StackID                      string
	NotificationARNs                        []string
}

// Resources gives what resources are known by, once they exist.
type Resources interface {
	// Ref returns what Ref of a resource gives; nil while it is not known.
	Ref(id string) *Node
	// Attribute returns an attribute of a resource; nil while it is not known.
	Attribute(id, name string) (*Node, error)
}

// Exports gives the values that Fn::ImportValue asks for.
type Exports interface {
	// Import returns the value of an export. The error says that there is none.
	Import(name string) (string, error)
}

// DynamicReferences gives the values of {{resolve:service:reference}}.
type DynamicReferences interface {
	// Resolve returns a value of the service "ssm", "ssm-secure" or "secretsmanager".
	Resolve(service, reference string) (string, error)
}

// An Environment is what the values of a template come from, beside the template. What is nil makes
// everything that needs it unknown; DynamicReferences that are nil leave references as they are.
type Environment struct {
	Pseudo
	Parameters        Values
	Resources         Resources
	Exports           Exports
	DynamicReferences DynamicReferences
	// AvailabilityZones returns the zones of a Region; nil stands for three, named by the Region and a, b, c.
	AvailabilityZones func(region string) []string
}

// An Evaluator gives the values of a template in one environment. It belongs to one goroutine. Conditions are
// evaluated once; so an Evaluator may live as long as its parameters, while its Resources learn more.
type Evaluator struct {
	template   *Template
	env        Environment
	conditions map[string]truth
	made       int
	// lenient makes what refers to nothing unknown: before a transform, it may refer to what the transform
	// makes.
	lenient bool
}

// Evaluator returns an evaluator of the template.
func (t *Template) Evaluator(env Environment) *Evaluator {
	return &Evaluator{template: t, env: env, conditions: map[string]truth{}}
}

// unknown stands for a value that depends on a name, or on names, separated by ", ".
func unknown(name string) *Node { return &Node{Kind: document.Unknown, Text: name} }

// dependsOn returns on what a value depends that is not known, "" when the value is known.
func dependsOn(n *Node) string {
	if n == nil {
		return ""
	}
	if n.Kind == document.Unknown {
		return n.Text
	}
	all := ""
	for _, item := range n.Items {
		all = joinNames(all, dependsOn(item))
	}
	for _, e := range n.Entries {
		all = joinNames(all, dependsOn(e.Value))
	}
	return all
}

// DependsOn returns the names of the parameters and resources on which a value depends that is not known, nil
// of a known one.
func DependsOn(n *Node) []string {
	if names := dependsOn(n); names != "" {
		return strings.Split(names, ", ")
	}
	return nil
}

func joinNames(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	names := strings.Split(a, ", ")
	for _, name := range strings.Split(b, ", ") {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}

// Value returns the value of a node. nil stands for AWS::NoValue: the property, or the item of the list, does
// not exist. What cannot be known yet is a node of kind Unknown in its place; where Fn::If has an unknown
// condition, its Items are the values that are possible, a Null among them for AWS::NoValue.
func (e *Evaluator) Value(n *Node) (*Node, error) {
	switch n.Kind {
	case document.String:
		return e.dynamic(n)
	case document.List:
		return e.list(n)
	case document.Map:
		name, arg, isCall, err := call(n)
		if err != nil {
			return nil, err
		}
		if isCall {
			return e.function(n, name, arg)
		}
		return e.mapping(n)
	}
	return n, nil
}

func (e *Evaluator) list(n *Node) (*Node, error) {
	out := &Node{Kind: document.List, Pos: n.Pos, Items: make([]*Node, 0, len(n.Items))}
	for _, item := range n.Items {
		value, err := e.Value(item)
		if err != nil {
			return nil, err
		}
		if value != nil {
			out.Items = append(out.Items, value)
		}
	}
	return out, nil
}

func (e *Evaluator) mapping(n *Node) (*Node, error) {
	out := &Node{Kind: document.Map, Pos: n.Pos, Entries: make([]document.Entry, 0, len(n.Entries))}
	for _, entry := range n.Entries {
		value, err := e.Value(entry.Value)
		if err != nil {
			return nil, err
		}
		if value != nil {
			out.Entries = append(out.Entries, document.Entry{Key: entry.Key, Value: value, Pos: entry.Pos})
		}
	}
	return out, nil
}

// function evaluates a call whose form is right.
func (e *Evaluator) function(n *Node, name string, arg *Node) (*Node, error) {
	switch name {
	case "Ref":
		return e.ref(arg.Text, n.Pos)
	case "Fn::GetAtt":
		return e.getAtt(n, arg)
	case "Fn::If":
		return e.choose(arg)
	case "Fn::Sub":
		return e.sub(arg)
	case "Fn::Join":
		return e.join(arg)
	case "Fn::Split":
		return e.split(arg)
	case "Fn::Select":
		return e.selectItem(arg)
	case "Fn::FindInMap":
		return e.findInMap(n, arg)
	case "Fn::Base64":
		return e.base64(arg)
	case "Fn::GetAZs":
		return e.zones(arg)
	case "Fn::Cidr":
		return e.cidr(arg)
	case "Fn::ImportValue":
		return e.importValue(n, arg)
	case "Fn::Length":
		return e.length(arg)
	case "Fn::ToJsonString":
		return e.toJSON(arg)
	}
	result, err := e.boolean(n)
	if err != nil || result == unknowable {
		return unknown(name), err
	}
	return at(document.NewBool(result == isTrue), n.Pos), nil
}

// at returns a node that an evaluator made, with the place of the function that made it.
func at(n *Node, pos Position) *Node {
	n.Pos = pos
	return n
}

func (e *Evaluator) ref(name string, pos Position) (*Node, error) {
	if value := e.env.Parameters[name]; value != nil {
		return value.Node, nil
	}
	if isPseudo(name) {
		return e.pseudo(name), nil
	}
	if e.template.resources[name] == nil {
		if e.template.parameters[name] != nil || e.lenient {
			return unknown(name), nil
		}
		return nil, unresolved(pos, name)
	}
	if e.env.Resources != nil {
		if value := e.env.Resources.Ref(name); value != nil {
			return value, nil
		}
	}
	return unknown(name), nil
}

func (e *Evaluator) pseudo(name string) *Node {
	text := map[string]string{
		"AWS::AccountId": e.env.AccountID, "AWS::Region": e.env.Region, "AWS::Partition": e.env.Partition,
		"AWS::URLSuffix": e.env.URLSuffix, "AWS::StackName": e.env.StackName, "AWS::StackId": e.env.StackID,
	}
	switch {
	case name == "AWS::NoValue":
		return nil
	case name == "AWS::NotificationARNs":
		return document.From(append([]string{}, e.env.NotificationARNs...))
	case text[name] == "":
		return unknown(name)
	}
	return document.NewString(text[name])
}

func (e *Evaluator) getAtt(n, arg *Node) (*Node, error) {
	resource, attribute := getAtt(arg)
	name, err := e.Value(attribute)
	if err != nil {
		return nil, err
	}
	if name.Is(document.Unknown) {
		return name, nil
	}
	if !name.IsScalar() || name.Text == "" {
		return nil, templateError(n.Pos, "%s", getAttForm)
	}
	return e.attribute(resource, name.Text, n.Pos)
}

func (e *Evaluator) attribute(resource, name string, pos Position) (*Node, error) {
	if e.template.resources[resource] == nil && !e.lenient {
		return nil, unresolved(pos, resource)
	}
	if e.env.Resources != nil {
		value, err := e.env.Resources.Attribute(resource, name)
		if err != nil || value != nil {
			return value, err
		}
	}
	return unknown(resource + "." + name), nil
}

func (e *Evaluator) choose(arg *Node) (*Node, error) {
	name := arg.Items[0].Text
	result, err := e.condition(name)
	switch {
	case err != nil:
		return nil, err
	case result == isTrue:
		return e.Value(arg.Items[1])
	case result == isFalse:
		return e.Value(arg.Items[2])
	}
	out := &Node{Kind: document.Unknown, Text: e.openNames(name, map[string]bool{}), Pos: arg.Pos}
	for _, branch := range arg.Items[1:] {
		value, err := e.Value(branch)
		if err != nil {
			return nil, err
		}
		if value == nil {
			value = &Node{Kind: document.Null}
		}
		out.Items = append(out.Items, value)
	}
	return out, nil
}

// grow accounts for text that a function made.
func (e *Evaluator) grow(n int, pos Position) error {
	e.made += n
	if e.made > MaxEvaluated {
		return templateError(pos, "the values of the template are larger than %d bytes", MaxEvaluated)
	}
	return nil
}
