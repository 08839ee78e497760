package embedded

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/cockroachdb/pebble/v2"

	"github.com/sealtable/sealtable/internal/storage"
)

// Get implements storage.Store.
func (s *Store) Get(ctx context.Context, row storage.Row, dst []byte) (value []byte, found bool, err error) {
	if err := checkRow(&row); err != nil {
		return dst, false, err
	}
	t, err := s.find(ctx, row.Table)
	if err != nil {
		return dst, false, err
	}
	inst, err := t.enter()
	if err != nil {
		return dst, false, err
	}
	defer t.leave()
	key := s.keys.Get().(*[]byte)
	defer s.keys.Put(key)
	*key = appendRowKey((*key)[:0], row.Collection, row.Partition, row.Sort)
	return inst.get(*key, dst)
}

// get appends the value of a key to dst.
func (i *instance) get(key, dst []byte) (value []byte, found bool, err error) {
	defer i.guardRead(&err)
	if err := i.refusal(); err != nil {
		return dst, false, err
	}
	db := i.db.Load()
	if db == nil {
		return dst, false, nil
	}
	got, closer, err := db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return dst, false, i.refusal()
	}
	if err != nil {
		return dst, false, err
	}
	value = append(dst, got...)
	if err := errors.Join(closer.Close(), i.refusal()); err != nil {
		return dst, false, err
	}
	return value, true, nil
}

// guardRead ends a read: what failed for wrong bytes, or in a way that Pebble does not return from, fails the
// table.
func (i *instance) guardRead(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("%w: %v", errPanic, r)
	}
	if *err == nil {
		return
	}
	*err = i.describe(*err)
	var corrupt *storage.CorruptError
	if errors.As(*err, &corrupt) || errors.Is(*err, errPanic) {
		i.fail(*err)
	}
}

// Read implements storage.Store.
func (s *Store) Read(ctx context.Context, r storage.PartitionRead) storage.Iterator {
	if len(r.Partition) > storage.MaxPartition || len(r.Low.Sort) > storage.MaxSort ||
		len(r.High.Sort) > storage.MaxSort {
		return failed(storage.ErrTooLarge)
	}
	return s.iterate(ctx, r.Table, partitionRange(&r), r.Reverse)
}

// Scan implements storage.Store. The order is that of the partitions' hashes.
func (s *Store) Scan(ctx context.Context, scan storage.CollectionScan) storage.Iterator {
	if after := scan.After; after != nil && (len(after.Partition) > storage.MaxPartition ||
		len(after.Sort) > storage.MaxSort) {
		return failed(storage.ErrTooLarge)
	}
	keys, err := scanRange(&scan)
	if err != nil {
		return failed(err)
	}
	return s.iterate(ctx, scan.Table, keys, false)
}

func (s *Store) iterate(
	ctx context.Context, id storage.TableID, keys keyRange, reverse bool,
) storage.Iterator {
	t, err := s.find(ctx, id)
	if err != nil {
		return failed(err)
	}
	inst, err := t.enter()
	if err != nil {
		return failed(err)
	}
	defer t.leave()
	it := &iterator{ctx: ctx, inst: inst, reverse: reverse}
	if it.rows, err = inst.rows(keys); err != nil {
		return failed(err)
	}
	inst.readers.add(it)
	return it
}

// rows opens a Pebble iterator, nil if there can be no rows.
func (i *instance) rows(keys keyRange) (rows *pebble.Iterator, err error) {
	defer i.guardRead(&err)
	if err := i.refusal(); err != nil {
		return nil, err
	}
	db := i.db.Load()
	if db == nil || keys.empty() {
		return nil, nil
	}
	return db.NewIter(&pebble.IterOptions{LowerBound: keys.lower, UpperBound: keys.upper})
}

// iterator walks rows of one table. It does not hold the table awake: when the table is put to sleep, sealed
// or dropped, its Pebble iterator is closed under it, and it ends with an error. Rows are copied out, so that
// nothing it returned is touched then.
type iterator struct {
	ctx     context.Context
	inst    *instance
	reverse bool

	mu        sync.Mutex
	rows      *pebble.Iterator // nil once ended
	begun     bool
	err       error
	row       []byte // key and value of the current row
	keyEnd    int
	partition []byte
	sort      []byte
}

// Next implements storage.Iterator.
func (it *iterator) Next() bool {
	it.mu.Lock()
	defer it.mu.Unlock()
	if it.err == nil {
		it.err = it.ctx.Err()
	}
	if it.err != nil || it.rows == nil {
		return false
	}
	more, err := it.advance()
	if err != nil {
		it.err = err
	}
	return more && err == nil
}

// advance moves to the next row and copies it.
func (it *iterator) advance() (more bool, err error) {
	defer it.inst.guardRead(&err)
	if !it.move() {
		return false, errors.Join(it.rows.Error(), it.inst.refusal())
	}
	value, err := it.rows.ValueAndErr()
	if err != nil {
		return false, err
	}
	it.row = append(it.row[:0], it.rows.Key()...)
	it.keyEnd = len(it.row)
	it.row = append(it.row, value...)
	it.partition, it.sort, err = splitRowKey(it.row[:it.keyEnd:it.keyEnd])
	return err == nil, errors.Join(err, it.inst.refusal())
}

func (it *iterator) move() bool {
	first := !it.begun
	it.begun = true
	switch {
	case first && it.reverse:
		return it.rows.Last()
	case first:
		return it.rows.First()
	case it.reverse:
		return it.rows.Prev()
	}
	return it.rows.Next()
}

// Partition implements storage.Iterator.
func (it *iterator) Partition() []byte { return it.partition }

// Sort implements storage.Iterator.
func (it *iterator) Sort() []byte { return it.sort }

// Value implements storage.Iterator.
func (it *iterator) Value() []byte { return it.row[it.keyEnd:] }

// Err implements storage.Iterator.
func (it *iterator) Err() error {
	it.mu.Lock()
	defer it.mu.Unlock()
	return it.err
}

// Close implements storage.Iterator. Until its Pebble iterator is closed it stays known, for whoever closes
// the table.
func (it *iterator) Close() error {
	defer it.inst.readers.remove(it)
	return it.end(nil)
}

// end closes the Pebble iterator; an iterator that was not at its end says why.
func (it *iterator) end(why error) (err error) {
	it.mu.Lock()
	defer it.mu.Unlock()
	if it.rows == nil {
		return nil
	}
	defer guard(&err)
	rows := it.rows
	it.rows = nil
	if it.err == nil {
		it.err = why
	}
	if err := rows.Close(); err != nil && it.err == nil {
		return it.inst.describe(err)
	}
	return nil
}

// readers are the open iterators of a table that is awake.
type readers struct {
	mu   sync.Mutex
	open map[*iterator]struct{}
}

func (r *readers) add(it *iterator) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.open == nil {
		r.open = make(map[*iterator]struct{})
	}
	r.open[it] = struct{}{}
}

func (r *readers) remove(it *iterator) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.open, it)
}

func (r *readers) any() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.open) > 0
}

// end ends all iterators. Nobody adds more: the caller holds the table's gate alone.
func (r *readers) end(why error) {
	r.mu.Lock()
	open := r.open
	r.open = nil
	r.mu.Unlock()
	for it := range open {
		_ = it.end(why) // its owner hears why from Err
	}
}

// failed is an iterator that ends with an error at once.
func failed(err error) storage.Iterator { return failedIterator{err} }

type failedIterator struct{ err error }

func (f failedIterator) Next() bool        { return false }
func (f failedIterator) Partition() []byte { return nil }
func (f failedIterator) Sort() []byte      { return nil }
func (f failedIterator) Value() []byte     { return nil }
func (f failedIterator) Err() error        { return f.err }
func (f failedIterator) Close() error      { return nil }
