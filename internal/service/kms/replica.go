package kms

import (
	"context"

	"github.com/sealtable/sealtable/internal/api"
	"github.com/sealtable/sealtable/internal/api/kmsapi"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/keyring"
	"github.com/sealtable/sealtable/internal/service"
)

// Multi-Region keys.

func (s *Service) bindReplicas() []service.Bound {
	return []service.Bound{
		onPlan(kmsapi.ReplicateKey(), s.planReplicate, s.replicate).ShowingAll(),
		onPlan(kmsapi.UpdatePrimaryRegion(), s.planUpdatePrimary, s.updatePrimary),
	}
}

// planReplicate needs kms:ReplicateKey on the primary key, and what making a key takes.
func (s *Service) planReplicate(
	ctx context.Context, caller *auth.Caller, in *kmsapi.ReplicateKeyRequest, needs *auth.Needs,
) (*keyring.Key, error) {
	key, err := s.findKey(ctx, caller, "ReplicateKey", keyCall{
		id: *in.KeyId, check: func() error { return nil },
		describe: func(c *conditions) {
			c.set("kms:replicaregion", *in.ReplicaRegion)
			c.setBool("kms:bypasspolicylockoutsafetycheck", api.True(in.BypassPolicyLockoutSafetyCheck))
			needs.Note("replicaRegion", *in.ReplicaRegion)
			needs.Note("description", api.Text(in.Description))
			needs.Note("bypassPolicyLockoutSafetyCheck", api.True(in.BypassPolicyLockoutSafetyCheck))
		},
	}, needs)
	if err != nil {
		return nil, translate(err)
	}
	m := key.Metadata()
	n := keyring.NewKey{Spec: m.Spec, Usage: m.Usage, Origin: m.Origin, MultiRegion: true,
		Tags: tagsOf(in.Tags)}
	c := newKeyConditions(&n, "REPLICA")
	c.setBool("kms:bypasspolicylockoutsafetycheck", api.True(in.BypassPolicyLockoutSafetyCheck))
	needs.Add(auth.Need{Action: "kms:CreateKey", Resource: "*", Context: c})
	if len(in.Tags) > 0 {
		needs.Add(auth.Need{Action: "kms:TagResource", Resource: "*", Unnamed: true, Context: c})
	}
	return key, nil
}

func (s *Service) replicate(
	ctx context.Context, caller *auth.Caller, in *kmsapi.ReplicateKeyRequest, key *keyring.Key,
) (*kmsapi.ReplicateKeyResponse, error) {
	scope := keyring.Scope{Account: caller.Account, Region: *in.ReplicaRegion}
	document := ""
	if in.Policy != nil {
		var err error
		document, err = s.checkPolicy(ctx, caller, *in.Policy, scope.KeyARN(key.ID()),
			api.True(in.BypassPolicyLockoutSafetyCheck))
		if err != nil {
			return nil, err
		}
	}
	replica, err := s.keys.Replicate(ctx, key, keyring.Replica{
		Region: scope.Region, Description: api.Text(in.Description), Policy: document, Tags: tagsOf(in.Tags),
	})
	if err != nil {
		return nil, err
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

// newPrimary is the plan of UpdatePrimaryRegion: the primary key, and the replica that takes its place; nil
// where the key has none.
type newPrimary struct{ key, replica *keyring.Key }

// planUpdatePrimary needs kms:UpdatePrimaryRegion on the primary key and on the replica that takes its place.
func (s *Service) planUpdatePrimary(
	ctx context.Context, caller *auth.Caller, in *kmsapi.UpdatePrimaryRegionRequest, needs *auth.Needs,
) (plan newPrimary, err error) {
	const op = "UpdatePrimaryRegion"
	plan.key, err = s.findKey(ctx, caller, op, keyCall{
		id: *in.KeyId, check: func() error { return nil },
		describe: func(c *conditions) {
			c.set("kms:primaryregion", *in.PrimaryRegion)
			needs.Note("primaryRegion", *in.PrimaryRegion)
		},
	}, needs)
	if err != nil || plan.key.Metadata().MultiRegion == nil {
		return plan, translate(err) // a key that has no set never gets one: the operation refuses it
	}
	there := keyring.Scope{Account: caller.Account, Region: *in.PrimaryRegion}
	if plan.replica, err = s.keys.Resolve(there, plan.key.ID(), keyring.KeyOnly); err != nil {
		return plan, translate(err)
	}
	c := &conditions{key: plan.replica}
	c.set("kms:primaryregion", *in.PrimaryRegion)
	needs.Add(keyNeed(op, plan.replica, c))
	return plan, nil
}

func (s *Service) updatePrimary(
	ctx context.Context, _ *auth.Caller, in *kmsapi.UpdatePrimaryRegionRequest, plan newPrimary,
) (*kmsapi.UpdatePrimaryRegionOutput, error) {
	return &kmsapi.UpdatePrimaryRegionOutput{}, s.keys.SetPrimary(ctx, plan.key, *in.PrimaryRegion,
		plan.replica)
}
