package keyring

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/rsa"
	"encoding/base64"
	"testing"

	latticex509 "filippo.io/mldsa/x509"
	"github.com/decred/dcrd/dcrec/secp256k1/v4"
)

// pairSpecs are the specs of key pairs. RSA_3072 and RSA_4096 differ from RSA_2048 in a number, and take seconds to make.
var pairSpecs = []Spec{"RSA_2048", "ECC_NIST_P256", "ECC_NIST_P384", "ECC_NIST_P521", secgP256K1, edwards25519, "ML_DSA_44", "ML_DSA_65",
	"ML_DSA_87"}

func (w *world) newKeyOf(t testing.TB, spec Spec, usage Usage) *Key {
	t.Helper()
	key, err := w.Create(context.Background(), NewKey{Scope: east, Spec: spec, Usage: usage})
	must(t, err)
	return key
}

// TestPairsReadBack: what is encoded is read as the same key, by the spec that it has and by no other.
func TestPairsReadBack(t *testing.T) {
	for _, spec := range pairSpecs {
		private, err := generatePrivate(spec)
		must(t, err)
		der, err := marshalPrivate(private)
		must(t, err)
		public, err := marshalPublic(publicOf(private))
		must(t, err)
		for _, other := range append([]Spec{"RSA_4096"}, pairSpecs...) {
			back, privateErr := parsePrivate(other, der)
			_, publicErr := parsePublic(other, public)
			if (privateErr == nil) != (other == spec) || (publicErr == nil) != (other == spec) {
				t.Errorf("%s as %s: %v, %v", spec, other, privateErr, publicErr)
			}
			if privateErr != nil {
				continue
			}
			again, err := marshalPrivate(back)
			must(t, err)
			if !bytes.Equal(der, again) {
				t.Errorf("%s has two forms", spec)
			}
		}
	}
}

func TestRSALengths(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	for spec, bits := range map[Spec]int{"RSA_3072": 3072, "RSA_4096": 4096} {
		private, err := generatePrivate(spec)
		must(t, err)
		if got := private.(*rsa.PrivateKey).N.BitLen(); got != bits {
			t.Errorf("%s has %d bits", spec, got)
		}
	}
}

// TestKoblitzRefusesOtherKeys: broken encodings of keys on secp256k1, and scalars and points that are not on it.
func TestKoblitzRefusesOtherKeys(t *testing.T) {
	private, err := secp256k1.GeneratePrivateKey()
	must(t, err)
	der, err := marshalKoblitz(private)
	must(t, err)
	public, err := marshalKoblitzPublic(private.PubKey())
	must(t, err)
	for i := range der {
		if _, err := parseKoblitz(der[:i]); err == nil {
			t.Errorf("a private key that is cut at %d is read", i)
		}
	}
	for i := range public {
		if _, err := parseKoblitzPublic(public[:i]); err == nil {
			t.Errorf("a public key that is cut at %d is read", i)
		}
	}
	public[len(public)-1] ^= 1
	if _, err := parseKoblitzPublic(public); err == nil {
		t.Error("a point off the curve is read")
	}
	scalar := private.Serialize()
	at := bytes.Index(der, scalar)
	for _, fill := range []byte{0x00, 0xff} {
		bad := bytes.Clone(der)
		copy(bad[at:], bytes.Repeat([]byte{fill}, len(scalar)))
		if _, err := parseKoblitz(bad); err == nil {
			t.Errorf("the scalar %02x… is read", fill)
		}
	}
}

func TestWipedKeysAreGone(t *testing.T) {
	for _, spec := range pairSpecs {
		private, err := generatePrivate(spec)
		must(t, err)
		wipePrivate(private)
		switch p := private.(type) {
		case *rsa.PrivateKey:
			if !allZero(p.D.Bits()) || !allZero(p.Primes[0].Bits()) {
				t.Error("an RSA key is left")
			}
		case *ecdsa.PrivateKey:
			//lint:ignore SA1019 the test looks at what wiping leaves
			if !allZero(p.D.Bits()) {
				t.Error("an ECDSA key is left")
			}
		case *secp256k1.PrivateKey:
			if !p.Key.IsZero() {
				t.Error("a secp256k1 key is left")
			}
		}
	}
}

func allZero[T ~uint](list []T) bool {
	for _, v := range list {
		if v != 0 {
			return false
		}
	}
	return true
}

// TestPairsSurviveARestart, and their private keys are on the disk only wrapped.
func TestPairsSurviveARestart(t *testing.T) {
	w := newWorld(t)
	for _, spec := range pairSpecs {
		key := w.newKeyOf(t, spec, SignVerify)
		algorithm := key.Metadata().Algorithms()[0]
		signature, err := w.Sign(key, algorithm, Message{Bytes: []byte("kept")})
		must(t, err)
		private, err := w.private(key, key.Metadata())
		must(t, err)
		der, err := marshalPrivate(private)
		must(t, err)
		checkNotOnDisk(t, w, key, der)
		w.later(t, 0)
		key, err = w.Resolve(east, key.ID(), KeyOnly)
		must(t, err)
		must(t, w.Verify(key, algorithm, Message{Bytes: []byte("kept")}, signature))
		_, err = w.Sign(key, algorithm, Message{Bytes: []byte("again")})
		must(t, err)
	}
}

// checkNotOnDisk looks for any 15 bytes of a private key that are not the public key's: as they are in the key's file, and in base64 in
// the records.
func checkNotOnDisk(t *testing.T, w *world, key *Key, der []byte) {
	t.Helper()
	public, err := w.PublicKey(key)
	must(t, err)
	file := readAll(t, w, "keys/"+key.ID())
	records, err := w.records.state()
	must(t, err)
	for i := 0; i+15 <= len(der); i++ {
		part := der[i : i+15]
		if bytes.Contains(public, part) {
			continue
		}
		if bytes.Contains(file, part) {
			t.Fatalf("%s: the private key is in the file", key.Metadata().Spec)
		}
		for name, data := range records {
			if bytes.Contains(data, []byte(base64.RawStdEncoding.EncodeToString(part))) {
				t.Fatalf("%s: the private key is in record %s", key.Metadata().Spec, name)
			}
		}
	}
}

func FuzzPublicKey(f *testing.F) {
	for _, spec := range pairSpecs[1:] {
		private, err := generatePrivate(spec)
		must(f, err)
		der, err := marshalPublic(publicOf(private))
		must(f, err)
		f.Add(der)
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, der []byte) {
		for _, spec := range pairSpecs {
			public, err := parsePublic(spec, der)
			if err == nil && !isOf(spec, public) {
				t.Fatalf("read as %s: %T", spec, public)
			}
		}
	})
}

func FuzzPrivateKey(f *testing.F) {
	for _, spec := range pairSpecs[1:] {
		private, err := generatePrivate(spec)
		must(f, err)
		der, err := marshalPrivate(private)
		must(f, err)
		f.Add(der)
	}
	f.Fuzz(func(t *testing.T, der []byte) {
		for _, spec := range pairSpecs {
			private, err := parsePrivate(spec, der)
			if err != nil {
				continue
			}
			if !isOf(spec, publicOf(private)) {
				t.Fatalf("read as %s: %T", spec, private)
			}
			if _, err := marshalPrivate(private); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// standardPublic reads a public key with the standard library alone.
func standardPublic(t testing.TB, w *world, key *Key) any {
	t.Helper()
	der, err := w.PublicKey(key)
	must(t, err)
	public, err := latticex509.ParsePKIXPublicKey(der)
	must(t, err)
	return public
}
