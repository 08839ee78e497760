package tablekeys

import (
	"context"
	"errors"
	"io/fs"

	"github.com/sealtable/sealtable/internal/lockedmem"
	"github.com/sealtable/sealtable/internal/seal/envelope"
	"github.com/sealtable/sealtable/internal/storage"
)

// Unwrap asks the key service for a table key: it decrypts ciphertext with the encryption context, and says
// which key did it. The ring wipes tableKey.
type Unwrap func(ctx context.Context, keyARN string, encryption map[string]string, ciphertext []byte) (
	tableKey []byte, keyARNUsed string, err error)

// Unlock brings the keys of a table into memory. At most one caller at a time unwraps for a table; the others
// wait, and find it unlocked or try for themselves, since what the key service refuses to one caller it may
// grant to another. When unwrapping fails the error is that of unwrap inside one that is ErrLocked. While a
// change of key is pending the old key is the one asked.
func (r *Ring) Unlock(ctx context.Context, id storage.TableID, unwrap Unwrap) error {
	if r.Unlocked(id) {
		return nil
	}
	t, leave, err := r.enter(ctx, id)
	if err != nil {
		return err
	}
	defer leave()
	unlocked, locks := r.state(t)
	if unlocked {
		return nil
	}
	f, err := r.load(t, id)
	if err != nil {
		return err
	}
	if err := r.settle(t, id); err != nil {
		return err
	}
	tableKey, err := r.unwrapTableKey(ctx, id, f.current.chain.clone(), unwrap)
	if err != nil {
		return err
	}
	keys, err := r.openLink(id, &f.current, tableKey)
	if err != nil {
		return err
	}
	return r.install(id, t, keys, locks)
}

// unwrapTableKey asks for the table key and checks that the key on record gave it.
func (r *Ring) unwrapTableKey(
	ctx context.Context, id storage.TableID, c Chain, unwrap Unwrap,
) (*lockedmem.Key, error) {
	bare, used, err := unwrap(ctx, c.KeyARN, c.Context, c.TableKeyCiphertext)
	if err != nil {
		lockedmem.Wipe(bare)
		return nil, fail(id, ErrLocked, err)
	}
	if used != c.KeyARN {
		lockedmem.Wipe(bare)
		return nil, fail(id, ErrTableKey, errors.New("it was unwrapped by "+used+" and not by "+c.KeyARN))
	}
	return r.takeTableKey(id, bare)
}

// openLink unwraps all data keys of a table key, which it takes over.
func (r *Ring) openLink(id storage.TableID, l *link, tableKey *lockedmem.Key) (*openKeys, error) {
	keys := &openKeys{number: l.number, tableKey: tableKey, current: l.epoch(),
		data: make(map[storage.Epoch]*lockedmem.Key, len(l.keys))}
	for i := range l.keys {
		key, err := unwrapKey(r.arena, id, &l.keys[i], tableKey)
		if err != nil {
			keys.destroy()
			if errors.Is(err, envelope.ErrNotAuthentic) {
				err = fail(id, ErrTableKey, err)
			}
			return nil, err
		}
		keys.data[l.keys[i].epoch] = key
	}
	return keys, nil
}

// Create makes the keys file of a new table, with a data key of epoch 1 under tableKey, and leaves the table
// unlocked. It is durable when Create returns. tableKey is wiped, whatever happens.
func (r *Ring) Create(ctx context.Context, id storage.TableID, chain Chain, tableKey []byte) error {
	defer lockedmem.Wipe(tableKey)
	if err := chain.validate(); err != nil {
		return fail(id, ErrInvalid, err)
	}
	t, leave, err := r.enter(ctx, id)
	if err != nil {
		return err
	}
	defer leave()
	if _, err := r.load(t, id); !errors.Is(err, ErrNotFound) {
		return fail(id, ErrExists, err)
	}
	_, locks := r.state(t)
	keys, f, err := r.newTable(id, chain, tableKey)
	if err != nil {
		return err
	}
	if err := r.makeDir(id); err != nil {
		keys.destroy()
		return fail(id, ErrDisk, err)
	}
	if err := r.store(t, id, f); err != nil {
		keys.destroy()
		return err
	}
	return r.install(id, t, keys, locks)
}

func (r *Ring) newTable(id storage.TableID, chain Chain, bare []byte) (*openKeys, *keysFile, error) {
	tableKey, err := r.takeTableKey(id, bare)
	if err != nil {
		return nil, nil, err
	}
	keys := &openKeys{number: 1, tableKey: tableKey, current: 1, data: map[storage.Epoch]*lockedmem.Key{}}
	if keys.data[1], err = r.newKey(); err != nil {
		keys.destroy()
		return nil, nil, err
	}
	wrapped, err := wrapKey(r.random, id, 1, tableKey, keys.data[1])
	if err != nil {
		keys.destroy()
		return nil, nil, err
	}
	return keys, &keysFile{last: 1, current: link{number: 1, chain: chain.clone(),
		keys: []wrappedKey{wrapped}}}, nil
}

// Destroy erases the keys of a table for good: in memory, and on the disk, where they are overwritten before
// their name is removed. It needs no key, and can be repeated. Destroying the keys of a table that has none
// is no error.
func (r *Ring) Destroy(ctx context.Context, id storage.TableID) error {
	t, leave, err := r.enter(ctx, id)
	if err != nil {
		return err
	}
	defer leave()
	r.Lock(id)
	t.file.Lock()
	defer t.file.Unlock()
	t.settled = false
	if err := r.destroyFiles(id); err != nil {
		return fail(id, ErrDisk, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.tables, id)
	return nil
}

func (r *Ring) destroyFiles(id storage.TableID) error {
	if _, err := r.fs.Stat(r.dir(id)); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, name := range []string{keysName, tempName} {
		if err := r.erase(r.path(id, name)); err != nil {
			return err
		}
	}
	return syncDir(r.fs, r.dir(id))
}

// Info describes the keys of a table. It is for the engine and for inspection: it names the table.
type Info struct {
	Current    Link
	Prepared   *Link // while a change of key is pending
	Epochs     []storage.Epoch
	Generation uint64 // how many times the keys file was written
	Unlocked   bool
}

// Link is a table key as the key service wraps it.
type Link struct {
	Chain
	Number uint32 // counts the table keys of the table
}

// Describe reads the keys file of a table. It needs no key but the installation's.
func (r *Ring) Describe(id storage.TableID) (Info, error) {
	t, err := r.find(id)
	if err != nil {
		return Info{}, err
	}
	f, err := r.load(t, id)
	if err != nil {
		return Info{}, err
	}
	unlocked, _ := r.state(t)
	current := Link{f.current.chain, f.current.number}
	info := Info{Current: current, Epochs: f.current.epochs(), Generation: f.generation, Unlocked: unlocked}
	if f.prepared != nil {
		info.Prepared = &Link{f.prepared.chain, f.prepared.number}
	}
	return info, nil
}
