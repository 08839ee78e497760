package upkeep

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sealtable/sealtable/internal/clock"
)

func inBubble(t *testing.T, test func(t *testing.T, c *clock.Clock, u *Upkeep)) {
	synctest.Test(t, func(t *testing.T) {
		c := clock.New()
		defer c.Close()
		u := New(c)
		defer u.Close()
		test(t, c, u)
	})
}

// A job that takes long kept every other job of the clock waiting.
func TestJobsDoNotWaitForEachOther(t *testing.T) {
	inBubble(t, func(t *testing.T, _ *clock.Clock, u *Upkeep) {
		var short atomic.Int64
		u.Add(Job{Name: "long", Period: time.Minute, Run: func(ctx context.Context, _ time.Time) Found {
			<-ctx.Done()
			return Found{More: true}
		}})
		u.Add(Job{Name: "short", Period: time.Minute, Run: func(context.Context, time.Time) Found {
			short.Add(1)
			return Found{}
		}})
		time.Sleep(10*time.Minute + time.Second)
		if n := short.Load(); n != 10 {
			t.Errorf("the short job ran %d times in 10 minutes", n)
		}
	})
}

// A job runs on while it finds more, never twice at a time, and once more if it was due meanwhile.
func TestAJobRunsOnWhileThereIsMore(t *testing.T) {
	inBubble(t, func(t *testing.T, _ *clock.Clock, u *Upkeep) {
		var running atomic.Bool
		var parts atomic.Int64
		u.Add(Job{Name: "parts", Period: time.Minute, Run: func(context.Context, time.Time) Found {
			if running.Swap(true) {
				t.Error("it runs twice at a time")
			}
			time.Sleep(50 * time.Second)
			running.Store(false)
			return Found{More: parts.Add(1)%3 != 0, Worked: true}
		}})
		time.Sleep(4*time.Minute + time.Second)
		if n := parts.Load(); n != 3 {
			t.Errorf("%d parts were done", n)
		}
		time.Sleep(time.Minute)
		if n := parts.Load(); n != 4 {
			t.Errorf("what fell due meanwhile did not begin after the run: %d parts", n)
		}
	})
}

// Advance returns when everything that fell due is done, in the order of time, and Settle when one job's work led to no more.
func TestMovingTheClockWaitsForTheJobs(t *testing.T) {
	inBubble(t, func(t *testing.T, c *clock.Clock, u *Upkeep) {
		begin := c.Now()
		left, behind := 5, 0
		var at []time.Duration
		u.Add(Job{Name: "first", Period: time.Minute, Run: func(_ context.Context, now time.Time) Found {
			if due := begin.Add(24 * time.Hour); now.Before(due) {
				return Found{Next: due}
			}
			if left == 0 {
				return Found{}
			}
			at = append(at, now.Sub(begin))
			left--
			behind++
			return Found{Worked: true, More: left > 0}
		}})
		u.Add(Job{Name: "second", Period: time.Hour, Run: func(context.Context, time.Time) Found {
			worked := behind > 0
			behind = 0
			return Found{Worked: worked}
		}})
		c.Advance(365 * 24 * time.Hour)
		if left != 0 || behind != 0 || !slices.Equal(at, slices.Repeat([]time.Duration{24 * time.Hour}, 5)) {
			t.Errorf("left %d, behind %d, done at %v", left, behind, at)
		}
		left = 2
		u.Settle()
		if left != 0 || behind != 0 {
			t.Errorf("after settling: left %d, behind %d", left, behind)
		}
	})
}

func TestClosingEndsTheJobsThatRun(t *testing.T) {
	inBubble(t, func(t *testing.T, _ *clock.Clock, u *Upkeep) {
		ended, runs := false, 0
		u.Add(Job{Name: "long", Period: time.Minute, Run: func(ctx context.Context, _ time.Time) Found {
			runs++
			<-ctx.Done()
			time.Sleep(time.Second)
			ended = true
			return Found{More: true}
		}})
		time.Sleep(2 * time.Minute)
		u.Close()
		if !ended || runs != 1 {
			t.Errorf("ended: %t, after %d runs", ended, runs)
		}
		u.Add(Job{Name: "late", Period: time.Minute, Run: func(context.Context, time.Time) Found {
			t.Error("a job runs after Close")
			return Found{}
		}})
		time.Sleep(time.Hour)
	})
}
