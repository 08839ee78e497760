package keyring

import (
	"context"
	"slices"
	"time"
)

// Replica is what a replica of a multi-Region key has of its own. Empty members take the defaults of
// ReplicateKey.
type Replica struct {
	Region      string
	Description string
	Policy      string // empty: DefaultPolicy
	Tags        []Tag
}

// Replicate makes a related key in another Region: of the same id and material, with policy, tags, aliases,
// grants and state of its own. Imported material is imported into each of them by its owner.
func (k *Keyring) Replicate(ctx context.Context, key *Key, replica Replica) (*Key, error) {
	tags, err := mergeTags(nil, replica.Tags)
	if err != nil {
		return nil, err
	}
	if replica.Policy == "" {
		replica.Policy = DefaultPolicy(key.scope.Account)
	}
	defer k.lock(key, replica.Region)()
	m := key.Metadata()
	if err := m.Permits("ReplicateKey"); err != nil {
		return nil, err
	}
	if m.MultiRegion == nil || !m.Leads() {
		return nil, notPrimary(m)
	}
	next := *m
	next.Scope.Region = replica.Region
	next.arn = next.Scope.KeyARN(m.ID)
	there := k.region(next.Scope)
	if _, taken := there.keys.load(m.ID); taken {
		return nil, fail(AlreadyExists, "Key '%s' already exists", next.arn)
	}
	if err := there.roomForKey(); err != nil {
		return nil, err
	}
	next.Created = k.config.Clock.Now().Truncate(time.Millisecond)
	next.Description = replica.Description
	next.Policy = replica.Policy
	next.Tags = tags
	next.loseAllBut(nil)
	next.settle()
	k.pass(&next, Creating)
	return k.addReplica(ctx, m, &next)
}

// addReplica writes the record of a replica, and those of all that are related to it.
func (k *Keyring) addReplica(ctx context.Context, m, replica *Metadata) (*Key, error) {
	if err := replica.compile(); err != nil {
		return nil, err
	}
	set := &MultiRegion{Primary: m.MultiRegion.Primary,
		Replicas: append(slices.Clone(m.MultiRegion.Replicas), replica.Scope.Region)}
	slices.Sort(set.Replicas)
	replica.MultiRegion = set
	record, err := replica.record()
	if err != nil {
		return nil, err
	}
	if err := k.changeAll(ctx, k.related(m), func(m *Metadata) error {
		m.MultiRegion = set
		return nil
	}, record); err != nil {
		return nil, err
	}
	key := newKey(replica)
	k.enter(key)
	k.show(key, replica)
	k.endLater(Creating, key)
	return key, nil
}

// SetPrimary makes the replica in a Region the primary key of its set, and the present one a replica. A
// replica that is not the given one is not found; nil is any.
func (k *Keyring) SetPrimary(ctx context.Context, key *Key, region string, replica *Key) error {
	defer k.lock(key)()
	m := key.Metadata()
	if err := m.Permits("UpdatePrimaryRegion"); err != nil {
		return err
	}
	if m.MultiRegion == nil || !m.Leads() {
		return notPrimary(m)
	}
	if region == m.Scope.Region {
		return fail(Unsupported, "%s is the multi-region primary key already.", key.arn)
	}
	all := k.related(m)
	at := slices.IndexFunc(all, func(other *Key) bool { return other.scope.Region == region })
	if at < 0 || replica != nil && all[at] != replica {
		return keyMissing(Scope{Account: m.Scope.Account, Region: region}.KeyARN(m.ID))
	}
	if err := all[at].Metadata().Permits("UpdatePrimaryRegion"); err != nil {
		return err
	}
	set := m.MultiRegion.without(region)
	set.Primary, set.Replicas = region, append(set.Replicas, m.Scope.Region)
	slices.Sort(set.Replicas)
	err := k.changeAll(ctx, all, func(m *Metadata) error {
		m.MultiRegion = set
		if m.Scope == key.scope || m.Scope.Region == region {
			k.pass(m, Updating)
		}
		return nil
	})
	if err == nil {
		k.endLater(Updating, key, all[at])
	}
	return err
}

// pass puts a key into a state for a while, unless that is no time at all.
func (k *Keyring) pass(m *Metadata, state State) {
	if k.config.Transition > 0 && !m.State.passing() {
		m.stored, m.State = m.State, state
	}
}

// endLater ends what pass began. A key that has come into another state meanwhile stays there.
func (k *Keyring) endLater(state State, keys ...*Key) {
	if k.config.Transition <= 0 {
		return
	}
	k.config.Clock.At(k.config.Clock.Now().Add(k.config.Transition), func(time.Time) time.Time {
		for _, key := range keys {
			k.end(state, key)
		}
		return time.Time{}
	})
}

func (k *Keyring) end(state State, key *Key) {
	defer k.lock(key)()
	if m := *key.Metadata(); m.State == state {
		m.State = m.stored
		k.show(key, &m)
	}
}

// without is the set without its replica in a Region.
func (r *MultiRegion) without(region string) *MultiRegion {
	rest := slices.DeleteFunc(slices.Clone(r.Replicas), func(have string) bool { return have == region })
	return &MultiRegion{Primary: r.Primary, Replicas: rest}
}

// others are the keys that are related to key.
func (k *Keyring) others(key *Key) []*Key {
	return slices.DeleteFunc(k.related(key.Metadata()), func(other *Key) bool { return other == key })
}

// loseReplica takes the replica in a Region away from its set. A primary key that waited for its last replica
// to go begins to wait for its own deletion.
func (m *Metadata) loseReplica(region string, now time.Time) {
	m.MultiRegion = m.MultiRegion.without(region)
	if m.State == PendingReplicaDeletion && len(m.MultiRegion.Replicas) == 0 {
		m.State = PendingDeletion
		m.DeletionDate = now.AddDate(0, 0, m.PendingWindow).Truncate(time.Millisecond)
		m.PendingWindow = 0
	}
}

// eraseMaterial destroys the material of a key, on disk and in memory, unless another key has it too. The
// file of one that is only taken away from a set of related keys is discarded: those that are left may get it
// again.
func (k *Keyring) eraseMaterial(key *Key) error {
	if others := k.others(key); len(others) > 0 {
		var ids []string
		for _, v := range key.Metadata().Held() {
			if !anyHolds(others, v.MaterialID) {
				ids = append(ids, v.MaterialID)
			}
		}
		return k.discardMaterial(key, ids)
	}
	if err := k.store.erase(key.id); err != nil {
		return err
	}
	for _, b := range key.Metadata().backing {
		b.forget()
	}
	return nil
}
