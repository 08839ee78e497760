package keyring

import (
	"context"
	"slices"
	"strings"
	"time"
)

// The rules of ScheduleKeyDeletion, in days.
const (
	MinPendingWindow     = 7
	MaxPendingWindow     = 30
	DefaultPendingWindow = 30
)

// Enable enables a key. A rotation that fell due while the key was disabled is made up for at once.
func (k *Keyring) Enable(ctx context.Context, key *Key) error {
	defer k.lock(key)()
	if err := key.Metadata().Permits("EnableKey"); err != nil {
		return err
	}
	err := k.change(ctx, key, func(m *Metadata) error {
		m.State = Enabled
		return nil
	})
	if err == nil {
		k.act(key, k.config.Clock.Now())
	}
	return err
}

// Disable disables a key.
func (k *Keyring) Disable(ctx context.Context, key *Key) error {
	return k.update(ctx, key, "DisableKey", func(m *Metadata) error {
		m.State = KeyDisabled
		return nil
	})
}

// SetDescription changes the description of a key.
func (k *Keyring) SetDescription(ctx context.Context, key *Key, description string) error {
	return k.update(ctx, key, "UpdateKeyDescription", func(m *Metadata) error {
		m.Description = description
		return nil
	})
}

// SetPolicy replaces the policy of a key.
func (k *Keyring) SetPolicy(ctx context.Context, key *Key, text string) error {
	return k.update(ctx, key, "PutKeyPolicy", func(m *Metadata) error {
		m.Policy = text
		return m.compile()
	})
}

// ScheduleDeletion makes a key unusable now and erases it when the window ends. The window of a primary key
// begins when its last replica is gone.
func (k *Keyring) ScheduleDeletion(ctx context.Context, key *Key, days int) error {
	if days < MinPendingWindow || days > MaxPendingWindow {
		return fail(Invalid, "PendingWindowInDays must be between %d and %d inclusive", MinPendingWindow,
			MaxPendingWindow)
	}
	return k.update(ctx, key, "ScheduleKeyDeletion", func(m *Metadata) error {
		if m.MultiRegion != nil && m.Leads() && len(m.MultiRegion.Replicas) > 0 {
			m.State, m.PendingWindow = PendingReplicaDeletion, days
			return nil
		}
		m.State = PendingDeletion
		m.DeletionDate = k.config.Clock.Now().AddDate(0, 0, days).Truncate(time.Millisecond)
		return nil
	})
}

// CancelDeletion keeps a key that was to be deleted. It is disabled then, never enabled; without its material
// it waits for that.
func (k *Keyring) CancelDeletion(ctx context.Context, key *Key) error {
	return k.update(ctx, key, "CancelKeyDeletion", func(m *Metadata) error {
		m.State = KeyDisabled
		if !m.HasMaterial() {
			m.State = PendingImport
		}
		m.DeletionDate, m.PendingWindow = time.Time{}, 0
		return nil
	})
}

// erase destroys a key for good: first its material, on disk and in memory, then all that is known of it. It
// may be called again after it failed. The caller holds the locks of the key and of all that are related to
// it.
func (k *Keyring) erase(ctx context.Context, key *Key) error {
	if err := k.eraseMaterial(key); err != nil {
		return err
	}
	now := k.config.Clock.Now()
	err := k.changeAll(ctx, k.others(key), func(m *Metadata) error {
		m.loseReplica(key.scope.Region, now)
		return nil
	}, key.erasure()...)
	if err != nil {
		return err
	}
	gone := *key.Metadata()
	k.leave(key)
	gone.State = Erased
	k.show(key, &gone)
	k.happened("DeleteKey", key, nil)
	return nil
}

// erasure deletes every record of the key.
func (k *Key) erasure() []Change {
	changes := []Change{{Name: k.Metadata().recordName()}, {Name: recordName("usage", k.scope, k.id)}}
	for _, name := range k.Aliases() {
		changes = append(changes, Change{Name: recordName("alias", k.scope, name)})
	}
	for _, g := range k.grants.all() {
		changes = append(changes, Change{Name: g.recordName()})
	}
	return changes
}

// leave takes a key away from where it is found.
func (k *Keyring) leave(key *Key) {
	r := k.region(key.scope)
	for _, name := range key.Aliases() {
		r.aliases.remove(name)
		r.aliasNames.remove(name)
	}
	r.keys.remove(key.id)
	r.keyNames.remove(key.id)
	if len(k.others(key)) == 0 {
		for _, b := range key.Metadata().backing {
			k.backing.remove(b.id)
		}
	}
}

// maxTags is how many tags a key may have.
const maxTags = 50

// Tag adds tags to a key, or changes their values.
func (k *Keyring) Tag(ctx context.Context, key *Key, tags []Tag) error {
	return k.update(ctx, key, "TagResource", func(m *Metadata) (err error) {
		m.Tags, err = mergeTags(m.Tags, tags)
		return err
	})
}

// Untag takes tags off a key. Those that it does not have are ignored.
func (k *Keyring) Untag(ctx context.Context, key *Key, keys []string) error {
	for _, name := range keys {
		if reservedTag(name) {
			return fail(BadTags, "Tags beginning with aws: are reserved")
		}
	}
	return k.update(ctx, key, "UntagResource", func(m *Metadata) error {
		m.Tags = slices.DeleteFunc(slices.Clone(m.Tags), func(t Tag) bool {
			return slices.Contains(keys, t.Key)
		})
		return nil
	})
}

// mergeTags is what a key with tags has has after being given more. The result is new and sorted.
func mergeTags(has, more []Tag) ([]Tag, error) {
	seen := make(map[string]bool, len(more))
	for _, t := range more {
		if reservedTag(t.Key) {
			return nil, fail(BadTags, "Tags beginning with aws: are reserved")
		}
		if seen[t.Key] {
			return nil, fail(BadTags, "Duplicate tag keys")
		}
		seen[t.Key] = true
	}
	merged := slices.DeleteFunc(slices.Clone(has), func(t Tag) bool { return seen[t.Key] })
	merged = append(merged, more...)
	if len(merged) > maxTags {
		return nil, fail(BadTags, "Too many tags")
	}
	slices.SortFunc(merged, func(a, b Tag) int { return strings.Compare(a.Key, b.Key) })
	return merged, nil
}

func reservedTag(key string) bool {
	return len(key) >= 4 && strings.EqualFold(key[:4], "aws:")
}
