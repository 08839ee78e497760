package keyring

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/sealtable/sealtable/internal/clock"
	"github.com/sealtable/sealtable/internal/lockedmem"
)

var west = Scope{Account: east.Account, Region: "us-west-2"}

func (w *world) newPrimary(t testing.TB) *Key {
	t.Helper()
	key, err := w.Create(context.Background(), NewKey{Scope: east, MultiRegion: true})
	must(t, err)
	return key
}

func (w *world) replicate(t testing.TB, key *Key, region string) *Key {
	t.Helper()
	replica, err := w.Replicate(context.Background(), key, Replica{Region: region})
	must(t, err)
	return replica
}

func (w *world) at(t testing.TB, scope Scope, id string) *Key {
	t.Helper()
	key, err := w.Resolve(scope, id, KeyOnly)
	must(t, err)
	return key
}

// TestReplicasOpenEachOthersCiphertexts, before and after rotations and a restart, and no other Region does.
func TestReplicasOpenEachOthersCiphertexts(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	primary := w.newPrimary(t)
	old := w.encrypt(t, primary, "old", nil)
	replica := w.replicate(t, primary, west.Region)
	must(t, w.RotateNow(ctx, primary))
	check := func() {
		t.Helper()
		blobs := [][]byte{old, w.encrypt(t, primary, "old", nil), w.encrypt(t, replica, "old", nil)}
		for _, scope := range []Scope{east, west} {
			for _, blob := range blobs {
				key, err := w.KeyOf(scope.Region, blob, nil)
				must(t, err)
				opened, err := w.Decrypt(key, blob, nil)
				must(t, err)
				if key.Scope() != scope || string(opened.Plaintext) != "old" {
					t.Errorf("%s opened it in %s", key.ARN(), scope.Region)
				}
			}
		}
		_, err := w.KeyOf("eu-west-1", old, nil)
		wantKind(t, err, CiphertextAccess)
	}
	check()
	if a, b := primary.Metadata(), replica.Metadata(); a.CurrentMaterial() != b.CurrentMaterial() || len(b.Versions) != 2 {
		t.Errorf("material %s and %s", a.CurrentMaterial(), b.CurrentMaterial())
	}
	w.later(t, 0)
	primary, replica = w.at(t, east, primary.ID()), w.at(t, west, primary.ID())
	check()
	if files, _, err := w.store.list(); err != nil || len(files) != 1 {
		t.Errorf("%d files: %v", len(files), err)
	}
}

// TestReplicasLiveTheirOwnLives, apart from what they share.
func TestReplicasLiveTheirOwnLives(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	primary := w.newPrimary(t)
	must(t, w.Tag(ctx, primary, []Tag{{"where", "east"}}))
	must(t, w.CreateAlias(ctx, east, "alias/a", primary))
	replica, err := w.Replicate(ctx, primary, Replica{Region: west.Region, Description: "mine", Tags: []Tag{{"where", "west"}}})
	must(t, err)
	must(t, w.Disable(ctx, replica))
	w.encrypt(t, primary, "works", nil)
	_, err = w.Encrypt(replica, []byte("x"), nil)
	wantKind(t, err, Disabled)
	if value, _ := replica.Metadata().TagValue("where"); value != "west" || len(replica.Aliases()) != 0 {
		t.Error("tags or aliases are shared")
	}
	must(t, w.EnableRotation(ctx, primary, 100))
	if r := replica.Metadata().Rotation; !r.Enabled || r.Period != 100 {
		t.Error("the rotation is not shared")
	}
	w.clock.Advance(100 * 24 * time.Hour)
	if a, b := primary.Metadata(), replica.Metadata(); len(a.Versions) != 2 || len(b.Versions) != 2 {
		t.Errorf("%d and %d versions", len(a.Versions), len(b.Versions))
	}
	third := w.replicate(t, primary, "eu-west-1")
	for _, err := range []error{
		w.EnableRotation(ctx, third, 365), w.RotateNow(ctx, third), w.SetPrimary(ctx, third, "us-east-1", nil),
	} {
		wantKind(t, err, Unsupported)
	}
}

func TestReplicationRules(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	single, primary := w.newKey(t), w.newPrimary(t)
	replica := w.replicate(t, primary, west.Region)
	for _, c := range []struct {
		key    *Key
		region string
		kind   Kind
	}{
		{single, west.Region, Unsupported}, {replica, "eu-west-1", Unsupported},
		{primary, west.Region, AlreadyExists}, {primary, east.Region, AlreadyExists},
	} {
		_, err := w.Replicate(ctx, c.key, Replica{Region: c.region})
		wantKind(t, err, c.kind)
	}
	wantKind(t, w.SetPrimary(ctx, single, west.Region, nil), Unsupported)
	wantKind(t, w.SetPrimary(ctx, primary, east.Region, nil), Unsupported)
	wantKind(t, w.SetPrimary(ctx, primary, "eu-west-1", nil), NotFound)
	must(t, w.Disable(ctx, replica))
	wantKind(t, w.SetPrimary(ctx, primary, west.Region, nil), Disabled)
	must(t, w.Enable(ctx, replica))
	must(t, w.Disable(ctx, primary))
	_, err := w.Replicate(ctx, primary, Replica{Region: "eu-west-1"})
	wantKind(t, err, Disabled)
	w.records.fail = context.Canceled
	must(t, w.checkUnchanged(func() error {
		_, err := w.Replicate(ctx, primary, Replica{Region: "eu-west-1"})
		return err
	}, primary, replica))
}

func (w *world) checkUnchanged(f func() error, keys ...*Key) error {
	before := make([]*Metadata, len(keys))
	for i, key := range keys {
		before[i] = key.Metadata()
	}
	if f() == nil {
		return context.DeadlineExceeded
	}
	for i, key := range keys {
		if key.Metadata() != before[i] {
			return context.DeadlineExceeded
		}
	}
	return nil
}

// TestThePrimaryMoves, and with it who rotates and who may be deleted.
func TestThePrimaryMoves(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	primary := w.newPrimary(t)
	replica := w.replicate(t, primary, west.Region)
	must(t, w.EnableRotation(ctx, primary, 90))
	must(t, w.SetPrimary(ctx, primary, west.Region, nil))
	for _, key := range []*Key{primary, replica} {
		if set := key.Metadata().MultiRegion; set.Primary != west.Region || !slices.Equal(set.Replicas, []string{east.Region}) {
			t.Errorf("%s: %+v", key.ARN(), set)
		}
	}
	must(t, w.Disable(ctx, primary)) // no longer the one that decides
	w.clock.Advance(90 * 24 * time.Hour)
	if n := len(primary.Metadata().Versions); n != 2 {
		t.Errorf("%d versions", n)
	}
	wantKind(t, w.RotateNow(ctx, primary), Disabled)
	must(t, w.RotateNow(ctx, replica))
}

// TestPrimaryWaitsForItsReplicas: its window begins when the last of them is gone.
func TestPrimaryWaitsForItsReplicas(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	primary := w.newPrimary(t)
	replicas := []*Key{w.replicate(t, primary, west.Region), w.replicate(t, primary, "eu-west-1")}
	blob := w.encrypt(t, primary, "x", nil)
	must(t, w.ScheduleDeletion(ctx, primary, 10))
	if m := primary.Metadata(); m.State != PendingReplicaDeletion || !m.DeletionDate.IsZero() {
		t.Fatalf("state %s", m.State)
	}
	w.clock.Advance(60 * 24 * time.Hour)
	_, err := w.Decrypt(primary, blob, nil)
	wantKind(t, err, InvalidState)
	_, err = w.Decrypt(replicas[0], blob, nil)
	must(t, err)
	must(t, w.ScheduleDeletion(ctx, replicas[0], 7))
	w.clock.Advance(7 * 24 * time.Hour)
	_, err = w.Decrypt(replicas[1], blob, nil)
	must(t, err)
	if set := primary.Metadata().MultiRegion; !slices.Equal(set.Replicas, []string{"eu-west-1"}) {
		t.Errorf("%+v", set)
	}
	must(t, w.ScheduleDeletion(ctx, replicas[1], 7))
	w.clock.Advance(7 * 24 * time.Hour)
	m := primary.Metadata()
	if left := m.DeletionDate.Sub(w.clock.Now()).Round(time.Hour); m.State != PendingDeletion || left != 240*time.Hour {
		t.Fatalf("state %s, %v left", m.State, left)
	}
	w.clock.Advance(10 * 24 * time.Hour)
	if _, err := w.disk.Stat("keys/" + primary.ID()); err == nil || primary.Metadata().State != Erased {
		t.Errorf("state %s, file %v", primary.Metadata().State, err)
	}
	_, err = w.KeyOf(east.Region, blob, nil)
	wantKind(t, err, InvalidCiphertext)
}

func TestPrimaryDeletionCanBeCancelled(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	primary := w.newPrimary(t)
	w.replicate(t, primary, west.Region)
	must(t, w.ScheduleDeletion(ctx, primary, 7))
	wantKind(t, w.ScheduleDeletion(ctx, primary, 7), InvalidState)
	must(t, w.CancelDeletion(ctx, primary))
	if m := primary.Metadata(); m.State != KeyDisabled || m.PendingWindow != 0 {
		t.Errorf("state %s", m.State)
	}
}

// TestImportedReplicas get their material one by one, and it must be the same; the file goes with the last of them.
func TestImportedReplicas(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	primary, err := w.Create(ctx, NewKey{Scope: east, MultiRegion: true, Origin: OriginExternal})
	must(t, err)
	_, err = w.Replicate(ctx, primary, Replica{Region: west.Region})
	wantKind(t, err, InvalidState)
	must(t, importInto(t, w.Keyring, primary, wrapOAEPSHA256, someMaterial, Imported{}))
	replica := w.replicate(t, primary, west.Region)
	if state := replica.Metadata().State; state != PendingImport {
		t.Fatalf("state %s", state)
	}
	wantKind(t, importInto(t, w.Keyring, replica, wrapOAEPSHA256, offer(t, Symmetric), Imported{}), WrongMaterial)
	must(t, importInto(t, w.Keyring, replica, wrapOAEPSHA256, someMaterial, Imported{}))
	blob := w.encrypt(t, primary, "x", nil)
	must(t, w.take(primary, ""))
	_, err = w.Decrypt(primary, blob, nil)
	wantKind(t, err, InvalidState)
	_, err = w.Decrypt(replica, blob, nil)
	must(t, err)
	w.later(t, 0)
	primary, replica = w.at(t, east, primary.ID()), w.at(t, west, primary.ID())
	_, err = w.Decrypt(replica, blob, nil)
	must(t, err)
	must(t, w.ScheduleDeletion(ctx, replica, 7))
	w.clock.Advance(7 * 24 * time.Hour)
	if _, err := w.disk.Stat("keys/" + primary.ID()); err == nil {
		t.Error("the material of no key is left")
	}
	must(t, importInto(t, w.Keyring, primary, wrapOAEPSHA256, someMaterial, Imported{}))
	_, err = w.Decrypt(primary, blob, nil)
	must(t, err)
}

// TestRelatedKeysChangeTogether: changes of one set from all sides neither deadlock nor pull it apart.
func TestRelatedKeysChangeTogether(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	primary := w.newPrimary(t)
	regions := []string{east.Region, west.Region, "eu-west-1"}
	for _, region := range regions[1:] {
		w.replicate(t, primary, region)
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	var group sync.WaitGroup
	for n := range 4 {
		group.Go(func() {
			rng := rand.New(rand.NewPCG(seed, uint64(n)))
			for range 60 {
				key := w.at(t, Scope{east.Account, regions[rng.IntN(3)]}, primary.ID())
				switch rng.IntN(4) {
				case 0:
					_ = w.SetPrimary(ctx, key, regions[rng.IntN(3)], nil)
				case 1:
					_ = w.EnableRotation(ctx, key, 90+rng.IntN(100))
				case 2:
					_ = w.RotateNow(ctx, key)
				default:
					_ = w.SetDescription(ctx, key, "x")
				}
			}
		})
	}
	group.Wait()
	want := w.at(t, east, primary.ID()).Metadata()
	for _, region := range regions {
		m := w.at(t, Scope{east.Account, region}, primary.ID()).Metadata()
		if m.MultiRegion.Primary != want.MultiRegion.Primary || m.Rotation != want.Rotation || !slices.EqualFunc(m.Versions, want.Versions,
			func(a, b Version) bool { return a.MaterialID == b.MaterialID }) {
			t.Errorf("%s went its own way", m.ARN())
		}
	}
}

// TestCrashDuringReplication is TestCrashAnywhere for a set of keys: it is whole at every moment.
func TestCrashDuringReplication(t *testing.T) { crashAnywhere(t, tellReplication) }

func tellReplication(t *testing.T, root sealRoot, disk vfs.FS, d *diary) {
	t.Helper()
	c, arena := clock.New(), lockedmem.NewArena(nil)
	defer func() { _ = arena.Close() }()
	defer c.Close()
	k, err := Open(context.Background(), Config{
		FS: disk, Dir: "keys", Root: root, Records: &recordLog{fs: disk}, Clock: c, Arena: arena,
	})
	must(t, err)
	ctx := context.Background()
	primary, err := k.Create(ctx, NewKey{Scope: east, MultiRegion: true})
	must(t, err)
	promise(t, k, primary, d)
	for _, region := range []string{"us-west-2", "eu-west-1"} {
		_, err = k.Replicate(ctx, primary, Replica{Region: region})
		must(t, err)
	}
	must(t, k.RotateNow(ctx, primary))
	promise(t, k, primary, d)
	replica, err := k.Resolve(west, primary.ID(), KeyOnly)
	must(t, err)
	must(t, k.ScheduleDeletion(ctx, replica, 7))
	c.Advance(7 * 24 * time.Hour)
	must(t, k.SetPrimary(ctx, primary, "eu-west-1", nil))
}
