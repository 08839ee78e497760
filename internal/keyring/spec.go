package keyring

// Spec says what kind of key a key is, in the words of the KMS API.
type Spec string

// Usage says what a key is for.
type Usage string

// Origin says where the material of a key comes from.
type Origin string

// Manager says who manages a key.
type Manager string

// The values that keys have at present. Every other KeySpec of the API is refused by name.
const (
	Symmetric Spec = "SYMMETRIC_DEFAULT"

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

// class groups the specs that an alias may move between.
func (s Spec) class() string {
	switch {
	case s == Symmetric:
		return "symmetric"
	case len(s) > 5 && s[:5] == "HMAC_":
		return "hmac"
	}
	return "asymmetric"
}
