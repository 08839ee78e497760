package keyring

import (
	"bytes"
	"context"
	"encoding/hex"
	"testing"
)

// wrapFor does what the Developer Guide tells owners of key material to do with openssl, and imports the result.
func (o openssl) wrapFor(w *world, key *Key, algorithm string, material []byte) {
	o.t.Helper()
	p, err := w.ParametersForImport(context.Background(), key, algorithm, "RSA_2048")
	must(o.t, err)
	digest := map[string]string{wrapOAEPSHA1: "sha1", wrapAESSHA1: "sha1", wrapOAEPSHA256: "sha256", wrapAESSHA256: "sha256"}[algorithm]
	o.put("wrapping.der", p.Public)
	oaep := func(in string) []byte {
		o.run("pkeyutl -encrypt -pubin -keyform DER -inkey wrapping.der -in " + in + " -out wrapped -pkeyopt rsa_padding_mode:oaep " +
			"-pkeyopt rsa_oaep_md:" + digest + " -pkeyopt rsa_mgf1_md:" + digest)
		return o.get("wrapped")
	}
	o.put("material", material)
	var wrapped []byte
	if algorithm == wrapAESSHA1 || algorithm == wrapAESSHA256 {
		o.run("rand -out aes 32")
		o.run("enc -id-aes256-wrap-pad -iv A65959A6 -K " + hex.EncodeToString(o.get("aes")) + " -in material -out inner")
		inner := o.get("inner")
		wrapped = append(oaep("aes"), inner...)
	} else {
		wrapped = oaep("material")
	}
	_, err = w.ImportMaterial(context.Background(), key, Import{Token: p.Token, Wrapped: wrapped})
	must(o.t, err)
}

// TestOpenSSLImports material of every kind, by every algorithm that the kind allows.
func TestOpenSSLImports(t *testing.T) {
	o, w := newOpenSSL(t), newWorld(t)
	for _, algorithm := range []string{wrapOAEPSHA1, wrapOAEPSHA256} {
		key := w.newExternal(t, "HMAC_256", GenerateMAC)
		o.run("rand -out secret 32")
		secret := o.get("secret")
		o.wrapFor(w, key, algorithm, secret)
		mac, err := w.MAC(key, "HMAC_SHA_256", []byte("a message"))
		must(t, err)
		o.put("message", []byte("a message"))
		o.run("dgst -sha256 -mac HMAC -macopt hexkey:" + hex.EncodeToString(secret) + " -binary -out mac message")
		if !bytes.Equal(mac, o.get("mac")) {
			t.Errorf("%s: the codes differ", algorithm)
		}
	}
	for _, algorithm := range []string{wrapOAEPSHA256, wrapAESSHA1, wrapAESSHA256} {
		for curve, spec := range map[string]Spec{"P-384": "ECC_NIST_P384", "secp256k1": secgP256K1} {
			o.run("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:" + curve + " -outform DER -out private.der")
			o.importPair(w, spec, SignVerify, algorithm)
		}
	}
	for _, algorithm := range []string{wrapAESSHA1, wrapAESSHA256} {
		o.run("genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -outform DER -out private.der")
		o.importPair(w, "RSA_2048", EncryptDecrypt, algorithm)
	}
	o.run("genpkey -algorithm ED25519 -outform DER -out private.der")
	o.importPair(w, edwards25519, SignVerify, wrapOAEPSHA1)
}

// importPair imports the pair in private.der, and tries it against openssl, which has the same private key.
func (o openssl) importPair(w *world, spec Spec, usage Usage, algorithm string) {
	o.t.Helper()
	key := w.newExternal(o.t, spec, usage)
	o.wrapFor(w, key, algorithm, pkcs8(o))
	o.run("pkey -inform DER -in private.der -pubout -outform DER -out public.der")
	public, err := w.PublicKey(key)
	must(o.t, err)
	if !bytes.Equal(public, o.get("public.der")) {
		o.t.Errorf("%s by %s: the public keys differ", spec, algorithm)
	}
	if usage == EncryptDecrypt {
		o.decryptOurs(w, key)
		return
	}
	o.put("message", []byte("a message"))
	for _, signing := range key.Metadata().Algorithms() {
		if signing == ed25519Prehashed {
			continue // openssl 3.0 does not have it
		}
		signature, err := w.Sign(key, signing, Message{Bytes: []byte("a message")})
		must(o.t, err)
		o.put("signature", signature)
		o.run(opensslVerify(signing))
	}
}

// decryptOurs lets openssl decrypt what we encrypt.
func (o openssl) decryptOurs(w *world, key *Key) {
	o.t.Helper()
	for algorithm, digest := range map[string]string{OAEPSHA1: "sha1", OAEPSHA256: "sha256"} {
		sealed, err := w.EncryptBy(key, []byte("for openssl"), Way{Algorithm: algorithm})
		must(o.t, err)
		o.put("blob", sealed.Blob)
		o.run("pkeyutl -decrypt -keyform DER -inkey private.der -in blob -out plaintext -pkeyopt rsa_padding_mode:oaep " +
			"-pkeyopt rsa_oaep_md:" + digest + " -pkeyopt rsa_mgf1_md:" + digest)
		if string(o.get("plaintext")) != "for openssl" {
			o.t.Errorf("%s: openssl reads %q", algorithm, o.get("plaintext"))
		}
	}
}

// TestWeVerifyMoreOfOpenSSLsSignatures: RSA with both paddings and every hash, P-384 and Ed25519.
func TestWeVerifyMoreOfOpenSSLsSignatures(t *testing.T) {
	o := newOpenSSL(t)
	message := Message{Bytes: []byte("a message of openssl")}
	o.put("message", message.Bytes)
	for spec, generate := range map[Spec]string{
		"RSA_2048": "RSA -pkeyopt rsa_keygen_bits:2048", "ECC_NIST_P384": "EC -pkeyopt ec_paramgen_curve:P-384", edwards25519: "ED25519",
	} {
		o.run("genpkey -algorithm " + generate + " -outform DER -out private.der")
		o.run("pkey -inform DER -in private.der -pubout -outform DER -out public.der")
		public, err := parsePublic(spec, o.get("public.der"))
		must(t, err)
		for _, algorithm := range spec.Algorithms(SignVerify) {
			if algorithm == ed25519Prehashed {
				continue
			}
			o.run(opensslSign(algorithm))
			for text, good := range map[string]bool{"a message of openssl": true, "another message": false} {
				input, err := Message{Bytes: []byte(text)}.input(algorithm)
				must(t, err)
				if verify(public, algorithm, input, o.get("signature")) != good {
					t.Errorf("%s, %q: not %v", algorithm, text, good)
				}
			}
		}
	}
}

func opensslSign(algorithm string) string {
	if algorithm == ed25519Pure {
		return "pkeyutl -sign -keyform DER -inkey private.der -rawin -in message -out signature"
	}
	line := "dgst -sha" + algorithm[len(algorithm)-3:] + " -sign private.der -keyform DER -out signature"
	if isPSS(algorithm) {
		line += " -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest"
	}
	return line + " message"
}
