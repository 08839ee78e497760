package envelope

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/sealtable/sealtable/internal/lockedmem"
)

func key(t testing.TB, fill byte) *lockedmem.Key {
	t.Helper()
	arena := lockedmem.NewArena(nil)
	t.Cleanup(func() { _ = arena.Close() })
	k, err := arena.FromBytes(bytes.Repeat([]byte{fill}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestRoundTrip(t *testing.T) {
	k := key(t, 1)
	rapid.Check(t, func(t *rapid.T) {
		plain := rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(t, "plain")
		c := Context{rapid.String().Draw(t, "label"), rapid.SliceOf(rapid.Byte()).Draw(t, "bound")}
		sealed, err := Seal([]byte("head"), rand.Reader, k, c, plain)
		if err != nil {
			t.Fatal(err)
		}
		got := make([]byte, PlainSize(sealed[4:]))
		if err := Open(got, k, c, sealed[4:]); err != nil || !bytes.Equal(got, plain) {
			t.Fatalf("got %x, %v", got, err)
		}
	})
}

func TestAnyChangeIsFound(t *testing.T) {
	k := key(t, 1)
	c := Context{"label", []byte("bound")}
	plain := []byte("a secret of some length")
	sealed, err := Seal(nil, rand.Reader, k, c, plain)
	if err != nil {
		t.Fatal(err)
	}
	dst := make([]byte, len(plain))
	refuse := func(name string, k *lockedmem.Key, c Context, sealed []byte) {
		t.Helper()
		if err := Open(make([]byte, max(0, PlainSize(sealed))), k, c, sealed); !errors.Is(err, ErrNotAuthentic) {
			t.Errorf("%s: %v", name, err)
		}
	}
	refuse("another key", key(t, 2), c, sealed)
	refuse("another label", k, Context{"Label", c.Bound}, sealed)
	refuse("another owner", k, Context{c.Label, []byte("Bound")}, sealed)
	for i := range sealed {
		changed := bytes.Clone(sealed)
		changed[i] ^= 0x10
		refuse("a changed byte", k, c, changed)
		refuse("a cut", k, c, sealed[:i])
	}
	refuse("one byte more", k, c, append(bytes.Clone(sealed), 0))
	if err := Open(dst[1:], k, c, sealed); !errors.Is(err, ErrNotAuthentic) {
		t.Errorf("a short destination: %v", err)
	}
}

func TestSaltIsNewEachTime(t *testing.T) {
	k, c := key(t, 1), Context{Label: "label"}
	one, err1 := Seal(nil, rand.Reader, k, c, []byte("same"))
	two, err2 := Seal(nil, rand.Reader, k, c, []byte("same"))
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(one[:SaltSize], two[:SaltSize]) || bytes.Equal(one[SaltSize:], two[SaltSize:]) {
		t.Error("two seals share salt or ciphertext")
	}
}

func TestNoRandomNoSeal(t *testing.T) {
	if _, err := Seal(nil, bytes.NewReader(make([]byte, SaltSize-1)), key(t, 1), Context{}, nil); err == nil {
		t.Error("sealed without enough random bytes")
	}
}

// The bytes that every version of the formats above this package depends on.
func TestVector(t *testing.T) {
	salt := bytes.NewReader(bytes.Repeat([]byte{0xA5}, SaltSize))
	sealed, err := Seal(nil, salt, key(t, 1), Context{"sealtable test", AppendField(nil, "owner")}, []byte("plaintext"))
	if err != nil {
		t.Fatal(err)
	}
	const want = "9e924fa43db130cd9421936c52b7002343b73ac50e0128e2b6" // also computed with another implementation of RFC 5869 and GCM
	if got := hex.EncodeToString(sealed[SaltSize:]); got != want {
		t.Errorf("got %s", got)
	}
}

// TestRFC5869 is its test case 1, through the function that makes keys and nonces: the first 42 bytes of what it derives.
func TestRFC5869(t *testing.T) {
	const okm = "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
	arena := lockedmem.NewArena(nil)
	input, err := arena.FromBytes(bytes.Repeat([]byte{0x0b}, 22))
	if err != nil {
		t.Fatal(err)
	}
	want, err := hex.DecodeString(okm)
	if err != nil {
		t.Fatal(err)
	}
	aead, nonce, err := oneTime(input, []byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, "\xf0\xf1\xf2\xf3\xf4\xf5\xf6\xf7\xf8\xf9")
	if err != nil {
		t.Fatal(err)
	}
	block, err := aes.NewCipher(want[:keySize])
	if err != nil {
		t.Fatal(err)
	}
	other, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(nonce[:10], want[keySize:]) || !bytes.Equal(aead.Seal(nil, nonce[:], nil, nil), other.Seal(nil, nonce[:], nil, nil)) {
		t.Errorf("nonce %x, or the key differs", nonce)
	}
	input.Destroy()
	if err := arena.Close(); err != nil {
		t.Error(err)
	}
}
