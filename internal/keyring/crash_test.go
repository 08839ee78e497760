package keyring

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/sealtable/sealtable/internal/clock"
	"github.com/sealtable/sealtable/internal/lockedmem"
)

// diary is what the keyring has promised so far.
type diary struct {
	blobs   map[string][]byte // by key id; made by keys that live
	erased  []string          // ids
	emptied []string          // ids of keys whose imported material was taken away
	version int
}

// copy is the diary at one moment.
func (d *diary) copy() diary {
	c := diary{blobs: map[string][]byte{}, erased: slices.Clone(d.erased), emptied: slices.Clone(d.emptied), version: d.version}
	for id, blob := range d.blobs {
		c.blobs[id] = blob
	}
	return c
}

// TestCrashAnywhere loses power before each operation on the disk in turn, and checks that what was promised by then holds.
func TestCrashAnywhere(t *testing.T) { crashAnywhere(t, tellStory) }

// A story makes promises and writes them down.
type story func(t *testing.T, root sealRoot, disk vfs.FS, d *diary)

func crashAnywhere(t *testing.T, tell story) {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	root := newRoot(t)
	for _, percent := range []int{0, 50, 100} {
		for at := 1; ; at++ {
			rng := rand.New(rand.NewPCG(seed, uint64(at)))
			if !crashOnce(t, root, at, tell, vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: rng}) {
				if at < 20 {
					t.Fatalf("the story has only %d disk operations", at)
				}
				break
			}
		}
	}
}

// crashOnce tells the story once. It returns false when the story ended before the at-th operation on the disk.
func crashOnce(t *testing.T, root sealRoot, at int, tell story, cfg vfs.CrashCloneCfg) bool {
	t.Helper()
	disk := vfs.NewCrashableMem()
	var promised diary
	var crashed *vfs.MemFS
	kept := diary{blobs: map[string][]byte{}}
	n := 0
	faulty := errorfs.Wrap(disk, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
			n++
			if n == at {
				crashed, promised = disk.CrashClone(cfg), kept.copy()
			}
		}
		return nil
	}))
	tell(t, root, faulty, &kept)
	if crashed == nil {
		return false
	}
	checkPromises(t, root, crashed, promised, fmt.Sprintf("crash at %d, %d%%", at, cfg.UnsyncedDataPercent))
	return true
}

func tellStory(t *testing.T, root sealRoot, disk vfs.FS, d *diary) {
	t.Helper()
	c, arena := clock.New(), lockedmem.NewArena(nil)
	defer func() { _ = arena.Close() }()
	defer c.Close()
	k, err := Open(context.Background(), Config{
		FS: disk, Dir: "keys", Root: root, Records: &recordLog{fs: disk}, Clock: c, Arena: arena,
	})
	must(t, err)
	ctx := context.Background()
	var keys [3]*Key
	for i := range keys {
		keys[i], err = k.Create(ctx, NewKey{Scope: east})
		must(t, err)
		promise(t, k, keys[i], d)
	}
	must(t, k.CreateAlias(ctx, east, "alias/a", keys[0]))
	must(t, k.RotateNow(ctx, keys[0]))
	promise(t, k, keys[0], d)
	doomed := keys[1].ID()
	delete(d.blobs, doomed) // whoever asks for a deletion no longer counts on the key
	must(t, k.ScheduleDeletion(ctx, keys[1], 7))
	c.Advance(7 * 24 * time.Hour)
	d.erased = append(d.erased, doomed)
	_, err = k.Rewrap(ctx)
	must(t, err)
}

// promise writes down a ciphertext that must open from now on.
func promise(t *testing.T, k *Keyring, key *Key, d *diary) {
	t.Helper()
	sealed, err := k.Encrypt(key, []byte("promised"), nil)
	must(t, err)
	d.blobs[key.ID()] = sealed.Blob
}

func checkPromises(t *testing.T, root sealRoot, disk *vfs.MemFS, d diary, where string) {
	t.Helper()
	c, arena := clock.New(), lockedmem.NewArena(nil)
	defer func() { _ = arena.Close() }()
	defer c.Close()
	k, err := Open(context.Background(), Config{
		FS: disk, Dir: "keys", Root: root, Records: &recordLog{fs: disk}, Clock: c, Arena: arena,
	})
	if err != nil {
		t.Fatalf("%s: %v", where, err)
	}
	for id, blob := range d.blobs {
		key, err := k.Resolve(east, id, KeyOnly)
		if err != nil {
			t.Fatalf("%s: a key was lost: %v", where, err)
		}
		if opened, err := k.Decrypt(key, blob, nil); err != nil || string(opened.Plaintext) != "promised" {
			t.Fatalf("%s: a ciphertext does not open: %v", where, err)
		}
	}
	for _, id := range d.erased {
		if _, err := k.Resolve(east, id, KeyOnly); KindOf(err) != NotFound {
			t.Fatalf("%s: an erased key came back: %v", where, err)
		}
	}
	for _, id := range d.emptied {
		key, err := k.Resolve(east, id, KeyOnly)
		if err != nil || key.Metadata().State != PendingImport {
			t.Fatalf("%s: material that was taken away came back: %v", where, err)
		}
		if _, err := disk.Stat("keys/" + id); err == nil {
			t.Fatalf("%s: material that was taken away is on the disk", where)
		}
	}
	checkSets(t, k, where)
	checkNoHalfKeys(t, k, where)
}

// checkSets: related keys agree on what their set is and on their material, and all of them are there.
func checkSets(t *testing.T, k *Keyring, where string) {
	t.Helper()
	for _, keys := range k.allKeys() {
		for _, key := range keys {
			m, first := key.Metadata(), keys[0].Metadata()
			if m.MultiRegion == nil {
				continue
			}
			if !reflect.DeepEqual(m.MultiRegion, first.MultiRegion) || len(keys) != 1+len(m.MultiRegion.Replicas) ||
				m.CurrentMaterial() != first.CurrentMaterial() || len(m.Versions) != len(first.Versions) {
				t.Fatalf("%s: %s is at odds with its set", where, key.ARN())
			}
		}
	}
}

// checkNoHalfKeys: every key that is listed works, or waits for its erasure or for its owner's material, and no file is left over.
func checkNoHalfKeys(t *testing.T, k *Keyring, where string) {
	t.Helper()
	known := map[string]bool{}
	page, _ := k.Keys(east, "", 100)
	for _, key := range page {
		known[key.ID()] = true
		m := key.Metadata()
		waits := m.State == PendingDeletion || m.Origin == OriginExternal && (m.State == PendingImport || m.State == Unavailable)
		if _, err := k.Encrypt(key, []byte("x"), nil); err != nil && !waits {
			t.Fatalf("%s: half a key: %v", where, err)
		}
	}
	names, err := k.config.FS.List("keys")
	must(t, err)
	for _, name := range names {
		if strings.Contains(name, ".") || !known[name] {
			t.Fatalf("%s: %s is left over", where, name)
		}
	}
}

// TestFailedRecordLeavesNoKey: when the record cannot be written there is no key, now and after a restart.
func TestFailedRecordLeavesNoKey(t *testing.T) {
	w := newWorld(t)
	w.records.fail = errors.New("disk full")
	if _, err := w.Create(context.Background(), NewKey{Scope: east}); err == nil || KindOf(err) != 0 {
		t.Fatalf("got %v", err)
	}
	if page, _ := w.Keys(east, "", 10); len(page) != 0 {
		t.Fatal("a key without a record is listed")
	}
	w.records.fail = nil
	key := w.newKey(t)
	w.later(t, 0)
	checkNoHalfKeys(t, w.Keyring, "after the restart")
	if page, _ := w.Keys(east, "", 10); len(page) != 1 || page[0].ID() != key.ID() {
		t.Fatalf("%d keys", len(page))
	}
}

// TestFailedRotationChangesNothing, and the version that came to nothing goes with the next rotation.
func TestFailedRotationChangesNothing(t *testing.T) {
	w := newWorld(t)
	key := w.newKey(t)
	w.records.fail = errors.New("disk full")
	if err := w.RotateNow(context.Background(), key); err == nil {
		t.Fatal("it was rotated")
	}
	w.records.fail = nil
	w.encrypt(t, key, "still works", nil)
	must(t, w.RotateNow(context.Background(), key))
	file, err := w.store.read(key.ID())
	must(t, err)
	if len(file.Versions) != 2 || len(key.Metadata().Versions) != 2 {
		t.Errorf("%d versions in the file, %d in the record", len(file.Versions), len(key.Metadata().Versions))
	}
}

// TestMissingMaterial: a key whose file is gone is unavailable, by itself; it is back when the file is.
func TestMissingMaterial(t *testing.T) {
	w := newWorld(t)
	lost, other := w.newKey(t), w.newKey(t)
	blob := w.encrypt(t, lost, "x", nil)
	must(t, w.disk.Rename("keys/"+lost.ID(), "elsewhere"))
	w.later(t, 0)
	lost, err := w.Resolve(east, lost.ID(), KeyOnly)
	must(t, err)
	if state := lost.Metadata().State; state != Unavailable {
		t.Fatalf("state %s", state)
	}
	_, err = w.Decrypt(lost, blob, nil)
	wantKind(t, err, InvalidState)
	other, err = w.Resolve(east, other.ID(), KeyOnly)
	must(t, err)
	w.encrypt(t, other, "fine", nil)
	must(t, w.Tag(context.Background(), lost, []Tag{{"a", "b"}}))
	must(t, w.disk.Rename("elsewhere", "keys/"+lost.ID()))
	w.later(t, 0)
	lost, err = w.Resolve(east, lost.ID(), KeyOnly)
	must(t, err)
	if _, err := w.Decrypt(lost, blob, nil); err != nil || lost.Metadata().State != Enabled {
		t.Fatalf("it did not come back: %v, %s", err, lost.Metadata().State)
	}
}

// TestStrangeMaterialIsKept: a file without a record may be the only copy of a key that an older catalog does not know yet.
func TestStrangeMaterialIsKept(t *testing.T) {
	w := newWorld(t)
	key := w.newKey(t)
	must(t, w.disk.Remove(recordLogPath))
	w.later(t, 0)
	if _, err := w.disk.Stat("keys/" + key.ID()); err != nil {
		t.Errorf("it is gone: %v", err)
	}
	if !strings.Contains(w.log.String(), key.ID()) {
		t.Error("nobody was told")
	}
}

// TestErasureOverwrites looks at the bytes that an erased file had.
func TestErasureOverwrites(t *testing.T) {
	w := newWorld(t)
	key := w.newKey(t)
	must(t, w.disk.Link("keys/"+key.ID(), "link"))
	must(t, w.ScheduleDeletion(context.Background(), key, 7))
	w.clock.Advance(7 * 24 * time.Hour)
	for _, b := range readAll(t, w, "link") {
		if b != 0 {
			t.Fatal("the file's bytes were left on the disk")
		}
	}
	if stats := w.arena.Stats(); stats.Keys != 0 {
		t.Errorf("%d bare keys are left in memory", stats.Keys)
	}
	_, err := w.Encrypt(key, []byte("x"), nil)
	wantKind(t, err, NotFound)
}
