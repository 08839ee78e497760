package keyring

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/cockroachdb/errors/oserror"
)

// What a key of origin EXTERNAL has of its material. Each of its versions is known for good from when it is
// first used, and is there or not; one more may wait to be rotated to. Related keys know the same versions,
// and each has those that were imported into it.

// Imported is on what terms material was imported.
type Imported struct {
	ValidTo time.Time `json:"validTo,omitzero"` // zero: it does not expire
}

// HasMaterial says whether the key has what it needs to work: all keys do, except those of which some
// material was not imported yet, was taken away, or expired.
func (m *Metadata) HasMaterial() bool {
	if m.Origin != OriginExternal {
		return true
	}
	return len(m.Versions) > 0 && !slices.ContainsFunc(m.Versions,
		func(v Version) bool { return v.Import == nil })
}

// Held is the versions whose material this key has: those that it works with, and the one that waits to be
// rotated to.
func (m *Metadata) Held() []Version {
	if m.Origin != OriginExternal {
		return m.Versions
	}
	return slices.DeleteFunc(m.known(), func(v Version) bool { return v.Import == nil })
}

// Terms are what the material of the key is subject to, nil if it lacks any, or was not imported: the
// earliest of its ends.
func (m *Metadata) Terms() *Imported {
	if m.Origin != OriginExternal || !m.HasMaterial() {
		return nil
	}
	terms := new(Imported)
	for _, v := range m.Versions {
		terms.ValidTo = earlier(terms.ValidTo, v.Import.ValidTo)
	}
	return terms
}

// earlier is the earlier of two moments, of which zero is none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// known is every version that the key knows of.
func (m *Metadata) known() []Version {
	all := slices.Clone(m.Versions)
	if m.Pending != nil {
		all = append(all, *m.Pending)
	}
	return all
}

func (m *Metadata) knows(id string) bool {
	return slices.ContainsFunc(m.known(), func(v Version) bool { return v.MaterialID == id })
}

func (m *Metadata) holds(id string) bool {
	return slices.ContainsFunc(m.Held(), func(v Version) bool { return v.MaterialID == id })
}

func (m *Metadata) awaits(id string) bool { return m.Pending != nil && m.Pending.MaterialID == id }

// meet lets the key know of a version, the first of all or one that waits.
func (k *Keyring) meet(m *Metadata, v Version) {
	switch {
	case m.knows(v.MaterialID):
	case len(m.Versions) == 0:
		m.Versions = []Version{v}
		m.backing = []*backingKey{k.backingFor(m, v.MaterialID)}
	default:
		m.Pending = &v
	}
}

// edit changes what is known of versions, in copies.
func (m *Metadata) edit(change func(v *Version)) {
	m.Versions = slices.Clone(m.Versions)
	for i := range m.Versions {
		change(&m.Versions[i])
	}
	if m.Pending != nil {
		pending := *m.Pending
		change(&pending)
		m.Pending = &pending
	}
}

// imported notes that the key has material now.
func (m *Metadata) imported(id string, terms Imported, description string) {
	terms.ValidTo = terms.ValidTo.Truncate(time.Millisecond)
	m.edit(func(v *Version) {
		if v.MaterialID != id {
			return
		}
		v.Import = &terms
		if description != "" {
			v.Description = description
		}
	})
}

// lose notes that the key does not have material any more.
func (m *Metadata) lose(ids []string) {
	m.edit(func(v *Version) {
		if slices.Contains(ids, v.MaterialID) {
			v.Import = nil
		}
	})
}

// loseAllBut is lose for what is not in the key's file.
func (m *Metadata) loseAllBut(held []string) {
	m.edit(func(v *Version) {
		if !slices.Contains(held, v.MaterialID) {
			v.Import = nil
		}
	})
}

// settle makes the state say whether the key has its material.
func (m *Metadata) settle() {
	switch {
	case m.Origin != OriginExternal || m.State == PendingDeletion || m.State == PendingReplicaDeletion ||
		m.State == Erased:
	case !m.HasMaterial():
		m.State = PendingImport
	case m.State == PendingImport:
		m.State = Enabled
	case m.State == Unavailable:
		m.State = m.stored
	}
}

// keepImported puts a version into the file of m's set, unless it is there, and says what the file holds
// then. What nobody knows of goes: it was left by an import that failed. A file that cannot be read is
// replaced: its owner has what was in it.
func (k *Keyring) keepImported(m *Metadata, version MaterialVersion) (held []string, err error) {
	file, err := k.store.read(m.ID)
	if err != nil {
		file = &MaterialFile{KeyID: m.ID, Spec: m.Spec}
	}
	changed := file.keep(k.related(m), version.MaterialID)
	if !file.has(version.MaterialID) {
		file.Versions, changed = append(file.Versions, version), true
	}
	for _, v := range file.Versions {
		held = append(held, v.MaterialID)
	}
	if !changed {
		return held, nil
	}
	return held, k.store.write(m.ID, file)
}

func (f *MaterialFile) has(id string) bool {
	return slices.ContainsFunc(f.Versions, func(v MaterialVersion) bool { return v.MaterialID == id })
}

// keep drops the versions that none of the keys has, but for one, and says whether there were any.
func (f *MaterialFile) keep(keys []*Key, besides string) (dropped bool) {
	before := len(f.Versions)
	f.Versions = slices.DeleteFunc(slices.Clone(f.Versions), func(v MaterialVersion) bool {
		return v.MaterialID != besides && !anyHolds(keys, v.MaterialID)
	})
	return len(f.Versions) < before
}

func anyHolds(keys []*Key, id string) bool {
	return slices.ContainsFunc(keys, func(key *Key) bool { return key.Metadata().holds(id) })
}

// DeleteMaterial takes imported material away, the current one if none is named, and says which. Nothing
// opens until the same is imported again. Material that waited to be rotated to is forgotten, in replicas as
// well if it is taken from their primary key.
func (k *Keyring) DeleteMaterial(ctx context.Context, key *Key, materialID string) (string, error) {
	defer k.lock(key)()
	m := key.Metadata()
	if err := m.Permits("DeleteImportedKeyMaterial"); err != nil {
		return "", err
	}
	if materialID == "" {
		materialID = m.CurrentMaterial()
	} else if !m.knows(materialID) {
		return "", fail(NotFound, "Key material %s of %s does not exist.", materialID, key.arn)
	}
	if !m.holds(materialID) && !m.awaits(materialID) {
		return materialID, nil
	}
	return materialID, k.dropMaterial(ctx, key, []string{materialID})
}

// dropExpired takes away what expired by now.
func (k *Keyring) dropExpired(ctx context.Context, key *Key, now time.Time) error {
	var ids []string
	for _, v := range key.Metadata().Held() {
		if to := v.Import.ValidTo; !to.IsZero() && !to.After(now) {
			ids = append(ids, v.MaterialID)
		}
	}
	err := k.dropMaterial(ctx, key, ids)
	for _, id := range ids {
		if err == nil {
			k.happened("DeleteExpiredKeyMaterial", key, map[string]string{"keyMaterialId": id})
		}
	}
	return err
}

// dropMaterial erases imported material, on disk and in memory, unless a related key still uses it, and says
// so. It may be called again after it failed. The caller holds the locks.
func (k *Keyring) dropMaterial(ctx context.Context, key *Key, ids []string) error {
	m := key.Metadata()
	forgotten := m.Leads() && m.Pending != nil && slices.Contains(ids, m.Pending.MaterialID)
	gone := slices.DeleteFunc(slices.Clone(ids), func(id string) bool {
		return !(forgotten && m.awaits(id)) && anyHolds(k.others(key), id)
	})
	if err := k.discardMaterial(key, gone); err != nil {
		return err
	}
	return k.changeAll(ctx, k.related(m), func(m *Metadata) error {
		if m.Scope == key.scope {
			m.lose(ids)
		}
		if forgotten {
			m.Pending = nil
		}
		m.settle()
		return nil
	})
}

// discardMaterial erases material that may come back. Versions that others have stay, if the file can be read
// at all.
func (k *Keyring) discardMaterial(key *Key, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	file, err := k.store.read(key.id)
	if err == nil {
		file.Versions = slices.DeleteFunc(file.Versions, func(v MaterialVersion) bool {
			return slices.Contains(ids, v.MaterialID)
		})
		file.keep(k.related(key.Metadata()), "")
	}
	if err != nil || len(file.Versions) == 0 {
		err = k.store.discard(key.id)
	} else {
		err = k.store.write(key.id, file)
	}
	if err != nil {
		return err
	}
	for _, b := range key.Metadata().backing {
		if slices.Contains(ids, b.materialID) {
			b.drop()
		}
	}
	return nil
}

// rotateImported puts the material that waits to use.
func (k *Keyring) rotateImported(ctx context.Context, key *Key, now time.Time) error {
	m := key.Metadata()
	if !k.PendingEverywhere(key) {
		return fail(InvalidState, "No available key material pending rotation for the key: %s.", key.arn)
	}
	backing := k.backingFor(m, m.Pending.MaterialID)
	err := k.changeAll(ctx, k.related(m), func(m *Metadata) error {
		next := *m.Pending
		next.Created, next.Type = now.Truncate(time.Millisecond), OnDemand
		m.Versions, m.Pending = append(slices.Clone(m.Versions), next), nil
		m.backing = append(slices.Clone(m.backing), backing)
		return nil
	})
	if err == nil {
		k.rotated(k.related(m), OnDemand)
	}
	return err
}

// PendingEverywhere says whether the key and all that are related to it have the material that waits to be
// rotated to.
func (k *Keyring) PendingEverywhere(key *Key) bool {
	m := key.Metadata()
	return m.Pending != nil && !slices.ContainsFunc(k.related(m), func(other *Key) bool {
		return !other.Metadata().holds(m.Pending.MaterialID)
	})
}

// settleImported brings the file of imported material and the records together. What no record says goes:
// nobody was told that its import succeeded, and its owner has it. A key that misses what its record says is
// Unavailable.
func (k *Keyring) settleImported(id string, keys []*Key) error {
	if keys[0].Metadata().Origin != OriginExternal {
		return nil
	}
	file, err := k.store.read(id)
	switch {
	case oserror.IsNotExist(err):
		file, err = new(MaterialFile), nil
	case err != nil && slices.ContainsFunc(keys, func(key *Key) bool {
		return len(key.Metadata().Held()) > 0
	}):
		k.config.Log.Error("imported key material cannot be read: import it again", "key", id, "error", err)
		file, err = new(MaterialFile), nil
	case err != nil:
		file, err = new(MaterialFile), k.store.discard(id)
	case !file.keep(keys, ""):
	case len(file.Versions) == 0:
		err = k.store.discard(id)
	default:
		err = k.store.write(id, file)
	}
	if err != nil {
		return fmt.Errorf("clear away an import that was cut short: %w", err)
	}
	k.markUnavailable(slices.DeleteFunc(slices.Clone(keys), func(key *Key) bool {
		return !slices.ContainsFunc(key.Metadata().Held(), func(v Version) bool {
			return !file.has(v.MaterialID)
		})
	}))
	return nil
}
