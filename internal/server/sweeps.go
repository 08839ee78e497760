package server

import (
	"context"
	"errors"
	"time"

	"github.com/sealtable/sealtable/internal/custody"
	"github.com/sealtable/sealtable/internal/engine"
	"github.com/sealtable/sealtable/internal/storage"
	"github.com/sealtable/sealtable/internal/upkeep"
)

// openUpkeep begins what the server does on its own; the jobs come with what they look after.
func (s *Server) openUpkeep(context.Context) error {
	s.upkeep = upkeep.New(s.clock)
	s.onClose(func() error {
		err := s.upkeep.Close()
		s.clock.Close()
		return err
	})
	return nil
}

// openSweeps starts what is looked at again and again: whether the keys of tables can still be used.
func (s *Server) openSweeps(ctx context.Context) error {
	s.upkeep.Add(upkeep.Job{Name: "key sweep", Period: s.config.KeySweep, Run: s.sweepKeys})
	s.sweepKeys(ctx, s.clock.Now())
	return nil
}

// sweepKeys lets the descriptions of tables follow the state of their keys, and retires the grants that no
// table claims.
func (s *Server) sweepKeys(ctx context.Context, now time.Time) (found upkeep.Found) {
	for _, t := range s.engine.AllTables() {
		if t.Deleting {
			continue
		}
		found.Worked = s.checkKey(ctx, t, now) || found.Worked
		found.Worked = s.archive(ctx, t, now) || found.Worked
		if since := t.Encryption.InaccessibleSince; !since.IsZero() && t.Encryption.ArchivedAt.IsZero() {
			found.Next = sooner(found.Next, since.Add(s.config.ArchiveAfter), now)
		}
	}
	s.retireUnclaimed(ctx)
	return found
}

// checkKey closes a table whose key has become unusable, and notes what has changed. A table of which it is
// stopped or overtaken before it knows stays as it is.
func (s *Server) checkKey(ctx context.Context, t *engine.Table, now time.Time) (changed bool) {
	if t.Encryption.Key.Kind == engine.AWSOwned {
		return false
	}
	err := s.custody.Check(ctx, subjectOf(t))
	if ctx.Err() != nil || errors.Is(err, custody.ErrStale) {
		return false
	}
	accessible := err == nil
	if accessible != !t.Encryption.InaccessibleSince.IsZero() {
		return false
	}
	s.noteAccess(ctx, t, accessible, now)
	return true
}

// retireUnclaimed retires what the database was granted for tables that are not there, or are under another
// key: a crash leaves such grants.
func (s *Server) retireUnclaimed(ctx context.Context) {
	s.custody.RetireUnclaimed(ctx, func() map[storage.TableID]custody.Subject {
		claims := map[storage.TableID]custody.Subject{}
		for _, t := range s.engine.AllTables() {
			claims[t.ID] = subjectOf(t)
		}
		return claims
	})
}

// noteAccess writes down whether the key of t can be used. What took the name of t since, or came under
// another key, is left as it is: nobody has looked at that yet.
func (s *Server) noteAccess(ctx context.Context, t *engine.Table, accessible bool, now time.Time) {
	_, err := s.engine.UpdateTable(ctx, t.Name, func(next *engine.Table) error {
		if !sameKey(next, t) {
			return nil
		}
		next.Encryption.InaccessibleSince, next.Encryption.ArchivedAt = time.Time{}, time.Time{}
		if !accessible {
			next.Encryption.InaccessibleSince = now
		}
		return nil
	})
	if err != nil && !errors.Is(err, engine.ErrNoTable) {
		s.log.Error("the state of a table could not be recorded", "table", t.ID, "error", err)
	}
}

func sameKey(a, b *engine.Table) bool { return a.ID == b.ID && a.Encryption.Key == b.Encryption.Key }

// archive marks a table whose key has been unusable for long. Its rows stay sealed where they are, and are
// back when the key is; DynamoDB would want it restored from a backup.
func (s *Server) archive(ctx context.Context, t *engine.Table, now time.Time) (changed bool) {
	since := t.Encryption.InaccessibleSince
	if since.IsZero() || !t.Encryption.ArchivedAt.IsZero() || now.Before(since.Add(s.config.ArchiveAfter)) {
		return false
	}
	_, err := s.engine.UpdateTable(ctx, t.Name, func(next *engine.Table) error {
		if sameKey(next, t) && !next.Encryption.InaccessibleSince.IsZero() {
			next.Encryption.ArchivedAt = now
		}
		return nil
	})
	if err != nil && !errors.Is(err, engine.ErrNoTable) {
		s.log.Error("archiving a table failed", "table", t.ARN, "error", err)
	}
	return err == nil
}
