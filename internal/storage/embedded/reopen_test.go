package embedded_test

import (
	"context"
	"path"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/sealtable/sealtable/internal/storage"
	"github.com/sealtable/sealtable/internal/storage/embedded"
	"github.com/sealtable/sealtable/internal/storage/storagetest"
)

// TestACleanCloseLeavesNothingToReplay is about an end of the journal that said that all was written, after the records it spoke
// of: they were replayed nevertheless, which woke every table, and set the rows aside of those whose keys were not open yet.
func TestACleanCloseLeavesNothingToReplay(t *testing.T) {
	fs := vfs.NewMem()
	keys := storagetest.NewKeys()
	id := storage.TableID{1, 2, 3}
	store := open(t, fs, keys)
	if err := store.CreateTable(context.Background(), id); err != nil {
		t.Fatal(err)
	}
	row := storage.Row{Table: id, Partition: []byte("a")}
	err := store.Update(context.Background(), []storage.Row{row}, func(tx storage.Tx) error { return tx.Put(row, []byte("value")) })
	if err != nil {
		t.Fatal(err)
	}
	closeStore(t, store)

	keys.Switch(id, false)
	store = open(t, fs, keys)
	if store.OpenTables() != 0 {
		t.Errorf("%d tables were woken", store.OpenTables())
	}
	if _, err := fs.Stat(path.Join(dataDir, "tables", id.String(), "parked")); err == nil {
		t.Error("rows that the table has were set aside")
	}
	keys.Switch(id, true)
	if value, found, err := store.Get(context.Background(), row, nil); err != nil || !found || string(value) != "value" {
		t.Errorf("got %q, %t, %v", value, found, err)
	}
	closeStore(t, store)
}

func open(t *testing.T, fs vfs.FS, keys storage.Keys) *embedded.Store {
	t.Helper()
	store, err := embedded.Open(small(fs, keys))
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func closeStore(t *testing.T, store *embedded.Store) {
	t.Helper()
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
}
