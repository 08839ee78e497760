package keyring

import (
	"crypto/rand"
	"crypto/rsa"
	"fmt"
)

// Way says how a ciphertext is made: by which algorithm, empty for SymmetricAlgorithm, and with which
// encryption context, which only that algorithm has.
type Way struct {
	Algorithm string
	Context   Context
}

func (w Way) algorithm() string {
	if w.Algorithm == "" {
		return SymmetricAlgorithm
	}
	return w.Algorithm
}

func (w Way) symmetric() bool { return w.algorithm() == SymmetricAlgorithm }

// check refuses a context where none can be kept.
func (w Way) check() error {
	if !w.symmetric() && len(w.Context) > 0 {
		return fail(Invalid, "You cannot specify an encryption context with the encryption algorithm %s.",
			w.Algorithm)
	}
	return nil
}

// oaepRoom is the most that a key of spec encrypts at once (RFC 8017, section 7.1.1), in bytes.
func oaepRoom(spec Spec, algorithm string) int {
	return spec.modulus()/8 - 2*hashOf(algorithm).Size() - 2
}

// sealOAEP makes a ciphertext with the public key. There is nothing in it but what RFC 8017 says.
func sealOAEP(m *Metadata, algorithm string, plaintext []byte) (Sealed, error) {
	if room := oaepRoom(m.Spec, algorithm); len(plaintext) > room {
		return Sealed{}, fail(Invalid, "Algorithm %s and key spec %s cannot encrypt data larger than "+
			"%d bytes.", algorithm, m.Spec, room)
	}
	public, err := parsePublic(m.Spec, m.newestPublic())
	if err != nil {
		return Sealed{}, fmt.Errorf("read the public key of key %s: %w", m.ID, err)
	}
	blob, err := rsa.EncryptOAEP(hashOf(algorithm).New(), rand.Reader, public.(*rsa.PublicKey), plaintext,
		nil)
	return Sealed{Blob: blob}, err
}

// openOAEP opens a ciphertext with the private key. Whatever is wrong with one gets the same answer.
func (k *Keyring) openOAEP(key *Key, op, called Operation, blob []byte, way Way) (Opened, error) {
	m, err := key.ready(op, called, EncryptDecrypt, way.Algorithm)
	if err == nil {
		err = way.check()
	}
	if err != nil {
		return Opened{}, err
	}
	private, err := k.private(key, m)
	if err != nil {
		return Opened{}, err
	}
	defer wipePrivate(private)
	plaintext, err := rsa.DecryptOAEP(hashOf(way.Algorithm).New(), nil, private.(*rsa.PrivateKey), blob, nil)
	if err != nil {
		return Opened{}, invalidCiphertext()
	}
	return Opened{Plaintext: plaintext}, nil
}
