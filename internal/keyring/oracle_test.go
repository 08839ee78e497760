package keyring

import (
	"bytes"
	"crypto/rand"
	"testing"
)

// badBlobs are ciphertexts that must not open, by what is wrong with them, and the encryption context that each is tried with.
func badBlobs(t testing.TB, w *world, key *Key) map[string]struct {
	blob    []byte
	context Context
} {
	t.Helper()
	good := w.encrypt(t, key, "0123456789abcdef0123456789abcdef", tableContext)
	changed := func(at int) []byte {
		b := bytes.Clone(good)
		b[at] ^= 1
		return b
	}
	random := make([]byte, len(good))
	_, _ = rand.Read(random)
	type bad = struct {
		blob    []byte
		context Context
	}
	// A ciphertext of a key that has been erased is one of a key that never was.
	unknown := bytes.Clone(good)
	_, _ = rand.Read(unknown[2:18])
	return map[string]bad{
		"tag": {changed(len(good) - 1), tableContext}, "text": {changed(blobHeader), tableContext}, "nonce": {changed(20), tableContext},
		"key": {changed(2), tableContext}, "unknown key": {unknown, tableContext}, "version": {changed(0), tableContext},
		"algorithm": {changed(1), tableContext}, "random": {random, tableContext}, "one byte less": {good[:len(good)-1], tableContext},
		"one byte more": {append(bytes.Clone(good), 0), tableContext}, "a header": {good[:blobHeader], tableContext},
		"a header and a tag": {good[:blobHeader+blobTag], tableContext}, "one byte": {good[:1], tableContext},
		"too long":   {append(bytes.Clone(good), make([]byte, MaxBlob)...), tableContext},
		"no context": {good, nil}, "another context": {good,
			Context{"aws:dynamodb:tableName": "Musik", "aws:dynamodb:subscriberId": "111122223333"}},
		"less context":                  {good, Context{"aws:dynamodb:tableName": "Music"}},
		"names and values run together": {good, Context{"aws:dynamodb:tableNameM": "usic", "aws:dynamodb:subscriberId": "111122223333"}},
	}
}

// decryptAny is Decrypt as the API does it where no key is named.
func (w *world) decryptAny(blob []byte, context Context) error {
	key, err := w.KeyOf(east.Region, blob, context)
	if err == nil {
		_, err = w.Decrypt(key, blob, context)
	}
	return err
}

// TestBadCiphertextsGetOneAnswer, whatever is wrong with them, whether the key is named or not.
func TestBadCiphertextsGetOneAnswer(t *testing.T) {
	w := newWorld(t)
	key := w.newKey(t)
	for name, bad := range badBlobs(t, w, key) {
		_, named := w.Decrypt(key, bad.blob, bad.context)
		for _, err := range []error{named, w.decryptAny(bad.blob, bad.context)} {
			if KindOf(err) != InvalidCiphertext || err.Error() != invalidCiphertext().Error() {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	good := w.encrypt(t, key, "x", nil)
	for at := range good {
		for bit := range 8 {
			bad := bytes.Clone(good)
			bad[at] ^= 1 << bit
			if err := w.decryptAny(bad, nil); KindOf(err) != InvalidCiphertext {
				t.Fatalf("byte %d, bit %d: %v", at, bit, err)
			}
		}
		if err := w.decryptAny(good[:at], nil); KindOf(err) != InvalidCiphertext {
			t.Fatalf("cut to %d: %v", at, err)
		}
	}
}

// BenchmarkRefusals is how long it takes to refuse ciphertexts: those of one length should take equally long.
func BenchmarkRefusals(b *testing.B) {
	w := newWorld(b)
	bad := badBlobs(b, w, w.newKey(b))
	for _, name := range []string{"tag", "text", "nonce", "key", "unknown key", "another context"} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if w.decryptAny(bad[name].blob, bad[name].context) == nil {
					b.Fatal("it opens")
				}
			}
		})
	}
}
