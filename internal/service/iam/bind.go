package iam

import (
	"context"
	"strings"

	"github.com/sealtable/sealtable/internal/api"
	"github.com/sealtable/sealtable/internal/arn"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/identity"
	"github.com/sealtable/sealtable/internal/service"
)

// call is what the plan of an operation looks at and adds to.
type call struct {
	account string
	*conditions
	needs *auth.Needs
	// principal is the one that the operation is about; nil where there is none.
	principal *identity.Principal
}

func newCall(caller *auth.Caller, needs *auth.Needs) *call {
	return &call{account: caller.Account, conditions: &conditions{}, needs: needs}
}

// found is the plan of an operation on one thing: the thing, or why there is none, which is only said to
// those who have the permission.
type found[T any] struct {
	it      *T
	missing error
}

// onPrincipal binds an operation on one principal. A user that is not named is the caller.
func onPrincipal[In, Out any](
	s *Service, op api.Operation[In, Out], kind identity.Kind, name func(*In) *string,
	describe func(*In, *call),
	run func(ctx context.Context, p *identity.Principal, in *In) (*Out, error),
) *service.Endpoint[In, Out] {
	return service.Bind(op, planPrincipal(s, op.Name, kind, name, describe), runPrincipal(op.Name, run))
}

func planPrincipal[In any](
	s *Service, operation string, kind identity.Kind, name func(*In) *string, describe func(*In, *call),
) service.Plan[In, found[identity.Principal]] {
	return func(
		_ context.Context, caller *auth.Caller, in *In, needs *auth.Needs,
	) (plan found[identity.Principal], err error) {
		named := api.Text(name(in))
		if name(in) == nil {
			if named, err = ownName(caller); err != nil {
				return plan, err
			}
		}
		needs.Note(string(kind)+"Name", named)
		c := newCall(caller, needs)
		plan.it, plan.missing = s.directory.Find(caller.Account, kind, named)
		resource := identity.NameARN(caller.Account, kind, "/", named)
		if plan.missing == nil {
			c.setPrincipal(plan.it)
			resource = plan.it.ARN()
		}
		if describe != nil {
			describe(in, c)
		}
		needs.Add(auth.Need{Action: "iam:" + operation, Resource: resource, Context: c})
		return plan, nil
	}
}

// setPrincipal says which principal the call is about.
func (c *call) setPrincipal(p *identity.Principal) {
	c.principal = p
	c.setResource(p.Tags)
	if p.Boundary != "" {
		c.set("iam:permissionsboundary", p.Boundary)
	}
}

func runPrincipal[In, Out any](
	operation string, run func(ctx context.Context, p *identity.Principal, in *In) (*Out, error),
) service.Run[In, found[identity.Principal], Out] {
	return func(
		ctx context.Context, _ *auth.Caller, in *In, plan found[identity.Principal],
	) (*Out, error) {
		err := plan.missing
		if err == nil {
			err = protect(plan.it, operation)
		}
		if err != nil {
			return nil, translate(err)
		}
		return answered(run(ctx, plan.it, in))
	}
}

// ownName is the name of the user who calls.
func ownName(caller *auth.Caller) (string, error) {
	if caller.Type != auth.IAMUser {
		return "", invalid("Must specify userName when calling with non-User credentials")
	}
	return lastPart(caller.ARN), nil
}

func lastPart(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }

func answered[Out any](out *Out, err error) (*Out, error) {
	if err != nil {
		return nil, translate(err)
	}
	return out, nil
}

// onPolicy binds an operation on one managed policy.
func onPolicy[In, Out any](
	s *Service, op api.Operation[In, Out], name func(*In) *string, describe func(*In, *call),
	run func(ctx context.Context, caller *auth.Caller, p *identity.Policy, in *In) (*Out, error),
) *service.Endpoint[In, Out] {
	plan := func(
		_ context.Context, caller *auth.Caller, in *In, needs *auth.Needs,
	) (plan found[identity.Policy], err error) {
		named := *name(in)
		needs.Note("policyArn", named)
		if err := checkPolicyARN(named); err != nil {
			return plan, err
		}
		c := newCall(caller, needs)
		plan.it, plan.missing = s.directory.Policy(caller.Account, named)
		if plan.missing == nil {
			c.setResource(plan.it.Tags)
		}
		if describe != nil {
			describe(in, c)
		}
		needs.Add(auth.Need{Action: "iam:" + op.Name, Resource: named, Context: c})
		return plan, nil
	}
	return service.Bind(op, plan, func(
		ctx context.Context, caller *auth.Caller, in *In, plan found[identity.Policy],
	) (*Out, error) {
		if plan.missing != nil {
			return nil, translate(plan.missing)
		}
		return answered(run(ctx, caller, plan.it, in))
	})
}

func checkPolicyARN(name string) error {
	a, ok := arn.Parse(name)
	if _, is := a.Child("policy"); !ok || !is || a.Service != "iam" || a.Partition != arn.Partition ||
		a.Region != "" {
		return invalid("ARN " + name + " is not valid.")
	}
	return nil
}

// onNew binds an operation that makes something. resource is its ARN to be.
func onNew[In, Out any](
	op api.Operation[In, Out], resource func(account string, in *In) string, describe func(*In, *call),
	run func(ctx context.Context, account string, in *In) (*Out, error),
) *service.Endpoint[In, Out] {
	plan := func(_ context.Context, caller *auth.Caller, in *In, needs *auth.Needs) (service.None, error) {
		c := newCall(caller, needs)
		if describe != nil {
			describe(in, c)
		}
		needs.Add(auth.Need{Action: "iam:" + op.Name, Resource: resource(caller.Account, in), Context: c})
		return service.None{}, nil
	}
	return service.Bind(op, plan, func(
		ctx context.Context, caller *auth.Caller, in *In, _ service.None,
	) (*Out, error) {
		return answered(run(ctx, caller.Account, in))
	})
}

// onAccount binds an operation that concerns the account as a whole.
func onAccount[In, Out any](
	op api.Operation[In, Out], run func(ctx context.Context, account string, in *In) (*Out, error),
) *service.Endpoint[In, Out] {
	return onNew(op, func(string, *In) string { return "*" }, nil, run)
}

// pathOf is the path that a request gives, or the default.
func pathOf(path *string) string {
	if path == nil {
		return "/"
	}
	return *path
}
