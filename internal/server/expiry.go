package server

import (
	"context"
	"errors"
	"time"

	"github.com/sealtable/sealtable/internal/engine"
	"github.com/sealtable/sealtable/internal/seal"
	"github.com/sealtable/sealtable/internal/service/dynamodbstreams"
	"github.com/sealtable/sealtable/internal/storage"
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

// openExpiry starts what takes items and records away when their time has come. The work is done in parts,
// between which other jobs of the clock have their turn: a table of many expired items does not keep the look
// at the keys of tables waiting.
func (s *Server) openExpiry(context.Context) error {
	ctx, cancel := context.WithCancel(context.Background())
	s.onClose(func() error {
		cancel()
		s.clock.Close()
		return nil
	})
	s.clock.At(s.clock.Now().Add(expiryPeriod), func(due time.Time) time.Time {
		if s.expireSome(ctx) {
			return s.clock.Now()
		}
		return due.Add(expiryPeriod)
	})
	s.clock.Every(trimPeriod, func(time.Time) { s.trimStreams(ctx) })
	return nil
}

// expireAll takes away all that has expired by now, for whoever moved the clock and waits.
func (s *Server) expireAll() {
	for s.expireSome(context.Background()) {
	}
}

// expireSome takes away a part of what has expired; more says that there is more. A table whose key cannot be
// used keeps its items until it can.
func (s *Server) expireSome(ctx context.Context) (more bool) {
	s.expiring.Lock()
	defer s.expiring.Unlock()
	now := s.clock.Now()
	for _, t := range s.engine.AllTables() {
		if t.Deleting || !t.ExpiryDue(now) || !s.wake(ctx, t) {
			continue
		}
		left, err := s.engine.Expire(ctx, t, now)
		s.noteFailure("items of a table that have expired are still there", t, err)
		more = more || left && err == nil
	}
	return more && ctx.Err() == nil
}

func (s *Server) trimStreams(ctx context.Context) {
	s.expiring.Lock()
	defer s.expiring.Unlock()
	now := s.clock.Now()
	for _, t := range s.engine.AllTables() {
		if !t.Deleting && t.TrimDue(now) && s.wake(ctx, t) {
			s.noteFailure("records of a table's streams that are too old are still there", t,
				s.engine.TrimStreams(ctx, t, now))
		}
	}
}

// wake opens a table that nobody uses now. The next round tries again.
func (s *Server) wake(ctx context.Context, t *engine.Table) bool {
	if ctx.Err() != nil {
		return false
	}
	err := s.tableKeys().Wake(ctx, t)
	if err != nil {
		s.log.Debug("a table is left alone by what takes items away when their time has come", "table", t.ID,
			"error", err)
	}
	return err == nil
}

func (s *Server) noteFailure(what string, t *engine.Table, err error) {
	var sealed *storage.SealedError
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, engine.ErrNoTable) ||
		errors.Is(err, storage.ErrNoTable) || errors.As(err, &sealed) {
		return
	}
	s.log.Warn(what, "table", t.ID, "error", err)
}
