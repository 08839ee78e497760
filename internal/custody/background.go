package custody

import (
	"context"

	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/engine"
)

// Wake opens a table for what the database does on its own, with what it was granted on the table's key:
// nobody calls, and nobody is admitted by it. It asks each time whether the key can be used, so that work in
// the background ends when a caller's would.
func (c *Custody) Wake(ctx context.Context, t *engine.Table) error {
	a := c.admissions(t.ID)
	closed, stale := a.state()
	if stale != nil {
		return stale
	}
	if err := c.usable(ctx, t); err != nil {
		return err
	}
	if c.o.Ring.Unlocked(t.ID) {
		return nil
	}
	return c.open(ctx, databaseItself(t), t, func() bool { now, _ := a.state(); return now == closed })
}

// databaseItself is the database as a caller of the key service: whom grants name.
func databaseItself(t *engine.Table) *auth.Caller {
	name := Via(t.Name.Region)
	return &auth.Caller{Type: auth.Service, Account: t.Name.Account, ARN: name, Region: t.Name.Region,
		SourceIP: name, UserAgent: name}
}
