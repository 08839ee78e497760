package keyring

import (
	"crypto/ecdsa"
	"fmt"
)

// Agree is the shared secret of the key and of somebody's public key, a SubjectPublicKeyInfo in DER on the
// same curve: the x coordinate of their product (ECC CDH of NIST SP 800-56A, whose cofactor is 1 on these
// curves). The caller wipes it.
func (k *Keyring) Agree(key *Key, algorithm string, public []byte) ([]byte, error) {
	m, err := key.ready("DeriveSharedSecret", "DeriveSharedSecret", KeyAgreement, algorithm)
	if err != nil {
		return nil, err
	}
	peer, err := peerOf(m.Spec, public)
	if err != nil {
		return nil, err
	}
	private, err := k.private(key, m)
	if err != nil {
		return nil, err
	}
	defer wipePrivate(private)
	secret, err := shared(private.(*ecdsa.PrivateKey), peer)
	if err != nil {
		return nil, fmt.Errorf("agree with key %s: %w", key.id, err)
	}
	key.usage.note("DeriveSharedSecret", k.config.Clock.Now())
	return secret, nil
}

// TryAgree says what Agree would answer without doing it.
func (k *Keyring) TryAgree(key *Key, algorithm string, public []byte) error {
	m, err := key.ready("DeriveSharedSecret", "DeriveSharedSecret", KeyAgreement, algorithm)
	if err != nil {
		return err
	}
	_, err = peerOf(m.Spec, public)
	return err
}

func peerOf(spec Spec, der []byte) (*ecdsa.PublicKey, error) {
	public, err := parsePublic(spec, der)
	if err != nil {
		return nil, fail(Invalid, "The public key is not a DER-encoded X.509 SubjectPublicKeyInfo of a key "+
			"on the curve of %s.", spec)
	}
	return public.(*ecdsa.PublicKey), nil
}

func shared(private *ecdsa.PrivateKey, public *ecdsa.PublicKey) ([]byte, error) {
	mine, err := private.ECDH()
	if err != nil {
		return nil, err
	}
	theirs, err := public.ECDH()
	if err != nil {
		return nil, err
	}
	return mine.ECDH(theirs)
}
