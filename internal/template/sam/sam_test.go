package sam

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sealtable/sealtable/internal/template/document"
)

// TestPairs holds each template of testdata against what AWS's translator makes of it (NAME.golden.json), or
// says (NAME.error.txt): parameters at their defaults, Region us-east-1.
func TestPairs(t *testing.T) {
	dir := os.Getenv("SAM_PAIRS")
	if dir == "" {
		dir = "testdata"
	}
	paths, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil || len(paths) == 0 {
		t.Fatal("no pairs", err)
	}
	for _, path := range paths {
		base := strings.TrimSuffix(path, ".yaml")
		t.Run(filepath.Base(base), func(t *testing.T) { checkPair(t, base) })
	}
}

func checkPair(t *testing.T, base string) {
	body, err := os.ReadFile(base + ".yaml")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := document.Parse(body)
	if err != nil {
		t.Fatal(err)
	}
	before := string(doc.Root.AppendJSON(nil))
	out, err := Transform(doc, Options{Region: "us-east-1"})
	if after := string(doc.Root.AppendJSON(nil)); after != before {
		t.Error("the transform changed its input")
	}
	if words, failed := os.ReadFile(base + ".error.txt"); failed == nil {
		if want := strings.TrimSpace(string(words)); err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	golden, err := os.ReadFile(base + ".golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var got, want any
	if err := json.Unmarshal(golden, &want); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(out.Root.AppendJSON(nil), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-translator +ours)\n%s", diff)
	}
}

func transform(t *testing.T, body string, options Options) *document.Node {
	t.Helper()
	doc, err := document.Parse([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	out, err := Transform(doc, options)
	if err != nil {
		t.Fatal(err)
	}
	return out.Root
}

const oneFunction = `
Parameters: {Key: {Type: String, Default: one.zip}}
Resources:
  F:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.13
      Handler: index.handler
      CodeUri: {Bucket: b, Key: !Ref Key}
      AutoPublishAlias: live
      Policies: AmazonDynamoDBReadOnlyAccess
`

func versionOf(root *document.Node) string {
	for _, e := range root.Get("Resources").Entries {
		if strings.HasPrefix(e.Key, "FVersion") {
			return e.Key
		}
	}
	return ""
}

// TestValuesOfParametersMakeVersions holds that another value of a parameter in the code's place publishes
// another version.
func TestValuesOfParametersMakeVersions(t *testing.T) {
	byDefault := versionOf(transform(t, oneFunction, Options{}))
	same := versionOf(transform(t, oneFunction, Options{Parameters: map[string]*node{"Key": document.NewString("one.zip")}}))
	other := versionOf(transform(t, oneFunction, Options{Parameters: map[string]*node{"Key": document.NewString("two.zip")}}))
	if byDefault == "" || byDefault != same || byDefault == other {
		t.Errorf("%s %s %s", byDefault, same, other)
	}
}

func TestPartitions(t *testing.T) {
	for region, want := range map[string]string{"eu-west-1": "arn:aws:iam", "cn-north-1": "arn:aws-cn:iam",
		"us-gov-east-1": "arn:aws-us-gov:iam"} {
		policies, _ := transform(t, oneFunction, Options{Region: region}).Get("Resources").Get("FRole").Get("Properties").
			Get("ManagedPolicyArns").Strings()
		if len(policies) != 2 || !strings.HasPrefix(policies[0], want) || !strings.HasPrefix(policies[1], want) {
			t.Errorf("%s: %v", region, policies)
		}
	}
}

// TestForeignTypesStayNamed holds that what needs other services comes out under a type that the caller can
// refuse by name.
func TestForeignTypesStayNamed(t *testing.T) {
	for event, want := range map[string]string{
		"Api": "AWS::ApiGateway::RestApi", "HttpApi": "AWS::ApiGatewayV2::Api", "IoTRule": "AWS::IoT::TopicRule",
		"Cognito": "AWS::Cognito::UserPool", "MQ": "AWS::AmazonMQ::Broker",
	} {
		root := transform(t, oneFunction+"      Events: {E: {Type: "+event+", Properties: {Path: /, Method: get}}}\n", Options{})
		if !strings.Contains(string(root.AppendJSON(nil)), `"Type":"`+want+`"`) {
			t.Errorf("%s: no %s", event, want)
		}
	}
	root := transform(t, "Resources: {A: {Type: 'AWS::Serverless::Api', Properties: {StageName: x}}}", Options{})
	if got := root.Get("Resources").Get("A").Get("Type").Text; got != "AWS::Serverless::Api" {
		t.Error(got)
	}
}

// TestPlacesSurvive holds that what comes from the template keeps its place, and what is made for a resource
// has that resource's.
func TestPlacesSurvive(t *testing.T) {
	resources := transform(t, oneFunction, Options{}).Get("Resources")
	if got := resources.Get("F").Get("Properties").Get("Runtime").Pos.Line; got != 7 {
		t.Errorf("Runtime is at line %d", got)
	}
	if got := resources.Get("FRole").Pos.Line; got != 4 {
		t.Errorf("the role is at line %d", got)
	}
}

// TestData holds that the data of policy templates, managed policies and connectors can be read, and is
// whole.
func TestData(t *testing.T) {
	templates, managed := policyTemplates(), managedPolicies()
	if len(templates) != 81 || len(managed) < 1000 || len(connectorData().Get("between").Entries) != 31 {
		t.Errorf("%d templates, %d managed policies", len(templates), len(managed))
	}
	for name, template := range templates {
		for _, s := range template.statements {
			if s.action == nil || len(s.resources) == 0 {
				t.Errorf("%s has an empty statement", name)
			}
		}
	}
}

func FuzzTransform(f *testing.F) {
	paths, _ := filepath.Glob("testdata/*.yaml")
	for _, path := range paths {
		body, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		doc, err := document.Parse(body)
		if err != nil {
			return
		}
		out, err := Transform(doc, Options{Region: "us-east-1"})
		if err != nil {
			if _, ours := err.(*document.Error); !ours {
				t.Fatalf("%T", err)
			}
			return
		}
		if !json.Valid(out.Root.AppendJSON(nil)) {
			t.Fatal("the result is not JSON")
		}
	})
}

func BenchmarkTransform200(b *testing.B) {
	var body strings.Builder
	body.WriteString("Resources:\n")
	for i := range 200 {
		function := strings.SplitAfter(oneFunction, "Resources:\n")[1]
		body.WriteString(strings.ReplaceAll(strings.Replace(function, "  F:", "  F"+strings.Repeat("x", i)+":", 1), "!Ref Key", "k"))
	}
	doc, err := document.Parse([]byte(body.String()))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Transform(doc, Options{Region: "us-east-1"}); err != nil {
			b.Fatal(err)
		}
	}
}
