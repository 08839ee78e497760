package audit

import (
	"cmp"
	"slices"

	"github.com/sealtable/sealtable/internal/audit/fact"
)

// Summary counts. A table has the worst status that a rule gave it, in the order of Statuses.
type Summary struct {
	// Complete says that everything in scope could be read: there is no ERROR.
	Complete bool             `json:"complete"`
	Regions  map[string]int   `json:"regions"`
	Tables   map[Status]int   `json:"tables"`
	Keys     map[Status]int   `json:"keys"`
	Findings map[Status]int   `json:"findings"`
	Failures map[Severity]int `json:"failures"`
	// Classes counts tables by whose key they are under.
	Classes map[fact.KeyClass]int `json:"classes"`
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

func newSummary() Summary {
	statuses := func() map[Status]int {
		out := map[Status]int{}
		for _, s := range Statuses() {
			out[s] = 0
		}
		return out
	}
	return Summary{
		Regions: map[string]int{string(fact.RegionAudited): 0, string(fact.RegionSkipped): 0,
			string(fact.RegionFailed): 0},
		Tables:   statuses(),
		Keys:     statuses(),
		Findings: statuses(),
		Failures: map[Severity]int{Critical: 0, High: 0, Medium: 0, Low: 0, Info: 0},
		Classes: map[fact.KeyClass]int{
			fact.AWSOwned: 0, fact.AWSManaged: 0, fact.Customer: 0, fact.CustomerCrossAccount: 0,
			fact.UnknownKey: 0,
		},
	}
}

// Sort puts everything in the order in which it is reported.
func (r *Report) Sort() {
	slices.SortFunc(r.Regions, func(a, b fact.Region) int {
		return cmp.Or(cmp.Compare(a.Account, b.Account), cmp.Compare(a.Name, b.Name))
	})
	slices.SortFunc(r.Templates, func(a, b fact.Template) int { return cmp.Compare(a.Path, b.Path) })
	slices.SortFunc(r.Tables, func(a, b fact.Table) int {
		return cmp.Or(compareOrigins(a.Origin, b.Origin), cmp.Compare(a.Account, b.Account),
			cmp.Compare(a.Region, b.Region), cmp.Compare(a.Name, b.Name))
	})
	slices.SortFunc(r.Keys, func(a, b fact.Key) int {
		return cmp.Or(compareOrigins(a.Origin, b.Origin), cmp.Compare(a.Account, b.Account),
			cmp.Compare(a.Region, b.Region), cmp.Compare(a.ARN, b.ARN))
	})
	sortFindings(r.Findings)
}

func compareOrigins(a, b *fact.Origin) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return -1
	case b == nil:
		return 1
	}
	return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Address, b.Address))
}

func compareFindings(a, b Finding) int {
	return cmp.Or(
		cmp.Compare(a.Status.rank(), b.Status.rank()), cmp.Compare(b.Severity, a.Severity),
		cmp.Compare(a.Rule, b.Rule),
		cmp.Compare(a.Resource.File, b.Resource.File), cmp.Compare(a.Resource.Line, b.Resource.Line),
		cmp.Compare(a.Resource.Account, b.Resource.Account), cmp.Compare(a.Resource.Region,
			b.Resource.Region),
		cmp.Compare(a.Resource.Table, b.Resource.Table), cmp.Compare(a.Resource.Key, b.Resource.Key))
}

// Summarise counts anew, after findings were muted for instance.
func (r *Report) Summarise() {
	s := newSummary()
	for i := range r.Regions {
		s.Regions[string(r.Regions[i].Outcome)]++
	}
	tables, keys := r.statuses()
	for _, status := range tables {
		s.Tables[status]++
	}
	for _, status := range keys {
		s.Keys[status]++
	}
	for i := range r.Tables {
		s.Classes[r.Tables[i].KeyClass]++
	}
	for i := range r.Findings {
		f := &r.Findings[i]
		s.Findings[f.Status]++
		if f.Counts() {
			s.Failures[f.Severity]++
		}
	}
	s.Complete = s.Findings[Error] == 0
	r.Summary = s
}

// Subject names a table or a key within a report.
type Subject struct{ Account, Region, Name, File string }

// SubjectOf names what a finding is about.
func SubjectOf(r *Resource) Subject {
	if r.File != "" {
		return Subject{Name: r.Address, File: r.File}
	}
	return Subject{Account: r.Account, Region: r.Region, Name: cmp.Or(r.Table, r.Key)}
}

// SubjectOfTable names a table.
func SubjectOfTable(t *fact.Table) Subject {
	if t.Origin != nil {
		return Subject{Name: t.Origin.Address, File: t.Origin.File}
	}
	return Subject{Account: t.Account, Region: t.Region, Name: t.Name}
}

func subjectOfKey(k *fact.Key) Subject {
	if k.Origin != nil {
		return Subject{Name: k.Origin.Address, File: k.Origin.File}
	}
	return Subject{Account: k.Account, Region: k.Region, Name: KeyID(k)}
}

// TableStatuses gives every table the worst status that a rule gave it. A table to which no rule applies
// counts as passed.
func (r *Report) TableStatuses() map[Subject]Status {
	tables, _ := r.statuses()
	return tables
}

func (r *Report) statuses() (tables, keys map[Subject]Status) {
	tables, keys = map[Subject]Status{}, map[Subject]Status{}
	for i := range r.Tables {
		tables[SubjectOfTable(&r.Tables[i])] = Pass
	}
	for i := range r.Keys {
		keys[subjectOfKey(&r.Keys[i])] = Pass
	}
	for i := range r.Findings {
		f := &r.Findings[i]
		subject := SubjectOf(&f.Resource)
		for _, statuses := range []map[Subject]Status{tables, keys} {
			if status, ok := statuses[subject]; ok && f.Status.rank() < status.rank() {
				statuses[subject] = f.Status
			}
		}
	}
	return tables, keys
}

func sortFindings(list []Finding) { slices.SortFunc(list, compareFindings) }
