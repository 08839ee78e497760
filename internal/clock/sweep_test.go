package clock

import (
	"testing"
	"time"
)

func TestSweepsEachPeriodAsTimePasses(t *testing.T) {
	inBubble(t, func(t *testing.T, c *Clock, d *diary) {
		c.Sweep(time.Hour, func(now time.Time, moving bool) Outlook {
			if moving || !now.Equal(c.Now()) {
				t.Errorf("the sweep of %v runs at %v, moving: %v", now, c.Now(), moving)
			}
			d.note("look")
			return Outlook{Worked: true}
		})
		c.Sweep(0, func(time.Time, bool) Outlook { t.Error("a period of nothing came"); return Outlook{} })
		time.Sleep(150 * time.Minute)
		if got := d.text(); got != "look@1h0m0s look@2h0m0s" {
			t.Error(got)
		}
	})
}

// A year has 525,600 minutes, and those in which something happens are few.
func TestSweepsWhileTheClockIsMoved(t *testing.T) {
	inBubble(t, func(t *testing.T, c *Clock, d *diary) {
		var found, cleaned bool
		c.Sweep(time.Minute, func(now time.Time, _ bool) Outlook {
			d.note("look")
			switch since := now.Sub(start); {
			case since >= 48*time.Hour && !found: // an item expires after two days, which only this sweep knows
				found = true
				return Outlook{Worked: true}
			case !found:
				return Outlook{Next: start.Add(48 * time.Hour)}
			}
			return Outlook{}
		})
		c.Sweep(10*time.Minute, func(time.Time, bool) Outlook {
			d.note("clean")
			cleaned = cleaned || found
			return Outlook{}
		})
		c.At(start.Add(1000*time.Hour+30*time.Second), d.job("rotate"))
		c.Advance(8760 * time.Hour)
		want := "look@1m0s clean@10m0s look@48h0m0s clean@48h0m0s look@48h1m0s rotate@1000h0m30s look@1000h1m0s clean@1000h10m0s " +
			"look@8760h0m0s clean@8760h0m0s"
		if got := d.text(); got != want || !cleaned {
			t.Errorf("%s\nwant %s", got, want)
		}
		d.lines = nil
		c.Advance(3 * time.Minute)
		if got := d.text(); got != "look@8760h1m0s look@8760h3m0s" {
			t.Error(got)
		}
	})
}
