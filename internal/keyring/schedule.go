package keyring

import (
	"context"
	"time"
)

// retryAfter is when work that failed is tried again.
const retryAfter = time.Hour

// arm sets a job for the time when the key next changes by itself, unless one is set for that time or before.
// The caller holds the region's mu.
func (k *Keyring) arm(key *Key) {
	if due := key.Metadata().due(); !due.IsZero() {
		k.wakeAt(key, due)
	}
}

func (k *Keyring) wakeAt(key *Key, due time.Time) {
	if !key.alarm.IsZero() && !due.Before(key.alarm) {
		return
	}
	key.alarm = due
	k.config.Clock.At(due, func(due time.Time) time.Time {
		k.wake(key, due)
		return time.Time{} // act and arm set the next
	})
}

// wake does what is due. A job whose time is not the alarm's was overtaken by an earlier one, which has set
// the next.
func (k *Keyring) wake(key *Key, due time.Time) {
	defer k.lock(key)()
	if !key.alarm.Equal(due) {
		return
	}
	key.alarm = time.Time{}
	if k.act(key, k.config.Clock.Now()) {
		k.arm(key)
	}
}

// act does what the key is due for. When it cannot, it says why in the log, sets the next attempt and returns
// false. The caller holds the region's mu.
func (k *Keyring) act(key *Key, now time.Time) bool {
	m := key.Metadata()
	if due := m.due(); due.IsZero() || due.After(now) {
		return true
	}
	err := k.actOn(key, m, now)
	if err == nil {
		return true
	}
	k.config.Log.Error("a key could not be changed when it was due; it is tried again in an hour", "key",
		key.arn, "error", err)
	k.wakeAt(key, now.Add(retryAfter))
	return false
}

// actOn does the first of what may be due together: an erasure makes the others needless.
func (k *Keyring) actOn(key *Key, m *Metadata, now time.Time) error {
	ctx := context.Background()
	due := func(at time.Time) bool { return !at.IsZero() && !at.After(now) }
	switch {
	case due(m.erasureDue()):
		return k.erase(ctx, key)
	case due(m.expiryDue()):
		err := k.dropExpired(ctx, key, now)
		if err != nil {
			k.withhold(key)
		}
		return err
	}
	return k.rotate(ctx, key, Automatic, now)
}

// withhold keeps a key from being used whose material expired and could not be taken away: it does not
// outlive its time because a disk fails. The key is Unavailable until the next attempt, which is not written
// down: a start attempts it anyway.
func (k *Keyring) withhold(key *Key) {
	m := *key.Metadata()
	if m.State != Enabled && m.State != KeyDisabled {
		return // nobody can use it as it is
	}
	m.stored, m.State = m.State, Unavailable
	key.current.Store(&m)
}
