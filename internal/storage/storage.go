// Package storage is the contract between the engine and what keeps rows.
//
// Every store promises the following, and package storagetest checks it:
//
//   - Durable, then visible: a row that anybody can read survives a crash, and so does every transaction
//     whose Update returned nil.
//   - All or nothing: a transaction over rows of several tables is applied whole or not at all, also across a
//     crash (P4).
//   - Serializable: Update runs as if alone with respect to every other Update that latches one of its rows.
//   - Nothing in the clear: partition keys, sort keys and values reach a disk only sealed under their own
//     table's keys (P1).
//   - Wrong bytes are found: what was not written by this store, at this place, for this table, is an error
//     and never a row (P5).
//   - Tables fail alone: a table whose keys or files are unusable refuses with an error, and the others go on
//     (P2, P5).
//
// A store is not a byte-ordered map. A row is addressed by table, collection, partition and sort; only rows
// of one partition of one collection have an order, that of their sort bytes. A store may hide partition
// values, for instance behind a keyed hash.
package storage

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// TableID names a table for its whole life and is never used again. Names of tables are the engine's
// business.
type TableID [16]byte

func (id TableID) String() string { return hex.EncodeToString(id[:]) }

// ParseTableID reads what String wrote.
func ParseTableID(s string) (id TableID, err error) {
	if len(s) != hex.EncodedLen(len(id)) || strings.ToLower(s) != s {
		return id, fmt.Errorf("storage: %q is not the ID of a table", s)
	}
	if _, err := hex.Decode(id[:], []byte(s)); err != nil {
		return TableID{}, fmt.Errorf("storage: %q is not the ID of a table", s)
	}
	return id, nil
}

// System tables belong to the installation and are sealed under its own keys; their IDs are fixed, all zero
// but the last byte.
func System(n byte) TableID { return TableID{15: n} }

// IsSystem says whether id is one that System gives.
func (id TableID) IsSystem() bool { return id == System(id[15]) }

// Collection numbers a kind of row within a table: 0 is the base items, the others are the engine's to give.
type Collection uint32

// Row addresses one row. The store keeps no reference to the slices after the call.
type Row struct {
	Table      TableID
	Collection Collection
	Partition  []byte // at most MaxPartition bytes
	Sort       []byte // at most MaxSort bytes; empty where the collection has no sort key
}

// Limits, in bytes. They leave room for DynamoDB's keys (2048 and 1024 bytes) once encoded, and for items of
// 400 KB.
const (
	MaxPartition = 4 << 10
	MaxSort      = 8 << 10
	MaxValue     = 1 << 20
)

var (
	// ErrNoTable says that the store has no table of this ID.
	ErrNoTable = errors.New("storage: no such table")
	// ErrTableExists says that CreateTable was given an ID that is taken.
	ErrTableExists = errors.New("storage: the table exists")
	// ErrClosed says that the store was closed.
	ErrClosed = errors.New("storage: the store is closed")
	// ErrTooLarge says that a row is over a limit. Nothing was changed.
	ErrTooLarge = errors.New("storage: row too large")
)

// SealedError says that a table's keys cannot be had now, and why. Errors of the key source are wrapped as
// they came.
type SealedError struct {
	Table TableID
	Cause error
}

// Error names the table once, however many layers have said which one it is.
func (e *SealedError) Error() string {
	var said *SealedError
	if errors.As(e.Cause, &said) && said.Table == e.Table {
		return e.Cause.Error()
	}
	return fmt.Sprintf("table %s is sealed: %v", e.Table, e.Cause)
}
func (e *SealedError) Unwrap() error { return e.Cause }

// CorruptError says that bytes on disk are not what was written there. The table named refuses until it is
// repaired or deleted.
type CorruptError struct {
	Table TableID
	File  string // relative to the data directory
	Cause error
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("%s of table %s is not authentic: %v", e.File, e.Table, e.Cause)
}
func (e *CorruptError) Unwrap() error { return e.Cause }

// Store keeps rows. It is safe for concurrent use.
type Store interface {
	// CreateTable makes an empty table, durable when it returns. The key source must already know the table.
	CreateTable(ctx context.Context, id TableID) error
	// DropTable removes a table and its files. The caller destroys its keys first: dropping needs none.
	// Dropping a table that is not there is no error, so that a deletion cut short by a crash can be
	// repeated.
	DropTable(ctx context.Context, id TableID) error
	// SealTable makes the table refuse until its keys are asked for again: what is in memory is made durable
	// under the keys that are still held, the table is closed, and the store forgets its keys. The next use
	// asks the key source anew.
	SealTable(ctx context.Context, id TableID) error
	// Tables lists all tables, system tables included, in no order, and with them what a crash left of tables
	// that were being made.
	Tables(ctx context.Context) ([]TableID, error)

	// Update runs fn as one transaction. The rows in latches, of any tables, are held against every other
	// Update that names them, until the outcome is durable; fn may read only those, and may write any row of
	// tables named among them. When fn returns an error nothing is changed and Update returns that error as
	// it is. fn may run only once and must not call the store.
	//
	// Two transactions that may write the same row must latch a row in common, that row itself or one that it
	// belongs to, such as the item of an index entry; without one, it is not said which of them is applied
	// last. When Update returns an error of the disk, the outcome is known only after the store was opened
	// anew.
	Update(ctx context.Context, latches []Row, fn func(Tx) error) error

	// Get returns the row's value, appended to dst, as last made durable.
	Get(ctx context.Context, row Row, dst []byte) (value []byte, found bool, err error)
	// Read walks the rows of one partition in order of their sort bytes.
	Read(ctx context.Context, r PartitionRead) Iterator
	// Scan walks the rows of a collection, partition by partition, in an order that stays the same while the
	// store is open and after.
	Scan(ctx context.Context, s CollectionScan) Iterator

	// TableStats reports what the table costs. It does not wake a table that is closed.
	TableStats(ctx context.Context, id TableID) (Stats, error)
	// Close makes everything durable and releases files, memory and keys.
	Close() error
}

// Tx is a transaction in Update. It is not safe for concurrent use and ends with fn.
type Tx interface {
	// Get returns the latched row's value, and sees what this transaction wrote before. The value lives until
	// fn returns.
	Get(row Row) (value []byte, found bool, err error)
	// Put sets a row. The slices are copied.
	Put(row Row, value []byte) error
	// Delete removes a row, if it is there.
	Delete(row Row) error
}

// Bound is one end of a range of sort bytes. The zero value is no bound.
type Bound struct {
	Sort      []byte
	Exclusive bool
	Set       bool
}

// PartitionRead says which rows of one partition to walk, and in which direction.
type PartitionRead struct {
	Table      TableID
	Collection Collection
	Partition  []byte
	Low, High  Bound
	Reverse    bool
}

// CollectionScan says which share of a collection to walk. Segments of one Total are disjoint and together
// complete.
type CollectionScan struct {
	Table      TableID
	Collection Collection
	Segment    int
	Total      int // 0 and 1 both mean the whole collection
	// After continues behind a row of this collection, whether or not it still exists. Nil starts at the
	// beginning. A row of another segment is ErrOtherSegment.
	After *Position
}

// ErrOtherSegment says that a scan was to continue behind a row that is not in its segment.
var ErrOtherSegment = errors.New("storage: the row is not in the segment of the scan")

// Position is the place of a row in a scan.
type Position struct{ Partition, Sort []byte }

// Iterator walks rows: for it.Next() { … }, then Err, then Close. The slices live until the next call.
// Iterators hold memory of the store and must be closed; they read what was durable when they were made.
type Iterator interface {
	Next() bool
	Partition() []byte
	Sort() []byte
	Value() []byte
	Err() error
	Close() error
}

// Stats is what a table costs, in bytes and as the store last knew it.
type Stats struct {
	DiskBytes   int64
	MemoryBytes int64
	Open        bool
}
