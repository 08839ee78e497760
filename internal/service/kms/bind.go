package kms

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/sealtable/sealtable/internal/api"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/keyring"
	"github.com/sealtable/sealtable/internal/service"
)

// keyRule says what an operation on one key has of its own.
type keyRule[In any] struct {
	id func(in *In) *string // the member that names the key
	// aliases says that the key may be named by an alias.
	aliases bool
	// abroad says that callers of other accounts may be let in by the key's policy.
	abroad bool
	// grantable says that a grant can let the caller through.
	grantable bool
	// check, if set, refuses inputs before anybody is asked for permission.
	check func(in *In) error
	// describe, if set, adds the condition keys of the operation, and what the trail may show.
	describe func(in *In, c *conditions, needs *auth.Needs)
	// missing, if set, makes the key that a predefined alias stands for.
	missing func(ctx context.Context, caller *auth.Caller, id string) error
}

// onKey binds an operation on one key. Its plan is the key, so that what was permitted is what runs even if
// an alias is moved in between.
func onKey[In, Out any](
	s *Service, op api.Operation[In, Out], rule keyRule[In],
	run func(ctx context.Context, caller *auth.Caller, key *keyring.Key, in *In) (*Out, error),
) *service.Endpoint[In, Out] {
	plan := func(ctx context.Context, caller *auth.Caller, in *In, needs *auth.Needs) (*keyring.Key, error) {
		key, err := s.findKey(ctx, caller, op.Name, keyCall{
			id: *rule.id(in), aliases: rule.aliases, abroad: rule.abroad, grantable: rule.grantable,
			check:    bound(rule.check, in),
			describe: func(c *conditions) { describeWith(rule.describe, in, c, needs) },
			missing:  rule.missing,
		}, needs)
		return key, translate(err)
	}
	return onPlan(op, plan, func(
		ctx context.Context, caller *auth.Caller, in *In, key *keyring.Key,
	) (*Out, error) {
		if err := present(key); err != nil {
			return nil, err
		}
		return run(ctx, caller, key, in)
	})
}

// onPlan is service.Bind for a handler whose errors are the keyring's: it gives them AWS's code and words.
func onPlan[In, P, Out any](
	op api.Operation[In, Out], plan service.Plan[In, P], run service.Run[In, P, Out],
) *service.Endpoint[In, Out] {
	return service.Bind(op, plan, func(
		ctx context.Context, caller *auth.Caller, in *In, planned P,
	) (*Out, error) {
		out, err := run(ctx, caller, in, planned)
		if err != nil {
			return nil, translate(err)
		}
		return out, nil
	})
}

// present refuses a key that was erased since it was found. No state but that one forbids an operation
// without a name.
func present(key *keyring.Key) error { return key.Metadata().Permits("") }

func bound[In any](check func(*In) error, in *In) func() error {
	return func() error {
		if check == nil {
			return nil
		}
		return check(in)
	}
}

func describeWith[In any](
	describe func(*In, *conditions, *auth.Needs), in *In, c *conditions, needs *auth.Needs,
) {
	if describe != nil {
		describe(in, c, needs)
	}
}

// keyCall is a keyRule with the input filled in.
type keyCall struct {
	id                         string
	aliases, abroad, grantable bool
	check                      func() error
	describe                   func(c *conditions)
	missing                    func(ctx context.Context, caller *auth.Caller, id string) error
}

// findKey finds the key that a call names, and asks for the permission on it.
func (s *Service) findKey(
	ctx context.Context, caller *auth.Caller, operation string, call keyCall, needs *auth.Needs,
) (*keyring.Key, error) {
	needs.Note("keyId", call.id)
	if err := call.check(); err != nil {
		return nil, err
	}
	if call.missing != nil {
		if err := call.missing(ctx, caller, call.id); err != nil {
			return nil, err
		}
	}
	key, err := s.resolve(caller, operation, call.id, call.aliases, call.abroad)
	if err != nil {
		return nil, err
	}
	c := &conditions{caller: caller, key: key, named: call.id}
	call.describe(c)
	need := keyNeed(operation, key, c)
	if call.grantable {
		need.Granted = key.Granted(granteesOf(caller), keyring.Operation(operation), c.context)
	}
	needs.Add(need)
	return key, s.veil(ctx, caller, key, needs, unreachable(caller, operation))
}

// veil gives callers of another account who may not use a key the answer that they get where there is none: a
// denial that names the key would tell which keys, and behind which aliases and ciphertexts, another account
// has.
func (s *Service) veil(
	ctx context.Context, caller *auth.Caller, key *keyring.Key, needs *auth.Needs, veiled error,
) error {
	if key.Scope().Account == caller.Account {
		return nil
	}
	var denied *auth.DeniedError
	if errors.As(s.path.Authorizer.Authorize(ctx, caller, needs), &denied) {
		return veiled
	}
	return nil
}

// keyNeed is the permission for an operation on a key: the key's policy is the gate.
func keyNeed(operation string, key *keyring.Key, c *conditions) auth.Need {
	return auth.Need{
		Action: "kms:" + operation, Resource: key.ARN(), Policy: key.Metadata().Compiled(), Gate: true,
		Context: c,
	}
}

// resolve finds a key for a caller. What is in another account and not there, or not to be reached from
// abroad, gets one answer, so that nobody learns which keys another account has.
func (s *Service) resolve(
	caller *auth.Caller, operation, id string, aliases, abroad bool,
) (*keyring.Key, error) {
	forms := keyring.KeyOnly
	if aliases {
		forms = keyring.KeyOrAlias
	}
	scope := scopeOf(caller)
	key, err := s.keys.Resolve(scope, id, forms)
	foreign := keyring.Named(scope, id) != caller.Account
	if foreign && (err == nil && !abroad || keyring.KindOf(err) == keyring.NotFound) ||
		err != nil && aliases && ofOtherService(id) {
		return nil, unreachable(caller, operation)
	}
	return key, err
}

// unreachable is the answer for a key of another account.
func unreachable(caller *auth.Caller, operation string) error {
	const format = "User: %s is not authorized to perform: kms:%s on this resource because the resource " +
		"does not exist in this " +
		"Region, no resource-based policies allow access, or a resource-based policy explicitly denies access"
	return &api.Error{Code: "AccessDeniedException", Message: fmt.Sprintf(format, caller.ARN, operation)}
}

func scopeOf(caller *auth.Caller) keyring.Scope {
	return keyring.Scope{Account: caller.Account, Region: caller.Region}
}

// granteesOf are the names under which grants may know the caller: its own and its unique id, and for a
// session those of its role.
func granteesOf(caller *auth.Caller) []string {
	switch {
	case caller.RoleARN != "":
		role, _, _ := strings.Cut(caller.UserID, ":")
		return []string{caller.ARN, caller.RoleARN, role}
	case caller.Type == auth.IAMUser:
		return []string{caller.ARN, caller.UserID}
	}
	return []string{caller.ARN}
}

// onAccount binds an operation that concerns no key: identity policies alone decide.
func onAccount[In, Out any](
	op api.Operation[In, Out], describe func(in *In, c *conditions, needs *auth.Needs),
	run func(ctx context.Context, caller *auth.Caller, in *In) (*Out, error),
) *service.Endpoint[In, Out] {
	plan := func(_ context.Context, _ *auth.Caller, in *In, needs *auth.Needs) (service.None, error) {
		c := &conditions{}
		describeWith(describe, in, c, needs)
		needs.Add(auth.Need{Action: "kms:" + op.Name, Resource: "*", Context: c})
		return service.None{}, nil
	}
	return onPlan(op, plan, func(
		ctx context.Context, caller *auth.Caller, in *In, _ service.None,
	) (*Out, error) {
		return run(ctx, caller, in)
	})
}
