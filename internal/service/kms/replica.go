package kms

import (
	"context"

	"github.com/sealtable/sealtable/internal/api/kmsapi"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/keyring"
	"github.com/sealtable/sealtable/internal/service"
)

// Multi-Region keys.

func (s *Service) bindReplicas() []service.Bound {
	return []service.Bound{
		service.BindAccess(kmsapi.ReplicateKey(), s.replicateAccess, s.replicate),
		service.BindAccess(kmsapi.UpdatePrimaryRegion(), s.updatePrimaryAccess, s.updatePrimary),
	}
}

// replicateAccess needs kms:ReplicateKey on the primary key, and what making a key takes.
func (s *Service) replicateAccess(
	ctx context.Context, caller *auth.Caller, in *kmsapi.ReplicateKeyRequest, needs *auth.Needs,
) error {
	err := s.accessKey(ctx, caller, "ReplicateKey", keyCall{
		member: &in.KeyId, check: func() error { return nil },
		describe: func(c *conditions) {
			c.set("kms:replicaregion", *in.ReplicaRegion)
			c.setBool("kms:bypasspolicylockoutsafetycheck", isTrue(in.BypassPolicyLockoutSafetyCheck))
			needs.Note("replicaRegion", *in.ReplicaRegion)
			needs.Note("description", text(in.Description))
			needs.Note("bypassPolicyLockoutSafetyCheck", isTrue(in.BypassPolicyLockoutSafetyCheck))
		},
	}, needs)
	if err != nil {
		return translate(err)
	}
	key, err := s.pinned(caller, in.KeyId)
	if err != nil {
		return translate(err)
	}
	m := key.Metadata()
	n := keyring.NewKey{Spec: m.Spec, Usage: m.Usage, Origin: m.Origin, MultiRegion: true,
		Tags: tagsOf(in.Tags)}
	c := newKeyConditions(&n, "REPLICA")
	c.setBool("kms:bypasspolicylockoutsafetycheck", isTrue(in.BypassPolicyLockoutSafetyCheck))
	needs.Add(auth.Need{Action: "kms:CreateKey", Resource: "*", Context: c})
	if len(in.Tags) > 0 {
		needs.Add(auth.Need{Action: "kms:TagResource", Resource: "*", Unnamed: true, Context: c})
	}
	return nil
}

func (s *Service) replicate(
	ctx context.Context, caller *auth.Caller, in *kmsapi.ReplicateKeyRequest,
) (*kmsapi.ReplicateKeyResponse, error) {
	key, err := s.pinned(caller, in.KeyId)
	if err != nil {
		return nil, translate(err)
	}
	scope := keyring.Scope{Account: caller.Account, Region: *in.ReplicaRegion}
	document := ""
	if in.Policy != nil {
		document, err = s.checkPolicy(ctx, caller, *in.Policy, scope.KeyARN(key.ID()),
			isTrue(in.BypassPolicyLockoutSafetyCheck))
		if err != nil {
			return nil, translate(err)
		}
	}
	replica, err := s.keys.Replicate(ctx, key, keyring.Replica{
		Region: scope.Region, Description: text(in.Description), Policy: document, Tags: tagsOf(in.Tags),
	})
	if err != nil {
		return nil, translate(err)
	}
	m := replica.Metadata()
	out := &kmsapi.ReplicateKeyResponse{ReplicaKeyMetadata: newborn(metadata(m)),
		ReplicaPolicy: s.shownPolicy(m), ReplicaTags: []kmsapi.Tag{}}
	for _, t := range m.Tags {
		out.ReplicaTags = append(out.ReplicaTags, kmsapi.Tag{TagKey: new(t.Key), TagValue: new(t.Value)})
	}
	return out, nil
}

// newborn is a replica as ReplicateKey shows it: still Creating, however soon it can be used.
func newborn(out *kmsapi.KeyMetadata) *kmsapi.KeyMetadata {
	out.KeyState = new(string(keyring.Creating))
	out.Enabled = new(false)
	out.CurrentKeyMaterialId = nil
	return out
}

// updatePrimaryAccess needs kms:UpdatePrimaryRegion on the primary key and on the replica that takes its
// place.
func (s *Service) updatePrimaryAccess(
	ctx context.Context, caller *auth.Caller, in *kmsapi.UpdatePrimaryRegionRequest, needs *auth.Needs,
) error {
	const op = "UpdatePrimaryRegion"
	err := s.accessKey(ctx, caller, op, keyCall{
		member: &in.KeyId, check: func() error { return nil },
		describe: func(c *conditions) {
			c.set("kms:primaryregion", *in.PrimaryRegion)
			needs.Note("primaryRegion", *in.PrimaryRegion)
		},
	}, needs)
	if err != nil {
		return translate(err)
	}
	key, err := s.pinned(caller, in.KeyId)
	if err != nil || key.Metadata().MultiRegion == nil {
		return translate(err) // a key that has no set never gets one: the operation refuses it
	}
	there := keyring.Scope{Account: caller.Account, Region: *in.PrimaryRegion}
	replica, err := s.keys.Resolve(there, key.ID(), keyring.KeyOnly)
	if err != nil {
		return translate(err)
	}
	c := &conditions{key: replica}
	c.set("kms:primaryregion", *in.PrimaryRegion)
	needs.Add(keyNeed(op, replica, c))
	return nil
}

func (s *Service) updatePrimary(
	ctx context.Context, caller *auth.Caller, in *kmsapi.UpdatePrimaryRegionRequest,
) (*kmsapi.UpdatePrimaryRegionOutput, error) {
	key, err := s.pinned(caller, in.KeyId)
	if err == nil {
		err = s.keys.SetPrimary(ctx, key, *in.PrimaryRegion)
	}
	if err != nil {
		return nil, translate(err)
	}
	return &kmsapi.UpdatePrimaryRegionOutput{}, nil
}
