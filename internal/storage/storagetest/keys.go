package storagetest

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"sync"

	"github.com/sealtable/sealtable/internal/storage"
)

// ErrSwitchedOff is what Keys answers for a table that is switched off.
var ErrSwitchedOff = errors.New("storagetest: the key is switched off")

// Keys is a key source that knows every table, and whose keys can be switched off at any time. It outlives
// the stores it serves.
type Keys struct {
	mu    sync.Mutex
	off   map[storage.TableID]bool
	epoch map[storage.TableID]storage.Epoch
	asked int
}

// NewKeys returns a key source with all keys on.
func NewKeys() *Keys {
	return &Keys{off: make(map[storage.TableID]bool), epoch: make(map[storage.TableID]storage.Epoch)}
}

// Switch turns a table's keys on or off.
func (k *Keys) Switch(id storage.TableID, on bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.off[id] = !on
}

// Rotate begins a new epoch.
func (k *Keys) Rotate(id storage.TableID) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.epoch[id]++
}

// Asked counts the calls that were answered with a key.
func (k *Keys) Asked() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.asked
}

// Current implements storage.Keys.
func (k *Keys) Current(id storage.TableID) (storage.Epoch, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.off[id] {
		return 0, ErrSwitchedOff
	}
	return 1 + k.epoch[id], nil
}

// Key implements storage.Keys.
func (k *Keys) Key(id storage.TableID, epoch storage.Epoch, key *[storage.KeySize]byte) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.off[id] {
		return ErrSwitchedOff
	}
	if epoch < 1 || epoch > 1+k.epoch[id] {
		return errors.New("storagetest: no such epoch")
	}
	k.asked++
	*key = sha256.Sum256(binary.BigEndian.AppendUint32(append([]byte("storagetest"), id[:]...),
		uint32(epoch)))
	return nil
}
