package tablekeys

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/sealtable/sealtable/internal/storage"
)

var errPower = errors.New("the disk is gone")

func crashNow() vfs.CrashCloneCfg { return vfs.CrashCloneCfg{} }

// operation is a change of the keys of tableA, made after setup.
type operation struct {
	name  string
	setup func(testing.TB, *Ring)
	do    func(context.Context, *Ring) error
	gone  bool // the keys may be gone, or not there yet, after a crash
}

func operations() []operation {
	created := func(t testing.TB, r *Ring) { create(t, r, tableA, oldARN) }
	prepared := func(t testing.TB, r *Ring) { created(t, r); prepareRewrap(t, r, tableA) }
	three := func(t testing.TB, r *Ring) {
		created(t, r)
		for range 2 {
			if _, err := r.NewEpoch(t.Context(), tableA); err != nil {
				t.Fatal(err)
			}
		}
	}
	return []operation{
		{"create", func(testing.TB, *Ring) {}, func(ctx context.Context, r *Ring) error {
			chain, bare := generate(oldARN, "Orders", 0x11)
			return r.Create(ctx, tableA, chain, bare)
		}, true},
		{"new epoch", created, func(ctx context.Context, r *Ring) error {
			_, err := r.NewEpoch(ctx, tableA)
			return err
		}, false},
		{"retire", three, func(ctx context.Context, r *Ring) error {
			return r.RetireEpochs(ctx, tableA, func(e storage.Epoch) bool { return e == 2 })
		}, false},
		{"prepare", three, func(ctx context.Context, r *Ring) error {
			chain, bare := generate(newARN, "Orders", 0x22)
			_, err := r.PrepareRewrap(ctx, tableA, chain, bare)
			return err
		}, false},
		{"commit", prepared, func(ctx context.Context, r *Ring) error { return r.CommitRewrap(ctx, tableA, 2) }, false},
		{"abort", prepared, func(ctx context.Context, r *Ring) error { return r.AbortRewrap(ctx, tableA) }, false},
		{"destroy", prepared, func(ctx context.Context, r *Ring) error { return r.Destroy(ctx, tableA) }, true},
	}
}

// hooked is a file system that calls hook before everything that writes.
func hooked(disk vfs.FS, hook func(errorfs.Op) error) vfs.FS {
	return errorfs.Wrap(disk, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind.ReadOrWrite() == errorfs.OpIsRead || op.Kind == errorfs.OpFileClose {
			return nil
		}
		return hook(op)
	}))
}

// Power that fails before any step leaves keys that unlock by the old or by the new table key, and every data key that was in
// use is the same; or, for a table that is being made or destroyed, no keys or keys that can be destroyed.
func TestPowerLossAtEveryStep(t *testing.T) {
	for _, o := range operations() {
		t.Run(o.name, func(t *testing.T) {
			disk, random := newDisk(t), rand.New(rand.NewPCG(5, 6))
			var before map[storage.Epoch][32]byte
			steps, watching := 0, false
			r := newRing(t, hooked(disk, func(op errorfs.Op) error {
				if !watching {
					return nil
				}
				steps++
				for _, percent := range []int{0, 50, 100} {
					checkAfterCrash(t, o, disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: random}), before)
				}
				return nil
			}))
			o.setup(t, r)
			if r.Unlocked(tableA) {
				before = dataKeys(t, r, tableA)
			}
			watching = true
			if err := o.do(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			watching = false
			if steps < 4 {
				t.Errorf("only %d steps were seen", steps)
			}
			checkAfterCrash(t, o, disk.CrashClone(crashNow()), before)
		})
	}
}

func checkAfterCrash(t *testing.T, o operation, disk *vfs.MemFS, before map[storage.Epoch][32]byte) {
	t.Helper()
	r := newRing(t, disk)
	info, err := r.Describe(tableA)
	if err != nil {
		if !o.gone {
			t.Errorf("after a crash: %v", err)
		}
		if err := r.Destroy(t.Context(), tableA); err != nil {
			t.Errorf("cannot destroy after a crash: %v", err)
		}
		_, err := r.Describe(tableA)
		wantErr(t, "destroyed", err, ErrNotFound)
		return
	}
	if info.Prepared == nil {
		checkUnlocks(t, o, r, before)
		return
	}
	committed := newRing(t, disk.CrashClone(crashNow()))
	if err := committed.CommitRewrap(t.Context(), tableA, info.Prepared.Number); err != nil {
		t.Errorf("cannot commit after a crash: %v", err)
	}
	checkUnlocks(t, o, committed, before)
	if err := r.AbortRewrap(t.Context(), tableA); err != nil {
		t.Errorf("cannot abort after a crash: %v", err)
	}
	checkUnlocks(t, o, r, before)
}

func checkUnlocks(t *testing.T, o operation, r *Ring, before map[storage.Epoch][32]byte) {
	t.Helper()
	if err := r.Unlock(t.Context(), tableA, (&fakeKMS{}).unwrap); err != nil {
		t.Errorf("after a crash: %v", err)
		return
	}
	after := dataKeys(t, r, tableA)
	for epoch, was := range before {
		if key, ok := after[epoch]; ok && key != was || !ok && o.name != "retire" {
			t.Errorf("the data key of epoch %d is gone or changed", epoch)
		}
	}
	if _, err := r.NewEpoch(t.Context(), tableA); err != nil {
		t.Errorf("after a crash: %v", err)
	}
}

// A step that fails makes the operation fail, leaves the ring usable, and the operation can be repeated.
func TestFailureAtEveryStep(t *testing.T) {
	for _, o := range operations() {
		t.Run(o.name, func(t *testing.T) {
			for failing := 0; !failsAt(t, o, failing); failing++ {
			}
		})
	}
}

func failsAt(t *testing.T, o operation, failing int) (done bool) {
	t.Helper()
	disk := newDisk(t)
	count := 0
	watching := false
	hit := false
	r := newRing(t, hooked(disk, func(op errorfs.Op) error {
		if !watching {
			return nil
		}
		count++
		if count-1 == failing {
			hit = true
			return errPower
		}
		return nil
	}))
	o.setup(t, r)
	var before map[storage.Epoch][32]byte
	if r.Unlocked(tableA) {
		before = dataKeys(t, r, tableA)
	}
	watching = true
	err := o.do(t.Context(), r)
	watching = false
	if !hit {
		return true
	}
	if err != nil {
		wantErr(t, "failed step", err, ErrDisk)
		repeat(t, o, r)
	}
	checkUsable(t, o, r, disk, before)
	return false
}

// repeat does the operation again. One that was done although it failed may say so.
func repeat(t *testing.T, o operation, r *Ring) {
	t.Helper()
	err := o.do(t.Context(), r)
	if errors.Is(err, ErrPending) { // prepared after all: nobody knows its number
		err = errors.Join(r.AbortRewrap(t.Context(), tableA), o.do(t.Context(), r))
	}
	if err != nil && !errors.Is(err, ErrExists) {
		t.Errorf("cannot repeat: %v", err)
	}
}

// checkUsable makes sure that what is sealed from now on can be opened after a crash.
func checkUsable(t *testing.T, o operation, r *Ring, disk *vfs.MemFS, before map[storage.Epoch][32]byte) {
	t.Helper()
	if o.name == "destroy" {
		return
	}
	if err := r.AbortRewrap(t.Context(), tableA); err != nil {
		t.Error(err)
	}
	if err := r.Unlock(t.Context(), tableA, (&fakeKMS{}).unwrap); err != nil {
		t.Fatal(err)
	}
	if err := r.RetireEpochs(t.Context(), tableA, func(storage.Epoch) bool { return true }); err != nil {
		t.Error(err)
	}
	current, err := r.Current(tableA)
	if err != nil {
		t.Fatal(err)
	}
	var inUse [32]byte
	if err := r.Key(tableA, current, &inUse); err != nil {
		t.Fatal(err)
	}
	crashed := newRing(t, disk.CrashClone(crashNow()))
	if err := crashed.Unlock(t.Context(), tableA, (&fakeKMS{}).unwrap); err != nil {
		t.Fatal(err)
	}
	after := dataKeys(t, crashed, tableA)
	if after[current] != inUse {
		t.Error("the key in use does not survive a crash")
	}
	for epoch, key := range maps.All(before) {
		if was, ok := after[epoch]; ok && was != key {
			t.Errorf("the data key of epoch %d changed", epoch)
		}
	}
}

// A process that was killed between renaming and syncing leaves a file that power loss would undo. The next process makes it
// durable before it gives out a key of it.
func TestKilledBeforeTheNameWasDurable(t *testing.T) {
	disk, watching := newDisk(t), false
	r := newRing(t, hooked(disk, func(op errorfs.Op) error {
		if watching && op.Kind == errorfs.OpFileSync && op.Path == dataDir+"/tables/"+tableA.String() {
			return errPower
		}
		return nil
	}))
	create(t, r, tableA, oldARN)
	watching = true
	_, err := r.NewEpoch(t.Context(), tableA)
	wantErr(t, "new epoch", err, ErrDisk)

	next := newRing(t, disk)
	if err := next.Unlock(t.Context(), tableA, (&fakeKMS{}).unwrap); err != nil {
		t.Fatal(err)
	}
	if epoch, err := next.Current(tableA); epoch != 2 || err != nil {
		t.Fatalf("the new file is not the visible one: epoch %d, %v", epoch, err)
	}
	crashed := newRing(t, disk.CrashClone(crashNow()))
	if err := crashed.Unlock(t.Context(), tableA, (&fakeKMS{}).unwrap); err != nil {
		t.Fatal(err)
	}
	if got, want := dataKeys(t, crashed, tableA), dataKeys(t, next, tableA); !maps.Equal(got, want) {
		t.Error("a data key in use was lost")
	}
}

// What a write left that was cut short is overwritten before its name goes: the keys in it are the table's.
func TestLeftoverIsOverwritten(t *testing.T) {
	disk, watching := newDisk(t), false
	r := newRing(t, hooked(disk, func(op errorfs.Op) error {
		if watching && op.Kind == errorfs.OpRename {
			return errPower
		}
		return nil
	}))
	create(t, r, tableA, oldARN)
	watching = true
	_, err := r.NewEpoch(t.Context(), tableA)
	watching = false
	wantErr(t, "new epoch", err, ErrDisk)
	left, err := disk.Open(r.path(tableA, tempName)) // stays open behind the removal
	if err != nil {
		t.Fatal(err)
	}
	defer left.Close()
	before, after := make([]byte, 100), make([]byte, 100)
	if _, err := left.ReadAt(before, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := r.NewEpoch(t.Context(), tableA); err != nil {
		t.Fatal(err)
	}
	if _, err := left.ReadAt(after, 0); err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(before, after) {
		t.Error("keys that were never in use can still be read")
	}
}

// When NewEpoch failed half-way the older epoch is still in use, and is not retired.
func TestEpochInUseIsNotRetired(t *testing.T) {
	disk, watching := newDisk(t), false
	r := newRing(t, hooked(disk, func(op errorfs.Op) error {
		if watching && op.Kind == errorfs.OpFileSync && op.Path == dataDir+"/tables/"+tableA.String() {
			return errPower
		}
		return nil
	}))
	create(t, r, tableA, oldARN)
	watching = true
	_, err := r.NewEpoch(t.Context(), tableA)
	watching = false
	wantErr(t, "new epoch", err, ErrDisk)
	if err := r.RetireEpochs(t.Context(), tableA, func(storage.Epoch) bool { return false }); err != nil {
		t.Fatal(err)
	}
	checkUsable(t, operation{}, r, disk, nil)
}
