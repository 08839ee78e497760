package deploy

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// randomThings draws a template, and returns with it what exists once it is deployed.
func randomThings(rt *rapid.T) (body, left string) {
	var list, exist []string
	for i, id := range []string{"A", "B", "C", "D", "E", "F"} {
		if !rapid.Bool().Draw(rt, id+" is there") && i > 0 {
			continue
		}
		size := rapid.IntRange(1, 3).Draw(rt, id+"'s size")
		one := fmt.Sprintf("%s Size=%d Kind=%s", id, size,
			rapid.SampledFrom([]string{"x", "y"}).Draw(rt, id+"'s kind"))
		if len(list) > 0 && rapid.Bool().Draw(rt, id+" uses another") {
			used, _, _ := strings.Cut(rapid.SampledFrom(list).Draw(rt, "what "+id+" uses"), " ")
			one += " Uses=" + used
		}
		if rapid.IntRange(0, 9).Draw(rt, id+" fails") == 0 {
			one += " Fail=create"
		}
		list = append(list, one)
		exist = append(exist, fmt.Sprintf("s-%s#:%d", id, size))
	}
	return things(list...), strings.Join(exist, " ")
}

// TestRandomLives deploys random templates one after the other, with crashes between any two writes. What
// exists is always what the stack was last brought to: the new template after success, the old one after a
// rollback, nothing after a deletion.
func TestRandomLives(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t)
		defer w.e.Close()
		before := ""
		for range rapid.IntRange(1, 6).Draw(rt, "operations") {
			body, after := randomThings(rt)
			if crash := rapid.IntRange(-10, 40).Draw(rt, "writes until a crash"); crash >= 0 {
				w.crashAfter(crash)
			}
			w.advance(body)
			w.reopen()
			s, ok := w.e.Describe(here, "s")
			if !ok {
				continue // the crash came before the stack was there
			}
			s = w.settled()
			switch got := w.left(); {
			case got == before && (s.Status == RollbackComplete || s.Status == UpdateRollbackComplete ||
				s.Status == UpdateComplete || s.Status == CreateComplete):
			case got == after && (s.Status == CreateComplete || s.Status == UpdateComplete):
				before = after
			default:
				rt.Fatalf("%s %q: there is %q, before there was %q, wanted is %q\n%s", s.Status, s.Reason,
					got, before, after,
					w.history("s"))
			}
			if s.Status == RollbackComplete || rapid.IntRange(0, 4).Draw(rt, "delete") == 0 {
				w.deleteWithCrash(rt)
				before = ""
			}
		}
	})
}

// deleteWithCrash deletes the stack, with a crash in the middle, and looks for what is left.
func (w *world) deleteWithCrash(rt *rapid.T) {
	w.crashAfter(rapid.IntRange(0, 20).Draw(rt, "writes until a crash of the deletion"))
	_ = w.e.DeleteStack(context.Background(), &Request{Scope: here, Name: "s"}, nil)
	w.e.workers.Wait()
	w.reopen()
	w.e.workers.Wait() // a deletion that had begun is gone on with
	if _, ok := w.e.Describe(here, "s"); ok {
		if err := w.e.DeleteStack(context.Background(), &Request{Scope: here, Name: "s"}, nil); err != nil {
			rt.Fatal(err)
		}
		w.e.workers.Wait()
	}
	if w.left() != "" {
		rt.Fatalf("after the deletion there is %s\n%s", w.left(), w.history(w.e.List(here)[0].ID))
	}
	w.cloud.mu.Lock()
	defer w.cloud.mu.Unlock()
	if extra := slices.Collect(maps.Keys(w.cloud.things)); len(extra) > 0 {
		rt.Fatalf("left over: %v", extra)
	}
}
