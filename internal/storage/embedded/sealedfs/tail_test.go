package sealedfs

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/sealtable/sealtable/internal/storage"
	"github.com/sealtable/sealtable/internal/storage/storagetest"
)

type tailKeys struct {
	*storagetest.Keys
	id storage.TableID
}

func (k tailKeys) Current() (storage.Epoch, error) { return k.Keys.Current(k.id) }

func (k tailKeys) Key(epoch storage.Epoch, key *[storage.KeySize]byte) error {
	return k.Keys.Key(k.id, epoch, key)
}

// TestTail lets a file grow byte by byte, header included, as a reader may see it while it is written.
func TestTail(t *testing.T) {
	base := vfs.NewMem()
	id := storage.System(9)
	fs := New(base, id, tailKeys{storagetest.NewKeys(), id})
	whole, err := fs.Create("whole", vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"one ", "two ", "three"} {
		if _, err := whole.Write([]byte(part)); err != nil {
			t.Fatal(err)
		}
		if err := whole.Sync(); err != nil {
			t.Fatal(err)
		}
	}
	raw := contentOf(t, base, "whole")
	growing, err := base.Create("dir/whole", vfs.WriteCategoryUnspecified)
	if err != nil {
		if err = base.MkdirAll("dir", 0o700); err == nil {
			growing, err = base.Create("dir/whole", vfs.WriteCategoryUnspecified)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	tail, err := fs.OpenTail("dir/whole")
	if err != nil {
		t.Fatal(err)
	}
	var got []byte
	for n := range raw {
		if _, err := growing.Write(raw[n : n+1]); err != nil {
			t.Fatal(err)
		}
		more, err := io.ReadAll(tail)
		if err != nil {
			t.Fatalf("at %d of %d bytes: %v", n, len(raw), err)
		}
		got = append(got, more...)
	}
	if string(got) != "one two three" {
		t.Errorf("%q", got)
	}
	if err := tail.Close(); err != nil {
		t.Error(err)
	}
}

func contentOf(t *testing.T, fs vfs.FS, name string) []byte {
	t.Helper()
	file, err := fs.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	content, err := io.ReadAll(file)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Clone(content)
}

// TestTailFindsDamage changes what was synced before the reader came to it.
func TestTailFindsDamage(t *testing.T) {
	base := vfs.NewMem()
	id := storage.System(9)
	fs := New(base, id, tailKeys{storagetest.NewKeys(), id})
	file, err := fs.Create("f", vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	tail, err := fs.OpenTail("f")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(file.Sync(), file.Close()); err != nil {
		t.Fatal(err)
	}
	raw := contentOf(t, base, "f")
	raw[headerSize+frameHead] ^= 1
	other, err := base.OpenReadWrite("f", vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.WriteAt(raw, 0); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(tail); !errors.Is(err, ErrNotAuthentic) {
		t.Errorf("%q %v", got, err)
	}
}
