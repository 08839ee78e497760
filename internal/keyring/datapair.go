package keyring

import (
	"context"

	"github.com/sealtable/sealtable/internal/lockedmem"
)

// DataPair is a key pair for use outside of the keyring: its public key, a SubjectPublicKeyInfo, and its
// private key, a PKCS #8 PrivateKeyInfo, bare and as a ciphertext. The caller wipes Private.
type DataPair struct {
	Private, Public []byte
	Sealed          Sealed
}

// DataKeyPair makes a key pair of spec and seals its private key with a symmetric key. op says on whose
// behalf: GenerateDataKeyPair or GenerateDataKeyPairWithoutPlaintext.
func (k *Keyring) DataKeyPair(
	ctx context.Context, key *Key, op Operation, spec Spec, context Context,
) (DataPair, error) {
	if err := k.TryDataKeyPair(key, op, spec); err != nil {
		return DataPair{}, err
	}
	pair, err := k.newDataPair(ctx, spec)
	if err != nil {
		return DataPair{}, err
	}
	if pair.Sealed, err = k.seal(key, op, op, pair.Private, Way{Context: context}); err != nil {
		lockedmem.Wipe(pair.Private)
		return DataPair{}, err
	}
	key.usage.note(op, k.config.Clock.Now())
	return pair, nil
}

// TryDataKeyPair says what DataKeyPair would answer without doing it.
func (k *Keyring) TryDataKeyPair(key *Key, op Operation, spec Spec) error {
	if _, err := key.ready(op, op, EncryptDecrypt, SymmetricAlgorithm); err != nil {
		return err
	}
	if !spec.made() || !spec.asymmetric() || spec.isLattice() {
		return fail(Unsupported, "KeyPairSpec %s is not supported by this installation.", spec)
	}
	return nil
}

func (k *Keyring) newDataPair(ctx context.Context, spec Spec) (pair DataPair, err error) {
	private, err := k.newPrivate(ctx, spec)
	if err != nil {
		return pair, err
	}
	defer wipePrivate(private)
	if pair.Public, err = marshalPublic(publicOf(private)); err != nil {
		return pair, err
	}
	pair.Private, err = marshalPrivate(private)
	return pair, err
}
