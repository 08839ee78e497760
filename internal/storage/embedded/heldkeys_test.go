package embedded_test

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/sealtable/sealtable/internal/lockedmem"
	"github.com/sealtable/sealtable/internal/storage"
	"github.com/sealtable/sealtable/internal/storage/storagetest"
)

// The data keys of tables that are awake lay on the heap, where nothing keeps them from swap and core files.
func TestKeysOfAwakeTablesLieInLockedMemory(t *testing.T) {
	arena, id := lockedmem.NewArena(nil), storage.TableID{1}
	defer arena.Close()
	o := small(vfs.NewMem(), storagetest.NewKeys())
	o.Memory = arena
	s := mustOpen(t, o)
	if err := s.CreateTable(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if n := arena.Stats().Keys; n != 0 {
		t.Errorf("%d keys are held of a table that sleeps", n)
	}
	mustPut(t, s, id, "k", "v")
	if n := arena.Stats().Keys; n != 1 {
		t.Errorf("%d keys are held of a table that is awake", n)
	}
	if err := s.SealTable(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if n := arena.Stats().Keys; n != 0 {
		t.Errorf("%d keys are held of a table that was sealed", n)
	}
	mustGet(t, s, id, "k", "v")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if n := arena.Stats().Keys; n != 0 {
		t.Errorf("%d keys are held by a store that was closed", n)
	}
}
