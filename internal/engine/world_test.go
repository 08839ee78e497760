package engine

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/sealtable/sealtable/internal/attribute"
	"github.com/sealtable/sealtable/internal/catalog"
	"github.com/sealtable/sealtable/internal/clock"
	"github.com/sealtable/sealtable/internal/storage"
	"github.com/sealtable/sealtable/internal/storage/embedded"
	"github.com/sealtable/sealtable/internal/storage/storagetest"
)

// world is an engine on the real store, on a disk in memory that can lose power.
type world struct {
	*Engine
	t       testing.TB
	fs      *vfs.MemFS
	keys    *storagetest.Keys
	store   *embedded.Store
	records *brittleRecords
	clock   *clock.Clock

	destroyed []storage.TableID
	atDestroy func() // called before keys are destroyed
}

// brittleRecords are the catalog's, and fail when they are told to. hook sees the moments before and after a write.
type brittleRecords struct {
	Records
	failures int
	hook     func(when string)
}

var errBrittle = errors.New("the records cannot be written")

func (r *brittleRecords) Write(ctx context.Context, changes map[string][]byte) error {
	if r.failures > 0 {
		r.failures--
		return errBrittle
	}
	if r.hook != nil {
		r.hook("before the record")
		defer r.hook("after the record")
	}
	return r.Records.Write(ctx, changes)
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, fs: vfs.NewCrashableMem(), keys: storagetest.NewKeys()}
	w.open()
	t.Cleanup(func() { w.close() })
	return w
}

func (w *world) open() {
	w.t.Helper()
	var err error
	w.clock = clock.New()
	w.store, err = embedded.Open(embedded.Options{FS: w.fs, Dir: "/data", Keys: w.keys, FrameKey: [32]byte{1}, Clock: w.clock})
	if err != nil {
		w.t.Fatal(err)
	}
	records, err := catalog.Open(context.Background(), w.store, 1, 1)
	if err != nil {
		w.t.Fatal(err)
	}
	w.records = &brittleRecords{Records: records}
	w.Engine, err = Open(context.Background(), Options{
		Store: w.store, Records: w.records, Clock: w.clock, Log: slog.New(slog.DiscardHandler), DestroyKeys: w.destroy,
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) destroy(_ context.Context, id storage.TableID) error {
	if w.atDestroy != nil {
		w.atDestroy()
	}
	w.destroyed = append(w.destroyed, id)
	w.keys.Switch(id, false)
	return nil
}

func (w *world) close() {
	if err := w.store.Close(); err != nil {
		w.t.Error(err)
	}
	w.clock.Close()
}

// after is the world as a loss of power at this moment leaves it, not opened yet.
func (w *world) after() *world {
	return &world{t: w.t, fs: w.fs.CrashClone(vfs.CrashCloneCfg{}), keys: w.keys}
}

func tableNamed(name string, id byte, hash, sort attribute.Kind) *Table {
	t := &Table{
		ID: storage.TableID{0: 0xA0, 1: id}, Name: Name{"123456789012", "us-east-1", name}, Created: time.Unix(1, 0).UTC(),
		Key: KeySchema{Hash: KeyAttribute{"h", hash}}, Tags: map[string]string{"team": "red"},
	}
	if sort != 0 {
		t.Key.Range = &KeyAttribute{"r", sort}
	}
	return t
}

func (w *world) create(t *Table) *Table {
	w.t.Helper()
	if err := w.CreateTable(context.Background(), t); err != nil {
		w.t.Fatal(err)
	}
	return t
}

// item makes an item of pairs of names and values.
func item(pairs ...any) attribute.Item {
	var b attribute.Builder
	for i := 0; i < len(pairs); i += 2 {
		b.Set(pairs[i].(string), value(pairs[i+1]))
	}
	return b.Item()
}

func value(v any) attribute.Value {
	switch v := v.(type) {
	case string:
		return attribute.String(v)
	case []byte:
		return attribute.Binary(v)
	case int:
		return attribute.FromNumber(attribute.NumberFromInt(int64(v)))
	case attribute.Value:
		return v
	}
	panic("no such value")
}

func (w *world) put(t *Table, it attribute.Item) {
	w.t.Helper()
	if _, err := w.Put(context.Background(), t, it, nil); err != nil {
		w.t.Fatal(err)
	}
}

func TestTablesLive(t *testing.T) {
	ctx, w := context.Background(), newWorld(t)
	orders, users := w.create(tableNamed("Orders", 1, attribute.S, 0)), w.create(tableNamed("Users", 2, attribute.S, attribute.N))
	elsewhere := tableNamed("Orders", 3, attribute.S, 0)
	elsewhere.Name.Region = "eu-west-1"
	w.create(elsewhere)
	if err := w.CreateTable(ctx, tableNamed("Orders", 9, attribute.S, 0)); !errors.Is(err, ErrTableExists) {
		t.Errorf("a second table of one name: %v", err)
	}
	w.put(orders, item("h", "1"))
	snapshot, err := w.UpdateTable(ctx, users.Name, func(next *Table) error {
		next.DeletionProtection, next.Tags["team"] = true, "blue"
		return nil
	})
	if err != nil || users.DeletionProtection || users.Tags["team"] != "red" || snapshot.Tags["team"] != "blue" {
		t.Errorf("a change reached into a snapshot: %v %v %v", users, snapshot, err)
	}
	refusal := errors.New("no")
	if _, err := w.UpdateTable(ctx, users.Name, func(next *Table) error { next.Class = "x"; return refusal }); err != refusal {
		t.Errorf("a change that is refused: %v", err)
	}
	w.close()
	w.open()
	if got := w.TableNames("123456789012", "us-east-1", ""); !slices.Equal(got, []string{"Orders", "Users"}) {
		t.Errorf("tables %v", got)
	}
	if got := w.TableNames("123456789012", "us-east-1", "Orders"); !slices.Equal(got, []string{"Users"}) {
		t.Errorf("tables after Orders: %v", got)
	}
	if all := w.AllTables(); len(all) != 3 || all[0].Name.Region != "eu-west-1" {
		t.Errorf("all tables: %v", all)
	}
	again, err := w.Table(users.Name)
	if err != nil || !again.DeletionProtection || again.Class != "" || again.Key.Range.Kind != attribute.N ||
		!again.Created.Equal(users.Created) {
		t.Errorf("after a restart: %+v %v", again, err)
	}
	if err := w.DeleteTable(ctx, orders.Name, users.ID); !errors.Is(err, ErrNoTable) {
		t.Errorf("deleting another table of that name: %v", err)
	}
	if err := w.DeleteTable(ctx, orders.Name, orders.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Table(orders.Name); !errors.Is(err, ErrNoTable) || !slices.Equal(w.destroyed, []storage.TableID{orders.ID}) {
		t.Errorf("after deleting: %v, keys destroyed %v", err, w.destroyed)
	}
	if _, err := w.Get(ctx, orders, item("h", "1"), nil); !errors.Is(err, storage.ErrNoTable) {
		t.Errorf("reading from a deleted table: %v", err)
	}
}

// TestCrashesBetweenSteps loses power at every step of creating and deleting: what comes back is a whole table or none of it.
func TestCrashesBetweenSteps(t *testing.T) {
	ctx, w := context.Background(), newWorld(t)
	type moment struct {
		when  string
		world *world
	}
	var moments []moment
	look := func(when string) { moments = append(moments, moment{when, w.after()}) }
	w.records.hook = look
	w.atDestroy = func() { look("before the keys are destroyed") }
	look("before creating")
	orders := w.create(tableNamed("Orders", 1, attribute.S, 0))
	w.put(orders, item("h", "1"))
	look("created")
	if err := w.DeleteTable(ctx, orders.Name, orders.ID); err != nil {
		t.Fatal(err)
	}
	look("deleted")
	w.keys.Switch(orders.ID, true) // the keys of earlier moments were not destroyed then
	there := map[string]bool{}
	for i, m := range moments {
		m.world.open()
		found, err := m.world.Table(orders.Name)
		stored, _ := m.world.store.Tables(ctx)
		inStore := slices.Contains(stored, orders.ID)
		if (err == nil) != inStore {
			t.Errorf("%s (%d): described %t, stored %t: half a table", m.when, i, err == nil, inStore)
		}
		if err == nil {
			m.world.put(found, item("h", "2"))
		}
		there[m.when] = there[m.when] || err == nil
		m.world.close()
		w.keys.Switch(orders.ID, true)
	}
	if !there["created"] || !there["after the record"] || there["deleted"] || there["before creating"] {
		t.Errorf("the table was there: %v", there)
	}
}

func TestDescriptionsThatCannotBeWritten(t *testing.T) {
	ctx, w := context.Background(), newWorld(t)
	orders := w.create(tableNamed("Orders", 1, attribute.S, 0))
	touch := func(next *Table) error { next.Class = "changed"; return nil }
	for _, tt := range []struct {
		failures  int
		uncertain bool
	}{{1, false}, {2, true}} {
		w.records.failures = tt.failures
		users := tableNamed("Users", byte(10+tt.failures), attribute.S, 0)
		if err := w.CreateTable(ctx, users); !errors.Is(err, errBrittle) || errors.Is(err, ErrUncertain) != tt.uncertain {
			t.Errorf("creating with %d failures: %v", tt.failures, err)
		}
		stored, _ := w.store.Tables(ctx)
		if slices.Contains(stored, users.ID) != tt.uncertain {
			t.Errorf("after %d failures the table is stored: %t", tt.failures, !tt.uncertain)
		}
		w.records.failures = tt.failures
		if _, err := w.UpdateTable(ctx, orders.Name, touch); !errors.Is(err, errBrittle) || errors.Is(err, ErrUncertain) != tt.uncertain {
			t.Errorf("updating with %d failures: %v", tt.failures, err)
		}
		if now, _ := w.Table(orders.Name); now.Class != "" {
			t.Error("a change that was not written is seen")
		}
	}
	w.records.failures = 1
	if err := w.DeleteTable(ctx, orders.Name, orders.ID); !errors.Is(err, errBrittle) || len(w.destroyed) > 0 {
		t.Errorf("deleting: %v, keys destroyed %v", err, w.destroyed)
	}
	w.put(orders, item("h", "1"))
}
