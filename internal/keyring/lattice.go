package keyring

import (
	"crypto"
	"strings"

	"filippo.io/mldsa"
	"filippo.io/mldsa/mldsacrypto"
	"filippo.io/mldsa/x509"
)

// Keys of ML-DSA (FIPS 204). The library is the one that Go 1.27 has as crypto/mldsa. A private key is the
// seed that it is made from, and both keys are encoded as RFC 9881 says.

const (
	latticeAlgorithm = "ML_DSA_SHAKE_256"
	// muSize is the length of a message representative μ, in bytes (FIPS 204, section 6.2).
	muSize = 64
)

func (s Spec) isLattice() bool { return strings.HasPrefix(string(s), "ML_DSA_") }

func (s Spec) lattice() mldsa.Parameters {
	switch s {
	case "ML_DSA_44":
		return mldsa.MLDSA44()
	case "ML_DSA_65":
		return mldsa.MLDSA65()
	}
	return mldsa.MLDSA87()
}

func parseLattice(spec Spec, der []byte) (crypto.PrivateKey, error) {
	private, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil || !isOf(spec, publicOf(private)) {
		return nil, errPair
	}
	return private, nil
}

func parseLatticePublic(spec Spec, der []byte) (crypto.PublicKey, error) {
	public, err := x509.ParsePKIXPublicKey(der)
	if err != nil || !isOf(spec, public) {
		return nil, errPair
	}
	return public, nil
}

// signLattice signs a message or a μ; kind says which. Signatures of the same message differ (FIPS 204,
// section 3.4).
func signLattice(private *mldsa.PrivateKey, kind MessageKind, input []byte) ([]byte, error) {
	if kind == ExternalMu {
		return private.Sign(nil, input, mldsacrypto.MLDSAMu)
	}
	return private.Sign(nil, input, nil)
}
