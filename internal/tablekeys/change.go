package tablekeys

import (
	"context"
	"errors"

	"github.com/sealtable/sealtable/internal/lockedmem"
	"github.com/sealtable/sealtable/internal/storage"
)

// A change of the table's key has two phases, so that it can be made one with a change of the catalog:
//
//	number := PrepareRewrap(new chain)   both table keys are on the disk, the old one counts
//	the catalog records number, durably
//	CommitRewrap(number)                 the new one counts, the old one is gone
//
// After a crash Describe tells of a prepared key: if the catalog has its number, commit, and otherwise abort.

// PrepareRewrap wraps the data keys of an unlocked table under a new table key as well, durably, and gives
// the number of that key. tableKey is wiped, whatever happens.
func (r *Ring) PrepareRewrap(
	ctx context.Context, id storage.TableID, chain Chain, tableKey []byte,
) (number uint32, err error) {
	defer lockedmem.Wipe(tableKey)
	if err := chain.validate(); err != nil {
		return 0, fail(id, ErrInvalid, err)
	}
	t, leave, err := r.enter(ctx, id)
	if err != nil {
		return 0, err
	}
	defer leave()
	f, err := r.loadIdle(t, id)
	if err != nil {
		return 0, err
	}
	key, err := r.takeTableKey(id, tableKey)
	if err != nil {
		return 0, err
	}
	f.last++
	f.prepared = &link{number: f.last, chain: chain.clone()}
	if f.prepared.keys, err = r.rewrapAll(id, &f.current, key); err == nil {
		err = r.store(t, id, f)
	}
	if err != nil {
		key.Destroy()
		return 0, err
	}
	r.adopt(t, key, func(keys *openKeys) {
		keys.prepared.Destroy()
		keys.prepared = key
	})
	return f.last, nil
}

// loadIdle reads the keys file of a table of which no change is pending.
func (r *Ring) loadIdle(t *table, id storage.TableID) (*keysFile, error) {
	f, err := r.load(t, id)
	if err != nil {
		return nil, err
	}
	if f.prepared != nil {
		return nil, fail(id, ErrPending, nil)
	}
	return f, nil
}

// rewrapAll wraps the data keys of the current table key under another one. It reads them from the file, not
// from memory, so that what a write that failed half-way has left there is not lost.
func (r *Ring) rewrapAll(id storage.TableID, from *link, tableKey *lockedmem.Key) ([]wrappedKey, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	keys, err := r.keysOf(id, from)
	if err != nil {
		return nil, err
	}
	all := make([]wrappedKey, 0, len(from.keys))
	for i := range from.keys {
		key, err := unwrapKey(r.arena, id, &from.keys[i], keys.tableKey)
		if err != nil {
			return nil, err
		}
		wrapped, err := wrapKey(r.random, id, from.keys[i].epoch, tableKey, key)
		key.Destroy()
		if err != nil {
			return nil, err
		}
		all = append(all, wrapped)
	}
	return all, nil
}

// keysOf gives the keys of an unlocked table, if they are those of the table key that l is. The caller holds
// mu.
func (r *Ring) keysOf(id storage.TableID, l *link) (*openKeys, error) {
	keys := r.openKeys(id)
	if keys == nil {
		return nil, fail(id, ErrLocked, nil)
	}
	if keys.number != l.number {
		return nil, fail(id, ErrPending, errors.New("the last commit failed half-way: commit again"))
	}
	return keys, nil
}

// adopt puts a new key among the open ones, or destroys it when the table was locked meanwhile.
func (r *Ring) adopt(t *table, key *lockedmem.Key, put func(*openKeys)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if t.keys == nil {
		key.Destroy()
		return
	}
	put(t.keys)
}

// CommitRewrap makes the prepared table key of this number the only one. It needs no key. When the ring does
// not have the new table key in memory, because it was started since, it locks the table. Committing again is
// no error.
func (r *Ring) CommitRewrap(ctx context.Context, id storage.TableID, number uint32) error {
	t, leave, err := r.enter(ctx, id)
	if err != nil {
		return err
	}
	defer leave()
	f, err := r.load(t, id)
	if err != nil {
		return err
	}
	switch {
	case f.prepared != nil && f.prepared.number == number:
		f.current, f.prepared = *f.prepared, nil
		err = r.store(t, id, f)
	case f.prepared == nil && f.current.number == number:
		err = r.settle(t, id)
	default:
		err = fail(id, ErrNotPending, nil)
	}
	if err == nil {
		r.switchTo(t, number)
	}
	return err
}

// switchTo makes memory follow a committed file.
func (r *Ring) switchTo(t *table, number uint32) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch keys := t.keys; {
	case keys == nil || keys.number == number:
	case keys.prepared == nil:
		t.lock()
	default:
		keys.tableKey.Destroy()
		keys.tableKey = keys.prepared
		keys.prepared = nil
		keys.number = number
	}
}

// AbortRewrap drops the prepared table key. It needs no key. When no change is pending it does nothing.
func (r *Ring) AbortRewrap(ctx context.Context, id storage.TableID) error {
	t, leave, err := r.enter(ctx, id)
	if err != nil {
		return err
	}
	defer leave()
	f, err := r.load(t, id)
	if err != nil {
		return err
	}
	if f.prepared == nil {
		err = r.settle(t, id)
	} else {
		f.prepared = nil
		err = r.store(t, id, f)
	}
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if t.keys != nil {
		t.keys.prepared.Destroy()
		t.keys.prepared = nil
	}
	return nil
}

// NewEpoch makes another data key, which new files are sealed under from now on, and gives its epoch. The
// table must be unlocked, and no change of its key pending.
func (r *Ring) NewEpoch(ctx context.Context, id storage.TableID) (storage.Epoch, error) {
	t, leave, err := r.enter(ctx, id)
	if err != nil {
		return 0, err
	}
	defer leave()
	f, err := r.loadIdle(t, id)
	if err != nil {
		return 0, err
	}
	if len(f.current.keys) == maxEpochs {
		return 0, fail(id, ErrNoEpoch, errors.New("the table has 1024 data keys: retire those that no "+
			"file needs"))
	}
	epoch := f.current.epoch() + 1
	key, err := r.newKey()
	if err != nil {
		return 0, err
	}
	wrapped, err := r.wrapCurrent(id, &f.current, epoch, key)
	if err == nil {
		f.current.keys = append(f.current.keys, wrapped)
		err = r.store(t, id, f)
	}
	if err != nil {
		key.Destroy()
		return 0, err
	}
	r.adopt(t, key, func(keys *openKeys) { keys.data[epoch], keys.current = key, epoch })
	return epoch, nil
}

// wrapCurrent wraps a data key under the table key in memory.
func (r *Ring) wrapCurrent(
	id storage.TableID, current *link, epoch storage.Epoch, key *lockedmem.Key,
) (wrappedKey, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	keys, err := r.keysOf(id, current)
	if err != nil {
		return wrappedKey{}, err
	}
	return wrapKey(r.random, id, epoch, keys.tableKey, key)
}

// RetireEpochs drops the data keys of the epochs that keep refuses, for good: what is still sealed under them
// is lost. The current epoch always stays. It needs no key.
func (r *Ring) RetireEpochs(ctx context.Context, id storage.TableID, keep func(storage.Epoch) bool) error {
	t, leave, err := r.enter(ctx, id)
	if err != nil {
		return err
	}
	defer leave()
	f, err := r.load(t, id)
	if err != nil {
		return err
	}
	inUse := r.currentInUse(id)
	stays := f.current.stays(func(epoch storage.Epoch) bool { return epoch == inUse || keep(epoch) })
	if len(stays) == len(f.current.keys) {
		err = r.settle(t, id)
	} else {
		f.filter(stays)
		err = r.store(t, id, f)
	}
	if err == nil {
		r.forget(t, stays)
	}
	return err
}

// currentInUse is the epoch that files are sealed under now, 0 when the table is locked. It is older than
// that of the file when the last NewEpoch failed half-way.
func (r *Ring) currentInUse(id storage.TableID) storage.Epoch {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if keys := r.openKeys(id); keys != nil {
		return keys.current
	}
	return 0
}

// forget destroys the data keys in memory that the file does not have any more.
func (r *Ring) forget(t *table, stays map[storage.Epoch]bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if t.keys == nil {
		return
	}
	for epoch, key := range t.keys.data {
		if !stays[epoch] {
			key.Destroy()
			delete(t.keys.data, epoch)
		}
	}
}

// stays tells which epochs are kept.
func (l *link) stays(keep func(storage.Epoch) bool) map[storage.Epoch]bool {
	stays := make(map[storage.Epoch]bool, len(l.keys))
	for _, k := range l.keys {
		if k.epoch == l.epoch() || keep(k.epoch) {
			stays[k.epoch] = true
		}
	}
	return stays
}

func (f *keysFile) filter(stays map[storage.Epoch]bool) {
	f.current.filter(stays)
	if f.prepared != nil {
		f.prepared.filter(stays)
	}
}

func (l *link) filter(stays map[storage.Epoch]bool) {
	kept := make([]wrappedKey, 0, len(stays))
	for _, k := range l.keys {
		if stays[k.epoch] {
			kept = append(kept, k)
		}
	}
	l.keys = kept
}
