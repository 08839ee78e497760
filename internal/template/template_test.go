package template

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/sealtable/sealtable/internal/template/document"
)

func mustRead(t testing.TB, body string) *Template {
	t.Helper()
	doc, err := document.Parse([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	template, err := Read(doc)
	if err != nil {
		t.Fatal(err)
	}
	return template
}

func TestQuotas(t *testing.T) {
	many := func(n int, section, member string) string {
		var b strings.Builder
		b.WriteString(section + ":\n")
		for i := range n {
			fmt.Fprintf(&b, "  X%d: %s\n", i, member)
		}
		return b.String()
	}
	one := "Resources: {A: {Type: T}}\n"
	for name, c := range map[string]struct {
		body string
		fits bool
	}{
		"500 resources":  {many(500, "Resources", "{Type: T}"), true},
		"501 resources":  {many(501, "Resources", "{Type: T}"), false},
		"200 parameters": {one + many(200, "Parameters", "{Type: String}"), true},
		"201 parameters": {one + many(201, "Parameters", "{Type: String}"), false},
		"200 outputs":    {one + many(200, "Outputs", "{Value: x}"), true},
		"201 outputs":    {one + many(201, "Outputs", "{Value: x}"), false},
		"200 mappings":   {one + many(200, "Mappings", "{A: {B: C}}"), true},
		"201 mappings":   {one + many(201, "Mappings", "{A: {B: C}}"), false},
		"description":    {one + "Description: " + strings.Repeat("x", 1024), true},
		"long":           {one + "Description: " + strings.Repeat("x", 1025), false},
		"long name":      {"Resources: {" + strings.Repeat("A", 256) + ": {Type: T}}", false},
		"60 dynamic":     {one + "Metadata: {X: '" + strings.Repeat("{{resolve:ssm:x}}", 60) + "'}", true},
		"61 dynamic":     {one + "Metadata: {X: '" + strings.Repeat("{{resolve:ssm:x}}", 61) + "'}", false},
	} {
		doc, err := document.Parse([]byte(c.body))
		if err != nil {
			t.Fatal(err)
		}
		if _, err = Read(doc); (err == nil) != c.fits {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestGrowthIsBounded holds that a small template cannot make large values.
func TestGrowthIsBounded(t *testing.T) {
	sub := strings.Repeat("${P}", 10_000)
	template := mustRead(t, "Parameters: {P: {Type: String}}\nResources: {A: {Type: T, Properties: {P: !Sub '"+sub+"'}}}")
	large := strings.Repeat("x", MaxParameterValue)
	values, err := template.ResolveParameters(Inputs{Given: []Input{{Name: "P", Value: &large}}})
	if err != nil {
		t.Fatal(err)
	}
	e := template.Evaluator(Environment{Parameters: values})
	if _, err := e.Resource(template.Resource("A")); err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Errorf("got %v", err)
	}
}

// TestLoopsAreBounded holds the same for loops in loops.
func TestLoopsAreBounded(t *testing.T) {
	items := "[" + strings.Repeat("x,", 200) + "]"
	for i := range 200 {
		items = strings.Replace(items, "x,", fmt.Sprintf("i%d,", i), 1)
	}
	body := "Transform: AWS::LanguageExtensions\nResources:\n  A:\n    Type: T\n    Properties:\n" +
		"      Fn::ForEach::L: [X, " + items + ", {'Fn::ForEach::M': [Y, " + items + ", {'Fn::ForEach::N': [Z, " + items +
		", {'${X}${Y}${Z}': a}]}]}]\n"
	doc, err := document.Parse([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ExpandLanguageExtensions(doc, Environment{}); err == nil || !strings.Contains(err.Error(), "more than 500000") {
		t.Errorf("got %v", err)
	}
}

func TestUnrecognizedTypes(t *testing.T) {
	template := mustRead(t, "Resources: {B: {Type: 'X::Y'}, A: {Type: 'AWS::NotAReal::Thing'}, C: {Type: Good}}")
	err := template.Unrecognized(func(name string) bool { return name == "Good" })
	if want := "Template format error: Unrecognized resource types: [AWS::NotAReal::Thing, X::Y]"; err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
	if err := template.Unrecognized(func(string) bool { return true }); err != nil {
		t.Error(err)
	}
}

func TestTransformsRunInOrder(t *testing.T) {
	doc, _ := document.Parse([]byte(`{"Transform": ["B", {"Name": "A"}], "Resources": {"X": {"Type": "T",
		"Properties": {"Fn::Transform": {"Name": "AWS::Include", "Parameters": {"Location": "s3://b/k"}}, "Own": 1}}}}`))
	var ran []string
	step := func(name string) Transform {
		return func(doc *document.Document) (*document.Document, error) { ran = append(ran, name); return doc, nil }
	}
	out, err := Process(doc, Transformers{
		Named:   map[string]Transform{"A": step("A"), "B": step("B")},
		Include: func(location string) (*Node, error) { return document.NewMap("From", location), nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	got := string(out.Root.AppendJSON(nil))
	if want := `{"Resources":{"X":{"Type":"T","Properties":{"Own":1,"From":"s3://b/k"}}}}`; got != want || !slices.Equal(ran, []string{"B",
		"A"}) {
		t.Errorf("%v %s", ran, got)
	}
	_, err = Process(doc, Transformers{Include: func(string) (*Node, error) { return nil, errors.New("S3 bucket [b] does not exist.") }})
	if want := "Transform AWS::Include failed with: S3 bucket [b] does not exist."; err == nil || err.Error() != want {
		t.Error(err)
	}
}

// TestPlanRespectsNeeds holds, for random graphs, that the order has each resource once and after its needs,
// or that a circle is refused by names that are on one.
func TestPlanRespectsNeeds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 12).Draw(t, "n")
		resources := &Node{Kind: document.Map}
		for i := range n {
			needs := rapid.SliceOfNDistinct(rapid.IntRange(0, n-1), 0, 3, rapid.ID[int]).Draw(t, "needs")
			properties := &Node{Kind: document.Map}
			for _, need := range needs {
				properties = properties.With(fmt.Sprint("P", need), document.NewMap("Ref", fmt.Sprint("R", need)))
			}
			resources = resources.With(fmt.Sprint("R", i), document.NewMap("Type", "T", "Properties", properties))
		}
		template, err := Read(&document.Document{Root: document.NewMap("Resources", resources)})
		if err != nil {
			t.Fatal(err)
		}
		plan, err := template.Evaluator(Environment{}).Plan()
		if err != nil {
			if !strings.HasPrefix(err.Error(), "Circular dependency between resources: [R") {
				t.Fatal(err)
			}
			return
		}
		place := map[string]int{}
		for i, r := range plan.Order {
			place[r.ID] = i
		}
		if len(place) != n || len(plan.Order) != n {
			t.Fatalf("%d of %d are ordered", len(place), n)
		}
		for id, needs := range plan.Needs {
			for _, need := range needs {
				if place[need] >= place[id] {
					t.Fatalf("%s comes before %s, which it needs", id, need)
				}
			}
		}
	})
}

// TestUnknownNeverLies holds that a value found with a parameter unknown is the value for every value of the
// parameter.
func TestUnknownNeverLies(t *testing.T) {
	template := mustRead(t, `
Parameters: {P: {Type: String}, Q: {Type: String}}
Conditions:
  A: !Equals [!Ref P, x]
  B: !Or [!Condition A, !Equals [!Ref Q, x]]
  C: !And [!Condition A, !Not [!Condition A]]
Resources:
  R:
    Type: T
    Properties:
      V: !If [B, !Ref Q, z]
      W: !If [C, !Sub '${P}', !Join ['', [!Ref Q, b]]]
      X: [!If [A, 1, 2], !Ref P]
`)
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.SampledFrom([]string{"x", "y", "z"})
		p, q := value.Draw(t, "p"), value.Draw(t, "q")
		given := []Input{{Name: "Q", Value: &q}}
		evaluate := func(in Inputs) *Node {
			values, err := template.ResolveParameters(in)
			if err != nil {
				t.Fatal(err)
			}
			node, err := template.Evaluator(Environment{Parameters: values}).Resource(template.Resource("R"))
			if err != nil {
				t.Fatal(err)
			}
			return node
		}
		partial := evaluate(Inputs{Given: given, Incomplete: true})
		whole := evaluate(Inputs{Given: append(given, Input{Name: "P", Value: &p})})
		if !covers(partial, whole) {
			t.Fatalf("P=%s Q=%s: %s is not among %s", p, q, whole.AppendJSON(nil), indented(partial, ""))
		}
	})
}

// covers reports whether a known value is one that a partly unknown one allows.
func covers(partial, whole *Node) bool {
	if partial.Is(document.Unknown) {
		if len(partial.Items) == 0 {
			return true
		}
		return slices.ContainsFunc(partial.Items, func(n *Node) bool { return covers(n, whole) })
	}
	if partial.Kind != whole.Kind || len(partial.Items) != len(whole.Items) || len(partial.Entries) != len(whole.Entries) {
		return false
	}
	for i := range partial.Items {
		if !covers(partial.Items[i], whole.Items[i]) {
			return false
		}
	}
	for i, e := range partial.Entries {
		if e.Key != whole.Entries[i].Key || !covers(e.Value, whole.Entries[i].Value) {
			return false
		}
	}
	return partial.Text == whole.Text
}

// FuzzTemplate runs everything on any text: no panic, and every refusal is in the package's type or from the
// outside.
func FuzzTemplate(f *testing.F) {
	for _, seed := range []string{
		"Resources: {A: {Type: T, Properties: {P: !Sub '${A.B} ${AWS::Region}'}}}",
		"Transform: AWS::LanguageExtensions\nResources: {'Fn::ForEach::L': [X, [a, b], {'R${X}': {Type: T}}]}",
		"Conditions: {C: !Or [!Equals [a, b], !Condition C]}\nResources: {A: {Type: T, Condition: C}}",
		"Parameters: {P: {Type: CommaDelimitedList}}\nResources: {A: {Type: T, Properties: !If [C, !Select [0, !Ref P], !Cidr " +
			"[1.2.3.4/8, 3]]}}",
		"Mappings: {M: {A: {B: [c]}}}\nResources: {A: {Type: T, Properties: {P: !Split [',', !FindInMap [M, A, !Join ['', !GetAZs x]]]}}}",
		"Rules: {R: {Assertions: [{Assert: {'Fn::Contains': [[a], b]}}]}}\nResources: {A: {Type: T, Properties: {P: !Length []}}}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		doc, err := document.Parse(body)
		if err != nil {
			return
		}
		everything(doc)
	})
}

func everything(doc *document.Document) {
	w := world{made: map[string]bool{"A": true}}
	for _, env := range []Environment{{}, {Pseudo: Pseudo{Region: "r", StackName: "s"}, Resources: w, Exports: w, DynamicReferences: w}} {
		if out, err := ExpandLanguageExtensions(doc, env); err == nil {
			evaluateAll(&document.Document{Root: out.Root.Without("Transform")}, env)
		}
		evaluateAll(doc, env)
	}
}

func evaluateAll(doc *document.Document, env Environment) {
	template, err := Read(doc)
	if err != nil {
		return
	}
	template.Capabilities()
	env.Parameters, err = template.ResolveParameters(Inputs{Incomplete: true})
	if err != nil {
		return
	}
	e := template.Evaluator(env)
	_, _ = e.Plan()
	_ = e.CheckRules()
	_, _ = e.Outputs()
	for _, r := range template.Resources {
		if value, err := e.Resource(r); err == nil {
			value.AppendJSON(nil)
		}
	}
}

// BenchmarkPlan200 reads, plans and evaluates 200 resources that refer to each other.
func BenchmarkPlan200(b *testing.B) {
	var body strings.Builder
	body.WriteString("Parameters: {Stage: {Type: String, Default: dev}}\nConditions: {Dev: !Equals [!Ref Stage, dev]}\nResources:\n")
	for i := range 200 {
		fmt.Fprintf(&body, "  Table%d:\n    Type: AWS::DynamoDB::Table\n    Properties:\n      TableName: !Sub '${AWS::StackName}-%d'\n",
			i, i)
		fmt.Fprintf(&body, "      BillingMode: !If [Dev, PAY_PER_REQUEST, PROVISIONED]\n")
		if i > 0 {
			fmt.Fprintf(&body, "      Tags: [{Key: previous, Value: !GetAtt Table%d.Arn}, {Key: first, Value: !Ref Table0}]\n", i-1)
		}
	}
	doc, err := document.Parse([]byte(body.String()))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		evaluateAll(doc, Environment{Pseudo: Pseudo{StackName: "s"}})
	}
}

func TestResourceTypesParameter(t *testing.T) {
	template := mustRead(t, "Resources: {A: {Type: 'AWS::DynamoDB::Table'}, B: {Type: 'AWS::KMS::Key'}}")
	for patterns, want := range map[string]string{
		"":                                 "",
		"*":                                "",
		"AWS::*":                           "",
		"AWS::DynamoDB::Table AWS::KMS::*": "",
		"AWS::EC2::*":                      "Resource type AWS::DynamoDB::Table is not allowed by parameter ResourceTypes [AWS::EC2::*]",
		"AWS::DynamoDB::* AWS::KMS::ReplicaKey": "Resource type AWS::KMS::Key is not allowed by parameter ResourceTypes " +
			"[AWS::DynamoDB::*, AWS::KMS::ReplicaKey]",
	} {
		got := ""
		if err := template.CheckAllowed(strings.Fields(patterns)); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: %s", patterns, got)
		}
	}
}

// TestNoEchoIsHidden holds that the value of such a parameter, a default too, is not shown.
func TestNoEchoIsHidden(t *testing.T) {
	template := mustRead(t, "Parameters: {P: {Type: String, NoEcho: true, Default: secret}, Q: {Type: String, Default: "+
		"open}}\nResources: {A: {Type: T}}")
	values, err := template.ResolveParameters(Inputs{})
	if err != nil {
		t.Fatal(err)
	}
	if p, q := values["P"].Shown(), values["Q"].Shown(); p != "****" || q != "open" {
		t.Error(p, q)
	}
}
