package report

import (
	"bufio"
	"cmp"
	_ "embed"
	"fmt"
	"html"
	"io"
	"slices"
	"time"

	"github.com/sealtable/sealtable/internal/audit"
	"github.com/sealtable/sealtable/internal/audit/fact"
)

//go:embed report.css
var reportCSS string

// HTML writes one page that needs nothing else: no script, no font, no picture from elsewhere. It prints
// well.
func HTML(w io.Writer, r *audit.Report) error {
	p := &page{out: bufio.NewWriter(w), report: r}
	p.line(`<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">`)
	p.line(`<title>%s</title><style>%s</style></head><body><main>`, esc("Audit of "+scopeLine(r)), reportCSS)
	p.head()
	p.charts()
	p.findings()
	p.tables()
	p.controls()
	p.scope()
	p.line(`</main></body></html>`)
	return p.out.Flush()
}

type page struct {
	out    *bufio.Writer
	report *audit.Report
}

// line writes a line. Values must have been escaped, unless they are numbers.
func (p *page) line(format string, values ...any) { fmt.Fprintf(p.out, format+"\n", values...) }

func esc(s string) string { return html.EscapeString(printable(s)) }

func (p *page) head() {
	r, s := p.report, &p.report.Summary
	p.line(`<h1>%s</h1><p class="quiet">%s, by sealtable %s</p>`, esc("Audit of "+scopeLine(r)),
		r.Finished.UTC().Format(time.RFC1123), esc(r.Version))
	p.line(`<section class="tiles">`)
	for _, tile := range []struct {
		class, label string
		n            int
	}{
		{"", "tables", len(r.Tables)}, {"", "keys", len(r.Keys)}, {"critical", "critical",
			s.Failures[audit.Critical]},
		{"high", "high", s.Failures[audit.High]}, {"medium", "medium", s.Failures[audit.Medium]},
		{"low", "low", s.Failures[audit.Low]}, {"error", "could not be read", s.Findings[audit.Error]},
		{"pass", "checks passed", s.Findings[audit.Pass]},
	} {
		p.line(`<div class="tile %s"><b>%d</b><span>%s</span></div>`, tile.class, tile.n, tile.label)
	}
	p.line(`</section>`)
	if !s.Complete {
		p.line(`<p class="banner">This audit is incomplete: what could not be read is not known to be well.</p>`)
	}
	for _, warning := range r.Warnings {
		p.line(`<p class="banner">%s</p>`, esc(warning))
	}
}

// bar is one bar of a chart, of pieces by class of key.
type bar struct {
	label  string
	pieces map[fact.KeyClass]int
	total  int
}

func classes() []fact.KeyClass {
	return []fact.KeyClass{fact.AWSOwned, fact.AWSManaged, fact.Customer, fact.CustomerCrossAccount,
		fact.UnknownKey}
}

func (p *page) charts() {
	byRegion := map[string]*bar{}
	for i := range p.report.Tables {
		t := &p.report.Tables[i]
		place := t.Region
		if t.Origin != nil {
			place = t.Origin.File
		}
		if byRegion[place] == nil {
			byRegion[place] = &bar{label: place, pieces: map[fact.KeyClass]int{}}
		}
		byRegion[place].pieces[t.KeyClass]++
		byRegion[place].total++
	}
	var regions []*bar
	for _, b := range byRegion {
		regions = append(regions, b)
	}
	slices.SortFunc(regions, func(a, b *bar) int {
		return cmp.Or(b.total-a.total, cmp.Compare(a.label,
			b.label))
	})
	var kinds []*bar
	for _, c := range classes() {
		n := p.report.Summary.Classes[c]
		kinds = append(kinds, &bar{string(c), map[fact.KeyClass]int{c: n}, n})
	}
	p.line(`<section class="charts">`)
	p.chart("Tables by class of key", kinds)
	p.chart("Tables by place", regions[:min(len(regions), 20)])
	p.line(`</section>`)
}

// chart draws bars as SVG: each as long as its part of the longest, with its number as text.
func (p *page) chart(title string, bars []*bar) {
	if len(bars) == 0 {
		return
	}
	longest := 1
	for _, b := range bars {
		longest = max(longest, b.total)
	}
	const row, left, width = 24, 190, 300
	p.line(`<figure><figcaption>%s</figcaption><svg viewBox="0 0 540 %d" role="img" aria-label="%s">`, title, len(bars)*row, title)
	for i, b := range bars {
		y, x := i*row, left
		p.line(`<text x="%d" y="%d" text-anchor="end">%s</text>`, left-8, y+16, esc(shortLabel(b.label)))
		for _, c := range classes() {
			if length := b.pieces[c] * width / longest; length > 0 {
				p.line(`<rect class="%s" x="%d" y="%d" width="%d" height="16"><title>%s: %d</title></rect>`, c, x, y+3, length, c, b.pieces[c])
				x += length
			}
		}
		p.line(`<text x="%d" y="%d">%d</text>`, x+6, y+16, b.total)
	}
	p.line(`</svg></figure>`)
}

func shortLabel(s string) string {
	if r := []rune(s); len(r) > 26 {
		return "…" + string(r[len(r)-25:])
	}
	return s
}

func (p *page) findings() {
	printer := printer{report: p.report}
	groups := printer.groups()
	p.line(`<h2>Findings</h2>`)
	if len(groups) == 0 {
		p.line(`<p>Nothing needs attention.</p>`)
	}
	for _, group := range groups {
		f := group[0]
		class := f.Severity.String()
		if f.Status == audit.Error {
			class = "error"
		}
		p.line(`<article class="%s"><h3><span class="badge">%s</span> %s <small>%s</small></h3><p>%s</p>`, class,
			badge(f), esc(ruleOf(p.report, f.Rule).Title), esc(f.Rule), esc(f.Message))
		if f.Remedy != "" {
			p.line(`<p><b>What to do:</b> %s</p>`, esc(f.Remedy))
		}
		p.line(`<ul>`)
		for _, member := range group {
			p.line(`<li><code>%s</code>`, esc(member.Resource.Label()))
			for _, command := range member.Commands {
				p.line(`<pre>%s</pre>`, esc(command))
			}
			p.line(`</li>`)
		}
		p.line(`</ul></article>`)
	}
}

func badge(f *audit.Finding) string {
	if f.Status != audit.Fail {
		return string(f.Status)
	}
	return f.Severity.String()
}

func (p *page) tables() {
	if len(p.report.Tables) == 0 {
		return
	}
	statuses := p.report.TableStatuses()
	p.line(`<h2>Tables</h2><table><thead><tr><th>Place</th><th>Table</th><th>Key</th><th>Key state</th><th>Status</th><th>Result</th></tr></thead><tbody>`)
	for i := range p.report.Tables {
		t := &p.report.Tables[i]
		status := statuses[audit.SubjectOfTable(t)]
		printer := printer{report: p.report}
		p.line(`<tr><td>%s</td><td>%s</td><td>%s</td><td>%s</td><td>%s</td><td class="%s">%s</td></tr>`, esc(printer.place(t)),
			esc(t.Name), t.KeyClass, esc(keyState(t)), esc(orDash(t.Status)), status, status)
	}
	p.line(`</tbody></table>`)
}

// controls lists the controls of frameworks with the worst that the rules mapped to them found.
func (p *page) controls() {
	rows := Controls(p.report)
	if len(rows) == 0 {
		return
	}
	p.line(`<h2>Controls</h2><table><thead><tr><th>Framework</th><th>Control</th><th>Title</th><th>Rules</th><th>Result</th></tr></thead><tbody>`)
	for _, c := range rows {
		p.line(`<tr><td>%s</td><td>%s</td><td>%s</td><td>%s</td><td class="%s">%s</td></tr>`, esc(c.Framework), esc(c.Control),
			esc(c.Title), esc(joined(c.Rules)), c.Status, c.Status)
	}
	p.line(`</tbody></table>`)
}

func (p *page) scope() {
	if len(p.report.Regions) > 0 {
		p.line(`<h2>Regions</h2><table><thead><tr><th>Account</th><th>Region</th><th>Outcome</th><th>Tables</th><th>Keys</th><th></th></tr></thead><tbody>`)
		for i := range p.report.Regions {
			r := &p.report.Regions[i]
			note := r.Note
			if r.Problem != nil {
				note = r.Problem.String()
			}
			p.line(`<tr><td>%s</td><td>%s</td><td>%s</td><td>%d</td><td>%d</td><td>%s</td></tr>`, esc(r.Account), esc(r.Name),
				esc(string(r.Outcome)), r.Tables, r.Keys, esc(note))
		}
		p.line(`</tbody></table>`)
	}
	for _, note := range p.report.Scope.Notes {
		p.line(`<p class="quiet">%s</p>`, esc(note))
	}
}
