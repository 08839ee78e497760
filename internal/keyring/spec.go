package keyring

import "strings"

// Spec says what kind of key a key is, in the words of the KMS API.
type Spec string

// Usage says what a key is for.
type Usage string

// Origin says where the material of a key comes from.
type Origin string

// Manager says who manages a key.
type Manager string

// The values that this package treats in a way of their own.
const (
	Symmetric    Spec = "SYMMETRIC_DEFAULT"
	secgP256K1   Spec = "ECC_SECG_P256K1"
	edwards25519 Spec = "ECC_NIST_EDWARDS25519"

	EncryptDecrypt Usage = "ENCRYPT_DECRYPT"

	OriginKMS      Origin = "AWS_KMS"
	OriginExternal Origin = "EXTERNAL"

	ManagedByCustomer Manager = "CUSTOMER"
	ManagedByAWS      Manager = "AWS"
	// ownedByInstallation marks the keys of the installation, which no API shows.
	ownedByInstallation Manager = "OWNED"
)

// The usages that keys of other specs have.
const (
	SignVerify   Usage = "SIGN_VERIFY"
	GenerateMAC  Usage = "GENERATE_VERIFY_MAC"
	KeyAgreement Usage = "KEY_AGREEMENT"
)

// SymmetricAlgorithm is the encryption algorithm of symmetric keys.
const SymmetricAlgorithm = "SYMMETRIC_DEFAULT"

// usages are the usages that a spec can have; nil for a spec that there is not.
func (s Spec) usages() []Usage {
	switch s {
	case Symmetric:
		return []Usage{EncryptDecrypt}
	case "RSA_2048", "RSA_3072", "RSA_4096":
		return []Usage{EncryptDecrypt, SignVerify}
	case "ECC_NIST_P256", "ECC_NIST_P384", "ECC_NIST_P521":
		return []Usage{SignVerify, KeyAgreement}
	case "ECC_SECG_P256K1", "ECC_NIST_EDWARDS25519", "ML_DSA_44", "ML_DSA_65", "ML_DSA_87":
		return []Usage{SignVerify}
	case "SM2":
		return []Usage{EncryptDecrypt, SignVerify, KeyAgreement}
	case "HMAC_224", "HMAC_256", "HMAC_384", "HMAC_512":
		return []Usage{GenerateMAC}
	}
	return nil
}

func (s Spec) fits(u Usage) bool {
	for _, usage := range s.usages() {
		if usage == u {
			return true
		}
	}
	return false
}

// made says whether this program makes keys of the spec. It has no SM2.
func (s Spec) made() bool { return s.usages() != nil && s != "SM2" }

// class groups the specs that an alias may move between.
func (s Spec) class() string {
	switch {
	case s == Symmetric:
		return "symmetric"
	case s.isMAC():
		return "hmac"
	}
	return "asymmetric"
}

func (s Spec) isMAC() bool { return strings.HasPrefix(string(s), "HMAC_") }

func (s Spec) isRSA() bool { return strings.HasPrefix(string(s), "RSA_") }

// asymmetric says whether keys of the spec are key pairs.
func (s Spec) asymmetric() bool { return s != Symmetric && !s.isMAC() }

// secretSize is the length of the secret of a key that is no key pair, in bytes; 0 for a key pair. The
// secrets of HMAC keys are as long as what they make ("HMAC keys in AWS KMS" in the AWS KMS Developer Guide).
func (s Spec) secretSize() int {
	switch s {
	case Symmetric:
		return bareSize
	case "HMAC_224":
		return 28
	case "HMAC_256":
		return 32
	case "HMAC_384":
		return 48
	case "HMAC_512":
		return 64
	}
	return 0
}
