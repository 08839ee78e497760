package audit

import (
	"cmp"
	"context"
	"sync"
	"time"

	"github.com/sealtable/sealtable/internal/audit/fact"
)

// Source gathers facts. Read tells the sink its scope first, then the facts of every region or template, and
// every region or template once when it is done with it. It returns an error only when nothing can be said at
// all, or when ctx ends.
type Source interface {
	Read(ctx context.Context, sink Sink) error
}

// Sink takes facts; it may be called by several goroutines at once.
type Sink interface {
	Scope(fact.Scope)
	// Set takes the facts of one region.
	Set(*fact.Set)
	Region(fact.Region)
	// Cases takes the evaluations of one template, one for each choice of parameters that matters.
	Cases([]*fact.Set)
	Template(fact.Template)
}

// Judge applies every rule to what was read of one place.
type Judge func(*fact.Set) []Finding

// Progress is how far a run has come.
type Progress struct {
	Regions, RegionsDone, Tables, Keys, Templates int
	// Region is the last one that was done, if the step was one.
	Region *fact.Region
	// Failed are the findings of the last step that failed.
	Failed []Finding
}

// Schema names the layout of a Report in JSON. Members may be added under the same name; none changes its
// meaning.
const Schema = "sealtable.audit/1"

// Report is the outcome of an audit.
type Report struct {
	Schema     string          `json:"schema"`
	Version    string          `json:"version"` // of the auditor
	Started    time.Time       `json:"started"`
	Finished   time.Time       `json:"finished"`
	Scope      fact.Scope      `json:"scope"`
	Parameters Parameters      `json:"parameters"`
	Summary    Summary         `json:"summary"`
	Rules      []Rule          `json:"rules"`
	Regions    []fact.Region   `json:"regions"`
	Templates  []fact.Template `json:"templates"`
	Tables     []fact.Table    `json:"tables"`
	Keys       []fact.Key      `json:"keys"`
	Findings   []Finding       `json:"findings"`
	// Fixed are the findings that the report compared with had, and that are gone.
	Fixed []Finding `json:"fixed,omitempty"`
	// Warnings are about waivers: expired ones, and those that fit nothing.
	Warnings []string `json:"warnings,omitempty"`
}

// Run gathers facts, judges them, and returns them in a stable order. watch, which may be nil, is called as
// the run goes on, by one goroutine at a time.
func Run(ctx context.Context, judge Judge, watch func(Progress), sources ...Source) (*Report, error) {
	if watch == nil {
		watch = func(Progress) {}
	}
	c := &collector{judge: judge, watch: watch, report: newReport()}
	for _, source := range sources {
		if err := source.Read(ctx, c); err != nil {
			return nil, err
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	c.report.Sort()
	c.report.Summarise()
	return c.report, nil
}

// newReport has no nil list or map, so that none becomes null in JSON.
func newReport() *Report {
	return &Report{
		Schema: Schema, Rules: []Rule{}, Regions: []fact.Region{}, Templates: []fact.Template{},
		Tables: []fact.Table{}, Keys: []fact.Key{}, Findings: []Finding{},
	}
}

// collector is the sink of a run.
type collector struct {
	judge  Judge
	watch  func(Progress)
	mu     sync.Mutex
	report *Report
}

// Scope implements Sink.
func (c *collector) Scope(s fact.Scope) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.report.Scope = s
	c.progress(nil, nil)
}

// Set implements Sink.
func (c *collector) Set(s *fact.Set) {
	classify(s)
	findings := c.judge(s)
	for i := range findings {
		findings[i].ID = findingID(&findings[i])
	}
	c.keep(s, findings)
}

func classify(s *fact.Set) {
	for _, t := range s.Tables {
		if t.Origin == nil {
			t.KeyClass = fact.Classify(t)
		}
	}
}

func (c *collector) keep(s *fact.Set, findings []Finding) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, t := range s.Tables {
		c.report.Tables = append(c.report.Tables, withoutDetail(t))
	}
	for _, k := range s.Keys {
		c.report.Keys = append(c.report.Keys, *k)
	}
	c.report.Findings = append(c.report.Findings, findings...)
	c.progress(nil, failed(findings))
}

// withoutDetail leaves of a table's key what concerns the table: the rest is in the list of keys, once.
func withoutDetail(t *fact.Table) fact.Table {
	out := *t
	if k := t.Key; k != nil {
		out.Key = &fact.Key{
			ARN: k.ARN, Manager: k.Manager, State: k.State, DeletionDate: k.DeletionDate,
			Problems: k.Problems,
		}
	}
	return out
}

func failed(findings []Finding) []Finding {
	var out []Finding
	for i := range findings {
		if findings[i].Status == Fail {
			out = append(out, findings[i])
		}
	}
	return out
}

// Cases implements Sink.
func (c *collector) Cases(sets []*fact.Set) {
	if len(sets) == 0 {
		return
	}
	first := sets[0]
	judged := make([][]Finding, len(sets))
	for i, s := range sets {
		classify(s)
		judged[i] = c.judge(s)
		for j := range judged[i] {
			judged[i][j].ID = findingID(&judged[i][j])
		}
		if s.Default {
			first = s
		}
	}
	c.keep(first, mergeCases(sets, judged))
}

// Region implements Sink.
func (c *collector) Region(r fact.Region) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.report.Regions = append(c.report.Regions, r)
	if r.Problem != nil {
		c.report.Findings = append(c.report.Findings,
			unread(Resource{Account: cmp.Or(r.Account, c.report.Scope.Account), Region: r.Name}, r.Problem))
	}
	c.progress(&r, nil)
}

// Template implements Sink.
func (c *collector) Template(t fact.Template) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.report.Templates = append(c.report.Templates, t)
	if t.Problem != nil {
		c.report.Findings = append(c.report.Findings, unread(Resource{File: t.Path}, t.Problem))
	}
	c.progress(nil, nil)
}

func (c *collector) progress(region *fact.Region, failed []Finding) {
	r := c.report
	c.watch(Progress{
		Regions: r.Scope.Regions, RegionsDone: len(r.Regions), Tables: len(r.Tables), Keys: len(r.Keys),
		Templates: len(r.Templates), Region: region, Failed: failed,
	})
}

func unread(resource Resource, p *fact.Problem) Finding {
	rule := CoverageRule()
	f := Finding{
		Rule: rule.ID, Status: Error, Severity: rule.Severity, Resource: resource,
		Message: p.String(), Remedy: p.Advice(), Problem: p,
	}
	f.ID = findingID(&f)
	return f
}
