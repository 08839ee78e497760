package server

import (
	"context"
	"errors"
	"fmt"

	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/custody"
	"github.com/sealtable/sealtable/internal/engine"
	"github.com/sealtable/sealtable/internal/service/dynamodb"
	"github.com/sealtable/sealtable/internal/storage"
)

// tableKeys lets the database use custody: a table is what is in custody there.
type tableKeys struct {
	custody *custody.Custody
	engine  *engine.Engine
}

var _ dynamodb.TableKeys = tableKeys{}

func (s *Server) tableKeys() tableKeys { return tableKeys{s.custody, s.engine} }

func subjectOf(t *engine.Table) custody.Subject {
	return custody.Subject{ID: t.ID, Account: t.Name.Account, Region: t.Name.Region, Name: t.Name.Table,
		Key: keyOf(t.Encryption.Key), Previous: keyOf(t.Encryption.Previous)}
}

func keyOf(k engine.Key) custody.Key {
	return custody.Key{Kind: custody.KeyKind(k.Kind), ARN: k.ARN}
}

// maxDescriptions is how often a call reads the description of a table again whose key is changed meanwhile.
const maxDescriptions = 10

// latest runs ask with the table, and again with its newer description when its key was changed meanwhile.
func (k tableKeys) latest(t *engine.Table, ask func(custody.Subject) error) (err error) {
	for range maxDescriptions {
		if err = ask(subjectOf(t)); !errors.Is(err, custody.ErrStale) {
			return err
		}
		now, lost := k.engine.Table(t.Name)
		if lost != nil || now.ID != t.ID {
			return engine.ErrNoTable
		}
		t = now
	}
	return err
}

// Use implements dynamodb.TableKeys.
func (k tableKeys) Use(ctx context.Context, caller *auth.Caller, t *engine.Table) error {
	err := k.custody.Use(ctx, caller, subjectOf(t))
	if !errors.Is(err, custody.ErrStale) {
		return err
	}
	return k.latest(t, func(s custody.Subject) error { return k.custody.Use(ctx, caller, s) })
}

// Wake implements dynamodb.TableKeys.
func (k tableKeys) Wake(ctx context.Context, t *engine.Table) error {
	return k.latest(t, func(s custody.Subject) error { return k.custody.Wake(ctx, s) })
}

// Choose implements dynamodb.TableKeys.
func (k tableKeys) Choose(
	ctx context.Context, caller *auth.Caller, region string, kind engine.KeyKind, keyID string,
) (engine.Key, error) {
	key, err := k.custody.Choose(ctx, caller, region, custody.KeyKind(kind), keyID)
	return engine.Key{Kind: engine.KeyKind(key.Kind), ARN: key.ARN}, err
}

// Hold implements dynamodb.TableKeys.
func (k tableKeys) Hold(id storage.TableID) (release func(), err error) { return k.custody.Hold(id) }

// LacksGrant implements dynamodb.TableKeys.
func (k tableKeys) LacksGrant(ctx context.Context, t *engine.Table) bool {
	return k.custody.LacksGrant(ctx, subjectOf(t))
}

// Create implements dynamodb.TableKeys.
func (k tableKeys) Create(ctx context.Context, caller *auth.Caller, t *engine.Table) error {
	return k.custody.Create(ctx, caller, subjectOf(t))
}

// Change implements dynamodb.TableKeys.
func (k tableKeys) Change(
	ctx context.Context, caller *auth.Caller, t *engine.Table, to engine.Key, record func() error,
) error {
	return k.custody.Change(ctx, caller, subjectOf(t), keyOf(to), func() error {
		err := record()
		if errors.Is(err, engine.ErrUncertain) {
			return fmt.Errorf("%w: %w", custody.ErrUncertain, err)
		}
		return err
	})
}

// Destroy implements dynamodb.TableKeys.
func (k tableKeys) Destroy(ctx context.Context, id storage.TableID) error {
	return k.custody.Destroy(ctx, id)
}
