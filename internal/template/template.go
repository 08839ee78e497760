// Package template is CloudFormation's template language: sections, parameters, conditions, intrinsic
// functions, dependencies, outputs, and the transform AWS::LanguageExtensions. Package document reads the
// text, package sam expands AWS::Serverless.
//
// Callers may rely on this:
//   - Everything here is pure: no clock, no network, no randomness. What a template needs from outside (the
//     values of SSM parameters, of exports, the attributes of resources) comes through interfaces that the
//     caller passes.
//   - Every refusal is an *Error in CloudFormation's own words, with its place where that is known. The words
//     are a part of the language, which is why they are here and not in a service.
//   - Evaluation can go on with what is not known: a parameter without a value or a resource that does not
//     exist yet gives a node of kind Unknown, and a condition gives a third truth value, never a guess.
//   - Time and memory are bounded by the size of the template: no function can grow text beyond MaxEvaluated.
//
// The usual way of a template: document.Parse, transforms (ExpandLanguageExtensions, sam.Transform), Read,
// ResolveParameters, Template.Evaluator, Evaluator.Plan for the order, then Evaluator.Resource and
// Evaluator.Outputs as values become known.
//
// DESIGN.md says where the words come from and what was not done.
package template

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sealtable/sealtable/internal/template/document"
)

// The names that callers need of package document.
type (
	// A Node is a value in a template.
	Node = document.Node
	// A Position is a place in the text of a template.
	Position = document.Position
	// An Error is a refusal in CloudFormation's words.
	Error = document.Error
)

// The quotas, from "Understand CloudFormation quotas" in the user guide. Names are in characters, values in
// bytes.
const (
	MaxResources         = 500
	MaxParameters        = 200
	MaxOutputs           = 200
	MaxMappings          = 200
	MaxMappingAttributes = 200
	MaxName              = 255
	MaxDescription       = 1024
	MaxParameterValue    = 4096
	MaxDynamicReferences = 60
)

// A Template is a document whose sections have the form that CloudFormation requires. Nothing in it may be
// changed.
type Template struct {
	Document    *document.Document
	Root        *Node
	Description string
	Transforms  []string // the declared ones, in order
	Metadata    *Node
	Parameters  []*Parameter // in the order of the text, as all lists here
	Rules       []*Rule
	Mappings    *Node // nil when absent
	Conditions  *Node // nil when absent
	Resources   []*Resource
	Outputs     []*Output

	parameters map[string]*Parameter
	resources  map[string]*Resource
}

// A Resource is a member of the section Resources.
type Resource struct {
	ID                  string
	Type                string
	Condition           string // "" when it is unconditional
	DependsOn           []string
	Properties          *Node // nil when absent
	Metadata            *Node
	CreationPolicy      *Node
	UpdatePolicy        *Node
	DeletionPolicy      string   // Delete unless given; also Retain, RetainExceptOnCreate, Snapshot
	UpdateReplacePolicy string   // Delete unless given; also Retain, Snapshot
	Pos                 Position // of its key
}

// An Output is a member of the section Outputs.
type Output struct {
	Key         string
	Description string
	Condition   string
	Value       *Node
	Export      *Node // the name of the export, nil when it is not exported
	Pos         Position
}

// Parameter returns the parameter with a name, or nil.
func (t *Template) Parameter(name string) *Parameter { return t.parameters[name] }

// Resource returns the resource with a logical id, or nil.
func (t *Template) Resource(id string) *Resource { return t.resources[id] }

// ResourceTypes returns the types that are used, sorted, each once.
func (t *Template) ResourceTypes() []string {
	var types []string
	for _, r := range t.Resources {
		types = append(types, r.Type)
	}
	slices.Sort(types)
	return slices.Compact(types)
}

// Unrecognized returns the refusal of a template that uses types for which known is false, nil when there are
// none.
func (t *Template) Unrecognized(known func(resourceType string) bool) error {
	var unknown []string
	for _, name := range t.ResourceTypes() {
		if !known(name) {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	var at Position
	for _, r := range t.Resources {
		if r.Type == unknown[0] {
			at = r.Pos
			break
		}
	}
	return formatError(at, "Unrecognized resource types: [%s]", strings.Join(unknown, ", "))
}

// CheckAllowed returns the refusal of a template that uses types which none of the patterns of the parameter
// ResourceTypes allows: a type's name, or a beginning with an asterisk. No patterns allow everything.
func (t *Template) CheckAllowed(patterns []string) error {
	for _, r := range t.Resources {
		allowed := len(patterns) == 0
		for _, pattern := range patterns {
			beginning, open := strings.CutSuffix(pattern, "*")
			allowed = allowed || pattern == r.Type || open && strings.HasPrefix(r.Type, beginning)
		}
		if !allowed {
			return refuse(r.Pos, "Resource type %s is not allowed by parameter ResourceTypes [%s]", r.Type,
				strings.Join(patterns, ", "))
		}
	}
	return nil
}

func formatError(at Position, format string, args ...any) error {
	return document.Refuse(at, "Template format error: "+fmt.Sprintf(format, args...))
}

func templateError(at Position, format string, args ...any) error {
	return document.Refuse(at, "Template error: "+fmt.Sprintf(format, args...))
}

func refuse(at Position, format string, args ...any) error {
	return document.Refuse(at, fmt.Sprintf(format, args...))
}

// Transforms returns the names in the section Transform, in order. It accepts a text, a list, and the long
// form {Name: …, Parameters: …}, which it gives by its name; lists in lists are flattened.
func Transforms(doc *document.Document) ([]string, error) {
	n := doc.Root.Get("Transform")
	if n == nil {
		return nil, nil
	}
	return transformNames(n)
}

func transformNames(n *Node) ([]string, error) {
	switch n.Kind {
	case document.String:
		return []string{n.Text}, nil
	case document.Map:
		if name := n.Get("Name"); name.Is(document.String) {
			return []string{name.Text}, nil
		}
		return nil, refuse(n.Pos, "Key Name of transform definition must be a string.")
	case document.List:
		var names []string
		for _, item := range n.Items {
			more, err := transformNames(item)
			if err != nil {
				return nil, err
			}
			names = append(names, more...)
		}
		return names, nil
	}
	return nil, refuse(n.Pos, "Key Name of transform definition must be a string.")
}

func isAlphanumeric(name string) bool {
	for i := range len(name) {
		c := name[i]
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return name != ""
}
