package service

import (
	"context"
	"errors"

	"github.com/sealtable/sealtable/internal/api"
	"github.com/sealtable/sealtable/internal/auth"
)

// Parts says how the parts of a call are permitted one by one, as are the statements of a batch: what one may
// not do, the others may.
type Parts[In any] struct {
	Count func(in *In) int
	// Access names the permissions that one part needs. An error ends the call.
	Access func(ctx context.Context, caller *auth.Caller, in *In, part int, needs *auth.Needs) error
}

// RunParts does the work of an operation whose parts are permitted one by one. It must leave those parts
// alone that were refused: there refused is not nil.
type RunParts[In, Out any] func(ctx context.Context, caller *auth.Caller, in *In,
	refused []*auth.DeniedError) (*Out, error)

// BindParts is Bind for an operation whose parts are permitted one by one, once the call as a whole is. Each
// part that is refused leaves a record of its own.
func BindParts[In, Out any](
	op api.Operation[In, Out], access Access[In], parts Parts[In], run RunParts[In, Out],
) *Endpoint[In, Out] {
	e := Bind(op, access, nil)
	e.parts = func(ctx context.Context, caller *auth.Caller, in *In, needs *auth.Needs) (*Out, error) {
		refused := make([]*auth.DeniedError, parts.Count(in))
		for i := range refused {
			var err error
			if refused[i], err = e.permitPart(ctx, caller, in, &parts, i, needs); err != nil {
				return nil, err
			}
		}
		return run(ctx, caller, in, refused)
	}
	return e
}

// permitPart decides about one part. What a part that is permitted needs is added to the needs of the whole
// call, for its record.
func (e *Endpoint[In, Out]) permitPart(
	ctx context.Context, caller *auth.Caller, in *In, parts *Parts[In], i int, whole *auth.Needs,
) (*auth.DeniedError, error) {
	needs := e.path.takeNeeds()
	defer e.path.returnNeeds(needs)
	if err := parts.Access(ctx, caller, in, i, needs); err != nil {
		return nil, err
	}
	err := e.path.Authorizer.Authorize(ctx, caller, needs)
	var denied *auth.DeniedError
	if errors.As(err, &denied) {
		e.path.Recorder.Record(Record{
			Service: e.op.Service, Operation: e.op.Name, ReadOnly: e.op.ReadOnly, Caller: caller,
			Needs: needs, Err: denied, Part: true,
		})
		return denied, nil
	}
	for _, need := range needs.All() {
		need.Context = nil // which is only good for this part
		whole.Add(need)
	}
	return nil, err
}
