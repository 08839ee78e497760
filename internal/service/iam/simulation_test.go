package iam

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sealtable/sealtable/internal/api/iamapi"
)

// TestSimulationsStayWithinBounds: however much is asked for of however large policies, a page has an end, and the pages have all.
func TestSimulationsStayWithinBounds(t *testing.T) {
	var statements []string
	for i := range 300 {
		statements = append(statements, fmt.Sprintf(`{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"Null":{"k:key%d":true}}}`,
			i))
	}
	in := &iamapi.SimulateCustomPolicyRequest{
		PolicyInputList: []string{`{"Statement":[` + strings.Join(statements, ",") + `]}`}, MaxItems: new(int64(1000)),
	}
	for i := range 100 {
		in.ActionNames = append(in.ActionNames, fmt.Sprintf("iam:Action%d", i))
	}
	results := 0
	for pages := 0; ; pages++ {
		out, err := simulateCustom(t.Context(), account, in)
		if err != nil || pages > len(in.ActionNames) {
			t.Fatal(pages, err)
		}
		shown := 0
		for _, r := range out.EvaluationResults {
			shown += len(r.MatchedStatements) + len(r.MissingContextValues)
		}
		if shown > maxShown {
			t.Fatalf("a page shows %d", shown)
		}
		results += len(out.EvaluationResults)
		if out.Marker == nil {
			break
		}
		in.Marker = out.Marker
	}
	if results != len(in.ActionNames) {
		t.Errorf("%d results for %d actions", results, len(in.ActionNames))
	}
}
