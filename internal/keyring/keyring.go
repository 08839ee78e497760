package keyring

import (
	"context"
	"log/slog"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/sealtable/sealtable/internal/clock"
	"github.com/sealtable/sealtable/internal/lockedmem"
)

// Records keeps the metadata. Names are short paths; what they hold is for this package to read.
type Records interface {
	// Load calls f for every record, in any order. f does not keep data.
	Load(ctx context.Context, f func(name string, data []byte) error) error
	// Write makes all changes, or none. When it returns nil they are durable.
	Write(ctx context.Context, changes ...Change) error
}

// Change writes one record, or deletes it where Data is nil.
type Change struct {
	Name string
	Data []byte
}

// Config is what a Keyring is made of. Every member is needed, except for those that say so.
type Config struct {
	FS      vfs.FS
	Dir     string // of the material files; made when it is not there
	Root    RootKey
	Records Records
	Clock   *clock.Clock
	Arena   *lockedmem.Arena
	// Transition is how long a new replica is Creating, and a set Updating whose primary key moves. Zero:
	// they are never seen to be.
	Transition time.Duration
	// Changed, if set, hears of every change of a key's state, policy, grants or versions, after it is
	// durable and visible. It must not block and must not change the key.
	Changed func(key *Key)
	// Happened, if set, hears of what the key service did to a key, after it is durable. It must not block
	// and must not change the key.
	Happened func(e Event)
	Log      *slog.Logger // nil: slog.Default()
}

// Event is something that the key service did to a key: at its time, or because of a call. Names and details
// are those of KMS's service events ("Examples of AWS KMS log entries": RotateKey, DeleteKey,
// DeleteExpiredKeyMaterial).
type Event struct {
	Name    string
	Key     *Key
	Details map[string]string
}

func (k *Keyring) happened(name string, key *Key, details map[string]string) {
	if k.config.Happened == nil {
		return
	}
	all := map[string]string{"keyId": key.id}
	maps.Copy(all, details)
	k.config.Happened(Event{Name: name, Key: key, Details: all})
}

// Keyring is all keys of an installation. It is safe for concurrent use.
type Keyring struct {
	config   Config
	store    materialStore
	regions  index[Scope, *region]
	backing  index[BackingID, *backingKey]
	revision atomic.Uint64
	closing  sync.Once
	// generators has room for those who generate RSA keys.
	generators chan struct{}
}

// region is the keys and aliases of one scope. Changes in it happen one at a time; reads do not wait for
// them.
type region struct {
	scope      Scope
	mu         sync.Mutex // held by changes
	keys       index[string, *Key]
	aliases    index[string, *Alias]
	keyNames   names
	aliasNames names
	owned      atomic.Pointer[Key]
}

// Key is one key of the keyring. What is known of it changes, the Key stays the same, so that it may be kept.
type Key struct {
	scope   Scope
	id, arn string
	current atomic.Pointer[Metadata]
	aliases atomic.Pointer[[]string] // names, sorted
	grants  grantSet
	usage   usage
	alarm   time.Time // when the earliest job set for it looks at the key; guarded by region.mu
}

// Metadata is what is known of the key now.
func (k *Key) Metadata() *Metadata { return k.current.Load() }

// ARN is the ARN of the key.
func (k *Key) ARN() string { return k.arn }

// ID is the id of the key.
func (k *Key) ID() string { return k.id }

// Scope is the account and the Region of the key.
func (k *Key) Scope() Scope { return k.scope }

// Aliases are the names of the key's aliases, sorted.
func (k *Key) Aliases() []string {
	if list := k.aliases.Load(); list != nil {
		return *list
	}
	return nil
}

func newKey(m *Metadata) *Key {
	k := &Key{scope: m.Scope, id: m.ID, arn: m.ARN()}
	k.current.Store(m)
	return k
}

// Revision grows with every change of any key or alias. Decisions made at one revision hold while it stays.
func (k *Keyring) Revision() uint64 { return k.revision.Load() }

// Close writes down what is not yet written and forgets all bare keys. The Keyring is not used after it:
// close the clock before, and the records after.
func (k *Keyring) Close() error {
	var err error
	k.closing.Do(func() {
		err = k.flushUsage(context.Background())
		k.backing.each(func(_ BackingID, b *backingKey) { b.forget() })
	})
	return err
}

func (k *Keyring) region(s Scope) *region {
	if r, ok := k.regions.load(s); ok {
		return r
	}
	return k.regions.loadOrStore(s, &region{scope: s})
}

// change makes a new version of the key's metadata, writes it down and shows it. edit gets a shallow copy of
// the present one: it replaces what it changes and never writes through its slices. The caller holds the
// region's mu.
func (k *Keyring) change(ctx context.Context, key *Key, edit func(m *Metadata) error) error {
	return k.changeAll(ctx, []*Key{key}, edit)
}

// show makes m what is known of the key.
func (k *Keyring) show(key *Key, m *Metadata) {
	m.revision = k.revision.Add(1)
	key.current.Store(m)
	k.arm(key)
	k.notify(key)
}

func (k *Keyring) notify(key *Key) {
	if k.config.Changed != nil {
		k.config.Changed(key)
	}
}

// update is change under the lock, for an operation that the key's state must permit.
func (k *Keyring) update(ctx context.Context, key *Key, op Operation, edit func(m *Metadata) error) error {
	defer k.lock(key)()
	if err := key.Metadata().Permits(op); err != nil {
		return err
	}
	return k.change(ctx, key, edit)
}
