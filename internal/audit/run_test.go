package audit

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sealtable/sealtable/internal/audit/fact"
)

// facts is a source that holds what it tells, and tells it from many goroutines.
type facts struct {
	tables  []fact.Table
	regions []fact.Region
	err     error
}

func (f facts) Read(_ context.Context, sink Sink) error {
	sink.Scope(fact.Scope{Account: "111122223333", Regions: len(f.regions)})
	var all sync.WaitGroup
	for _, t := range f.tables {
		all.Go(func() { sink.Set(&fact.Set{Region: t.Region, Tables: []*fact.Table{&t}}) })
	}
	for _, r := range f.regions {
		all.Go(func() { sink.Region(r) })
	}
	all.Wait()
	return f.err
}

// byName gives each table the findings that its name stands for.
func byName(s *fact.Set) []Finding {
	t := s.Tables[0]
	finding := func(rule string, status Status, severity Severity) Finding {
		return Finding{Rule: rule, Status: status, Severity: severity, Resource: TableResource(t)}
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
		tables: []fact.Table{{Region: "b-1", Name: "good"}, {Region: "b-1", Name: "weak"}, {Region: "a-1", Name: "dark"}, {Region: "a-1",
			Name: "bad"}},
		regions: []fact.Region{
			{Name: "c-1", Outcome: fact.RegionFailed, Problem: &fact.Problem{Kind: fact.Denied, Action: "dynamodb:ListTables"}},
			{Name: "a-1", Outcome: fact.RegionAudited}, {Name: "b-1", Outcome: fact.RegionAudited}, {Name: "d-1",
				Outcome: fact.RegionSkipped},
		},
	}
}

func TestRunOrdersAndCounts(t *testing.T) {
	var last Progress
	r, err := Run(t.Context(), byName, func(p Progress) { last = p }, sample())
	if err != nil {
		t.Fatal(err)
	}
	want := newSummary()
	want.Regions = map[string]int{"audited": 2, "skipped": 1, "error": 1}
	want.Tables[Pass] = 1
	want.Tables[Fail] = 2
	want.Tables[Error] = 1
	want.Findings[Pass] = 3
	want.Findings[Fail] = 2
	want.Findings[Error] = 2
	want.Findings[NotApplicable] = 2
	want.Failures[Critical], want.Failures[High] = 1, 1
	want.Classes[fact.AWSOwned] = 4
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
	if last.Regions != 4 || last.RegionsDone != 4 || last.Tables != 4 {
		t.Errorf("the last progress is %+v", last)
	}
	for least, n := range map[Severity]int{None: 0, Low: 2, High: 2, Critical: 1} {
		if got := r.Summary.FailuresFrom(least); got != n {
			t.Errorf("%d failures from %s, want %d", got, least, n)
		}
	}
}

func TestFindingIDs(t *testing.T) {
	first, _ := Run(t.Context(), byName, nil, sample())
	second, _ := Run(t.Context(), byName, nil, sample())
	seen := map[string]bool{}
	for i := range first.Findings {
		id := first.Findings[i].ID
		if len(id) != 32 || seen[id] || id != second.Findings[i].ID {
			t.Errorf("%s of %s: %q is not an id of its own, or not of every run", first.Findings[i].Rule,
				first.Findings[i].Resource.Label(), id)
		}
		seen[id] = true
	}
}

func TestRunFails(t *testing.T) {
	broken := errors.New("broken")
	if r, err := Run(t.Context(), byName, nil, facts{err: broken}); r != nil || !errors.Is(err, broken) {
		t.Errorf("a source that cannot begin: %v, %v", r, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if r, err := Run(ctx, byName, nil, sample()); r != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("an interrupted run: %v, %v", r, err)
	}
}

// An empty report has empty lists, which readers need not tell from missing ones.
func TestEmptyReportHasNoNull(t *testing.T) {
	r, err := Run(t.Context(), byName, nil, facts{})
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
