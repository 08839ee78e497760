package engine

import (
	"bytes"
	"context"
	"errors"

	"github.com/sealtable/sealtable/internal/attribute"
	"github.com/sealtable/sealtable/internal/storage"
)

// IndexQuery asks for the entries of one partition of an index.
type IndexQuery struct {
	Hash  []attribute.Value // of all hash attributes, in order
	Equal []attribute.Value // what the first range attributes equal, in order
	// Comparison bounds the range attribute behind those; Low is its operand, High the second one of Between.
	Comparison Comparison
	Low, High  attribute.Value
	Reverse    bool
	// Whole gives the items of the table instead of what a local index holds of them. Each is read by itself.
	Whole bool
	Page  PageRequest
}

// QueryIndex reads one page of a partition of an index, in the order of its range attributes.
func (e *Engine) QueryIndex(ctx context.Context, t *Table, x *Index, q IndexQuery) (*Page, error) {
	if err := x.checkQuery(&q); err != nil {
		return nil, err
	}
	read := storage.PartitionRead{
		Table: t.ID, Collection: x.Collection, Partition: x.appendPartition(nil, q.Hash), Reverse: q.Reverse,
	}
	boundParts(&read, &q)
	if q.Page.Start != nil {
		row, err := x.startRow(t, q.Page.Start)
		if err != nil {
			return nil, err
		}
		if err := startBehind(&read, row); err != nil {
			return nil, err
		}
	}
	return e.readIndexPage(ctx, t, x, e.store.Read(ctx, read), q.Page, q.Whole)
}

// ScanIndex reads one page of an index, or of one segment of it. whole is as in IndexQuery.
func (e *Engine) ScanIndex(ctx context.Context, t *Table, x *Index, s Scan, whole bool) (*Page, error) {
	scan := storage.CollectionScan{Table: t.ID, Collection: x.Collection, Segment: s.Segment, Total: s.Total}
	if s.Page.Start != nil {
		row, err := x.startRow(t, s.Page.Start)
		if err != nil {
			return nil, err
		}
		scan.After = &storage.Position{Partition: row.Partition, Sort: row.Sort}
	}
	return e.readIndexPage(ctx, t, x, e.store.Scan(ctx, scan), s.Page, whole)
}

// checkQuery says whether the operands fit the index's keys.
func (x *Index) checkQuery(q *IndexQuery) error {
	if len(q.Hash) != len(x.Hash) || len(q.Equal) > len(x.Range) ||
		q.Comparison != Any && len(q.Equal) == len(x.Range) {
		return &KeyError{Problem: KeyNotExact, Key: x.Hash[0], Index: x.Name}
	}
	for i, v := range q.Hash {
		if err := x.checkOperand(v, x.Hash[i], false); err != nil {
			return err
		}
	}
	for i, v := range q.Equal {
		if err := x.checkOperand(v, x.Range[i], true); err != nil {
			return err
		}
	}
	if q.Comparison == Any {
		return nil
	}
	key := x.Range[len(q.Equal)]
	for i, v := range []attribute.Value{q.Low, q.High} {
		if i == 1 && q.Comparison != Between || q.Comparison == BeginsWith && v.Kind() == key.Kind &&
			len(v.Text()) == 0 {
			continue
		}
		if err := x.checkOperand(v, key, true); err != nil {
			return err
		}
	}
	return nil
}

func (x *Index) checkOperand(v attribute.Value, key KeyAttribute, isRange bool) error {
	err := CheckKeyValue(v, key, isRange)
	if wrong := new(KeyError); errors.As(err, &wrong) {
		wrong.Index = x.Name
	}
	return err
}

// boundParts turns the conditions into bounds over sort bytes: those begin with the values of the range
// attributes, each of which ends in a way that keeps their order.
func boundParts(read *storage.PartitionRead, q *IndexQuery) {
	var prefix []byte
	for _, v := range q.Equal {
		prefix = attribute.AppendKeyPart(prefix, v)
	}
	from, behind := prefix, prefixEnd(prefix)
	if q.Comparison != Any {
		low := attribute.AppendKeyPart(bytes.Clone(prefix), q.Low)
		switch q.Comparison {
		case Equal:
			from, behind = low, prefixEnd(low)
		case Less:
			behind = low
		case LessOrEqual:
			behind = prefixEnd(low)
		case Greater:
			from = prefixEnd(low)
		case GreaterOrEqual:
			from = low
		case Between:
			from, behind = low, prefixEnd(attribute.AppendKeyPart(bytes.Clone(prefix), q.High))
		case BeginsWith:
			from = low[:len(low)-partEnd]
			behind = prefixEnd(from)
		}
	}
	if len(from) > 0 {
		read.Low = at(from)
	}
	if len(behind) > 0 {
		read.High = beyond(behind)
	}
}

// partEnd is how many bytes attribute.AppendKeyPart puts behind a value.
const partEnd = 2

// startRow is the row that a start key names: it must hold the keys of index and table and nothing else.
func (x *Index) startRow(t *Table, start attribute.Item) (storage.Row, error) {
	if start.Len() != x.startKey(t, start).Len() {
		return storage.Row{}, ErrStartKey
	}
	if _, err := t.rowOf(start, nil); err != nil {
		return storage.Row{}, ErrStartKey
	}
	row, ok := x.rowOf(t, start)
	if !ok {
		return storage.Row{}, ErrStartKey
	}
	return row, nil
}

// startKey is the part of an entry, or of an item, that a page which follows it starts with.
func (x *Index) startKey(t *Table, item attribute.Item) attribute.Item {
	var b attribute.Builder
	for _, keys := range [][]KeyAttribute{t.Key.Attributes(), x.Hash, x.Range} {
		for _, key := range keys {
			b.Set(key.Name, item.Get(key.Name))
		}
	}
	return b.Item()
}

// readIndexPage is readPage for the entries of an index.
func (e *Engine) readIndexPage(
	ctx context.Context, t *Table, x *Index, rows storage.Iterator, request PageRequest, whole bool,
) (page *Page, err error) {
	defer func() { err = errors.Join(err, rows.Close()) }()
	page = &Page{}
	var memory arena
	var last attribute.Item
	room := request.room()
	for rows.Next() {
		held, err := storedItem(t.ID, rows.Value())
		if err != nil {
			return nil, err
		}
		size := held.Size()
		if page.Scanned > 0 && page.Size+page.FetchedSize+size > room {
			page.LastKey = x.startKey(t, last)
			return page, nil
		}
		item := held
		if whole {
			if item, err = e.fetch(ctx, t, x, held, rows); err != nil {
				return nil, err
			}
			page.noteFetched(item)
		}
		if err := page.add(&memory, item, size, request.Filter); err != nil {
			return nil, err
		}
		last = append(last[:0], held...)
		if page.Scanned == request.Limit {
			page.LastKey = x.startKey(t, last)
			return page, nil
		}
	}
	return page, rows.Err()
}

// fetch reads the item of an entry from the table; nil when it was deleted, or moved within the index, since
// the entry was read.
func (e *Engine) fetch(
	ctx context.Context, t *Table, x *Index, held attribute.Item, at storage.Iterator,
) (attribute.Item, error) {
	item, err := e.Get(ctx, t, t.KeyOf(held), nil)
	if err != nil || item == nil {
		return nil, err
	}
	row, ok := x.rowOf(t, item)
	if !ok || !bytes.Equal(row.Partition, at.Partition()) || !bytes.Equal(row.Sort, at.Sort()) {
		return nil, nil
	}
	return item, nil
}
