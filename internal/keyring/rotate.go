package keyring

import (
	"context"
	"slices"
	"time"

	"github.com/cockroachdb/errors/oserror"
)

// The rules of rotation. RotateKeyOnDemand in the AWS KMS API Reference gives the limit and the quiet time.
const (
	MinRotationPeriod     = 90   // days
	MaxRotationPeriod     = 2560 // days
	DefaultRotationPeriod = 365  // days
	maxOnDemandRotations  = 25
	rotationQuietTime     = 20 * time.Minute
)

// EnableRotation rotates a key every period days from now on. On a key that rotates already it changes the
// period.
func (k *Keyring) EnableRotation(ctx context.Context, key *Key, period int) error {
	if period < MinRotationPeriod || period > MaxRotationPeriod {
		return fail(Invalid, "RotationPeriodInDays must be between %d and %d inclusive", MinRotationPeriod,
			MaxRotationPeriod)
	}
	next := k.config.Clock.Now().AddDate(0, 0, period).Truncate(time.Millisecond)
	return k.setRotation(ctx, key, "EnableKeyRotation", Rotation{Enabled: true, Period: period, Next: next})
}

// DisableRotation stops the automatic rotation of a key.
func (k *Keyring) DisableRotation(ctx context.Context, key *Key) error {
	return k.setRotation(ctx, key, "DisableKeyRotation", Rotation{})
}

// setRotation sets the rotation of a key and of those that are related to it.
func (k *Keyring) setRotation(ctx context.Context, key *Key, op Operation, rotation Rotation) error {
	defer k.lock(key)()
	m := key.Metadata()
	if err := m.Permits(op); err != nil {
		return err
	}
	if !m.Leads() {
		return notPrimary(m)
	}
	return k.changeAll(ctx, k.related(m), func(m *Metadata) error {
		m.Rotation = rotation
		return nil
	})
}

func notPrimary(m *Metadata) error {
	return fail(Unsupported, "%s is not a multi-region primary key.", m.ARN())
}

// RotationStatus is the automatic rotation of the key as the API shows it: off while the key is pending
// deletion.
func (m *Metadata) RotationStatus() Rotation {
	if m.State == PendingDeletion || m.State == PendingReplicaDeletion {
		return Rotation{}
	}
	return m.Rotation
}

// RotateNow gives a key a new version.
func (k *Keyring) RotateNow(ctx context.Context, key *Key) error {
	defer k.lock(key)()
	m := key.Metadata()
	if err := m.Permits("RotateKeyOnDemand"); err != nil {
		return err
	}
	if !m.Leads() {
		return notPrimary(m)
	}
	if m.onDemandRotations() >= maxOnDemandRotations {
		return fail(LimitExceeded, "The on-demand rotations limit has been reached for the given keyId. "+
			"No more on-demand rotations can be performed for this key: %s", key.arn)
	}
	now := k.config.Clock.Now()
	if m.Origin == OriginExternal {
		return k.rotateImported(ctx, key, now)
	}
	if m.Rotation.Enabled && m.Rotation.Next.Before(now.Add(rotationQuietTime)) {
		return fail(Conflict, "%s is about to be rotated automatically.", key.arn)
	}
	return k.rotate(ctx, key, OnDemand, now)
}

// rotate adds a version: to the file first, then to the records, which is what puts it to use. The caller
// holds the locks of the key and of all that are related to it.
func (k *Keyring) rotate(ctx context.Context, key *Key, by RotationType, now time.Time) error {
	now = now.Truncate(time.Millisecond)
	file, err := k.store.read(key.id)
	if err != nil {
		return err
	}
	m := key.Metadata()
	made, err := k.newMaterial(ctx, m.Spec)
	if err != nil {
		return err
	}
	version, backing, err := k.version(m, made, now)
	if err != nil {
		return err
	}
	file.Versions = append(file.recorded(m), version)
	if err = k.store.write(key.id, file); err == nil {
		err = k.changeAll(ctx, k.related(m), func(m *Metadata) error {
			m.Versions = append(slices.Clone(m.Versions),
				Version{MaterialID: version.MaterialID, Created: now, Type: by})
			m.backing = append(slices.Clone(m.backing), backing)
			m.Rotation = m.Rotation.after(by, now)
			k.backing.store(backing.id, backing)
			return nil
		})
	}
	if err != nil {
		k.backing.remove(backing.id)
		backing.forget()
		return err
	}
	k.rotated(k.related(m), by)
	return nil
}

// rotated tells of a new version of some keys.
func (k *Keyring) rotated(keys []*Key, by RotationType) {
	for _, key := range keys {
		m := key.Metadata()
		details := map[string]string{"rotationType": string(by), "keyOrigin": string(m.Origin)}
		if n := len(m.Versions); n > 1 {
			details["previousKeyMaterialId"] = m.Versions[n-2].MaterialID
			details["currentKeyMaterialId"] = m.Versions[n-1].MaterialID
		}
		k.happened("RotateKey", key, details)
	}
}

// recorded is the versions of the file that m names: a version whose record was lost to a crash was never
// used and goes.
func (f *MaterialFile) recorded(m *Metadata) []MaterialVersion {
	return slices.DeleteFunc(slices.Clone(f.Versions), func(v MaterialVersion) bool {
		return !slices.ContainsFunc(m.Versions, func(r Version) bool { return r.MaterialID == v.MaterialID })
	})
}

// after is the rotation's plan after a rotation. One on demand does not change it. Periods that were missed
// are not made up for.
func (r Rotation) after(by RotationType, now time.Time) Rotation {
	if by == OnDemand || !r.Enabled {
		return r
	}
	r.Next = r.Next.AddDate(0, 0, r.Period)
	if !r.Next.After(now) {
		r.Next = now.AddDate(0, 0, r.Period)
	}
	return r
}

// Rewrap wraps the material of every key anew under the newest root key, and says of how many keys.
func (k *Keyring) Rewrap(ctx context.Context) (int, error) {
	done := 0
	for id, keys := range k.allKeys() {
		if err := ctx.Err(); err != nil {
			return done, err
		}
		if err := k.rewrapKey(id, keys[0]); err != nil {
			return done, err
		}
		done++
	}
	return done, nil
}

func (k *Keyring) rewrapKey(id string, key *Key) error {
	defer k.lock(key)()
	if m := key.Metadata(); m.State == Erased || len(m.Versions) == 0 {
		return nil
	}
	file, err := k.store.read(id)
	if oserror.IsNotExist(err) && key.Metadata().Origin == OriginExternal {
		return nil // its owner took the material away
	}
	if err != nil {
		return err
	}
	if err := file.rewrap(k.config.Root); err != nil {
		return err
	}
	return k.store.write(id, file)
}

func (f *MaterialFile) rewrap(root RootKey) error {
	for i, v := range f.Versions {
		key, err := f.unwrap(root, v)
		if err != nil {
			return err
		}
		err = key.With(func(bare []byte) (err error) {
			f.Versions[i], err = f.wrap(root, bare, v.Created)
			return err
		})
		key.Destroy()
		if err != nil {
			return err
		}
	}
	return nil
}
