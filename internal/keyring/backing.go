package keyring

import (
	"sync"
	"sync/atomic"

	"github.com/sealtable/sealtable/internal/lockedmem"
)

// backingKey is one version of a key, or of a set of related multi-Region keys. Its bare key is read from the
// key's file when it is first needed, so that a start does not depend on the number of keys.
type backingKey struct {
	id         BackingID
	materialID string
	keyID      string
	account    string

	bare atomic.Pointer[lockedmem.Key]
	mu   sync.Mutex // held while bare is read or forgotten
	dead bool       // forgotten for good
}

func newBackingKey(account, keyID, materialID string) *backingKey {
	return &backingKey{id: backingIDOf(materialID), materialID: materialID, keyID: keyID, account: account}
}

// derive is the key for the ciphertext with this header.
func (k *Keyring) derive(derived *[32]byte, b *backingKey, header []byte) error {
	bare, err := k.bare(b)
	if err != nil {
		return err
	}
	return bare.With(func(key []byte) error {
		deriveKey(derived, key, deriveLabel, header)
		return nil
	})
}

func (k *Keyring) bare(b *backingKey) (*lockedmem.Key, error) {
	if key := b.bare.Load(); key != nil {
		return key, nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if key := b.bare.Load(); key != nil {
		return key, nil
	}
	if b.dead {
		return nil, lockedmem.ErrDestroyed
	}
	file, err := k.store.read(b.keyID)
	if err != nil {
		return nil, err
	}
	key, err := file.Backing(k.config.Root, b.id)
	if err != nil {
		return nil, err
	}
	b.bare.Store(key)
	return key, nil
}

// drop overwrites the bare key, which is read again when it is needed and its file is there.
func (b *backingKey) drop() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.bare.Swap(nil).Destroy()
}

// forget overwrites the bare key; it cannot be used again.
func (b *backingKey) forget() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.dead = true
	b.bare.Swap(nil).Destroy()
}
