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

// Encrypt makes a ciphertext of 1 to MaxPlaintext bytes under the newest version of the key.
func (k *Keyring) Encrypt(key *Key, plaintext []byte, context Context) (Sealed, error) {
	sealed, err := k.seal(key, "Encrypt", plaintext, context)
	if err == nil {
		key.usage.note("Encrypt", k.config.Clock.Now())
	}
	return sealed, err
}

// DataKey is a random key of n bytes, bare and as a ciphertext. op says on whose behalf: GenerateDataKey or
// GenerateDataKeyWithoutPlaintext. The caller wipes the plaintext.
func (k *Keyring) DataKey(key *Key, op Operation, n int, context Context) (plaintext []byte, sealed Sealed, err error) {
	if n < 1 || n > MaxRandom {
		return nil, Sealed{}, fail(Invalid, "A data key has from 1 to %d bytes.", MaxRandom)
	}
	plaintext = make([]byte, n)
	_, _ = rand.Read(plaintext) // never fails: the process ends instead
	if sealed, err = k.seal(key, op, plaintext, context); err != nil {
		lockedmem.Wipe(plaintext)
		return nil, Sealed{}, err
	}
	key.usage.note(op, k.config.Clock.Now())
	return plaintext, sealed, nil
}

// Decrypt opens a ciphertext that the key made with the same encryption context.
func (k *Keyring) Decrypt(key *Key, blob []byte, context Context) (Opened, error) {
	opened, err := k.open(key, "Decrypt", blob, context)
	if err == nil {
		key.usage.note("Decrypt", k.config.Clock.Now())
	}
	return opened, err
}

// ReEncrypt makes a ciphertext of one key into one of another, or of the same. The plaintext does not leave the keyring.
func (k *Keyring) ReEncrypt(from *Key, blob []byte, fromContext Context, to *Key, toContext Context) (Sealed, Opened, error) {
	if err := to.usable("ReEncrypt", "ReEncryptTo"); err != nil {
		return Sealed{}, Opened{}, err
	}
	opened, err := k.open(from, "ReEncrypt", blob, fromContext)
	if err != nil {
		return Sealed{}, Opened{}, err
	}
	defer lockedmem.Wipe(opened.Plaintext)
	sealed, err := k.seal(to, "ReEncrypt", opened.Plaintext, toContext)
	if err != nil {
		return Sealed{}, Opened{}, err
	}
	now := k.config.Clock.Now()
	from.usage.note("ReEncrypt", now)
	to.usage.note("ReEncrypt", now)
	return sealed, Opened{MaterialID: opened.MaterialID}, nil
}

// Try says what op would answer for this key without doing it: what a request with DryRun learns. It leaves no trace of use.
func (k *Keyring) Try(key *Key, op Operation) error { return key.usable(op, op) }

// TryDecrypt is Try for Decrypt, and for the source of ReEncrypt.
func (k *Keyring) TryDecrypt(key *Key, op Operation, blob []byte, context Context) error {
	opened, err := k.open(key, op, blob, context)
	lockedmem.Wipe(opened.Plaintext)
	return err
}

// Random fills b with random bytes.
func Random(b []byte) { _, _ = rand.Read(b) }

// usable says whether the key may encrypt or decrypt now. called is how an error names the operation.
func (k *Key) usable(op, called Operation) error {
	m := k.Metadata()
	if m.Usage != EncryptDecrypt {
		return fail(InvalidUsage, "%s key usage is %s which is not valid for %s.", k.arn, m.Usage, called)
	}
	return m.Permits(op)
}

func (k *Keyring) seal(key *Key, op Operation, plaintext []byte, context Context) (Sealed, error) {
	if err := key.usable(op, op); err != nil {
		return Sealed{}, err
	}
	m := key.Metadata()
	newest := m.backing[len(m.backing)-1]
	header := newHeader(newest.id)
	var derived [32]byte
	defer clear(derived[:])
	if err := k.derive(&derived, newest, header[:]); err != nil {
		return Sealed{}, k.lost(key, err)
	}
	blob, err := sealBlob(&derived, header[:], key.id, context, plaintext)
	if err != nil {
		return Sealed{}, err
	}
	return Sealed{Blob: blob, MaterialID: newest.materialID}, nil
}

func (k *Keyring) open(key *Key, op Operation, blob []byte, context Context) (Opened, error) {
	info, ok := ReadBlob(blob)
	if !ok {
		return Opened{}, invalidCiphertext()
	}
	made, ok := k.backing.load(info.Backing)
	if !ok {
		return Opened{}, invalidCiphertext()
	}
	if made.keyID != key.id || made.account != key.scope.Account {
		return Opened{}, incorrectKey()
	}
	if err := key.usable(op, op); err != nil {
		return Opened{}, err
	}
	var derived [32]byte
	defer clear(derived[:])
	if err := k.derive(&derived, made, blob[:blobHeader]); err != nil {
		return Opened{}, k.lost(key, err)
	}
	plaintext, err := openBlob(&derived, key.id, context, blob)
	if errors.Is(err, errBlob) {
		return Opened{}, invalidCiphertext()
	}
	return Opened{Plaintext: plaintext, MaterialID: made.materialID}, err
}

func incorrectKey() error {
	return fail(IncorrectKey, "The key ID in the request does not identify a CMK that can perform this operation.")
}

// lost answers for a key whose material cannot be read, or that was erased since it was looked at.
func (k *Keyring) lost(key *Key, cause error) error {
	if key.Metadata().State == Erased {
		return keyMissing(key.arn)
	}
	return unavailable(k.config.Log, key.arn, cause)
}
