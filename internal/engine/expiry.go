package engine

import (
	"encoding/binary"
	"time"

	"github.com/sealtable/sealtable/internal/attribute"
	"github.com/sealtable/sealtable/internal/storage"
)

// Expiry says which attribute of a table's items tells when they expire, in seconds since 1970.
type Expiry struct {
	Attribute string // the latest; it is kept when expiry is disabled
	Enabled   bool
	Changed   time.Time // when it was last enabled or disabled; zero if never
	SettlesAt time.Time // when it stops being ENABLING or DISABLING
	// Queue numbers the rows that say when items expire: each time it is enabled there are new ones. Filled
	// says that the items which were there before have theirs too, Left are the queues of earlier times whose
	// rows are still to be taken away.
	Queue  uint32
	Filled bool
	Left   []uint32
}

// oldestExpiry is how long ago an item may have expired and still be taken away ("Using time to live": an
// attribute that is older than five years is no reason to delete).
const oldestExpiry = 5 * 365 * 24 * 60 * 60

// EnableExpiry lets the items of a table expire. It is for the change function of UpdateTable.
func (t *Table) EnableExpiry(name string, now, settles time.Time) {
	x := &t.Expiry
	*x = Expiry{Attribute: name, Enabled: true, Changed: now, SettlesAt: settles, Queue: x.Queue + 1,
		Left: x.Left}
}

// DisableExpiry ends it. It is for the change function of UpdateTable.
func (t *Table) DisableExpiry(now, settles time.Time) {
	x := &t.Expiry
	x.Enabled = false
	x.Changed = now
	x.SettlesAt = settles
	x.Left = append(x.Left, x.Queue)
}

// dueTime is when an item expires, in seconds since 1970; false where it does not. What is not a whole number
// of seconds, or lies before 1970, is no such time.
func (t *Table) dueTime(item attribute.Item) (at int64, ok bool) {
	if item == nil {
		return 0, false
	}
	v := item.Get(t.Expiry.Attribute)
	if v == nil || v.Kind() != attribute.N {
		return 0, false
	}
	at, ok = v.Number().Int64()
	return at, ok && at >= 0
}

// expiryQueue holds a row for each item that has a time to expire: the partition is the number of the queue,
// the sort bytes are the time and the item's place, and there is no value. docs/format/expiry.md draws it.
const expiryQueue storage.Collection = 0x54000001

func queuePartition(queue uint32) []byte { return binary.BigEndian.AppendUint32(nil, queue) }

func (t *Table) dueRow(queue uint32, at int64, row storage.Row) storage.Row {
	sort := binary.BigEndian.AppendUint64(make([]byte, 0, 10+len(row.Partition)+len(row.Sort)), uint64(at))
	sort = binary.BigEndian.AppendUint16(sort, uint16(len(row.Partition)))
	sort = append(append(sort, row.Partition...), row.Sort...)
	return storage.Row{Table: t.ID, Collection: expiryQueue, Partition: queuePartition(queue), Sort: sort}
}

// splitDue is dueRow's inverse.
func (t *Table) splitDue(sort []byte) (at int64, row storage.Row, ok bool) {
	if len(sort) < 10 {
		return 0, row, false
	}
	end := 10 + int(binary.BigEndian.Uint16(sort[8:]))
	if end > len(sort) || sort[0] > 0x7f {
		return 0, row, false
	}
	row = storage.Row{Table: t.ID, Collection: baseItems, Partition: append([]byte(nil), sort[10:end]...),
		Sort: append([]byte(nil), sort[end:]...)}
	return int64(binary.BigEndian.Uint64(sort)), row, true
}

// dueNote tells a table, once a transaction is durable, that one of its items expires at a time.
type dueNote struct {
	live *live
	at   int64
}

// followExpiry keeps an item's row in the queue in step with the item.
func (t *Table) followExpiry(tx *transaction, row storage.Row, change Change) error {
	if !t.Expiry.Enabled {
		return nil
	}
	before, had := t.dueTime(change.Old)
	after, has := t.dueTime(change.New)
	if had == has && before == after {
		return nil
	}
	if had {
		if err := tx.Delete(t.dueRow(t.Expiry.Queue, before, row)); err != nil {
			return err
		}
	}
	if !has {
		return nil
	}
	tx.due = append(tx.due, dueNote{t.live, after})
	return tx.Put(t.dueRow(t.Expiry.Queue, after, row), nil)
}

// noteDue remembers the soonest time at which an item expires.
func (l *live) noteDue(at int64) {
	for {
		now := l.soonest.Load()
		if at >= now || l.soonest.CompareAndSwap(now, at) {
			return
		}
	}
}
