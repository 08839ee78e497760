package server

import (
	"context"
	"errors"
	"time"

	"github.com/sealtable/sealtable/internal/api"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/engine"
	"github.com/sealtable/sealtable/internal/seal"
	"github.com/sealtable/sealtable/internal/service/dynamodbstreams"
	"github.com/sealtable/sealtable/internal/storage"
	"github.com/sealtable/sealtable/internal/upkeep"
)

// newStreams is the service that reads streams.
func (s *Server) newStreams() (*dynamodbstreams.Service, error) {
	iterators, err := s.root.InstallationKey(seal.Iterators)
	if err != nil {
		return nil, err
	}
	s.onClose(func() error {
		iterators.Destroy()
		return nil
	})
	return dynamodbstreams.New(dynamodbstreams.Options{Engine: s.engine, Tables: s.dynamodb, Clock: s.clock,
		Key: iterators}), nil
}

// How often items that have expired are taken away, and records of streams that are too old.
const (
	expiryPeriod = time.Minute
	trimPeriod   = 10 * time.Minute
)

// openExpiry starts what takes items and records away when their time has come.
func (s *Server) openExpiry(context.Context) error {
	s.upkeep.Add(upkeep.Job{Name: "TTL sweep", Period: expiryPeriod, Run: s.expireSome})
	s.upkeep.Add(upkeep.Job{Name: "stream trimming", Period: trimPeriod, Run: s.trimStreams})
	return nil
}

// expireSome takes away a part of what has expired. A table whose key cannot be used keeps its items until it
// can.
func (s *Server) expireSome(ctx context.Context, now time.Time) (found upkeep.Found) {
	for _, t := range s.engine.AllTables() {
		if t.Deleting {
			continue
		}
		if t.ExpiryDue(now) && s.wake(ctx, t) {
			left, err := s.engine.Expire(ctx, t, now)
			s.noteFailure("TTL sweep failed", t, err)
			found.Worked = found.Worked || err == nil
			found.More = found.More || left && err == nil
		}
		found.Next = sooner(found.Next, t.NextExpiry(), now)
	}
	return found
}

func (s *Server) trimStreams(ctx context.Context, now time.Time) (found upkeep.Found) {
	for _, t := range s.engine.AllTables() {
		if t.Deleting {
			continue
		}
		if t.TrimDue(now) && s.wake(ctx, t) {
			err := s.engine.TrimStreams(ctx, t, now)
			s.noteFailure("stream trimming failed", t, err)
			found.Worked = found.Worked || err == nil
		}
		found.Next = sooner(found.Next, t.NextTrim(), now)
	}
	return found
}

// sooner is the earlier of two times that lie after now; zero stands for never.
func sooner(a, b, now time.Time) time.Time {
	if !b.After(now) || !a.IsZero() && a.Before(b) {
		return a
	}
	return b
}

// wake opens a table for the database's own work, or leaves it alone until the next round. The log tells of
// it once, until it is another reason or has passed.
func (s *Server) wake(ctx context.Context, t *engine.Table) bool {
	err := s.tableKeys().Wake(ctx, t)
	if err == nil || ctx.Err() != nil {
		s.skipped.Delete(t.ID)
		return err == nil
	}
	if reason, told := s.skipped.Swap(t.ID, reasonOf(err)); !told || reason != reasonOf(err) {
		s.log.Warn("skipping table: key unusable", "table", t.ARN, "key", t.Encryption.Key.ARN, "error", err)
	}
	return false
}

// reasonOf is what two errors have in common that say the same: their words may name the request.
func reasonOf(err error) string {
	if known := (*api.Error)(nil); errors.As(err, &known) {
		return known.Code
	}
	if denied := (*auth.DeniedError)(nil); errors.As(err, &denied) {
		return denied.Need.Action
	}
	return err.Error()
}

func (s *Server) noteFailure(what string, t *engine.Table, err error) {
	var sealed *storage.SealedError
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, engine.ErrNoTable) ||
		errors.Is(err, storage.ErrNoTable) || errors.As(err, &sealed) {
		return
	}
	s.log.Warn(what, "table", t.ARN, "error", err)
}
