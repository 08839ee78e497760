package keyring

import (
	"context"
	"crypto"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/sealtable/sealtable/internal/lockedmem"
)

// maxGenerators is how many RSA keys are generated at a time: each takes a core, for up to seconds.
const maxGenerators = 2

// fresh is material that no key has yet. Whoever holds it destroys it or gives it to a key.
type fresh struct {
	bare   *lockedmem.Key
	public []byte // of a key pair
}

// newMaterial makes material for a key of spec. It must not be called under a lock where spec may be
// RSA: that takes long, and may wait.
func (k *Keyring) newMaterial(ctx context.Context, spec Spec) (fresh, error) {
	if size := spec.secretSize(); size > 0 {
		bare, err := k.config.Arena.New(size, func(b []byte) error {
			_, _ = rand.Read(b) // never fails: the process ends instead
			return nil
		})
		return fresh{bare: bare}, err
	}
	private, err := k.newPrivate(ctx, spec)
	if err != nil {
		return fresh{}, fmt.Errorf("make a key pair of KeySpec %s: %w", spec, err)
	}
	defer wipePrivate(private)
	return k.lockPair(private)
}

// newPrivate makes a private key, waiting its turn where that takes long. The caller wipes it.
func (k *Keyring) newPrivate(ctx context.Context, spec Spec) (crypto.PrivateKey, error) {
	if spec.isRSA() {
		select {
		case k.generators <- struct{}{}:
			defer func() { <-k.generators }()
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return generatePrivate(spec)
}

// lockPair puts a key pair where keys are kept. Encoded again, a pair has one form, whoever encoded it
// before.
func (k *Keyring) lockPair(private crypto.PrivateKey) (fresh, error) {
	public, err := marshalPublic(publicOf(private))
	if err != nil {
		return fresh{}, err
	}
	der, err := marshalPrivate(private)
	if err != nil {
		return fresh{}, err
	}
	bare, err := k.config.Arena.FromBytes(der)
	return fresh{bare: bare, public: public}, err
}

// version makes f the newest version of m: wrapped for the file, and ready for use. On failure f is
// destroyed.
func (k *Keyring) version(
	m *Metadata, f fresh, now time.Time,
) (version MaterialVersion, b *backingKey, err error) {
	file := &MaterialFile{KeyID: m.ID, Spec: m.Spec}
	err = f.bare.With(func(bare []byte) (err error) {
		version, err = file.wrap(k.config.Root, bare, now)
		return err
	})
	if err != nil {
		f.bare.Destroy()
		return version, nil, err
	}
	b = newBackingKey(m.Scope.Account, m.ID, version.MaterialID)
	b.bare.Store(f.bare)
	return version, b, nil
}
