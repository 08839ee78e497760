package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"unsafe"

	"github.com/cespare/xxhash/v2"

	"github.com/sealtable/sealtable/internal/storage"
)

// tableIndex finds tables by name without a lock. Writers replace one small map; the engine's changing mutex
// keeps them apart.
type tableIndex struct {
	shards [64]atomic.Pointer[map[Name]*Table]
}

func (x *tableIndex) shard(n Name) *atomic.Pointer[map[Name]*Table] {
	return &x.shards[xxhash.Sum64(unsafe.Slice(unsafe.StringData(n.Table), len(n.Table)))%uint64(
		len(x.shards),
	)]
}

func (x *tableIndex) get(n Name) (*Table, bool) {
	tables := x.shard(n).Load()
	if tables == nil {
		return nil, false
	}
	t, ok := (*tables)[n]
	return t, ok
}

func (x *tableIndex) change(n Name, change func(map[Name]*Table)) {
	shard := x.shard(n)
	next := map[Name]*Table{}
	if tables := shard.Load(); tables != nil {
		next = maps.Clone(*tables)
	}
	change(next)
	shard.Store(&next)
}

func (x *tableIndex) put(t *Table) { x.change(t.Name, func(m map[Name]*Table) { m[t.Name] = t }) }

func (x *tableIndex) remove(n Name) { x.change(n, func(m map[Name]*Table) { delete(m, n) }) }

func (x *tableIndex) each(visit func(*Table)) {
	for i := range x.shards {
		if tables := x.shards[i].Load(); tables != nil {
			for _, t := range *tables {
				visit(t)
			}
		}
	}
}

// Table finds a table.
func (e *Engine) Table(n Name) (*Table, error) {
	t, ok := e.tables.get(n)
	if !ok {
		return nil, ErrNoTable
	}
	return t, nil
}

// TableNames lists the names of an account's tables in one region, sorted, that come after a name.
func (e *Engine) TableNames(account, region, after string) []string {
	var names []string
	e.tables.each(func(t *Table) {
		if t.Name.Account == account && t.Name.Region == region && t.Name.Table > after {
			names = append(names, t.Name.Table)
		}
	})
	slices.Sort(names)
	return names
}

// AllTables lists every table of the installation, ordered by name.
func (e *Engine) AllTables() []*Table {
	var all []*Table
	e.tables.each(func(t *Table) { all = append(all, t) })
	slices.SortFunc(all, func(a, b *Table) int { return strings.Compare(a.Name.String(), b.Name.String()) })
	return all
}

// CreateTable makes an empty table as t describes it; its keys must exist. The description is what makes the
// table exist: a crash before it is durable leaves nothing that Open does not remove.
func (e *Engine) CreateTable(ctx context.Context, t *Table) error {
	return e.CreateTableIf(ctx, t, func() error { return nil })
}

// CreateTableIf is CreateTable if admit finds room for the table. admit runs alone, as the change function of
// UpdateTable does: no other table comes in between. Its error is returned as it is.
func (e *Engine) CreateTableIf(ctx context.Context, t *Table, admit func() error) error {
	e.changing.Lock()
	defer e.changing.Unlock()
	if _, ok := e.tables.get(t.Name); ok {
		return ErrTableExists
	}
	if err := admit(); err != nil {
		return err
	}
	t.prepare()
	if err := e.store.CreateTable(ctx, t.ID); err != nil {
		return err
	}
	if err := e.save(ctx, t); err != nil {
		if err = e.undo(ctx, t.Name, nil, err); errors.Is(err, ErrUncertain) {
			return err // the description may be there at the next start, which then needs the table
		}
		return errors.Join(err, e.store.DropTable(context.WithoutCancel(ctx), t.ID))
	}
	t.live = newLive(e.clock)
	t.live.know(t, true)
	e.tables.put(t)
	return nil
}

// UpdateTable applies change to a copy of the description and makes the result durable. When change returns
// an error, nothing changes and that error is returned as it is. change runs alone: no other change to any
// description happens meanwhile. An error that is ErrUncertain says that the description of the next start
// may be the old or the new one. Where another stream records changes from now on, or another attribute says
// when items expire, every transaction that did not see that is over when it returns.
func (e *Engine) UpdateTable(ctx context.Context, n Name, change func(*Table) error) (*Table, error) {
	e.changing.Lock()
	defer e.changing.Unlock()
	current, ok := e.tables.get(n)
	if !ok {
		return nil, ErrNoTable
	}
	next := current.clone()
	next.live = current.live
	if err := change(next); err != nil {
		return nil, err
	}
	next.prepare()
	if err := e.save(ctx, next); err != nil {
		return nil, e.undo(ctx, n, current, err)
	}
	next.live.know(next, true)
	e.tables.put(next)
	if next.followsOtherwise(current) {
		e.writers.settle()
		next.live.endStreams(next)
	}
	return next, nil
}

// DeleteTable removes a table: its description, then its keys, then its files. What a crash leaves undone,
// Open does.
func (e *Engine) DeleteTable(ctx context.Context, n Name, id storage.TableID) error {
	e.changing.Lock()
	defer e.changing.Unlock()
	t, ok := e.tables.get(n)
	if !ok || t.ID != id {
		return ErrNoTable
	}
	if err := e.records.Write(ctx, map[string][]byte{n.String(): nil}); err != nil {
		return err
	}
	e.tables.remove(n)
	return e.erase(ctx, id)
}

func (e *Engine) save(ctx context.Context, t *Table) error {
	data, err := json.Marshal(t)
	if err != nil {
		return err
	}
	return e.records.Write(ctx, map[string][]byte{t.Name.String(): data})
}

// undo makes sure that a description which could not be written is not there after all, by writing the one
// before it, which may be none. When that fails too, what the disk holds is not known before the next start.
func (e *Engine) undo(ctx context.Context, n Name, before *Table, cause error) error {
	ctx = context.WithoutCancel(ctx)
	var err error
	if before == nil {
		err = e.records.Write(ctx, map[string][]byte{n.String(): nil})
	} else {
		err = e.save(ctx, before)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUncertain, cause)
	}
	return cause
}
