package keyring

import (
	"bytes"
	"crypto/sha3"
	"testing"

	"filippo.io/mldsa"
)

// muOf is the representative of a message as FIPS 204 says it (algorithm 7, line 6, of a message with the empty context of algorithm 2).
func muOf(public *mldsa.PublicKey, message []byte) []byte {
	tr := sha3.SumSHAKE256(public.Bytes(), 64)
	return sha3.SumSHAKE256(bytes.Join([][]byte{tr, {0, 0}, message}, nil), muSize)
}

// TestSignaturesOfMu: a signature of a message's μ is one of the message.
func TestSignaturesOfMu(t *testing.T) {
	w := newWorld(t)
	message := Message{Bytes: bytes.Repeat([]byte("m"), 10_000)} // longer than the API takes
	for spec, size := range map[Spec]int{"ML_DSA_44": 2420, "ML_DSA_65": 3309, "ML_DSA_87": 4627} {
		key := w.newKeyOf(t, spec, SignVerify)
		public, err := parsePublic(spec, key.Metadata().newestPublic())
		must(t, err)
		mu := Message{Bytes: muOf(public.(*mldsa.PublicKey), message.Bytes), Kind: ExternalMu}
		signature, err := w.Sign(key, latticeAlgorithm, mu)
		must(t, err)
		must(t, w.Verify(key, latticeAlgorithm, message, signature))
		if len(signature) != size {
			t.Errorf("%s: a signature of %d bytes", spec, len(signature))
		}
		again, err := w.Sign(key, latticeAlgorithm, mu)
		must(t, err)
		if bytes.Equal(signature, again) {
			t.Errorf("%s: two signatures are the same", spec)
		}
	}
}

func TestMessagesOfLatticeKeys(t *testing.T) {
	w := newWorld(t)
	key, curve := w.newKeyOf(t, "ML_DSA_44", SignVerify), w.newKeyOf(t, "ECC_NIST_P256", SignVerify)
	for _, c := range []struct {
		op        Operation
		key       *Key
		algorithm string
		message   Message
		kind      Kind
		text      string
	}{
		{"Sign", key, latticeAlgorithm, Message{make([]byte, 64), Digest}, Invalid,
			"MessageType DIGEST is not valid for SigningAlgorithm ML_DSA_SHAKE_256."},
		{"Sign", key, latticeAlgorithm, Message{make([]byte, 63), ExternalMu}, Invalid,
			"Digest is invalid length for algorithm ML_DSA_SHAKE_256."},
		{"Sign", curve, "ECDSA_SHA_256", Message{make([]byte, 64), ExternalMu}, Invalid,
			"MessageType EXTERNAL_MU is only valid for ML-DSA keys."},
		{"Sign", curve, latticeAlgorithm, Message{make([]byte, 64), Raw}, InvalidUsage,
			"Algorithm ML_DSA_SHAKE_256 is incompatible with key spec ECC_NIST_P256."},
		{"Sign", key, "ECDSA_SHA_256", Message{make([]byte, 64), Raw}, InvalidUsage,
			"Algorithm ECDSA_SHA_256 is incompatible with key spec ML_DSA_44."},
		{"Verify", key, latticeAlgorithm, Message{make([]byte, 64), ExternalMu}, Unsupported,
			"Verify with MessageType EXTERNAL_MU is not supported by this installation."},
	} {
		tried := w.TrySign(c.key, c.op, c.algorithm, c.message)
		err := w.Verify(c.key, c.algorithm, c.message, make([]byte, 64))
		if c.op == "Sign" {
			_, err = w.Sign(c.key, c.algorithm, c.message)
		}
		for _, err := range []error{tried, err} {
			wantKind(t, err, c.kind)
			if text := err.(*Error).Text; text != c.text {
				t.Errorf("%q, not %q", text, c.text)
			}
		}
	}
}
