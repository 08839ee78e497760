package custody

import (
	"context"
	"errors"
	"testing"
)

// TestWakingForTheDatabaseItself: after a restart the database opens a table with its grant, and admits nobody by that.
func TestWakingForTheDatabaseItself(t *testing.T) {
	ctx, h := context.Background(), newHouse(t)
	h.create(customerKey(keyA))
	h.restart()
	h.must(h.Wake(ctx, subjectOf(h.table())))
	if err := h.readWithoutAsking(h.table()); err != nil {
		t.Errorf("the table that was woken cannot be read: %v", err)
	}
	h.keys.mu.Lock()
	h.keys.banned[keyA+person("bob").ARN] = true
	h.keys.mu.Unlock()
	if err := h.read(person("bob")); err == nil {
		t.Error("a caller who may not use the key reads a table that the database opened for itself")
	}
	h.keys.disable(keyA, true)
	if err := h.Wake(ctx, subjectOf(h.table())); err == nil {
		t.Error("the database goes on with a key that is disabled, though the table is still open")
	}
	h.restart()
	if err := h.Wake(ctx, subjectOf(h.table())); err == nil || h.ring.Unlocked(h.table().ID) {
		t.Errorf("a table under a disabled key is opened: %v", err)
	}
	h.keys.disable(keyA, false)
	h.keys.revoke(keyA)
	if err := h.Wake(ctx, subjectOf(h.table())); !errors.Is(err, errNotGranted) || h.ring.Unlocked(h.table().ID) {
		t.Errorf("without a grant: %v", err)
	}
}
