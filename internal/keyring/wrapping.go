package keyring

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rsa"
	"crypto/subtle"
	"encoding/binary"
	"errors"

	"github.com/sealtable/sealtable/internal/lockedmem"
)

// How the owner of key material wraps it for its way here ("Wrapping algorithms" in the AWS KMS Developer
// Guide).
const (
	wrapOAEPSHA1   = "RSAES_OAEP_SHA_1"
	wrapOAEPSHA256 = "RSAES_OAEP_SHA_256"
	wrapAESSHA1    = "RSA_AES_KEY_WRAP_SHA_1"
	wrapAESSHA256  = "RSA_AES_KEY_WRAP_SHA_256"
)

// wraps says whether material of a key of spec may be wrapped so ("Select a wrapping algorithm" there): RSA
// directly where it has room for the material, RSA with AES for private keys. RSAES_PKCS1_V1_5 is not taken
// any more.
func wraps(algorithm string, wrapping, spec Spec) bool {
	if !wrapping.isRSA() {
		return false
	}
	switch algorithm {
	case wrapOAEPSHA1, wrapOAEPSHA256:
		return !spec.isRSA() && !(spec == "ECC_NIST_P521" && wrapping == "RSA_2048")
	case wrapAESSHA1, wrapAESSHA256:
		return spec.asymmetric()
	}
	return false
}

var errWrapped = errors.New("not wrapped for this key")

// unwrapMaterial opens wrapped material; the caller wipes it. With one of the two algorithms that have AES in
// their names, an AES key is wrapped with RSA, and the material with that. Any failure is errWrapped.
func unwrapMaterial(private *rsa.PrivateKey, algorithm string, wrapped []byte) ([]byte, error) {
	size := private.Size()
	if len(wrapped) < size {
		return nil, errWrapped
	}
	viaAES := algorithm == wrapAESSHA1 || algorithm == wrapAESSHA256
	if !viaAES {
		size = len(wrapped)
	}
	inner, err := rsa.DecryptOAEP(hashOf(algorithm).New(), nil, private, wrapped[:size], nil)
	if err != nil {
		return nil, errWrapped
	}
	if !viaAES {
		return inner, nil
	}
	defer lockedmem.Wipe(inner)
	return unwrapPadded(inner, wrapped[size:])
}

// unwrapPadded is AES key unwrap with padding (RFC 5649, section 4.2).
func unwrapPadded(key, wrapped []byte) ([]byte, error) {
	block, err := aes.NewCipher(key)
	if err != nil || len(wrapped) < 16 || len(wrapped)%8 != 0 {
		return nil, errWrapped
	}
	out := make([]byte, len(wrapped))
	if len(wrapped) == 16 {
		block.Decrypt(out, wrapped)
	} else {
		copy(out, wrapped)
		unwrapSteps(block, out)
	}
	padded := out[8:]
	n := int(binary.BigEndian.Uint32(out[4:]))
	good := subtle.ConstantTimeEq(int32(binary.BigEndian.Uint32(out)), initialValue)
	if n <= len(padded)-8 || n > len(padded) {
		good, n = 0, len(padded)
	}
	var stray byte
	for _, b := range padded[n:] {
		stray |= b
	}
	if good&subtle.ConstantTimeByteEq(stray, 0) != 1 {
		lockedmem.Wipe(out)
		return nil, errWrapped
	}
	return padded[:n:n], nil
}

// initialValue is A65959A6, the constant of RFC 5649, section 3.
const initialValue = -0x59a6a65a

// unwrapSteps is the unwrapping of RFC 3394, section 2.2.2, in place: the first 8 bytes are A, what follows
// is R.
func unwrapSteps(block cipher.Block, b []byte) {
	var work [16]byte
	n := len(b)/8 - 1
	for j := 5; j >= 0; j-- {
		for i := n; i >= 1; i-- {
			t := binary.BigEndian.Uint64(b) ^ uint64(n*j+i)
			binary.BigEndian.PutUint64(work[:8], t)
			copy(work[8:], b[8*i:8*i+8])
			block.Decrypt(work[:], work[:])
			copy(b, work[:8])
			copy(b[8*i:], work[8:])
		}
	}
	clear(work[:])
}
