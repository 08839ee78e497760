//go:build !race

// The race detector makes pools forget on purpose.

package dynamodb

import (
	"testing"

	"github.com/sealtable/sealtable/internal/attribute"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/service"
	"github.com/sealtable/sealtable/internal/strictjson"
)

// TestCallsAllocateLittle holds the path of every call on items to its number of allocations.
func TestCallsAllocateLittle(t *testing.T) {
	s := emptyService(t)
	s.keys = lenient{}
	addTable(t, s, "orders", 1, attribute.S, attribute.N)
	table := s.Table(&service.Path{Authorizer: lenient{}, Recorder: forgetful{}})
	caller := &auth.Caller{Account: "123456789012", Region: "eu-west-1"}
	var answer []byte
	for _, call := range dataCalls {
		op, ok := table.Lookup(call.operation)
		if !ok {
			t.Fatal(call.operation)
		}
		body := []byte(call.body)
		run := func() {
			var err error
			if answer, err = op.ServeJSON(t.Context(), caller, strictjson.NewReader(body), answer[:0]); err != nil {
				t.Fatal(err)
			}
		}
		got := testing.AllocsPerRun(200, run)
		for range 4 { // what the store does in the background is counted too, if it does something
			got = min(got, testing.AllocsPerRun(200, run))
		}
		if got > call.most {
			t.Errorf("%s %s: %v allocations, want at most %v", call.operation, call.body, got, call.most)
		}
	}
}
