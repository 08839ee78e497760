package keyring

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// openssl is the openssl command in a directory of its own. Tests that need it are skipped where it is not installed.
type openssl struct {
	t   *testing.T
	dir string
}

func newOpenSSL(t *testing.T) openssl {
	t.Helper()
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("there is no openssl command")
	}
	return openssl{t, t.TempDir()}
}

func (o openssl) put(name string, data []byte) {
	o.t.Helper()
	must(o.t, os.WriteFile(filepath.Join(o.dir, name), data, 0o600))
}

func (o openssl) get(name string) []byte {
	o.t.Helper()
	data, err := os.ReadFile(filepath.Join(o.dir, name))
	must(o.t, err)
	return data
}

// try runs a command line; its words hold no spaces.
func (o openssl) try(line string) (string, error) {
	command := exec.Command("openssl", strings.Fields(line)...)
	command.Dir = o.dir
	out, err := command.CombinedOutput()
	return string(out), err
}

func (o openssl) run(line string) {
	o.t.Helper()
	if out, err := o.try(line); err != nil {
		o.t.Fatalf("openssl %s: %v\n%s", line, err, out)
	}
}

// TestOpenSSLVerifiesOurSignatures with nothing but what GetPublicKey gives.
func TestOpenSSLVerifiesOurSignatures(t *testing.T) {
	o, w := newOpenSSL(t), newWorld(t)
	message := []byte("a message for openssl")
	o.put("message", message)
	for _, spec := range pairSpecs {
		if spec.isLattice() {
			continue // openssl has had it since 3.5
		}
		key := w.newKeyOf(t, spec, SignVerify)
		public, err := w.PublicKey(key)
		must(t, err)
		o.put("public.der", public)
		for _, algorithm := range key.Metadata().Algorithms() {
			if algorithm == ed25519Prehashed {
				continue // openssl 3.0 does not have it
			}
			signature, err := w.Sign(key, algorithm, Message{Bytes: message})
			must(t, err)
			o.put("signature", signature)
			o.run(opensslVerify(algorithm))
			o.put("message", []byte("another message"))
			if _, err := o.try(opensslVerify(algorithm)); err == nil {
				t.Errorf("%s: it verifies anything", algorithm)
			}
			o.put("message", message)
		}
	}
}

func opensslVerify(algorithm string) string {
	if algorithm == ed25519Pure {
		return "pkeyutl -verify -pubin -keyform DER -inkey public.der -rawin -in message -sigfile signature"
	}
	line := "dgst -sha" + algorithm[len(algorithm)-3:] + " -verify public.der -keyform DER -signature signature"
	if isPSS(algorithm) {
		line += " -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest"
	}
	return line + " message"
}

// TestWeVerifyOpenSSLsSignatures, by keys that openssl made and encoded. Its signatures on secp256k1 do not prefer the lower s.
func TestWeVerifyOpenSSLsSignatures(t *testing.T) {
	o := newOpenSSL(t)
	message := Message{Bytes: []byte("a message of openssl")}
	o.put("message", message.Bytes)
	for curve, spec := range map[string]Spec{"P-256": "ECC_NIST_P256", "P-521": "ECC_NIST_P521", "secp256k1": secgP256K1} {
		algorithm := spec.Algorithms(SignVerify)[0]
		o.run("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:" + curve + " -outform DER -out private.der")
		o.run("pkey -inform DER -in private.der -pubout -outform DER -out public.der")
		private, err := parsePrivate(spec, pkcs8(o))
		must(t, err)
		public, err := parsePublic(spec, o.get("public.der"))
		must(t, err)
		again, err := marshalPublic(publicOf(private))
		must(t, err)
		if !bytes.Equal(again, o.get("public.der")) {
			t.Errorf("%s: private and public key differ", curve)
		}
		input, err := message.input(algorithm)
		must(t, err)
		for range 8 {
			o.run("dgst -sha" + algorithm[len(algorithm)-3:] + " -sign private.der -keyform DER -out signature message")
			if !verify(public, algorithm, input, o.get("signature")) {
				t.Errorf("%s: not a signature", curve)
			}
		}
	}
}

func pkcs8(o openssl) []byte {
	o.run("pkcs8 -topk8 -nocrypt -inform DER -in private.der -outform DER -out pkcs8.der")
	return o.get("pkcs8.der")
}

// TestOpenSSLReadsOurPairs, as GenerateDataKeyPair gives them.
func TestOpenSSLReadsOurPairs(t *testing.T) {
	o, w := newOpenSSL(t), newWorld(t)
	key := w.newKey(t)
	for _, spec := range pairSpecs {
		if spec.isLattice() {
			continue // openssl has had it since 3.5
		}
		pair, err := w.DataKeyPair(context.Background(), key, "GenerateDataKeyPair", spec, nil)
		must(t, err)
		o.put("private.der", pair.Private)
		o.run("pkey -inform DER -in private.der -pubout -outform DER -out public.der")
		if !bytes.Equal(o.get("public.der"), pair.Public) {
			t.Errorf("%s: openssl finds another public key", spec)
		}
	}
}

func TestWeDecryptWhatOpenSSLEncrypts(t *testing.T) {
	o, w := newOpenSSL(t), newWorld(t)
	key := w.newKeyOf(t, "RSA_2048", EncryptDecrypt)
	public, err := w.PublicKey(key)
	must(t, err)
	o.put("public.der", public)
	o.put("plaintext", []byte("from openssl"))
	for algorithm, digest := range map[string]string{OAEPSHA1: "sha1", OAEPSHA256: "sha256"} {
		o.run("pkeyutl -encrypt -pubin -keyform DER -inkey public.der -in plaintext -out blob -pkeyopt rsa_padding_mode:oaep " +
			"-pkeyopt rsa_oaep_md:" + digest + " -pkeyopt rsa_mgf1_md:" + digest)
		opened, err := w.DecryptBy(key, o.get("blob"), Way{Algorithm: algorithm})
		must(t, err)
		if string(opened.Plaintext) != "from openssl" {
			t.Errorf("%s: got %q", algorithm, opened.Plaintext)
		}
	}
}

// TestWeAgreeWithOpenSSL on one secret, each with the other's public key.
func TestWeAgreeWithOpenSSL(t *testing.T) {
	o, w := newOpenSSL(t), newWorld(t)
	for curve, spec := range map[string]Spec{"P-256": "ECC_NIST_P256", "P-384": "ECC_NIST_P384", "P-521": "ECC_NIST_P521"} {
		key := w.newKeyOf(t, spec, KeyAgreement)
		ours, err := w.PublicKey(key)
		must(t, err)
		o.put("ours.der", ours)
		o.run("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:" + curve + " -outform DER -out private.der")
		o.run("pkey -inform DER -in private.der -pubout -outform DER -out theirs.der")
		o.run("pkeyutl -derive -keyform DER -inkey private.der -peerform DER -peerkey ours.der -out secret")
		secret, err := w.Agree(key, ECDH, o.get("theirs.der"))
		must(t, err)
		if !bytes.Equal(secret, o.get("secret")) {
			t.Errorf("%s: two secrets", curve)
		}
	}
}
