package embedded

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"github.com/sealtable/sealtable/internal/storage"
	"github.com/sealtable/sealtable/internal/storage/embedded/journal"
)

var (
	errNotLatched = errors.New("storage: a transaction reads only rows that it latched")
	errNotNamed   = errors.New("storage: a transaction writes only to tables that it latched a row of")
	errTxOver     = errors.New("storage: the transaction is over")
)

// Update implements storage.Store: hold the tables, latch the rows, let fn read and decide, journal, apply,
// let go.
func (s *Store) Update(ctx context.Context, latches []storage.Row, fn func(storage.Tx) error) error {
	if err := s.reclaim.admit(ctx); err != nil {
		return err
	}
	t := s.txs.Get().(*tx)
	defer t.recycle()
	if err := t.prepare(ctx, latches); err != nil {
		return err
	}
	if err := t.enter(); err != nil {
		return err
	}
	defer t.leave()
	if err := s.latches.acquire(ctx, t.hashes); err != nil {
		return err
	}
	defer s.latches.release(t.hashes)
	if err := t.run(fn); err != nil {
		return err
	}
	return t.commit()
}

// tx is one transaction. It is taken from a pool and keeps its buffers.
type tx struct {
	store    *Store
	hashes   []uint64 // of the latched rows, ascending, each once
	written  []bool   // whether this transaction wrote a row of that hash
	tables   []txTable
	sections []journal.Section
	key      []byte
	values   []byte // copies of values read
	live     bool
}

// txTable is what the transaction has to do with one table.
type txTable struct {
	table  *table
	inst   *instance // while held awake
	writes []byte    // as the journal will carry them
	ticket uint64
	flying bool // announced to the table's progress
}

// keepTx bounds the buffers that a transaction keeps for the next one.
const keepTx = 256 << 10

func (t *tx) recycle() {
	for i := range t.tables {
		if cap(t.tables[i].writes) > keepTx {
			t.tables[i].writes = nil
		}
		t.tables[i] = txTable{writes: t.tables[i].writes[:0]}
	}
	t.tables = t.tables[:0]
	clear(t.sections)
	t.hashes = t.hashes[:0]
	t.written = t.written[:0]
	t.sections = t.sections[:0]
	t.values = t.values[:0]
	if cap(t.values) > keepTx {
		t.values = nil
	}
	t.store.txs.Put(t)
}

// prepare finds the tables and the places of the latches, all in ascending order.
func (t *tx) prepare(ctx context.Context, latches []storage.Row) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	for i := range latches {
		if err := checkRow(&latches[i]); err != nil {
			return err
		}
		if err := t.name(ctx, latches[i].Table); err != nil {
			return err
		}
		t.hashes = append(t.hashes, t.store.latches.hash(&latches[i]))
	}
	slices.SortFunc(t.tables, func(a, b txTable) int { return bytes.Compare(a.table.id[:], b.table.id[:]) })
	slices.Sort(t.hashes)
	t.hashes = slices.Compact(t.hashes)
	for range t.hashes {
		t.written = append(t.written, false)
	}
	return nil
}

// name adds a table to the transaction's, once.
func (t *tx) name(ctx context.Context, id storage.TableID) error {
	if t.of(id) != nil {
		return nil
	}
	found, err := t.store.find(ctx, id)
	if err != nil {
		return err
	}
	if len(t.tables) < cap(t.tables) { // its buffer may be from an earlier transaction
		t.tables = t.tables[:len(t.tables)+1]
	} else {
		t.tables = append(t.tables, txTable{})
	}
	last := &t.tables[len(t.tables)-1]
	last.table, last.writes = found, last.writes[:0]
	return nil
}

func (t *tx) of(id storage.TableID) *txTable {
	for i := range t.tables {
		if t.tables[i].table.id == id {
			return &t.tables[i]
		}
	}
	return nil
}

// enter holds all tables awake, or none.
func (t *tx) enter() error {
	for i := range t.tables {
		inst, err := t.tables[i].table.enter()
		if err != nil {
			t.leave()
			return err
		}
		t.tables[i].inst = inst
	}
	return nil
}

func (t *tx) leave() {
	for i := range t.tables {
		if t.tables[i].inst != nil {
			t.tables[i].inst = nil
			t.tables[i].table.leave()
		}
	}
}

func (t *tx) run(fn func(storage.Tx) error) error {
	t.live = true
	defer func() { t.live = false }()
	return fn(t)
}

// Get implements storage.Tx.
func (t *tx) Get(row storage.Row) (value []byte, found bool, err error) {
	table, place, err := t.locate(&row)
	if err != nil {
		return nil, false, err
	}
	if place < 0 {
		return nil, false, errNotLatched
	}
	if t.written[place] {
		if op, own := lastWrite(table.writes, t.key); own {
			return op.value, !op.deleted, nil
		}
	}
	start := len(t.values)
	t.values, found, err = table.inst.get(t.key, t.values)
	return t.values[start:len(t.values):len(t.values)], found, err
}

// Put implements storage.Tx.
func (t *tx) Put(row storage.Row, value []byte) error {
	if len(value) > storage.MaxValue {
		return storage.ErrTooLarge
	}
	table, place, err := t.locate(&row)
	if err != nil {
		return err
	}
	table.writes = appendPut(table.writes, t.key, value)
	t.note(place)
	return nil
}

// Delete implements storage.Tx.
func (t *tx) Delete(row storage.Row) error {
	table, place, err := t.locate(&row)
	if err != nil {
		return err
	}
	table.writes = appendDelete(table.writes, t.key)
	t.note(place)
	return nil
}

// locate leaves the row's key in t.key and finds its table and latch; the place is negative if it has none.
func (t *tx) locate(row *storage.Row) (table *txTable, place int, err error) {
	if !t.live {
		return nil, 0, errTxOver
	}
	if err := checkRow(row); err != nil {
		return nil, 0, err
	}
	table = t.of(row.Table)
	if table == nil {
		return nil, 0, errNotNamed
	}
	t.key = appendRowKey(t.key[:0], row.Collection, row.Partition, row.Sort)
	place, latched := slices.BinarySearch(t.hashes, t.store.latches.hash(row))
	if !latched {
		place = -1
	}
	return table, place, nil
}

func (t *tx) note(place int) {
	if place >= 0 {
		t.written[place] = true
	}
}

// lastWrite finds the latest write to a key in a section of the transaction's own making.
func lastWrite(section, key []byte) (last rowOp, found bool) {
	for len(section) > 0 {
		op, rest, err := nextOp(section)
		if err != nil {
			break
		}
		if bytes.Equal(op.key, key) {
			last, found = op, true
		}
		section = rest
	}
	return last, found
}

// commit journals what was written and then applies it. Once the journal has it, the transaction is a fact: a
// table that fails now refuses, and what it missed is in the journal.
func (t *tx) commit() error {
	size, err := t.ready()
	if err != nil || size == 0 {
		return err
	}
	for i := range t.tables {
		if w := &t.tables[i]; len(w.writes) > 0 {
			w.ticket, w.flying = w.table.progress.begin(t.store.newestLSN), true
		}
	}
	marked := t.isOfInstallation()
	lsn, err := t.store.journalCommit(t.sections, marked)
	if err != nil {
		t.land(0)
		return commitError(err)
	}
	t.store.noteCommit(lsn)
	t.land(lsn)
	t.store.reclaim.committed(int64(size))
	if !marked {
		return t.store.mark.committed()
	}
	return nil
}

// isOfInstallation says whether all rows are of the installation's own tables: keys, policies, grants,
// identities, descriptions of tables. Such a change is answered when the high-water mark has it.
func (t *tx) isOfInstallation() bool {
	for i := range t.sections {
		if !t.sections[i].Table.IsSystem() {
			return false
		}
	}
	return true
}

func (s *Store) journalCommit(sections []journal.Section, marked bool) (journal.LSN, error) {
	if marked {
		return s.journal.CommitMarked(sections)
	}
	return s.journal.Commit(sections)
}

// ready makes sure that each table can take its writes, before they are a fact, and gathers the sections.
func (t *tx) ready() (size int, err error) {
	for i := range t.tables {
		w := &t.tables[i]
		if len(w.writes) == 0 {
			continue
		}
		if _, err := w.inst.ready(); err != nil {
			return 0, err
		}
		t.sections = append(t.sections, journal.Section{Table: w.table.id, Payload: w.writes})
		size += len(w.writes)
	}
	return size, nil
}

// land applies the writes under lsn, or with zero lets go of them.
func (t *tx) land(lsn journal.LSN) {
	for i := range t.tables {
		w := &t.tables[i]
		if !w.flying {
			continue
		}
		if lsn > 0 {
			w.inst.apply(w.writes)
		}
		w.table.progress.end(w.ticket, lsn)
		w.flying = false
	}
}

// commitError is what the journal said, as the contract has it.
func commitError(err error) error {
	switch {
	case errors.Is(err, journal.ErrClosed):
		return storage.ErrClosed
	case errors.Is(err, journal.ErrTooLarge):
		return fmt.Errorf("%w: %w", storage.ErrTooLarge, err)
	}
	return fmt.Errorf("storage: commit: %w", err)
}

// apply puts a section's writes, which the journal has, into the memtable.
func (i *instance) apply(section []byte) {
	if err := i.tryApply(section); err != nil {
		i.fail(err)
	}
}

func (i *instance) tryApply(section []byte) (err error) {
	defer guard(&err)
	db, err := i.ready()
	if err != nil {
		return err
	}
	batch := db.NewBatchWithSize(len(section) + 64)
	if err := addOps(batch, section); err != nil {
		return errors.Join(err, batch.Close())
	}
	if err := db.Apply(batch, pebble.NoSync); err != nil {
		return errors.Join(err, batch.Close())
	}
	i.table.owe(int64(len(section)))
	return batch.Close()
}
