// Package custody decides, call by call, whether a table's key may be used, and opens and closes tables accordingly.
//
// Callers may rely on this (P2): a call on a table gets through only if the key service let this very caller decrypt the table's
// key, through the database and with the table's encryption context, at most one cache lifetime ago. When it refuses because the
// key itself is unusable, the table is closed for everybody: what is in memory is made durable and the keys are zeroed. After a
// restart nothing is cached. There is no way around it for anybody, the root user included.
//
// A cached answer belongs to one caller and one table. It is an answer to "may this caller use this key", so a key that is
// already open in memory never admits a second caller.
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
	"github.com/sealtable/sealtable/internal/keyring/tablekeys"
	"github.com/sealtable/sealtable/internal/lockedmem"
	"github.com/sealtable/sealtable/internal/storage"
)

// TableKey is a fresh table key, bare and as the key service gives it out. Whoever gets one zeroes Plaintext.
type TableKey struct {
	KeyARN     string // of the KMS key that wraps it
	Plaintext  []byte
	Ciphertext []byte
}

// KeyService is what custody asks of the key service. Calls are authorised for the caller that they are made with, and recorded,
// like any other call.
type KeyService interface {
	// Describe finds a customer's or managed key by id, ARN or alias, and refuses one that cannot be used. It needs
	// kms:DescribeKey.
	Describe(ctx context.Context, caller *auth.Caller, keyID string) (engine.Key, error)
	// Generate makes a table key under a key. It needs kms:GenerateDataKey, and kms:CreateGrant for what the database does in
	// the background later. Keys of kind AWSOwned need no permission of the caller, here and below.
	Generate(ctx context.Context, caller *auth.Caller, key engine.Key, encryptionContext map[string]string) (TableKey, error)
	// Decrypt opens a table key. It needs kms:Decrypt.
	Decrypt(ctx context.Context, caller *auth.Caller, key engine.Key, ciphertext []byte, encryptionContext map[string]string) ([]byte, error)
	// Release gives back what Generate was granted for a table.
	Release(ctx context.Context, key engine.Key, encryptionContext map[string]string) error
	// Usable says whether a key could be used by anybody at all: it exists, is enabled and has its material.
	Usable(ctx context.Context, key engine.Key) error
	// Owned and Managed are the keys of the installation and of the account that tables are under by default; they are made on
	// first use.
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
	callers map[string]time.Time // by ARN
}

// Use lets the caller through to the table, or says why not. On the quick way it is one lookup and no allocation.
func (c *Custody) Use(ctx context.Context, caller *auth.Caller, t *engine.Table) error {
	if c.isAdmitted(caller, t) {
		return nil
	}
	if err := c.open(ctx, caller, t); err != nil {
		c.forget(t.ID, caller)
		return c.refuse(ctx, t, err)
	}
	c.remember(caller, t)
	return nil
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
	until, ok := a.callers[caller.ARN]
	a.mu.RUnlock()
	return ok && c.o.Clock.Now().Before(until)
}

func (c *Custody) remember(caller *auth.Caller, t *engine.Table) {
	entry, _ := c.tables.LoadOrStore(t.ID, &admitted{callers: map[string]time.Time{}})
	a := entry.(*admitted)
	now := c.o.Clock.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.callers) >= maxCallers {
		a.dropExpired(now)
	}
	a.callers[caller.ARN] = now.Add(c.o.Lifetime)
}

// maxCallers bounds the memory that one table's callers take; beyond it, those whose time has passed are dropped.
const maxCallers = 1024

func (a *admitted) dropExpired(now time.Time) {
	for arn, until := range a.callers {
		if !now.Before(until) {
			delete(a.callers, arn)
		}
	}
	if len(a.callers) >= maxCallers {
		clear(a.callers)
	}
}

func (c *Custody) forget(id storage.TableID, caller *auth.Caller) {
	if entry, ok := c.tables.Load(id); ok {
		a := entry.(*admitted)
		a.mu.Lock()
		delete(a.callers, caller.ARN)
		a.mu.Unlock()
	}
}

// open asks the key service, as the caller, for the table's key; the keys below it are unlocked with the answer if they are not
// already. It asks in either case: what is in memory says nothing about this caller.
func (c *Custody) open(ctx context.Context, caller *auth.Caller, t *engine.Table) error {
	info, err := c.o.Ring.Describe(t.ID)
	if err != nil {
		return err
	}
	link := info.Current
	tableKey, err := c.o.Keys.Decrypt(ctx, caller.For(Via(t.Name.Region)), keyNamed(t, link.KeyARN), link.TableKeyCiphertext, link.Context)
	if err != nil {
		return err
	}
	defer lockedmem.Wipe(tableKey)
	return c.o.Ring.Unlock(ctx, t.ID, func(_ context.Context, keyARN string, _ map[string]string, ciphertext []byte) ([]byte, string, error) {
		if !bytes.Equal(ciphertext, link.TableKeyCiphertext) {
			return nil, keyARN, errors.New("the table's key was changed meanwhile")
		}
		return bytes.Clone(tableKey), keyARN, nil
	})
}

// keyNamed is the table's key, or the one before, of which a change that is not done may still need to be opened.
func keyNamed(t *engine.Table, keyARN string) engine.Key {
	if t.Encryption.Previous.ARN == keyARN && t.Encryption.Key.ARN != keyARN {
		return t.Encryption.Previous
	}
	if t.Encryption.Key.ARN == keyARN {
		return t.Encryption.Key
	}
	return engine.Key{Kind: engine.CustomerManaged, ARN: keyARN}
}

// refuse closes the table when its key is unusable for everybody, and passes the reason on.
func (c *Custody) refuse(ctx context.Context, t *engine.Table, reason error) error {
	if err := c.o.Keys.Usable(ctx, t.Encryption.Key); err != nil {
		c.Close(ctx, t.ID)
	}
	return reason
}

// Close makes the table's rows durable, closes it and zeroes its keys. Nobody is admitted afterwards.
func (c *Custody) Close(ctx context.Context, id storage.TableID) {
	c.tables.Delete(id)
	if !c.o.Ring.Unlocked(id) {
		return
	}
	if err := c.o.Store.SealTable(ctx, id); err != nil && !errors.Is(err, storage.ErrNoTable) {
		c.o.Log.Error("a table whose key cannot be used was closed uncleanly; what it lacks is in the journal", "table", id, "error", err)
	}
	c.o.Ring.Lock(id)
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
	key, err := c.o.Keys.Generate(ctx, caller.For(Via(t.Name.Region)), t.Encryption.Key, EncryptionContext(t))
	if err != nil {
		return err
	}
	if err := c.o.Ring.Create(ctx, t.ID, chain(key, t), key.Plaintext); err != nil {
		return fmt.Errorf("keeping the keys of the new table: %w", err)
	}
	return nil
}

func chain(key TableKey, t *engine.Table) tablekeys.Chain {
	return tablekeys.Chain{KeyARN: key.KeyARN, Context: EncryptionContext(t), TableKeyCiphertext: key.Ciphertext}
}

// Destroy erases the keys of a table for good.
func (c *Custody) Destroy(ctx context.Context, id storage.TableID) error {
	c.tables.Delete(id)
	info, err := c.o.Ring.Describe(id)
	if err == nil {
		if err := c.o.Keys.Release(ctx, engine.Key{ARN: info.Current.KeyARN}, info.Current.Context); err != nil {
			c.o.Log.Warn("the grants of a deleted table could not be retired", "table", id, "error", err)
		}
	}
	return c.o.Ring.Destroy(ctx, id)
}
