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

// call is what the access of an operation looks at and adds to.
type call struct {
	account string
	*conditions
	needs *auth.Needs
}

// onPrincipal binds an operation on one principal. The access function finds it once and leaves its ARN in
// the member that names it, so that what was authorised is what runs. A user that is not named is the caller.
func onPrincipal[In, Out any](
	s *Service, op api.Operation[In, Out], kind identity.Kind, name func(*In) **string,
	describe func(*In, *call),
	run func(ctx context.Context, p *identity.Principal, in *In) (*Out, error),
) *service.Endpoint[In, Out] {
	return service.BindAccess(op, accessPrincipal(s, op.Name, kind, name, describe),
		runPrincipal(s, op.Name, kind, name, run))
}

func accessPrincipal[In any](
	s *Service, operation string, kind identity.Kind, name func(*In) **string, describe func(*In, *call),
) func(context.Context, *auth.Caller, *In, *auth.Needs) error {
	return func(_ context.Context, caller *auth.Caller, in *In, needs *auth.Needs) error {
		member := name(in)
		if *member == nil {
			own, err := ownName(caller)
			if err != nil {
				return err
			}
			*member = &own
		}
		needs.Note(string(kind)+"Name", **member)
		c := &call{caller.Account, &conditions{}, needs}
		named := s.principalARN(c, kind, **member)
		if describe != nil {
			describe(in, c)
		}
		needs.Add(auth.Need{Action: "iam:" + operation, Resource: named, Context: c})
		*member = &named
		return nil
	}
}

func runPrincipal[In, Out any](
	s *Service, operation string, kind identity.Kind, name func(*In) **string,
	run func(ctx context.Context, p *identity.Principal, in *In) (*Out, error),
) func(context.Context, *auth.Caller, *In) (*Out, error) {
	return func(ctx context.Context, _ *auth.Caller, in *In) (*Out, error) {
		p, err := s.directory.FindARN(kind, **name(in))
		if err == nil {
			err = protect(p, operation)
		}
		if err != nil {
			return nil, translate(err)
		}
		return answered(run(ctx, p, in))
	}
}

// principalARN is what a name stands for, with the path of the principal if there is one.
func (s *Service) principalARN(c *call, kind identity.Kind, name string) string {
	p, err := s.directory.Find(c.account, kind, name)
	if err != nil {
		return identity.NameARN(c.account, kind, "/", name)
	}
	c.setResource(p.Tags)
	if p.Boundary != "" {
		c.set("iam:permissionsboundary", p.Boundary)
	}
	return p.ARN()
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
	access := func(_ context.Context, caller *auth.Caller, in *In, needs *auth.Needs) error {
		named := *name(in)
		needs.Note("policyArn", named)
		if err := checkPolicyARN(named); err != nil {
			return err
		}
		c := &call{caller.Account, &conditions{}, needs}
		if p, err := s.directory.Policy(caller.Account, named); err == nil {
			c.setResource(p.Tags)
		}
		if describe != nil {
			describe(in, c)
		}
		needs.Add(auth.Need{Action: "iam:" + op.Name, Resource: named, Context: c})
		return nil
	}
	return service.BindAccess(op, access,
		func(ctx context.Context, caller *auth.Caller, in *In) (*Out, error) {
			p, err := s.directory.Policy(caller.Account, *name(in))
			if err != nil {
				return nil, translate(err)
			}
			return answered(run(ctx, caller, p, in))
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
	access := func(_ context.Context, caller *auth.Caller, in *In, needs *auth.Needs) error {
		c := &call{caller.Account, &conditions{}, needs}
		if describe != nil {
			describe(in, c)
		}
		needs.Add(auth.Need{Action: "iam:" + op.Name, Resource: resource(caller.Account, in), Context: c})
		return nil
	}
	return service.BindAccess(op, access,
		func(ctx context.Context, caller *auth.Caller, in *In) (*Out, error) {
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
