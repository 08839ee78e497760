package kms

import (
	"context"
	"slices"
	"strings"

	"github.com/sealtable/sealtable/internal/api"
	"github.com/sealtable/sealtable/internal/api/kmsapi"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/auth/policy"
	"github.com/sealtable/sealtable/internal/keyring"
	"github.com/sealtable/sealtable/internal/service"
)

func (s *Service) bindGrants() []service.Bound {
	s.CreateGrant = onPlan(kmsapi.CreateGrant(), s.planCreateGrant, s.createGrant).Showing(showGrant)
	s.RetireGrant = onPlan(kmsapi.RetireGrant(), s.planRetireGrant, s.retireGrant)
	return []service.Bound{
		s.CreateGrant, s.RetireGrant,
		onKey(s, kmsapi.ListGrants(), keyRule[kmsapi.ListGrantsRequest]{
			id: func(in *kmsapi.ListGrantsRequest) *string { return in.KeyId }, abroad: true,
			describe: func(_ *kmsapi.ListGrantsRequest, c *conditions, _ *auth.Needs) {
				c.setBool("kms:grantisforawsresource", forService(c.caller))
			},
		}, s.listGrants),
		onPlan(kmsapi.RevokeGrant(), s.planRevokeGrant, s.revokeGrant),
		onAccount(kmsapi.ListRetirableGrants(), nil, s.listRetirable),
	}
}

// grantOf is the grant that a request describes. Empty constraints are none.
func grantOf(caller *auth.Caller, in *kmsapi.CreateGrantRequest) *keyring.Grant {
	g := &keyring.Grant{
		Name: api.Text(in.Name), Grantee: *in.GranteePrincipal, Retiring: api.Text(in.RetiringPrincipal),
		Issuer: caller.Account,
	}
	for _, op := range in.Operations {
		g.Operations = append(g.Operations, keyring.Operation(op))
	}
	if c := in.Constraints; c != nil {
		g.Equals, g.Subset = constraint(c.EncryptionContextEquals), constraint(c.EncryptionContextSubset)
	}
	return g
}

func constraint(pairs map[string]string) keyring.Context {
	if len(pairs) == 0 {
		return nil
	}
	return pairs
}

// noteGrant notes what a grant is limited to, and who may retire it.
func noteGrant(in *kmsapi.CreateGrantRequest, needs *auth.Needs) {
	if in.RetiringPrincipal != nil {
		needs.Note("retiringPrincipal", *in.RetiringPrincipal)
	}
	if in.Name != nil {
		needs.Note("name", *in.Name)
	}
	c := in.Constraints
	if c == nil {
		return
	}
	constraints := map[string]any{}
	if len(c.EncryptionContextEquals) > 0 {
		constraints["encryptionContextEquals"] = c.EncryptionContextEquals
	}
	if len(c.EncryptionContextSubset) > 0 {
		constraints["encryptionContextSubset"] = c.EncryptionContextSubset
	}
	needs.Note("constraints", constraints)
}

// showGrant leaves out the token, which is good for the grant until everybody knows of it.
func showGrant(out *kmsapi.CreateGrantResponse) []auth.Parameter {
	return []auth.Parameter{{Name: "grantId", Value: *out.GrantId}}
}

// newGrant is the plan of CreateGrant: the grant, and the key that it is for.
type newGrant struct {
	key   *keyring.Key
	grant *keyring.Grant
}

// planCreateGrant needs kms:CreateGrant by the key's policy, or by a grant that covers the new one.
func (s *Service) planCreateGrant(
	ctx context.Context, caller *auth.Caller, in *kmsapi.CreateGrantRequest, needs *auth.Needs,
) (plan newGrant, err error) {
	needs.Note("keyId", *in.KeyId)
	needs.Note("granteePrincipal", *in.GranteePrincipal)
	needs.Note("operations", in.Operations)
	noteGrant(in, needs)
	if err := s.checkTokens(in.GrantTokens); err != nil {
		return plan, translate(err)
	}
	if plan.key, err = s.resolve(caller, "CreateGrant", *in.KeyId, false, true); err != nil {
		return plan, translate(err)
	}
	plan.grant = grantOf(caller, in)
	for _, principal := range []string{plan.grant.Grantee, plan.grant.Retiring} {
		if err := checkPrincipal(caller, principal); err != nil {
			return plan, err
		}
	}
	need := keyNeed("CreateGrant", plan.key, grantConditions(caller, plan.key, plan.grant))
	need.Granted = plan.key.GrantedGrant(granteesOf(caller), plan.grant)
	needs.Add(need)
	return plan, s.veil(ctx, caller, plan.key, needs, unreachable(caller, "CreateGrant"))
}

func grantConditions(caller *auth.Caller, key *keyring.Key, g *keyring.Grant) *conditions {
	c := constraintConditions(key, g)
	operations := make([]string, 0, len(g.Operations))
	for _, op := range g.Operations {
		operations = append(operations, string(op))
	}
	c.setList("kms:grantoperations", operations)
	c.set("kms:granteeprincipal", g.Grantee)
	c.set("kms:retiringprincipal", g.Retiring)
	c.setBool("kms:grantisforawsresource", forService(caller))
	return c
}

// constraintConditions are the condition keys of a grant's constraints: their encryption context counts as
// that of the request ("kms:EncryptionContext:context-key" for CreateGrant and RetireGrant).
func constraintConditions(key *keyring.Key, g *keyring.Grant) *conditions {
	c := &conditions{key: key}
	switch {
	case len(g.Equals) > 0:
		c.set("kms:grantconstrainttype", "EncryptionContextEquals")
		c.context = g.Equals
	case len(g.Subset) > 0:
		c.set("kms:grantconstrainttype", "EncryptionContextSubset")
		c.context = g.Subset
	}
	return c
}

// forService says whether a service calls, for itself or on somebody's behalf.
func forService(caller *auth.Caller) bool { return caller.Via != "" || caller.Type == auth.Service }

// checkPrincipal refuses what cannot be a grantee: only a service may name a service.
func checkPrincipal(caller *auth.Caller, principal string) error {
	if principal == "" || strings.HasPrefix(principal, "arn:aws:iam::") ||
		strings.HasPrefix(principal, "arn:aws:sts::") ||
		forService(caller) && strings.HasSuffix(principal, ".amazonaws.com") {
		return nil
	}
	return noPrincipal(principal)
}

func noPrincipal(name string) error {
	return &api.Error{Code: "InvalidArnException", Message: "ARN does not refer to a valid principal: " +
		name}
}

func (s *Service) createGrant(
	ctx context.Context, _ *auth.Caller, in *kmsapi.CreateGrantRequest, plan newGrant,
) (*kmsapi.CreateGrantResponse, error) {
	if err := present(plan.key); err != nil {
		return nil, err
	}
	if err := s.bindGrant(plan.grant); err != nil {
		return nil, err
	}
	if api.True(in.DryRun) {
		return nil, orDryRun(plan.key.CheckGrant(plan.grant))
	}
	made, token, err := s.keys.CreateGrant(ctx, plan.key, *plan.grant)
	if err != nil {
		return nil, err
	}
	return &kmsapi.CreateGrantResponse{GrantId: new(made.ID), GrantToken: new(token)}, nil
}

// bindGrant puts the unique ids of users and roles in the place of their names, so that nobody inherits a
// grant with a name.
func (s *Service) bindGrant(g *keyring.Grant) error {
	for _, principal := range []*string{&g.Grantee, &g.Retiring} {
		if s.principals == nil || !strings.HasPrefix(*principal, "arn:") {
			continue
		}
		bound, ok := s.principals.BindPrincipal(*principal)
		if !ok {
			return noPrincipal(*principal)
		}
		*principal = bound
	}
	return nil
}

// isPrincipal says whether what a grant keeps stands for a principal with this name.
func (s *Service) isPrincipal(kept, name string) bool {
	return kept == name || s.shownPrincipal(kept) == name
}

func (s *Service) shownPrincipal(kept string) string {
	if s.principals == nil {
		return kept
	}
	return s.principals.ShowPrincipal(kept)
}

func (s *Service) listGrants(
	_ context.Context, _ *auth.Caller, key *keyring.Key, in *kmsapi.ListGrantsRequest,
) (*kmsapi.ListGrantsResponse, error) {
	after, limit, err := pageOf(in.Marker, in.Limit, 50, 100)
	if err != nil {
		return nil, err
	}
	page, more := key.Grants(after, limit, func(g *keyring.Grant) bool {
		return (in.GrantId == nil || *in.GrantId == g.ID) &&
			(in.GranteePrincipal == nil || s.isPrincipal(g.Grantee, *in.GranteePrincipal))
	})
	return s.grantPage(page, more), nil
}

func (s *Service) grantPage(page []*keyring.Grant, more bool) *kmsapi.ListGrantsResponse {
	out := &kmsapi.ListGrantsResponse{Grants: []kmsapi.GrantListEntry{}, Truncated: new(more)}
	for _, g := range page {
		out.Grants = append(out.Grants, s.grantEntry(g))
		out.NextMarker = marker(g.ID, more)
	}
	return out
}

func (s *Service) grantEntry(g *keyring.Grant) kmsapi.GrantListEntry {
	entry := kmsapi.GrantListEntry{
		GrantId: new(g.ID), KeyId: new(g.Scope.KeyARN(g.KeyID)), CreationDate: new(g.Created),
		GranteePrincipal: new(s.shownPrincipal(g.Grantee)),
		IssuingAccount:   new("arn:aws:iam::" + g.Issuer + ":root"), Name: optional(g.Name),
		RetiringPrincipal: optional(s.shownPrincipal(g.Retiring)),
	}
	for _, op := range g.Operations {
		entry.Operations = append(entry.Operations, string(op))
	}
	if len(g.Equals) > 0 || len(g.Subset) > 0 {
		entry.Constraints = &kmsapi.GrantConstraints{EncryptionContextEquals: g.Equals,
			EncryptionContextSubset: g.Subset}
	}
	return entry
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func (s *Service) listRetirable(
	_ context.Context, caller *auth.Caller, in *kmsapi.ListRetirableGrantsRequest,
) (*kmsapi.ListGrantsResponse, error) {
	after, limit, err := pageOf(in.Marker, in.Limit, 50, 100)
	if err != nil {
		return nil, err
	}
	retiring := *in.RetiringPrincipal
	if s.principals != nil {
		if bound, ok := s.principals.BindPrincipal(retiring); ok {
			retiring = bound
		}
	}
	page, more := s.keys.RetirableGrants(scopeOf(caller), retiring, after, limit)
	return s.grantPage(page, more), nil
}

// oldGrant is the plan of what ends a grant.
type oldGrant struct {
	key *keyring.Key
	id  string
}

func (s *Service) planRevokeGrant(
	ctx context.Context, caller *auth.Caller, in *kmsapi.RevokeGrantRequest, needs *auth.Needs,
) (plan oldGrant, err error) {
	needs.Note("keyId", *in.KeyId)
	needs.Note("grantId", *in.GrantId)
	plan.id = *in.GrantId
	if plan.key, err = s.resolve(caller, "RevokeGrant", *in.KeyId, false, true); err != nil {
		return plan, translate(err)
	}
	c := &conditions{key: plan.key}
	c.setBool("kms:grantisforawsresource", forService(caller))
	needs.Add(keyNeed("RevokeGrant", plan.key, c))
	return plan, s.veil(ctx, caller, plan.key, needs, unreachable(caller, "RevokeGrant"))
}

func (s *Service) revokeGrant(
	ctx context.Context, _ *auth.Caller, in *kmsapi.RevokeGrantRequest, plan oldGrant,
) (*kmsapi.RevokeGrantOutput, error) {
	return &kmsapi.RevokeGrantOutput{}, s.endGrant(ctx, plan, api.True(in.DryRun))
}

func (s *Service) endGrant(ctx context.Context, plan oldGrant, dry bool) error {
	if err := present(plan.key); err != nil {
		return err
	}
	if dry {
		_, err := plan.key.Grant(plan.id)
		return orDryRun(err)
	}
	return s.keys.DeleteGrant(ctx, plan.key, plan.id)
}

// planRetireGrant: the grant itself says who may retire it, its retiring principal, and its grantee where
// retiring is among the operations. Others need kms:RetireGrant by an identity policy of the account that
// made the grant ("RetireGrant" in the AWS KMS API Reference). The key's policy can only deny.
func (s *Service) planRetireGrant(
	_ context.Context, caller *auth.Caller, in *kmsapi.RetireGrantRequest, needs *auth.Needs,
) (oldGrant, error) {
	key, g, err := s.grantToRetire(caller, in)
	if err != nil {
		return oldGrant{}, translate(err)
	}
	needs.Note("keyId", key.ARN())
	needs.Note("grantId", g.ID)
	granted := mayRetire(caller, g)
	if !granted && g.Issuer != caller.Account {
		return oldGrant{}, unreachable(caller, "RetireGrant")
	}
	needs.Add(auth.Need{
		Action: "kms:RetireGrant", Resource: key.ARN(), Policy: denials(key.Metadata().Compiled()),
		Context: constraintConditions(key, g),
		Granted: granted,
	})
	return oldGrant{key, g.ID}, nil
}

// denials is what is left of a policy that can only deny.
func denials(p *policy.Policy) *policy.Policy {
	if p == nil {
		return nil
	}
	only := *p
	only.Statements = slices.DeleteFunc(slices.Clone(p.Statements),
		func(s policy.Statement) bool { return s.Effect == policy.Allow })
	return &only
}

func (s *Service) grantToRetire(
	caller *auth.Caller, in *kmsapi.RetireGrantRequest,
) (*keyring.Key, *keyring.Grant, error) {
	if in.GrantToken != nil {
		return s.keys.GrantOf(*in.GrantToken)
	}
	if in.KeyId == nil || in.GrantId == nil {
		return nil, nil, invalid("Specify a grant token, or a key ARN and a grant ID.")
	}
	key, err := s.resolve(caller, "RetireGrant", *in.KeyId, false, true)
	if err != nil {
		return nil, nil, err
	}
	g, err := key.Grant(*in.GrantId)
	return key, g, err
}

func mayRetire(caller *auth.Caller, g *keyring.Grant) bool {
	for _, name := range granteesOf(caller) {
		if name == g.Retiring {
			return true
		}
		if name == g.Grantee {
			for _, op := range g.Operations {
				if op == "RetireGrant" {
					return true
				}
			}
		}
	}
	return false
}

func (s *Service) retireGrant(
	ctx context.Context, _ *auth.Caller, in *kmsapi.RetireGrantRequest, plan oldGrant,
) (*kmsapi.RetireGrantOutput, error) {
	return &kmsapi.RetireGrantOutput{}, s.endGrant(ctx, plan, api.True(in.DryRun))
}
