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
	"github.com/sealtable/sealtable/internal/engine"
	"github.com/sealtable/sealtable/internal/lockedmem"
	"github.com/sealtable/sealtable/internal/storage"
	"github.com/sealtable/sealtable/internal/tablekeys"
)

// TableKey is a fresh table key, bare and as the key service gives it out. Whoever gets one zeroes Plaintext.
type TableKey struct {
	KeyARN     string // of the KMS key that wraps it
	Plaintext  []byte
	Ciphertext []byte
}

// KeyService is what custody asks of the key service. Calls are authorised for the caller that they are made
// with, and recorded, like any other call.
type KeyService interface {
	// Describe finds a customer's or managed key by id, ARN or alias, and refuses one that cannot be used. It
	// needs kms:DescribeKey.
	Describe(ctx context.Context, caller *auth.Caller, keyID string) (engine.Key, error)
	// Generate makes a table key under a key. It needs kms:GenerateDataKey, and kms:CreateGrant for what the
	// database does in the background later. Keys of kind AWSOwned need no permission of the caller, here and
	// below. The grant belongs to the table: two tables of one name, one after the other, have two.
	Generate(ctx context.Context, caller *auth.Caller, key engine.Key, id storage.TableID,
		encryptionContext map[string]string) (TableKey, error)
	// Decrypt opens a table key. It needs kms:Decrypt.
	Decrypt(ctx context.Context, caller *auth.Caller, key engine.Key, ciphertext []byte,
		encryptionContext map[string]string) ([]byte, error)
	// Release gives back what Generate was granted for a table.
	Release(ctx context.Context, key engine.Key, id storage.TableID) error
	// Usable says whether a key could be used by anybody at all: it exists, is enabled and has its material.
	Usable(ctx context.Context, key engine.Key) error
	// Granted says whether the database still holds what Generate was granted for a table.
	Granted(ctx context.Context, key engine.Key, id storage.TableID) error
	// Owned and Managed are the keys of the installation and of the account that tables are under by default;
	// they are made on first use.
	Owned(ctx context.Context, account, region string) (engine.Key, error)
	Managed(ctx context.Context, account, region string) (engine.Key, error)
}

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

// Use lets the caller through to the table, or says why not. On the quick way it is one lookup and no
// allocation.
func (c *Custody) Use(ctx context.Context, caller *auth.Caller, t *engine.Table) error {
	if c.isAdmitted(caller, t) {
		return nil
	}
	a := c.admissions(t.ID)
	var err error
	for range maxAsks {
		closed, stale := a.state()
		if stale != nil {
			return stale
		}
		asked := c.o.Clock.Now()
		if err = c.granted(ctx, t); err != nil {
			break
		}
		if err = c.open(ctx, caller, t, func() bool {
			now, _ := a.state()
			return now == closed
		}); err == nil {
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
	return c.refuse(ctx, t, err)
}

func (c *Custody) isAdmitted(caller *auth.Caller, t *engine.Table) bool {
	if !c.o.Ring.Unlocked(t.ID) {
		return false
	}
	if t.Encryption.Key.Kind == engine.AWSOwned {
		return true
	}
	entry, ok := c.tables.Load(t.ID)
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

// open asks the key service, as the caller, for the table's key; the keys below it are unlocked with the
// answer if they are not already. It asks in either case: what is in memory says nothing about this caller.
// The answer unlocks nothing unless it still counts when it is used.
func (c *Custody) open(ctx context.Context, caller *auth.Caller, t *engine.Table, counts func() bool) error {
	info, err := c.o.Ring.Describe(t.ID)
	if err != nil {
		return err
	}
	link := info.Current
	tableKey, err := c.o.Keys.Decrypt(ctx, caller.For(Via(t.Name.Region)), keyNamed(t, link.KeyARN),
		link.TableKeyCiphertext, link.Context)
	if err != nil {
		return err
	}
	defer lockedmem.Wipe(tableKey)
	return c.o.Ring.Unlock(ctx, t.ID, func(_ context.Context, keyARN string, _ map[string]string,
		ciphertext []byte) ([]byte, string, error) {
		if !counts() || !bytes.Equal(ciphertext, link.TableKeyCiphertext) {
			return nil, keyARN, errClosedMeanwhile
		}
		return bytes.Clone(tableKey), keyARN, nil
	})
}

// keyNamed is the table's key, or the one before, of which a change that is not done may still need to be
// opened.
func keyNamed(t *engine.Table, keyARN string) engine.Key {
	if t.Encryption.Previous.ARN == keyARN && t.Encryption.Key.ARN != keyARN {
		return t.Encryption.Previous
	}
	if t.Encryption.Key.ARN == keyARN {
		return t.Encryption.Key
	}
	return engine.Key{Kind: engine.CustomerManaged, ARN: keyARN}
}

// granted says whether the database may use the table's key on its own: it opens no table that it could not
// look after. A key that nobody can use is another matter, of which the caller hears in the key service's
// words.
func (c *Custody) granted(ctx context.Context, t *engine.Table) error {
	if _, err := c.o.Ring.Describe(t.ID); err != nil {
		return err
	}
	if c.o.Keys.Usable(ctx, t.Encryption.Key) != nil {
		return nil
	}
	return c.o.Keys.Granted(ctx, t.Encryption.Key, t.ID)
}

// usable says whether the table can be open at all: its key works, and the database holds its grant on it.
func (c *Custody) usable(ctx context.Context, t *engine.Table) error {
	if err := c.o.Keys.Usable(ctx, t.Encryption.Key); err != nil {
		return err
	}
	return c.o.Keys.Granted(ctx, t.Encryption.Key, t.ID)
}

// refuse closes the table when its key is unusable for everybody, and passes the reason on.
func (c *Custody) refuse(ctx context.Context, t *engine.Table, reason error) error {
	if err := c.usable(ctx, t); err != nil {
		c.Close(ctx, t.ID)
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

// Via is what the key service sees as the calling service: the database of a region.
func Via(region string) string { return "dynamodb." + region + ".amazonaws.com" }

// EncryptionContext binds a table key to its table ("DynamoDB encryption at rest: usage notes").
func EncryptionContext(t *engine.Table) map[string]string {
	return map[string]string{
		"aws:dynamodb:tableName":    t.Name.Table,
		"aws:dynamodb:subscriberId": t.Name.Account,
	}
}

// Create makes the keys of a table that is about to be created under t.Encryption.Key.
func (c *Custody) Create(ctx context.Context, caller *auth.Caller, t *engine.Table) error {
	key, err := c.o.Keys.Generate(ctx, caller.For(Via(t.Name.Region)), t.Encryption.Key, t.ID,
		EncryptionContext(t))
	if err != nil {
		return err
	}
	if err := c.o.Ring.Create(ctx, t.ID, chain(key, t), key.Plaintext); err != nil {
		if err := c.o.Keys.Release(context.WithoutCancel(ctx), t.Encryption.Key, t.ID); err != nil {
			c.o.Log.Warn("the grants of a table that was not created could not be retired", "table", t.ID,
				"error", err)
		}
		return fmt.Errorf("keeping the keys of the new table: %w", err)
	}
	return nil
}

func chain(key TableKey, t *engine.Table) tablekeys.Chain {
	return tablekeys.Chain{KeyARN: key.KeyARN, Context: EncryptionContext(t),
		TableKeyCiphertext: key.Ciphertext}
}

// Destroy erases the keys of a table for good.
func (c *Custody) Destroy(ctx context.Context, id storage.TableID) error {
	c.admissions(id).sendAway()
	defer c.tables.Delete(id)
	info, err := c.o.Ring.Describe(id)
	if err == nil {
		if err := c.o.Keys.Release(ctx, engine.Key{ARN: info.Current.KeyARN}, id); err != nil {
			c.o.Log.Warn("the grants of a deleted table could not be retired", "table", id, "error", err)
		}
	}
	return c.o.Ring.Destroy(ctx, id)
}
