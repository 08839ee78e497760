package sam

import (
	_ "embed" // the data of policy templates and managed policies
	"slices"
	"strings"
	"sync"

	"github.com/sealtable/sealtable/internal/template/document"
)

//go:embed policytemplates.txt
var policyTemplateText string

//go:embed managedpolicies.txt
var managedPolicyText string

// A policyTemplate is a policy with parameters in it.
type policyTemplate struct {
	parameters []string
	statements []*policyStatement
}

type policyStatement struct {
	action     *node
	resources  []string
	list       bool // the resources are a list
	conditions [][3]string
}

// policyTemplates reads the data once.
var policyTemplates = sync.OnceValue(func() map[string]*policyTemplate {
	all := map[string]*policyTemplate{}
	var t *policyTemplate
	for line := range strings.Lines(policyTemplateText) {
		fields := strings.Fields(line)
		switch {
		case strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, "\t"):
			t.read(fields[0], fields[1:])
		default:
			t = &policyTemplate{parameters: fields[1:]}
			all[fields[0]] = t
		}
	}
	return all
})

func (t *policyTemplate) read(mark string, fields []string) {
	switch mark {
	case "+":
		t.statements = append(t.statements, &policyStatement{action: document.From(fields)})
		return
	case "=":
		t.statements = append(t.statements, &policyStatement{action: document.NewString(fields[0])})
		return
	}
	s := t.statements[len(t.statements)-1]
	switch mark {
	case "on":
		s.resources = fields
	case "-":
		s.resources, s.list = append(s.resources, fields[0]), true
	case "if":
		s.conditions = append(s.conditions, [3]string{fields[0], fields[1], fields[2]})
	}
}

// policy returns the document of the template with the values of its parameters.
func (t *policyTemplate) policy(values *node) *node {
	statements := &node{Kind: document.List}
	for _, s := range t.statements {
		var resources []*node
		for _, resource := range s.resources {
			resources = append(resources, t.substitute(resource, values))
		}
		resource := document.NewList(resources...)
		if !s.list {
			resource = resources[0]
		}
		n := document.NewMap("Effect", "Allow", "Action", s.action, "Resource", resource)
		for _, c := range s.conditions {
			n = n.With("Condition", document.NewMap(c[0], document.NewMap(c[1], t.substitute(c[2], values))))
		}
		statements.Items = append(statements.Items, n)
	}
	return document.NewMap("Statement", statements)
}

// substitute makes Fn::Sub of a text with variables. A variable is the parameter of its name, whatever the
// case.
func (t *policyTemplate) substitute(text string, values *node) *node {
	if !strings.Contains(text, "${") {
		return document.NewString(text)
	}
	variables := &node{Kind: document.Map}
	for _, match := range subVariable.FindAllStringSubmatch(text, -1) {
		for _, parameter := range t.parameters {
			if strings.EqualFold(parameter, match[1]) {
				variables = variables.With(match[1], values.Get(parameter))
			}
		}
	}
	if len(variables.Entries) == 0 {
		return document.NewMap("Fn::Sub", text)
	}
	return document.NewMap("Fn::Sub", document.NewList(document.NewString(text), variables))
}

// managedPolicies maps the names of AWS's managed policies to the paths in their ARNs.
var managedPolicies = sync.OnceValue(func() map[string]string {
	paths := map[string]string{}
	path := ""
	for line := range strings.Lines(managedPolicyText) {
		line = strings.TrimSpace(line)
		if name, ok := strings.CutSuffix(line, ":"); ok && !strings.HasPrefix(line, "#") {
			path = strings.TrimPrefix(name, "/")
		} else if !strings.HasPrefix(line, "#") {
			for _, name := range strings.Fields(line) {
				paths[name] = path
			}
		}
	}
	return paths
})

// managedARN returns the ARN of a managed policy of AWS; another name stays as it is.
func (t *translation) managedARN(name string) string {
	if path, ok := managedPolicies()[name]; ok {
		return t.awsPolicy(path + name)
	}
	return name
}

func (t *translation) awsPolicy(path string) string {
	return "arn:" + t.partition() + ":iam::aws:policy/" +
		path
}

// policyKind is what a member of Policies is.
type policyKind uint8

const (
	unknownPolicy policyKind = iota
	managedPolicy
	statementPolicy
	templatePolicy
)

const mixedPolicies = structure + "Different policy types within the same Fn::If statement is " +
	"unsupported. Separate different " +
	"policy types into different Fn::If statements"

func kindOf(n *node, templates bool) (policyKind, error) {
	switch {
	case n.Is(document.String):
		return managedPolicy, nil
	case isIf(n):
		return kindOfBranches(n, templates)
	case isIntrinsic(n):
		return managedPolicy, nil
	case n.Is(document.Map) && n.Has("Statement"):
		return statementPolicy, nil
	}
	if name, _, ok := n.Single(); ok && templates && policyTemplates()[name] != nil {
		return templatePolicy, nil
	}
	return unknownPolicy, nil
}

func kindOfBranches(n *node, templates bool) (policyKind, error) {
	_, yes, no, ok := ifBranches(n)
	if !ok {
		return unknownPolicy, failure{message: structure + "Fn::If requires 3 arguments"}
	}
	first, err := kindOf(yes, templates)
	if err != nil {
		return unknownPolicy, err
	}
	second, err := kindOf(no, templates)
	switch {
	case err != nil:
		return unknownPolicy, err
	case first == second || isNoValue(no):
		return first, nil
	case isNoValue(yes):
		return second, nil
	}
	return unknownPolicy, failure{message: mixedPolicies}
}

// policyEntries returns the members of Policies; a single policy is a list of one.
func (f *lambda) policyEntries() []*node {
	policies := f.get("Policies")
	switch {
	case !truthy(policies):
		return nil
	case policies.Is(document.List):
		return policies.Items
	}
	return []*node{policies}
}

// expandPolicyTemplates replaces policy templates by policies.
func (f *lambda) expandPolicyTemplates() error {
	entries := f.policyEntries()
	if len(entries) == 0 {
		return nil
	}
	kinds := make([]policyKind, len(entries))
	for i, n := range entries {
		var err error
		if kinds[i], err = kindOf(n, true); err != nil {
			return err
		}
	}
	out := &node{Kind: document.List}
	for i, n := range entries {
		if kinds[i] == templatePolicy {
			expanded, err := f.expandPolicy(n)
			if err != nil {
				return err
			}
			n = expanded
		}
		out.Items = append(out.Items, n)
	}
	f.properties = f.properties.With("Policies", out)
	return nil
}

func (f *lambda) expandPolicy(n *node) (*node, error) {
	if isNoValue(n) {
		return n, nil
	}
	if condition, yes, no, ok := ifBranches(n); ok {
		first, err := f.expandPolicy(yes)
		if err != nil {
			return nil, err
		}
		second, err := f.expandPolicy(no)
		return document.NewMap("Fn::If", document.NewList(condition, first, second)), err
	}
	name, values, _ := n.Single()
	t := policyTemplates()[name]
	if !values.Is(document.Map) {
		return nil, invalid(f.id, "Must specify valid parameter values for policy template '%s'", name)
	}
	missing := slices.DeleteFunc(slices.Clone(t.parameters), func(p string) bool { return values.Has(p) })
	if len(missing) > 0 {
		return nil, invalid(f.id, "Following required parameters of template '%s' don't have values: %s",
			name, python(missing))
	}
	return t.policy(values), nil
}
