package service

import (
	"context"

	"github.com/sealtable/sealtable/internal/api"
	"github.com/sealtable/sealtable/internal/auth"
)

// BindAccess binds an operation that has no plan yet: its handler finds again what the access function found.
func BindAccess[In, Out any](
	op api.Operation[In, Out],
	access func(ctx context.Context, caller *auth.Caller, in *In, needs *auth.Needs) error,
	run func(ctx context.Context, caller *auth.Caller, in *In) (*Out, error),
) *Endpoint[In, Out] {
	return Bind(op,
		func(ctx context.Context, caller *auth.Caller, in *In, needs *auth.Needs) (None, error) {
			return None{}, access(ctx, caller, in, needs)
		}, func(ctx context.Context, caller *auth.Caller, in *In, _ None) (*Out, error) {
			return run(ctx, caller, in)
		})
}
