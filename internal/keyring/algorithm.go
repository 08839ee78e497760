package keyring

import (
	"crypto"
	_ "crypto/sha1" // for RSAES_OAEP_SHA_1
	"slices"
	"strings"
)

// The algorithms of ciphertexts, besides SymmetricAlgorithm, and of key agreement.
const (
	OAEPSHA1   = "RSAES_OAEP_SHA_1"
	OAEPSHA256 = "RSAES_OAEP_SHA_256"
	ECDH       = "ECDH"
)

const (
	ed25519Pure      = "ED25519_SHA_512"
	ed25519Prehashed = "ED25519_PH_SHA_512"
)

// Algorithms are what keys of this spec and usage can be used with, in the words of the KMS API ("Key spec
// reference" in the AWS KMS Developer Guide).
func (s Spec) Algorithms(u Usage) []string {
	switch u {
	case EncryptDecrypt:
		if s == Symmetric {
			return []string{SymmetricAlgorithm}
		}
		return []string{OAEPSHA1, OAEPSHA256}
	case KeyAgreement:
		return []string{ECDH}
	case GenerateMAC:
		return []string{"HMAC_SHA_" + strings.TrimPrefix(string(s), "HMAC_")}
	}
	return s.signatures()
}

func (s Spec) signatures() []string {
	switch s {
	case "RSA_2048", "RSA_3072", "RSA_4096":
		return []string{
			"RSASSA_PKCS1_V1_5_SHA_256", "RSASSA_PKCS1_V1_5_SHA_384", "RSASSA_PKCS1_V1_5_SHA_512",
			"RSASSA_PSS_SHA_256", "RSASSA_PSS_SHA_384", "RSASSA_PSS_SHA_512",
		}
	case "ECC_NIST_P256", secgP256K1:
		return []string{"ECDSA_SHA_256"}
	case "ECC_NIST_P384":
		return []string{"ECDSA_SHA_384"}
	case "ECC_NIST_P521":
		return []string{"ECDSA_SHA_512"}
	case edwards25519:
		return []string{ed25519Pure, ed25519Prehashed}
	case "ML_DSA_44", "ML_DSA_65", "ML_DSA_87":
		return []string{latticeAlgorithm}
	}
	return nil
}

// Algorithms are what the key can be used with.
func (m *Metadata) Algorithms() []string { return m.Spec.Algorithms(m.Usage) }

func (m *Metadata) has(algorithm string) bool {
	if m.Spec == Symmetric {
		return algorithm == SymmetricAlgorithm
	}
	return slices.Contains(m.Algorithms(), algorithm)
}

// hashOf is the hash function of an algorithm, by the end of its name.
func hashOf(algorithm string) crypto.Hash {
	switch algorithm[strings.LastIndexByte(algorithm, '_')+1:] {
	case "1":
		return crypto.SHA1
	case "224":
		return crypto.SHA224
	case "384":
		return crypto.SHA384
	case "512":
		return crypto.SHA512
	}
	return crypto.SHA256
}
