package custody

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/sealtable/sealtable/internal/engine"
)

// A table whose grant was revoked stayed open for everybody whom the key's policy let through.
func TestRevokedGrantClosesTheTable(t *testing.T) {
	h := newHouse(t)
	h.create(engine.Key{Kind: engine.CustomerManaged, ARN: keyA})
	alice, bob := person("alice"), person("bob")
	h.must(h.read(alice))
	h.keys.revoke(keyA)
	if err := h.read(alice); err != nil {
		t.Errorf("who was let through is refused before the time that DynamoDB gives: %v", err)
	}
	if err := h.read(bob); !errors.Is(err, errNotGranted) {
		t.Errorf("a new caller was told %v", err)
	}
	if h.ring.Unlocked(h.table().ID) {
		t.Error("the keys of the table are still in memory")
	}
	if err := h.read(alice); !errors.Is(err, errNotGranted) {
		t.Errorf("after the table was closed, who had been let through was told %v", err)
	}
	if err := h.readWithoutAsking(h.table()); err == nil {
		t.Error("the store reads the table")
	}
}

func TestRevokedGrantCountsAfterOneLifetime(t *testing.T) {
	h := newHouse(t)
	h.create(engine.Key{Kind: engine.CustomerManaged, ARN: keyA})
	h.keys.revoke(keyA)
	h.clock.Advance(lifetime)
	if err := h.read(person("alice")); !errors.Is(err, errNotGranted) {
		t.Errorf("one lifetime later the caller was told %v", err)
	}
}

func TestRevokedGrantCountsAtOnceAfterARestart(t *testing.T) {
	h := newHouse(t)
	h.create(engine.Key{Kind: engine.CustomerManaged, ARN: keyA})
	h.keys.revoke(keyA)
	h.restart()
	if err := h.read(person("alice")); !errors.Is(err, errNotGranted) {
		t.Errorf("the caller was told %v", err)
	}
}

// The sweep closes the table and says so, once; the change of key that gives the database a grant opens it again.
func TestSweepFindsRevokedGrants(t *testing.T) {
	h := newHouse(t)
	h.create(engine.Key{Kind: engine.CustomerManaged, ARN: keyA})
	h.keys.revoke(keyA)
	var told []bool
	sweep := func() {
		ctx := context.Background()
		h.Sweep(ctx, h.engine.AllTables(), func(table *engine.Table, accessible bool) {
			told = append(told, accessible)
			_, err := h.engine.UpdateTable(ctx, table.Name, func(next *engine.Table) error {
				next.Encryption.InaccessibleSince = time.Time{}
				if !accessible {
					next.Encryption.InaccessibleSince = h.clock.Now()
				}
				return nil
			})
			h.must(err)
		})
	}
	sweep()
	sweep()
	if len(told) != 1 || told[0] || h.ring.Unlocked(h.table().ID) {
		t.Errorf("told %v, unlocked: %v", told, h.ring.Unlocked(h.table().ID))
	}
	for _, to := range []string{keyA, keyB} {
		h.keys.revoke(keyA)
		h.must(h.change(engine.Key{Kind: engine.CustomerManaged, ARN: to}, func(string) {}))
		h.must(h.read(person("alice")))
	}
	sweep()
	if len(told) != 2 || !told[1] {
		t.Errorf("after the change of key the sweep told %v", told)
	}
}

// A table that is being deleted gave its grant back: nothing is wrong with it.
func TestSweepLeavesTablesAloneThatAreDeleted(t *testing.T) {
	h := newHouse(t)
	table := *h.create(engine.Key{Kind: engine.CustomerManaged, ARN: keyA})
	table.Deleting = true
	h.keys.revoke(keyA)
	h.Sweep(context.Background(), []*engine.Table{&table}, func(*engine.Table, bool) { t.Error("it is reported") })
}
