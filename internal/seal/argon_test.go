package seal

import (
	"encoding/hex"
	"testing"

	"github.com/sealtable/sealtable/internal/lockedmem"
)

// TestArgon2id is a vector of the reference implementation's tests (two passes over 64 MiB, one lane), through the function that makes keys
// from passphrases. Those of RFC 9106 have a secret and associated data, which we do not.
func TestArgon2id(t *testing.T) {
	arena := lockedmem.NewArena(nil)
	s := passphraseSealer{arena: arena, source: func() ([]byte, error) { return []byte("password"), nil }}
	key, err := s.derive(cost{memory: 64 << 10, time: 2, threads: 1}, []byte("somesalt"))
	if err != nil {
		t.Fatal(err)
	}
	defer key.Destroy()
	_ = key.With(func(b []byte) error {
		if got := hex.EncodeToString(b); got != "09316115d5cf24ed5a15a31a3ba326e5cf32edc24702987c02b6566f61913cf7" {
			t.Errorf("got %s", got)
		}
		return nil
	})
}
