package keyring

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"testing"
	"time"
)

func TestDataKeys(t *testing.T) {
	w := newWorld(t)
	key := w.newKey(t)
	plaintext, sealed, err := w.DataKey(key, "GenerateDataKey", 32, Context{"a": "b"})
	must(t, err)
	opened, err := w.Decrypt(key, sealed.Blob, Context{"a": "b"})
	must(t, err)
	if len(plaintext) != 32 || !bytes.Equal(opened.Plaintext, plaintext) {
		t.Error("the ciphertext holds another key")
	}
	for _, n := range []int{0, -1, MaxRandom + 1} {
		_, _, err := w.DataKey(key, "GenerateDataKey", n, nil)
		wantKind(t, err, Invalid)
	}
}

func TestReEncrypt(t *testing.T) {
	w := newWorld(t)
	a, b := w.newKey(t), w.newKey(t)
	at := func(where string) Way { return Way{Context: Context{"at": where}} }
	blob := w.encrypt(t, a, "moved", Context{"at": "a"})
	_, _, err := w.ReEncrypt(b, blob, at("a"), b, Way{})
	wantKind(t, err, IncorrectKey)
	_, _, err = w.ReEncrypt(a, blob, Way{}, b, Way{})
	wantKind(t, err, InvalidCiphertext)
	sealed, from, err := w.ReEncrypt(a, blob, at("a"), b, at("b"))
	must(t, err)
	if from.MaterialID != a.Metadata().CurrentMaterial() || sealed.MaterialID != b.Metadata().CurrentMaterial() {
		t.Error("the wrong materials are named")
	}
	opened, err := w.Decrypt(b, sealed.Blob, Context{"at": "b"})
	must(t, err)
	if string(opened.Plaintext) != "moved" {
		t.Errorf("got %q", opened.Plaintext)
	}
	must(t, w.Disable(context.Background(), b))
	_, _, err = w.ReEncrypt(a, blob, at("a"), b, Way{})
	wantKind(t, err, Disabled)
}

// TestOwnedKeysAreHidden: no identifier, listing or ciphertext leads to a key of the installation.
func TestOwnedKeysAreHidden(t *testing.T) {
	w := newWorld(t)
	owned, err := w.Owned(context.Background(), east)
	must(t, err)
	again, err := w.Owned(context.Background(), east)
	must(t, err)
	if owned != again {
		t.Error("two owned keys in one scope")
	}
	blob := w.encrypt(t, owned, "hidden", nil)
	_, err = w.Resolve(east, owned.ARN(), KeyOnly)
	wantKind(t, err, NotFound)
	_, err = w.KeyOf(east.Region, blob, nil)
	wantKind(t, err, CiphertextAccess)
	if page, _ := w.Keys(east, "", 10); len(page) != 0 {
		t.Error("it is listed")
	}
	w.later(t, 0)
	owned, err = w.Owned(context.Background(), east)
	must(t, err)
	opened, err := w.Decrypt(owned, blob, nil)
	must(t, err)
	if string(opened.Plaintext) != "hidden" {
		t.Errorf("got %q", opened.Plaintext)
	}
}

// TestLastUseSurvives: an orderly stop keeps the last use of a key; a failed use does not count.
func TestLastUseSurvives(t *testing.T) {
	w := newWorld(t)
	key := w.newKey(t)
	if _, used := key.LastUse(); used {
		t.Error("a new key was used")
	}
	w.encrypt(t, key, "x", nil)
	_, err := w.Decrypt(key, []byte("nonsense"), nil)
	wantKind(t, err, InvalidCiphertext)
	w.later(t, 0)
	key, err = w.Resolve(east, key.ID(), KeyOnly)
	must(t, err)
	if use, used := key.LastUse(); !used || use.Operation != "Encrypt" || time.Since(use.Time) > time.Hour {
		t.Errorf("got %v, %v", use, used)
	}
}

// TestUseWhileItChanges uses a key from several sides while it is disabled, enabled, rotated and erased. What comes back is right
// or one of the refusals that fit.
func TestUseWhileItChanges(t *testing.T) {
	w := newWorld(t)
	key := w.newKey(t)
	blob := w.encrypt(t, key, "steady", nil)
	stop := make(chan struct{})
	var users sync.WaitGroup
	for range 4 {
		users.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if err := useOnce(w, key, blob); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	ctx := context.Background()
	for range 15 {
		must(t, w.Disable(ctx, key))
		if _, err := w.Encrypt(key, []byte("x"), nil); KindOf(err) != Disabled {
			t.Errorf("after Disable: %v", err)
		}
		must(t, w.Enable(ctx, key))
		must(t, w.RotateNow(ctx, key))
	}
	must(t, w.ScheduleDeletion(ctx, key, 7))
	w.clock.Advance(7 * 24 * time.Hour)
	close(stop)
	users.Wait()
}

func useOnce(w *world, key *Key, blob []byte) error {
	opened, err := w.Decrypt(key, blob, nil)
	switch KindOf(err) {
	case 0:
		if err != nil || string(opened.Plaintext) != "steady" {
			return fmt.Errorf("decrypt: %q, %w", opened.Plaintext, err)
		}
	case Disabled, InvalidState, NotFound, InvalidCiphertext: // the last two once it is erased
	default:
		return fmt.Errorf("decrypt: %w", err)
	}
	sealed, err := w.Encrypt(key, []byte("x"), nil)
	switch KindOf(err) {
	case 0, Disabled, InvalidState, NotFound:
		if err == nil && len(sealed.Blob) == 0 {
			return fmt.Errorf("encrypt: nothing came back")
		}
		return nil
	}
	return fmt.Errorf("encrypt: %w", err)
}

// TestChangesAreTold: every change raises the revision and is told after it can be seen.
func TestChangesAreTold(t *testing.T) {
	w := newWorld(t)
	key := w.newKey(t)
	var told []State
	w.config.Changed = func(k *Key) { told = append(told, k.Metadata().State) }
	before, of := w.Revision(), key.Metadata().Revision()
	must(t, w.Disable(context.Background(), key))
	must(t, w.SetPolicy(context.Background(), key, DefaultPolicy(east.Account)))
	_, _, err := w.CreateGrant(context.Background(), key, Grant{})
	wantKind(t, err, Disabled)
	must(t, w.Enable(context.Background(), key))
	if len(told) != 3 || told[0] != KeyDisabled || told[2] != Enabled {
		t.Errorf("told %v", told)
	}
	if w.Revision() < before+3 || key.Metadata().Revision() <= of {
		t.Error("the revision did not grow")
	}
	old := key.Metadata()
	if err := w.SetPolicy(context.Background(), key, "{}"); err == nil || key.Metadata() != old {
		t.Errorf("a malformed policy changed the key: %v", err)
	}
}

func TestTags(t *testing.T) {
	w := newWorld(t)
	key := w.newKey(t)
	ctx := context.Background()
	must(t, w.Tag(ctx, key, []Tag{{"b", "1"}, {"a", "2"}}))
	must(t, w.Tag(ctx, key, []Tag{{"b", "3"}}))
	if v, ok := key.Metadata().TagValue("b"); !ok || v != "3" {
		t.Errorf("b is %q", v)
	}
	wantKind(t, w.Tag(ctx, key, []Tag{{"c", ""}, {"c", ""}}), BadTags)
	wantKind(t, w.Tag(ctx, key, []Tag{{"AWS:x", ""}}), BadTags)
	wantKind(t, w.Untag(ctx, key, []string{"aws:x"}), BadTags)
	var many []Tag
	for i := range 51 {
		many = append(many, Tag{Key: fmt.Sprint(i)})
	}
	wantKind(t, w.Tag(ctx, key, many), BadTags)
	must(t, w.Untag(ctx, key, []string{"b", "none"}))
	if m := key.Metadata(); len(m.Tags) != 1 || m.Tags[0].Key != "a" {
		t.Errorf("left %v", m.Tags)
	}
}

func TestOnDemandLimit(t *testing.T) {
	w := newWorld(t)
	key := w.newKey(t)
	for range maxOnDemandRotations {
		must(t, w.RotateNow(context.Background(), key))
	}
	wantKind(t, w.RotateNow(context.Background(), key), LimitExceeded)
	must(t, w.EnableRotation(context.Background(), key, 90))
	w.clock.Advance(91 * 24 * time.Hour)
	if n := len(key.Metadata().Versions); n != maxOnDemandRotations+2 {
		t.Errorf("%d versions", n)
	}
}

func TestRotationIsNotRushed(t *testing.T) {
	w := newWorld(t)
	key := w.newKey(t)
	must(t, w.EnableRotation(context.Background(), key, 90))
	w.clock.Advance(90*24*time.Hour - 10*time.Minute)
	wantKind(t, w.RotateNow(context.Background(), key), Conflict)
}
