package audit

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// facts is a source that holds what it tells, and tells it from many goroutines.
type facts struct {
	tables  []Table
	regions []Region
	err     error
}

func (f facts) Read(_ context.Context, sink Sink) error {
	sink.Scope(Scope{Account: "111122223333", Regions: len(f.regions)})
	var all sync.WaitGroup
	for _, t := range f.tables {
		all.Go(func() { sink.Table(t) })
	}
	for _, r := range f.regions {
		all.Go(func() { sink.Region(r) })
	}
	all.Wait()
	return f.err
}

// byName gives each table the findings that its name stands for.
func byName(t *Table) []Finding {
	finding := func(rule string, status Status, severity Severity) Finding {
		return Finding{Rule: rule, Status: status, Severity: severity, Resource: t.Resource()}
	}
	switch t.Name {
	case "bad":
		return []Finding{finding("A", Pass, High), finding("B", Fail, Critical)}
	case "weak":
		return []Finding{finding("A", Fail, High), finding("B", NotApplicable, Critical)}
	case "dark":
		return []Finding{finding("A", Error, High), finding("B", Pass, Critical)}
	}
	return []Finding{finding("A", Pass, High), finding("B", NotApplicable, Critical)}
}

func sample() facts {
	return facts{
		tables: []Table{{Region: "b-1", Name: "good"}, {Region: "b-1", Name: "weak"}, {Region: "a-1", Name: "dark"}, {Region: "a-1", Name: "bad"}},
		regions: []Region{
			{Name: "c-1", Outcome: RegionFailed, Problem: &Problem{Kind: Denied, Action: "dynamodb:ListTables"}},
			{Name: "a-1", Outcome: RegionAudited}, {Name: "b-1", Outcome: RegionAudited}, {Name: "d-1", Outcome: RegionSkipped},
		},
	}
}

func TestRunOrdersAndCounts(t *testing.T) {
	var last Progress
	r, err := Run(t.Context(), sample(), byName, func(p Progress) { last = p })
	if err != nil {
		t.Fatal(err)
	}
	want := Summary{
		Regions:  map[string]int{"audited": 2, "skipped": 1, "error": 1},
		Tables:   map[Status]int{Pass: 1, Fail: 2, Error: 1},
		Findings: map[Status]int{Pass: 3, Fail: 2, Error: 2, NotApplicable: 2},
		Failures: map[Severity]int{Critical: 1, High: 1, Medium: 0, Low: 0},
	}
	if diff := cmp.Diff(want, r.Summary); diff != "" {
		t.Error(diff)
	}
	var order []string
	for _, f := range r.Findings {
		order = append(order, string(f.Status)+" "+f.Rule+" "+f.Resource.Label())
	}
	if diff := cmp.Diff([]string{
		"FAIL B a-1/bad", "FAIL A b-1/weak", "ERROR A a-1/dark", "ERROR COVERAGE c-1",
		"PASS B a-1/dark", "PASS A a-1/bad", "PASS A b-1/good", "NOT_APPLICABLE B b-1/good", "NOT_APPLICABLE B b-1/weak",
	}, order); diff != "" {
		t.Error(diff)
	}
	if last != (Progress{Regions: 4, RegionsDone: 4, Tables: 4}) {
		t.Errorf("the last progress is %+v", last)
	}
	for least, n := range map[Severity]int{None: 0, Low: 2, High: 2, Critical: 1} {
		if got := r.Summary.FailuresFrom(least); got != n {
			t.Errorf("%d failures from %s, want %d", got, least, n)
		}
	}
}

func TestFindingIDs(t *testing.T) {
	first, _ := Run(t.Context(), sample(), byName, nil)
	second, _ := Run(t.Context(), sample(), byName, nil)
	seen := map[string]bool{}
	for i := range first.Findings {
		id := first.Findings[i].ID
		if len(id) != 32 || seen[id] || id != second.Findings[i].ID {
			t.Errorf("%s of %s: %q is not an id of its own, or not of every run", first.Findings[i].Rule, first.Findings[i].Resource.Label(), id)
		}
		seen[id] = true
	}
}

func TestRunFails(t *testing.T) {
	broken := errors.New("broken")
	if r, err := Run(t.Context(), facts{err: broken}, byName, nil); r != nil || !errors.Is(err, broken) {
		t.Errorf("a source that cannot begin: %v, %v", r, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if r, err := Run(ctx, sample(), byName, nil); r != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("an interrupted run: %v, %v", r, err)
	}
}

// An empty report has empty lists, which readers need not tell from missing ones.
func TestEmptyReportHasNoNull(t *testing.T) {
	r, err := Run(t.Context(), facts{}, byName, nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil {
		t.Fatal(err)
	}
	for name, value := range members {
		if string(value) == "null" {
			t.Errorf("%s is null", name)
		}
	}
}

func TestSeverityNames(t *testing.T) {
	for s := None; s <= Critical; s++ {
		if got, err := ParseSeverity(s.String()); err != nil || got != s {
			t.Errorf("%s: %v, %v", s, got, err)
		}
	}
	for _, bad := range []string{"", "High", "severity(9)"} {
		if _, err := ParseSeverity(bad); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}
