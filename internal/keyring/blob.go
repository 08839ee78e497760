package keyring

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"slices"
)

// The layout of a ciphertext; docs/format/kms-ciphertext.md draws it.
const (
	blobVersion   = 1
	blobSymmetric = 1 // algorithm: SP 800-108 and AES-256-GCM
	blobHeader    = 1 + 1 + 16 + 16
	blobTag       = 16

	// MaxPlaintext is the most that one ciphertext holds, in bytes.
	MaxPlaintext = 4096
	// MaxBlob is the longest ciphertext that the API accepts, in bytes.
	MaxBlob = 6144
)

// blobPurpose starts the associated data of every ciphertext.
const blobPurpose = "sealtable/kms/ciphertext"

// BlobInfo is what a ciphertext says of itself to anybody. None of it is authenticated until the ciphertext
// is opened.
type BlobInfo struct {
	Version, Algorithm byte
	Backing            BackingID
}

// ReadBlob reads the header of a ciphertext. ok is false when blob cannot be a ciphertext of this program.
func ReadBlob(blob []byte) (info BlobInfo, ok bool) {
	if len(blob) <= blobHeader+blobTag || len(blob) > MaxBlob {
		return BlobInfo{}, false
	}
	info = BlobInfo{Version: blob[0], Algorithm: blob[1], Backing: BackingID(blob[2:18])}
	return info, info.Version == blobVersion && info.Algorithm == blobSymmetric
}

// newHeader starts a ciphertext of the backing key. Its random nonce makes the key that is derived for this
// ciphertext single-use, which is what allows the nonce of GCM to be zero.
func newHeader(id BackingID) (header [blobHeader]byte) {
	header[0], header[1] = blobVersion, blobSymmetric
	copy(header[2:], id[:])
	_, _ = rand.Read(header[2+len(id):]) // never fails: the process ends instead
	return header
}

// sealBlob makes the ciphertext of plaintext under the key that was derived for header, which is used for
// nothing else.
func sealBlob(
	derived *[32]byte, header []byte, keyID string, context Context, plaintext []byte,
) ([]byte, error) {
	aead, err := blobCipher(derived)
	if err != nil {
		return nil, err
	}
	blob := make([]byte, blobHeader, blobHeader+len(plaintext)+blobTag)
	copy(blob, header)
	var zero [12]byte
	return aead.Seal(blob, zero[:], plaintext, blobData(header, keyID, context)), nil
}

var errBlob = errors.New("not a ciphertext of this key and encryption context")

// openBlob gives back what sealBlob was given. A ciphertext that is not authentic gives errBlob.
func openBlob(derived *[32]byte, keyID string, context Context, blob []byte) ([]byte, error) {
	aead, err := blobCipher(derived)
	if err != nil {
		return nil, err
	}
	var zero [12]byte
	plaintext, err := aead.Open(nil, zero[:], blob[blobHeader:], blobData(blob[:blobHeader], keyID, context))
	if err != nil {
		return nil, errBlob
	}
	return plaintext, nil
}

// openNothing takes the time that openBlob takes to refuse a ciphertext, derivation and all. It is called for
// those that no key made, so that how soon they are refused does not tell them from those that were changed
// in another place.
func openNothing(blob []byte, context Context) {
	var key, derived [32]byte
	deriveKey(&derived, key[:], deriveLabel, blob[:blobHeader])
	_, _ = openBlob(&derived, "", context, blob)
}

func blobCipher(derived *[32]byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(derived[:])
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// blobData is the associated data of a ciphertext: purpose, header, key id and encryption context, each with
// its length.
func blobData(header []byte, keyID string, context Context) []byte {
	data := make([]byte, 0, 128+context.size())
	data = appendField(data, blobPurpose)
	data = appendField(data, string(header))
	data = appendField(data, keyID)
	return context.append(data)
}

func appendField(dst []byte, s string) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(s)))
	return append(dst, s...)
}

// Context is an encryption context. A nil one and an empty one are the same.
type Context map[string]string

// append adds the canonical form: the count, then keys and values in the order of the keys' bytes, each with
// its length. Two contexts have the same form only if they are equal.
func (c Context) append(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(c)))
	if len(c) == 0 {
		return dst
	}
	keys := make([]string, 0, len(c))
	for k := range c {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		dst = appendField(dst, k)
		dst = appendField(dst, c[k])
	}
	return dst
}

func (c Context) size() int {
	n := 4
	for k, v := range c {
		n += 8 + len(k) + len(v)
	}
	return n
}
