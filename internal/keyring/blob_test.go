package keyring

import (
	"bytes"
	"encoding/hex"
	"maps"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"pgregory.net/rapid"
)

func contextGen() *rapid.Generator[map[string]string] {
	return rapid.MapOfN(rapid.StringMatching(`[a-c]{0,3}`), rapid.StringMatching(`[a-c]{0,3}`), 0, 4)
}

func TestContextFormIsUnambiguous(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := contextGen().Draw(t, "a"), contextGen().Draw(t, "b")
		same := bytes.Equal(Context(a).append(nil), Context(b).append(nil))
		if same != maps.Equal(a, b) {
			t.Fatalf("%v and %v: same form %v", a, b, same)
		}
	})
}

func TestContextPairsDoNotRunTogether(t *testing.T) {
	for _, pair := range [][2]Context{
		{{"a": "bc"}, {"ab": "c"}},
		{{"a": "b", "c": "d"}, {"a": "bcd"}},
		{{}, {"": ""}},
		{{"a": "1"}, {"a": "1", "b": ""}},
		{{"A": "x"}, {"a": "x"}},
	} {
		if bytes.Equal(pair[0].append(nil), pair[1].append(nil)) {
			t.Errorf("%v and %v have one form", pair[0], pair[1])
		}
	}
	if !bytes.Equal(Context(nil).append(nil), Context{}.append(nil)) {
		t.Error("no context and an empty one differ")
	}
}

func TestRoundTrip(t *testing.T) {
	w := newWorld(t)
	key, other := w.newKey(t), w.newKey(t)
	rapid.Check(t, func(t *rapid.T) {
		plaintext := rapid.SliceOfN(rapid.Byte(), 1, 200).Draw(t, "plaintext")
		made, given := contextGen().Draw(t, "made"), contextGen().Draw(t, "given")
		sealed, err := w.Encrypt(key, plaintext, made)
		must(t, err)
		opened, err := w.Decrypt(key, sealed.Blob, given)
		if maps.Equal(made, given) {
			must(t, err)
			if !bytes.Equal(opened.Plaintext, plaintext) || opened.MaterialID != sealed.MaterialID {
				t.Fatal("another plaintext came back")
			}
		} else if KindOf(err) != InvalidCiphertext {
			t.Fatalf("context %v opened what %v sealed: %v", given, made, err)
		}
		if _, err = w.Decrypt(other, sealed.Blob, made); KindOf(err) != IncorrectKey {
			t.Fatalf("another key: %v", err)
		}
	})
}

// TestOneAnswerToWhatIsNoCiphertext changes each bit, cuts at each length and adds bytes: the answer is always the same.
func TestOneAnswerToWhatIsNoCiphertext(t *testing.T) {
	w := newWorld(t)
	key := w.newKey(t)
	context := Context{"purpose": "test"}
	blob := w.encrypt(t, key, "attack at dawn", context)
	offer := func(what string, at int, bad []byte) {
		t.Helper()
		_, err := w.Decrypt(key, bad, context)
		if KindOf(err) != InvalidCiphertext || err.(*Error).Text != "" {
			t.Errorf("%s at %d: got %v", what, at, err)
		}
		if found, err := w.KeyOf(east.Region, bad, nil); err != nil && (KindOf(err) != InvalidCiphertext || err.(*Error).Text != "") {
			t.Errorf("%s at %d: finding its key: got %v, %v", what, at, found, err)
		}
	}
	for i := range blob {
		for bit := range 8 {
			bad := bytes.Clone(blob)
			bad[i] ^= 1 << bit
			offer("bit changed", i, bad)
		}
		offer("cut", i, blob[:i])
	}
	offer("extended", len(blob), append(bytes.Clone(blob), 0))
	offer("oversized", MaxBlob, append(bytes.Clone(blob), make([]byte, MaxBlob)...))
	offer("foreign", 0, []byte(strings.Repeat("AQICAHh", 30)))
	stranger := newWorld(t)
	offer("of another installation", 0, stranger.encrypt(t, stranger.newKey(t), "x", context))
}

func TestEveryCiphertextIsNew(t *testing.T) {
	w := newWorld(t)
	key := w.newKey(t)
	seen := map[string]bool{}
	for range 200 {
		blob := w.encrypt(t, key, "same", nil)
		if header := string(blob[:blobHeader]); seen[header] {
			t.Fatal("a nonce came twice")
		} else {
			seen[header] = true
		}
	}
}

// TestGoldenCiphertexts holds the format still: what one version of the program sealed, every later one opens.
func TestGoldenCiphertexts(t *testing.T) {
	datadriven.RunTest(t, "testdata/ciphertext", func(t *testing.T, d *datadriven.TestData) string {
		var keyHex, id, nonceHex, plaintext string
		d.ScanArgs(t, "key", &keyHex)
		d.ScanArgs(t, "id", &id)
		d.ScanArgs(t, "nonce", &nonceHex)
		d.ScanArgs(t, "plaintext", &plaintext)
		context := Context{}
		for line := range strings.Lines(d.Input) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
			context[name] = value
		}
		bare := unhex(t, keyHex)
		material := materialIDOf(bare, id)
		header := newHeader(backingIDOf(material))
		copy(header[18:], unhex(t, nonceHex))
		var derived [32]byte
		deriveKey(&derived, bare, deriveLabel, header[:])
		blob, err := sealBlob(&derived, header[:], id, context, []byte(plaintext))
		must(t, err)
		if back, err := openBlob(&derived, id, context, blob); err != nil || string(back) != plaintext {
			t.Fatalf("it does not open: %v", err)
		}
		return "material " + material + "\nderived  " + hex.EncodeToString(derived[:]) +
			"\nblob     " + hex.EncodeToString(blob) + "\n"
	})
}

func FuzzBlob(f *testing.F) {
	w := newWorld(f)
	key := w.newKey(f)
	sealed, err := w.Encrypt(key, []byte("seed"), nil)
	must(f, err)
	f.Add(sealed.Blob)
	f.Add([]byte{})
	f.Add(make([]byte, MaxBlob+1))
	f.Add([]byte{blobVersion, blobSymmetric})
	f.Fuzz(func(t *testing.T, blob []byte) {
		opened, err := w.Decrypt(key, blob, nil)
		if err == nil && !bytes.Equal(blob, sealed.Blob) {
			t.Fatalf("a forged ciphertext opened to %d bytes", len(opened.Plaintext))
		}
		if err != nil && KindOf(err) != InvalidCiphertext {
			t.Fatalf("got %v", err)
		}
	})
}
