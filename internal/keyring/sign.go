package keyring

import (
	"cmp"
	"crypto"
	stdecdsa "crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"strings"

	"filippo.io/mldsa"
	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"
)

// MessageKind says what the bytes of a Message are, in the words of the KMS API.
type MessageKind string

// The kinds of messages. The zero value is Raw too.
const (
	Raw        MessageKind = "RAW"
	Digest     MessageKind = "DIGEST"      // the message's digest
	ExternalMu MessageKind = "EXTERNAL_MU" // the message's representative μ for a key of ML-DSA
)

// Message is what is signed: a message of 1 to MaxPlaintext bytes, or what is made of it first.
type Message struct {
	Bytes []byte
	Kind  MessageKind
}

// Sign signs a message with the private key.
func (k *Keyring) Sign(key *Key, algorithm string, message Message) ([]byte, error) {
	m, err := key.ready("Sign", "Sign", SignVerify, algorithm)
	if err != nil {
		return nil, err
	}
	input, err := message.input(algorithm)
	if err != nil {
		return nil, err
	}
	private, err := k.private(key, m)
	if err != nil {
		return nil, err
	}
	defer wipePrivate(private)
	signature, err := sign(private, algorithm, message.Kind, input)
	if err != nil {
		return nil, fmt.Errorf("sign with key %s: %w", key.id, err)
	}
	key.usage.note("Sign", k.config.Clock.Now())
	return signature, nil
}

// Verify says whether a signature is the key's. Every wrong one gets the same answer. The library of ML-DSA
// cannot verify by a μ.
func (k *Keyring) Verify(key *Key, algorithm string, message Message, signature []byte) error {
	m, err := key.ready("Verify", "Verify", SignVerify, algorithm)
	if err != nil {
		return err
	}
	input, err := message.verifiable(algorithm)
	if err != nil {
		return err
	}
	public, err := parsePublic(m.Spec, m.newestPublic())
	if err != nil {
		return fmt.Errorf("read the public key of key %s: %w", key.id, err)
	}
	if !verify(public, algorithm, input, signature) {
		return &Error{Kind: InvalidSignature}
	}
	key.usage.note("Verify", k.config.Clock.Now())
	return nil
}

// TrySign says what Sign or Verify would answer without doing it, as far as that needs no key.
func (k *Keyring) TrySign(key *Key, op Operation, algorithm string, message Message) error {
	if _, err := key.ready(op, op, SignVerify, algorithm); err != nil {
		return err
	}
	input := message.input
	if op == "Verify" {
		input = message.verifiable
	}
	_, err := input(algorithm)
	return err
}

// verifiable is input for a signature that is to be verified.
func (m Message) verifiable(algorithm string) ([]byte, error) {
	input, err := m.input(algorithm)
	if err == nil && m.Kind == ExternalMu {
		return nil, fail(Unsupported, "Verify with MessageType EXTERNAL_MU is not supported by this "+
			"installation.")
	}
	return input, err
}

// input is what goes into the signature: a digest, except for Ed25519 and ML-DSA, which take the message
// itself ("Sign" in the AWS KMS API Reference names the message types that they need).
func (m Message) input(algorithm string) ([]byte, error) {
	if err := m.fits(algorithm); err != nil {
		return nil, err
	}
	if m.Kind == Digest || m.Kind == ExternalMu || algorithm == ed25519Pure || algorithm == latticeAlgorithm {
		return m.Bytes, nil
	}
	h := hashOf(algorithm).New()
	_, _ = h.Write(m.Bytes)
	return h.Sum(nil), nil
}

func (m Message) fits(algorithm string) error {
	digest, mu := m.Kind == Digest, m.Kind == ExternalMu
	switch {
	case mu && algorithm != latticeAlgorithm:
		return fail(Invalid, "MessageType EXTERNAL_MU is only valid for ML-DSA keys.")
	case digest && algorithm == latticeAlgorithm, digest && algorithm == ed25519Pure,
		!digest && algorithm == ed25519Prehashed:
		return fail(Invalid, "MessageType %s is not valid for SigningAlgorithm %s.", cmp.Or(m.Kind, Raw),
			algorithm)
	case mu && len(m.Bytes) != muSize, digest && len(m.Bytes) != hashOf(algorithm).Size():
		return fail(Invalid, "Digest is invalid length for algorithm %s.", algorithm)
	}
	return nil
}

func sign(private crypto.PrivateKey, algorithm string, kind MessageKind, input []byte) ([]byte, error) {
	switch p := private.(type) {
	case *rsa.PrivateKey:
		if isPSS(algorithm) {
			return rsa.SignPSS(rand.Reader, p, hashOf(algorithm), input, pssOptions())
		}
		return rsa.SignPKCS1v15(rand.Reader, p, hashOf(algorithm), input)
	case *stdecdsa.PrivateKey:
		return stdecdsa.SignASN1(rand.Reader, p, input)
	case ed25519.PrivateKey:
		return p.Sign(rand.Reader, input, edwardsOptions(algorithm))
	case *secp256k1.PrivateKey:
		return ecdsa.Sign(p, input).Serialize(), nil
	case *mldsa.PrivateKey:
		return signLattice(p, kind, input)
	}
	return nil, errors.New("a key pair that cannot sign")
}

func verify(public crypto.PublicKey, algorithm string, input, signature []byte) bool {
	switch p := public.(type) {
	case *rsa.PublicKey:
		if isPSS(algorithm) {
			return rsa.VerifyPSS(p, hashOf(algorithm), input, signature, pssOptions()) == nil
		}
		return rsa.VerifyPKCS1v15(p, hashOf(algorithm), input, signature) == nil
	case *stdecdsa.PublicKey:
		return stdecdsa.VerifyASN1(p, input, signature)
	case ed25519.PublicKey:
		return ed25519.VerifyWithOptions(p, input, signature, edwardsOptions(algorithm)) == nil
	case *secp256k1.PublicKey:
		parsed, err := ecdsa.ParseDERSignature(signature)
		return err == nil && parsed.Verify(input, p)
	case *mldsa.PublicKey:
		return mldsa.Verify(p, input, signature, nil) == nil
	}
	return false
}

func isPSS(algorithm string) bool { return strings.HasPrefix(algorithm, "RSASSA_PSS") }

func pssOptions() *rsa.PSSOptions { return &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash} }

func edwardsOptions(algorithm string) *ed25519.Options {
	if algorithm == ed25519Prehashed {
		return &ed25519.Options{Hash: crypto.SHA512}
	}
	return &ed25519.Options{}
}

// private is the key's private key, which the caller wipes. It is read from locked memory for each use: what
// the library makes of it cannot live there, and must not live longer than the use.
func (k *Keyring) private(key *Key, m *Metadata) (private crypto.PrivateKey, err error) {
	bare, err := k.bare(m.newest())
	if err == nil {
		err = bare.With(func(der []byte) (err error) {
			private, err = parsePrivate(m.Spec, der)
			return err
		})
	}
	if err != nil {
		return nil, k.lost(key, err)
	}
	return private, nil
}

// PublicKey is the public key of a key pair, a SubjectPublicKeyInfo in DER.
func (k *Keyring) PublicKey(key *Key) ([]byte, error) {
	m := key.Metadata()
	if !m.Spec.asymmetric() {
		return nil, fail(Unsupported, "%s key spec is %s which is not valid for GetPublicKey.", key.arn,
			m.Spec)
	}
	if err := m.Permits("GetPublicKey"); err != nil {
		return nil, err
	}
	return m.newestPublic(), nil
}
