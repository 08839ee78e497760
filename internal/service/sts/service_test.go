package sts

import (
	"slices"
	"testing"

	"github.com/sealtable/sealtable/internal/api/membercheck"
	"github.com/sealtable/sealtable/internal/api/stsapi"
)

// TestEveryOperationIsAnswered: those of the model that are not honoured are refused by name, and none is unknown.
func TestEveryOperationIsAnswered(t *testing.T) {
	served := newTeller(t).service.Table().Operations()
	for _, op := range stsapi.Operations() {
		if !slices.Contains(served, op.Name) {
			t.Errorf("%s is unknown", op.Name)
		}
	}
}

// TestEveryMemberCounts: a member of an input is read or refused by its name (P8).
func TestEveryMemberCounts(t *testing.T) {
	table := newTeller(t).service.Table()
	config := membercheck.Config{
		Service: ".", Shapes: "../../api/stsapi", ShapesPath: "github.com/sealtable/sealtable/internal/api/stsapi",
		Operations: stsapi.Operations(), Unsupported: map[string][]string{},
	}
	for _, name := range table.Operations() {
		op, _ := table.Lookup(name)
		if op.Refused() {
			continue
		}
		config.Served = append(config.Served, name)
		if members := op.Unsupported(); len(members) > 0 {
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
