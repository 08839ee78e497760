package keyring

import (
	"os"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// used are the keys that ciphertexts were sealed with, each with the nonce, by their first 16 bytes: two that agree in those agree in
// all, but for a chance of one in 2^128.
type used map[[16]byte]struct{}

// add notes the key of a ciphertext, and says whether it is new. GCM's nonce is zero for each, so it is the key that must not come
// twice.
func (u used) add(t testing.TB, w *world, blob []byte) bool {
	t.Helper()
	info, ok := ReadBlob(blob)
	made, found := w.backing.load(info.Backing)
	if !ok || !found {
		t.Fatal("not a ciphertext of this keyring")
	}
	var derived [32]byte
	must(t, w.derive(&derived, made, blob[:blobHeader]))
	_, seen := u[[16]byte(derived[:])]
	u[[16]byte(derived[:])] = struct{}{}
	return !seen
}

// howMany is a number of ciphertexts for a test: more on a long run.
func howMany() int {
	switch {
	case os.Getenv("SEALTABLE_SOAK") != "":
		return 1_000_000
	case testing.Short():
		return 2_000
	}
	return 20_000
}

// TestNoKeyIsUsedTwice: ciphertexts of one key, data keys among them, before and after a rotation, never share a derived key.
func TestNoKeyIsUsedTwice(t *testing.T) {
	w := newWorld(t)
	key := w.newKey(t)
	seen := used{}
	n := howMany()
	plaintext := make([]byte, 16)
	for i := range n {
		var sealed Sealed
		var err error
		if i%2 == 0 {
			sealed, err = w.Encrypt(key, plaintext, nil)
		} else {
			_, sealed, err = w.DataKey(key, "GenerateDataKey", 16, nil)
		}
		must(t, err)
		if !seen.add(t, w, sealed.Blob) {
			t.Fatalf("ciphertext %d has the key of another", i)
		}
		if i == n/2 {
			must(t, w.RotateNow(t.Context(), key))
		}
	}
}

// copy is another keyring on a copy of the world's disk.
func (w *world) copy(t testing.TB) *world {
	t.Helper()
	other := &world{disk: w.disk.CrashClone(vfs.CrashCloneCfg{}), root: w.root}
	other.open(t)
	return other
}

// TestCopiesNeverShareAKey starts two copies of one directory side by side, as somebody does who restores a backup beside the original.
// What makes a derived key single-use is random, not a counter that both would go on with.
func TestCopiesNeverShareAKey(t *testing.T) {
	w := newWorld(t)
	key := w.newKey(t)
	w.encrypt(t, key, "before", nil)
	copied := w.copy(t)
	seen := used{}
	for i := range howMany() / 4 {
		for _, one := range []*world{w, copied} {
			k := one.at(t, east, key.ID())
			if !seen.add(t, one, one.encrypt(t, k, "the same", tableContext)) {
				t.Fatalf("ciphertext %d has the key of another", i)
			}
		}
	}
}
