package engine

import (
	"encoding/binary"
	"time"

	"github.com/sealtable/sealtable/internal/attribute"
	"github.com/sealtable/sealtable/internal/storage"
)

// Rows of streams lie among the table's own, in collections of their own, and so under the table's keys.
// docs/format/stream.md draws them. Numbers are big endian: the order of the rows is that of the records.
const (
	streamRecords storage.Collection = 0x53000001
	streamShards  storage.Collection = 0x53000002
)

// The rows of a record.
const (
	partHead byte = 0
	partOld  byte = 1
)

const streamFormat = 1

func streamPartition(stream uint32) []byte { return binary.BigEndian.AppendUint32(nil, stream) }

func (t *Table) recordRow(stream uint32, number uint64, part byte) storage.Row {
	return storage.Row{Table: t.ID, Collection: streamRecords, Partition: streamPartition(stream),
		Sort: append(recordSort(number), part)}
}

func recordSort(number uint64) []byte {
	return binary.BigEndian.AppendUint64(make([]byte, 0, 9), number)
}

func splitRecordSort(sort []byte) (number uint64, part byte, ok bool) {
	if len(sort) != 9 || sort[8] > partOld {
		return 0, 0, false
	}
	return binary.BigEndian.Uint64(sort), sort[8], true
}

// shardRow is where a shard other than the first is described; with ordinal 0, where the horizon is.
func (t *Table) shardRow(stream uint32, ordinal uint64) storage.Row {
	return storage.Row{Table: t.ID, Collection: streamShards, Partition: streamPartition(stream),
		Sort: binary.BigEndian.AppendUint64(nil, ordinal)}
}

// recordHead is a record without its images.
type recordHead struct {
	event   Event
	expired bool
	hasOld  bool
	created time.Time
	keys    attribute.Item
}

const (
	flagExpired = 1
	flagOld     = 2
	headSize    = 3 + 8
)

func (h *recordHead) encode(image attribute.Item) []byte {
	var flags byte
	if h.expired {
		flags |= flagExpired
	}
	if h.hasOld {
		flags |= flagOld
	}
	out := append(make([]byte, 0, headSize+binary.MaxVarintLen32+len(h.keys)+len(image)), streamFormat,
		byte(h.event), flags)
	out = binary.BigEndian.AppendUint64(out, uint64(h.created.UnixMilli()))
	out = binary.AppendUvarint(out, uint64(len(h.keys)))
	return append(append(out, h.keys...), image...)
}

// decodeRecord reads a record's first row. The record keeps stored.
func decodeRecord(stored []byte) (r StreamRecord, hasOld, ok bool) {
	if len(stored) < headSize || stored[0] != streamFormat || stored[1] < byte(Inserted) ||
		stored[1] > byte(Removed) || stored[2] > flagExpired|flagOld {
		return r, false, false
	}
	r.Event = Event(stored[1])
	r.Expired = stored[2]&flagExpired != 0
	hasOld = stored[2]&flagOld != 0
	r.Created = time.UnixMilli(int64(binary.BigEndian.Uint64(stored[3:]))).UTC()
	n, used := binary.Uvarint(stored[headSize:])
	rest := stored[headSize+max(used, 0):]
	if used <= 0 || n > uint64(len(rest)) {
		return r, false, false
	}
	r.Keys = attribute.Item(rest[:n:n])
	if image := rest[n:]; len(image) > 0 {
		r.New = attribute.Item(image)
	}
	ok = attribute.CheckItem(r.Keys) == nil && (r.New == nil || attribute.CheckItem(r.New) == nil)
	return r, hasOld, ok
}

// shard is a stretch of a stream's records: those with numbers from start up to the start of the next.
type shard struct {
	ordinal uint64 // 1 for the stream's first
	start   uint64
	created time.Time
}

const shardSize = 1 + 8 + 8

func (s shard) encode() []byte {
	out := binary.BigEndian.AppendUint64([]byte{streamFormat}, s.start)
	return binary.BigEndian.AppendUint64(out, uint64(s.created.UnixMilli()))
}

func decodeShard(sort, stored []byte) (s shard, ok bool) {
	if len(sort) != 8 || len(stored) != shardSize || stored[0] != streamFormat {
		return s, false
	}
	return shard{
		ordinal: binary.BigEndian.Uint64(sort), start: binary.BigEndian.Uint64(stored[1:]),
		created: time.UnixMilli(int64(binary.BigEndian.Uint64(stored[9:]))).UTC(),
	}, true
}

// horizon says up to where a stream is trimmed: the last record's number and the first shard that is left.
type horizon struct{ number, shard uint64 }

func (h horizon) encode() []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64([]byte{streamFormat}, h.number),
		h.shard)
}

func decodeHorizon(stored []byte) (h horizon, ok bool) {
	if len(stored) != 17 || stored[0] != streamFormat {
		return h, false
	}
	return horizon{binary.BigEndian.Uint64(stored[1:]), binary.BigEndian.Uint64(stored[9:])}, true
}
