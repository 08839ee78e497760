package keyring

import (
	"bytes"
	"context"
	"crypto"
	"crypto/hmac"
	"testing"

	"pgregory.net/rapid"
)

// TestHMACIsTheStandards compares with crypto/hmac, which keeps its keys where ours must not be.
func TestHMACIsTheStandards(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		hash := rapid.SampledFrom([]crypto.Hash{crypto.SHA224, crypto.SHA256, crypto.SHA384, crypto.SHA512}).Draw(t, "hash")
		key := rapid.SliceOfN(rapid.Byte(), 1, 64).Draw(t, "key")
		message := rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "message")
		want := hmac.New(hash.New, key)
		want.Write(message)
		if !bytes.Equal(hmacOf(hash, key, message), want.Sum(nil)) {
			t.Fatal("they differ")
		}
	})
}

// TestRFC4231 is test case 2 of RFC 4231.
func TestRFC4231(t *testing.T) {
	for hash, want := range map[crypto.Hash]string{
		crypto.SHA224: "a30e01098bc6dbbf45690f3a7e9e6d0f8bbea2a39e6148008fd05e44",
		crypto.SHA256: "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
		crypto.SHA384: "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649",
		crypto.SHA512: "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554" +
			"9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
	} {
		if got := hmacOf(hash, []byte("Jefe"), []byte("what do ya want for nothing?")); !bytes.Equal(got, unhex(t, want)) {
			t.Errorf("%v: got %x", hash, got)
		}
	}
}

func TestMACs(t *testing.T) {
	w := newWorld(t)
	message := []byte("a message")
	for spec, size := range map[Spec]int{"HMAC_224": 28, "HMAC_256": 32, "HMAC_384": 48, "HMAC_512": 64} {
		key, other := w.newKeyOf(t, spec, GenerateMAC), w.newKeyOf(t, spec, GenerateMAC)
		algorithm := key.Metadata().Algorithms()[0]
		mac, err := w.MAC(key, algorithm, message)
		must(t, err)
		if bare, err := w.bare(key.Metadata().newest()); err != nil || len(mac) != size || bare.Len() != size {
			t.Errorf("%s: a code of %d bytes by a key of %d", spec, len(mac), bare.Len())
		}
		must(t, w.VerifyMAC(key, algorithm, message, mac))
		wantKind(t, w.VerifyMAC(other, algorithm, message, mac), InvalidMAC)
		wantKind(t, w.VerifyMAC(key, algorithm, []byte("another"), mac), InvalidMAC)
		wantKind(t, w.VerifyMAC(key, algorithm, message, mac[:len(mac)-1]), InvalidMAC)
		mac[3] ^= 1
		wantKind(t, w.VerifyMAC(key, algorithm, message, mac), InvalidMAC)
		w.later(t, 0)
	}
	key := w.newKeyOf(t, "HMAC_224", GenerateMAC)
	_, err := w.MAC(key, "HMAC_SHA_256", message)
	wantKind(t, err, InvalidUsage)
	if err.Error() != "Algorithm HMAC_SHA_256 is incompatible with key spec HMAC_224." {
		t.Error(err)
	}
	_, err = w.MAC(w.newKey(t), "HMAC_SHA_256", message)
	wantKind(t, err, InvalidUsage)
	_, err = w.PublicKey(key)
	wantKind(t, err, Unsupported)
	must(t, w.Disable(context.Background(), key))
	_, err = w.MAC(key, "HMAC_SHA_224", message)
	wantKind(t, err, Disabled)
}
