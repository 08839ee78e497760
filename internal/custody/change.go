package custody

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/engine"
	"github.com/sealtable/sealtable/internal/storage"
)

// Choose finds the key that a request names. An empty keyID with kind AWSOwned or AWSManaged gives the
// default of that kind.
func (c *Custody) Choose(
	ctx context.Context, caller *auth.Caller, region string, kind engine.KeyKind, keyID string,
) (engine.Key, error) {
	switch {
	case kind == engine.AWSOwned:
		return c.o.Keys.Owned(ctx, caller.Account, region)
	case keyID == "" || keyID == ManagedAlias:
		return c.o.Keys.Managed(ctx, caller.Account, region)
	}
	return c.o.Keys.Describe(ctx, caller.For(Via(region)), keyID)
}

// ManagedAlias is the name of the key that DynamoDB manages for an account in a region.
const ManagedAlias = "alias/aws/dynamodb"

// Change puts a table under another key. The new table key is kept beside the old one; then record makes the
// table's description say the new key, which is what decides; then the old one is dropped. A crash at any
// point leaves a table that opens, and Reconcile finishes what was begun. No row is written anew. When it is
// not known what record wrote (engine.ErrUncertain), both table keys stay until the next start knows.
func (c *Custody) Change(
	ctx context.Context, caller *auth.Caller, t *engine.Table, to engine.Key, record func() error,
) error {
	a := c.admissions(t.ID)
	closed, stale := a.state()
	if stale != nil {
		return stale
	}
	if err := c.open(ctx, caller, t, func() bool { now, _ := a.state(); return now == closed }); err != nil {
		return c.refuse(ctx, t, err)
	}
	key, err := c.o.Keys.Generate(ctx, caller.For(Via(t.Name.Region)), to, t.ID, EncryptionContext(t))
	if err != nil {
		return err
	}
	number, err := c.o.Ring.PrepareRewrap(ctx, t.ID, chain(key, t), key.Plaintext)
	if err != nil {
		c.giveBack(ctx, t, to)
		return fmt.Errorf("keeping the new key of the table: %w", err)
	}
	if err := record(); errors.Is(err, engine.ErrUncertain) {
		return err
	} else if err != nil {
		c.giveBack(ctx, t, to)
		return errors.Join(err, c.o.Ring.AbortRewrap(context.WithoutCancel(ctx), t.ID))
	}
	if err := c.o.Ring.CommitRewrap(context.WithoutCancel(ctx), t.ID, number); err != nil {
		c.o.Log.Warn("the old key of a table is still kept; the next start drops it", "table", t.ID, "error",
			err)
	}
	a.sendAway() // last: until the commit it is the old key that callers are asked about
	if t.Encryption.Key.ARN == to.ARN {
		return nil
	}
	if err := c.o.Keys.Release(context.WithoutCancel(ctx), t.Encryption.Key, t.ID); err != nil {
		c.o.Log.Warn("the grants on the old key of a table could not be retired", "table", t.ID, "error", err)
	}
	return nil
}

// giveBack retires what was granted on a key that the table did not come under after all, unless it is under
// it already.
func (c *Custody) giveBack(ctx context.Context, t *engine.Table, to engine.Key) {
	if t.Encryption.Key.ARN == to.ARN {
		return
	}
	if err := c.o.Keys.Release(context.WithoutCancel(ctx), to, t.ID); err != nil {
		c.o.Log.Warn("the grants on a key that a table was not put under could not be retired", "table", t.ID,
			"error", err)
	}
}

// Reconcile finishes the changes of key that a crash cut short: the table's description decides. A keys file
// that names another key than the description and is not about to change was put back from an earlier day:
// its table stays closed (P5).
func (c *Custody) Reconcile(ctx context.Context, tables []*engine.Table) error {
	var group errgroup.Group
	group.SetLimit(reconcilers)
	for _, t := range tables {
		group.Go(func() error { return c.reconcile(ctx, t) })
	}
	return group.Wait()
}

// reconcilers is how many keys files are read at the same time: a server of many tables should start soon.
const reconcilers = 8

func (c *Custody) reconcile(ctx context.Context, t *engine.Table) error {
	info, err := c.o.Ring.Describe(t.ID)
	if err != nil {
		c.o.Log.Error("the keys of a table cannot be read; the table stays closed", "table", t.ID, "error",
			err)
		return nil
	}
	if info.Prepared == nil {
		c.compare(t, info.Current.KeyARN)
		return nil
	}
	if info.Prepared.KeyARN == t.Encryption.Key.ARN {
		err = c.o.Ring.CommitRewrap(ctx, t.ID, info.Prepared.Number)
	} else {
		err = c.o.Ring.AbortRewrap(ctx, t.ID)
	}
	if err != nil {
		return fmt.Errorf("finishing the change of key of table %s: %w", t.ID, err)
	}
	return nil
}

// compare keeps a table closed whose keys file is not the one that its description was written with.
func (c *Custody) compare(t *engine.Table, keyARN string) {
	if t.Deleting || keyARN == t.Encryption.Key.ARN {
		return
	}
	a := c.admissions(t.ID)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.stale = &storage.CorruptError{Table: t.ID, File: "keys",
		Cause: fmt.Errorf("it is for %s, but the table is under %s: "+
			"put all of the data directory back from one backup", keyARN, t.Encryption.Key.ARN)}
	c.o.Log.Error("a table stays closed; the others go on", "table", t.ID, "error", a.stale)
}

// Sweep looks at every table once: it closes those whose key has become unusable, and tells report about
// every table whose state changed, so that descriptions follow. A sweep that is cancelled says nothing of the
// tables that it did not get to.
func (c *Custody) Sweep(
	ctx context.Context, tables []*engine.Table, report func(t *engine.Table, accessible bool),
) {
	for _, t := range tables {
		if t.Encryption.Key.Kind == engine.AWSOwned || t.Deleting {
			continue
		}
		accessible := c.usable(ctx, t) == nil
		if ctx.Err() != nil {
			return
		}
		if !accessible {
			c.Close(ctx, t.ID)
		}
		if accessible == !t.Encryption.InaccessibleSince.IsZero() {
			report(t, accessible)
		}
	}
}
