package engine

import (
	"context"
	"strings"
	"testing"

	"github.com/sealtable/sealtable/internal/attribute"
)

// TestRoomBoundsPages: a page that goes on where another stopped holds what there is still room for, and at least one item.
func TestRoomBoundsPages(t *testing.T) {
	ctx, w := context.Background(), newWorld(t)
	table := w.create(indexed("Orders", 1))
	for _, r := range []string{"1", "2", "3"} {
		w.put(table, item("h", "a", "r", r, "s", "x", "n", 1, "x", strings.Repeat("y", 1000)))
	}
	for room, want := range map[int]int{0: 3, 1: 1, 1500: 1, 2500: 2, 5000: 3} {
		request := PageRequest{Room: room}
		for name, read := range map[string]func() (*Page, error){
			"query": func() (*Page, error) { return w.Query(ctx, table, Query{Hash: value("a"), Page: request}) },
			"scan":  func() (*Page, error) { return w.Scan(ctx, table, Scan{Page: request}) },
			"index query": func() (*Page, error) {
				return w.QueryIndex(ctx, table, table.Index("global"), IndexQuery{Hash: []attribute.Value{value("x")}, Page: request})
			},
			"index scan": func() (*Page, error) {
				return w.ScanIndex(ctx, table, table.Index("global"), Scan{Page: request}, false)
			},
		} {
			page, err := read()
			if err != nil || page.Scanned != want || (page.LastKey == nil) != (want == 3) {
				t.Errorf("%s with room for %d: %+v %v", name, room, page, err)
			}
		}
	}
}
