package keyring

import (
	"crypto/rand"
	"errors"

	"github.com/sealtable/sealtable/internal/lockedmem"
)

// MaxRandom is the most random bytes that one call gives, and the longest data key.
const MaxRandom = 1024

// Sealed is a ciphertext and what made it.
type Sealed struct {
	Blob       []byte
	MaterialID string
}

// Opened is a plaintext and what opened it. The caller wipes Plaintext.
type Opened struct {
	Plaintext  []byte
	MaterialID string
}

// Encrypt makes a ciphertext of 1 to MaxPlaintext bytes under the newest version of a symmetric key.
func (k *Keyring) Encrypt(key *Key, plaintext []byte, context Context) (Sealed, error) {
	return k.EncryptBy(key, plaintext, Way{Context: context})
}

// EncryptBy is Encrypt for keys of any kind.
func (k *Keyring) EncryptBy(key *Key, plaintext []byte, way Way) (Sealed, error) {
	sealed, err := k.seal(key, "Encrypt", "Encrypt", plaintext, way)
	if err == nil {
		key.usage.note("Encrypt", k.config.Clock.Now())
	}
	return sealed, err
}

// DataKey is a random key of n bytes, bare and as a ciphertext. op says on whose behalf: GenerateDataKey or
// GenerateDataKeyWithoutPlaintext. The caller wipes the plaintext.
func (k *Keyring) DataKey(
	key *Key, op Operation, n int, context Context,
) (plaintext []byte, sealed Sealed, err error) {
	if n < 1 || n > MaxRandom {
		return nil, Sealed{}, fail(Invalid, "A data key has from 1 to %d bytes.", MaxRandom)
	}
	plaintext = make([]byte, n)
	_, _ = rand.Read(plaintext) // never fails: the process ends instead
	if sealed, err = k.seal(key, op, op, plaintext, Way{Context: context}); err != nil {
		lockedmem.Wipe(plaintext)
		return nil, Sealed{}, err
	}
	key.usage.note(op, k.config.Clock.Now())
	return plaintext, sealed, nil
}

// Decrypt opens a ciphertext that a symmetric key made with the same encryption context.
func (k *Keyring) Decrypt(key *Key, blob []byte, context Context) (Opened, error) {
	return k.DecryptBy(key, blob, Way{Context: context})
}

// DecryptBy is Decrypt for keys of any kind.
func (k *Keyring) DecryptBy(key *Key, blob []byte, way Way) (Opened, error) {
	opened, err := k.open(key, "Decrypt", "Decrypt", blob, way)
	if err == nil {
		key.usage.note("Decrypt", k.config.Clock.Now())
	}
	return opened, err
}

// ReEncrypt makes a ciphertext of one key into one of another, or of the same. The plaintext does not leave
// the keyring.
func (k *Keyring) ReEncrypt(from *Key, blob []byte, fromWay Way, to *Key, toWay Way) (Sealed, Opened, error) {
	if _, err := to.ready("ReEncrypt", "ReEncryptTo", EncryptDecrypt, toWay.algorithm()); err != nil {
		return Sealed{}, Opened{}, err
	}
	opened, err := k.open(from, "ReEncrypt", "ReEncryptFrom", blob, fromWay)
	if err != nil {
		return Sealed{}, Opened{}, err
	}
	defer lockedmem.Wipe(opened.Plaintext)
	sealed, err := k.seal(to, "ReEncrypt", "ReEncryptTo", opened.Plaintext, toWay)
	if err != nil {
		return Sealed{}, Opened{}, err
	}
	now := k.config.Clock.Now()
	from.usage.note("ReEncrypt", now)
	to.usage.note("ReEncrypt", now)
	return sealed, Opened{MaterialID: opened.MaterialID}, nil
}

// Try says what op would answer for a symmetric key without doing it: what a request with DryRun learns. It
// leaves no trace of use.
func (k *Keyring) Try(key *Key, op Operation) error {
	return k.TryBy(key, op, EncryptDecrypt, SymmetricAlgorithm)
}

// TryBy is Try for keys of any kind.
func (k *Keyring) TryBy(key *Key, op Operation, usage Usage, algorithm string) error {
	_, err := key.ready(op, op, usage, algorithm)
	return err
}

// TryDecrypt is Try for Decrypt, and for the source of ReEncrypt.
func (k *Keyring) TryDecrypt(key *Key, op Operation, blob []byte, way Way) error {
	opened, err := k.open(key, op, op, blob, way)
	lockedmem.Wipe(opened.Plaintext)
	return err
}

// Random fills b with random bytes.
func Random(b []byte) { _, _ = rand.Read(b) }

// ready is what is known of the key, if it may be used for op, with this usage and algorithm, now. called is
// how an error names the operation.
func (k *Key) ready(op, called Operation, usage Usage, algorithm string) (*Metadata, error) {
	m := k.Metadata()
	if m.Usage != usage {
		return nil, fail(InvalidUsage, "%s key usage is %s which is not valid for %s.", k.arn, m.Usage,
			called)
	}
	if !m.has(algorithm) {
		return nil, fail(InvalidUsage, "Algorithm %s is incompatible with key spec %s.", algorithm, m.Spec)
	}
	return m, m.Permits(op)
}

func (k *Keyring) seal(key *Key, op, called Operation, plaintext []byte, way Way) (Sealed, error) {
	m, err := key.ready(op, called, EncryptDecrypt, way.algorithm())
	if err == nil {
		err = way.check()
	}
	if err != nil {
		return Sealed{}, err
	}
	if !way.symmetric() {
		return sealOAEP(m, way.Algorithm, plaintext)
	}
	newest := m.newest()
	header := newHeader(newest.id)
	var derived [32]byte
	defer clear(derived[:])
	if err := k.derive(&derived, newest, header[:]); err != nil {
		return Sealed{}, k.lost(key, err)
	}
	blob, err := sealBlob(&derived, header[:], key.id, way.Context, plaintext)
	if err != nil {
		return Sealed{}, err
	}
	return Sealed{Blob: blob, MaterialID: newest.materialID}, nil
}

func (k *Keyring) open(key *Key, op, called Operation, blob []byte, way Way) (Opened, error) {
	if !way.symmetric() {
		return k.openOAEP(key, op, called, blob, way)
	}
	info, ok := ReadBlob(blob)
	if !ok {
		return Opened{}, invalidCiphertext()
	}
	made, ok := k.backing.load(info.Backing)
	if !ok {
		openNothing(blob, way.Context)
		return Opened{}, invalidCiphertext()
	}
	if made.keyID != key.id || made.account != key.scope.Account {
		return Opened{}, incorrectKey()
	}
	if _, err := key.ready(op, called, EncryptDecrypt, way.algorithm()); err != nil {
		return Opened{}, err
	}
	var derived [32]byte
	defer clear(derived[:])
	if err := k.derive(&derived, made, blob[:blobHeader]); err != nil {
		return Opened{}, k.lost(key, err)
	}
	plaintext, err := openBlob(&derived, key.id, way.Context, blob)
	if errors.Is(err, errBlob) {
		return Opened{}, invalidCiphertext()
	}
	return Opened{Plaintext: plaintext, MaterialID: made.materialID}, err
}

func incorrectKey() error {
	return fail(IncorrectKey, "The key ID in the request does not identify a CMK that can perform this "+
		"operation.")
}

// lost answers for a key whose material cannot be read, or was erased or taken away since it was looked at.
func (k *Keyring) lost(key *Key, cause error) error {
	switch m := key.Metadata(); {
	case m.State == Erased:
		return keyMissing(key.arn)
	case !m.HasMaterial():
		return isPendingImport.toError(key.arn)
	}
	return unavailable(k.config.Log, key.arn, cause)
}
