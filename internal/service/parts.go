package service

import (
	"context"
	"errors"

	"github.com/sealtable/sealtable/internal/api"
	"github.com/sealtable/sealtable/internal/auth"
)

// Parts says how the parts of a call are permitted one by one, as are the statements of a batch: what one may
// not do, the others may. Each part has a plan of its own.
type Parts[In, P any] struct {
	// Plan finds the parts, and names the permissions that the call as a whole needs.
	Plan Plan[In, []P]
	// Need names the permissions that one part needs. An error ends the call.
	Need func(ctx context.Context, caller *auth.Caller, in *In, part P, needs *auth.Needs) error
}

// RunParts does the work of an operation whose parts are permitted one by one. refused has an entry for each
// part, nil for those that are permitted; the others must be left alone.
type RunParts[In, P, Out any] func(ctx context.Context, caller *auth.Caller, in *In, parts []P,
	refused []*auth.DeniedError) (*Out, error)

// BindParts is Bind for an operation whose parts are permitted one by one, once the call as a whole is. Each
// part that is refused leaves a record of its own.
func BindParts[In, P, Out any](
	op api.Operation[In, Out], parts Parts[In, P], run RunParts[In, P, Out],
) *Endpoint[In, Out] {
	e := &Endpoint[In, Out]{op: op}
	e.answer = func(ctx context.Context, caller *auth.Caller, in *In, needs *auth.Needs) (*Out, error) {
		planned, err := parts.Plan(ctx, caller, in, needs)
		if err != nil {
			return nil, err
		}
		if err := e.path.Authorizer.Authorize(ctx, caller, needs); err != nil {
			return nil, err
		}
		needs.Grant()
		refused := make([]*auth.DeniedError, len(planned))
		for i, part := range planned {
			need := func(needs *auth.Needs) error { return parts.Need(ctx, caller, in, part, needs) }
			if refused[i], err = e.permitPart(ctx, caller, need, needs); err != nil {
				return nil, err
			}
		}
		return run(ctx, caller, in, planned, refused)
	}
	return e
}

// permitPart decides about one part. What a part that is permitted needs is added to the needs of the whole
// call, for its record.
func (e *Endpoint[In, Out]) permitPart(
	ctx context.Context, caller *auth.Caller, need func(*auth.Needs) error, whole *auth.Needs,
) (*auth.DeniedError, error) {
	needs := e.path.takeNeeds()
	defer e.path.returnNeeds(needs)
	if err := need(needs); err != nil {
		return nil, err
	}
	err := e.path.Authorizer.Authorize(ctx, caller, needs)
	var denied *auth.DeniedError
	if errors.As(err, &denied) {
		r := e.record(caller, needs, denied)
		r.Part = true
		e.path.Recorder.Record(r)
		return denied, nil
	}
	for _, need := range needs.All() {
		need.Context = nil // which is only good for this part
		whole.Add(need)
	}
	return nil, err
}
