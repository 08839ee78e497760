package kms

import (
	"slices"
	"testing"

	"github.com/sealtable/sealtable/internal/api/kmsapi"
	"github.com/sealtable/sealtable/internal/api/membercheck"
)

// TestEveryOperationIsAnswered: those of the model that are not honoured are refused by name, and none is unknown.
func TestEveryOperationIsAnswered(t *testing.T) {
	served := newTeller(t).service.Table().Operations()
	for _, op := range kmsapi.Operations() {
		if !slices.Contains(served, op.Name) {
			t.Errorf("%s is unknown", op.Name)
		}
	}
}

// TestEveryMemberCounts: a member of an input is read or refused by its name (P8).
func TestEveryMemberCounts(t *testing.T) {
	table := newTeller(t).service.Table()
	refused := map[string]bool{}
	for _, b := range unsupportedOperations() {
		refused[b.OperationName()] = true
	}
	config := membercheck.Config{
		Service: ".", Shapes: "../../api/kmsapi", ShapesPath: "github.com/sealtable/sealtable/internal/api/kmsapi",
		Operations: kmsapi.Operations(), Unsupported: map[string][]string{},
	}
	for _, name := range table.Operations() {
		if refused[name] {
			continue
		}
		config.Served = append(config.Served, name)
		op, _ := table.Lookup(name)
		if lister, ok := op.(interface{ Unsupported() []string }); ok && len(lister.Unsupported()) > 0 {
			config.Unsupported[name] = lister.Unsupported()
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
