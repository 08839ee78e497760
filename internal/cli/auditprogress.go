package cli

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/sealtable/sealtable/internal/audit"
	"github.com/sealtable/sealtable/internal/audit/fact"
)

// progress shows how far an audit has come, where somebody is watching: each region as it is done, the first
// critical findings, and a bar.
type progress struct {
	out   io.Writer // nil where nobody watches
	last  time.Time
	shown int
}

func newProgress(stderr io.Writer, quiet bool) *progress {
	if quiet || !isTerminal(stderr) {
		return &progress{}
	}
	return &progress{out: stderr}
}

// atMost is how many findings are shown before the report is there.
const atMost = 20

func (l *progress) show(p audit.Progress) {
	if l.out == nil {
		return
	}
	if r := p.Region; r != nil && (r.Tables > 0 || r.Outcome == fact.RegionFailed) {
		fmt.Fprintf(l.out, "\r\x1b[K%s %s: %d tables, %d keys: %s\n", legible(r.Account), legible(r.Name),
			r.Tables, r.Keys, r.Outcome)
	}
	for i := range p.Failed {
		if f := &p.Failed[i]; f.Severity == audit.Critical && l.shown < atMost {
			l.shown++
			fmt.Fprintf(l.out, "\r\x1b[K  %s %s %s\n", f.Severity, f.Rule, legible(f.Resource.Label()))
		}
	}
	if time.Since(l.last) >= 100*time.Millisecond {
		l.last = time.Now()
		l.bar(p)
	}
}

func (l *progress) bar(p audit.Progress) {
	const width = 30
	filled := width * p.RegionsDone / max(p.Regions, 1)
	fmt.Fprintf(l.out, "\r\x1b[K[%s%s] %d of %d regions, %d tables, %d keys", strings.Repeat("#", filled),
		strings.Repeat(".", width-filled), p.RegionsDone, p.Regions, p.Tables, p.Keys)
}

func (l *progress) clear() {
	if l.out != nil {
		fmt.Fprint(l.out, "\r\x1b[K")
	}
}
