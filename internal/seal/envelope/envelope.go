// Package envelope seals short secrets, one key for each seal.
//
// Callers may rely on this: what Open gives is what Seal was given under the same key, label and associated
// data, byte for byte; everything else is ErrNotAuthentic. A key may seal any number of times: each seal has
// a random salt of 32 bytes, from which HKDF-SHA-256 (RFC 5869) makes an AES-256-GCM key (NIST SP 800-38D)
// and nonce that are used once.
package envelope

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/sealtable/sealtable/internal/lockedmem"
)

const (
	// SaltSize is the length of the salt in front of every sealed text.
	SaltSize = 32
	// Overhead is how much longer a sealed text is: salt and tag.
	Overhead = SaltSize + tagSize

	keySize   = 32
	nonceSize = 12
	tagSize   = 16
)

// ErrNotAuthentic says that the bytes were not sealed under this key, label and associated data, or were
// changed since.
var ErrNotAuthentic = errors.New("not authentic")

// Context says what a sealed text is for, whose it is, and anything else that must be the same when it is
// opened.
type Context struct {
	Label string // a constant of the format: separates the keys of different uses
	Bound []byte // fields joined by AppendField
}

// AppendField appends a length of four bytes and then the field, so that joined fields cannot run into each
// other.
func AppendField[F ~string | ~[]byte](dst []byte, field F) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(field)))
	return append(dst, field...)
}

// Seal appends salt, ciphertext and tag to dst. random is the source of the salt.
func Seal(dst []byte, random io.Reader, key *lockedmem.Key, c Context, plaintext []byte) ([]byte, error) {
	var salt [SaltSize]byte
	if _, err := io.ReadFull(random, salt[:]); err != nil {
		return nil, fmt.Errorf("no random bytes: %w", err)
	}
	aead, nonce, err := oneTime(key, salt[:], c.Label)
	if err != nil {
		return nil, err
	}
	return aead.Seal(append(dst, salt[:]...), nonce[:], plaintext, c.Bound), nil
}

// Open writes the plaintext into dst, which must have the length that PlainSize gives: memory of the caller's
// choice, so that a key never lies anywhere else.
func Open(dst []byte, key *lockedmem.Key, c Context, sealed []byte) error {
	if len(sealed) < Overhead || len(dst) != PlainSize(sealed) {
		return ErrNotAuthentic
	}
	aead, nonce, err := oneTime(key, sealed[:SaltSize], c.Label)
	if err != nil {
		return err
	}
	if _, err := aead.Open(dst[:0], nonce[:], sealed[SaltSize:], c.Bound); err != nil {
		return ErrNotAuthentic
	}
	return nil
}

// PlainSize is the length of the plaintext of a sealed text, negative when it is too short to be one.
func PlainSize(sealed []byte) int { return len(sealed) - Overhead }

// oneTime makes the key and nonce of one seal.
func oneTime(key *lockedmem.Key, salt []byte, label string) (cipher.AEAD, [nonceSize]byte, error) {
	var derived []byte
	var nonce [nonceSize]byte
	err := key.With(func(b []byte) (err error) {
		derived, err = hkdf.Key(sha256.New, b, salt, label, keySize+nonceSize)
		return err
	})
	if err != nil {
		return nil, nonce, err
	}
	defer lockedmem.Wipe(derived)
	copy(nonce[:], derived[keySize:])
	block, err := aes.NewCipher(derived[:keySize])
	if err != nil {
		return nil, nonce, err
	}
	aead, err := cipher.NewGCM(block)
	return aead, nonce, err
}
