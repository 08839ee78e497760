package keyring

import (
	"context"
	"fmt"
	"testing"
	"time"
)

// TestEvents: what the key service does to a key is told, once, with the members of KMS's service events.
func TestEvents(t *testing.T) {
	w := newWorld(t)
	var told []string
	w.config.Happened = func(e Event) {
		told = append(told, fmt.Sprint(e.Name, " ", e.Key.ID() == e.Details["keyId"], " ", e.Details))
	}
	ctx := context.Background()
	check := func(what string, want ...string) {
		t.Helper()
		if got := fmt.Sprint(told); got != fmt.Sprint(want) {
			t.Errorf("%s: %s, want %s", what, got, want)
		}
		told = nil
	}
	key := w.newKey(t)
	rotated := func(by RotationType) string {
		v := key.Metadata().Versions
		return fmt.Sprintf("RotateKey true map[currentKeyMaterialId:%s keyId:%s keyOrigin:AWS_KMS previousKeyMaterialId:%s "+
			"rotationType:%s]",
			v[len(v)-1].MaterialID, key.ID(), v[len(v)-2].MaterialID, by)
	}
	check("a new key")
	must(t, w.RotateNow(ctx, key))
	check("on demand", rotated(OnDemand))
	must(t, w.EnableRotation(ctx, key, 90))
	w.clock.Advance(91 * 24 * time.Hour)
	check("at its time", rotated(Automatic))

	wrap, imported := newWrapping(t, w.Keyring), w.newExternal(t, "", "")
	_, err := wrap.give(w.Keyring, imported, 1, func(in *Import) { in.Terms.ValidTo = w.clock.Now().Add(time.Hour) })
	must(t, err)
	material := imported.Metadata().Versions[0].MaterialID
	w.clock.Advance(time.Hour)
	check("expired", fmt.Sprintf("DeleteExpiredKeyMaterial true map[keyId:%s keyMaterialId:%s]", imported.ID(), material))

	err = w.ScheduleDeletion(ctx, key, 7)
	must(t, err)
	w.clock.Advance(8 * 24 * time.Hour)
	check("deleted", fmt.Sprintf("DeleteKey true map[keyId:%s]", key.ID()))
}
