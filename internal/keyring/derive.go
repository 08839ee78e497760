package keyring

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
)

const sha256Block = 64

// maxDeriveInput bounds what deriveKey and materialIDOf hash: counter, label, separator, context and length.
const maxDeriveInput = 192

// deriveLabel is the purpose of the keys that ciphertexts are sealed with.
const deriveLabel = "sealtable/kms/symmetric-default/1"

// deriveKey is the key derivation function in counter mode of NIST SP 800-108r1, section 4.1, with
// HMAC-SHA-256 as its PRF, a 32-bit counter before the fixed input, and one round, which gives a 256-bit key:
//
//	out = HMAC-SHA-256(key, [1]₃₂ ‖ label ‖ 0x00 ‖ context ‖ [256]₃₂)
//
// label and context together are at most maxDeriveInput - 9 bytes.
func deriveKey(out *[32]byte, key []byte, label string, context []byte) {
	var message [maxDeriveInput]byte
	m := binary.BigEndian.AppendUint32(message[:0], 1)
	m = append(m, label...)
	m = append(m, 0)
	m = append(m, context...)
	m = binary.BigEndian.AppendUint32(m, 256)
	hmacSHA256(out, key, m)
}

// hmacSHA256 is HMAC-SHA-256 (RFC 2104) of at most maxDeriveInput bytes. Unlike crypto/hmac it keeps the key
// nowhere but in buffers on its own stack, which it clears: a backing key must not linger on the heap (P7).
func hmacSHA256(out *[32]byte, key, message []byte) {
	var inner [sha256Block + maxDeriveInput]byte
	var outer [sha256Block + sha256.Size]byte
	if len(key) > sha256Block {
		digest := sha256.Sum256(key)
		copy(inner[:], digest[:])
		copy(outer[:], digest[:])
		clear(digest[:])
	} else {
		copy(inner[:], key)
		copy(outer[:], key)
	}
	for i := range sha256Block {
		inner[i] ^= 0x36
		outer[i] ^= 0x5c
	}
	n := copy(inner[sha256Block:], message)
	digest := sha256.Sum256(inner[:sha256Block+n])
	copy(outer[sha256Block:], digest[:])
	*out = sha256.Sum256(outer[:])
	clear(inner[:])
	clear(outer[:])
}

// materialIDOf names a backing key of a key: it gives nothing of the key away, is the same whenever the same
// material is given to the same key, and differs for the same material in another key. Related multi-Region
// keys share their id and so this too.
func materialIDOf(bare []byte, keyID string) string {
	var id [32]byte
	deriveKey(&id, bare, "sealtable/kms/key-material-id/1", []byte(keyID))
	return hex.EncodeToString(id[:])
}

// BackingID is how ciphertexts name the backing key that made them: the first half of its material id.
type BackingID [16]byte

func backingIDOf(materialID string) (id BackingID) {
	_, _ = hex.Decode(id[:], []byte(materialID[:2*len(id)]))
	return id
}
