package engine

import (
	"errors"
	"fmt"

	"github.com/sealtable/sealtable/internal/attribute"
	"github.com/sealtable/sealtable/internal/storage"
)

// Sizes that DynamoDB limits, in bytes ("Quotas and limits": items, partition key values, sort key values).
const (
	MaxItemSize     = 400 << 10
	MaxHashKeySize  = 2048
	MaxRangeKeySize = 1024
)

// KeyProblem says what is wrong with a key attribute.
type KeyProblem int

// The problems there are.
const (
	KeyMissing   KeyProblem = iota // the item lacks the attribute
	KeyWrongKind                   // it has another type than the schema says
	KeyEmpty                       // an empty string or binary
	KeyTooLong                     // over MaxHashKeySize or MaxRangeKeySize
	KeyNotExact                    // the key holds more or other attributes than the schema
)

// KeyError says that an item's or a request's key does not fit the schema.
type KeyError struct {
	Problem KeyProblem
	Key     KeyAttribute
	Actual  attribute.Kind // with KeyWrongKind and KeyEmpty
	IsRange bool
	Index   string // whose key it is; empty for the table's own
	Size    int    // with KeyTooLong of an index's key in an item
}

func (e *KeyError) Error() string {
	return fmt.Sprintf("engine: key attribute %s does not fit the schema (%d)", e.Key.Name, e.Problem)
}

// rowOf finds an item's place among the table's items. The row's slices share buf.
func (t *Table) rowOf(item attribute.Item, buf []byte) (storage.Row, error) {
	buf, err := appendKeyAttribute(buf[:0], item, t.Key.Hash, false)
	if err != nil {
		return storage.Row{}, err
	}
	split := len(buf)
	if t.Key.Range != nil {
		if buf, err = appendKeyAttribute(buf, item, *t.Key.Range, true); err != nil {
			return storage.Row{}, err
		}
	}
	return storage.Row{Table: t.ID, Collection: baseItems, Partition: buf[:split:split],
		Sort: buf[split:]}, nil
}

// rowOfKey is rowOf for a key that must hold the schema's attributes and no other.
func (t *Table) rowOfKey(key attribute.Item, buf []byte) (storage.Row, error) {
	if key.Len() != t.keyLen() {
		return storage.Row{}, &KeyError{Problem: KeyNotExact, Key: t.Key.Hash}
	}
	row, err := t.rowOf(key, buf)
	if problem := new(KeyError); errors.As(err, &problem) && problem.Problem == KeyMissing {
		return storage.Row{}, &KeyError{Problem: KeyNotExact, Key: problem.Key, IsRange: problem.IsRange}
	}
	return row, err
}

// CheckKey says whether key is a key of the table, of an item that is there or not.
func (t *Table) CheckKey(key attribute.Item) error {
	_, err := t.rowOfKey(key, nil)
	return err
}

func (t *Table) keyLen() int {
	if t.Key.Range == nil {
		return 1
	}
	return 2
}

func appendKeyAttribute(dst []byte, item attribute.Item, key KeyAttribute, isRange bool) ([]byte, error) {
	v := item.Get(key.Name)
	if v == nil {
		return dst, &KeyError{Problem: KeyMissing, Key: key, IsRange: isRange}
	}
	if err := CheckKeyValue(v, key, isRange); err != nil {
		return dst, err
	}
	return attribute.AppendKey(dst, v), nil
}

// CheckKeyValue says whether a value can be the value of a key attribute.
func CheckKeyValue(v attribute.Value, key KeyAttribute, isRange bool) error {
	kind := v.Kind()
	if kind != key.Kind {
		return &KeyError{Problem: KeyWrongKind, Key: key, Actual: kind, IsRange: isRange}
	}
	if kind == attribute.N {
		return nil
	}
	limit := MaxHashKeySize
	if isRange {
		limit = MaxRangeKeySize
	}
	switch size := len(v.Text()); {
	case size == 0:
		return &KeyError{Problem: KeyEmpty, Key: key, Actual: kind, IsRange: isRange}
	case size > limit:
		return &KeyError{Problem: KeyTooLong, Key: key, Actual: kind, IsRange: isRange}
	}
	return nil
}

// KeyOf is the item's primary key, as in LastEvaluatedKey.
func (t *Table) KeyOf(item attribute.Item) attribute.Item {
	var b attribute.Builder
	for _, key := range t.Key.Attributes() {
		if v := item.Get(key.Name); v != nil {
			b.Set(key.Name, v)
		}
	}
	return b.Item()
}
