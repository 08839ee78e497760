package server

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestRecounterTakesItsTime: it works a tenth of the time, unless somebody waits for it.
func TestRecounterTakesItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var steps atomic.Int32
		r := newRecounter(func(pause func() error) {
			for range 5 {
				time.Sleep(time.Millisecond) // the work
				steps.Add(1)
				if pause() != nil {
					return
				}
			}
		})
		over := make(chan struct{})
		go func() { r.run(); close(over) }()
		r.settle() // there is nothing to wait for
		r.ask()
		time.Sleep(24 * time.Millisecond)
		if n := steps.Load(); n != 3 {
			t.Errorf("after 24 ms there were %d steps of 1 ms", n)
		}
		start := time.Now()
		r.settle()
		if n := steps.Load(); n != 5 || time.Since(start) > 3*time.Millisecond {
			t.Errorf("%d steps, and it took another %v to settle", n, time.Since(start))
		}
		r.ask()
		time.Sleep(15 * time.Millisecond)
		r.end()
		<-over
		if n := steps.Load(); n > 7 {
			t.Errorf("it went on after its end, to step %d", n)
		}
		r.ask()
		r.settle()
	})
}
