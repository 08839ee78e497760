package sam_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/sealtable/sealtable/internal/template"
	"github.com/sealtable/sealtable/internal/template/document"
	"github.com/sealtable/sealtable/internal/template/sam"
)

// TestDocumentOneIsPlanned takes the template of the first walkthrough the whole way: text, transform,
// sections, capabilities, order, and the properties of each resource as those before it come to exist.
func TestDocumentOneIsPlanned(t *testing.T) {
	body, err := os.ReadFile("testdata/document-one.yaml")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := document.Parse(body)
	if err != nil {
		t.Fatal(err)
	}
	doc, err = template.Process(doc, template.Transformers{Named: map[string]template.Transform{
		template.Serverless: func(doc *document.Document) (*document.Document, error) {
			return sam.Transform(doc, sam.Options{Region: "us-east-1"})
		},
	}})
	if err != nil {
		t.Fatal(err)
	}
	read, err := template.Read(doc)
	if err != nil {
		t.Fatal(err)
	}
	needed, reason := read.Capabilities()
	if !slices.Equal(needed, []string{template.CapabilityIAM}) || !strings.Contains(reason, "[AWS::IAM::Role]") {
		t.Error(needed, reason)
	}
	exist := made{}
	e := read.Evaluator(template.Environment{Resources: exist, Pseudo: template.Pseudo{
		AccountID: "123456789012", Region: "us-east-1", Partition: "aws", URLSuffix: "amazonaws.com", StackName: "s", StackID: "id",
	}})
	plan, err := e.Plan()
	if err != nil {
		t.Fatal(err)
	}
	var order []string
	for _, r := range plan.Order {
		properties, err := e.Resource(r)
		if err != nil {
			t.Fatal(err)
		}
		if names := template.DependsOn(properties); names != nil {
			t.Errorf("%s waits for %v though all it needs exists", r.ID, names)
		}
		order = append(order, r.ID)
		exist[r.ID] = true
	}
	want := []string{"DynamoDbTableKmsKey", "DynamoDbTable", "DynamoDbWriteFunctionRole", "DynamoDbWriteFunction"}
	if !slices.Equal(order, want) {
		t.Error(order)
	}
	code, _ := e.Resource(read.Resource("DynamoDbWriteFunction"))
	if text := code.Get("Code").Get("ZipFile").Text; !strings.Contains(text, "TableName='DynamoDbTable-1'") {
		t.Error(text)
	}
}

type made map[string]bool

func (m made) Ref(id string) *document.Node {
	if !m[id] {
		return nil
	}
	return document.NewString(id + "-1")
}

func (m made) Attribute(id, name string) (*document.Node, error) {
	if !m[id] {
		return nil, nil
	}
	return document.NewString("arn:" + id + ":" + name), nil
}
