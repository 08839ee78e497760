package engine

import (
	"bytes"
	"encoding/hex"
	"testing"
	"time"

	"github.com/sealtable/sealtable/internal/attribute"
	"github.com/sealtable/sealtable/internal/storage"
)

func laidOut() *Table {
	t := tableNamed("Orders", 1, attribute.S, attribute.N)
	t.Expiry = Expiry{Attribute: "x", Enabled: true, Queue: 2}
	return t
}

// TestRowsOfStreamsAndQueues holds the bytes that docs/format/stream.md and docs/format/expiry.md draw.
func TestRowsOfStreamsAndQueues(t *testing.T) {
	table, made := laidOut(), time.UnixMilli(1764000000123)
	head := recordHead{event: Removed, expired: true, hasOld: true, created: made, keys: item("h", "a", "r", 7)}
	record, part := table.recordRow(3, 258, partHead), table.recordRow(3, 258, partOld)
	place, err := table.rowOf(item("h", "a", "r", 7), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		what string
		got  []byte
		want string
	}{
		{"partition of a record", record.Partition, "00000003"},
		{"place of a record", record.Sort, "000000000000010200"},
		{"place of its old image", part.Sort, "000000000000010201"},
		{"record that expired", head.encode(nil), "0103030000019ab697e87b0d1602016802116101720312c108"},
		{"place of a shard", table.shardRow(3, 2).Sort, "0000000000000002"},
		{"shard", shard{ordinal: 2, start: 258, created: made}.encode(), "0100000000000001020000019ab697e87b"},
		{"horizon", horizon{number: 257, shard: 2}.encode(), "0100000000000001010000000000000002"},
		{"partition of a queue", table.dueRow(2, 1764000000, place).Partition, "00000002"},
		{"row of a queue", table.dueRow(2, 1764000000, place).Sort, "0000000069248100000161c108"},
	} {
		if got := hex.EncodeToString(c.got); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.what, got, c.want)
		}
	}
	if streamRecords != 0x53000001 || streamShards != 0x53000002 || expiryQueue != 0x54000001 {
		t.Error("a collection has another number")
	}
}

// FuzzRows: no bytes of a row make a reader panic, and what is read is written as it was.
func FuzzRows(f *testing.F) {
	head := recordHead{event: Inserted, created: time.UnixMilli(1), keys: item("h", "a")}
	f.Add(head.encode(item("h", "a", "x", 1)), []byte("12345678"))
	f.Add(shard{ordinal: 2, start: 3, created: time.UnixMilli(4)}.encode(), []byte("\x00\x00\x00\x00\x00\x00\x00\x02"))
	f.Add([]byte{1, 1, 0}, laidOut().dueRow(1, 5, laidOut().recordRow(1, 2, 0)).Sort)
	f.Fuzz(func(t *testing.T, value, sort []byte) {
		table := laidOut()
		if r, hasOld, ok := decodeRecord(value); ok {
			again := recordHead{event: r.Event, expired: r.Expired, hasOld: hasOld, created: r.Created, keys: r.Keys}
			if got := again.encode(r.New); len(got) == len(value) && !bytes.Equal(got, value) {
				t.Errorf("%x is written as %x", value, got) // a length can be written longer than it need be
			}
		}
		if s, ok := decodeShard(sort, value); ok && !bytes.Equal(s.encode(), value) {
			t.Errorf("%x is written as %x", value, s.encode())
		}
		if h, ok := decodeHorizon(value); ok && !bytes.Equal(h.encode(), value) {
			t.Errorf("%x is written as %x", value, h.encode())
		}
		if at, row, ok := table.splitDue(sort); ok {
			if got := table.dueRow(2, at, row).Sort; !bytes.Equal(got, sort) {
				t.Errorf("%x is written as %x", sort, got)
			}
		}
		_, _, _ = splitRecordSort(sort)
	})
}

// lastPut is a transaction that remembers what was written.
type lastPut struct {
	storage.Tx
	row   storage.Row
	value []byte
}

func (p *lastPut) Put(row storage.Row, value []byte) error {
	p.row, p.value = row, value
	return nil
}

// TestRowOfAToken holds the bytes that docs/format/system-tables.md draws.
func TestRowOfAToken(t *testing.T) {
	token, put := &Token{Owner: "o", Name: "again"}, &lastPut{}
	for i := range token.Fingerprint {
		token.Fingerprint[i] = 0x11
	}
	if err := token.remember(put, time.UnixMilli(1764000000123).Add(-tokenLifetime)); err != nil {
		t.Fatal(err)
	}
	const want = "0000019ab697e87b1111111111111111111111111111111111111111111111111111111111111111"
	if got := hex.EncodeToString(put.value); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	if r := put.row; r.Table != storage.System(3) || r.Collection != 0 || string(r.Partition) != "o" || string(r.Sort) != "again" {
		t.Errorf("it lies at %+v", r)
	}
}
