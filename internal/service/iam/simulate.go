package iam

import (
	"context"
	"strings"

	"github.com/sealtable/sealtable/internal/api/iamapi"
	"github.com/sealtable/sealtable/internal/arn"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/auth/policy"
	"github.com/sealtable/sealtable/internal/identity"
	"github.com/sealtable/sealtable/internal/service"
)

// The policy simulator: the evaluator that decides every call, with its reasons shown.

func (s *Service) bindSimulator() []service.Bound {
	return []service.Bound{
		onAccount(iamapi.SimulateCustomPolicy(), simulateCustom).Without("ResourceHandlingOption"),
		service.Bind(iamapi.SimulatePrincipalPolicy(),
			planSource(s, "SimulatePrincipalPolicy", func(in *iamapi.SimulatePrincipalPolicyRequest) *string {
				return in.PolicySourceArn
			}),
			s.simulatePrincipal).Without("ResourceHandlingOption"),
		onAccount(iamapi.GetContextKeysForCustomPolicy(), contextKeysOfCustom),
		service.Bind(iamapi.GetContextKeysForPrincipalPolicy(),
			planSource(s, "GetContextKeysForPrincipalPolicy",
				func(in *iamapi.GetContextKeysForPrincipalPolicyRequest) *string {
					return in.PolicySourceArn
				}),
			s.contextKeysOfPrincipal),
	}
}

// planSource is the plan of an operation on the policies of a principal, which it names by its ARN.
func planSource[In any](
	s *Service, operation string, name func(*In) *string,
) service.Plan[In, found[identity.Principal]] {
	return func(
		_ context.Context, caller *auth.Caller, in *In, needs *auth.Needs,
	) (plan found[identity.Principal], err error) {
		named := *name(in)
		needs.Note("policySourceArn", named)
		if !strings.HasPrefix(named, "arn:") {
			return plan, invalid("ARN " + named + " is not valid.")
		}
		needs.Add(auth.Need{Action: "iam:" + operation, Resource: named, Context: &conditions{}})
		plan.it, plan.missing = s.source(caller, named)
		return plan, nil
	}
}

// source is the user, group or role of the caller's account with this ARN.
func (s *Service) source(caller *auth.Caller, name string) (*identity.Principal, error) {
	a, _ := arn.Parse(name)
	kind, _, _ := strings.Cut(a.Resource, "/")
	switch kind := identity.Kind(kind); kind {
	case identity.User, identity.Group, identity.Role:
		if a.Account != caller.Account {
			break
		}
		p, err := s.directory.FindARN(kind, name)
		return p, translate(err)
	}
	return nil, iamapi.InvalidInputException("Invalid Entity Arn: " + name +
		" does not clearly define entity type and name.")
}

// options are what both kinds of simulation take.
type options struct {
	actions, resources, policies, boundaries []string
	resourcePolicy, resourceOwner, caller    *string
	entries                                  []iamapi.ContextEntry
	marker                                   *string
	maxItems                                 *int64
}

func simulateCustom(
	_ context.Context, account string, in *iamapi.SimulateCustomPolicyRequest,
) (*iamapi.SimulatePolicyResponse, error) {
	given := &options{
		actions: in.ActionNames, resources: in.ResourceArns, policies: in.PolicyInputList,
		boundaries:     in.PermissionsBoundaryPolicyInputList,
		resourcePolicy: in.ResourcePolicy, resourceOwner: in.ResourceOwner, caller: in.CallerArn,
		entries: in.ContextEntries,
		marker:  in.Marker, maxItems: in.MaxItems,
	}
	m := &simulation{owner: account}
	if err := m.read(given); err != nil {
		return nil, err
	}
	return m.page(given)
}

func (s *Service) simulatePrincipal(
	_ context.Context, caller *auth.Caller, in *iamapi.SimulatePrincipalPolicyRequest,
	plan found[identity.Principal],
) (*iamapi.SimulatePolicyResponse, error) {
	p := plan.it
	if plan.missing != nil {
		return nil, plan.missing
	}
	given := &options{
		actions: in.ActionNames, resources: in.ResourceArns, policies: in.PolicyInputList,
		boundaries:     in.PermissionsBoundaryPolicyInputList,
		resourcePolicy: in.ResourcePolicy, resourceOwner: in.ResourceOwner, caller: in.CallerArn,
		entries: in.ContextEntries,
		marker:  in.Marker, maxItems: in.MaxItems,
	}
	if given.caller == nil && p.Kind == identity.User {
		given.caller = in.PolicySourceArn
	}
	m := &simulation{owner: caller.Account, identity: s.directory.Sources(p)}
	if boundary, ok := s.directory.BoundarySource(p); ok {
		m.boundary = &boundary
	}
	if err := m.read(given); err != nil {
		return nil, err
	}
	if m.principal.ARN == p.ARN() {
		m.principal.UserID = p.ID
	}
	return m.page(given)
}

func contextKeysOfCustom(
	_ context.Context, _ string, in *iamapi.GetContextKeysForCustomPolicyRequest,
) (*iamapi.GetContextKeysForPolicyResponse, error) {
	given, err := inputPolicies(in.PolicyInputList)
	return &iamapi.GetContextKeysForPolicyResponse{ContextKeyNames: contextKeysOf(given)}, err
}

func (s *Service) contextKeysOfPrincipal(
	_ context.Context, _ *auth.Caller, in *iamapi.GetContextKeysForPrincipalPolicyRequest,
	plan found[identity.Principal],
) (*iamapi.GetContextKeysForPolicyResponse, error) {
	p := plan.it
	if plan.missing != nil {
		return nil, plan.missing
	}
	given, err := inputPolicies(in.PolicyInputList)
	if err != nil {
		return nil, err
	}
	return &iamapi.GetContextKeysForPolicyResponse{
		ContextKeyNames: contextKeysOf(append(s.directory.Sources(p), given...)),
	}, nil
}

// contextKeysOf are the condition keys that policies ask for, each once.
func contextKeysOf(policies []identity.Source) []string {
	keys, known := []string{}, map[string]bool{}
	for i := range policies {
		for _, key := range policies[i].Compiled.ContextKeys() {
			if folded := strings.ToLower(key); !known[folded] {
				known[folded] = true
				keys = append(keys, key)
			}
		}
	}
	return keys
}

// inputPolicies are policies that a request brings along.
func inputPolicies(documents []string) ([]identity.Source, error) {
	return readSources("PolicyInputList.", documents, policy.Identity)
}
