package sts

import (
	"context"
	"strings"
	"testing"

	"github.com/sealtable/sealtable/internal/api/stsapi"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/identity"
	"github.com/sealtable/sealtable/internal/service"
)

// between is an authorizer that permits everything, after it did something.
type between func()

func (b between) Authorize(context.Context, *auth.Caller, *auth.Needs) error {
	b()
	return nil
}

// TestWhatWasPermittedIsWhatRuns: a role that is made anew under its name after permission was given is not assumed.
func TestWhatWasPermittedIsWhatRuns(t *testing.T) {
	s, ctx := newTeller(t), context.Background()
	role := func() *identity.Principal {
		p, err := s.directory.Create(ctx, identity.New{Kind: identity.Role, Account: account, Name: "worker", Path: "/",
			Trust: `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"` + account +
				`"},"Action":"sts:AssumeRole"}}`})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	old := role()
	*s.service.path = service.Path{Recorder: silent{}, Authorizer: between(func() {
		if err := s.directory.Delete(ctx, old); err != nil {
			t.Fatal(err)
		}
		if err := s.directory.PutInline(ctx, role(), "p",
			`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`); err != nil {
			t.Fatal(err)
		}
	})}
	caller := &auth.Caller{Type: auth.IAMUser, Account: account, ARN: "arn:aws:iam::" + account + ":user/ann", Region: "us-east-1"}
	out, err := s.service.AssumeRole.Call(ctx, caller, &stsapi.AssumeRoleRequest{RoleArn: new(old.ARN()), RoleSessionName: new("s")})
	if err == nil && !strings.HasPrefix(*out.AssumedRoleUser.AssumedRoleId, old.ID+":") {
		t.Errorf("assumed %s, the role that was permitted is %s", *out.AssumedRoleUser.AssumedRoleId, old.ID)
	}
	if err != nil {
		return
	}
	who := &auth.Caller{Type: auth.AssumedRole, Account: account, ARN: *out.AssumedRoleUser.Arn, UserID: *out.AssumedRoleUser.AssumedRoleId,
		AccessKeyID: *out.Credentials.AccessKeyId, RoleARN: old.ARN()}
	if got := s.directory.Identity(who); len(got.Policies) > 0 {
		t.Errorf("the session of a role that is gone has policies: %v", got)
	}
}
