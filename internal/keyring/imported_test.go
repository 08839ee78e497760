package keyring

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/sealtable/sealtable/internal/clock"
	"github.com/sealtable/sealtable/internal/lockedmem"
)

// wrapping makes importing quick: one wrapping key serves all imports of a test.
type wrapping struct {
	fresh
	t testing.TB
}

func newWrapping(t testing.TB, k *Keyring) wrapping {
	t.Helper()
	made, err := k.newMaterial(context.Background(), "RSA_2048")
	must(t, err)
	return wrapping{made, t}
}

// of is an import of material of 32 equal bytes.
func (w wrapping) of(k *Keyring, key *Key, fill byte) Import {
	w.t.Helper()
	token, err := k.sealToken(key, k.config.Clock.Now().Add(tokenLife), wrapOAEPSHA256, "RSA_2048", w.bare)
	must(w.t, err)
	return Import{Token: token, Wrapped: wrapMaterial(w.t, w.public, wrapOAEPSHA256, bytes.Repeat([]byte{fill}, 32))}
}

// give imports material and returns its id.
func (w wrapping) give(k *Keyring, key *Key, fill byte, change func(*Import)) (string, error) {
	w.t.Helper()
	in := w.of(k, key, fill)
	if change != nil {
		change(&in)
	}
	return k.ImportMaterial(context.Background(), key, in)
}

func asNew(in *Import)   { in.New = true }
func asKnown(in *Import) { in.Existing = true }

// TestWrappingAlgorithms are those of "Select a wrapping algorithm" in the AWS KMS Developer Guide.
func TestWrappingAlgorithms(t *testing.T) {
	for _, c := range []struct {
		algorithm      string
		wrapping, spec Spec
		good           bool
	}{
		{wrapOAEPSHA256, "RSA_2048", Symmetric, true}, {wrapOAEPSHA1, "RSA_4096", "HMAC_512", true},
		{wrapAESSHA1, "RSA_2048", Symmetric, false},
		{wrapAESSHA256, "RSA_3072", "HMAC_224", false}, {wrapAESSHA256, "RSA_2048", "RSA_4096", true},
		{wrapOAEPSHA256, "RSA_4096", "RSA_2048", false},
		{wrapOAEPSHA1, "RSA_2048", "ECC_NIST_P256", true}, {wrapOAEPSHA256, "RSA_2048", "ECC_NIST_P521", false},
		{wrapOAEPSHA256, "RSA_3072", "ECC_NIST_P521", true}, {wrapAESSHA1, "RSA_2048", "ECC_NIST_P521", true},
		{"RSAES_PKCS1_V1_5", "RSA_2048", Symmetric, false}, {"SM2PKE", "SM2", Symmetric, false}, {wrapOAEPSHA256, "SM2", Symmetric, false},
	} {
		if wraps(c.algorithm, c.wrapping, c.spec) != c.good {
			t.Errorf("%s with %s for %s: not %v", c.algorithm, c.wrapping, c.spec, c.good)
		}
	}
}

// TestSecondMaterial waits until it is rotated to, and then the key needs both.
func TestSecondMaterial(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	wrap := newWrapping(t, w.Keyring)
	key := w.newExternal(t, "", "")
	first, err := wrap.give(w.Keyring, key, 1, nil)
	must(t, err)
	old := w.encrypt(t, key, "old", nil)
	for name, refused := range map[string]struct {
		fill   byte
		change func(*Import)
		kind   Kind
	}{
		"another as one that is known": {2, nil, WrongMaterial}, "the same as a new one": {1, asNew, WrongMaterial},
		"a new one with its id": {2, func(in *Import) { in.New, in.MaterialID = true, first }, Invalid},
	} {
		if _, err := wrap.give(w.Keyring, key, refused.fill, refused.change); KindOf(err) != refused.kind {
			t.Errorf("%s: %v", name, err)
		}
	}
	wantKind(t, w.RotateNow(ctx, key), InvalidState)
	second, err := wrap.give(w.Keyring, key, 2, asNew)
	must(t, err)
	_, err = wrap.give(w.Keyring, key, 3, asNew)
	wantKind(t, err, InvalidState)
	if m := key.Metadata(); m.CurrentMaterial() != first || m.State != Enabled {
		t.Errorf("it is used before the rotation: %+v", m.Versions)
	}
	must(t, w.RotateNow(ctx, key))
	wantKind(t, w.RotateNow(ctx, key), InvalidState)
	blob := w.encrypt(t, key, "new", nil)
	w.later(t, 0)
	key = w.at(t, east, key.ID())
	if opened, err := w.Decrypt(key, blob, nil); err != nil || opened.MaterialID != second {
		t.Errorf("%v, by %s", err, opened.MaterialID)
	}
	if opened, err := w.Decrypt(key, old, nil); err != nil || opened.MaterialID != first {
		t.Errorf("%v, by %s", err, opened.MaterialID)
	}
	for fill, id := range map[byte]string{1: first, 2: second} {
		must(t, w.take(key, id))
		_, err = w.Decrypt(key, blob, nil)
		wantKind(t, err, InvalidState)
		_, err = wrap.give(w.Keyring, key, fill, func(in *Import) { in.MaterialID = id })
		must(t, err)
		_, err = w.Decrypt(key, old, nil)
		must(t, err)
	}
}

// TestTakingMaterialAwayErasesIt, and no other: from the disk and from memory.
func TestTakingMaterialAwayErasesIt(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	wrap := newWrapping(t, w.Keyring)
	key := w.newExternal(t, "", "")
	first, err := wrap.give(w.Keyring, key, 1, nil)
	must(t, err)
	second, err := wrap.give(w.Keyring, key, 2, asNew)
	must(t, err)
	must(t, w.RotateNow(ctx, key))
	w.encrypt(t, key, "x", nil)
	wrap.bare.Destroy()
	has := func(id string) bool {
		file, err := w.store.read(key.ID())
		return err == nil && file.has(id)
	}
	must(t, w.take(key, "")) // the current one
	if has(second) || !has(first) || w.arena.Stats().Keys != 0 {
		t.Errorf("first %v, second %v, %d in memory", has(first), has(second), w.arena.Stats().Keys)
	}
	must(t, w.take(key, first))
	if _, err := w.disk.Stat("keys/" + key.ID()); err == nil {
		t.Error("the file of a key without material is left")
	}
	wantKind(t, w.take(key, "00"), NotFound)
}

// TestMaterialThatWaitsComesAndGoes without touching the key.
func TestMaterialThatWaitsComesAndGoes(t *testing.T) {
	w := newWorld(t)
	wrap, key := newWrapping(t, w.Keyring), w.newExternal(t, "", "")
	_, err := wrap.give(w.Keyring, key, 1, nil)
	must(t, err)
	waits, err := wrap.give(w.Keyring, key, 2, asNew)
	must(t, err)
	must(t, w.take(key, waits))
	_, err = wrap.give(w.Keyring, key, 3, func(in *Import) { in.New, in.Terms.ValidTo = true, w.clock.Now().Add(time.Hour) })
	must(t, err)
	w.clock.Advance(time.Hour)
	m := key.Metadata()
	if file, err := w.store.read(key.ID()); err != nil || len(file.Versions) != 1 || m.Pending != nil || m.State != Enabled {
		t.Errorf("%v: %+v is %s, waiting: %v", err, file, m.State, m.Pending)
	}
	w.encrypt(t, key, "x", nil)
}

// TestOldMaterialExpires: any material that a key was used with stops it.
func TestOldMaterialExpires(t *testing.T) {
	w := newWorld(t)
	wrap, key := newWrapping(t, w.Keyring), w.newExternal(t, "", "")
	soon, later := w.clock.Now().Add(time.Hour), w.clock.Now().Add(2*time.Hour)
	_, err := wrap.give(w.Keyring, key, 1, func(in *Import) { in.Terms.ValidTo, in.Description = soon, "the first" })
	must(t, err)
	_, err = wrap.give(w.Keyring, key, 2, func(in *Import) { in.New, in.Terms.ValidTo = true, later })
	must(t, err)
	must(t, w.RotateNow(context.Background(), key))
	if terms := key.Metadata().Terms(); terms == nil || !terms.ValidTo.Equal(soon.Truncate(time.Millisecond)) {
		t.Errorf("it ends %v", terms)
	}
	w.clock.Advance(time.Hour)
	if m := key.Metadata(); m.State != PendingImport || m.Terms() != nil || len(m.Held()) != 1 {
		t.Errorf("%s with %d", m.State, len(m.Held()))
	}
	_, err = wrap.give(w.Keyring, key, 1, asKnown)
	must(t, err)
	if m := key.Metadata(); m.State != Enabled || m.Versions[0].Description != "the first" {
		t.Errorf("%s, %q", m.State, m.Versions[0].Description)
	}
	w.clock.Advance(time.Hour)
	if m := key.Metadata(); m.State != PendingImport || len(m.Held()) != 1 {
		t.Errorf("%s with %d", m.State, len(m.Held()))
	}
}

// TestReplicasGetSecondMaterial one by one; only then it is rotated to, in all of them.
func TestReplicasGetSecondMaterial(t *testing.T) {
	w := newWorld(t)
	ctx, wrap := context.Background(), newWrapping(t, w.Keyring)
	primary, err := w.Create(ctx, NewKey{Scope: east, MultiRegion: true, Origin: OriginExternal})
	must(t, err)
	first, err := wrap.give(w.Keyring, primary, 1, nil)
	must(t, err)
	replica := w.replicate(t, primary, west.Region)
	_, err = wrap.give(w.Keyring, replica, 1, nil)
	must(t, err)
	_, err = wrap.give(w.Keyring, replica, 2, asNew)
	wantKind(t, err, Unsupported)
	second, err := wrap.give(w.Keyring, primary, 2, asNew)
	must(t, err)
	wantKind(t, w.RotateNow(ctx, primary), InvalidState)
	must(t, w.take(primary, second))
	if replica.Metadata().Pending != nil {
		t.Error("the replica still waits for what the primary key forgot")
	}
	_, err = wrap.give(w.Keyring, primary, 2, asNew)
	must(t, err)
	_, err = wrap.give(w.Keyring, replica, 2, nil)
	must(t, err)
	must(t, w.RotateNow(ctx, primary))
	blob := w.encrypt(t, primary, "x", nil)
	must(t, w.take(primary, second))
	_, err = w.Decrypt(replica, blob, nil)
	must(t, err)
	must(t, w.take(replica, first))
	w.later(t, 0)
	primary, replica = w.at(t, east, primary.ID()), w.at(t, west, primary.ID())
	for _, key := range []*Key{primary, replica} {
		if m := key.Metadata(); m.State != PendingImport || len(m.Held()) != 1 {
			t.Errorf("%s: %s with %d", key.ARN(), m.State, len(m.Held()))
		}
	}
	must(t, w.ScheduleDeletion(ctx, replica, 7))
	w.clock.Advance(7 * 24 * time.Hour)
	file, err := w.store.read(primary.ID())
	must(t, err)
	if len(file.Versions) != 1 || !file.has(first) {
		t.Errorf("what only the deleted replica had is left: %d", len(file.Versions))
	}
}

// TestFileThatLacksMaterial: its key is unavailable until its owner imports what is missing, whatever happened to the file.
func TestFileThatLacksMaterial(t *testing.T) {
	for name, harm := range map[string]func(w *world, id, keep string){
		"put back": func(w *world, id, keep string) {
			file, err := w.store.read(id)
			must(t, err)
			file.Versions = file.Versions[:1]
			must(t, w.store.write(id, file))
		},
		"damaged": func(w *world, id, keep string) {
			f, err := w.disk.OpenReadWrite("keys/"+id, vfs.WriteCategoryUnspecified)
			must(t, err)
			_, err = f.WriteAt([]byte{0xff}, 60)
			must(t, err)
			must(t, f.Close())
		},
	} {
		w := newWorld(t)
		wrap, key := newWrapping(t, w.Keyring), w.newExternal(t, "", "")
		first, err := wrap.give(w.Keyring, key, 1, nil)
		must(t, err)
		_, err = wrap.give(w.Keyring, key, 2, asNew)
		must(t, err)
		must(t, w.RotateNow(context.Background(), key))
		old := w.encrypt(t, key, "x", nil)
		harm(w, key.ID(), first)
		wrapped := []Import{wrap.of(w.Keyring, key, 2), wrap.of(w.Keyring, key, 1)}
		w.later(t, 0)
		key = w.at(t, east, key.ID())
		if state := key.Metadata().State; state != Unavailable {
			t.Errorf("%s: %s", name, state)
		}
		for _, in := range wrapped {
			_, err = w.ImportMaterial(context.Background(), key, in)
			must(t, err)
		}
		if _, err = w.Decrypt(key, old, nil); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestCrashDuringRotationOfImportedMaterial is TestCrashAnywhere for a key with two materials, of which one is taken away and given
// again.
func TestCrashDuringRotationOfImportedMaterial(t *testing.T) {
	w := newWorld(t)
	wrap := newWrapping(t, w.Keyring)
	crashAnywhere(t, func(t *testing.T, root sealRoot, disk vfs.FS, d *diary) { tellSecondMaterial(t, root, disk, d, wrap) })
}

func tellSecondMaterial(t *testing.T, root sealRoot, disk vfs.FS, d *diary, wrap wrapping) {
	t.Helper()
	c, arena := clock.New(), lockedmem.NewArena(nil)
	defer func() { _ = arena.Close() }()
	defer c.Close()
	k, err := Open(context.Background(), Config{
		FS: disk, Dir: "keys", Root: root, Records: &recordLog{fs: disk}, Clock: c, Arena: arena,
	})
	must(t, err)
	ctx := context.Background()
	key, err := k.Create(ctx, NewKey{Scope: east, Origin: OriginExternal})
	must(t, err)
	first, err := wrap.give(k, key, 1, nil)
	must(t, err)
	promise(t, k, key, d)
	_, err = wrap.give(k, key, 2, asNew)
	must(t, err)
	must(t, k.RotateNow(ctx, key))
	promise(t, k, key, d)
	delete(d.blobs, key.ID())
	_, err = k.DeleteMaterial(ctx, key, first)
	must(t, err)
	_, err = wrap.give(k, key, 1, asKnown)
	must(t, err)
	promise(t, k, key, d)
}
