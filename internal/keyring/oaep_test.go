package keyring

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"testing"
)

func TestOAEP(t *testing.T) {
	w := newWorld(t)
	key, other := w.newKeyOf(t, "RSA_2048", EncryptDecrypt), w.newKeyOf(t, "RSA_2048", EncryptDecrypt)
	public := standardPublic(t, w, key).(*rsa.PublicKey)
	for algorithm, room := range map[string]int{OAEPSHA1: 214, OAEPSHA256: 190} {
		way := Way{Algorithm: algorithm}
		sealed, err := w.EncryptBy(key, make([]byte, room), way)
		must(t, err)
		opened, err := w.DecryptBy(key, sealed.Blob, way)
		must(t, err)
		if len(opened.Plaintext) != room || sealed.MaterialID != "" || opened.MaterialID != "" {
			t.Errorf("%s: %d bytes came back", algorithm, len(opened.Plaintext))
		}
		_, err = w.EncryptBy(key, make([]byte, room+1), way)
		wantKind(t, err, Invalid)
		_, err = w.DecryptBy(other, sealed.Blob, way)
		wantKind(t, err, InvalidCiphertext)
		for i := 0; i < len(sealed.Blob); i += 11 {
			bad := bytes.Clone(sealed.Blob)
			bad[i] ^= 1
			_, err := w.DecryptBy(key, bad, way)
			wantKind(t, err, InvalidCiphertext)
			_, err = w.DecryptBy(key, sealed.Blob[:i], way)
			wantKind(t, err, InvalidCiphertext)
		}
	}
	for algorithm, hash := range map[string]func() ([]byte, error){
		OAEPSHA1: func() ([]byte, error) {
			return rsa.EncryptOAEP(sha1.New(), rand.Reader, public, []byte("elsewhere"), nil)
		},
		OAEPSHA256: func() ([]byte, error) {
			return rsa.EncryptOAEP(sha256.New(), rand.Reader, public, []byte("elsewhere"), nil)
		},
	} {
		blob, err := hash()
		must(t, err)
		opened, err := w.DecryptBy(key, blob, Way{Algorithm: algorithm})
		must(t, err)
		if string(opened.Plaintext) != "elsewhere" {
			t.Errorf("%s: got %q", algorithm, opened.Plaintext)
		}
	}
}

// TestRoom is the table of "Encrypt" in the AWS KMS API Reference.
func TestRoom(t *testing.T) {
	for spec, want := range map[Spec][2]int{"RSA_2048": {214, 190}, "RSA_3072": {342, 318}, "RSA_4096": {470, 446}} {
		if got := [2]int{oaepRoom(spec, OAEPSHA1), oaepRoom(spec, OAEPSHA256)}; got != want {
			t.Errorf("%s: %v", spec, got)
		}
	}
}

// TestKindsOfCiphertextsDoNotMix: contexts, symmetric ciphertexts and keys of other usages.
func TestKindsOfCiphertextsDoNotMix(t *testing.T) {
	w := newWorld(t)
	symmetric := w.newKey(t)
	pair := w.newKeyOf(t, "RSA_2048", EncryptDecrypt)
	signing := w.newKeyOf(t, "RSA_2048", SignVerify)
	blob := w.encrypt(t, symmetric, "x", nil)
	oaep := Way{Algorithm: OAEPSHA256}
	_, err := w.EncryptBy(pair, []byte("x"), Way{Algorithm: OAEPSHA256, Context: Context{"a": "b"}})
	wantKind(t, err, Invalid)
	_, err = w.EncryptBy(pair, []byte("x"), Way{})
	wantKind(t, err, InvalidUsage)
	_, err = w.EncryptBy(symmetric, []byte("x"), oaep)
	wantKind(t, err, InvalidUsage)
	_, err = w.EncryptBy(signing, []byte("x"), oaep)
	wantKind(t, err, InvalidUsage)
	_, err = w.DecryptBy(pair, blob, Way{})
	wantKind(t, err, IncorrectKey)
	_, err = w.DecryptBy(pair, blob, oaep)
	wantKind(t, err, InvalidCiphertext)
	sealed, opened, err := w.ReEncrypt(symmetric, blob, Way{}, pair, oaep)
	must(t, err)
	if opened.MaterialID == "" || sealed.MaterialID != "" || opened.Plaintext != nil {
		t.Error("the wrong materials are named")
	}
	back, _, err := w.ReEncrypt(pair, sealed.Blob, oaep, symmetric, Way{Context: Context{"a": "b"}})
	must(t, err)
	got, err := w.Decrypt(symmetric, back.Blob, Context{"a": "b"})
	must(t, err)
	if string(got.Plaintext) != "x" {
		t.Errorf("got %q", got.Plaintext)
	}
	_, _, err = w.ReEncrypt(symmetric, blob, Way{}, signing, oaep)
	if want := signing.ARN() + " key usage is SIGN_VERIFY which is not valid for ReEncryptTo."; err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
}

func TestAgreement(t *testing.T) {
	w := newWorld(t)
	for _, spec := range []Spec{"ECC_NIST_P256", "ECC_NIST_P384", "ECC_NIST_P521"} {
		a, b := w.newKeyOf(t, spec, KeyAgreement), w.newKeyOf(t, spec, KeyAgreement)
		publicA, err := w.PublicKey(a)
		must(t, err)
		publicB, err := w.PublicKey(b)
		must(t, err)
		one, err := w.Agree(a, ECDH, publicB)
		must(t, err)
		two, err := w.Agree(b, ECDH, publicA)
		must(t, err)
		if !bytes.Equal(one, two) || len(one) != (spec.curve().Params().BitSize+7)/8 {
			t.Errorf("%s: %d and %d bytes", spec, len(one), len(two))
		}
		for _, other := range pairSpecs {
			if other == spec {
				continue
			}
			private, err := generatePrivate(other)
			must(t, err)
			der, err := marshalPublic(publicOf(private))
			must(t, err)
			_, err = w.Agree(a, ECDH, der)
			wantKind(t, err, Invalid)
			wantKind(t, w.TryAgree(a, ECDH, der), Invalid)
		}
	}
	signing := w.newKeyOf(t, "ECC_NIST_P256", SignVerify)
	_, err := w.Agree(signing, ECDH, nil)
	wantKind(t, err, InvalidUsage)
}

// TestAgreementVector is the first vector for P-256 of NIST's Cryptographic Algorithm Validation Program for ECC CDH.
func TestAgreementVector(t *testing.T) {
	x := "700c48f77f56584c5cc632ca65640db91b6bacce3a4df6b42ce7cc838833d287"
	y := "db71e509e3fd9b060ddb20ba5c51dcc5948d46fbf640dfe0441782cab85fa4ac"
	private, err := ecdsa.ParseRawPrivateKey(Spec("ECC_NIST_P256").curve(),
		unhex(t, "7d7dc5f71eb29ddaf80d6214632eeae03d9058af1fb6d22ed80badb62bc1a534"))
	must(t, err)
	public, err := ecdsa.ParseUncompressedPublicKey(private.Curve, append([]byte{4}, unhex(t, x+y)...))
	must(t, err)
	secret, err := shared(private, public)
	must(t, err)
	if want := unhex(t, "46fc62106420ff012e54a434fbdd2d25ccc5852060561e68040dd7778997bd7b"); !bytes.Equal(secret, want) {
		t.Errorf("got %x", secret)
	}
}

func TestDataKeyPairs(t *testing.T) {
	w := newWorld(t)
	key := w.newKey(t)
	ctx := context.Background()
	for _, spec := range pairSpecs {
		if spec.isLattice() {
			_, err := w.DataKeyPair(ctx, key, "GenerateDataKeyPair", spec, nil) // DataKeyPairSpec has none
			wantKind(t, err, Unsupported)
			continue
		}
		pair, err := w.DataKeyPair(ctx, key, "GenerateDataKeyPair", spec, Context{"a": "b"})
		must(t, err)
		opened, err := w.Decrypt(key, pair.Sealed.Blob, Context{"a": "b"})
		must(t, err)
		private, err := parsePrivate(spec, opened.Plaintext)
		must(t, err)
		public, err := marshalPublic(publicOf(private))
		must(t, err)
		if !bytes.Equal(opened.Plaintext, pair.Private) || !bytes.Equal(public, pair.Public) {
			t.Errorf("%s: the parts do not belong together", spec)
		}
		if _, err := x509.ParsePKCS8PrivateKey(pair.Private); err != nil && spec != secgP256K1 {
			t.Errorf("%s: %v", spec, err)
		}
	}
	_, err := w.DataKeyPair(ctx, key, "GenerateDataKeyPair", "SM2", nil)
	wantKind(t, err, Unsupported)
	_, err = w.DataKeyPair(ctx, w.newKeyOf(t, "RSA_2048", EncryptDecrypt), "GenerateDataKeyPair", "ECC_NIST_P256", nil)
	wantKind(t, err, InvalidUsage)
}

// TestGeneratorsAreBounded: who finds all of them taken waits, until there is one or the request is over.
func TestGeneratorsAreBounded(t *testing.T) {
	w := newWorld(t)
	for range maxGenerators {
		w.generators <- struct{}{}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := w.Create(ctx, NewKey{Scope: east, Spec: "RSA_2048", Usage: SignVerify}); err == nil {
		t.Fatal("it did not wait")
	}
	if _, err := w.Create(ctx, NewKey{Scope: east, Spec: "ECC_NIST_P256", Usage: SignVerify}); err != nil {
		t.Fatalf("it waited for nothing: %v", err)
	}
	<-w.generators
	_, err := w.Create(context.Background(), NewKey{Scope: east, Spec: "RSA_2048", Usage: SignVerify})
	must(t, err)
}
