package kms

import (
	"context"
	"errors"

	"github.com/sealtable/sealtable/internal/api"
	"github.com/sealtable/sealtable/internal/api/kmsapi"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/auth/policy"
	"github.com/sealtable/sealtable/internal/keyring"
)

const (
	// policyName is the only name that a key's policy can have.
	policyName = "default"
	// maxPolicy is how long a key policy may be, in bytes ("Resource quotas" in the AWS KMS Developer Guide).
	maxPolicy = 32768
	// unbornKey stands for the id of a key that is not there yet when its policy is checked.
	unbornKey = "00000000-0000-0000-0000-000000000000"
)

func noSuchPolicy() error {
	return &api.Error{Code: "NotFoundException", Message: "No such policy exists"}
}

func (s *Service) getPolicy(
	_ context.Context, _ *auth.Caller, key *keyring.Key, in *kmsapi.GetKeyPolicyRequest,
) (*kmsapi.GetKeyPolicyResponse, error) {
	if in.PolicyName != nil && *in.PolicyName != policyName {
		return nil, noSuchPolicy()
	}
	return &kmsapi.GetKeyPolicyResponse{Policy: s.shownPolicy(key.Metadata()),
		PolicyName: new(policyName)}, nil
}

func listPolicies(
	_ context.Context, _ *auth.Caller, _ *keyring.Key, in *kmsapi.ListKeyPoliciesRequest,
) (*kmsapi.ListKeyPoliciesResponse, error) {
	after, _, err := pageOf(in.Marker, in.Limit, 100, 1000)
	if err != nil {
		return nil, err
	}
	out := &kmsapi.ListKeyPoliciesResponse{PolicyNames: []string{}, Truncated: new(false)}
	if after < policyName {
		out.PolicyNames = append(out.PolicyNames, policyName)
	}
	return out, nil
}

func describePutPolicy(in *kmsapi.PutKeyPolicyRequest, c *conditions, needs *auth.Needs) {
	bypass := api.True(in.BypassPolicyLockoutSafetyCheck)
	c.setBool("kms:bypasspolicylockoutsafetycheck", bypass)
	needs.Note("policyName", policyName)
	needs.Note("policy", api.Text(in.Policy))
	needs.Note("bypassPolicyLockoutSafetyCheck", bypass)
}

func (s *Service) putPolicy(
	ctx context.Context, caller *auth.Caller, key *keyring.Key, in *kmsapi.PutKeyPolicyRequest,
) (*kmsapi.PutKeyPolicyOutput, error) {
	if in.PolicyName != nil && *in.PolicyName != policyName {
		return nil, noSuchPolicy()
	}
	bound, err := s.checkPolicy(ctx, caller, *in.Policy, key.ARN(),
		api.True(in.BypassPolicyLockoutSafetyCheck))
	if err != nil {
		return nil, err
	}
	return &kmsapi.PutKeyPolicyOutput{}, s.keys.SetPolicy(ctx, key, bound)
}

// checkPolicy gives back the policy as it is to be kept. It refuses one that is too long, malformed, or that
// names principals which do not exist; and, unless that check is bypassed, one that would lock the caller
// out.
func (s *Service) checkPolicy(
	ctx context.Context, caller *auth.Caller, document, keyARN string, bypass bool,
) (string, error) {
	if len(document) > maxPolicy {
		return "", &api.Error{Code: "LimitExceededException",
			Message: "The key policy document exceeds the quota of 32768 bytes."}
	}
	compiled, err := policy.Parse([]byte(document), policy.Key)
	if err != nil {
		return "", err
	}
	if !compiled.OnItsResource() { // refused since 2025-08-18; the wording of AWS is not known
		return "", malformed("Policy contains a statement whose Resource element is not \"*\".")
	}
	bound, err := s.bindPrincipals(document)
	if err != nil || bypass {
		return bound, err
	}
	return bound, s.checkLockout(ctx, caller, compiled, keyARN)
}

// bindPrincipals is the policy as it is kept: with unique ids for the names of users and roles.
func (s *Service) bindPrincipals(document string) (string, error) {
	if s.principals == nil {
		return document, nil
	}
	bound, ok := s.principals.BindPolicy(document)
	if !ok {
		return "", malformed("Policy contains a statement with one or more invalid principals.")
	}
	return bound, nil
}

// shownPolicy is a key's policy as it is answered.
func (s *Service) shownPolicy(m *keyring.Metadata) *string {
	if s.principals == nil {
		return new(m.Policy)
	}
	return new(s.principals.ShowPolicy(m.Policy))
}

// checkLockout asks whether the new policy would let the caller change it again. A policy that leaves the
// question to identity policies passes: they can be changed without the key.
func (s *Service) checkLockout(
	ctx context.Context, caller *auth.Caller, p *policy.Policy, keyARN string,
) error {
	var needs auth.Needs
	needs.Add(auth.Need{Action: "kms:PutKeyPolicy", Resource: keyARN, Policy: p, Gate: true,
		Context: &conditions{}})
	err := s.path.Authorizer.Authorize(ctx, caller, &needs)
	var denied *auth.DeniedError
	if errors.As(err, &denied) {
		if denied.Decision.Origin != policy.FromResource {
			return nil
		}
		return malformed("The new key policy will not allow you to update the key policy in the future.")
	}
	return err
}
