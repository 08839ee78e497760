package template

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/sealtable/sealtable/internal/template/document"
)

// world is the outside of a template in the transcripts: attributes exist for the resources that were "made".
type world struct{ made map[string]bool }

func (w world) Ref(id string) *Node {
	if !w.made[id] {
		return nil
	}
	return document.NewString("id-of-" + id)
}

func (w world) Attribute(id, name string) (*Node, error) {
	if !w.made[id] {
		return nil, nil
	}
	if name == "Bad" {
		return nil, errors.New("Requested attribute Bad does not exist in schema for T")
	}
	return document.NewString("arn:of:" + id + ":" + name), nil
}

func (world) Import(name string) (string, error) {
	if name == "Missing" {
		return "", errors.New("No export named Missing found.")
	}
	return "import of " + name, nil
}

func (world) Resolve(service, reference string) (string, error) {
	return "<" + service + " " + reference + ">", nil
}

func (world) ParameterValue(name string) (string, error) {
	if name == "/missing" {
		return "", errors.New("Unable to fetch parameters [/missing] from parameter store for this account.")
	}
	return "a, b", nil
}

// TestTranscripts runs testdata/*. A file defines a template with "template", and asks about it:
//   - resource ID [made=(A,B)] prints the values of its properties; made names the resources that exist
//   - outputs, plan, conditions, capabilities, expand (AWS::LanguageExtensions), rules, references ID
//
// given=(K=V,K2=V2) gives parameters, previous=(…) the previous values, keep=(K) uses them; incomplete leaves
// the rest unknown.
func TestTranscripts(t *testing.T) {
	datadriven.Walk(t, "testdata/transcripts", func(t *testing.T, path string) {
		var body string
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			if d.Cmd == "template" || d.Cmd == "refuse" {
				body = d.Input
			}
			out, err := answer(d, body)
			var refusal *Error
			if errors.As(err, &refusal) && refusal.Pos.Line > 0 {
				return fmt.Sprintf("%s\n  at %s\n", err, refusal.Pos)
			}
			if errors.As(err, &refusal) && refusal.Code != document.ValidationError {
				return fmt.Sprintf("%s: %s\n", refusal.Code, err)
			}
			if err != nil {
				return err.Error() + "\n"
			}
			return out
		})
	})
}

func answer(d *datadriven.TestData, body string) (string, error) {
	doc, err := document.Parse([]byte(body))
	if err != nil {
		return "", err
	}
	env, err := environment(d, doc)
	if err != nil {
		return "", err
	}
	doc, err = Process(doc, Transformers{Named: map[string]Transform{
		LanguageExtensions: func(doc *document.Document) (*document.Document, error) { return ExpandLanguageExtensions(doc, env) },
	}})
	if err != nil {
		return "", err
	}
	if d.Cmd == "expand" {
		return indented(doc.Root, ""), nil
	}
	template, err := Read(doc)
	if err != nil {
		return "", err
	}
	e := template.Evaluator(env)
	switch d.Cmd {
	case "template", "refuse":
		_, err := e.Plan()
		return "ok\n", err
	case "resource":
		r := template.Resource(d.CmdArgs[0].Key)
		value, err := e.Resource(r)
		if err != nil {
			return "", err
		}
		return indented(value, ""), nil
	case "outputs":
		return outputs(e)
	case "plan":
		return plan(e)
	case "conditions":
		return conditions(template, e)
	case "rules":
		return "ok\n", e.CheckRules()
	case "capabilities":
		needed, reason := template.Capabilities()
		err := RequireCapabilities(needed, list(d, "given"))
		return fmt.Sprintf("%v\n%s\n", needed, reason), err
	case "references":
		return references(template.Resource(d.CmdArgs[0].Key))
	}
	return "", errors.New("unknown command " + d.Cmd)
}

func environment(d *datadriven.TestData, doc *document.Document) (Environment, error) {
	w := world{made: map[string]bool{}}
	for _, id := range list(d, "made") {
		w.made[id] = true
	}
	env := Environment{
		Pseudo: Pseudo{AccountID: "123456789012", Region: "us-east-1", Partition: "aws", URLSuffix: "amazonaws.com",
			StackName: "stack", StackID: "arn:aws:cloudformation:us-east-1:123456789012:stack/stack/1"},
		Resources: w, Exports: w, DynamicReferences: w,
	}
	pending := *doc
	if !doc.Root.Has("Transform") {
		pending.Root = doc.Root.With("Transform", document.NewString("any"))
	}
	template, err := Read(&pending)
	if err != nil || d.Cmd == "capabilities" {
		return env, err
	}
	in := Inputs{Store: w, Incomplete: d.HasArg("incomplete") || d.Cmd == "template" || d.Cmd == "refuse"}
	for _, pair := range list(d, "given") {
		name, value, _ := strings.Cut(pair, "=")
		value = strings.ReplaceAll(value, ";", ",")
		in.Given = append(in.Given, Input{Name: name, Value: &value})
	}
	for _, pair := range list(d, "previous") {
		name, value, _ := strings.Cut(pair, "=")
		if in.Previous == nil {
			in.Previous = map[string]string{}
		}
		in.Previous[name] = value
	}
	for _, name := range list(d, "keep") {
		in.Given = append(in.Given, Input{Name: name, UsePrevious: true})
	}
	env.Parameters, err = template.ResolveParameters(in)
	return env, err
}

func list(d *datadriven.TestData, name string) []string {
	for _, arg := range d.CmdArgs {
		if arg.Key == name {
			return arg.Vals
		}
	}
	return nil
}

func indented(n *Node, indent string) string {
	switch {
	case n == nil:
		return indent + "no value\n"
	case n.Is(document.Unknown):
		out := indent + "unknown: " + n.Text + "\n"
		for _, item := range n.Items {
			out += indented(item, indent+"| ")
		}
		return out
	case n.Is(document.Map) && len(n.Entries) > 0:
		out := ""
		for _, e := range n.Entries {
			out += indent + e.Key + ":\n" + indented(e.Value, indent+"  ")
		}
		return out
	case dependsOn(n) != "":
		out := indent + "[\n"
		for _, item := range n.Items {
			out += indented(item, indent+"  ")
		}
		return out + indent + "]\n"
	}
	return indent + string(n.AppendJSON(nil)) + "\n"
}

func outputs(e *Evaluator) (string, error) {
	all, err := e.Outputs()
	out := ""
	for _, o := range all {
		out += o.Key + ": " + strings.TrimSpace(indented(o.Value, ""))
		if o.Export != nil {
			out += " exported as " + strings.TrimSpace(indented(o.Export, ""))
		}
		out += "\n"
	}
	return out, err
}

func plan(e *Evaluator) (string, error) {
	p, err := e.Plan()
	if err != nil {
		return "", err
	}
	out := ""
	for _, r := range p.Order {
		out += fmt.Sprintf("%s needs %v\n", r.ID, p.Needs[r.ID])
	}
	return out, nil
}

func conditions(template *Template, e *Evaluator) (string, error) {
	out := ""
	for _, c := range template.Conditions.Entries {
		holds, known, err := e.Condition(c.Key)
		if err != nil {
			return "", err
		}
		out += fmt.Sprintf("%s: %v, known: %v\n", c.Key, holds, known)
	}
	return out, nil
}

func references(r *Resource) (string, error) {
	found, err := References(r.Properties)
	out := ""
	for _, ref := range found {
		out += fmt.Sprintf("%d %s %s at %s\n", ref.Kind, ref.Name, ref.Attribute, ref.Pos)
	}
	return out, err
}
