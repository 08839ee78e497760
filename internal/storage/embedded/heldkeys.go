package embedded

import (
	"errors"
	"fmt"
	"sync"

	"github.com/sealtable/sealtable/internal/lockedmem"
	"github.com/sealtable/sealtable/internal/storage"
	"github.com/sealtable/sealtable/internal/storage/embedded/sealedfs"
)

// heldKeys are the data keys of one open table, in locked memory. What was once given is held until forget,
// so that background work never fails half-way because a key was switched off; nothing of the table can be
// read or written without them afterwards.
type heldKeys struct {
	source  storage.Keys
	memory  *lockedmem.Arena
	id      storage.TableID
	rotated func(storage.TableID) // told when there is a new epoch to seal under

	mu      sync.Mutex
	current storage.Epoch
	keys    map[storage.Epoch]*lockedmem.Key
	gone    bool
}

var errKeysForgotten = errors.New("the table was closed and its keys were forgotten")

// holdKeys asks for the table's current key, which must be had, and for the earlier ones, which are asked for
// again when a file turns out to need them.
func (s *Store) holdKeys(id storage.TableID) (*heldKeys, error) {
	h := &heldKeys{source: s.opts.Keys, memory: s.opts.Memory, id: id, rotated: s.journal.ForgetKeys,
		keys: make(map[storage.Epoch]*lockedmem.Key)}
	current, err := h.source.Current(id)
	if err != nil {
		return nil, sealed(id, err)
	}
	h.current = current
	var key [storage.KeySize]byte
	defer clear(key[:])
	if err := h.Key(current, &key); err != nil {
		h.forget()
		return nil, err
	}
	for epoch := current - 1; epoch > 0; epoch-- {
		_ = h.Key(epoch, &key) // no file may need it any more
	}
	return h, nil
}

// Current is the epoch for new files. It follows the source while that answers.
func (h *heldKeys) Current() (storage.Epoch, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.gone {
		return 0, sealed(h.id, errKeysForgotten)
	}
	if epoch, err := h.source.Current(h.id); err == nil && epoch != h.current && h.fetch(epoch) == nil {
		h.current = epoch
		h.rotated(h.id)
	}
	return h.current, nil
}

// Key copies an epoch's key out.
func (h *heldKeys) Key(epoch storage.Epoch, key *[storage.KeySize]byte) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.gone {
		return sealed(h.id, errKeysForgotten)
	}
	if err := h.fetch(epoch); err != nil {
		if h.neverWas(epoch) {
			return fmt.Errorf("%w: %w", sealedfs.ErrUnknownEpoch, err)
		}
		return sealed(h.id, err)
	}
	return h.keys[epoch].CopyTo(key[:])
}

// fetch makes sure that the epoch's key is held. The caller holds mu.
func (h *heldKeys) fetch(epoch storage.Epoch) error {
	if h.keys[epoch] != nil {
		return nil
	}
	key, err := h.memory.New(storage.KeySize, func(b []byte) error {
		return h.source.Key(h.id, epoch, (*[storage.KeySize]byte)(b))
	})
	if err != nil {
		return err
	}
	h.keys[epoch] = key
	return nil
}

// neverWas says that there is no such epoch yet: whatever names it was not written by this store. The caller
// holds mu.
func (h *heldKeys) neverWas(epoch storage.Epoch) bool {
	latest, err := h.source.Current(h.id)
	return epoch == 0 || (err == nil && epoch > max(latest, h.current))
}

// forget overwrites the keys and refuses from then on.
func (h *heldKeys) forget() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, key := range h.keys {
		key.Destroy()
	}
	clear(h.keys)
	h.gone = true
}

// asSource gives the held keys to what asks by table.
func (h *heldKeys) asSource() storage.Keys { return oneTable{h} }

type oneTable struct{ held *heldKeys }

func (o oneTable) Current(storage.TableID) (storage.Epoch, error) { return o.held.Current() }

func (o oneTable) Key(_ storage.TableID, epoch storage.Epoch, key *[storage.KeySize]byte) error {
	return o.held.Key(epoch, key)
}

// sealed makes an error of the key source a SealedError, once.
func sealed(id storage.TableID, cause error) error {
	var already *storage.SealedError
	if errors.As(cause, &already) {
		return cause
	}
	return &storage.SealedError{Table: id, Cause: cause}
}

// journalKeys gives the journal the keys that open tables hold. While the journal is replayed it wakes the
// table first: a section of a table that cannot be opened stays sealed and is parked.
type journalKeys struct{ store *Store }

func (k journalKeys) Current(id storage.TableID) (storage.Epoch, error) {
	held, err := k.held(id)
	if err != nil {
		return 0, err
	}
	return held.Current()
}

func (k journalKeys) Key(id storage.TableID, epoch storage.Epoch, key *[storage.KeySize]byte) error {
	held, err := k.held(id)
	if err != nil {
		return err
	}
	return held.Key(epoch, key)
}

func (k journalKeys) held(id storage.TableID) (*heldKeys, error) {
	t := k.store.lookup(id)
	if t == nil {
		return nil, sealed(id, storage.ErrNoTable)
	}
	if held := t.held.Load(); held != nil {
		return held, nil
	}
	if k.store.replaying.Load() {
		if err := t.wakeForReplay(); err != nil {
			return nil, sealed(id, err)
		}
		if held := t.held.Load(); held != nil {
			return held, nil
		}
	}
	return nil, sealed(id, errKeysForgotten)
}
