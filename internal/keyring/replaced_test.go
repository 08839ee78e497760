package keyring

import (
	"bytes"
	"io"
	"testing"
)

// Rotating a key replaced its file and left the old one's bytes on the disk, where erasing the key did not reach them.
func TestReplacedMaterialIsOverwritten(t *testing.T) {
	w := newWorld(t)
	key, err := w.Create(t.Context(), NewKey{Scope: Scope{Account: "111122223333", Region: "us-east-1"}})
	if err != nil {
		t.Fatal(err)
	}
	old, err := w.disk.Open(w.store.path(key.ID()))
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	if err := w.RotateNow(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	left, err := io.ReadAll(old)
	if err != nil || len(left) == 0 || len(bytes.Trim(left, "\x00")) != 0 {
		t.Errorf("of the old file %d bytes are left that are not zero, %v", len(bytes.Trim(left, "\x00")), err)
	}
}
