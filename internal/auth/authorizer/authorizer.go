// Package authorizer decides calls by the installation's policies.
//
// Callers may rely on this: whoever is not known to the identity source has no identity policy, and what no
// policy allows is refused (P6). The root user of an account may do everything in its account, except with
// resources whose own policy is the gate or denies it; in other accounts it may do nothing that they do not
// let it. A resource that cannot be placed in an account is nobody's. A service that calls by itself, on
// nobody's behalf, has only what resources' own policies and grants give it.
package authorizer

import (
	"context"
	"strings"
	"sync"

	"github.com/sealtable/sealtable/internal/arn"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/auth/policy"
	"github.com/sealtable/sealtable/internal/clock"
)

// Identity is what is attached to a principal. It is read-only once given.
type Identity struct {
	Policies []policy.Attached
	Boundary *policy.Policy
	Session  []*policy.Policy
	RoleARN  string
	Tags     map[string]string
	// Provider is the identity provider that the session goes back to; empty for none.
	Provider string
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
	contexts   sync.Pool // of *requestContext
}

// New returns an Authorizer that asks identities.
func New(identities Identities, c *clock.Clock) *Authorizer {
	return &Authorizer{identities: identities, clock: c}
}

// Authorize refuses with the first need that is not granted. All needs of a call are decided by what is
// attached to its caller at one moment.
func (a *Authorizer) Authorize(_ context.Context, caller *auth.Caller, needs *auth.Needs) error {
	all := needs.All()
	for i := range all {
		if !ownsAll(caller, &all[i]) {
			return a.authorize(caller, all[i:])
		}
	}
	return nil
}

func (a *Authorizer) authorize(caller *auth.Caller, needs []auth.Need) error {
	r := a.newContext(caller)
	defer a.release(r)
	for i := range needs {
		if ownsAll(caller, &needs[i]) {
			continue
		}
		if d := r.decide(&needs[i]); !d.Allowed {
			need := needs[i]
			need.Context = nil // which is only good for this call
			return &auth.DeniedError{Caller: caller, Need: need, Decision: d}
		}
	}
	return nil
}

func (a *Authorizer) newContext(caller *auth.Caller) *requestContext {
	r, ok := a.contexts.Get().(*requestContext)
	if !ok {
		r = &requestContext{}
	}
	r.caller = caller
	r.identity = a.identities.Identity(caller)
	r.now = a.clock.Now()
	return r
}

// release gives r back for other calls, empty.
func (a *Authorizer) release(r *requestContext) {
	*r = requestContext{}
	a.contexts.Put(r)
}

// ownsAll is the quick way for the root user and a resource of its own account that has no policy.
func ownsAll(caller *auth.Caller, need *auth.Need) bool {
	return caller.Type == auth.Root && need.Policy == nil && !need.Gate &&
		resourceAccount(caller, need.Resource) == caller.Account
}

func (c *requestContext) decide(need *auth.Need) policy.Decision {
	c.need, c.used = need, 0
	c.resourceAccount = resourceAccount(c.caller, need.Resource)
	c.request = policy.Request{Principal: c.principal(), Action: need.Action, Resource: need.Resource,
		Context: c}
	c.policies = policy.Policies{
		Identity:        c.identity.Policies,
		Unrestricted:    c.caller.Type == auth.Root,
		Boundary:        c.identity.Boundary,
		Session:         c.identity.Session,
		OnResource:      need.Policy,
		ResourceAccount: c.resourceAccount,
		Gate:            need.Gate,
		Granted:         need.Granted,
	}
	return policy.Decide(&c.request, &c.policies)
}

func (c *requestContext) principal() policy.Principal {
	switch c.caller.Type {
	case auth.Service:
		return policy.Principal{Service: c.caller.ARN}
	case auth.WebIdentity:
		return policy.Principal{Federated: c.caller.ARN}
	}
	return policy.Principal{Account: c.caller.Account, ARN: c.caller.ARN, UserID: c.caller.UserID,
		RoleARN: c.identity.RoleARN}
}

// resourceAccount is the account in the resource's ARN. What belongs to no account in particular (an action
// without a resource, a resource that every account shares, such as AWS's own policies) counts as the
// caller's. An ARN that is none is nobody's.
func resourceAccount(caller *auth.Caller, resource string) string {
	if !strings.HasPrefix(resource, "arn:") {
		return caller.Account
	}
	a, ok := arn.Parse(resource)
	switch {
	case !ok:
		return ""
	case a.Account == "", a.Account == "aws":
		return caller.Account
	}
	return a.Account
}
