// Package custody decides, call by call, whether a table's key may be used, and opens and closes tables
// accordingly.
//
// Callers may rely on this (P2): a call on a table gets through only if the key service let this very caller
// decrypt the table's key, through the database and with the table's encryption context, at most one cache
// lifetime ago. When it refuses because the key itself is unusable, the table is closed for everybody: what
// is in memory is made durable and the keys are zeroed. After a restart nothing is cached. There is no way
// around it for anybody, the root user included.
//
// A cached answer belongs to one caller and one table. It is an answer to "may this caller use this key", so
// a key that is already open in memory never admits a second caller.
package custody

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/clock"
	"github.com/sealtable/sealtable/internal/lockedmem"
	"github.com/sealtable/sealtable/internal/storage"
	"github.com/sealtable/sealtable/internal/tablekeys"
)

// Sealer closes a table in the store.
type Sealer interface {
	SealTable(ctx context.Context, id storage.TableID) error
}

// Options are what custody works with.
type Options struct {
	Keys     KeyService
	Ring     *tablekeys.Ring
	Store    Sealer
	Clock    *clock.Clock
	Lifetime time.Duration // how long an answer of the key service counts
	Log      *slog.Logger
}

// Custody is safe for concurrent use.
type Custody struct {
	o      Options
	tables sync.Map // storage.TableID → *admitted
	held   sync.Map // storage.TableID → struct{}, see Hold
	kept   sync.Map // Holding → struct{}: unclaimed grants that could not be retired
}

// New returns a Custody in which nobody is admitted yet.
func New(o Options) *Custody { return &Custody{o: o} }

// admitted remembers who was let through to one table, and until when.
type admitted struct {
	mu      sync.RWMutex
	callers map[visitor]time.Time
	closed  uint64 // how often everybody was sent away: what was asked before that is no answer any more
	stale   error  // why the table's keys are not those that its description names; nil if they are
}

// visitor is whom an answer of the key service is for. The access key tells sessions apart that have one ARN:
// their session policies may differ.
type visitor struct{ arn, accessKeyID string }

func visitorOf(caller *auth.Caller) visitor { return visitor{caller.ARN, caller.AccessKeyID} }

// maxAsks is how often a call asks again because the table was closed, or its key changed, while it asked.
const maxAsks = 3

// ErrStale says that the subject was described by a key that is not its key any more: the caller reads the
// description again.
var ErrStale = errors.New("custody: the subject has come under another key")

// Use lets the caller through to the subject, or says why not. On the quick way it is one lookup and no
// allocation.
func (c *Custody) Use(ctx context.Context, caller *auth.Caller, s Subject) error {
	if c.isAdmitted(caller, &s) {
		return nil
	}
	return c.ask(ctx, caller, s)
}

func (c *Custody) ask(ctx context.Context, caller *auth.Caller, s Subject) error {
	a := c.admissions(s.ID)
	var err error
	for range maxAsks {
		closed, stale := a.state()
		if stale != nil {
			return stale
		}
		asked := c.o.Clock.Now()
		if err = c.granted(ctx, &s); err != nil {
			err = c.personal(ctx, caller, &s, err)
			break
		}
		if err = c.open(ctx, caller, &s, closed); err == nil {
			err = a.admit(visitorOf(caller), asked, c.o.Lifetime, closed)
		}
		if err == nil {
			return nil
		}
		if !cameTooLate(err) {
			break
		}
	}
	a.forget(visitorOf(caller))
	return c.refuse(ctx, &s, err)
}

func (c *Custody) isAdmitted(caller *auth.Caller, s *Subject) bool {
	if !c.o.Ring.Unlocked(s.ID) {
		return false
	}
	if s.Key.Kind == AWSOwned {
		return true
	}
	entry, ok := c.tables.Load(s.ID)
	if !ok {
		return false
	}
	a := entry.(*admitted)
	a.mu.RLock()
	until, ok := a.callers[visitorOf(caller)]
	a.mu.RUnlock()
	return ok && c.o.Clock.Now().Before(until)
}

// admissions is what is remembered of a table, until Destroy.
func (c *Custody) admissions(id storage.TableID) *admitted {
	if entry, ok := c.tables.Load(id); ok {
		return entry.(*admitted)
	}
	entry, _ := c.tables.LoadOrStore(id, &admitted{callers: map[visitor]time.Time{}})
	return entry.(*admitted)
}

func (a *admitted) state() (closed uint64, stale error) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return a.closed, a.stale
}

// errClosedMeanwhile says that an answer came too late to count.
var errClosedMeanwhile = errors.New("the table was closed, or its key changed, while the key service " +
	"was asked")

// cameTooLate says that the key service's answer was good but counts no more. A refusal is final, whatever
// happened meanwhile.
func cameTooLate(err error) bool {
	return errors.Is(err, errClosedMeanwhile) || errors.Is(err, tablekeys.ErrLocked)
}

// admit keeps an answer that was asked for when the table had been closed that often. It counts from when it
// was asked for.
func (a *admitted) admit(v visitor, asked time.Time, lifetime time.Duration, closed uint64) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed != closed {
		return errClosedMeanwhile
	}
	if len(a.callers) >= maxCallers {
		a.dropExpired(asked)
	}
	a.callers[v] = asked.Add(lifetime)
	return nil
}

// maxCallers bounds the memory that one table's callers take; beyond it, those whose time has passed are
// dropped.
const maxCallers = 1024

func (a *admitted) dropExpired(now time.Time) {
	for v, until := range a.callers {
		if !now.Before(until) {
			delete(a.callers, v)
		}
	}
	if len(a.callers) >= maxCallers {
		clear(a.callers)
	}
}

func (a *admitted) forget(v visitor) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.callers, v)
}

// sendAway forgets everybody, those too whose answer is still on its way.
func (a *admitted) sendAway() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.closed++
	clear(a.callers)
}

// open asks the key service, as the caller, for the subject's key; the keys below it are unlocked with the
// answer if they are not already. It asks in either case: what is in memory says nothing about this caller.
// The answer unlocks nothing unless it still counts when it is used: the subject was closed no more often
// than it had been.
func (c *Custody) open(ctx context.Context, caller *auth.Caller, s *Subject, closed uint64) error {
	link, key, err := c.link(s)
	if err != nil {
		return err
	}
	tableKey, err := c.o.Keys.Decrypt(ctx, caller.For(Via(s.Region)), key, link.TableKeyCiphertext,
		link.Context)
	if err != nil {
		return err
	}
	defer lockedmem.Wipe(tableKey)
	return c.o.Ring.Unlock(ctx, s.ID, func(_ context.Context, keyARN string, _ map[string]string,
		ciphertext []byte) ([]byte, string, error) {
		now, _ := c.admissions(s.ID).state()
		if now != closed || !bytes.Equal(ciphertext, link.TableKeyCiphertext) {
			return nil, keyARN, errClosedMeanwhile
		}
		return bytes.Clone(tableKey), keyARN, nil
	})
}

// link returns the wrapped table key of the subject and the key that wraps it, which its description names:
// otherwise the description is older than the keys.
func (c *Custody) link(s *Subject) (tablekeys.Link, Key, error) {
	info, err := c.o.Ring.Describe(s.ID)
	switch {
	case err != nil:
		return tablekeys.Link{}, Key{}, err
	case info.Current.KeyARN == s.Key.ARN:
		return info.Current, s.Key, nil
	case info.Prepared != nil && info.Prepared.KeyARN == s.Key.ARN:
		return info.Current, s.previous(info.Current.KeyARN), nil // the change is recorded, not committed
	}
	return info.Current, Key{}, ErrStale
}

// granted reports whether the database may use the subject's key on its own: it opens no table that it could
// not look after. A key that nobody can use is another matter, of which the caller hears in the key service's
// words.
func (c *Custody) granted(ctx context.Context, s *Subject) error {
	if _, _, err := c.link(s); err != nil {
		return err
	}
	if c.o.Keys.Usable(ctx, s.Key) != nil {
		return nil
	}
	return c.o.Keys.Granted(ctx, s, s.Key)
}

// personal returns why the caller may not open the subject's key, if that is so, in place of why the database
// may not: a policy that denies everybody is told to each caller as its own.
func (c *Custody) personal(ctx context.Context, caller *auth.Caller, s *Subject, why error) error {
	link, key, err := c.link(s)
	if err != nil {
		return why
	}
	tableKey, err := c.o.Keys.Decrypt(ctx, caller.For(Via(s.Region)), key, link.TableKeyCiphertext,
		link.Context)
	if err != nil {
		return err
	}
	lockedmem.Wipe(tableKey)
	return why
}

// usable reports whether the subject can be open at all: its key works, and the database may use it.
func (c *Custody) usable(ctx context.Context, s *Subject) error {
	if err := c.o.Keys.Usable(ctx, s.Key); err != nil {
		return err
	}
	return c.o.Keys.Granted(ctx, s, s.Key)
}

// LacksGrant reports whether the subject's key works, but not for the database: its grant was revoked. To put
// the subject under its own key once more mends that.
func (c *Custody) LacksGrant(ctx context.Context, s Subject) bool {
	return c.o.Keys.Usable(ctx, s.Key) == nil && c.o.Keys.Granted(ctx, &s, s.Key) != nil
}

// refuse closes the subject when its key is unusable for everybody, and passes the reason on. Of a subject
// whose key was changed meanwhile it says so instead.
func (c *Custody) refuse(ctx context.Context, s *Subject, reason error) error {
	unusable := c.usable(ctx, s)
	if _, _, err := c.link(s); errors.Is(err, ErrStale) { // looked at last: it explains what is seen before
		return err
	}
	if unusable != nil {
		c.Close(ctx, s.ID)
	}
	return reason
}

// Close closes the table and zeroes its keys; what is in memory is made durable. Nobody is admitted
// afterwards, nor by an answer that is still on its way.
//
// INVARIANT lock-before-seal: the ring is locked before the store closes the table's files. A call that was
// admitted earlier then cannot wake the table once more in between, with keys that nobody would zero. The
// store has what it needs to finish.
func (c *Custody) Close(ctx context.Context, id storage.TableID) {
	c.admissions(id).sendAway()
	if !c.o.Ring.Lock(id) {
		return
	}
	// once the ring is locked nobody would try again
	err := c.o.Store.SealTable(context.WithoutCancel(ctx), id)
	if err != nil && !errors.Is(err, storage.ErrNoTable) {
		c.o.Log.Error("a table whose key cannot be used was closed uncleanly; what it lacks is in the "+
			"journal", "table", id, "error", err)
	}
}

// Create makes the keys of a subject that is about to be there, under s.Key. The caller holds it, see Hold.
func (c *Custody) Create(ctx context.Context, caller *auth.Caller, s Subject) error {
	key, err := c.o.Keys.Generate(ctx, caller.For(Via(s.Region)), &s, s.Key)
	if err != nil {
		return err
	}
	if err := c.o.Ring.Create(ctx, s.ID, chain(key, &s), key.Plaintext); err != nil {
		c.release(ctx, s.Key, s.ID)
		return fmt.Errorf("keeping the keys of the new table: %w", err)
	}
	return nil
}

// release retires the grants on a key that a subject is not under any more. What cannot be retired now is
// unclaimed from now on, see RetireUnclaimed.
func (c *Custody) release(ctx context.Context, key Key, id storage.TableID) {
	if err := c.o.Keys.Release(context.WithoutCancel(ctx), key, id); err != nil {
		c.o.Log.Warn("retiring the grants of a table failed; the next sweep tries again", "table", id, "key",
			key.ARN, "error", err)
	}
}

func chain(key TableKey, s *Subject) tablekeys.Chain {
	return tablekeys.Chain{KeyARN: key.KeyARN, Context: s.EncryptionContext(),
		TableKeyCiphertext: key.Ciphertext}
}

// Destroy erases the keys of a subject for good.
func (c *Custody) Destroy(ctx context.Context, id storage.TableID) error {
	c.admissions(id).sendAway()
	defer c.tables.Delete(id)
	info, err := c.o.Ring.Describe(id)
	if err == nil {
		c.release(ctx, Key{Kind: CustomerManaged, ARN: info.Current.KeyARN}, id)
	}
	return c.o.Ring.Destroy(ctx, id)
}
