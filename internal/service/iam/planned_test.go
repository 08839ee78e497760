package iam

import (
	"context"
	"testing"
	"time"

	"github.com/sealtable/sealtable/internal/api/iamapi"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/identity"
	"github.com/sealtable/sealtable/internal/service"
)

// between is an authorizer that permits everything, and does something before the first call that it permits is run.
type between struct{ do func() }

func (b *between) Authorize(context.Context, *auth.Caller, *auth.Needs) error {
	if do := b.do; do != nil {
		b.do = nil
		do()
	}
	return nil
}

// TestWhatWasPermittedIsWhatRuns: what is made anew under its name after permission was given is something else, and stays as it is.
func TestWhatWasPermittedIsWhatRuns(t *testing.T) {
	s := newTeller(t)
	b, ctx := &between{}, context.Background()
	table := New(s.directory, &service.Path{Authorizer: b, Recorder: s.recorder}).Table()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	const document = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`
	const trust = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole"}}`
	makePolicy := func(context.Context) (any, error) {
		return s.directory.CreatePolicy(ctx, identity.NewPolicy{Account: account, Name: "p", Document: document})
	}
	makeProvider := func(context.Context) (any, error) {
		return s.directory.CreateProvider(ctx, identity.Provider{Account: account, URL: "id.example.com", Clients: []string{"c"}})
	}
	made := func(kind identity.Kind) func(context.Context) (any, error) {
		return func(context.Context) (any, error) {
			n := identity.New{Kind: kind, Account: account, Name: "ann", Path: "/"}
			if kind == identity.Role {
				n.Trust = trust
			}
			return s.directory.Create(ctx, n)
		}
	}
	policyARN, providerARN := identity.PolicyARN(account, "/", "p"), identity.ProviderARN(account, "https://id.example.com")
	caller := &auth.Caller{Type: auth.Root, Account: account, Region: "us-east-1"}
	for _, c := range []struct {
		operation string
		in        any
		make      func(context.Context) (any, error)
	}{
		{"DeleteUser", &iamapi.DeleteUserRequest{UserName: new("ann")}, made(identity.User)},
		{"PutUserPolicy", &iamapi.PutUserPolicyRequest{UserName: new("ann"), PolicyName: new("x"), PolicyDocument: new(document)},
			made(identity.User)},
		{"CreateAccessKey", &iamapi.CreateAccessKeyRequest{UserName: new("ann")}, made(identity.User)},
		{"UpdateAssumeRolePolicy", &iamapi.UpdateAssumeRolePolicyRequest{RoleName: new("ann"), PolicyDocument: new(trust)},
			made(identity.Role)},
		{"UpdateGroup", &iamapi.UpdateGroupRequest{GroupName: new("ann"), NewGroupName: new("bob")}, made(identity.Group)},
		{"DeletePolicy", &iamapi.DeletePolicyRequest{PolicyArn: &policyARN}, makePolicy},
		{"CreatePolicyVersion", &iamapi.CreatePolicyVersionRequest{PolicyArn: &policyARN, PolicyDocument: new(document)}, makePolicy},
		{"TagOpenIDConnectProvider", &iamapi.TagOpenIDConnectProviderRequest{OpenIDConnectProviderArn: &providerARN,
			Tags: []iamapi.Tag{{Key: new("k"), Value: new("v")}}}, makeProvider},
		{"DeleteOpenIDConnectProvider", &iamapi.DeleteOpenIDConnectProviderRequest{OpenIDConnectProviderArn: &providerARN}, makeProvider},
	} {
		old, err := c.make(ctx)
		must(err)
		var renewed any
		b.do = func() {
			must(s.remove(old))
			s.clock.Advance(time.Second)
			renewed, err = c.make(ctx)
			must(err)
		}
		bound, ok := table.Lookup(c.operation)
		if !ok {
			t.Fatal(c.operation)
		}
		if _, err := bound.Invoke(ctx, caller, c.in); service.CodeOf(err) != "NoSuchEntity" {
			t.Errorf("%s: %v", c.operation, err)
		}
		must(s.remove(renewed)) // which is there, and nothing was attached to it
	}
}

// remove deletes what something in the directory is.
func (s *teller) remove(it any) error {
	switch it := it.(type) {
	case *identity.Principal:
		return s.directory.Delete(context.Background(), it)
	case *identity.Policy:
		return s.directory.DeletePolicy(context.Background(), it)
	}
	return s.directory.DeleteProvider(context.Background(), it.(*identity.Provider))
}
