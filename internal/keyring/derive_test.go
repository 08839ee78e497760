package keyring

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"testing"

	"pgregory.net/rapid"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestHMACVectors are test cases 1, 2 and 4 of RFC 4231, section 4.
func TestHMACVectors(t *testing.T) {
	for _, v := range []struct{ key, data, want string }{
		{"0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "4869205468657265",
			"b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
		{"4a656665", "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
			"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
		{"0102030405060708090a0b0c0d0e0f10111213141516171819",
			"cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd",
			"82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"},
	} {
		var got [32]byte
		hmacSHA256(&got, unhex(t, v.key), unhex(t, v.data))
		if hex.EncodeToString(got[:]) != v.want {
			t.Errorf("key %s: got %x, want %s", v.key, got, v.want)
		}
	}
}

// TestDeriveIsSP800108 compares with the formula of NIST SP 800-108r1, section 4.1, over the standard library's HMAC.
func TestDeriveIsSP800108(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "key")
		label := rapid.StringN(0, 20, 80).Draw(t, "label")
		context := rapid.SliceOfN(rapid.Byte(), 0, 64).Draw(t, "context")
		prf := hmac.New(sha256.New, key)
		prf.Write([]byte{0, 0, 0, 1})
		prf.Write([]byte(label))
		prf.Write([]byte{0})
		prf.Write(context)
		prf.Write([]byte{0, 0, 1, 0}) // 256 bits
		var got [32]byte
		deriveKey(&got, key, label, context)
		if !bytes.Equal(got[:], prf.Sum(nil)) {
			t.Fatalf("got %x, want %x", got, prf.Sum(nil))
		}
	})
}

// TestDeriveInputFits fails when a label or header grows beyond the buffer of deriveKey.
func TestDeriveInputFits(t *testing.T) {
	longest := 4 + len(deriveLabel) + 1 + max(blobHeader, 64) + 4
	if longest > maxDeriveInput {
		t.Fatalf("the longest input has %d bytes, the buffer %d", longest, maxDeriveInput)
	}
}
