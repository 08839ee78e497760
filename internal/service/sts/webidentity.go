package sts

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sealtable/sealtable/internal/api"
	"github.com/sealtable/sealtable/internal/api/stsapi"
	"github.com/sealtable/sealtable/internal/arn"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/auth/oidc"
	"github.com/sealtable/sealtable/internal/identity"
)

// clockSkew is how far an issuer's clock may be ahead.
const clockSkew = 5 * time.Minute

// webAssumption is the plan of a session for whom a token speaks.
type webAssumption struct {
	assumption
	claims *oidc.Claims
}

// planWebIdentity makes the caller of a request without a signature: the one for whom the token speaks. Then
// the role's trust policy decides, by the provider that it names and what the token says.
func (s *Service) planWebIdentity(
	ctx context.Context, caller *auth.Caller, in *stsapi.AssumeRoleWithWebIdentityRequest, needs *auth.Needs,
) (plan webAssumption, err error) {
	needs.Note("roleArn", *in.RoleArn)
	needs.Note("roleSessionName", *in.RoleSessionName)
	a, ok := arn.Parse(*in.RoleArn)
	if _, isRole := a.Child("role"); !ok || !isRole || a.Service != "iam" {
		return plan, invalid("Request ARN is invalid")
	}
	token, provider, err := s.verified(a.Account, *in.WebIdentityToken)
	if err != nil {
		return plan, err
	}
	*caller = *bearer(caller, token, provider)
	plan.claims = &token.Claims
	plan.role, plan.missing = s.needRole("sts:AssumeRoleWithWebIdentity", *in.RoleArn,
		webConditions(in, token, provider), len(token.Claims.Tags) > 0, needs)
	// The authorizer is asked here because its refusal would name a user, and AWS's does not.
	var refused *auth.DeniedError
	if err := s.path.Authorizer.Authorize(ctx, caller, needs); errors.As(err, &refused) {
		return plan, denied("Not authorized to perform " + refused.Need.Action)
	}
	return plan, nil
}

// bearer is the caller for whom a token speaks.
func bearer(request *auth.Caller, token *oidc.Token, p *identity.Provider) *auth.Caller {
	c := *request
	c.Type = auth.WebIdentity
	c.Account = p.Account
	c.ARN = p.ARN()
	c.AccessKeyID = ""
	c.UserID = p.ARN() + ":" + token.Claims.Clients()[0] + ":" + token.Claims.Subject
	c.RoleARN = ""
	c.Issued = time.Time{}
	c.MFA = false
	return &c
}

// verified reads a token and finds the provider that vouches for it in the account of the role.
func (s *Service) verified(account, text string) (*oidc.Token, *identity.Provider, error) {
	token, err := oidc.Parse(text)
	if err != nil {
		return nil, nil, stsapi.InvalidIdentityTokenException(
			"The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)")
	}
	provider, err := s.directory.Provider(identity.ProviderARN(account, token.Claims.Issuer))
	if err != nil || "https://"+provider.URL != token.Claims.Issuer {
		return nil, nil, stsapi.InvalidIdentityTokenException("No OpenIDConnect provider found in your " +
			"account for " + token.Claims.Issuer)
	}
	switch err := s.issuers.Verify(token); {
	case errors.Is(err, oidc.ErrUnknownKey):
		return nil, nil, stsapi.InvalidIdentityTokenException("Couldn't retrieve verification key from " +
			"your identity provider, " +
			"please reference AssumeRoleWithWebIdentity documentation for requirements")
	case err != nil:
		return nil, nil, stsapi.InvalidIdentityTokenException("The signature of the token is invalid.")
	}
	if err := s.checkTimes(&token.Claims); err != nil {
		return nil, nil, err
	}
	if !slices.ContainsFunc(token.Claims.Clients(), func(id string) bool {
		return slices.Contains(provider.Clients, id)
	}) {
		return nil, nil, stsapi.InvalidIdentityTokenException("Incorrect token audience")
	}
	return token, provider, nil
}

func (s *Service) checkTimes(c *oidc.Claims) error {
	now := s.clock.Now()
	switch {
	case !now.Before(c.Expires):
		return stsapi.ExpiredTokenException(fmt.Sprintf("Token expired: current date/time %d must be "+
			"before the expiration date/time %d",
			now.Unix(), c.Expires.Unix()))
	case c.NotBefore.After(now.Add(clockSkew)), c.IssuedAt.After(now.Add(clockSkew)):
		return stsapi.InvalidIdentityTokenException("The token is not valid yet.")
	}
	return nil
}

// webConditions are the condition keys of what a token says ("Available keys for AWS web identity
// federation"). They begin with the provider's URL.
func webConditions(
	in *stsapi.AssumeRoleWithWebIdentityRequest, token *oidc.Token, p *identity.Provider,
) *conditions {
	c := &conditions{}
	claims := &token.Claims
	prefix := strings.ToLower(p.URL)
	c.set(prefix+":sub", claims.Subject)
	c.set(prefix+":aud", claims.Clients()...)
	if claims.Party != "" {
		c.set(prefix+":oaud", claims.Audience...)
		c.set(prefix+":azp", claims.Party)
	}
	if len(claims.Methods) > 0 {
		c.set(prefix+":amr", claims.Methods...)
	}
	c.ofSession(in.RoleSessionName, in.DurationSeconds)
	c.ofTags(webTags(claims), claims.Transitive)
	return c
}

func webTags(claims *oidc.Claims) []identity.Tag {
	tags := make([]identity.Tag, 0, len(claims.Tags))
	for _, t := range claims.Tags {
		tags = append(tags, identity.Tag{Key: t.Key, Value: t.Value})
	}
	return tags
}

func (s *Service) assumeRoleWithWebIdentity(
	ctx context.Context, caller *auth.Caller, in *stsapi.AssumeRoleWithWebIdentityRequest, plan webAssumption,
) (*stsapi.AssumeRoleWithWebIdentityResponse, error) {
	if plan.missing != nil {
		return nil, translate(plan.missing)
	}
	n := identity.RoleSession{
		Name: *in.RoleSessionName, Policy: api.Text(in.Policy), Tags: webTags(plan.claims),
		Transitive: plan.claims.Transitive,
		Provider:   caller.ARN,
		By:         caller.ARN + " " + plan.claims.Subject,
	}
	session, credentials, packed, err := s.start(ctx, caller, plan.role, n, in.DurationSeconds, in.PolicyArns)
	if err != nil {
		return nil, err
	}
	who := session.Caller()
	return &stsapi.AssumeRoleWithWebIdentityResponse{
		AssumedRoleUser: &stsapi.AssumedRoleUser{Arn: &who.ARN, AssumedRoleId: &who.UserID},
		Audience:        &plan.claims.Clients()[0],
		Credentials:     shape(session, credentials), PackedPolicySize: packed,
		Provider:                    &plan.claims.Issuer,
		SubjectFromWebIdentityToken: &plan.claims.Subject,
	}, nil
}
