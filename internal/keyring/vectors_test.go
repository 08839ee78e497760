package keyring

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/asn1"
	"math/big"
	"testing"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
)

// TestRFC8032 are test 3 of section 7.1 and the test of section 7.3 of RFC 8032: Ed25519, and its prehashed form.
func TestRFC8032(t *testing.T) {
	for _, v := range []struct{ algorithm, seed, public, message, signature string }{
		{ed25519Pure, "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
			"fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
			"6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"},
		{ed25519Prehashed, "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
			"ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf", "616263",
			"98a70222f0b8121aa9d30f813d683f809e462b469c7ff87639499bb94e6dae4131f85042463c2a355a2003d062adf5aaa10b8c61e636062aaad11c2a26083406"},
	} {
		input, err := messagesFor(v.algorithm, unhex(t, v.message))[0].input(v.algorithm)
		must(t, err)
		private := ed25519.NewKeyFromSeed(unhex(t, v.seed))
		signature, err := sign(private, v.algorithm, Raw, input)
		must(t, err)
		if !bytes.Equal(signature, unhex(t, v.signature)) {
			t.Errorf("%s: got %x", v.algorithm, signature)
		}
		if !verify(ed25519.PublicKey(unhex(t, v.public)), v.algorithm, input, signature) {
			t.Errorf("%s: it does not verify", v.algorithm)
		}
	}
}

// TestRFC6979 is the signature of "sample" with SHA-256 in appendix A.2.5 of RFC 6979, by an implementation that is not ours.
func TestRFC6979(t *testing.T) {
	point := "0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6" +
		"7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299"
	public, err := ecdsa.ParseUncompressedPublicKey(Spec("ECC_NIST_P256").curve(), unhex(t, point))
	must(t, err)
	r := new(big.Int).SetBytes(unhex(t, "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"))
	s := new(big.Int).SetBytes(unhex(t, "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"))
	input, err := Message{Bytes: []byte("sample")}.input("ECDSA_SHA_256")
	must(t, err)
	if !verify(public, "ECDSA_SHA_256", input, ecdsaDER(t, r, s)) {
		t.Error("it does not verify")
	}
}

func ecdsaDER(t *testing.T, r, s *big.Int) []byte {
	t.Helper()
	der, err := asn1.Marshal(struct{ R, S *big.Int }{r, s})
	must(t, err)
	return der
}

// TestECDSAForms are the cases that verifiers get wrong: numbers out of range, and encodings that are not DER.
func TestECDSAForms(t *testing.T) {
	for spec, order := range map[Spec]*big.Int{
		"ECC_NIST_P256": Spec("ECC_NIST_P256").curve().Params().N, secgP256K1: secp256k1.Params().N,
	} {
		private, err := generatePrivate(spec)
		must(t, err)
		digest := sha256.Sum256([]byte("a message"))
		signature, err := sign(private, "ECDSA_SHA_256", Digest, digest[:])
		must(t, err)
		var parts struct{ R, S *big.Int }
		_, err = asn1.Unmarshal(signature, &parts)
		must(t, err)
		r, s := parts.R, parts.S
		zero := new(big.Int)
		good := func(der []byte) bool { return verify(publicOf(private), "ECDSA_SHA_256", digest[:], der) }
		if !good(ecdsaDER(t, r, s)) || !good(ecdsaDER(t, r, new(big.Int).Sub(order, s))) {
			t.Errorf("%s: a signature is refused, or its other form", spec)
		}
		for name, der := range map[string][]byte{
			"r is 0": ecdsaDER(t, zero, s), "s is 0": ecdsaDER(t, r, zero), "both are 0": ecdsaDER(t, zero, zero),
			"r is the order": ecdsaDER(t, order, s), "s is the order": ecdsaDER(t, r, order),
			"r is too large": ecdsaDER(t, new(big.Int).Add(r, order), s), "s is too large": ecdsaDER(t, r, new(big.Int).Add(s, order)),
			"r is negative": ecdsaDER(t, new(big.Int).Neg(r), s), "r is one, s too": ecdsaDER(t, big.NewInt(1), big.NewInt(1)),
			"swapped":     ecdsaDER(t, s, r),
			"long length": append([]byte{0x30, 0x81}, signature[1:]...),
			"indefinite":  append(append([]byte{0x30, 0x80}, signature[2:]...), 0, 0),
			"padded":      padded(signature),
			"trailing":    append(bytes.Clone(signature), 0), "inner trailing": innerTrailing(signature),
			"empty": {}, "null": {5, 0}, "raw": append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...),
		} {
			if good(der) {
				t.Errorf("%s, %s: it is taken", spec, name)
			}
		}
	}
}

// padded puts a zero before r that DER does not allow.
func padded(signature []byte) []byte {
	out := append([]byte{0x30, signature[1] + 2, 0x02, signature[3] + 2, 0, 0}, signature[4:]...)
	return out
}

// innerTrailing puts another element into the sequence.
func innerTrailing(signature []byte) []byte {
	out := append(bytes.Clone(signature), 5, 0)
	out[1] += 2
	return out
}

// TestRSAForms are signatures that are right but for one thing.
func TestRSAForms(t *testing.T) {
	made, err := generatePrivate("RSA_2048")
	must(t, err)
	private := made.(*rsa.PrivateKey)
	digest := sha256.Sum256([]byte("a message"))
	const pkcs, pss = "RSASSA_PKCS1_V1_5_SHA_256", "RSASSA_PSS_SHA_256"
	unnamed, err := rsa.SignPKCS1v15(rand.Reader, private, crypto.Hash(0), digest[:])
	must(t, err)
	byPKCS, err := sign(private, pkcs, Digest, digest[:])
	must(t, err)
	byPSS, err := sign(private, pss, Digest, digest[:])
	must(t, err)
	for name, c := range map[string]struct {
		algorithm string
		signature []byte
		good      bool
	}{
		"PKCS #1": {pkcs, byPKCS, true}, "PSS": {pss, byPSS, true},
		"the hash is not named": {pkcs, unnamed, false}, "PSS as PKCS #1": {pkcs, byPSS, false}, "PKCS #1 as PSS": {pss, byPKCS, false},
		"a zero before": {pkcs, append([]byte{0}, byPKCS...), false}, "nothing": {pkcs, nil, false},
		"zeros": {pkcs, make([]byte, 256), false}, "one": {pss, append(make([]byte, 255), 1), false},
		"the modulus": {pkcs, private.N.Bytes(), false},
	} {
		if verify(&private.PublicKey, c.algorithm, digest[:], c.signature) != c.good {
			t.Errorf("%s: not %v", name, c.good)
		}
	}
	labelled, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, &private.PublicKey, []byte("x"), []byte("label"))
	must(t, err)
	if _, err := unwrapMaterial(private, wrapOAEPSHA256, labelled); err == nil {
		t.Error("a label is overlooked")
	}
}

// TestPointsOffTheCurve: neither a point of another curve, nor curve parameters of the sender's own, nor an encoding without y.
func TestPointsOffTheCurve(t *testing.T) {
	w := newWorld(t)
	key := w.newKeyOf(t, "ECC_NIST_P256", KeyAgreement)
	public, err := w.PublicKey(key)
	must(t, err)
	for name, change := range map[string]func(b []byte) []byte{
		"off the curve": func(b []byte) []byte { b[len(b)-1] ^= 1; return b },
		"all zeros":     func(b []byte) []byte { clear(b[len(b)-64:]); return b },
		"all ones":      func(b []byte) []byte { copy(b[len(b)-64:], bytes.Repeat([]byte{0xff}, 64)); return b },
		"hybrid":        func(b []byte) []byte { b[len(b)-65] = 6; return b },
		"infinity":      func(b []byte) []byte { b[1], b[len(b)-67] = b[1]-64, 2; b = b[:len(b)-64]; b[len(b)-1] = 0; return b },
		"cut":           func(b []byte) []byte { return b[:len(b)-1] },
	} {
		_, err := w.Agree(key, ECDH, change(bytes.Clone(public)))
		if KindOf(err) != Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestOpenSSLForms are encodings that openssl makes and that are not what keys of ours look like.
func TestOpenSSLForms(t *testing.T) {
	o := newOpenSSL(t)
	o.run("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -pkeyopt ec_param_enc:explicit -outform DER -out explicit.der")
	o.run("pkey -inform DER -in explicit.der -pubout -outform DER -out public.der")
	if _, err := parsePublic("ECC_NIST_P256", o.get("public.der")); err == nil {
		t.Error("explicit curve parameters are taken")
	}
	if _, err := parsePrivate("ECC_NIST_P256", o.get("explicit.der")); err == nil {
		t.Error("a private key with explicit curve parameters is taken")
	}
	o.run("genrsa -out rsa.pem 1024")
	o.run("pkcs8 -topk8 -nocrypt -in rsa.pem -outform DER -out rsa.der")
	for _, spec := range []Spec{"RSA_2048", "RSA_3072", "RSA_4096"} {
		if _, err := parsePrivate(spec, o.get("rsa.der")); err == nil {
			t.Errorf("1024 bits are taken for %s", spec)
		}
	}
}
