package custody

import "context"

// Wake opens a subject for what the database does on its own, with what it was granted on the subject's key:
// nobody calls, and nobody is admitted by it. It is asked as any caller is, so the key's policy counts for it
// too, and its answer lives no longer (P2). Whether the key can be used at all it asks each time, so that
// work in the background ends no later than a caller's would.
func (c *Custody) Wake(ctx context.Context, s Subject) error {
	if _, stale := c.admissions(s.ID).state(); stale != nil {
		return stale
	}
	if err := c.usable(ctx, &s); err != nil {
		return err
	}
	return c.Use(ctx, Database(s.Account, s.Region), s)
}
