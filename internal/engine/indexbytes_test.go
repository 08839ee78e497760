package engine

import (
	"bytes"
	"encoding/hex"
	"os"
	"strings"
	"testing"

	"github.com/sealtable/sealtable/internal/attribute"
	"github.com/sealtable/sealtable/internal/strictjson"
)

// TestIndexRows reads vectors that never change: the bytes are on disk. Each line is the name of an index of indexed, an item, and the
// partition, the sort bytes and the value of its entry.
func TestIndexRows(t *testing.T) {
	file, err := os.ReadFile("testdata/indexrows.txt")
	if err != nil {
		t.Fatal(err)
	}
	table, vectors := indexed("T", 1), 0
	table.prepare()
	for line := range strings.Lines(string(file)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		vectors++
		fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		it, err := attribute.ReadItem(strictjson.NewReader([]byte(fields[1])), nil)
		if err != nil {
			t.Fatal(err)
		}
		e, ok := table.Index(fields[0]).entryOf(table, it)
		if !ok {
			t.Fatalf("%s: no entry", line)
		}
		for i, got := range [][]byte{e.row.Partition, e.row.Sort, e.item} {
			if want, err := hex.DecodeString(fields[2+i]); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s %s: field %d\n got %x\nwant %s", fields[0], fields[1], 2+i, got, fields[2+i])
			}
		}
	}
	if vectors < 4 {
		t.Errorf("%d vectors", vectors)
	}
	row, err := table.rowOf(item("h", "p", "r", "q"), nil)
	if got := hex.EncodeToString(encodeProgress(row)); err != nil || got != "00017071" {
		t.Errorf("progress %s %v", got, err)
	}
}
