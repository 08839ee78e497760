package dynamodb

import (
	"testing"

	"github.com/sealtable/sealtable/internal/api/dynamodbapi"
	"github.com/sealtable/sealtable/internal/api/membercheck"
	"github.com/sealtable/sealtable/internal/service"
)

// TestEveryMemberCounts: a member of an input is read or refused by its name (P8).
func TestEveryMemberCounts(t *testing.T) {
	table := New(Options{}).Table(&service.Path{})
	config := membercheck.Config{
		Service: ".", Shapes: "../../api/dynamodbapi", ShapesPath: "github.com/sealtable/sealtable/internal/api/dynamodbapi",
		Operations: dynamodbapi.Operations(), Unsupported: map[string][]string{},
	}
	for _, name := range table.Operations() {
		bound, _ := table.Lookup(name)
		if bound.Refused() {
			continue
		}
		config.Served = append(config.Served, name)
		if members := bound.Unsupported(); len(members) > 0 {
			config.Unsupported[name] = members
		}
	}
	findings, err := membercheck.Check(config)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range findings {
		t.Error(f)
	}
}
