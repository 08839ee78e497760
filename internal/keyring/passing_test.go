package keyring

import (
	"context"
	"testing"
	"time"
)

// slowWorld shows the states that pass for a minute.
func slowWorld(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.transition = time.Minute
	w.later(t, 0)
	return w
}

func wantState(t *testing.T, key *Key, want State) {
	t.Helper()
	if state := key.Metadata().State; state != want {
		t.Errorf("%s is %s, not %s", key.ARN(), state, want)
	}
}

// TestReplicasAreCreating for as long as was asked for, and work then; a restart ends it.
func TestReplicasAreCreating(t *testing.T) {
	w := slowWorld(t)
	ctx := context.Background()
	primary := w.newPrimary(t)
	replica := w.replicate(t, primary, west.Region)
	wantState(t, replica, Creating)
	_, err := w.Encrypt(replica, []byte("x"), nil)
	wantKind(t, err, InvalidState)
	must(t, w.SetDescription(ctx, replica, "new"))
	wantState(t, primary, Enabled)
	w.clock.Advance(time.Minute)
	wantState(t, replica, Enabled)
	w.encrypt(t, replica, "x", nil)
	third := w.replicate(t, primary, "eu-west-1")
	must(t, w.SetDescription(ctx, third, "new"))
	w.later(t, 0)
	wantState(t, w.at(t, third.Scope(), third.ID()), Enabled)
}

// TestStateThatCameBetweenStays: a deletion that was asked for while the key was Creating is not undone.
func TestStateThatCameBetweenStays(t *testing.T) {
	w := slowWorld(t)
	replica := w.replicate(t, w.newPrimary(t), west.Region)
	must(t, w.ScheduleDeletion(context.Background(), replica, 7))
	w.clock.Advance(time.Minute)
	wantState(t, replica, PendingDeletion)
}

// TestPrimaryMoves: the two keys that change places are Updating, and work meanwhile; others of their set are not.
func TestPrimaryMoves(t *testing.T) {
	w := slowWorld(t)
	ctx := context.Background()
	primary := w.newPrimary(t)
	next, other := w.replicate(t, primary, west.Region), w.replicate(t, primary, "eu-west-1")
	w.clock.Advance(time.Minute)
	must(t, w.SetPrimary(ctx, primary, west.Region, nil))
	wantState(t, primary, Updating)
	wantState(t, next, Updating)
	wantState(t, other, Enabled)
	w.encrypt(t, primary, "x", nil)
	for _, err := range []error{w.Disable(ctx, primary), w.ScheduleDeletion(ctx, next, 7)} {
		wantKind(t, err, InvalidState)
	}
	_, err := w.Replicate(ctx, next, Replica{Region: "ap-south-1"})
	wantKind(t, err, InvalidState)
	w.clock.Advance(time.Minute)
	wantState(t, primary, Enabled)
	wantState(t, next, Enabled)
	w.later(t, 0)
	wantState(t, w.at(t, east, primary.ID()), Enabled)
}

// TestImportedReplicasAreCreating, and wait for their material then.
func TestImportedReplicasAreCreating(t *testing.T) {
	w := slowWorld(t)
	primary, err := w.Create(context.Background(), NewKey{Scope: east, MultiRegion: true, Origin: OriginExternal})
	must(t, err)
	must(t, importInto(t, w.Keyring, primary, wrapOAEPSHA256, someMaterial, Imported{}))
	replica := w.replicate(t, primary, west.Region)
	wantState(t, replica, Creating)
	w.clock.Advance(time.Minute)
	wantState(t, replica, PendingImport)
	must(t, importInto(t, w.Keyring, replica, wrapOAEPSHA256, someMaterial, Imported{}))
	wantState(t, replica, Enabled)
}
