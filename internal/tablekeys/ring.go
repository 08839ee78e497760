package tablekeys

import (
	"context"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"io"
	"log/slog"
	"sync"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/sealtable/sealtable/internal/lockedmem"
	"github.com/sealtable/sealtable/internal/seal"
	"github.com/sealtable/sealtable/internal/storage"
)

// systemLabel makes the data keys of system tables from the catalog key. They have one epoch.
const (
	systemLabel = "sealtable system table data key v1"
	systemEpoch = storage.Epoch(1)
)

// Installation gives the installation's own keys. *seal.Root is one.
type Installation interface {
	InstallationKey(seal.Purpose) (*lockedmem.Key, error)
}

// Ring holds the keys of all tables. It is safe for concurrent use.
type Ring struct {
	fs      vfs.FS
	dataDir string
	arena   *lockedmem.Arena
	catalog *lockedmem.Key
	logger  *slog.Logger
	random  io.Reader

	mu     sync.RWMutex
	tables map[storage.TableID]*table
	closed bool
}

var _ storage.Keys = (*Ring)(nil)

// table is what the ring knows of one table. Ring.mu guards locks and keys.
type table struct {
	gate chan struct{} // holds one token while the table is being unlocked or changed

	file    sync.Mutex // held while the keys file is read or replaced
	settled bool       // the name of the keys file is durable

	locks uint64 // how often the table was locked
	keys  *openKeys
}

// openKeys are the keys of an unlocked table.
type openKeys struct {
	number   uint32 // of the table key
	tableKey *lockedmem.Key
	prepared *lockedmem.Key // the table key that a pending change will make the current one
	current  storage.Epoch
	data     map[storage.Epoch]*lockedmem.Key
}

func (k *openKeys) destroy() {
	k.tableKey.Destroy()
	k.prepared.Destroy()
	for _, key := range k.data {
		key.Destroy()
	}
}

// New returns a ring over the keys files in dataDir, with all tables locked. Keys lie in arena, which
// outlives the ring.
func New(
	fs vfs.FS, dataDir string, installation Installation, arena *lockedmem.Arena, logger *slog.Logger,
) (*Ring, error) {
	catalog, err := installation.InstallationKey(seal.Catalog)
	if err != nil {
		return nil, err
	}
	return &Ring{fs: fs, dataDir: dataDir, arena: arena, catalog: catalog, logger: logger,
		random: rand.Reader,
		tables: make(map[storage.TableID]*table)}, nil
}

// Close locks every table and forgets the catalog key.
func (r *Ring) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	for _, t := range r.tables {
		t.lock()
	}
	r.catalog.Destroy()
	return nil
}

// Current is the epoch that new files are sealed under; see storage.Keys. The table must be unlocked.
func (r *Ring) Current(id storage.TableID) (storage.Epoch, error) {
	if id.IsSystem() {
		return systemEpoch, nil
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	keys := r.openKeys(id)
	if keys == nil {
		return 0, fail(id, ErrLocked, nil)
	}
	return keys.current, nil
}

// Key copies the data key of an epoch; see storage.Keys. The table must be unlocked.
func (r *Ring) Key(id storage.TableID, epoch storage.Epoch, key *[storage.KeySize]byte) error {
	if id.IsSystem() {
		return r.systemKey(id, epoch, key)
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	keys := r.openKeys(id)
	if keys == nil {
		return fail(id, ErrLocked, nil)
	}
	found, ok := keys.data[epoch]
	if !ok {
		return fail(id, ErrNoEpoch, nil)
	}
	return found.CopyTo(key[:])
}

// systemKey derives a key of the installation's own tables.
func (r *Ring) systemKey(id storage.TableID, epoch storage.Epoch, key *[storage.KeySize]byte) error {
	if epoch != systemEpoch {
		return fail(id, ErrNoEpoch, nil)
	}
	err := r.catalog.With(func(catalog []byte) error {
		derived, err := hkdf.Key(sha256.New, catalog, id[:], systemLabel, storage.KeySize)
		copy(key[:], derived)
		lockedmem.Wipe(derived)
		return err
	})
	if errors.Is(err, lockedmem.ErrDestroyed) {
		return fail(id, ErrClosed, nil)
	}
	return err
}

// Unlocked says whether the keys of the table are in memory. System tables always are.
func (r *Ring) Unlocked(id storage.TableID) bool {
	if id.IsSystem() {
		return true
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.openKeys(id) != nil
}

// Lock overwrites the table's keys in memory. An Unlock that is under way then fails: what it asked the key
// service is no longer an answer. The store keeps its own copies until its SealTable, which the caller calls
// afterwards: from Lock on nothing can wake the table, while what is awake can still be made durable. wasOpen
// says whether there was anything to lock. Locking a system table does nothing.
func (r *Ring) Lock(id storage.TableID) (wasOpen bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.tables[id]
	return t != nil && t.lock()
}

// lock drops the keys, and says whether there were any. The caller holds Ring.mu.
func (t *table) lock() (wasOpen bool) {
	t.locks++
	if t.keys == nil {
		return false
	}
	t.keys.destroy()
	t.keys = nil
	return true
}

// openKeys gives the keys of an unlocked table, or nil. The caller holds mu.
func (r *Ring) openKeys(id storage.TableID) *openKeys {
	if t := r.tables[id]; t != nil {
		return t.keys
	}
	return nil
}

// find gives what the ring knows of a table.
func (r *Ring) find(id storage.TableID) (*table, error) {
	if id.IsSystem() {
		return nil, fail(id, ErrSystem, nil)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, fail(id, ErrClosed, nil)
	}
	t := r.tables[id]
	if t == nil {
		t = &table{gate: make(chan struct{}, 1)}
		r.tables[id] = t
	}
	return t, nil
}

// enter waits until nobody else unlocks or changes the table. leave must be called when err is nil.
func (r *Ring) enter(ctx context.Context, id storage.TableID) (t *table, leave func(), err error) {
	if t, err = r.find(id); err != nil {
		return nil, nil, err
	}
	select {
	case t.gate <- struct{}{}:
		return t, func() { <-t.gate }, nil
	case <-ctx.Done():
		return nil, nil, fail(id, ErrLocked, context.Cause(ctx))
	}
}

// state tells whether the table is unlocked, and how often it was locked.
func (r *Ring) state(t *table) (unlocked bool, locks uint64) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return t.keys != nil, t.locks
}

// install unlocks the table with keys, unless it was locked since locks was read.
func (r *Ring) install(id storage.TableID, t *table, keys *openKeys, locks uint64) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if t.locks != locks || r.closed {
		keys.destroy()
		return fail(id, ErrLocked, errors.New("it was locked meanwhile"))
	}
	t.keys = keys
	return nil
}

// newKey makes a random key.
func (r *Ring) newKey() (*lockedmem.Key, error) {
	return r.arena.New(storage.KeySize, func(b []byte) error {
		_, err := io.ReadFull(r.random, b)
		return err
	})
}

// takeTableKey moves a table key into locked memory; bare is wiped.
func (r *Ring) takeTableKey(id storage.TableID, bare []byte) (*lockedmem.Key, error) {
	if len(bare) != storage.KeySize {
		lockedmem.Wipe(bare)
		return nil, fail(id, ErrTableKey, errors.New("a table key has 32 bytes"))
	}
	return r.arena.FromBytes(bare)
}
