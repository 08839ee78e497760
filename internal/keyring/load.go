package keyring

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/sealtable/sealtable/internal/clock"
)

// usagePeriod is how often the last use of keys is written down.
const usagePeriod = time.Hour

// Open reads the metadata of all keys and does what fell due while nobody looked: deletions, rotations, and
// cleaning up after a crash. A key whose material is not there is Unavailable; the others are not touched by
// that.
func Open(ctx context.Context, config Config) (*Keyring, error) {
	if config.Log == nil {
		config.Log = slog.Default()
	}
	k := &Keyring{
		config: config, store: materialStore{fs: config.FS, dir: config.Dir, root: config.Root},
		generators: make(chan struct{}, maxGenerators),
	}
	if err := k.store.make(); err != nil {
		return nil, fmt.Errorf("make the directory of key material: %w", err)
	}
	if err := k.loadRecords(ctx); err != nil {
		return nil, fmt.Errorf("load the keys: %w", err)
	}
	if err := k.settleFiles(); err != nil {
		return nil, fmt.Errorf("check the key material in %s: %w", config.Dir, err)
	}
	k.catchUp()
	k.config.Clock.Sweep(usagePeriod, func(time.Time, bool) clock.Outlook {
		if err := k.flushUsage(context.Background()); err != nil {
			k.config.Log.Warn("the last use of keys could not be written down; it is tried again in an hour",
				"error", err)
		}
		return clock.Outlook{}
	})
	return k, nil
}

// loaded is what records hold before it is put together: records come in any order.
type loaded struct {
	aliases []*Alias
	grants  []*Grant
	usages  []usageRecord
}

func (k *Keyring) loadRecords(ctx context.Context) error {
	var rest loaded
	err := k.config.Records.Load(ctx, func(name string, data []byte) error {
		kind, scope, within, err := splitRecordName(name)
		if err != nil {
			return err
		}
		if err := k.loadRecord(kind, scope, within, data, &rest); err != nil {
			return fmt.Errorf("record %s: %w", name, err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	k.link(&rest)
	return nil
}

func (k *Keyring) loadRecord(kind string, scope Scope, name string, data []byte, rest *loaded) (err error) {
	switch kind {
	case "key", "owned":
		return k.loadKey(scope, name, data)
	case "alias":
		return appendDecoded(&rest.aliases, data, func(a *Alias) bool {
			return a.Scope == scope && a.Name == name
		})
	case "grant":
		return appendDecoded(&rest.grants, data, func(g *Grant) bool {
			return g.Scope == scope && g.KeyID+"/"+g.ID == name
		})
	case "usage":
		return appendUsage(&rest.usages, scope, name, data)
	}
	return fmt.Errorf("it is of kind %q, which this program does not know: use a newer program", kind)
}

// appendDecoded decodes a record and appends it, if it stands where it belongs.
func appendDecoded[T any](list *[]*T, data []byte, belongs func(*T) bool) error {
	v := new(T)
	if err := json.Unmarshal(data, v); err != nil {
		return err
	}
	if !belongs(v) {
		return errors.New("it holds what belongs elsewhere")
	}
	*list = append(*list, v)
	return nil
}

func (k *Keyring) loadKey(scope Scope, id string, data []byte) error {
	m, err := decodeMetadata(data)
	if err != nil {
		return err
	}
	if m.Scope != scope || m.ID != id {
		return fmt.Errorf("it holds key %s of another place", m.ARN())
	}
	if err := m.compile(); err != nil {
		return fmt.Errorf("compile the policy of key %s: %w", m.ARN(), err)
	}
	for _, v := range m.Versions {
		m.backing = append(m.backing, k.backingFor(m, v.MaterialID))
	}
	k.enter(newKey(m))
	return nil
}

// backingFor is the backing key with this material, shared by related multi-Region keys.
func (k *Keyring) backingFor(m *Metadata, materialID string) *backingKey {
	b := newBackingKey(m.Scope.Account, m.ID, materialID)
	return k.backing.loadOrStore(b.id, b)
}

// enter puts a key where it is found.
func (k *Keyring) enter(key *Key) {
	r := k.region(key.scope)
	if key.Metadata().Manager == ownedByInstallation {
		r.owned.Store(key)
		return
	}
	r.keys.store(key.id, key)
	r.keyNames.add(key.id)
}

// link ties aliases, grants and last uses to their keys.
func (k *Keyring) link(rest *loaded) {
	for _, a := range rest.aliases {
		r := k.region(a.Scope)
		r.aliases.store(a.Name, a)
		r.aliasNames.add(a.Name)
		if key, ok := r.keys.load(a.Target); ok {
			key.addAlias(a.Name)
		}
	}
	for _, g := range rest.grants {
		if key, ok := k.region(g.Scope).keys.load(g.KeyID); ok {
			key.grants.add(g)
		}
	}
	for _, u := range rest.usages {
		if key, ok := k.region(u.scope).keys.load(u.id); ok {
			key.usage.restore(u)
		}
	}
}

// settleFiles brings the material files and the records together. What is marked as unborn is a key's if its
// record made it to the catalog, and is erased otherwise: nobody can have used it. Any other file without a
// record is kept and reported, because the catalog may be the one that is wrong.
func (k *Keyring) settleFiles() error {
	files, unborn, err := k.store.list()
	if err != nil {
		return err
	}
	known := k.allKeys()
	for _, id := range unborn {
		if err := k.settleUnborn(id, len(known[id]) > 0); err != nil {
			return err
		}
	}
	for _, id := range files {
		if len(known[id]) == 0 && !slices.Contains(unborn, id) {
			k.config.Log.Warn("key material belongs to no key and is kept: was the catalog put back from "+
				"an older backup?",
				"key", id)
		}
	}
	slices.Sort(files)
	for id, keys := range known {
		if _, found := slices.BinarySearch(files, id); !found {
			k.markUnavailable(keys)
		} else if err := k.settleImported(id, keys); err != nil {
			return err
		}
	}
	return nil
}

func (k *Keyring) settleUnborn(id string, recorded bool) error {
	if !recorded {
		if err := k.store.erase(id); err != nil {
			return err
		}
	}
	return k.store.born(id)
}

// markUnavailable shows keys as Unavailable without writing that down: it ends when the file is back at the
// next start.
func (k *Keyring) markUnavailable(keys []*Key) {
	for _, key := range keys {
		m := *key.Metadata()
		if m.State == PendingDeletion || m.State == PendingReplicaDeletion || !m.HasMaterial() {
			// nothing is missed there; a deletion was perhaps cut short and is finished when it is due
			continue
		}
		k.config.Log.Error("key material is missing: put its file back from a backup of the keys directory "+
			"and restart",
			"key", key.arn)
		m.stored, m.State = m.State, Unavailable
		key.current.Store(&m)
	}
}

// allKeys is every key by its id, those of the installation too.
func (k *Keyring) allKeys() map[string][]*Key {
	all := make(map[string][]*Key)
	k.regions.each(func(_ Scope, r *region) {
		r.keys.each(func(id string, key *Key) { all[id] = append(all[id], key) })
		if key := r.owned.Load(); key != nil {
			all[key.id] = append(all[key.id], key)
		}
	})
	return all
}

func (k *Keyring) catchUp() {
	now := k.config.Clock.Now()
	for _, keys := range k.allKeys() {
		for _, key := range keys {
			k.catchUpKey(key, now)
		}
	}
}

func (k *Keyring) catchUpKey(key *Key, now time.Time) {
	defer k.lock(key)()
	if k.act(key, now) {
		k.arm(key)
	}
}
