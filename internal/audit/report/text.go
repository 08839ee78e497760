package report

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/sealtable/sealtable/internal/audit"
	"github.com/sealtable/sealtable/internal/audit/fact"
)

// Style is how Text looks.
type Style struct {
	Color bool
	// Controls adds a table of the controls of frameworks.
	Controls bool
}

// Text writes what an auditor reads: the scope, a line per table, what fails or could not be read and what to
// do about it, and the counts.
func Text(w io.Writer, r *audit.Report, style Style) error {
	var b bytes.Buffer
	p := printer{out: &b, report: r, style: style}
	p.scope()
	p.tables()
	p.findings()
	if style.Controls {
		p.controls()
	}
	p.notes()
	p.summary()
	_, err := w.Write(b.Bytes())
	return err
}

type printer struct {
	out    *bytes.Buffer
	report *audit.Report
	style  Style
}

func (p *printer) scope() {
	if len(p.report.Regions) == 0 && len(p.report.Templates) > 0 {
		p.line("Templates: %d\n", len(p.report.Templates))
		return
	}
	s := &p.report.Scope
	line := "Account " + orDash(s.Account)
	if len(s.Accounts) > 0 {
		line = "Accounts " + strings.Join(s.Accounts, ", ")
	}
	if s.Caller != "" {
		line += ", as " + s.Caller
	}
	if s.Endpoint != "" {
		line += ", at " + s.Endpoint
	}
	p.line("%s", printable(line))
	regions := p.report.Summary.Regions
	p.line("Regions: %d of %d audited%s\n", regions[string(fact.RegionAudited)], len(p.report.Regions),
		regionOrigin(s.RegionsFrom))
}

func regionOrigin(from fact.RegionList) string {
	switch from {
	case fact.RegionsChosen:
		return " (chosen with --region; others were not looked at)"
	case fact.RegionsListed:
		return " (all of the account)"
	}
	return " (all that this version knows)"
}

func (p *printer) tables() {
	if len(p.report.Tables) == 0 {
		p.line("No tables were found.\n")
		return
	}
	statuses, failed := p.report.TableStatuses(), p.failedRules()
	t := table.NewWriter()
	t.SetStyle(plainStyle())
	t.SuppressTrailingSpaces()
	t.AppendHeader(table.Row{p.placeHeader(), "table", "key", "key state", "table status", "result", ""})
	for i := range p.report.Tables {
		facts := &p.report.Tables[i]
		key := audit.SubjectOfTable(facts)
		t.AppendRow(table.Row{
			printable(p.place(facts)), printable(facts.Name), string(facts.KeyClass),
			printable(keyState(facts)),
			printable(orDash(facts.Status)), p.colored(statuses[key]), strings.Join(failed[key], ", "),
		})
	}
	p.line("%s\n", t.Render())
}

func (p *printer) placeHeader() string {
	if len(p.report.Templates) > 0 {
		return "place"
	}
	return "region"
}

// place is where a table is: the region, with the account where there are several, or the line of a template.
func (p *printer) place(t *fact.Table) string {
	switch {
	case t.Origin != nil:
		return fmt.Sprintf("%s:%d", t.Origin.File, t.Origin.Line)
	case len(p.report.Scope.Accounts) > 1:
		return t.Account + "/" + t.Region
	}
	return t.Region
}

// controls lists what the rules say about the controls of frameworks.
func (p *printer) controls() {
	t := table.NewWriter()
	t.SetStyle(plainStyle())
	t.SuppressTrailingSpaces()
	t.AppendHeader(table.Row{"framework", "control", "", "rules", "result"})
	for _, c := range Controls(p.report) {
		t.AppendRow(table.Row{c.Framework, c.Control, c.Title, joined(c.Rules), p.colored(c.Status)})
	}
	p.line("%s\n", t.Render())
}

// plainStyle is columns without a frame, which can be cut and searched.
func plainStyle() table.Style {
	style := table.StyleDefault
	style.Options = table.OptionsNoBordersAndSeparators
	style.Box.PaddingLeft, style.Box.PaddingRight = "", "  "
	style.Format.Header = text.FormatUpper
	return style
}

func keyState(t *fact.Table) string {
	if t.Key == nil {
		return "-"
	}
	return orDash(t.Key.State)
}

// failedRules lists, for each table, the rules that need attention, failures first.
func (p *printer) failedRules() map[audit.Subject][]string {
	out := map[audit.Subject][]string{}
	for i := range p.report.Findings {
		f := &p.report.Findings[i]
		if needsAttention(f) {
			key := audit.SubjectOf(&f.Resource)
			out[key] = append(out[key], f.Rule)
		}
	}
	return out
}

func needsAttention(f *audit.Finding) bool {
	return f.Status == audit.Fail || f.Status == audit.Error || f.Status == audit.Conditional
}

// findings prints those that need attention, with all the resources of which a rule says the same thing
// together.
func (p *printer) findings() {
	for _, group := range p.groups() {
		f := group[0]
		p.line("%s  %s  %s%s", p.heading(f), f.Rule, p.title(f.Rule), change(f))
		p.line("  %s", printable(f.Message))
		if f.Problem != nil && f.Problem.Message != "" && !strings.Contains(f.Message, f.Problem.Message) {
			p.line("  %s", printable(f.Problem.Message))
		}
		if f.Remedy != "" {
			p.line("  -> %s", printable(f.Remedy))
		}
		for _, member := range group {
			p.line("     %s", printable(member.Resource.Label()))
			for _, command := range member.Commands {
				p.line("       %s", printable(command))
			}
		}
		p.line("")
	}
}

func change(f *audit.Finding) string {
	if f.Change == "new" {
		return "  (new)"
	}
	return ""
}

func (p *printer) groups() [][]*audit.Finding {
	type sameness struct {
		rule    string
		status  audit.Status
		level   audit.Severity
		change  string
		message string
		remedy  string
	}
	place := map[sameness]int{}
	var out [][]*audit.Finding
	for i := range p.report.Findings {
		f := &p.report.Findings[i]
		if !needsAttention(f) {
			continue
		}
		key := sameness{f.Rule, f.Status, f.Severity, f.Change, f.Message, f.Remedy}
		at, ok := place[key]
		if !ok {
			at = len(out)
			place[key] = at
			out = append(out, nil)
		}
		out[at] = append(out[at], f)
	}
	return out
}

func (p *printer) heading(f *audit.Finding) string {
	if f.Status != audit.Fail {
		return p.colored(f.Status)
	}
	return p.paint(statusColor(audit.Fail), strings.ToUpper(f.Severity.String()))
}

func (p *printer) title(id string) string {
	at := slices.IndexFunc(p.report.Rules, func(r audit.Rule) bool { return r.ID == id })
	if at < 0 {
		return ""
	}
	return p.report.Rules[at].Title
}

func (p *printer) notes() {
	for _, note := range p.report.Scope.Notes {
		p.line("Note: %s", printable(note))
	}
	for i := range p.report.Regions {
		r := &p.report.Regions[i]
		if r.Note != "" {
			p.line("Note: %s: %s: %s", printable(r.Name), string(r.Outcome), printable(r.Note))
		}
	}
	for i := range p.report.Templates {
		for _, note := range p.report.Templates[i].Notes {
			p.line("Note: %s: %s", printable(p.report.Templates[i].Path), printable(note))
		}
	}
	for _, warning := range p.report.Warnings {
		p.line("Warning: %s", printable(warning))
	}
}

// summary says in a few lines what a manager wants to know.
func (p *printer) summary() {
	s := &p.report.Summary
	p.line("%d tables: %d PASS, %d FAIL, %d ERROR%s", len(p.report.Tables), s.Tables[audit.Pass],
		s.Tables[audit.Fail],
		s.Tables[audit.Error], others(s.Tables))
	p.line("By key: %d under the AWS owned key, %d AWS managed, %d customer managed, %d another "+
		"account's, %d unknown; %d keys listed",
		s.Classes[fact.AWSOwned], s.Classes[fact.AWSManaged], s.Classes[fact.Customer],
		s.Classes[fact.CustomerCrossAccount],
		s.Classes[fact.UnknownKey], len(p.report.Keys))
	p.line("Findings: %d critical, %d high, %d medium, %d low; %d checks passed, %d could not be made",
		s.Failures[audit.Critical],
		s.Failures[audit.High], s.Failures[audit.Medium], s.Failures[audit.Low], s.Findings[audit.Pass],
		s.Findings[audit.Error])
	if len(p.report.Fixed) > 0 {
		p.line("Fixed since the earlier report: %d", len(p.report.Fixed))
	}
	if !s.Complete {
		p.line("%s", p.paint(statusColor(audit.Error), "This audit is incomplete: what stands under ERROR "+
			"is not known to be well."))
	}
}

func others(counts map[audit.Status]int) string {
	out := ""
	for _, s := range []audit.Status{audit.Conditional, audit.Muted} {
		if counts[s] > 0 {
			out += fmt.Sprintf(", %d %s", counts[s], s)
		}
	}
	return out
}

func (p *printer) line(format string, values ...any) { fmt.Fprintf(p.out, format+"\n", values...) }

func (p *printer) colored(s audit.Status) string { return p.paint(statusColor(s), string(s)) }

func statusColor(s audit.Status) string {
	switch s {
	case audit.Fail:
		return "31"
	case audit.Error, audit.Conditional, audit.Muted:
		return "33"
	}
	return "32"
}

// paint uses the eight colours that every terminal has.
func (p *printer) paint(code, s string) string {
	if !p.style.Color {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// printable takes the means to control a terminal out of what an endpoint answered.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, s)
}
