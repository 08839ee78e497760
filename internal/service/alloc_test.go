//go:build !race

// The race detector makes pools forget on purpose.

package service

import (
	"context"
	"errors"
	"testing"

	"github.com/sealtable/sealtable/internal/auth"
)

// TestAPlanCostsNothing: a plan is handed from one half of an operation to the other without memory of its own.
func TestAPlanCostsNothing(t *testing.T) {
	type large struct{ words [16]uint64 }
	in, answer := &input{name: "ada"}, &output{}
	e := Bind(greet(),
		func(context.Context, *auth.Caller, *input, *auth.Needs) (large, error) {
			return large{[16]uint64{15: 1}}, nil
		},
		func(_ context.Context, _ *auth.Caller, _ *input, plan large) (*output, error) {
			if plan.words[15] != 1 {
				return nil, errors.New("another plan")
			}
			return answer, nil
		})
	NewTable("greeter", &Path{Authorizer: deciding(func() {}), Recorder: recorderFunc(func(Record) {})}, e)
	ctx, caller := context.Background(), rootCaller()
	if n := testing.AllocsPerRun(100, func() {
		if _, err := e.Call(ctx, caller, in); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
