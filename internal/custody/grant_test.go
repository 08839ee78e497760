package custody

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// A table whose grant was revoked stayed open for everybody whom the key's policy let through.
func TestRevokedGrantClosesTheTable(t *testing.T) {
	h := newHouse(t)
	h.create(customerKey(keyA))
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
	h.create(customerKey(keyA))
	h.keys.revoke(keyA)
	h.clock.Advance(lifetime)
	if err := h.read(person("alice")); !errors.Is(err, errNotGranted) {
		t.Errorf("one lifetime later the caller was told %v", err)
	}
}

func TestRevokedGrantCountsAtOnceAfterARestart(t *testing.T) {
	h := newHouse(t)
	h.create(customerKey(keyA))
	h.keys.revoke(keyA)
	h.restart()
	if err := h.read(person("alice")); !errors.Is(err, errNotGranted) {
		t.Errorf("the caller was told %v", err)
	}
}

// The sweep closes the table and says so, once; the change of key that gives the database a grant opens it again.
func TestSweepFindsRevokedGrants(t *testing.T) {
	h := newHouse(t)
	h.create(customerKey(keyA))
	h.keys.revoke(keyA)
	var told []bool
	sweep := func() {
		if accessible, changed := h.sweep(context.Background()); changed {
			told = append(told, accessible)
		}
	}
	sweep()
	sweep()
	if len(told) != 1 || told[0] || h.ring.Unlocked(h.table().ID) {
		t.Errorf("told %v, unlocked: %v", told, h.ring.Unlocked(h.table().ID))
	}
	for _, to := range []string{keyA, keyB} {
		h.keys.revoke(keyA)
		h.must(h.change(customerKey(to), func(string) {}))
		h.must(h.read(person("alice")))
	}
	sweep()
	if len(told) != 2 || !told[1] {
		t.Errorf("after the change of key the sweep told %v", told)
	}
}

// What a crash leaves of a creation, a change of key or a deletion is retired: afterwards there is one grant, on the key that the
// table's description names, or none.
func TestUnclaimedGrantsAreRetired(t *testing.T) {
	h, ctx := newHouse(t), context.Background()
	table := h.create(customerKey(keyA))
	moments := map[string]*house{}
	h.must(h.change(customerKey(keyB), func(when string) { moments[when] = h.after() }))
	gone := h.after()
	h.must(h.engine.DeleteTable(ctx, table.Name, table.ID))
	gone.fs, moments["deleted, but for the grants"] = h.fs.CrashClone(vfs.CrashCloneCfg{}), gone
	made := h.after()
	h.must(h.Create(ctx, person("alice"), subjectOf(table)))
	made.keys, moments["created, but for the description"] = h.keys.asItIs(), made
	for when, want := range map[string]string{
		"prepared": keyA, "recorded": keyB, "deleted, but for the grants": "", "created, but for the description": "",
	} {
		m := moments[when]
		m.open()
		m.RetireUnclaimed(ctx, m.claims)
		if left := fmt.Sprint(slices.Collect(maps.Keys(m.keys.granted()))); want == "" && left != "[]" ||
			want != "" && left != "["+want+table.ID.String()+"]" {
			t.Errorf("%s: %s", when, left)
		}
		m.close()
	}
}

// What somebody changes at this moment is not unclaimed.
func TestHeldGrantsAreLeftAlone(t *testing.T) {
	h, ctx := newHouse(t), context.Background()
	id := h.create(customerKey(keyA)).ID
	release, err := h.Hold(id)
	h.must(err)
	if _, err := h.Hold(id); !errors.Is(err, ErrBusy) {
		t.Errorf("held twice: %v", err)
	}
	h.must(h.change(customerKey(keyB), func(string) {
		h.RetireUnclaimed(ctx, h.claims)
		if n := len(h.keys.granted()); n != 2 {
			t.Errorf("%d grants while the key changes", n)
		}
	}))
	release()
	h.RetireUnclaimed(ctx, h.claims)
	if n := len(h.keys.granted()); n != 1 {
		t.Errorf("%d grants after the change", n)
	}
}

// A caller who read the description before a change of key was told that the database has no grant, and the table was closed.
func TestStaleDescription(t *testing.T) {
	h, ctx := newHouse(t), context.Background()
	old := subjectOf(h.create(customerKey(keyA)))
	h.must(h.change(customerKey(keyB), func(string) {}))
	if err := h.Use(ctx, person("alice"), old); !errors.Is(err, ErrStale) {
		t.Errorf("by the old description: %v", err)
	}
	if err := h.Check(ctx, old); !errors.Is(err, ErrStale) || !h.ring.Unlocked(old.ID) {
		t.Errorf("a sweep with the old description: %v", err)
	}
	h.must(h.read(person("alice")))
	h.must(h.change(customerKey(keyA), func(string) {}))
	if err := h.Use(ctx, person("carol"), old); err != nil {
		t.Errorf("the old key is the new one again: %v", err)
	}
}
