package custody

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/storage"
)

// Choose finds the key that a request names. An empty keyID with kind AWSOwned or AWSManaged gives the
// default of that kind.
func (c *Custody) Choose(
	ctx context.Context, caller *auth.Caller, region string, kind KeyKind, keyID string,
) (Key, error) {
	switch {
	case kind == AWSOwned:
		return c.o.Keys.Owned(ctx, caller.Account, region)
	case keyID == "" || keyID == ManagedAlias:
		return c.o.Keys.Managed(ctx, caller.Account, region)
	}
	return c.o.Keys.Describe(ctx, caller.For(Via(region)), keyID)
}

// ManagedAlias is the name of the key that DynamoDB manages for an account in a region.
const ManagedAlias = "alias/aws/dynamodb"

// ErrUncertain says that it is known only after a restart which key a subject's description names.
var ErrUncertain = errors.New("custody: which key counts is known after a restart")

// Change puts a subject that the caller holds under another key. The new table key is kept beside the old
// one; then record makes the subject's description say the new key, which is what decides; then the old one
// is dropped. A crash at any point leaves a subject that opens, and Reconcile finishes what was begun. No row
// is written anew. When it is not known what record wrote (ErrUncertain), both table keys stay until the next
// start knows.
func (c *Custody) Change(
	ctx context.Context, caller *auth.Caller, s Subject, to Key, record func() error,
) error {
	number, err := c.prepare(ctx, caller, &s, to)
	if err != nil {
		return err
	}
	if err := record(); errors.Is(err, ErrUncertain) {
		return err
	} else if err != nil {
		c.giveBack(ctx, &s, to)
		return errors.Join(err, c.o.Ring.AbortRewrap(context.WithoutCancel(ctx), s.ID))
	}
	if err := c.o.Ring.CommitRewrap(context.WithoutCancel(ctx), s.ID, number); err != nil {
		c.o.Log.Warn("the old key of a table is still kept; the next start drops it", "table", s.ID, "error",
			err)
	}
	c.admissions(s.ID).sendAway() // last: until the commit it is the old key that callers are asked about
	if s.Key.ARN != to.ARN {
		c.release(ctx, s.Key, s.ID)
	}
	return nil
}

// prepare opens the subject with its old key, and keeps a table key under the new one beside it. A sweep or
// another caller may close the subject in between: then it is asked again.
func (c *Custody) prepare(
	ctx context.Context, caller *auth.Caller, s *Subject, to Key,
) (number uint32, err error) {
	for range maxAsks {
		closed, stale := c.admissions(s.ID).state()
		if stale != nil {
			return 0, stale
		}
		if err = c.open(ctx, caller, s, closed); err == nil {
			number, err = c.prepareOnce(ctx, caller, s, to)
		} else if !cameTooLate(err) {
			return 0, c.refuse(ctx, s, err)
		}
		if !cameTooLate(err) {
			return number, err
		}
	}
	return 0, err
}

func (c *Custody) prepareOnce(ctx context.Context, caller *auth.Caller, s *Subject, to Key) (uint32, error) {
	key, err := c.o.Keys.Generate(ctx, caller.For(Via(s.Region)), s, to)
	if err != nil {
		return 0, err
	}
	number, err := c.o.Ring.PrepareRewrap(ctx, s.ID, chain(key, s), key.Plaintext)
	if err != nil {
		c.giveBack(ctx, s, to)
		return 0, fmt.Errorf("keeping the new key of the table: %w", err)
	}
	return number, nil
}

// giveBack retires what was granted on a key that the subject did not come under after all, unless it is
// under it already.
func (c *Custody) giveBack(ctx context.Context, s *Subject, to Key) {
	if s.Key.ARN != to.ARN {
		c.release(ctx, to, s.ID)
	}
}

// Reconcile finishes the changes of key that a crash cut short: the table's description decides. A keys file
// that names another key than the description and is not about to change was put back from an earlier day:
// its table stays closed (P5).
func (c *Custody) Reconcile(ctx context.Context, subjects []Subject) error {
	var group errgroup.Group
	group.SetLimit(reconcilers)
	for i := range subjects {
		group.Go(func() error { return c.reconcile(ctx, &subjects[i]) })
	}
	return group.Wait()
}

// reconcilers is how many keys files are read at the same time: a server of many tables should start soon.
const reconcilers = 8

func (c *Custody) reconcile(ctx context.Context, s *Subject) error {
	info, err := c.o.Ring.Describe(s.ID)
	if err != nil {
		c.o.Log.Error("the keys of a table cannot be read; the table stays closed", "table", s.ID, "error",
			err)
		return nil
	}
	if info.Prepared == nil {
		c.compare(s, info.Current.KeyARN)
		return nil
	}
	if info.Prepared.KeyARN == s.Key.ARN {
		err = c.o.Ring.CommitRewrap(ctx, s.ID, info.Prepared.Number)
	} else {
		err = c.o.Ring.AbortRewrap(ctx, s.ID)
	}
	if err != nil {
		return fmt.Errorf("finishing the change of key of table %s: %w", s.ID, err)
	}
	return nil
}

// compare keeps a table closed whose keys file is not the one that its description was written with.
func (c *Custody) compare(s *Subject, keyARN string) {
	if keyARN == s.Key.ARN {
		return
	}
	a := c.admissions(s.ID)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.stale = &storage.CorruptError{Table: s.ID, File: "keys",
		Cause: fmt.Errorf("it is for %s, but the table is under %s: "+
			"put all of the data directory back from one backup", keyARN, s.Key.ARN)}
	c.o.Log.Error("a table stays closed; the others go on", "table", s.ID, "error", a.stale)
}

// Check asks whether the subject's key still works for the database, and closes the subject when it does not.
func (c *Custody) Check(ctx context.Context, s Subject) error {
	err := c.usable(ctx, &s)
	if err == nil || ctx.Err() != nil {
		return err
	}
	return c.refuse(ctx, &s, err)
}
