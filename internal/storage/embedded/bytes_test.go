package embedded

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"pgregory.net/rapid"

	"github.com/sealtable/sealtable/internal/storage"
	"github.com/sealtable/sealtable/internal/storage/embedded/journal"
)

// TestBytesOnDisk checks the vectors that docs/format/data-directory.md works through.
func TestBytesOnDisk(t *testing.T) {
	datadriven.RunTest(t, "testdata/bytes.txt", func(t *testing.T, d *datadriven.TestData) string {
		var collection uint64
		var partition, sort, value string
		d.MaybeScanArgs(t, "collection", &collection)
		d.MaybeScanArgs(t, "partition", &partition)
		d.MaybeScanArgs(t, "sort", &sort)
		d.MaybeScanArgs(t, "value", &value)
		key := appendRowKey(nil, storage.Collection(collection), []byte(partition), []byte(sort))
		switch d.Cmd {
		case "key":
			return hex.EncodeToString(key) + "\n"
		case "put":
			return hex.EncodeToString(appendPut(nil, key, []byte(value))) + "\n"
		case "delete":
			return hex.EncodeToString(appendDelete(nil, key)) + "\n"
		}
		return "unknown command\n"
	})
}

func TestFormatFileText(t *testing.T) {
	text, err := os.ReadFile("testdata/FORMAT")
	if err != nil || string(text) != formatText+"1\n" {
		t.Fatalf("%q %v", text, err)
	}
}

func anyBytes(limit int) *rapid.Generator[[]byte] {
	return rapid.SliceOfN(rapid.OneOf(rapid.Byte(), rapid.SampledFrom([]byte{0, 1, 0xff})), 0, limit)
}

func TestRowKeys(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := storage.Collection(rapid.Uint32().Draw(t, "collection"))
		p, q := anyBytes(6).Draw(t, "partition"), anyBytes(6).Draw(t, "other partition")
		x, y := anyBytes(6).Draw(t, "sort"), anyBytes(6).Draw(t, "other sort")
		key := appendRowKey(nil, c, p, x)
		same := appendRowKey(nil, c, p, y)
		other := appendRowKey(nil, c, q, y)
		gotP, gotS, err := splitRowKey(key)
		if err != nil || !bytes.Equal(gotP, p) || !bytes.Equal(gotS, x) {
			t.Fatalf("split: %x %x %v", gotP, gotS, err)
		}
		if bytes.Compare(key, same) != bytes.Compare(x, y) {
			t.Fatal("rows of a partition are not in the order of their sort bytes")
		}
		within := partitionRange(&storage.PartitionRead{Collection: c, Partition: p})
		if !inRange(within, key) || inRange(within, other) != bytes.Equal(p, q) {
			t.Fatal("a partition's range has rows of another, or not all of its own")
		}
		total := rapid.IntRange(1, 1000000).Draw(t, "total")
		if in := segmentsOf(c, total, key); len(in) != 1 {
			t.Fatalf("the row is in segments %v of %d", in, total)
		}
	})
}

func inRange(r keyRange, key []byte) bool {
	return bytes.Compare(key, r.lower) >= 0 && (r.upper == nil || bytes.Compare(key, r.upper) < 0)
}

// segmentsOf looks around the segment where the key should be.
func segmentsOf(c storage.Collection, total int, key []byte) (in []int) {
	lo, hi := 0, total
	for lo < hi {
		if mid := (lo + hi) / 2; bytes.Compare(segmentStart(c, mid, total), key) <= 0 {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	guess := lo - 1
	for s := max(0, guess-2); s < min(total, guess+3); s++ {
		if r, err := scanRange(&storage.CollectionScan{Collection: c, Segment: s, Total: total}); err == nil && inRange(r, key) {
			in = append(in, s)
		}
	}
	return in
}

func FuzzRowOps(f *testing.F) {
	f.Add(appendDelete(appendPut(nil, []byte("key"), []byte("value")), []byte("gone")))
	f.Add([]byte{opPut, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Add([]byte{opDelete})
	f.Fuzz(func(t *testing.T, section []byte) {
		var again []byte
		rest := section
		for len(rest) > 0 {
			op, next, err := nextOp(rest)
			if err != nil {
				return
			}
			if op.deleted {
				again = appendDelete(again, op.key)
			} else {
				again = appendPut(again, op.key, op.value)
			}
			rest = next
		}
		if len(again) > len(section) {
			t.Fatalf("read %d bytes as %d", len(section), len(again))
		}
	})
}

func FuzzSplitRowKey(f *testing.F) {
	f.Add(appendRowKey(nil, 1, []byte("p"), []byte("s")))
	f.Add([]byte(strings.Repeat("\xff", 20)))
	f.Fuzz(func(t *testing.T, key []byte) {
		if p, s, err := splitRowKey(key); err == nil && prefixSize+len(p)+len(s) != len(key) {
			t.Fatalf("%x: %x %x", key, p, s)
		}
	})
}

// TestProgress compares the watermark with what is known to be applied, whatever the order in which transactions end.
func TestProgress(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var p progress
		var newest journal.LSN
		type open struct {
			ticket uint64
			lsn    journal.LSN
		}
		var flying []open
		missing := map[journal.LSN]bool{}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			switch i := rapid.IntRange(0, 3).Draw(t, "step"); {
			case i == 0 || len(flying) == 0:
				flying = append(flying, open{ticket: p.begin(func() journal.LSN { return newest })})
			case i == 1: // journalled
				f := &flying[rapid.IntRange(0, len(flying)-1).Draw(t, "which")]
				if f.lsn == 0 {
					newest++
					f.lsn = newest
					missing[newest] = true
				}
			case i == 2: // applied, or given up if it never was journalled
				n := rapid.IntRange(0, len(flying)-1).Draw(t, "which")
				p.end(flying[n].ticket, flying[n].lsn)
				delete(missing, flying[n].lsn)
				flying = slices.Delete(flying, n, n+1)
			default:
				p.synced(p.watermark())
			}
			w := p.watermark()
			for lsn := range missing {
				if lsn <= w {
					t.Fatalf("the watermark is %d, but %d is not applied", w, lsn)
				}
			}
			if from, needed := p.needs(); len(missing) > 0 && (!needed || from > w) {
				t.Fatalf("needs the journal behind %d (%v) at watermark %d", from, needed, w)
			}
		}
	})
}

func TestLatchesAreHandedOver(t *testing.T) {
	l := newLatchTable()
	ctx, cancel := context.WithCancel(t.Context())
	if err := l.acquire(ctx, []uint64{1, 2}); err != nil {
		t.Fatal(err)
	}
	results := make(chan error, 2)
	go func() { results <- l.acquire(ctx, []uint64{2, 3}) }()
	cancel()
	if err := <-results; !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	go func() { results <- l.acquire(t.Context(), []uint64{2, 3}) }()
	l.release([]uint64{1, 2})
	if err := <-results; err != nil {
		t.Fatal(err)
	}
	l.release([]uint64{2, 3})
	for i := range l.shards {
		if n := len(l.shards[i].held); n > 0 {
			t.Fatalf("%d latches are still held", n)
		}
	}
}
