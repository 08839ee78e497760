package audit

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"sync"
	"time"
)

// Source gathers facts. Read tells the sink its scope first, then every table, and every region once when it is done with it. It
// returns an error only when nothing can be said at all, or when ctx ends.
type Source interface {
	Read(ctx context.Context, sink Sink) error
}

// Sink takes facts; it may be called by several goroutines at once.
type Sink interface {
	Scope(Scope)
	Table(Table)
	Region(Region)
}

// Judge applies every rule to a table.
type Judge func(*Table) []Finding

// Progress is how far a run has come.
type Progress struct{ Regions, RegionsDone, Tables int }

// Schema names the layout of a Report in JSON. Members may be added under the same name; none changes its meaning.
const Schema = "sealtable.audit/1"

// Report is the outcome of an audit.
type Report struct {
	Schema     string     `json:"schema"`
	Version    string     `json:"version"` // of the auditor
	Started    time.Time  `json:"started"`
	Finished   time.Time  `json:"finished"`
	Scope      Scope      `json:"scope"`
	Parameters Parameters `json:"parameters"`
	Summary    Summary    `json:"summary"`
	Rules      []Rule     `json:"rules"`
	Regions    []Region   `json:"regions"`
	Tables     []Table    `json:"tables"`
	Findings   []Finding  `json:"findings"`
}

// Summary counts. A table has the worst status that a rule gave it: FAIL, then ERROR, then PASS.
type Summary struct {
	// Complete says that everything in scope could be read: there is no ERROR.
	Complete bool             `json:"complete"`
	Regions  map[string]int   `json:"regions"`
	Tables   map[Status]int   `json:"tables"`
	Findings map[Status]int   `json:"findings"`
	Failures map[Severity]int `json:"failures"`
}

// FailuresFrom counts the failed findings of at least a severity. None counts nothing.
func (s *Summary) FailuresFrom(least Severity) int {
	n := 0
	for severity, count := range s.Failures {
		if least != None && severity >= least {
			n += count
		}
	}
	return n
}

// Run gathers facts, judges them, and returns them in a stable order. watch, which may be nil, is called as the run goes on, by one
// goroutine at a time.
func Run(ctx context.Context, source Source, judge Judge, watch func(Progress)) (*Report, error) {
	if watch == nil {
		watch = func(Progress) {}
	}
	c := &collector{judge: judge, watch: watch, report: newReport()}
	if err := source.Read(ctx, c); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	c.report.sort()
	c.report.summarise()
	return c.report, nil
}

// newReport has no nil list or map, so that none becomes null in JSON.
func newReport() *Report {
	return &Report{
		Schema: Schema, Rules: []Rule{}, Regions: []Region{}, Tables: []Table{}, Findings: []Finding{},
		Summary: Summary{
			Regions:  map[string]int{string(RegionAudited): 0, string(RegionSkipped): 0, string(RegionFailed): 0},
			Tables:   map[Status]int{Pass: 0, Fail: 0, Error: 0},
			Findings: map[Status]int{Pass: 0, Fail: 0, Error: 0, NotApplicable: 0},
			Failures: map[Severity]int{Critical: 0, High: 0, Medium: 0, Low: 0},
		},
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
func (c *collector) Scope(s Scope) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.report.Scope = s
	c.progress()
}

// Table implements Sink.
func (c *collector) Table(t Table) {
	t.KeyClass = Classify(&t)
	findings := c.judge(&t)
	for i := range findings {
		findings[i].ID = findingID(&findings[i])
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.report.Tables = append(c.report.Tables, t)
	c.report.Findings = append(c.report.Findings, findings...)
	c.progress()
}

// Region implements Sink.
func (c *collector) Region(r Region) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.report.Regions = append(c.report.Regions, r)
	if r.Problem != nil {
		c.report.Findings = append(c.report.Findings, unreadRegion(c.report.Scope.Account, &r))
	}
	c.progress()
}

func (c *collector) progress() {
	c.watch(Progress{Regions: c.report.Scope.Regions, RegionsDone: len(c.report.Regions), Tables: len(c.report.Tables)})
}

func unreadRegion(account string, r *Region) Finding {
	rule := CoverageRule()
	f := Finding{
		Rule: rule.ID, Status: Error, Severity: rule.Severity, Resource: Resource{Account: account, Region: r.Name},
		Message: r.Problem.String(), Remedy: r.Problem.Advice(), Problem: r.Problem,
	}
	f.ID = findingID(&f)
	return f
}

// findingID depends on the rule and the resource alone.
func findingID(f *Finding) string {
	sum := sha256.Sum256([]byte(strings.Join([]string{f.Rule, f.Resource.Account, f.Resource.Region, f.Resource.Table}, "\x00")))
	return hex.EncodeToString(sum[:16])
}

func (r *Report) sort() {
	slices.SortFunc(r.Regions, func(a, b Region) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(r.Tables, func(a, b Table) int {
		return cmp.Or(cmp.Compare(a.Region, b.Region), cmp.Compare(a.Name, b.Name))
	})
	slices.SortFunc(r.Findings, func(a, b Finding) int {
		return cmp.Or(
			cmp.Compare(a.Status.rank(), b.Status.rank()), cmp.Compare(b.Severity, a.Severity), cmp.Compare(a.Rule, b.Rule),
			cmp.Compare(a.Resource.Region, b.Resource.Region), cmp.Compare(a.Resource.Table, b.Resource.Table))
	})
}

func (r *Report) summarise() {
	s := &r.Summary
	for i := range r.Regions {
		s.Regions[string(r.Regions[i].Outcome)]++
	}
	for _, status := range r.TableStatuses() {
		s.Tables[status]++
	}
	for i := range r.Findings {
		f := &r.Findings[i]
		s.Findings[f.Status]++
		if f.Status == Fail {
			s.Failures[f.Severity]++
		}
	}
	s.Complete = s.Findings[Error] == 0
}

// TableKey names a table within a report.
type TableKey struct{ Region, Name string }

// TableStatuses gives every table the worst status that a rule gave it. A table to which no rule applies counts as passed.
func (r *Report) TableStatuses() map[TableKey]Status {
	out := make(map[TableKey]Status, len(r.Tables))
	for i := range r.Tables {
		out[TableKey{r.Tables[i].Region, r.Tables[i].Name}] = Pass
	}
	for i := range r.Findings {
		f := &r.Findings[i]
		key := TableKey{f.Resource.Region, f.Resource.Table}
		if status, ok := out[key]; ok && f.Status.rank() < status.rank() {
			out[key] = f.Status
		}
	}
	return out
}
