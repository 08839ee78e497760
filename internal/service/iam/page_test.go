package iam

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestPagesGiveEverythingOnce, in order, whatever their size.
func TestPagesGiveEverythingOnce(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		all := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-zA-Z]{1,3}`), 0, 30, strings.ToLower).Draw(r, "items")
		size := rapid.Int64Range(1, 12).Draw(r, "size")
		var got []string
		var marker *string
		for {
			p, err := pageOf(slices.Clone(all), strings.ToLower, marker, &size)
			if err != nil {
				r.Fatal(err)
			}
			got = append(got, p.items...)
			if *p.truncated != (p.marker != nil) {
				r.Fatal("truncated and marker disagree")
			}
			marker = p.marker
			if marker == nil {
				break
			}
		}
		slices.SortFunc(all, func(a, b string) int { return strings.Compare(strings.ToLower(a), strings.ToLower(b)) })
		if fmt.Sprint(got) != fmt.Sprint(all) {
			r.Fatalf("got %v of %v", got, all)
		}
	})
}
