package catalog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"pgregory.net/rapid"

	"github.com/sealtable/sealtable/internal/storage"
	"github.com/sealtable/sealtable/internal/storage/embedded"
	"github.com/sealtable/sealtable/internal/storage/storagetest"
)

func openStore(t *testing.T, fs vfs.FS, keys storage.Keys) *embedded.Store {
	t.Helper()
	store, err := embedded.Open(embedded.Options{FS: fs, Dir: "/data", Keys: keys, FrameKey: [32]byte{1}})
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func openCatalog(t *testing.T, store storage.Store, kind storage.Collection) *Catalog {
	t.Helper()
	c, err := Open(context.Background(), store, 1, kind)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func load(t *testing.T, c *Catalog) (names []string, records map[string]string) {
	t.Helper()
	records = map[string]string{}
	err := c.Load(context.Background(), func(name string, data []byte) error {
		names = append(names, name)
		records[name] = string(data)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names, records
}

func TestRecordsLastAndAreSealed(t *testing.T) {
	ctx := context.Background()
	fs := vfs.NewCrashableMem()
	keys := storagetest.NewKeys()
	store := openStore(t, fs, keys)
	tables, principals := openCatalog(t, store, 1), openCatalog(t, store, 2)
	if err := errors.Join(
		tables.Write(ctx, map[string][]byte{"b": []byte("CanaryTwo"), "a": []byte("CanaryOne"), "gone": []byte("x"), "empty": {}}),
		tables.Write(ctx, map[string][]byte{"gone": nil, "never there": nil}),
		principals.Write(ctx, map[string][]byte{"a": []byte("another kind")}),
		tables.Write(ctx, nil),
	); err != nil {
		t.Fatal(err)
	}
	after := fs.CrashClone(vfs.CrashCloneCfg{})
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	again := openStore(t, after, keys)
	defer again.Close()
	names, records := load(t, openCatalog(t, again, 1))
	if !slices.Equal(names, []string{"a", "b", "empty"}) || records["a"] != "CanaryOne" || records["b"] != "CanaryTwo" ||
		records["empty"] != "" {
		t.Errorf("%v %v", names, records)
	}
	if names, records := load(t, openCatalog(t, again, 2)); len(names) != 1 || records["a"] != "another kind" {
		t.Errorf("the other kind: %v %v", names, records)
	}
	noCanary(t, fs, "/data")
}

// noCanary reads all files below a directory as a thief of the disk would.
func noCanary(t *testing.T, fs vfs.FS, dir string) {
	t.Helper()
	names, err := fs.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		path := fs.PathJoin(dir, name)
		if info, err := fs.Stat(path); err != nil || info.IsDir() {
			noCanary(t, fs, path)
			continue
		}
		file, err := fs.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := io.ReadAll(file)
		if errors.Join(err, file.Close()) != nil || bytes.Contains(raw, []byte("Canary")) {
			t.Errorf("%s holds a record in the clear (%v)", path, err)
		}
	}
}

func TestLoadStopsAtAnError(t *testing.T) {
	ctx := context.Background()
	store := openStore(t, vfs.NewMem(), storagetest.NewKeys())
	defer store.Close()
	c := openCatalog(t, store, 1)
	if err := c.Write(ctx, map[string][]byte{"a": {1}, "b": {2}}); err != nil {
		t.Fatal(err)
	}
	enough, visits := errors.New("enough"), 0
	if err := c.Load(ctx, func(string, []byte) error { visits++; return enough }); !errors.Is(err, enough) || visits != 1 {
		t.Errorf("%d visits, %v", visits, err)
	}
}

// TestAWriteIsWholeOrNothing: one record of a batch that cannot be written takes the others with it.
func TestAWriteIsWholeOrNothing(t *testing.T) {
	ctx := context.Background()
	store := openStore(t, vfs.NewMem(), storagetest.NewKeys())
	defer store.Close()
	c := openCatalog(t, store, 1)
	for _, changes := range []map[string][]byte{
		{"a": {1}, "z": make([]byte, storage.MaxValue+1)}, {"a": {1}, strings.Repeat("z", storage.MaxSort+1): {1}},
	} {
		if err := c.Write(ctx, changes); !errors.Is(err, storage.ErrTooLarge) {
			t.Errorf("%v", err)
		}
	}
	if names, _ := load(t, c); len(names) > 0 {
		t.Errorf("half a batch was written: %v", names)
	}
}

func TestAgreesWithAMap(t *testing.T) {
	store := openStore(t, vfs.NewMem(), storagetest.NewKeys())
	defer store.Close()
	kind := storage.Collection(0)
	rapid.Check(t, func(rt *rapid.T) {
		kind++
		c, want := openCatalog(t, store, kind), map[string]string{}
		for range rapid.IntRange(0, 6).Draw(rt, "writes") {
			changes := map[string][]byte{}
			for range rapid.IntRange(0, 4).Draw(rt, "changes") {
				name := rapid.SampledFrom([]string{"a", "a/b", "b", "é", "\x00", "zz"}).Draw(rt, "name")
				changes[name] = nil
				delete(want, name)
				if rapid.IntRange(0, 2).Draw(rt, "put") > 0 {
					changes[name] = []byte(fmt.Sprint(rapid.Int().Draw(rt, "data")))
					want[name] = string(changes[name])
				}
			}
			if err := c.Write(context.Background(), changes); err != nil {
				rt.Fatal(err)
			}
		}
		names, got := load(t, c)
		if !maps.Equal(got, want) || !slices.IsSorted(names) {
			rt.Fatalf("%v, want %v", got, want)
		}
	})
}

// TestPlaceOfARecord holds the row that docs/format/system-tables.md draws.
func TestPlaceOfARecord(t *testing.T) {
	store := openStore(t, vfs.NewMem(), storagetest.NewKeys())
	defer store.Close()
	row := openCatalog(t, store, 1).row("123456789012/eu-west-1/Orders")
	if row.Table != storage.System(1) || row.Collection != 1 || string(row.Partition) != "records" ||
		string(row.Sort) != "123456789012/eu-west-1/Orders" {
		t.Errorf("%+v", row)
	}
}
