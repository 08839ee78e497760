package engine

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sealtable/sealtable/internal/attribute"
	"github.com/sealtable/sealtable/internal/storage"
)

func (w *world) expiring(t *Table, name string) *Table {
	w.t.Helper()
	now := w.clock.Now()
	updated, err := w.UpdateTable(context.Background(), t.Name, func(next *Table) error {
		next.EnableExpiry(name, now, now)
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return updated
}

func (w *world) notExpiring(t *Table) {
	w.t.Helper()
	now := w.clock.Now()
	if _, err := w.UpdateTable(context.Background(), t.Name, func(next *Table) error {
		next.DisableExpiry(now, now)
		return nil
	}); err != nil {
		w.t.Fatal(err)
	}
}

// expireAll does what is due now, and says how many calls it took.
func (w *world) expireAll(name Name) (calls int) {
	w.t.Helper()
	for ; ; calls++ {
		t, err := w.Table(name)
		if err != nil {
			w.t.Fatal(err)
		}
		if !t.ExpiryDue(w.clock.Now()) {
			return calls
		}
		if _, err := w.Expire(context.Background(), t, w.clock.Now()); err != nil {
			w.t.Fatal(err)
		}
	}
}

// queued counts the rows in a table's queues.
func (w *world) queued(t *Table) (n int) {
	w.t.Helper()
	rows := w.store.Scan(context.Background(), storage.CollectionScan{Table: t.ID, Collection: expiryQueue})
	defer rows.Close()
	for rows.Next() {
		n++
	}
	if rows.Err() != nil {
		w.t.Fatal(rows.Err())
	}
	return n
}

func TestWhatExpires(t *testing.T) {
	w := newWorld(t)
	table := w.expiring(w.stream(w.create(tableNamed("Sessions", 1, attribute.S, 0)), BothViews), "until")
	now := int(w.clock.Now().Unix())
	const year = 365 * 24 * 3600
	fraction, _ := attribute.ParseNumber([]byte("1700000000.5"))
	for _, c := range []struct {
		name  string
		until any
		goes  bool
	}{
		{"past", now - 1, true}, {"now", now, true}, {"soon", now + 50, true}, {"later", now + 3600, false},
		{"milliseconds", now * 1000, false},
		{"long past", now - 5*year + 3600, true}, {"too long past", now - 5*year - 3600, false}, {"zero", 0, false},
		{"before 1970", -5, false},
		{"text", fmt.Sprint(now - 1), false}, {"binary", []byte{1}, false}, {"fraction", attribute.FromNumber(fraction), false},
	} {
		w.put(table, item("h", c.name, "until", c.until, "goes", fmt.Sprint(c.goes)))
	}
	w.put(table, item("h", "none"))
	before := len(w.contents(table))
	w.clock.Advance(100 * time.Second)
	if len(w.contents(table)) != before {
		t.Error("items went before anybody took them away: reads show them until then")
	}
	w.expireAll(table.Name)
	for _, left := range w.contents(table) {
		if goes := left.Get("goes"); goes != nil && string(goes.Text()) != "false" {
			t.Errorf("%s is still there", left.Get("h").Text())
		}
	}
	if gone := before - len(w.contents(table)); gone != 4 {
		t.Errorf("%d items went", gone)
	}
	reader := w.consume(table, 1)
	reader.poll()
	reader.check(w.contents(table))
	for _, r := range reader.got {
		if r.Expired != (r.Event == Removed) {
			t.Errorf("record %d, event %d: expired %t", r.Number, r.Event, r.Expired)
		}
	}
}

// TestAnItemThatIsWrittenAnewStays: between the look at the queue and the removal the item gets another time, or goes and comes back.
func TestAnItemThatIsWrittenAnewStays(t *testing.T) {
	ctx, w := context.Background(), newWorld(t)
	table := w.expiring(w.create(tableNamed("Sessions", 1, attribute.S, 0)), "until")
	now := int(w.clock.Now().Unix())
	w.expireAll(table.Name)
	for _, until := range []any{now + 3600, "never", nil} {
		old, renewed := item("h", "a", "until", now-5), item("h", "a")
		if until != nil {
			renewed = item("h", "a", "until", until)
		}
		w.put(table, old)
		table, _ = w.Table(table.Name)
		due, _, err := w.dueItems(ctx, table, w.clock.Now())
		if err != nil || len(due) != 1 {
			t.Fatalf("%v %v", due, err)
		}
		w.put(table, renewed)
		err = w.update(ctx, []storage.Row{due[0].row}, func(tx *transaction) error { return table.expire(tx, due[0], int64(now)) })
		if got, _ := w.Get(ctx, table, item("h", "a"), nil); err != nil || string(got) != string(renewed) {
			t.Errorf("renewed until %v, the item is %q %v", until, got, err)
		}
	}
	if _, err := w.Delete(ctx, table, item("h", "a"), nil); err != nil || w.queued(table) != 0 {
		t.Errorf("%d rows in the queue of no items (%v)", w.queued(table), err)
	}
}

// TestExpiryOfAFullTable enables it on items that are there, and stops in the middle of filling the queue, of taking items away and
// of clearing the queue.
func TestExpiryOfAFullTable(t *testing.T) {
	ctx, w := context.Background(), newWorld(t)
	table := w.create(tableNamed("Sessions", 1, attribute.S, 0))
	now := int(w.clock.Now().Unix())
	const items = 3*filledAtOnce + 7
	for i := range items {
		until := now - 1
		if i%3 == 0 {
			until = now + 3600
		}
		w.put(table, item("h", fmt.Sprint(i), "until", until))
	}
	w.expiring(table, "until")
	for range 3 {
		table, _ = w.Table(table.Name)
		if _, err := w.Expire(ctx, table, w.clock.Now()); err != nil {
			t.Fatal(err)
		}
		*w = *reopened(w, true)
	}
	w.expireAll(table.Name)
	table, _ = w.Table(table.Name)
	if left := len(w.contents(table)); left != items/3+1 || w.queued(table) != left || !table.Expiry.Filled {
		t.Errorf("%d items are left, %d rows in the queue", left, w.queued(table))
	}
	w.notExpiring(table)
	w.put(table, item("h", "0"))
	w.clock.Advance(2 * time.Hour)
	w.expireAll(table.Name)
	if left := len(w.contents(table)); left != items/3+1 || w.queued(table) != 0 {
		t.Errorf("disabled: %d items are left, %d rows in the queue", left, w.queued(table))
	}
	w.expiring(table, "until")
	w.expireAll(table.Name)
	if left := w.contents(table); len(left) != 1 || w.queued(table) != 0 {
		t.Errorf("enabled again: %d items are left, %d rows in the queue", len(left), w.queued(table))
	}
}

// TestExpiryStopsWithTheKey: while the table is sealed nothing goes; afterwards it does.
func TestExpiryStopsWithTheKey(t *testing.T) {
	ctx, w := context.Background(), newWorld(t)
	table := w.expiring(w.create(tableNamed("Sessions", 1, attribute.S, 0)), "until")
	w.put(table, item("h", "a", "until", int(w.clock.Now().Unix())-1))
	w.keys.Switch(table.ID, false)
	if err := w.store.SealTable(ctx, table.ID); err != nil {
		t.Fatal(err)
	}
	table, _ = w.Table(table.Name)
	var sealed *storage.SealedError
	if more, err := w.Expire(ctx, table, w.clock.Now()); more || !errors.As(err, &sealed) {
		t.Errorf("%t %v", more, err)
	}
	w.keys.Switch(table.ID, true)
	table, _ = w.Table(table.Name)
	if !table.ExpiryDue(w.clock.Now()) {
		t.Error("what the key kept from going is forgotten")
	}
	w.expireAll(table.Name)
	if len(w.contents(table)) != 0 {
		t.Error("the item is still there")
	}
}

// TestTheQueueIsInStep does random things to items that expire, and compares the queue with the items.
func TestTheQueueIsInStep(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		ctx, w := context.Background(), newWorld(t)
		table := w.expiring(w.create(tableNamed("Sessions", 1, attribute.S, 0)), "x")
		for range rapid.IntRange(1, 25).Draw(rt, "ops") {
			w.randomOp(rt, table)
		}
		due := 0
		for _, it := range w.contents(table) {
			at, ok := table.dueTime(it)
			if !ok {
				continue
			}
			due++
			place, _ := table.rowOf(it, nil)
			if _, found, err := w.store.Get(ctx, table.dueRow(table.Expiry.Queue, at, place), nil); !found || err != nil {
				rt.Fatalf("%q has no row in the queue: %v", it, err)
			}
		}
		if n := w.queued(table); n != due {
			rt.Fatalf("%d rows in the queue of %d items", n, due)
		}
	})
}
