package engine

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/sealtable/sealtable/internal/attribute"
	"github.com/sealtable/sealtable/internal/storage"
)

// Projection says which attributes of an item an index holds, besides the keys of the table and of the index.
type Projection string

// The projections there are.
const (
	ProjectAll     Projection = "ALL"
	ProjectKeys    Projection = "KEYS_ONLY"
	ProjectInclude Projection = "INCLUDE" // Index.Included
)

// IndexState is how far the rows of an index have come. From the moment that it is in the description, every
// write maintains it, until it is being cleared.
type IndexState string

// The states there are. An index that was made with its table is complete from the start.
const (
	IndexComplete IndexState = ""
	IndexFilling  IndexState = "FILLING"  // rows of items that were there before are still missing
	IndexClearing IndexState = "CLEARING" // nobody reads or maintains it; its rows are being removed
)

// Index describes a secondary index. Its rows are drawn in docs/format/index-rows.md.
type Index struct {
	Name  string
	Local bool
	// Collection holds the rows. A number is never used again in a table's life.
	Collection storage.Collection
	Hash       []KeyAttribute // one to four
	Range      []KeyAttribute // none to four
	Projection Projection
	Included   []string // NonKeyAttributes as given, in order
	State      IndexState

	Online   bool // made after its table
	ActiveAt time.Time
	Updating bool // settings were changed before ActiveAt

	Throughput    Throughput
	OnDemandRead  *int64 // units per second at most; nil without a limit
	OnDemandWrite *int64
	Warm          Warm

	// Counted is when Items and Bytes were counted; as in DynamoDB they lag behind.
	Counted time.Time
	Items   int64
	Bytes   int64

	kept []string // names of the attributes in an entry, sorted; nil for all
}

// Indexes are numbered upwards from firstIndex. indexProgress holds how far those that are being filled have
// come.
const (
	indexProgress storage.Collection = 0x49000000
	firstIndex    storage.Collection = 0x49000001
)

// AddIndex adds an index to a description that is not in use yet, and gives it its collection.
func (t *Table) AddIndex(x Index) {
	x.Collection = firstIndex + t.IndexesMade
	t.IndexesMade++
	t.Indexes = append(t.Indexes, x)
}

// Index finds an index by its name, nil if there is none. It must not be changed.
func (t *Table) Index(name string) *Index {
	for i := range t.Indexes {
		if t.Indexes[i].Name == name {
			return &t.Indexes[i]
		}
	}
	return nil
}

// HasLocalIndexes says whether the table has local secondary indexes, and so item collections of a limited
// size.
func (t *Table) HasLocalIndexes() bool {
	for i := range t.Indexes {
		if t.Indexes[i].Local {
			return true
		}
	}
	return false
}

// Keys are the index's key attributes, hash first.
func (x *Index) Keys() []KeyAttribute { return slices.Concat(x.Hash, x.Range) }

// prepare computes what follows from the description and is not kept with it.
func (x *Index) prepare(t *Table) {
	if x.Projection == ProjectAll {
		return
	}
	x.kept = append([]string{}, x.Included...)
	for _, key := range slices.Concat(t.Key.Attributes(), x.Keys()) {
		x.kept = append(x.kept, key.Name)
	}
	slices.Sort(x.kept)
	x.kept = slices.Compact(x.kept)
}

// Projects says whether the index holds an attribute of every item that has it.
func (x *Index) Projects(name string) bool {
	if x.kept == nil {
		return true
	}
	_, found := slices.BinarySearch(x.kept, name)
	return found
}

// project is what the index holds of an item.
func (x *Index) project(item attribute.Item) attribute.Item {
	if x.kept == nil {
		return item
	}
	var b attribute.Builder
	left := x.kept
	for name, value := range item.All() {
		for len(left) > 0 && left[0] < name {
			left = left[1:]
		}
		if len(left) == 0 {
			break
		}
		if left[0] == name {
			b.Set(name, value)
		}
	}
	return b.Item()
}

// entry is what an index holds of one item, and where.
type entry struct {
	row  storage.Row
	item attribute.Item
}

// entryOf is the index's entry of an item that has the table's key; ok is false when the item has none: it
// lacks a key attribute of the index, or has one that cannot be a key.
func (x *Index) entryOf(t *Table, item attribute.Item) (e entry, ok bool) {
	if item == nil {
		return e, false
	}
	row, ok := x.rowOf(t, item)
	if !ok {
		return e, false
	}
	return entry{row, x.project(item)}, true
}

// rowOf is the place of an item's entry.
func (x *Index) rowOf(t *Table, item attribute.Item) (row storage.Row, ok bool) {
	var room [8]attribute.Value
	values := room[:0]
	for _, key := range x.Hash {
		values = append(values, item.Get(key.Name))
	}
	for _, key := range x.Range {
		values = append(values, item.Get(key.Name))
	}
	hash, sort := values[:len(x.Hash)], values[len(x.Hash):]
	if !keysFit(x.Hash, hash, MaxHashKeySize) || !keysFit(x.Range, sort, MaxRangeKeySize) {
		return row, false
	}
	buf := x.appendPartition(make([]byte, 0, 128), hash)
	split := len(buf)
	for _, v := range sort {
		buf = attribute.AppendKeyPart(buf, v)
	}
	buf = x.appendTableKey(buf, t, item)
	return storage.Row{Table: t.ID, Collection: x.Collection, Partition: buf[:split:split],
		Sort: buf[split:]}, true
}

// appendPartition is the partition of the values of the hash attributes. One is as in the table's own rows;
// of several each but the last comes behind its length, so that no two lists of values look alike.
func (x *Index) appendPartition(dst []byte, hash []attribute.Value) []byte {
	for i, v := range hash {
		if i+1 < len(hash) {
			dst = appendCounted(dst, v)
		} else {
			dst = attribute.AppendKey(dst, v)
		}
	}
	return dst
}

// appendTableKey ends the sort bytes with the item's own key: keys of an index are not unique. In a local
// index the hash attribute is the partition already.
func (x *Index) appendTableKey(dst []byte, t *Table, item attribute.Item) []byte {
	if !x.Local {
		dst = appendCounted(dst, item.Get(t.Key.Hash.Name))
	}
	if t.Key.Range != nil {
		dst = attribute.AppendKey(dst, item.Get(t.Key.Range.Name))
	}
	return dst
}

// appendCounted appends a key attribute behind its length in two bytes.
func appendCounted(dst []byte, v attribute.Value) []byte {
	mark := len(dst)
	dst = attribute.AppendKey(append(dst, 0, 0), v)
	binary.BigEndian.PutUint16(dst[mark:], uint16(len(dst)-mark-2))
	return dst
}

// keysFit says whether values can be the key, all of them together within limit bytes.
func keysFit(keys []KeyAttribute, values []attribute.Value, limit int) bool {
	size := 0
	for i, v := range values {
		if v == nil || v.Kind() != keys[i].Kind || v.Kind() != attribute.N && len(v.Text()) == 0 {
			return false
		}
		size += v.Size()
	}
	return size <= limit
}

// checkIndexKeys refuses an item with an attribute that is a key of an index and cannot be one. Of several
// indexes that refuse the item, the first by name is said.
func (t *Table) checkIndexKeys(item attribute.Item) error { return t.checkNewIndexKeys(nil, item) }

// checkNewIndexKeys is checkIndexKeys for those attributes in which next differs from current: an item that
// was there before its index keeps what does not fit.
func (t *Table) checkNewIndexKeys(current, next attribute.Item) error {
	if len(t.Indexes) == 0 || next == nil {
		return nil
	}
	var first *KeyError
	for i := range t.Indexes {
		x := &t.Indexes[i]
		if x.State == IndexClearing || first != nil && x.Name > first.Index {
			continue
		}
		if wrong := x.checkKeys(current, next); wrong != nil {
			first = wrong
		}
	}
	if first != nil {
		return first
	}
	return nil
}

func (x *Index) checkKeys(current, next attribute.Item) *KeyError {
	if wrong := x.checkPart(x.Hash, current, next, false); wrong != nil {
		return wrong
	}
	return x.checkPart(x.Range, current, next, true)
}

// checkPart checks the hash or the range attributes, whose limit of size they share.
func (x *Index) checkPart(keys []KeyAttribute, current, next attribute.Item, isRange bool) *KeyError {
	limit, size := MaxHashKeySize, 0
	if isRange {
		limit = MaxRangeKeySize
	}
	for _, key := range keys {
		v := next.Get(key.Name)
		size += v.Size()
		if v == nil || current != nil && attribute.Equal(v, current.Get(key.Name)) {
			continue
		}
		problem := KeyProblem(-1)
		switch {
		case v.Kind() != key.Kind:
			problem = KeyWrongKind
		case v.Kind() != attribute.N && len(v.Text()) == 0:
			problem = KeyEmpty
		case size > limit:
			problem = KeyTooLong
		default:
			continue
		}
		return &KeyError{Problem: problem, Key: key, Actual: v.Kind(), IsRange: isRange, Index: x.Name,
			Size: size}
	}
	return nil
}
