package embedded_test

import (
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/sealtable/sealtable/internal/storage"
	"github.com/sealtable/sealtable/internal/storage/embedded"
	"github.com/sealtable/sealtable/internal/storage/storagetest"
)

// TestTablesThatWereBegunAreListed leaves what a full disk or a crash leaves of a table of which not even the keys were kept: it is
// listed, so that whoever knows the tables can drop it.
func TestTablesThatWereBegunAreListed(t *testing.T) {
	fs := vfs.NewMem()
	whole := storage.TableID{1}
	begun := storage.TableID{2}
	o := small(fs, storagetest.NewKeys())
	s := mustOpen(t, o)
	if err := s.CreateTable(t.Context(), whole); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	dir := path.Join("/data/tables", begun.String())
	if err := fs.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	writeText(t, fs, path.Join(dir, "keys.tmp"), "")
	s = mustOpen(t, o)
	if ids, err := s.Tables(t.Context()); err != nil || len(ids) != 2 || !slices.Contains(ids, begun) {
		t.Errorf("tables %v, %v", ids, err)
	}
	if err := s.DropTable(t.Context(), begun); err != nil {
		t.Fatal(err)
	}
	if ids, err := s.Tables(t.Context()); err != nil || !slices.Equal(ids, []storage.TableID{whole}) {
		t.Errorf("afterwards: tables %v, %v", ids, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if names, err := fs.List("/data/tables"); err != nil || !slices.Equal(names, []string{whole.String()}) {
		t.Errorf("directories %q, %v", names, err)
	}
}

// TestALockThatCannotBeOpened is about a disk that is read-only, which is no other process.
func TestALockThatCannotBeOpened(t *testing.T) {
	o := small(vfs.Default, storagetest.NewKeys())
	o.Dir = t.TempDir()
	if err := mustOpen(t, o).Close(); err != nil {
		t.Fatal(err)
	}
	lock := filepath.Join(o.Dir, "LOCK")
	if err := os.Remove(lock); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(lock, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := embedded.Open(o); err == nil || !strings.Contains(err.Error(), "cannot be locked") {
		t.Errorf("got %v", err)
	}
}
