package keyring

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"

	"filippo.io/mldsa"
	latticex509 "filippo.io/mldsa/x509"
	"github.com/decred/dcrd/dcrec/secp256k1/v4"
)

// A private key is an *rsa.PrivateKey, an *ecdsa.PrivateKey, an ed25519.PrivateKey, a *secp256k1.PrivateKey
// or an *mldsa.PrivateKey, and a public key its counterpart. At rest the first is a PKCS #8 PrivateKeyInfo
// (RFC 5208), the second a SubjectPublicKeyInfo (RFC 5280), both in DER.

// errPair says that bytes hold no key pair of the spec. What is wrong with them is not said: they may hold a
// secret.
var errPair = errors.New("not a key pair of this key spec")

// generatePrivate makes a private key. RSA takes from tens of milliseconds to seconds.
func generatePrivate(spec Spec) (crypto.PrivateKey, error) {
	switch spec {
	case edwards25519:
		_, private, err := ed25519.GenerateKey(rand.Reader)
		return private, err
	case secgP256K1:
		return secp256k1.GeneratePrivateKey()
	}
	if curve := spec.curve(); curve != nil {
		return ecdsa.GenerateKey(curve, rand.Reader)
	}
	if spec.isRSA() {
		return rsa.GenerateKey(rand.Reader, spec.modulus())
	}
	if spec.isLattice() {
		return mldsa.GenerateKey(spec.lattice())
	}
	return nil, fmt.Errorf("there are no key pairs of KeySpec %s", spec)
}

// modulus is the length of an RSA key, in bits.
func (s Spec) modulus() int {
	switch s {
	case "RSA_2048":
		return 2048
	case "RSA_3072":
		return 3072
	}
	return 4096
}

// curve is the NIST curve of the spec, nil where it has none.
func (s Spec) curve() elliptic.Curve {
	switch s {
	case "ECC_NIST_P256":
		return elliptic.P256()
	case "ECC_NIST_P384":
		return elliptic.P384()
	case "ECC_NIST_P521":
		return elliptic.P521()
	}
	return nil
}

func marshalPrivate(private crypto.PrivateKey) ([]byte, error) {
	if koblitz, ok := private.(*secp256k1.PrivateKey); ok {
		return marshalKoblitz(koblitz)
	}
	return latticex509.MarshalPKCS8PrivateKey(private)
}

// parsePrivate reads a private key of the spec; the caller wipes it. Any failure is errPair.
func parsePrivate(spec Spec, der []byte) (crypto.PrivateKey, error) {
	if spec == secgP256K1 {
		return parseKoblitz(der)
	}
	if spec.isLattice() {
		return parseLattice(spec, der)
	}
	private, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, errPair
	}
	if !isOf(spec, publicOf(private)) {
		wipePrivate(private)
		return nil, errPair
	}
	return private, nil
}

func publicOf(private crypto.PrivateKey) crypto.PublicKey {
	switch p := private.(type) {
	case *rsa.PrivateKey:
		return &p.PublicKey
	case *ecdsa.PrivateKey:
		return &p.PublicKey
	case ed25519.PrivateKey:
		return p.Public()
	case *secp256k1.PrivateKey:
		return p.PubKey()
	case *mldsa.PrivateKey:
		return p.PublicKey()
	}
	return nil
}

func marshalPublic(public crypto.PublicKey) ([]byte, error) {
	if koblitz, ok := public.(*secp256k1.PublicKey); ok {
		return marshalKoblitzPublic(koblitz)
	}
	return latticex509.MarshalPKIXPublicKey(public)
}

// parsePublic reads a public key of the spec. Any failure is errPair.
func parsePublic(spec Spec, der []byte) (crypto.PublicKey, error) {
	if spec == secgP256K1 {
		return parseKoblitzPublic(der)
	}
	if spec.isLattice() {
		return parseLatticePublic(spec, der)
	}
	public, err := x509.ParsePKIXPublicKey(der)
	if err != nil || !isOf(spec, public) {
		return nil, errPair
	}
	return public, nil
}

func isOf(spec Spec, public crypto.PublicKey) bool {
	switch p := public.(type) {
	case *rsa.PublicKey:
		return spec.isRSA() && p.N.BitLen() == spec.modulus()
	case *ecdsa.PublicKey:
		return spec.curve() != nil && p.Curve == spec.curve()
	case ed25519.PublicKey:
		return spec == edwards25519
	case *secp256k1.PublicKey:
		return spec == secgP256K1
	case *mldsa.PublicKey:
		return spec.isLattice() && p.Parameters() == spec.lattice()
	}
	return false
}

// wipePrivate overwrites what can be reached of a private key, which is nothing of one of ML-DSA. What the
// library keeps of it elsewhere goes with the next collection; DESIGN.md says so under its limits.
func wipePrivate(private crypto.PrivateKey) {
	switch p := private.(type) {
	case *rsa.PrivateKey:
		wipeInts(append([]*big.Int{p.D, p.Precomputed.Dp, p.Precomputed.Dq, p.Precomputed.Qinv},
			p.Primes...)...)
	case *ecdsa.PrivateKey:
		//lint:ignore SA1019 there is no other way to overwrite the key, and it is not used again
		wipeInts(p.D)
	case ed25519.PrivateKey:
		clear(p)
	case *secp256k1.PrivateKey:
		p.Zero()
	}
}

func wipeInts(list ...*big.Int) {
	for _, n := range list {
		if n != nil {
			clear(n.Bits())
		}
	}
}
