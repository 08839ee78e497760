// Package cloudformation reads what CloudFormation and SAM templates declare of tables and keys.
//
// Callers may rely on this: values are those that the deployment service would compute (package template),
// with the defaults of parameters, and each choice that a parameter makes is evaluated on its own; what no
// template tells is unknown, never a guess; SAM's simple tables and global tables are tables like others.
package cloudformation

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sealtable/sealtable/internal/audit/fact"
	"github.com/sealtable/sealtable/internal/template"
	"github.com/sealtable/sealtable/internal/template/document"
)

// What stands for what no template knows: where it is deployed.
const (
	OwnAccount = "111111111111"
	OwnRegion  = "us-east-1"
)

// maxCases bounds how often one template is evaluated.
const maxCases = 24

// IsTemplate reports whether a text looks like a template: it has resources, and one of them a type.
func IsTemplate(text []byte) bool {
	s := string(text)
	return strings.Contains(s, "Resources") &&
		(strings.Contains(s, "AWS::") || strings.Contains(s, "AWSTemplateFormatVersion"))
}

// Read evaluates a template once for each choice that its parameters make. The first set is what it does by
// default.
func Read(path string, text []byte) ([]*fact.Set, fact.Template) {
	out := fact.Template{Path: path, Format: "cloudformation"}
	t, globals, err := parse(text)
	if err != nil {
		out.Problem = problem(err)
		return nil, out
	}
	var sets []*fact.Set
	for _, c := range casesOf(t) {
		set, err := evaluate(path, string(text), t, globals, c)
		if err != nil {
			if c.byDefault {
				out.Problem = problem(err)
				return nil, out
			}
			continue // no values that CloudFormation would take
		}
		sets = append(sets, set)
	}
	out.Tables, out.Keys = len(sets[0].Tables), len(sets[0].Keys)
	return sets, out
}

func problem(err error) *fact.Problem {
	message := err.Error()
	if refusal := (*template.Error)(nil); errors.As(err, &refusal) && refusal.Pos.Line > 0 {
		message = fmt.Sprintf("line %d: %s", refusal.Pos.Line, message)
	}
	return &fact.Problem{Kind: fact.Failed, Action: "reading the template", Message: message}
}

// parse reads a template. Of transforms, the one of language extensions is not needed for tables, and SAM's
// is left out: simple tables are read as they stand, with the section Globals. Outputs are left out too,
// since they may name what only a transform makes.
func parse(text []byte) (t *template.Template, globals *template.Node, err error) {
	defer func() { // whatever a hostile text does to a parser must not end an audit
		if p := recover(); p != nil {
			err = errors.New("the template can't be read")
		}
	}()
	doc, err := document.Parse(text)
	if err != nil {
		return nil, nil, err
	}
	plain := *doc
	root := *doc.Root
	root.Entries = nil
	for _, e := range doc.Root.Entries {
		switch e.Key {
		case "Globals":
			globals = e.Value
		case "Transform", "Outputs", "Rules":
		default:
			root.Entries = append(root.Entries, e)
		}
	}
	plain.Root = &root
	t, err = template.Read(&plain)
	return t, globals, err
}

// oneCase is one choice of parameters.
type oneCase struct {
	given     map[string]string
	when      string
	byDefault bool
}

// casesOf takes the defaults, and for each parameter that is a choice every other value of it.
func casesOf(t *template.Template) []oneCase {
	out := []oneCase{{when: "the defaults", byDefault: true}}
	for _, p := range t.Parameters {
		for _, value := range alternatives(p) {
			if len(out) < maxCases {
				out = append(out, oneCase{given: map[string]string{p.Name: value}, when: p.Name + "=" +
					shown(value)})
			}
		}
	}
	return out
}

func shown(value string) string {
	if strings.HasPrefix(value, givenValue) {
		return "some value"
	}
	return value
}

// givenValue marks a value that somebody gives to a parameter that is empty by default.
const givenValue = "value-of-"

func alternatives(p *template.Parameter) []string {
	standard := ""
	if p.Default != nil {
		standard = p.Default.Text
	}
	switch {
	case len(p.AllowedValues) > 0:
		return slices.DeleteFunc(slices.Clone(p.AllowedValues),
			func(v string) bool { return p.Default != nil && v == standard })
	case strings.EqualFold(standard, "true"):
		return []string{"false"}
	case strings.EqualFold(standard, "false"):
		return []string{"true"}
	case p.Default != nil && standard == "" && p.Type == "String":
		return []string{givenValue + p.Name}
	}
	return nil
}

// evaluate reads the tables and keys of one case.
func evaluate(
	path, text string, t *template.Template, globals *template.Node, c oneCase,
) (set *fact.Set, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = errors.New("the template can't be evaluated")
		}
	}()
	in := template.Inputs{Incomplete: true}
	for name, value := range c.given {
		in.Given = append(in.Given, template.Input{Name: name, Value: &value})
	}
	values, err := t.ResolveParameters(in)
	if err != nil {
		return nil, err
	}
	r := &reader{
		path: path, lines: strings.Split(text, "\n"), globals: globals, template: t,
		set: &fact.Set{Account: OwnAccount, Source: path, Case: c.when, Default: c.byDefault},
	}
	r.evaluator = t.Evaluator(template.Environment{
		Pseudo: template.Pseudo{
			AccountID: OwnAccount, Region: OwnRegion, Partition: "aws", URLSuffix: "amazonaws.com",
		},
		Parameters: values, Resources: r,
	})
	return r.set, r.readAll()
}

// reader reads the resources of one evaluation.
type reader struct {
	path      string
	lines     []string
	template  *template.Template
	evaluator *template.Evaluator
	globals   *template.Node
	set       *fact.Set
}

// readAll reads keys first: tables refer to them.
func (r *reader) readAll() error {
	for _, kinds := range []map[string]func(*template.Resource, *template.Node){
		{"AWS::KMS::Key": r.key, "AWS::KMS::ReplicaKey": r.key},
		{
			"AWS::DynamoDB::Table": r.table, "AWS::Serverless::SimpleTable": r.table,
			"AWS::DynamoDB::GlobalTable": r.globalTable,
		},
	} {
		for _, resource := range r.template.Resources {
			read := kinds[resource.Type]
			if read == nil {
				continue
			}
			active, err := r.evaluator.Active(resource.Condition)
			if err != nil {
				return err
			}
			if !active {
				continue
			}
			properties, err := r.evaluator.Resource(resource)
			if err != nil {
				return err
			}
			read(resource, properties)
		}
	}
	return nil
}

// Ref implements template.Resources: a key is known by a string that stands for it.
func (r *reader) Ref(id string) *template.Node {
	switch resource := r.template.Resource(id); {
	case resource == nil:
		return nil
	case isKey(resource.Type):
		return document.NewString("${" + id + "}")
	case resource.Type == "AWS::KMS::Alias":
		return document.NewString("${" + r.aliasTarget(resource) + "}")
	}
	return nil
}

// Attribute implements template.Resources.
func (r *reader) Attribute(id, _ string) (*template.Node, error) {
	if resource := r.template.Resource(id); resource != nil && isKey(resource.Type) {
		return document.NewString("${" + id + "}"), nil
	}
	return nil, nil
}

func isKey(kind string) bool { return kind == "AWS::KMS::Key" || kind == "AWS::KMS::ReplicaKey" }

// aliasTarget is the logical id of the key that an alias names.
func (r *reader) aliasTarget(alias *template.Resource) string {
	if references, err := template.References(alias.Properties); err == nil {
		for _, reference := range references {
			if to := r.template.Resource(reference.Name); to != nil && isKey(to.Type) {
				return reference.Name
			}
		}
	}
	return alias.ID
}
