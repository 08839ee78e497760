// Package sam is the transform AWS::Serverless-2016-10-31: it replaces the resources of AWS SAM by those of
// CloudFormation.
//
// Callers may rely on this:
//   - The transform is pure: the same document and options give the same document.
//   - What it makes is what AWS's own translator makes, value for value and in the same order of lists: an
//     update of a stack that was deployed on AWS finds no difference. testdata holds pairs of templates and
//     that translator's output.
//   - Refusals are in that translator's words, all of a template's in one error.
//   - Nothing is dropped: types and events that need services which are not here become resources of those
//     services' types, which the caller refuses by name; what the transform itself does not know is refused
//     by it.
//
// The rules are those of "AWS SAM specification" and "Generated CloudFormation resources for AWS SAM" in the
// developer guide of SAM.
package sam

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sealtable/sealtable/internal/template/document"
)

type (
	node  = document.Node
	entry = document.Entry
)

// Options are what the transform needs to know beside the document.
type Options struct {
	// Region decides the partition of the ARNs of managed policies.
	Region string
	// Parameters are the values of the template's parameters, by name: strings, or lists of them. Defaults
	// need not be given. They decide the logical ids of versions and layers, and never replace a reference.
	Parameters map[string]*node
}

// Transform returns the document without resources of the types AWS::Serverless::…, without the section
// Globals and without the declaration of transforms. The error is a *document.Error.
func Transform(doc *document.Document, options Options) (*document.Document, error) {
	t := &translation{
		root: doc.Root, options: options, ids: map[string]int{}, derived: map[string]string{},
		renamed: map[string]string{},
	}
	if err := t.read(); err != nil {
		return nil, err
	}
	t.translate()
	if len(t.failures) > 0 {
		return nil, t.refusal()
	}
	return &document.Document{Root: t.result(), Format: doc.Format, Warnings: doc.Warnings}, nil
}

// A translation is one run of the transform.
type translation struct {
	root       *node
	options    Options
	parameters map[string]*node
	conditions *node

	sources  []source       // the resources of the template, after Globals
	output   []entry        // the resources that come out
	ids      map[string]int // their places in output
	derived  map[string]string
	renamed  map[string]string
	failures []failure

	deployments []deployment
}

// A source is a resource of the template.
type source struct {
	id    string
	typ   string
	node  *node // as it stands, after Globals
	pos   document.Position
	isSAM bool
}

// A failure is one refusal of the translator.
type failure struct {
	message string
	pos     document.Position
	alone   bool // the translator stops here, and says nothing of the others
}

func (f failure) Error() string { return f.message }

func invalid(id, format string, args ...any) error {
	return failure{message: fmt.Sprintf("Resource with id [%s] is invalid. %s", id, fmt.Sprintf(format,
		args...))}
}

// invalidEvent is the refusal of an event, by its short name, of a resource.
func invalidEvent(id, event, format string, args ...any) error {
	return invalid(id, "Event with id [%s] is invalid. %s", event, fmt.Sprintf(format, args...))
}

func (t *translation) fail(err error, pos document.Position) {
	f, ok := err.(failure)
	if !ok {
		f = failure{message: err.Error()}
	}
	f.pos = pos
	if len(t.failures) > 0 && t.failures[0].alone {
		return
	}
	if f.alone {
		t.failures = nil
	}
	for _, other := range t.failures {
		if other.message == f.message {
			return
		}
	}
	t.failures = append(t.failures, f)
}

// refusal puts all failures into one sentence each.
func (t *translation) refusal() error {
	var all []string
	for _, f := range t.failures {
		all = append(all, f.message)
	}
	return document.Refuse(t.failures[0].pos, fmt.Sprintf("Invalid Serverless Application Specification "+
		"document. "+
		"Number of errors found: %d. %s", len(all), strings.Join(all, ", ")))
}

const structure = "Structure of the SAM template is invalid. "

// read checks what the translator takes for granted, and merges Globals.
func (t *translation) read() error {
	resources := t.root.Get("Resources")
	if !resources.Is(document.Map) || len(resources.Entries) == 0 {
		t.fail(failure{message: structure + "'Resources' section is required"}, t.root.Pos)
		return t.refusal()
	}
	for _, e := range resources.Entries {
		if !e.Value.Is(document.Map) {
			t.fail(failure{message: structure + "All 'Resources' must be Objects. If you're using YAML, " +
				"this may be an " +
				"indentation issue."}, e.Pos)
			return t.refusal()
		}
	}
	t.readParameters()
	t.conditions = t.root.Get("Conditions")
	globals, err := readGlobals(t.root.Get("Globals"))
	if err != nil {
		t.fail(err, t.root.Get("Globals").Pos)
		return t.refusal()
	}
	for _, e := range resources.Entries {
		if err := t.readResource(e, globals); err != nil {
			t.fail(err, e.Pos)
			return t.refusal()
		}
	}
	return nil
}

func (t *translation) readResource(e entry, globals map[string]*node) error {
	s := source{id: e.Key, node: e.Value, pos: e.Pos}
	if typ := e.Value.Get("Type"); typ.Is(document.String) {
		s.typ = typ.Text
	}
	s.isSAM = strings.HasPrefix(s.typ, "AWS::Serverless::")
	if c := e.Value.Get("Condition"); truthy(c) && !c.Is(document.String) {
		return failure{message: structure + "Every Condition member must be a string."}
	}
	properties := e.Value.Get("Properties")
	if s.isSAM && s.typ != connectorType && properties != nil && !properties.Is(document.Map) &&
		!properties.Is(document.Null) {
		return invalid(s.id, "Attribute 'Properties' should be a map.")
	}
	merged, err := mergeGlobals(s, globals[s.typ])
	if err != nil {
		return err
	}
	s.node = merged
	t.sources = append(t.sources, s)
	return nil
}

// translate makes the resources: functions first, connectors last, since these look at what the others
// became.
func (t *translation) translate() {
	connectors := t.embeddedConnectors()
	for _, s := range t.sources {
		n := s.node.Without("Connectors")
		if s.isSAM {
			n = n.Without("IgnoreGlobals")
		}
		t.put(s.id, n)
	}
	steps := []func(source) bool{
		func(s source) bool { return s.typ == functionType },
		func(s source) bool { return s.typ != functionType && s.typ != connectorType },
		func(s source) bool { return s.typ == connectorType },
	}
	for _, step := range steps {
		for _, s := range append(slices.Clone(t.sources), connectors...) {
			if s.isSAM && step(s) {
				t.translateOne(s)
			}
		}
	}
	t.finishDeployments()
}

func (t *translation) translateOne(s source) {
	var made []made
	var err error
	switch s.typ {
	case functionType:
		made, err = t.function(s)
	case "AWS::Serverless::SimpleTable":
		made, err = t.simpleTable(s)
	case "AWS::Serverless::LayerVersion":
		made, err = t.layer(s)
	case connectorType:
		made, err = t.connector(s)
	default: // the caller refuses the type by its name
		return
	}
	if err != nil {
		t.fail(err, s.pos)
		return
	}
	t.replace(s, made)
}

// replace puts what a resource became in its place. A resource of the template is never overwritten by a made
// one.
func (t *translation) replace(s source, all []made) {
	t.remove(s.id)
	for _, m := range all {
		if other, taken := t.source(m.id); taken && !mayReplace(m.typ, other) {
			t.fail(failure{message: fmt.Sprintf("Transforming resource with id [%s] attempts to create a "+
				"new resource with id [%s] "+
				"and type \"%s\". A resource with that id already exists within this template. Please use "+
				"a different id for "+
				"that resource.", s.id, m.id, m.typ)}, s.pos)
			continue
		}
		t.put(m.id, m.node())
	}
}

func mayReplace(made string, other source) bool {
	switch made {
	case "AWS::Lambda::Function":
		return other.typ == functionType
	case "AWS::Lambda::LayerVersion":
		return other.typ == "AWS::Serverless::LayerVersion"
	case "AWS::DynamoDB::Table":
		return other.typ == "AWS::Serverless::SimpleTable"
	}
	return made == other.typ && (made == "AWS::S3::Bucket" || made == "AWS::SNS::Topic")
}

func (t *translation) source(id string) (source, bool) {
	for _, s := range t.sources {
		if s.id == id {
			return s, true
		}
	}
	return source{}, false
}

func (t *translation) put(id string, n *node) {
	if at, ok := t.ids[id]; ok {
		t.output[at].Value = n
		return
	}
	t.ids[id] = len(t.output)
	t.output = append(t.output, entry{Key: id, Value: n, Pos: n.Pos})
}

func (t *translation) get(id string) *node {
	if at, ok := t.ids[id]; ok {
		return t.output[at].Value
	}
	return nil
}

func (t *translation) remove(id string) {
	if at, ok := t.ids[id]; ok {
		t.output[at].Value = nil
		delete(t.ids, id)
	}
}

// result returns the document that comes out, with all references leading to what the resources became.
func (t *translation) result() *node {
	resources := &node{Kind: document.Map, Pos: t.root.Get("Resources").Pos}
	for _, e := range t.output {
		if e.Value != nil {
			resources.Entries = append(resources.Entries, e)
		}
	}
	root := t.root.Without("Transform", "Globals").With("Resources", resources)
	if t.conditions != nil && t.conditions != t.root.Get("Conditions") {
		root = root.With("Conditions", t.conditions)
	}
	return t.resolveDerived(t.resolveRenamed(root))
}

// A made is a resource that the transform made.
type made struct {
	id, typ    string
	dependsOn  *node
	attributes []entry // Condition, DeletionPolicy and so on
	properties *node
	pos        document.Position
}

func (m made) node() *node {
	n := document.NewMap("Type", m.typ)
	if truthy(m.dependsOn) {
		n = n.With("DependsOn", m.dependsOn)
	}
	n.Entries = append(n.Entries, m.attributes...)
	n.Entries = append(n.Entries, entry{Key: "Properties", Value: m.properties})
	n.Pos = m.pos
	return n
}

// arn returns a reference to the resource's ARN.
func getArn(id string) *node { return document.NewMap("Fn::GetAtt", []string{id, "Arn"}) }

func ref(id string) *node { return document.NewMap("Ref", id) }

// partition returns the partition of the Region.
func (t *translation) partition() string {
	switch {
	case strings.HasPrefix(t.options.Region, "cn-"):
		return "aws-cn"
	case strings.HasPrefix(t.options.Region, "us-gov-"):
		return "aws-us-gov"
	}
	return "aws"
}
