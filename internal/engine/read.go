package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/sealtable/sealtable/internal/attribute"
	"github.com/sealtable/sealtable/internal/storage"
)

// MaxPageSize is how many bytes of items one page of a query or scan reads, before filters ("Query:
// pagination").
const MaxPageSize = 1 << 20

// ErrStartKey says that the start key of a page is not a key of the table.
var ErrStartKey = errors.New("engine: the start key does not fit")

// ErrStartKeyOutside says that the start key is a key of the table, but not of the partition or range that is
// read.
var ErrStartKeyOutside = errors.New("engine: the start key lies outside what is read")

// ErrStartKeyRange is ErrStartKeyOutside for a start key of the right partition, but not within the bounds of
// the sort key.
var ErrStartKeyRange = fmt.Errorf("%w: it is not in the range", ErrStartKeyOutside)

// Comparison is how a query bounds the sort key.
type Comparison int

// The comparisons of key conditions. Any stands for no condition.
const (
	Any Comparison = iota
	Equal
	Less
	LessOrEqual
	Greater
	GreaterOrEqual
	Between
	BeginsWith
)

// Query asks for the items of one partition.
type Query struct {
	Hash       attribute.Value
	Comparison Comparison
	// Low is the operand of the comparison, High the second one of Between.
	Low, High attribute.Value
	Reverse   bool
	Page      PageRequest
}

// Scan asks for a table's items, or for one of several disjoint segments of them.
type Scan struct {
	Segment, Total int
	Page           PageRequest
}

// PageRequest bounds one page.
type PageRequest struct {
	Limit  int            // items read, before the filter; 0 means no limit
	Start  attribute.Item // the LastKey of the page before; nil starts at the beginning
	Filter func(attribute.Item) (bool, error)
	Room   int // bytes that are left of a page that was begun elsewhere; 0 means MaxPageSize
}

func (r *PageRequest) room() int {
	if r.Room > 0 {
		return r.Room
	}
	return MaxPageSize
}

// Page is one page of items. Its items share memory with each other and with nothing else.
type Page struct {
	Items   []attribute.Item
	Scanned int            // items read, filtered out or not
	Size    int            // their bytes, as DynamoDB counts
	LastKey attribute.Item // nil when there is nothing more to read
	// Fetched are the sizes of the items that were read from the table besides the entries of an index,
	// FetchedSize their sum.
	Fetched     []int
	FetchedSize int
}

// add takes an item of so many bytes into the page, if it passes the filter; nil was read but is not there
// any more.
func (p *Page) add(
	memory *arena, item attribute.Item, size int, filter func(attribute.Item) (bool, error),
) error {
	p.Scanned++
	p.Size += size
	if item == nil {
		return nil
	}
	keep, err := passes(filter, item)
	if err != nil {
		return err
	}
	if keep {
		p.Items = append(p.Items, memory.keep(item))
	}
	return nil
}

func (p *Page) noteFetched(item attribute.Item) {
	size := item.Size()
	p.Fetched = append(p.Fetched, size)
	p.FetchedSize += size
}

// Query reads one page of a partition in the order of the sort key.
func (e *Engine) Query(ctx context.Context, t *Table, q Query) (*Page, error) {
	if err := CheckKeyValue(q.Hash, t.Key.Hash, false); err != nil {
		return nil, err
	}
	read := storage.PartitionRead{
		Table: t.ID, Collection: baseItems, Partition: attribute.AppendKey(nil, q.Hash), Reverse: q.Reverse,
	}
	if err := t.boundSort(&read, q); err != nil {
		return nil, err
	}
	if q.Page.Start != nil {
		if err := t.startAfter(&read, q.Page.Start); err != nil {
			return nil, err
		}
	}
	return t.readPage(e.store.Read(ctx, read), q.Page)
}

// boundSort turns the comparison into bounds over sort bytes, whose order is the values' order.
func (t *Table) boundSort(read *storage.PartitionRead, q Query) error {
	if q.Comparison == Any {
		return nil
	}
	if t.Key.Range == nil {
		return &KeyError{Problem: KeyNotExact, IsRange: true}
	}
	low, err := t.sortOperand(q.Low, q.Comparison)
	if err != nil {
		return err
	}
	switch q.Comparison {
	case Equal:
		read.Low, read.High = at(low), at(low)
	case Less:
		read.High = beyond(low)
	case LessOrEqual:
		read.High = at(low)
	case Greater:
		read.Low = beyond(low)
	case GreaterOrEqual:
		read.Low = at(low)
	case Between:
		high, err := t.sortOperand(q.High, q.Comparison)
		if err != nil {
			return err
		}
		read.Low, read.High = at(low), at(high)
	case BeginsWith:
		read.Low = at(low)
		if end := prefixEnd(low); end != nil {
			read.High = beyond(end)
		}
	}
	return nil
}

func (t *Table) sortOperand(v attribute.Value, c Comparison) ([]byte, error) {
	if v.Kind() != t.Key.Range.Kind {
		return nil, &KeyError{Problem: KeyWrongKind, Key: *t.Key.Range, Actual: v.Kind(), IsRange: true}
	}
	if c == BeginsWith && len(v.Text()) == 0 {
		return nil, nil
	}
	if err := CheckKeyValue(v, *t.Key.Range, true); err != nil {
		return nil, err
	}
	return attribute.AppendKey(nil, v), nil
}

func at(sort []byte) storage.Bound     { return storage.Bound{Sort: sort, Set: true} }
func beyond(sort []byte) storage.Bound { return storage.Bound{Sort: sort, Set: true, Exclusive: true} }

// prefixEnd is the least sort value above all that begin with prefix, nil if there is none.
func prefixEnd(prefix []byte) []byte {
	end := bytes.Clone(prefix)
	for i := len(end) - 1; i >= 0; i-- {
		end[i]++
		if end[i] != 0 {
			return end[:i+1]
		}
	}
	return nil
}

// startAfter narrows a read to what comes behind the start key, in the direction of the read.
func (t *Table) startAfter(read *storage.PartitionRead, start attribute.Item) error {
	row, err := t.rowOfKey(start, nil)
	if err != nil {
		return ErrStartKey
	}
	return startBehind(read, row)
}

// startBehind narrows a read to what comes behind a row, which must be in what is read.
func startBehind(read *storage.PartitionRead, row storage.Row) error {
	if !bytes.Equal(row.Partition, read.Partition) {
		return ErrStartKeyOutside
	}
	if !within(read, row.Sort) {
		return ErrStartKeyRange
	}
	if read.Reverse {
		read.High = beyond(row.Sort)
	} else {
		read.Low = beyond(row.Sort)
	}
	return nil
}

func within(read *storage.PartitionRead, sort []byte) bool {
	if read.Low.Set {
		if c := bytes.Compare(sort, read.Low.Sort); c < 0 || c == 0 && read.Low.Exclusive {
			return false
		}
	}
	if read.High.Set {
		if c := bytes.Compare(sort, read.High.Sort); c > 0 || c == 0 && read.High.Exclusive {
			return false
		}
	}
	return true
}

// Scan reads one page of a table, or of one segment of it.
func (e *Engine) Scan(ctx context.Context, t *Table, s Scan) (*Page, error) {
	scan := storage.CollectionScan{Table: t.ID, Collection: baseItems, Segment: s.Segment, Total: s.Total}
	if s.Page.Start != nil {
		row, err := t.rowOfKey(s.Page.Start, nil)
		if err != nil {
			return nil, ErrStartKey
		}
		scan.After = &storage.Position{Partition: row.Partition, Sort: row.Sort}
	}
	return t.readPage(e.store.Scan(ctx, scan), s.Page)
}

// readPage fills a page and closes the iterator. It always reads at least one item, and stops before the page
// would exceed its limits.
func (t *Table) readPage(rows storage.Iterator, request PageRequest) (page *Page, err error) {
	defer func() { err = errors.Join(err, rows.Close()) }()
	page = &Page{}
	var memory arena
	var last place
	room := request.room()
	for rows.Next() {
		item, err := storedItem(t.ID, rows.Value())
		if err != nil {
			return nil, err
		}
		size := item.Size()
		if page.Scanned > 0 && page.Size+size > room {
			page.LastKey, err = t.keyAt(last)
			return page, err
		}
		if err := page.add(&memory, item, size, request.Filter); err != nil {
			return nil, err
		}
		last.set(rows)
		if page.Scanned == request.Limit {
			page.LastKey, err = t.keyAt(last)
			return page, err
		}
	}
	return page, rows.Err()
}

// place remembers where an iterator was.
type place struct{ partition, sort []byte }

func (p *place) set(rows storage.Iterator) {
	p.partition = append(p.partition[:0], rows.Partition()...)
	p.sort = append(p.sort[:0], rows.Sort()...)
}

// keyAt gives back the primary key of the item at a place.
func (t *Table) keyAt(p place) (attribute.Item, error) {
	var b attribute.Builder
	hash, err := attribute.ReadKey(t.Key.Hash.Kind, p.partition)
	if err != nil {
		return nil, err
	}
	b.Set(t.Key.Hash.Name, hash)
	if t.Key.Range != nil {
		sort, err := attribute.ReadKey(t.Key.Range.Kind, p.sort)
		if err != nil {
			return nil, err
		}
		b.Set(t.Key.Range.Name, sort)
	}
	return b.Item(), nil
}

func passes(filter func(attribute.Item) (bool, error), item attribute.Item) (bool, error) {
	if filter == nil {
		return true, nil
	}
	return filter(item)
}

// arena copies items into few large blocks instead of one allocation each.
type arena struct{ block []byte }

func (a *arena) keep(item attribute.Item) attribute.Item {
	if cap(a.block)-len(a.block) < len(item) {
		a.block = make([]byte, 0, max(len(item), min(64<<10, max(4<<10, 2*cap(a.block)))))
	}
	start := len(a.block)
	a.block = append(a.block, item...)
	return attribute.Item(a.block[start:len(a.block):len(a.block)])
}
