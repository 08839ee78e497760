// Package engine is the database: tables, their items, and how items are found again.
//
// Callers may rely on this: a call that returned nil is durable; one that returned an error changed nothing;
// two writes of one item never interleave; and what a read returns was durable before. The engine takes Go
// values and gives Go values. It knows no HTTP, no names of AWS exceptions and no keys: rows go to a
// storage.Store, which seals them.
package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/sealtable/sealtable/internal/clock"
	"github.com/sealtable/sealtable/internal/storage"
)

// Errors of the engine. Services give them their names and texts.
var (
	ErrTableExists   = errors.New("engine: the table exists")
	ErrNoTable       = errors.New("engine: no such table")
	ErrItemTooLarge  = errors.New("engine: item too large")
	ErrNotACondition = errors.New("engine: the condition does not hold")
	// ErrUncertain says that the disk failed while a table's description was written, so that only the next
	// start shows which one is there. Whoever holds something for both cases keeps it.
	ErrUncertain = errors.New("engine: whether the table changed is known after a restart")
)

// Records keeps the descriptions of tables. Write is durable when it returns, and all or nothing; a nil value
// deletes.
type Records interface {
	Load(ctx context.Context, visit func(name string, data []byte) error) error
	Write(ctx context.Context, changes map[string][]byte) error
}

// KeyDestroyer destroys the keys of a table for good, so that its rows can never be read again. Destroying
// the keys of a table that has none is no error.
type KeyDestroyer func(ctx context.Context, id storage.TableID) error

// Options are what an Engine works with.
type Options struct {
	Store       storage.Store
	Records     Records
	DestroyKeys KeyDestroyer
	Clock       *clock.Clock
	Log         *slog.Logger
}

// Engine is a database. It is safe for concurrent use.
type Engine struct {
	store       storage.Store
	records     Records
	destroyKeys KeyDestroyer
	clock       *clock.Clock
	log         *slog.Logger

	// serialises changes to the set of tables and their descriptions, never reads or item operations
	changing sync.Mutex
	tables   tableIndex
	writers  writers

	tokens     sync.Mutex
	tokensOpen bool
}

// Open loads the tables. What a crash left of tables that were being created or deleted is removed: their
// keys first.
func Open(ctx context.Context, o Options) (*Engine, error) {
	e := &Engine{store: o.Store, records: o.Records, destroyKeys: o.DestroyKeys, clock: o.Clock, log: o.Log}
	known := map[storage.TableID]bool{}
	err := o.Records.Load(ctx, func(name string, data []byte) error {
		t, err := decodeTable(data)
		if err != nil {
			return fmt.Errorf("description of table %s: %w", name, err)
		}
		known[t.ID] = true
		t.live = newLive(e.clock)
		t.live.know(t, false)
		e.tables.put(t)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return e, e.removeOrphans(ctx, known)
}

func (e *Engine) removeOrphans(ctx context.Context, known map[storage.TableID]bool) error {
	stored, err := e.store.Tables(ctx)
	if err != nil {
		return err
	}
	for _, id := range stored {
		if known[id] || id.IsSystem() {
			continue
		}
		e.log.Info("removing what is left of a table that does not exist", "table", id)
		if err := e.erase(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

// erase destroys a table's keys, then its files.
func (e *Engine) erase(ctx context.Context, id storage.TableID) error {
	if err := e.destroyKeys(ctx, id); err != nil {
		return fmt.Errorf("destroying the keys of table %s: %w", id, err)
	}
	return e.store.DropTable(ctx, id)
}
