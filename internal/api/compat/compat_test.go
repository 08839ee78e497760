package compat

import (
	"strings"
	"testing"

	"github.com/sealtable/sealtable/internal/api"
	"github.com/sealtable/sealtable/internal/api/dynamodbapi"
	"github.com/sealtable/sealtable/internal/api/kmsapi"
)

func TestPage(t *testing.T) {
	page, err := Append(nil, []Service{
		{dynamodbapi.Describe(), []Support{
			{"PutItem", Supported, ""},
			{"CreateTable", Partial, "a | and\na line"},
			{"ImportTable", Refused, "no S3"},
		}},
		{kmsapi.Describe(), nil},
	})
	if err != nil {
		t.Fatal(err)
	}
	text := string(page)
	for _, want := range []string{
		"| [Amazon DynamoDB](#amazon-dynamodb) | 2012-08-10 | 1 | 1 | 55 |\n",
		"| [AWS Key Management Service](#aws-key-management-service) | 2014-11-01 | 0 | 0 | 54 |\n",
		"\n## Amazon DynamoDB\n", "| PutItem | supported |  |\n", `| CreateTable | partial | a \| and a line |` + "\n",
		"| ImportTable | refused | no S3 |\n", "| Encrypt | refused |  |\n",
	} {
		if strings.Count(text, want) != 1 {
			t.Errorf("not once in the page: %s", want)
		}
	}
}

func TestWrongTables(t *testing.T) {
	info := api.ServiceInfo{Operations: []api.OperationInfo{{Name: "A"}, {Name: "B"}}}
	for name, table := range map[string][]Support{
		"unknown":     {{"C", Supported, ""}},
		"twice":       {{"A", Supported, ""}, {"A", Refused, ""}},
		"no status":   {{"A", "", ""}},
		"vague":       {{"A", Partial, ""}},
		"contradicts": {{"A", Supported, "half of it"}},
	} {
		if _, err := Append(nil, []Service{{info, table}}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
