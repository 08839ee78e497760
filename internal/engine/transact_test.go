package engine_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"pgregory.net/rapid"

	"github.com/sealtable/sealtable/internal/attribute"
	"github.com/sealtable/sealtable/internal/catalog"
	"github.com/sealtable/sealtable/internal/clock"
	"github.com/sealtable/sealtable/internal/engine"
	"github.com/sealtable/sealtable/internal/storage"
	"github.com/sealtable/sealtable/internal/storage/embedded"
	"github.com/sealtable/sealtable/internal/storage/storagetest"
)

// bank is an engine on the real store with two tables, whose items are counters.
type bank struct {
	clock  *clock.Clock
	store  storage.Store
	engine *engine.Engine
	tables [2]*engine.Table
}

// fataler is what *testing.T and *rapid.T share.
type fataler interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

func openBank(t fataler) *bank {
	t.Helper()
	b := &bank{clock: clock.New()}
	ctx := context.Background()
	var err error
	b.store, err = embedded.Open(embedded.Options{FS: vfs.NewMem(), Dir: "/data", Keys: storagetest.NewKeys(), CacheBytes: 1 << 20,
		JournalBytes: 4 << 20})
	if err != nil {
		t.Fatal(err)
	}
	records, err := catalog.Open(ctx, b.store, 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	b.engine, err = engine.Open(ctx, engine.Options{
		Store: b.store, Records: records, Clock: b.clock, Log: slog.New(slog.DiscardHandler),
		DestroyKeys: func(context.Context, storage.TableID) error { return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	for i := range b.tables {
		b.tables[i] = &engine.Table{
			ID:   storage.TableID{0: byte(i + 1)},
			Name: engine.Name{Account: "123456789012", Region: "eu-west-1", Table: fmt.Sprint("bank", i)},
			Key:  engine.KeySchema{Hash: engine.KeyAttribute{Name: "pk", Kind: attribute.S}},
		}
		if err := b.engine.CreateTable(ctx, b.tables[i]); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

func (b *bank) close(t fataler) {
	t.Helper()
	b.clock.Close()
	if err := b.store.Close(); err != nil {
		t.Fatal(err)
	}
}

// account is the key of an item, and the item when it has a balance.
func account(pk string, balance int) attribute.Item {
	var item attribute.Builder
	item.Set("pk", attribute.String(pk))
	if balance > 0 {
		item.Set("n", attribute.String(fmt.Sprintf("%*d", balance, 0)))
	}
	return item.Item()
}

// step is one write of a random transaction.
type step struct {
	table   int
	pk      string
	kind    string // put, update, delete, check
	balance int    // that put writes
	exists  bool   // what check and the conditions of the others ask
	asks    bool
}

func drawStep(t *rapid.T) step {
	return step{
		table: rapid.IntRange(0, 1).Draw(t, "table"), pk: rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "pk"),
		kind:    rapid.SampledFrom([]string{"put", "update", "delete", "check"}).Draw(t, "kind"),
		balance: rapid.IntRange(1, 9).Draw(t, "balance"), exists: rapid.Bool().Draw(t, "exists"),
		asks: rapid.IntRange(0, 3).Draw(t, "asks") == 0,
	}
}

// write is the step as the engine takes it. An update makes the balance one more.
func (s step) write(b *bank) (engine.Write, error) {
	var condition engine.Condition
	if s.asks || s.kind == "check" {
		condition = func(current attribute.Item) (bool, error) { return (current != nil) == s.exists, nil }
	}
	t, key := b.tables[s.table], account(s.pk, 0)
	switch s.kind {
	case "put":
		return engine.PutOf(t, account(s.pk, s.balance), condition)
	case "update":
		return engine.UpdateOf(t, key, condition, func(current attribute.Item) (attribute.Item, error) {
			return account(s.pk, len(current.Get("n").Text())+1), nil
		})
	case "delete":
		return engine.DeleteOf(t, key, condition)
	}
	return engine.CheckOf(t, key, condition)
}

// place is where a step's item is in the model.
func (s step) place() string { return fmt.Sprint(s.table, s.pk) }

// fails says whether the model lets the step go ahead.
func (s step) fails(balances map[string]int) bool {
	_, exists := balances[s.place()]
	return (s.asks || s.kind == "check") && exists != s.exists
}

func (s step) apply(balances map[string]int) {
	switch s.kind {
	case "put":
		balances[s.place()] = s.balance
	case "update":
		balances[s.place()]++
	case "delete":
		delete(balances, s.place())
	}
}

// TestTransactionsLikeAModel: random transactions leave what a map would hold: all of their writes or none, and every reason for none.
func TestTransactionsLikeAModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b, balances := openBank(t), map[string]int{}
		defer b.close(t)
		for range 12 {
			steps := rapid.SliceOfNDistinct(rapid.Custom(drawStep), 1, 4, step.place).Draw(t, "steps")
			writes := make([]engine.Write, len(steps))
			for i, s := range steps {
				var err error
				if writes[i], err = s.write(b); err != nil {
					t.Fatal(err)
				}
			}
			_, _, err := b.engine.Transact(context.Background(), nil, writes)
			checkOutcome(t, steps, balances, err)
			b.compare(t, balances)
		}
	})
}

// checkOutcome compares the reasons with the model's, and applies the steps to the model when there are none.
func checkOutcome(t *rapid.T, steps []step, balances map[string]int, err error) {
	var cancelled *engine.TransactionError
	if err != nil && !errors.As(err, &cancelled) {
		t.Fatal(err)
	}
	anyFails := false
	for i, s := range steps {
		fails := s.fails(balances)
		anyFails = anyFails || fails
		if got := cancelled != nil && cancelled.Reasons[i] != nil; got != fails {
			t.Fatalf("step %d %+v: it failed: %v, want %v", i, s, got, fails)
		}
	}
	if anyFails != (err != nil) {
		t.Fatalf("the transaction ended with %v", err)
	}
	for _, s := range steps {
		if !anyFails {
			s.apply(balances)
		}
	}
}

func (b *bank) compare(t *rapid.T, balances map[string]int) {
	for i, table := range b.tables {
		for _, pk := range []string{"a", "b", "c"} {
			item, err := b.engine.Get(context.Background(), table, account(pk, 0), nil)
			if err != nil {
				t.Fatal(err)
			}
			want, exists := balances[fmt.Sprint(i, pk)]
			if (item != nil) != exists || len(item.Get("n").Text()) != want {
				t.Fatalf("table %d, item %s: a balance of %d, want %d", i, pk, len(item.Get("n").Text()), want)
			}
		}
	}
}

// TestBlindWrites: writes that do not look still write.
func TestBlindWrites(t *testing.T) {
	b := openBank(t)
	defer b.close(t)
	ctx := context.Background()
	for _, write := range []func() (engine.Write, error){
		func() (engine.Write, error) { return engine.PutOf(b.tables[0], account("a", 3), nil) },
		func() (engine.Write, error) { return engine.DeleteOf(b.tables[0], account("a", 0), nil) },
	} {
		w, err := write()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.engine.Batch(ctx, []engine.Write{w.Blindly()}); err != nil {
			t.Fatal(err)
		}
	}
	if item, err := b.engine.Get(ctx, b.tables[0], account("a", 0), nil); item != nil || err != nil {
		t.Errorf("the item was not deleted: %v, %v", item, err)
	}
}

// TestTokensEnd: the tokens that have ended are taken away, the others stay.
func TestTokensEnd(t *testing.T) {
	b := openBank(t)
	defer b.close(t)
	ctx := context.Background()
	use := func(name string) {
		t.Helper()
		w, err := engine.PutOf(b.tables[0], account("a", 1), nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, repeated, err := b.engine.Transact(ctx, &engine.Token{Owner: "owner", Name: name}, []engine.Write{w}); err != nil ||
			repeated {
			t.Fatalf("repeated: %v, %v", repeated, err)
		}
	}
	for i := range 5 {
		use(fmt.Sprint("old", i))
	}
	b.clock.Advance(15 * time.Minute)
	use("young")
	b.clock.Advance(8 * time.Minute)
	if n := b.tokens(t); n != 1 {
		t.Errorf("%d tokens are kept, want the young one", n)
	}
	b.clock.Advance(20 * time.Minute)
	if n := b.tokens(t); n != 0 {
		t.Errorf("%d tokens are kept", n)
	}
	use("old0")
}

func (b *bank) tokens(t *testing.T) (n int) {
	t.Helper()
	rows := b.store.Scan(context.Background(), storage.CollectionScan{Table: storage.System(3)})
	for rows.Next() {
		n++
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		t.Fatal(err)
	}
	return n
}
