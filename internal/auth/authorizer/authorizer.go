// Package authorizer decides calls by the installation's policies.
//
// Callers may rely on this: whoever is not known to the identity source has no identity policy, and what no policy allows is
// refused (P6). The root user of an account may do everything in its account, except with resources whose own policy is the gate.
package authorizer

import (
	"context"
	"strings"

	"github.com/sealtable/sealtable/internal/arn"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/auth/policy"
	"github.com/sealtable/sealtable/internal/clock"
)

// Identity is what is attached to a principal.
type Identity struct {
	Policies []policy.Attached
	Boundary *policy.Policy
	Session  []*policy.Policy
	RoleARN  string
	Tags     map[string]string
}

// Identities knows what is attached to the principals of the installation.
type Identities interface {
	// Identity returns what is attached to the caller; the zero Identity for one that it does not know.
	Identity(caller *auth.Caller) Identity
}

// RootOnly is the identity source of an installation without IAM: nothing is attached to anybody.
type RootOnly struct{}

// Identity returns the zero Identity.
func (RootOnly) Identity(*auth.Caller) Identity { return Identity{} }

// Authorizer implements auth.Authorizer.
type Authorizer struct {
	identities Identities
	clock      *clock.Clock
}

// New returns an Authorizer that asks identities.
func New(identities Identities, c *clock.Clock) *Authorizer {
	return &Authorizer{identities: identities, clock: c}
}

// Authorize refuses with the first need that is not granted.
func (a *Authorizer) Authorize(_ context.Context, caller *auth.Caller, needs *auth.Needs) error {
	var identity Identity
	known := false
	for _, need := range needs.All() {
		if ownsAll(caller, &need) {
			continue
		}
		if !known {
			identity, known = a.identities.Identity(caller), true
		}
		if d := a.decide(caller, &need, identity); !d.Allowed {
			return &auth.DeniedError{Caller: caller, Need: need, Decision: d}
		}
	}
	return nil
}

// ownsAll is the quick way for the root user and a resource of its own account that has no policy.
func ownsAll(caller *auth.Caller, need *auth.Need) bool {
	return caller.Type == auth.Root && need.Policy == nil && !need.Gate && resourceAccount(caller, need.Resource) == caller.Account
}

func (a *Authorizer) decide(caller *auth.Caller, need *auth.Need, identity Identity) policy.Decision {
	request := policy.Request{
		Principal: policy.Principal{Account: caller.Account, ARN: caller.ARN, UserID: caller.UserID, RoleARN: identity.RoleARN},
		Action:    need.Action,
		Resource:  need.Resource,
		Context:   &requestContext{caller: caller, need: need, identity: &identity, now: a.clock.Now()},
	}
	return policy.Decide(&request, &policy.Policies{
		Identity:        identity.Policies,
		Unrestricted:    caller.Type == auth.Root,
		Boundary:        identity.Boundary,
		Session:         identity.Session,
		OnResource:      need.Policy,
		ResourceAccount: resourceAccount(caller, need.Resource),
		Gate:            need.Gate,
		Granted:         need.Granted,
	})
}

// resourceAccount is the account in the resource's ARN, and the caller's where it names none.
func resourceAccount(caller *auth.Caller, resource string) string {
	if !strings.HasPrefix(resource, "arn:") {
		return caller.Account
	}
	if a, ok := arn.Parse(resource); ok && a.Account != "" {
		return a.Account
	}
	return caller.Account
}
