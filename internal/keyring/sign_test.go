package keyring

import (
	"bytes"
	"context"
	"crypto"
	stdecdsa "crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"strings"
	"testing"

	"filippo.io/mldsa"
)

// TestSignaturesVerifyElsewhere checks what Sign makes with the standard library, message and digest alike.
func TestSignaturesVerifyElsewhere(t *testing.T) {
	w := newWorld(t)
	message := []byte("a message")
	for _, spec := range pairSpecs {
		if spec == secgP256K1 {
			continue // the standard library does not know it; openssl checks it
		}
		key := w.newKeyOf(t, spec, SignVerify)
		public := standardPublic(t, w, key)
		for _, algorithm := range key.Metadata().Algorithms() {
			for _, m := range messagesFor(algorithm, message) {
				signature, err := w.Sign(key, algorithm, m)
				must(t, err)
				if !standardVerify(public, algorithm, message, signature) {
					t.Errorf("%s with %s, %s: not a signature", spec, algorithm, m.Kind)
				}
				must(t, w.Verify(key, algorithm, m, signature))
			}
		}
	}
}

// messagesFor is a message in the forms that an algorithm takes.
func messagesFor(algorithm string, message []byte) []Message {
	digest := Message{Bytes: digestFor(algorithm, message), Kind: Digest}
	switch algorithm {
	case ed25519Pure, latticeAlgorithm:
		return []Message{{Bytes: message}}
	case ed25519Prehashed:
		return []Message{digest}
	}
	return []Message{{Bytes: message}, digest}
}

func digestFor(algorithm string, message []byte) []byte {
	switch {
	case strings.HasSuffix(algorithm, "256"):
		sum := sha256.Sum256(message)
		return sum[:]
	case strings.HasSuffix(algorithm, "384"):
		sum := sha512.Sum384(message)
		return sum[:]
	}
	sum := sha512.Sum512(message)
	return sum[:]
}

func standardVerify(public any, algorithm string, message, signature []byte) bool {
	digest := digestFor(algorithm, message)
	hash := map[int]crypto.Hash{32: crypto.SHA256, 48: crypto.SHA384, 64: crypto.SHA512}[len(digest)]
	switch p := public.(type) {
	case *rsa.PublicKey:
		if strings.Contains(algorithm, "PSS") {
			return rsa.VerifyPSS(p, hash, digest, signature, &rsa.PSSOptions{SaltLength: len(digest)}) == nil
		}
		return rsa.VerifyPKCS1v15(p, hash, digest, signature) == nil
	case *stdecdsa.PublicKey:
		return stdecdsa.VerifyASN1(p, digest, signature)
	case ed25519.PublicKey:
		if algorithm == ed25519Prehashed {
			return ed25519.VerifyWithOptions(p, digest, signature, &ed25519.Options{Hash: crypto.SHA512}) == nil
		}
		return ed25519.Verify(p, message, signature)
	case *mldsa.PublicKey:
		return mldsa.Verify(p, message, signature, nil) == nil
	}
	return false
}

// TestWrongSignatures: one answer, without a word, to whatever is not the key's signature of the message.
func TestWrongSignatures(t *testing.T) {
	w := newWorld(t)
	for _, spec := range pairSpecs {
		key, other := w.newKeyOf(t, spec, SignVerify), w.newKeyOf(t, spec, SignVerify)
		algorithms := key.Metadata().Algorithms()
		algorithm := algorithms[0]
		message := messagesFor(algorithm, []byte("a message"))[0]
		signature, err := w.Sign(key, algorithm, message)
		must(t, err)
		wrong := func(key *Key, m Message, signature []byte) {
			t.Helper()
			err := w.Verify(key, algorithm, m, signature)
			wantKind(t, err, InvalidSignature)
			if err.(*Error).Text != "" {
				t.Errorf("it says %q", err)
			}
		}
		wrong(other, message, signature)
		wrong(key, Message{Bytes: []byte("another")}, signature)
		for i := 0; i < len(signature); i += 7 {
			bad := bytes.Clone(signature)
			bad[i] ^= 4
			wrong(key, message, bad)
		}
		wrong(key, message, signature[:len(signature)-1])
		wrong(key, message, append(bytes.Clone(signature), 0))
		wrong(key, message, []byte{0})
	}
}

// TestSaltIsAsLongAsTheHash: a PSS signature with another salt is refused, though a lenient reader would take it.
func TestSaltIsAsLongAsTheHash(t *testing.T) {
	w := newWorld(t)
	key := w.newKeyOf(t, "RSA_2048", SignVerify)
	private, err := w.private(key, key.Metadata())
	must(t, err)
	digest := sha256.Sum256([]byte("a message"))
	for salt, want := range map[int]Kind{32: 0, 20: InvalidSignature, 0: InvalidSignature} {
		options := &rsa.PSSOptions{SaltLength: salt}
		if salt == 0 {
			options.SaltLength = rsa.PSSSaltLengthAuto // as long as it can be
		}
		signature, err := rsa.SignPSS(rand.Reader, private.(*rsa.PrivateKey), crypto.SHA256, digest[:], options)
		must(t, err)
		err = w.Verify(key, "RSASSA_PSS_SHA_256", Message{Bytes: digest[:], Kind: Digest}, signature)
		if KindOf(err) != want || want == 0 && err != nil {
			t.Errorf("salt of %d: %v", salt, err)
		}
	}
}

func TestMessageRules(t *testing.T) {
	w := newWorld(t)
	p256, edwards := w.newKeyOf(t, "ECC_NIST_P256", SignVerify), w.newKeyOf(t, edwards25519, SignVerify)
	agreeing := w.newKeyOf(t, "ECC_NIST_P256", KeyAgreement)
	for _, c := range []struct {
		key       *Key
		algorithm string
		message   Message
		kind      Kind
		text      string
	}{
		{p256, "ECDSA_SHA_256", Message{make([]byte, 31), Digest}, Invalid, "Digest is invalid length for algorithm ECDSA_SHA_256."},
		{p256, "ECDSA_SHA_384", Message{make([]byte, 48), Digest}, InvalidUsage,
			"Algorithm ECDSA_SHA_384 is incompatible with key spec ECC_NIST_P256."},
		{edwards, ed25519Pure, Message{make([]byte, 64), Digest}, Invalid,
			"MessageType DIGEST is not valid for SigningAlgorithm ED25519_SHA_512."},
		{edwards, ed25519Prehashed, Message{make([]byte, 64), Raw}, Invalid,
			"MessageType RAW is not valid for SigningAlgorithm ED25519_PH_SHA_512."},
		{edwards, ed25519Prehashed, Message{make([]byte, 32), Digest}, Invalid,
			"Digest is invalid length for algorithm ED25519_PH_SHA_512."},
		{agreeing, "ECDSA_SHA_256", Message{make([]byte, 32), Digest}, InvalidUsage,
			agreeing.ARN() + " key usage is KEY_AGREEMENT which is not valid for Sign."},
	} {
		_, err := w.Sign(c.key, c.algorithm, c.message)
		wantKind(t, err, c.kind)
		if err.Error() != c.text || w.TrySign(c.key, "Sign", c.algorithm, c.message).Error() != c.text {
			t.Errorf("got %q, want %q", err, c.text)
		}
	}
}

func TestStateForbidsSigning(t *testing.T) {
	w := newWorld(t)
	key := w.newKeyOf(t, "ECC_NIST_P256", SignVerify)
	signature, err := w.Sign(key, "ECDSA_SHA_256", Message{Bytes: []byte("x")})
	must(t, err)
	if use, _ := key.LastUse(); use.Operation != "Sign" {
		t.Errorf("last used for %q", use.Operation)
	}
	must(t, w.Disable(context.Background(), key))
	_, err = w.Sign(key, "ECDSA_SHA_256", Message{Bytes: []byte("x")})
	wantKind(t, err, Disabled)
	wantKind(t, w.Verify(key, "ECDSA_SHA_256", Message{Bytes: []byte("x")}, signature), Disabled)
	_, err = w.PublicKey(key)
	wantKind(t, err, Disabled)
}

// TestAsymmetricKeysDoNotRotate, and no data key comes from one.
func TestAsymmetricKeysDoNotRotate(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	for _, key := range []*Key{w.newKeyOf(t, "RSA_2048", EncryptDecrypt), w.newKeyOf(t, "HMAC_256", GenerateMAC)} {
		wantKind(t, w.RotateNow(ctx, key), Unsupported)
		wantKind(t, w.EnableRotation(ctx, key, 365), Unsupported)
		wantKind(t, w.DisableRotation(ctx, key), Unsupported)
		_, _, err := w.DataKey(key, "GenerateDataKey", 32, nil)
		wantKind(t, err, InvalidUsage)
	}
}

func BenchmarkSignP256(b *testing.B) {
	w := newWorld(b)
	key := w.newKeyOf(b, "ECC_NIST_P256", SignVerify)
	message := Message{Bytes: make([]byte, 32), Kind: Digest}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := w.Sign(key, "ECDSA_SHA_256", message); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkSignP256Bare is the standard library alone, with a key that it keeps on the heap: what BenchmarkSignP256 is held against.
func BenchmarkSignP256Bare(b *testing.B) {
	private, err := generatePrivate("ECC_NIST_P256")
	must(b, err)
	digest := make([]byte, 32)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := stdecdsa.SignASN1(rand.Reader, private.(*stdecdsa.PrivateKey), digest); err != nil {
				b.Fatal(err)
			}
		}
	})
}
