package kms

import (
	"context"
	"testing"

	"github.com/sealtable/sealtable/internal/api/kmsapi"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/keyring"
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

// TestWhatWasPermittedIsWhatRuns: an alias that is moved after permission was given moves nothing of the call, and a key that is erased
// is gone.
func TestWhatWasPermittedIsWhatRuns(t *testing.T) {
	s := newTeller(t)
	b := &between{}
	*s.service.path = service.Path{Authorizer: b, Recorder: s.recorder}
	ctx := context.Background()
	caller := &auth.Caller{Type: auth.Root, Account: account, Region: "eu-west-1", ARN: "arn:aws:iam::" + account + ":root"}
	scope := scopeOf(caller)
	keys := s.service.keys
	create := func() *keyring.Key {
		key, err := keys.Create(ctx, keyring.NewKey{Scope: scope, Policy: keyring.DefaultPolicy(account)})
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	one, two := create(), create()
	name := "alias/name"
	if err := keys.CreateAlias(ctx, scope, name, one); err != nil {
		t.Fatal(err)
	}
	move := func(to *keyring.Key) func() {
		return func() {
			if err := keys.UpdateAlias(ctx, scope, name, nil, to); err != nil {
				t.Fatal(err)
			}
		}
	}
	b.do = move(two)
	sealed, err := s.service.Encrypt.Call(ctx, caller, &kmsapi.EncryptRequest{KeyId: &name, Plaintext: []byte("text")})
	if err != nil || *sealed.KeyId != one.ARN() {
		t.Fatalf("encrypted by %v, %v", sealed, err)
	}
	for operation, in := range map[string]any{
		"UpdateAlias": &kmsapi.UpdateAliasRequest{AliasName: &name, TargetKeyId: new(one.ID())},
		"DeleteAlias": &kmsapi.DeleteAliasRequest{AliasName: &name},
	} {
		move(one)()
		b.do = move(two)
		bound, _ := s.service.Table().Lookup(operation)
		if _, err := bound.Invoke(ctx, caller, in); service.CodeOf(err) != "NotFoundException" {
			t.Errorf("%s of an alias that another key got: %v", operation, err)
		}
		if key, err := keys.Resolve(scope, name, keyring.KeyOrAlias); key != two {
			t.Errorf("%s: the alias names %v, %v", operation, key, err)
		}
	}
	b.do = func() {
		if err := keys.ScheduleDeletion(ctx, one, 7); err != nil {
			t.Fatal(err)
		}
		s.clock.Advance(8 * 24 * 60 * 60 * 1e9)
	}
	if out, err := s.service.DescribeKey.Call(ctx, caller, &kmsapi.DescribeKeyRequest{KeyId: new(one.ID())}); service.CodeOf(
		err,
	) != "NotFoundException" {
		t.Errorf("a key that was erased: %v, %v", out, err)
	}
}
