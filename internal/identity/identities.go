package identity

import (
	"slices"

	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/auth/authorizer"
	"github.com/sealtable/sealtable/internal/auth/policy"
)

// Identity implements authorizer.Identities. What is attached to a caller is put together once after each
// change in its account.
func (d *Directory) Identity(caller *auth.Caller) authorizer.Identity {
	id := caller.UserID
	if caller.Type == auth.AssumedRole {
		id = caller.AccessKeyID
	} else if caller.Type != auth.IAMUser {
		return authorizer.Identity{}
	}
	s := d.view(caller.Account)
	if v, ok := s.identities.Load(id); ok {
		return *v.(*authorizer.Identity)
	}
	var identity *authorizer.Identity
	if caller.Type == auth.IAMUser {
		identity = d.ofUser(s, id)
	} else {
		identity = d.ofSession(s, caller)
	}
	if identity == nil {
		return authorizer.Identity{}
	}
	s.identities.Store(id, identity)
	return *identity
}

func (d *Directory) ofUser(s *snapshot, id string) *authorizer.Identity {
	user, ok := s.principals[id]
	if !ok || user.Kind != User {
		return nil
	}
	identity := d.ofPrincipal(s, user)
	for _, groupID := range user.Groups {
		if group, ok := s.principals[groupID]; ok {
			identity.Policies = d.appendPolicies(identity.Policies, s, group)
		}
	}
	return identity
}

func (d *Directory) ofPrincipal(s *snapshot, p *Principal) *authorizer.Identity {
	identity := &authorizer.Identity{Policies: d.appendPolicies(nil, s, p), Tags: tagMap(p.Tags)}
	if p.Boundary != "" {
		identity.Boundary = d.managed(s, p.Boundary)
	}
	return identity
}

func (d *Directory) appendPolicies(list []policy.Attached, s *snapshot, p *Principal) []policy.Attached {
	for i := range p.Inline {
		list = append(list, policy.Attached{Name: p.Inline[i].Name, Policy: p.Inline[i].Document.compiled})
	}
	for _, policyARN := range p.Attached {
		if managed, ok := d.policyIn(s, policyARN); ok {
			list = append(list, policy.Attached{Name: managed.Name, Policy: managed.compiled()})
		}
	}
	return list
}

// managed is a policy that limits. One that is gone allows nothing.
func (d *Directory) managed(s *snapshot, policyARN string) *policy.Policy {
	if p, ok := d.policyIn(s, policyARN); ok {
		return p.compiled()
	}
	return denyAll(policy.Identity)
}

// ofSession is the role's identity within what limits the session, whose tags come before those of the role.
func (d *Directory) ofSession(s *snapshot, caller *auth.Caller) *authorizer.Identity {
	v, ok := d.held.Load(caller.AccessKeyID)
	if !ok {
		return nil
	}
	session := v.(*held).session
	if session == nil || session.caller == nil || session.caller.ARN != caller.ARN ||
		session.Account != caller.Account {
		return nil
	}
	role, ok := s.principals[session.Principal]
	if !ok || role.Kind != Role {
		return nil
	}
	identity := d.ofPrincipal(s, role)
	identity.RoleARN, identity.Provider = session.RoleARN, session.Provider
	if session.Policy.compiled != nil {
		identity.Session = append(identity.Session, session.Policy.compiled)
	}
	for _, policyARN := range session.PolicyARNs {
		identity.Session = append(identity.Session, d.managed(s, policyARN))
	}
	identity.Tags = tagMap(slices.Concat(role.Tags, session.Tags))
	return identity
}

// tagMap gives the later of two tags with keys that differ in case only, as those are one key.
func tagMap(tags []Tag) map[string]string {
	if len(tags) == 0 {
		return nil
	}
	values := make(map[string]string, len(tags))
	for i, t := range tags {
		if !slices.ContainsFunc(tags[i+1:], func(o Tag) bool { return lower(o.Key) == lower(t.Key) }) {
			values[t.Key] = t.Value
		}
	}
	return values
}
