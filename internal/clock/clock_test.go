package clock

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// Bubbles of synctest start at midnight UTC 2000-01-01, and their time passes only while everybody in them sleeps.
var start = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// diary notes what ran and what the clock said.
type diary struct {
	clock *Clock
	mu    sync.Mutex
	lines []string
}

func (d *diary) note(what string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, fmt.Sprintf("%s@%v", what, d.clock.Now().Sub(start)))
}

func (d *diary) text() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return strings.Join(d.lines, " ")
}

func (d *diary) job(what string) Job {
	return func(time.Time) time.Time {
		d.note(what)
		return Done()
	}
}

func inBubble(t *testing.T, test func(t *testing.T, c *Clock, d *diary)) {
	synctest.Test(t, func(t *testing.T) {
		c := New()
		defer c.Close()
		test(t, c, &diary{clock: c})
	})
}

func TestJobsRunWhenTheirTimeComes(t *testing.T) {
	inBubble(t, func(t *testing.T, c *Clock, d *diary) {
		c.At(start.Add(3*time.Hour), d.job("late"))
		c.At(start.Add(time.Second), d.job("early"))
		c.At(start.Add(-time.Hour), d.job("overdue"))
		c.At(start.Add(time.Second), d.job("early too"))
		time.Sleep(4 * time.Hour)
		if got := d.text(); got != "overdue@0s early@1s early too@1s late@3h0m0s" {
			t.Error(got)
		}
	})
}

func TestAdvanceRunsWhatFallsDueInOrder(t *testing.T) {
	inBubble(t, func(t *testing.T, c *Clock, d *diary) {
		c.At(start.Add(3*time.Hour), d.job("third"))
		c.At(start.Add(2*time.Hour), func(due time.Time) time.Time {
			d.note("second")
			c.At(due.Add(30*time.Minute), d.job("child"))
			c.At(due.Add(-time.Hour), d.job("overdue child"))
			return due.Add(90 * time.Minute)
		})
		c.At(start.Add(time.Hour), d.job("first"))
		c.At(start.Add(9*time.Hour), d.job("not yet"))
		c.Advance(4 * time.Hour)
		want := "first@1h0m0s second@2h0m0s overdue child@2h0m0s child@2h30m0s third@3h0m0s second@3h30m0s overdue child@3h30m0s " +
			"child@4h0m0s"
		if got := d.text(); got != want {
			t.Errorf("%s\nwant %s", got, want)
		}
		if now := c.Now(); !now.Equal(start.Add(4 * time.Hour)) {
			t.Errorf("the clock shows %v", now)
		}
		if c.Offset() != 4*time.Hour {
			t.Errorf("the clock is %v ahead", c.Offset())
		}
	})
}

func TestEvery(t *testing.T) {
	inBubble(t, func(t *testing.T, c *Clock, d *diary) {
		c.Every(time.Hour, func(now time.Time) {
			if !now.Equal(c.Now()) {
				t.Errorf("a job of %v runs at %v", now, c.Now())
			}
			d.note("tick")
		})
		c.Every(0, func(time.Time) { t.Error("a period of nothing came") })
		c.Every(-time.Hour, func(time.Time) { t.Error("a negative period came") })
		c.Advance(150 * time.Minute)
		time.Sleep(time.Hour)
		if got := d.text(); got != "tick@1h0m0s tick@2h0m0s tick@3h0m0s" {
			t.Error(got)
		}
	})
}

func TestAdvancesAddUp(t *testing.T) {
	inBubble(t, func(t *testing.T, c *Clock, d *diary) {
		c.Every(time.Minute, func(time.Time) { d.note("tick") })
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() { c.Advance(10 * time.Minute) })
		}
		wg.Wait()
		c.Advance(0)
		c.Advance(-time.Hour)
		if now := c.Now().Sub(start); now != 100*time.Minute {
			t.Errorf("the clock moved by %v", now)
		}
		if n := strings.Count(d.text(), "tick"); n != 100 {
			t.Errorf("%d ticks in 100 minutes", n)
		}
	})
}

// TestJobsThatRunSetNoTimers: nobody waits for his turn while many jobs run, each of which sets the next.
func TestJobsThatRunSetNoTimers(t *testing.T) {
	inBubble(t, func(t *testing.T, c *Clock, _ *diary) {
		before, turns := runtime.NumGoroutine(), 0
		c.At(start.Add(time.Hour), func(time.Time) time.Time {
			turns++
			if turns == 500 {
				if now := runtime.NumGoroutine(); now > before+10 {
					t.Errorf("%d goroutines, and %d before", now, before)
				}
				return Done()
			}
			time.Sleep(time.Millisecond)
			return start
		})
		c.Advance(2 * time.Hour)
		if turns != 500 {
			t.Errorf("%d turns", turns)
		}
	})
}

// TestTimersAndAdvances runs jobs by both ways at once: none twice, none left out, never two at a time.
func TestTimersAndAdvances(t *testing.T) {
	inBubble(t, func(t *testing.T, c *Clock, _ *diary) {
		var running, most int
		var mu sync.Mutex
		var ran []time.Time
		c.Every(time.Second, func(now time.Time) {
			mu.Lock()
			running++
			most = max(most, running)
			ran = append(ran, now)
			mu.Unlock()
			time.Sleep(50 * time.Millisecond)
			mu.Lock()
			running--
			mu.Unlock()
		})
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				for range 5 {
					time.Sleep(700 * time.Millisecond)
					c.Advance(3 * time.Second)
				}
			})
		}
		wg.Wait()
		c.Advance(time.Second)
		if most != 1 {
			t.Errorf("%d jobs ran at a time", most)
		}
		for i, at := range ran {
			if !at.Equal(start.Add(time.Duration(i+1) * time.Second)) {
				t.Fatalf("run %d was that of %v", i, at.Sub(start))
			}
		}
		if c.Now().Before(ran[len(ran)-1]) || c.Now().Sub(ran[len(ran)-1]) > 2*time.Second {
			t.Errorf("the last of %d runs was at %v, now it is %v", len(ran), ran[len(ran)-1], c.Now())
		}
	})
}

func TestCloseWaitsForTheJobThatRuns(t *testing.T) {
	inBubble(t, func(t *testing.T, c *Clock, d *diary) {
		c.At(start, func(time.Time) time.Time {
			time.Sleep(time.Minute)
			d.note("done")
			return c.Now().Add(time.Second)
		})
		time.Sleep(time.Second)
		c.Close()
		if got := d.text(); got != "done@1m0s" {
			t.Errorf("Close returned after %q", got)
		}
		c.Close()
		c.At(start, d.job("after Close"))
		c.Every(time.Second, func(time.Time) { d.note("after Close") })
		c.Advance(time.Hour)
		time.Sleep(time.Hour)
		if got := d.text(); got != "done@1m0s" {
			t.Errorf("a closed clock ran %q", got)
		}
		if now := c.Now().Sub(start); now != 2*time.Hour+time.Minute {
			t.Errorf("a closed clock still tells the time: %v", now)
		}
	})
}

func TestCloseEndsAnAdvance(t *testing.T) {
	inBubble(t, func(t *testing.T, c *Clock, d *diary) {
		c.Every(time.Hour, func(time.Time) {
			d.note("tick")
			time.Sleep(time.Second)
		})
		advanced := make(chan struct{})
		go func() {
			c.Advance(100 * time.Hour)
			close(advanced)
		}()
		time.Sleep(1500 * time.Millisecond)
		c.Close()
		<-advanced
		if n := strings.Count(d.text(), "tick"); n != 2 {
			t.Errorf("%d jobs ran, want those that had begun", n)
		}
	})
}

// TestOrder sets jobs at random: by whatever steps the clock is moved, they run in the order of time, then of setting.
func TestOrder(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dues := rapid.SliceOfN(rapid.IntRange(0, 20), 0, 30).Draw(rt, "dues")
		steps := rapid.SliceOfN(rapid.IntRange(1, 9), 1, 10).Draw(rt, "steps")
		c := New()
		defer c.Close()
		base := c.Now().Add(time.Hour)
		var ran []int
		for i, due := range dues {
			c.At(base.Add(time.Duration(due)*time.Hour), func(time.Time) time.Time {
				ran = append(ran, i)
				return Done()
			})
		}
		for _, step := range steps {
			c.Advance(time.Duration(step) * time.Hour)
		}
		c.Advance(30 * time.Hour)
		want := make([]int, len(dues))
		for i := range want {
			want[i] = i
		}
		slices.SortStableFunc(want, func(a, b int) int { return dues[a] - dues[b] })
		if !slices.Equal(ran, want) {
			rt.Fatalf("jobs due at %v ran in the order %v", dues, ran)
		}
	})
}

func BenchmarkNow(b *testing.B) {
	c := New()
	b.ReportAllocs()
	for b.Loop() {
		c.Now()
	}
}
