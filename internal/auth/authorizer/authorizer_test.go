package authorizer

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/auth/policy"
	"github.com/sealtable/sealtable/internal/clock"
)

const (
	here  = "123456789012"
	there = "999999999999"
	key   = "arn:aws:kms:us-east-1:" + here + ":key/1234abcd-12ab-34cd-56ef-1234567890ab"
	table = "arn:aws:dynamodb:us-east-1:" + here + ":table/Orders"
)

func root(account string) *auth.Caller {
	return &auth.Caller{Type: auth.Root, Account: account, ARN: "arn:aws:iam::" + account + ":root", UserID: account, Region: "us-east-1"}
}

func user(name string) *auth.Caller {
	return &auth.Caller{
		Type: auth.IAMUser, Account: here, ARN: "arn:aws:iam::" + here + ":user/team/" + name, UserID: "AIDAAAAAAAAAAAAAAAAA",
		AccessKeyID: "AKIAIOSFODNN7EXAMPLE", Region: "us-east-1", SourceIP: "203.0.113.7", UserAgent: "test",
	}
}

func session() *auth.Caller {
	return &auth.Caller{
		Type: auth.AssumedRole, Account: here, ARN: "arn:aws:sts::" + here + ":assumed-role/worker/job", UserID: "AROAAAAAAAAAAAAAAAAA:job",
		AccessKeyID: "ASIAIOSFODNN7EXAMPLE", Region: "us-east-1",
	}
}

func service() *auth.Caller {
	return &auth.Caller{Type: auth.Service, ARN: "dynamodb.amazonaws.com", Region: "us-east-1"}
}

func serviceFor(account string) *auth.Caller {
	c := service()
	c.Account = account
	return c
}

func parse(t testing.TB, kind policy.Kind, statements ...string) *policy.Policy {
	t.Helper()
	p, err := policy.Parse([]byte(`{"Version":"2012-10-17","Statement":[`+strings.Join(statements, ",")+`]}`), kind)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// known maps ARNs to what is attached to them.
type known map[string]Identity

func (k known) Identity(c *auth.Caller) Identity { return k[c.ARN] }

type values map[string][]string

func (v values) Values(key string) ([]string, bool) {
	list, ok := v[key]
	return list, ok
}

func authorize(a *Authorizer, caller *auth.Caller, list ...auth.Need) error {
	var needs auth.Needs
	for _, n := range list {
		needs.Add(n)
	}
	return a.Authorize(context.Background(), caller, &needs)
}

func TestWhoMayDoWhat(t *testing.T) {
	c := clock.New()
	t.Cleanup(c.Close)
	delegating := parse(t, policy.Key, `{"Effect":"Allow","Principal":{"AWS":"`+here+`"},"Action":"kms:*","Resource":"*"}`)
	aliceOnly := parse(t, policy.Key, `{"Effect":"Allow","Principal":{"AWS":"`+user("alice").ARN+`"},"Action":"kms:*","Resource":"*"}`)
	both := parse(t, policy.Key, `{"Effect":"Allow","Principal":{"AWS":["`+here+`","`+there+`"]},"Action":"kms:*","Resource":"*"}`)
	shut := parse(t, policy.Resource, `{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*"}`)
	forDynamoDB := parse(t, policy.Key,
		`{"Effect":"Allow","Principal":{"Service":"dynamodb.amazonaws.com"},"Action":"kms:Decrypt","Resource":"*"}`)
	reads := []policy.Attached{{Name: "reads",
		Policy: parse(t, policy.Identity, `{"Effect":"Allow","Action":["dynamodb:GetItem","kms:Decrypt","iam:GetPolicy"],"Resource":"*"}`)}}
	a := New(known{user("bob").ARN: {Policies: reads}, session().ARN: {Policies: reads, RoleARN: "arn:aws:iam::" + here + ":role/worker"}},
		c)
	decrypt := func(p *policy.Policy) auth.Need {
		return auth.Need{Action: "kms:Decrypt", Resource: key, Policy: p, Gate: true}
	}
	get := auth.Need{Action: "dynamodb:GetItem", Resource: table}
	for _, tt := range []struct {
		why     string
		caller  *auth.Caller
		needs   []auth.Need
		allowed bool
	}{
		{"the root user owns what has no policy", root(here), []auth.Need{get}, true},
		{"but not in another account", root(there), []auth.Need{get}, false},
		{"a deny on the resource binds it", root(here), []auth.Need{{Action: "dynamodb:GetItem", Resource: table, Policy: shut}}, false},
		{"a key that does not name it is shut to it", root(here), []auth.Need{decrypt(aliceOnly)}, false},
		{"a key without a policy is shut to it", root(here), []auth.Need{decrypt(nil)}, false},
		{"a key that delegates to the account is open to it", root(here), []auth.Need{decrypt(delegating)}, true},
		{"the other account's root user is let in by delegation", root(there), []auth.Need{decrypt(both)}, true},
		{"and only by delegation", root(there), []auth.Need{decrypt(delegating)}, false},
		{"an ARN that is none is nobody's, not the root user's", root(here),
			[]auth.Need{{Action: "dynamodb:GetItem", Resource: "arn:aws:dynamodb"}}, false},
		{"an action without a resource is the account's own", root(here), []auth.Need{{Action: "kms:ListKeys", Resource: "*"}}, true},
		{"who is unknown may nothing", user("alice"), []auth.Need{get}, false},
		{"an identity policy allows", user("bob"), []auth.Need{get}, true},
		{"all needs must be granted", user("bob"), []auth.Need{get, {Action: "dynamodb:PutItem", Resource: table}}, false},
		{"what every account shares is the caller's", user("bob"),
			[]auth.Need{{Action: "iam:GetPolicy", Resource: "arn:aws:iam::aws:policy/ReadOnlyAccess"}}, true},
		{"a key names a user", user("alice"), []auth.Need{decrypt(aliceOnly)}, true},
		{"a key that delegates leaves it to identity policies: yes", user("bob"), []auth.Need{decrypt(delegating)}, true},
		{"a key that delegates leaves it to identity policies: no", user("alice"), []auth.Need{decrypt(delegating)}, false},
		{"a session has its role's policies", session(), []auth.Need{get}, true},
		{"a grant allows", user("carol"), []auth.Need{{Action: "kms:Decrypt", Resource: key, Policy: aliceOnly, Gate: true, Granted: true}},
			true},
		{"a service has what names it", service(), []auth.Need{decrypt(forDynamoDB)}, true},
		{"and nothing else", service(), []auth.Need{decrypt(both)}, false},
		{"no need, no question", user("carol"), nil, true},
	} {
		err := authorize(a, tt.caller, tt.needs...)
		var denied *auth.DeniedError
		if (err == nil) != tt.allowed || err != nil && !errors.As(err, &denied) {
			t.Errorf("%s: %v", tt.why, err)
		}
	}
}

func TestRefusalsSayWhatAWSSays(t *testing.T) {
	c := clock.New()
	t.Cleanup(c.Close)
	err := authorize(New(RootOnly{}, c), user("alice"), auth.Need{Action: "dynamodb:GetItem", Resource: table})
	want := "User: arn:aws:iam::123456789012:user/team/alice is not authorized to perform: dynamodb:GetItem on resource: " +
		"arn:aws:dynamodb:us-east-1:123456789012:table/Orders because no identity-based policy allows the dynamodb:GetItem action"
	if err == nil || err.Error() != want {
		t.Errorf("%v", err)
	}
}

func withMFA(issued time.Time) auth.Caller {
	caller := *session()
	caller.MFA = true
	caller.Issued = issued
	return caller
}

func TestConditionKeys(t *testing.T) {
	now := time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)
	via := user("alice").For("dynamodb.eu-west-1.amazonaws.com")
	mfa, overTLS := withMFA(time.Date(2026, 5, 4, 5, 0, 0, 0, time.FixedZone("east", 7200))), *user("alice")
	overTLS.TLS = true
	role := Identity{RoleARN: "arn:aws:iam::" + here + ":role/worker", Tags: map[string]string{"Team": "red"}}
	for _, tt := range []struct {
		caller   *auth.Caller
		identity Identity
		key      string
		want     string // - stands for a key that the request does not have
	}{
		{user("alice"), Identity{}, "aws:principalarn", user("alice").ARN},
		{session(), role, "aws:principalarn", role.RoleARN},
		{session(), role, "aws:principaltag/team", "red"},
		{session(), role, "aws:principaltag/other", "-"},
		{user("alice"), Identity{}, "aws:principalaccount", here},
		{user("alice"), Identity{}, "kms:calleraccount", here},
		{user("alice"), Identity{}, "aws:principaltype", "User"},
		{root(here), Identity{}, "aws:principaltype", "Account"},
		{session(), role, "aws:principaltype", "AssumedRole"},
		{user("alice"), Identity{}, "aws:username", "alice"},
		{session(), role, "aws:username", "-"},
		{root(here), Identity{}, "aws:username", "-"},
		{session(), role, "aws:userid", "AROAAAAAAAAAAAAAAAAA:job"},
		{user("alice"), Identity{}, "aws:sourceip", "203.0.113.7"},
		{via, Identity{}, "aws:sourceip", "-"},
		{user("alice"), Identity{}, "kms:viaservice", "-"},
		{via, Identity{}, "kms:viaservice", "dynamodb.eu-west-1.amazonaws.com"},
		{via, Identity{}, "aws:calledviafirst", "dynamodb.amazonaws.com"},
		{user("alice"), Identity{}, "aws:calledvia", "-"},
		{via, Identity{}, "aws:viaawsservice", "true"},
		{user("alice"), Identity{}, "aws:viaawsservice", "false"},
		{user("alice"), Identity{}, "aws:principalisawsservice", "false"},
		{service(), Identity{}, "aws:principalisawsservice", "true"},
		{service(), Identity{}, "aws:principalarn", "-"},
		{user("alice"), Identity{}, "aws:currenttime", "2026-05-04T03:02:01Z"},
		{user("alice"), Identity{}, "aws:epochtime", "1777863721"},
		{user("alice"), Identity{}, "aws:securetransport", "false"},
		{&overTLS, Identity{}, "aws:securetransport", "true"},
		// Only a session says whether there was a second factor: with long-term keys the key is absent.
		{user("alice"), Identity{}, "aws:multifactorauthpresent", "-"},
		{session(), role, "aws:multifactorauthpresent", "false"},
		{&mfa, role, "aws:multifactorauthpresent", "true"},
		{&mfa, role, "aws:tokenissuetime", "2026-05-04T03:00:00Z"},
		{user("alice"), Identity{}, "aws:tokenissuetime", "-"},
		{serviceFor(there), Identity{}, "aws:sourceaccount", there},
		{via, Identity{}, "aws:sourcearn", "-"},
		{user("alice"), Identity{}, "aws:requestedregion", "us-east-1"},
		{user("alice"), Identity{}, "aws:resourceaccount", here},
		{user("alice"), Identity{}, "aws:useragent", "test"},
		{user("alice"), Identity{}, "kms:keyspec", "SYMMETRIC_DEFAULT"},
		{user("alice"), Identity{}, "kms:nosuchkey", "-"},
	} {
		need := auth.Need{Resource: key, Context: values{
			"kms:keyspec": {"SYMMETRIC_DEFAULT"}, "kms:viaservice": {"forged"}, "aws:principaltag/other": {"forged"},
			"aws:username": {"forged"},
			"aws:sourceip": {"forged"}, "aws:sourcearn": {"forged"}, "aws:tokenissuetime": {"forged"},
			"aws:multifactorauthpresent": {"true"},
		}}
		r := &requestContext{caller: tt.caller, identity: tt.identity, now: now, need: &need, resourceAccount: here}
		got := "-"
		if list, ok := r.Values(tt.key); ok {
			got = strings.Join(list, ",")
		}
		if got != tt.want {
			t.Errorf("%s of %s: %s, want %s", tt.key, tt.caller.ARN, got, tt.want)
		}
	}
}

// TestValuesStay checks that what was given out is not overwritten by what is asked for later, as a variable in a value may do.
func TestValuesStay(t *testing.T) {
	r := &requestContext{caller: user("alice"), need: &auth.Need{}}
	first, _ := r.Values("aws:username")
	for range 20 {
		r.Values("aws:principalaccount")
	}
	if !slices.Equal(first, []string{"alice"}) {
		t.Errorf("a value became %q", first)
	}
}

func walkthroughCase(t testing.TB) (*Authorizer, *auth.Caller, *auth.Needs) {
	c := clock.New()
	t.Cleanup(c.Close)
	keyPolicy := parse(t, policy.Key,
		`{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::`+here+`:root"},"Action":"kms:*","Resource":"*"}`,
		`{"Effect":"Allow","Principal":{"AWS":"*"},"Action":["kms:Encrypt","kms:Decrypt"],"Resource":"*","Condition":{"StringEquals":`+
			`{"kms:CallerAccount":"`+here+`","kms:ViaService":"dynamodb.us-east-1.amazonaws.com"}}}`)
	writes := parse(t, policy.Identity, `{"Effect":"Allow","Action":"dynamodb:PutItem","Resource":"`+table+`"}`)
	a := New(known{session().ARN: {Policies: []policy.Attached{{Name: "writes", Policy: writes}},
		RoleARN: "arn:aws:iam::" + here + ":role/worker"}}, c)
	var needs auth.Needs
	needs.Add(auth.Need{Action: "dynamodb:PutItem", Resource: table})
	needs.Add(auth.Need{Action: "kms:Decrypt", Resource: key, Policy: keyPolicy, Gate: true})
	return a, session().For("dynamodb.us-east-1.amazonaws.com"), &needs
}

func TestAuthorizingAllocatesNothing(t *testing.T) {
	a, caller, needs := walkthroughCase(t)
	if n := testing.AllocsPerRun(100, func() {
		if err := a.Authorize(context.Background(), caller, needs); err != nil {
			t.Fatal(err)
		}
	}); n >= 1 { // the pool may be emptied now and then
		t.Errorf("%v allocations for two needs", n)
	}
}

// BenchmarkDecision is what a function's role meets that writes to a table under a customer managed key whose policy lets the account
// in through DynamoDB: a decision by the role's policy, and one by the key's.
func BenchmarkDecision(b *testing.B) {
	a, caller, needs := walkthroughCase(b)
	b.ReportAllocs()
	for b.Loop() {
		if err := a.Authorize(context.Background(), caller, needs); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*len(needs.All()))/b.Elapsed().Seconds(), "decisions/s")
}

func BenchmarkAuthorizeRoot(b *testing.B) {
	a, _, _ := walkthroughCase(b)
	caller := root(here)
	var needs auth.Needs
	needs.Add(auth.Need{Action: "dynamodb:PutItem", Resource: table})
	b.ReportAllocs()
	for b.Loop() {
		if err := a.Authorize(context.Background(), caller, &needs); err != nil {
			b.Fatal(err)
		}
	}
}

// TestRequestedRegionOfGlobalServices: whatever region a caller signs for, and whoever calls for it, a global service is asked in
// us-east-1. Callers chose the region before, and so could undo a Deny and use an Allow that was limited to one region.
func TestRequestedRegionOfGlobalServices(t *testing.T) {
	limited := parse(t, policy.Identity,
		`{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:RequestedRegion":"eu-west-1"}}}`)
	denied := parse(t, policy.Identity, `{"Effect":"Allow","Action":"*","Resource":"*"}`,
		`{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringNotEquals":{"aws:RequestedRegion":"eu-west-1"}}}`)
	for name, p := range map[string]*policy.Policy{"allow in one": limited, "deny elsewhere": denied} {
		caller := user("alice")
		caller.Region = "eu-west-1"
		a := New(known{caller.ARN: {Policies: []policy.Attached{{Name: "p", Policy: p}}}}, clock.New())
		for _, action := range []string{"iam:AttachUserPolicy", "IAM:CreateUser", "account:ListRegions", "organizations:ListAccounts"} {
			if err := authorize(a, caller.For("cloudformation.eu-west-1.amazonaws.com"),
				auth.Need{Action: action, Resource: "*"}); err == nil {
				t.Errorf("%s: %s is allowed", name, action)
			}
		}
		if err := authorize(a, caller, auth.Need{Action: "kms:ListKeys", Resource: "*"}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
