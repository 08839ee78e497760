package embedded

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/bits"

	"github.com/cespare/xxhash/v2"

	"github.com/sealtable/sealtable/internal/storage"
)

// A row's key within its table's Pebble store, drawn in docs/format/data-directory.md:
//
//	collection (4) | xxhash64(partition) (8) | length of partition (2) | partition | sort
//
// The hash spreads partitions evenly, so that a scan's segments are equal shares of the hash space. It is not
// a secret and not a defence: somebody who chooses colliding partitions gets unequal segments, nothing else.
// The length makes the partition's end plain, so that no partition's rows lie among another's; partitions of
// one hash need an order, but not a particular one.
const (
	collectionSize = 4
	hashSize       = 8
	lengthSize     = 2
	prefixSize     = collectionSize + hashSize + lengthSize
)

var errRowKey = errors.New("row key is malformed")

func appendPartitionKey(dst []byte, c storage.Collection, partition []byte) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(c))
	dst = binary.BigEndian.AppendUint64(dst, xxhash.Sum64(partition))
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(partition)))
	return append(dst, partition...)
}

func appendRowKey(dst []byte, c storage.Collection, partition, sort []byte) []byte {
	return append(appendPartitionKey(dst, c, partition), sort...)
}

// splitRowKey is appendRowKey's inverse; what it returns lies within key.
func splitRowKey(key []byte) (partition, sort []byte, err error) {
	if len(key) < prefixSize {
		return nil, nil, errRowKey
	}
	end := prefixSize + int(binary.BigEndian.Uint16(key[collectionSize+hashSize:]))
	if len(key) < end {
		return nil, nil, errRowKey
	}
	return key[prefixSize:end:end], key[end:], nil
}

// checkRow says whether a row is within the contract's limits.
func checkRow(r *storage.Row) error {
	if len(r.Partition) > storage.MaxPartition || len(r.Sort) > storage.MaxSort {
		return storage.ErrTooLarge
	}
	return nil
}

// keyRange is a range of row keys: lower included, upper excluded; a nil upper has no end.
type keyRange struct{ lower, upper []byte }

func partitionRange(r *storage.PartitionRead) keyRange {
	prefix := appendPartitionKey(nil, r.Collection, r.Partition)
	out := keyRange{lower: bytes.Clone(prefix), upper: successor(bytes.Clone(prefix))}
	if r.Low.Set {
		out.lower = append(out.lower, r.Low.Sort...)
		if r.Low.Exclusive {
			out.lower = append(out.lower, 0)
		}
	}
	if r.High.Set {
		out.upper = append(prefix, r.High.Sort...)
		if !r.High.Exclusive {
			out.upper = append(out.upper, 0)
		}
	}
	return out
}

var errSegment = errors.New("storage: the segment of a scan must be within its total")

func scanRange(s *storage.CollectionScan) (keyRange, error) {
	total := max(s.Total, 1)
	if s.Total < 0 || s.Segment < 0 || s.Segment >= total {
		return keyRange{}, errSegment
	}
	out := keyRange{lower: segmentStart(s.Collection, s.Segment, total),
		upper: segmentStart(s.Collection, s.Segment+1, total)}
	if s.After != nil {
		after := appendRowKey(nil, s.Collection, s.After.Partition, s.After.Sort)
		if bytes.Compare(after, out.lower) < 0 || out.upper != nil && bytes.Compare(after, out.upper) >= 0 {
			return keyRange{}, storage.ErrOtherSegment
		}
		out.lower = append(after, 0)
	}
	return out, nil
}

// segmentStart is the first key of a segment: its share of the 64-bit hash space, and behind the last one the
// next collection.
func segmentStart(c storage.Collection, segment, total int) []byte {
	key := binary.BigEndian.AppendUint32(nil, uint32(c))
	if segment == total {
		return successor(key)
	}
	first, _ := bits.Div64(uint64(segment), 0, uint64(total))
	return binary.BigEndian.AppendUint64(key, first)
}

// successor is the first key behind all keys that begin with prefix, in place; nil if there is none.
func successor(prefix []byte) []byte {
	for i := len(prefix) - 1; i >= 0; i-- {
		prefix[i]++
		if prefix[i] != 0 {
			return prefix[:i+1]
		}
	}
	return nil
}

func (r keyRange) empty() bool { return r.upper != nil && bytes.Compare(r.lower, r.upper) >= 0 }
