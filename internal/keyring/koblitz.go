package keyring

import (
	"crypto/x509/pkix"
	"encoding/asn1"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"

	"github.com/sealtable/sealtable/internal/lockedmem"
)

// The encodings of keys on secp256k1, which the standard library does not know: RFC 5480 for the public key,
// RFC 5915 within PKCS #8 for the private one.

func koblitzAlgorithm() pkix.AlgorithmIdentifier {
	publicKey := asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}
	return pkix.AlgorithmIdentifier{Algorithm: publicKey,
		Parameters: asn1.RawValue{FullBytes: koblitzCurve()}}
}

// koblitzCurve is the object identifier 1.3.132.0.10 in DER.
func koblitzCurve() []byte { return []byte{0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x0a} }

type subjectPublicKeyInfo struct {
	Algorithm pkix.AlgorithmIdentifier
	PublicKey asn1.BitString
}

type privateKeyInfo struct {
	Version    int
	Algorithm  pkix.AlgorithmIdentifier
	PrivateKey []byte
	Attributes asn1.RawValue `asn1:"optional,tag:0"`
}

type ecPrivateKey struct {
	Version    int
	PrivateKey []byte
	Parameters asn1.ObjectIdentifier `asn1:"optional,explicit,tag:0"`
	PublicKey  asn1.BitString        `asn1:"optional,explicit,tag:1"`
}

func marshalKoblitzPublic(public *secp256k1.PublicKey) ([]byte, error) {
	return asn1.Marshal(subjectPublicKeyInfo{Algorithm: koblitzAlgorithm(),
		PublicKey: bits(public.SerializeUncompressed())})
}

func bits(b []byte) asn1.BitString { return asn1.BitString{Bytes: b, BitLength: 8 * len(b)} }

func parseKoblitzPublic(der []byte) (*secp256k1.PublicKey, error) {
	var info subjectPublicKeyInfo
	rest, err := asn1.Unmarshal(der, &info)
	if err != nil || len(rest) > 0 || !isKoblitz(info.Algorithm) || info.PublicKey.BitLength%8 != 0 {
		return nil, errPair
	}
	public, err := secp256k1.ParsePubKey(info.PublicKey.Bytes)
	if err != nil {
		return nil, errPair
	}
	return public, nil
}

func isKoblitz(a pkix.AlgorithmIdentifier) bool {
	want := koblitzAlgorithm()
	return a.Algorithm.Equal(want.Algorithm) && string(a.Parameters.FullBytes) == string(koblitzCurve())
}

func marshalKoblitz(private *secp256k1.PrivateKey) ([]byte, error) {
	scalar := private.Serialize()
	defer lockedmem.Wipe(scalar)
	inner, err := asn1.Marshal(ecPrivateKey{
		Version: 1, PrivateKey: scalar, PublicKey: bits(private.PubKey().SerializeUncompressed()),
	})
	if err != nil {
		return nil, err
	}
	defer lockedmem.Wipe(inner)
	return asn1.Marshal(privateKeyInfo{Algorithm: koblitzAlgorithm(), PrivateKey: inner})
}

func parseKoblitz(der []byte) (*secp256k1.PrivateKey, error) {
	var info privateKeyInfo
	rest, err := asn1.Unmarshal(der, &info)
	if err != nil || len(rest) > 0 || !isKoblitz(info.Algorithm) {
		return nil, errPair
	}
	defer lockedmem.Wipe(info.PrivateKey)
	var inner ecPrivateKey
	rest, err = asn1.Unmarshal(info.PrivateKey, &inner)
	defer lockedmem.Wipe(inner.PrivateKey)
	if err != nil || len(rest) > 0 || inner.Version != 1 || len(inner.PrivateKey) != 32 {
		return nil, errPair
	}
	var scalar secp256k1.ModNScalar
	if scalar.SetByteSlice(inner.PrivateKey) || scalar.IsZero() {
		return nil, errPair
	}
	private := secp256k1.NewPrivateKey(&scalar)
	scalar.Zero()
	return private, nil
}
