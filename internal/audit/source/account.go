package source

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"golang.org/x/time/rate"

	"github.com/sealtable/sealtable/internal/audit/fact"
)

// accountReader reads one account.
type accountReader struct {
	live          *Live
	id            string
	config        aws.Config
	regionsListed bool // the account said which regions it has

	once    sync.Once
	callers fact.Known[[]fact.Principal]
}

// accounts finds out whose tables are to be read. An account whose role can't be assumed is one region that
// failed.
func (l *Live) accounts(ctx context.Context, scope *fact.Scope) ([]*accountReader, []fact.Region, error) {
	base := l.config
	if l.options.RoleARN != "" {
		base = l.assume(base, l.options.RoleARN)
	}
	own, err := l.identify(ctx, base, scope)
	if err != nil {
		return nil, nil, err
	}
	if len(l.options.Accounts) == 0 {
		return []*accountReader{own}, nil, nil
	}
	scope.Account, scope.Accounts = "", l.options.Accounts
	var out []*accountReader
	var failed []fact.Region
	for _, id := range l.options.Accounts {
		if id == own.id {
			out = append(out, own)
			continue
		}
		role := fmt.Sprintf("arn:%s:iam::%s:role/%s", partitionOf(l.home), id, l.options.RoleName)
		config := l.assume(base, role)
		if _, err := config.Credentials.Retrieve(ctx); err != nil {
			if ctx.Err() != nil {
				return nil, nil, ctx.Err()
			}
			problem := problemOf("sts:AssumeRole", err)
			problem.Message = role + ": " + problem.Message
			failed = append(failed, fact.Region{Account: id, Name: "*", Outcome: fact.RegionFailed,
				Problem: problem})
			continue
		}
		out = append(out, &accountReader{live: l, id: id, config: config})
	}
	return out, failed, nil
}

func (l *Live) assume(base aws.Config, role string) aws.Config {
	client := sts.NewFromConfig(base, l.stsOptions)
	provider := stscreds.NewAssumeRoleProvider(client, role, func(o *stscreds.AssumeRoleOptions) {
		o.RoleSessionName = "sealtable-audit"
		if l.options.ExternalID != "" {
			o.ExternalID = &l.options.ExternalID
		}
	})
	base.Credentials = aws.NewCredentialsCache(provider)
	return base
}

func (l *Live) stsOptions(o *sts.Options) {
	o.Region = l.home
	if e := l.endpoint(); e != nil {
		o.BaseEndpoint = e
	}
}

// identify finds out whose tables these are. Refused credentials, and an endpoint that nobody answers at, end
// the audit here: they would otherwise fail once per region. An endpoint without STS does not: tables carry
// their account.
func (l *Live) identify(ctx context.Context, config aws.Config, scope *fact.Scope) (*accountReader, error) {
	ctx, cancel := context.WithTimeout(ctx, identityTimeout)
	defer cancel()
	client := sts.NewFromConfig(config, l.stsOptions,
		func(o *sts.Options) { o.RetryMaxAttempts = identityAttempts })
	out, err := client.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err == nil {
		scope.Account, scope.Caller = aws.ToString(out.Account), aws.ToString(out.Arn)
		return &accountReader{live: l, id: scope.Account, config: config}, nil
	}
	if errors.Is(err, context.Canceled) {
		return nil, err
	}
	action := "sts:GetCallerIdentity"
	if l.options.RoleARN != "" {
		action = "sts:AssumeRole"
	}
	problem := problemOf(action, err)
	switch {
	case problem.Kind == fact.Credentials, l.options.RoleARN != "":
		return nil, &RefusedError{fmt.Sprintf("%s: %s", problem, problem.Message)}
	case problem.Kind == fact.Unreachable && scope.Endpoint != "":
		return nil, fmt.Errorf("%s does not answer: check the address, and that the server runs: %s",
			scope.Endpoint, problem.Message)
	}
	scope.Notes = append(scope.Notes, "Who audits is not known: "+problem.String())
	return &accountReader{live: l, config: config}, nil
}

// RefusedError says that the credentials, or the role, are refused: the caller is not authorised to audit
// anything.
type RefusedError struct{ text string }

func (e *RefusedError) Error() string { return e.text }

// limiter is a token bucket of its own for each service in a region of the account.
func (a *accountReader) limiter() *rate.Limiter {
	rps := a.live.options.MaxRPS
	if rps == 0 {
		return rate.NewLimiter(rate.Inf, 0)
	}
	return rate.NewLimiter(rate.Limit(rps), max(1, min(int(rps), tablesAtOnce)))
}

// principals reads the users and roles of the account, once.
func (a *accountReader) principals(ctx context.Context) fact.Known[[]fact.Principal] {
	if !a.live.options.Needs[fact.NeedPrincipals] {
		return fact.Known[[]fact.Principal]{}
	}
	a.once.Do(func() { a.callers = a.readPrincipals(ctx) })
	return a.callers
}

// maxPrincipalPages bounds what a confused endpoint can make us read. A page holds up to 1,000 entries.
const maxPrincipalPages = 1000

func (a *accountReader) readPrincipals(ctx context.Context) fact.Known[[]fact.Principal] {
	const action = "iam:GetAccountAuthorizationDetails"
	client := iam.NewFromConfig(a.config, func(o *iam.Options) {
		o.Region = a.live.home
		if e := a.live.endpoint(); e != nil {
			o.BaseEndpoint = e
		}
	})
	d := newDetails()
	limiter := a.limiter()
	input := &iam.GetAccountAuthorizationDetailsInput{MaxItems: aws.Int32(1000)}
	for range maxPrincipalPages {
		if err := limiter.Wait(ctx); err != nil {
			return fact.Unread[[]fact.Principal](problemOf(action, err))
		}
		page, err := client.GetAccountAuthorizationDetails(ctx, input)
		if err != nil {
			return fact.Unread[[]fact.Principal](problemOf(action, err))
		}
		d.add(page)
		if !page.IsTruncated || aws.ToString(page.Marker) == "" {
			return fact.Of(d.principals())
		}
		input.Marker = page.Marker
	}
	return fact.Unread[[]fact.Principal](&fact.Problem{Kind: fact.Failed, Action: action,
		Message: "the answer does not end"})
}

// details gathers the pages of GetAccountAuthorizationDetails.
type details struct {
	users    []types.UserDetail
	roles    []types.RoleDetail
	groups   map[string]types.GroupDetail
	policies map[string]string // documents by ARN
}

func newDetails() *details {
	return &details{groups: map[string]types.GroupDetail{}, policies: map[string]string{}}
}

func (d *details) add(page *iam.GetAccountAuthorizationDetailsOutput) {
	d.users = append(d.users, page.UserDetailList...)
	d.roles = append(d.roles, page.RoleDetailList...)
	for _, g := range page.GroupDetailList {
		d.groups[aws.ToString(g.GroupName)] = g
	}
	for _, p := range page.Policies {
		for _, v := range p.PolicyVersionList {
			if v.IsDefaultVersion {
				d.policies[aws.ToString(p.Arn)] = decoded(v.Document)
			}
		}
	}
}

// decoded is a document as IAM gives it: percent-encoded (RFC 3986).
func decoded(document *string) string {
	text, err := url.PathUnescape(aws.ToString(document))
	if err != nil {
		return aws.ToString(document)
	}
	return text
}

func (d *details) principals() []fact.Principal {
	var out []fact.Principal
	for _, u := range d.users {
		p := fact.Principal{ARN: aws.ToString(u.Arn), ID: aws.ToString(u.UserId),
			Boundary: d.boundary(u.PermissionsBoundary)}
		p.Policies = d.documents(u.UserPolicyList, u.AttachedManagedPolicies)
		for _, name := range u.GroupList {
			g := d.groups[name]
			p.Policies = append(p.Policies, d.documents(g.GroupPolicyList, g.AttachedManagedPolicies)...)
		}
		out = append(out, p)
	}
	for _, r := range d.roles {
		out = append(out, fact.Principal{
			ARN: aws.ToString(r.Arn), ID: aws.ToString(r.RoleId), Boundary: d.boundary(r.PermissionsBoundary),
			Policies: d.documents(r.RolePolicyList, r.AttachedManagedPolicies),
			Trust:    decoded(r.AssumeRolePolicyDocument),
		})
	}
	return out
}

func (d *details) documents(inline []types.PolicyDetail, attached []types.AttachedPolicy) []string {
	var out []string
	for _, p := range inline {
		out = append(out, decoded(p.PolicyDocument))
	}
	for _, p := range attached {
		if text, ok := d.policies[aws.ToString(p.PolicyArn)]; ok {
			out = append(out, text)
		}
	}
	return out
}

func (d *details) boundary(b *types.AttachedPermissionsBoundary) string {
	if b == nil {
		return ""
	}
	return d.policies[aws.ToString(b.PermissionsBoundaryArn)]
}
