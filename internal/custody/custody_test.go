package custody

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/sealtable/sealtable/internal/engine"
	"github.com/sealtable/sealtable/internal/storage"
	"github.com/sealtable/sealtable/internal/tablekeys"
)

func customerKey(arn string) Key { return Key{Kind: CustomerManaged, ARN: arn} }

// An open table never admits a second caller, and an answer counts for its lifetime and no longer.
func TestAnswersArePersonalAndExpire(t *testing.T) {
	h := newHouse(t)
	h.create(customerKey(keyA))
	h.keys.ban(keyA, person("eve"))
	if err := h.read(person("eve")); !errors.Is(err, errNotAllowed) {
		t.Errorf("eve read with alice's key: %v", err)
	}
	if !h.ring.Unlocked(h.table().ID) {
		t.Error("refusing one caller closed the table to the others")
	}
	asked := h.keys.questions()
	for range 3 {
		h.must(h.read(person("alice")))
	}
	if h.keys.questions() != asked {
		t.Error("an answer that counts was asked for again")
	}
	h.must(h.read(person("bob")))
	if h.keys.questions() != asked+1 {
		t.Error("bob was let through without being asked for")
	}
	h.clock.Advance(lifetime)
	h.must(h.read(person("alice")))
	if h.keys.questions() != asked+2 {
		t.Error("an answer outlived its lifetime")
	}
	h.clock.Advance(lifetime)
	h.keys.ban(keyA, person("alice"))
	if err := h.read(person("alice")); !errors.Is(err, errNotAllowed) {
		t.Errorf("alice lost her permission but read: %v", err)
	}
	h.must(h.read(person("bob")))
}

func TestADisabledKeyClosesTheTableWithinTheLifetime(t *testing.T) {
	h := newHouse(t)
	table := h.create(customerKey(keyA))
	h.must(h.read(person("bob")))
	h.keys.disable(keyA, true)
	h.must(h.read(person("alice"))) // as DynamoDB, which caches for five minutes
	h.clock.Advance(lifetime)
	if err := h.read(person("alice")); !errors.Is(err, errKeyDisabled) {
		t.Errorf("alice: %v", err)
	}
	if h.ring.Unlocked(table.ID) {
		t.Error("the keys of a table whose key is disabled are in memory")
	}
	var sealed *storage.SealedError
	if err := h.readWithoutAsking(table); !errors.As(err, &sealed) {
		t.Errorf("around custody: %v", err)
	}
	if err := h.read(person("bob")); !errors.Is(err, errKeyDisabled) {
		t.Errorf("bob, whose answer was younger: %v", err)
	}
	h.keys.disable(keyA, false)
	h.must(h.read(person("alice")))
}

func TestADisabledKeyClosesTheTableAtOnceAfterARestart(t *testing.T) {
	h := newHouse(t)
	h.create(customerKey(keyA))
	h.keys.disable(keyA, true)
	h.restart()
	if err := h.read(person("alice")); !errors.Is(err, errKeyDisabled) {
		t.Errorf("after a restart: %v", err)
	}
	if err := h.readWithoutAsking(h.table()); err == nil {
		t.Error("the store opened a table that nobody unlocked")
	}
	h.keys.disable(keyA, false)
	h.must(h.read(person("alice")))
}

func TestTheInstallationsOwnKeyAsksNobody(t *testing.T) {
	h := newHouse(t)
	owned, err := h.Choose(context.Background(), person("alice"), "us-east-1", AWSOwned, "")
	h.must(err)
	h.create(owned)
	asked := h.keys.questions()
	h.must(h.read(person("bob")))
	if h.keys.questions() != asked {
		t.Error("a caller was asked for")
	}
	h.restart()
	h.must(h.read(person("bob")))
}

func TestChoosing(t *testing.T) {
	h, ctx := newHouse(t), context.Background()
	for _, id := range []string{"", ManagedAlias} {
		if key, err := h.Choose(ctx, person("alice"), "us-east-1", AWSManaged, id); err != nil || key.Kind != AWSManaged {
			t.Errorf("%q: %v %v", id, key, err)
		}
	}
	h.keys.ban(keyA, person("eve"))
	if _, err := h.Choose(ctx, person("eve"), "us-east-1", CustomerManaged, keyA); !errors.Is(err, errNotAllowed) {
		t.Errorf("a key was described to who may not see it: %v", err)
	}
}

// TestCrashesWhileTheKeyChanges loses power at every step: the table opens, under the key that its description names and no other.
func TestCrashesWhileTheKeyChanges(t *testing.T) {
	h := newHouse(t)
	h.create(customerKey(keyA))
	moments := map[string]*house{"before": h.after()}
	h.must(h.change(customerKey(keyB), func(when string) { moments[when] = h.after() }))
	moments["done"] = h.after()
	for when, want := range map[string]string{"before": keyA, "prepared": keyA, "recorded": keyB, "done": keyB} {
		m := moments[when]
		m.open()
		other := map[string]string{keyA: keyB, keyB: keyA}[want]
		if got := m.table().Encryption.Key.ARN; got != want {
			t.Errorf("%s: the table is under %s", when, got)
		}
		m.keys.disable(other, true)
		if err := m.read(person("alice")); err != nil {
			t.Errorf("%s: %v", when, err)
		}
		m.keys.disable(other, false)
		m.keys.disable(want, true)
		m.clock.Advance(lifetime)
		if err := m.read(person("alice")); !errors.Is(err, errKeyDisabled) {
			t.Errorf("%s: with its key disabled: %v", when, err)
		}
		m.keys.disable(want, false)
		if info, err := m.ring.Describe(m.table().ID); err != nil || info.Prepared != nil || info.Current.KeyARN != want {
			t.Errorf("%s: the keys file: %+v %v", when, info, err)
		}
		m.close()
	}
}

func TestAfterAChangeOnlyTheNewKeyCounts(t *testing.T) {
	h := newHouse(t)
	h.create(customerKey(keyA))
	h.keys.ban(keyB, person("bob"))
	h.must(h.read(person("bob")))
	h.must(h.change(customerKey(keyB), func(string) {}))
	if err := h.read(person("bob")); !errors.Is(err, errNotAllowed) {
		t.Errorf("bob, who may use only the old key: %v", err)
	}
	h.keys.disable(keyA, true)
	h.clock.Advance(lifetime)
	h.must(h.read(person("alice")))
	if got := fmt.Sprint(h.keys.granted()); got != fmt.Sprint(map[string]int{keyB + h.table().ID.String(): 1}) {
		t.Errorf("grants after the change: %v", got)
	}
	h.restart()
	h.must(h.read(person("alice")))
}

func TestAChangeNeedsTheOldKeyAndTheNew(t *testing.T) {
	h := newHouse(t)
	h.create(customerKey(keyA))
	h.keys.disable(keyA, true)
	if err := h.change(customerKey(keyB), func(string) {}); !errors.Is(err, errKeyDisabled) {
		t.Errorf("with the old key disabled: %v", err)
	}
	h.keys.disable(keyA, false)
	h.keys.disable(keyB, true)
	if err := h.change(customerKey(keyB), func(string) {}); !errors.Is(err, errKeyDisabled) {
		t.Errorf("with the new key disabled: %v", err)
	}
	h.must(h.read(person("alice")))
	if got := h.table().Encryption.Key.ARN; got != keyA {
		t.Errorf("the table is under %s", got)
	}
}

// A change that is refused leaves nothing behind; one of which nobody knows whether it was recorded leaves both keys for the next
// start to decide.
func TestAChangeThatIsNotRecorded(t *testing.T) {
	h, ctx := newHouse(t), context.Background()
	table := h.create(customerKey(keyA))
	no := errors.New("no")
	if err := h.Change(ctx, person("alice"), subjectOf(table), customerKey(keyB), func() error { return no }); !errors.Is(err, no) {
		t.Errorf("%v", err)
	}
	if info, err := h.ring.Describe(table.ID); err != nil || info.Prepared != nil {
		t.Errorf("after a refused change: %+v %v", info, err)
	}
	if got := fmt.Sprint(h.keys.granted()); got != fmt.Sprint(map[string]int{keyA + table.ID.String(): 1}) {
		t.Errorf("grants after a refused change: %v", got)
	}
	for _, recorded := range []bool{false, true} {
		err := h.Change(ctx, person("alice"), subjectOf(h.table()), customerKey(keyB), func() error {
			if recorded {
				_, err := h.engine.UpdateTable(ctx, table.Name,
					func(next *engine.Table) error { next.Encryption.Key = engineKey(customerKey(keyB)); return nil })
				h.must(err)
			}
			return fmt.Errorf("%w: disk failed", ErrUncertain)
		})
		if info, _ := h.ring.Describe(table.ID); !errors.Is(err, ErrUncertain) || info.Prepared == nil {
			t.Fatalf("an uncertain change: %v, %+v", err, info)
		}
		h.restart()
		h.must(h.read(person("alice")))
		want := map[bool]string{false: keyA, true: keyB}[recorded]
		if info, _ := h.ring.Describe(table.ID); info.Prepared != nil || info.Current.KeyARN != want {
			t.Errorf("recorded=%t: the next start decided %+v", recorded, info)
		}
	}
}

func TestSweeping(t *testing.T) {
	h, ctx := newHouse(t), context.Background()
	table := h.create(customerKey(keyA))
	var reports []bool
	sweep := func(ctx context.Context) {
		if accessible, changed := h.sweep(ctx); changed {
			reports = append(reports, accessible)
		}
	}
	sweep(ctx)
	h.keys.disable(keyA, true)
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	sweep(cancelled)
	if len(reports) != 0 || !h.ring.Unlocked(table.ID) {
		t.Errorf("reports %v, unlocked %t: nothing had happened, or the sweep was cancelled", reports, h.ring.Unlocked(table.ID))
	}
	sweep(ctx)
	sweep(ctx)
	if fmt.Sprint(reports) != "[false]" || h.ring.Unlocked(table.ID) {
		t.Errorf("reports %v, unlocked %t after the key was disabled", reports, h.ring.Unlocked(table.ID))
	}
	if err := h.read(person("alice")); !errors.Is(err, errKeyDisabled) {
		t.Errorf("a caller within her lifetime, after the sweep: %v", err)
	}
	h.keys.disable(keyA, false)
	sweep(ctx)
	sweep(ctx)
	if fmt.Sprint(reports) != "[false true]" {
		t.Errorf("reports %v after the key came back", reports)
	}
	h.must(h.read(person("alice")))
}

func TestDeletingErasesTheKeys(t *testing.T) {
	h, ctx := newHouse(t), context.Background()
	table := h.create(customerKey(keyA))
	h.must(h.engine.DeleteTable(ctx, table.Name, table.ID))
	if _, err := h.ring.Describe(table.ID); !errors.Is(err, tablekeys.ErrNotFound) {
		t.Errorf("the keys after deleting: %v", err)
	}
	if err := h.use(person("alice"), table); !errors.Is(err, tablekeys.ErrNotFound) {
		t.Errorf("using a deleted table: %v", err)
	}
	if len(h.keys.granted()) != 0 {
		t.Errorf("grants are left: %v", h.keys.granted())
	}
	h.must(h.Destroy(ctx, table.ID))
	h.restart()
}

// TestCloseBeatsUse lets callers, closings and sweeps run into each other, and then disables the key: whatever was under way, after
// the last closing nobody gets through.
func TestCloseBeatsUse(t *testing.T) {
	h, ctx := newHouse(t), context.Background()
	table := h.create(customerKey(keyA))
	for round := range 5 {
		h.keys.disable(keyA, false)
		var wg sync.WaitGroup
		for w := range 4 {
			wg.Go(func() {
				for range 30 {
					_ = h.read(person(fmt.Sprint("caller", w))) // may be refused: the table closes under it
				}
			})
		}
		wg.Go(func() {
			for range 15 {
				h.Close(ctx, table.ID)
			}
		})
		wg.Go(func() {
			time.Sleep(time.Duration(round) * time.Millisecond)
			h.keys.disable(keyA, true)
			_ = h.Check(ctx, subjectOf(table))
		})
		wg.Wait()
		h.Close(ctx, table.ID)
		if h.ring.Unlocked(table.ID) || h.readWithoutAsking(table) == nil {
			t.Fatal("a table whose key is disabled is open")
		}
		for w := range 4 {
			if err := h.read(person(fmt.Sprint("caller", w))); !errors.Is(err, errKeyDisabled) {
				t.Fatalf("a caller after the closing: %v", err)
			}
		}
	}
	h.keys.disable(keyA, false)
	h.must(h.read(person("alice")))
}

func TestManyCallersTakeLittleMemory(t *testing.T) {
	h := newHouse(t)
	table := h.create(customerKey(keyA))
	for i := range 3 * maxCallers {
		h.must(h.use(person(fmt.Sprint(i)), table))
	}
	if n := len(h.admissions(table.ID).callers); n > maxCallers {
		t.Errorf("%d callers are remembered", n)
	}
}

func TestAdmittingAllocatesNothing(t *testing.T) {
	h := newHouse(t)
	table, alice := h.create(customerKey(keyA)), person("alice")
	if n := testing.AllocsPerRun(100, func() { h.must(h.use(alice, table)) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkUse(b *testing.B) {
	h := newHouse(b)
	table, alice := h.create(customerKey(keyA)), person("alice")
	b.ReportAllocs()
	for b.Loop() {
		h.must(h.use(alice, table))
	}
}
