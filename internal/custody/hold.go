package custody

import (
	"context"
	"errors"

	"github.com/sealtable/sealtable/internal/storage"
)

// ErrBusy says that the key of a subject is being changed, or the subject made or deleted.
var ErrBusy = errors.New("custody: somebody else changes the subject")

// Hold keeps everybody else from changing a subject's keys until release, or returns ErrBusy when somebody
// else holds it. Whoever creates or deletes a subject or changes its key holds it, and reads its description
// while holding it:
//
// INVARIANT hold-before-look: what is decided by a description (which grant is given back, which key is the
// old one) is decided while the subject is held, so that two changes never go by one description.
func (c *Custody) Hold(id storage.TableID) (release func(), err error) {
	if _, held := c.held.LoadOrStore(id, struct{}{}); held {
		return nil, ErrBusy
	}
	return func() { c.held.Delete(id) }, nil
}

// RetireUnclaimed retires the grants that no subject's description claims: what a crash left of changes, of
// creations and of deletions. claims returns the subjects by their descriptions as they are now. A subject
// that somebody holds is left to him.
func (c *Custody) RetireUnclaimed(ctx context.Context, claims func() map[storage.TableID]Subject) {
	var unclaimed []Holding
	held, now := c.o.Keys.Holdings(), claims()
	for _, h := range held {
		if _, failed := c.kept.Load(h); !failed && now[h.ID].Key.ARN != h.KeyARN {
			unclaimed = append(unclaimed, h)
		}
	}
	for _, h := range unclaimed {
		if ctx.Err() == nil {
			c.retireUnclaimed(ctx, h, claims)
		}
	}
}

func (c *Custody) retireUnclaimed(
	ctx context.Context, h Holding, claims func() map[storage.TableID]Subject,
) {
	release, err := c.Hold(h.ID)
	if err != nil {
		return
	}
	defer release()
	if claims()[h.ID].Key.ARN == h.KeyARN {
		return // it came under the key meanwhile
	}
	if err := c.o.Keys.Release(ctx, Key{Kind: CustomerManaged, ARN: h.KeyARN}, h.ID); err != nil {
		c.kept.Store(h, struct{}{})
		c.o.Log.Warn("retiring an unclaimed grant failed; the next start tries again", "table", h.ID, "key",
			h.KeyARN, "error", err)
		return
	}
	c.o.Log.Info("retired a grant that no table claims", "table", h.ID, "key", h.KeyARN)
}
