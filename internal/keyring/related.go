package keyring

import (
	"context"
	"fmt"
	"slices"
)

// Related keys are those of one multi-Region key: they share id and material, and what follows from these.
// Whatever changes in more than one of them changes in one write, under the locks of all their Regions, which
// are taken by the order of their names.

// Regions are where the keys of the set are, sorted.
func (r *MultiRegion) Regions() []string {
	all := append([]string{r.Primary}, r.Replicas...)
	slices.Sort(all)
	return all
}

// Leads says whether the key decides for its set: a primary key, or one that has no set.
func (m *Metadata) Leads() bool {
	return m.MultiRegion == nil || m.MultiRegion.Primary == m.Scope.Region
}

// related is the keys of m's set, m's own among them, by Region.
func (k *Keyring) related(m *Metadata) (keys []*Key) {
	places := []string{m.Scope.Region}
	if m.MultiRegion != nil {
		places = m.MultiRegion.Regions()
	}
	for _, region := range places {
		r, ok := k.regions.load(Scope{Account: m.Scope.Account, Region: region})
		if !ok {
			continue
		}
		if key, ok := r.keys.load(m.ID); ok {
			keys = append(keys, key)
		} else if key := r.owned.Load(); key != nil && key.id == m.ID {
			keys = append(keys, key)
		}
	}
	return keys
}

// lock keeps the key and all that are related to it from changing, and the Regions that more names. It
// returns what ends that.
func (k *Keyring) lock(key *Key, more ...string) (unlock func()) {
	for {
		places := k.places(key, more)
		for _, region := range places {
			k.region(Scope{Account: key.scope.Account, Region: region}).mu.Lock()
		}
		unlock = func() {
			for _, region := range places {
				k.region(Scope{Account: key.scope.Account, Region: region}).mu.Unlock()
			}
		}
		if slices.Equal(places, k.places(key, more)) {
			return unlock
		}
		unlock() // the set changed before its locks were held
	}
}

func (k *Keyring) places(key *Key, more []string) []string {
	all := append([]string{key.scope.Region}, more...)
	if m := key.Metadata(); m.MultiRegion != nil {
		all = append(all, m.MultiRegion.Regions()...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// changeAll is change for several keys: all of them change, or none. It writes the further changes with them.
// The caller holds the locks of all their Regions.
func (k *Keyring) changeAll(
	ctx context.Context, keys []*Key, edit func(m *Metadata) error, more ...Change,
) error {
	next := make([]Metadata, len(keys))
	for i, key := range keys {
		next[i] = *key.Metadata()
		if err := edit(&next[i]); err != nil {
			return err
		}
		record, err := next[i].record()
		if err != nil {
			return err
		}
		more = append(more, record)
	}
	if err := k.config.Records.Write(ctx, more...); err != nil {
		return fmt.Errorf("write %d records of keys: %w", len(more), err)
	}
	for i, key := range keys {
		k.show(key, &next[i])
	}
	return nil
}
