package embedded

import (
	"encoding/binary"
	"errors"

	"github.com/cockroachdb/pebble/v2"
)

// The writes of one transaction to one table, as its journal section carries them
// (docs/format/data-directory.md):
//
//	( 1 | uvarint key length | key | uvarint value length | value )   put
//	( 2 | uvarint key length | key )                                  delete
//
// Keys are row keys. Conditions were decided before: writes are absolute, so that applying them again changes
// nothing.
const (
	opPut    = 1
	opDelete = 2
)

var errRowOps = errors.New("section of row writes is malformed")

func appendPut(dst, key, value []byte) []byte {
	dst = appendBytes(append(dst, opPut), key)
	return appendBytes(dst, value)
}

func appendDelete(dst, key []byte) []byte { return appendBytes(append(dst, opDelete), key) }

func appendBytes(dst, b []byte) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(b))), b...)
}

// rowOp is one write; key and value lie within the section that it was read from.
type rowOp struct {
	key, value []byte
	deleted    bool
}

// nextOp reads the first write of a section and returns the rest.
func nextOp(section []byte) (op rowOp, rest []byte, err error) {
	if len(section) == 0 || (section[0] != opPut && section[0] != opDelete) {
		return op, nil, errRowOps
	}
	op.deleted = section[0] == opDelete
	if op.key, rest, err = takeBytes(section[1:]); err != nil || op.deleted {
		return op, rest, err
	}
	op.value, rest, err = takeBytes(rest)
	return op, rest, err
}

func takeBytes(b []byte) (head, rest []byte, err error) {
	n, used := binary.Uvarint(b)
	if used <= 0 || n > uint64(len(b)-used) {
		return nil, nil, errRowOps
	}
	b = b[used:]
	return b[:n:n], b[n:], nil
}

// addOps puts a section's writes into a batch. A section that came through the journal is authentic; one that
// cannot be read nevertheless is refused whole.
func addOps(batch *pebble.Batch, section []byte) error {
	for len(section) > 0 {
		op, rest, err := nextOp(section)
		if err != nil {
			return err
		}
		if len(op.key) < prefixSize {
			return errRowKey
		}
		if op.deleted {
			err = batch.Delete(op.key, nil)
		} else {
			err = batch.Set(op.key, op.value, nil)
		}
		if err != nil {
			return err
		}
		section = rest
	}
	return nil
}
