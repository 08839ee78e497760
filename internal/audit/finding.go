package audit

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/sealtable/sealtable/internal/audit/fact"
)

// findingID depends on the rule and the resource alone. Of resources in templates the line does not count,
// since it moves.
func findingID(f *Finding) string {
	r := &f.Resource
	parts := []string{f.Rule, r.Account, r.Region, r.Table}
	switch {
	case r.File != "":
		parts = []string{f.Rule, "template", r.File, r.Address}
	case r.Key != "":
		parts = append(parts, r.Key)
	}
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:16])
}

// mergeCases makes one finding of what a rule says of a resource in several evaluations of a template.
func mergeCases(sets []*fact.Set, judged [][]Finding) []Finding {
	var order []string
	all := map[string][]caseFinding{}
	for i, findings := range judged {
		for j := range findings {
			f := &findings[j]
			if _, seen := all[f.ID]; !seen {
				order = append(order, f.ID)
			}
			all[f.ID] = append(all[f.ID], caseFinding{sets[i], f})
		}
	}
	var out []Finding
	for _, id := range order {
		out = append(out, mergeOne(all[id], len(sets)))
	}
	return out
}

type caseFinding struct {
	set     *fact.Set
	finding *Finding
}

// mergeOne is Conditional where the resource fails in some cases and not in others. A case in which the
// resource is not made at all has no finding.
func mergeOne(cases []caseFinding, evaluations int) Finding {
	lead := *cases[0].finding
	statuses := map[Status]bool{}
	for _, c := range cases {
		statuses[c.finding.Status] = true
		if c.finding.Status.rank() < lead.Status.rank() || c.set.Default && c.finding.Status == lead.Status {
			lead = *c.finding
		}
	}
	if !statuses[Fail] || len(statuses) == 1 && len(cases) == evaluations {
		return lead
	}
	lead.Status = Conditional
	lead.Cases = casesOf(cases)
	lead.Message = "Depends on parameters: fails with " + strings.Join(failingCases(lead.Cases),
		"; or with ") + ". " +
		lead.Message
	return lead
}

func casesOf(cases []caseFinding) []Case {
	var out []Case
	for _, c := range cases {
		out = append(out, Case{
			When: c.set.Case, Default: c.set.Default, Status: c.finding.Status, Message: c.finding.Message,
		})
	}
	return out
}

func failingCases(cases []Case) []string {
	var out []string
	for _, c := range cases {
		if c.Status != Fail {
			continue
		}
		when := c.When
		if c.Default {
			when = strings.TrimSpace(when + " (the default)")
		}
		out = append(out, when)
		if len(out) == 4 {
			return append(out, "other values")
		}
	}
	return out
}

// Counts reports whether a finding counts as a failure: it fails, or a template fails as its own defaults
// are.
func (f *Finding) Counts() bool {
	if f.Status != Conditional {
		return f.Status == Fail
	}
	return slices.ContainsFunc(f.Cases, func(c Case) bool { return c.Default && c.Status == Fail })
}

// Suppressed lists the checks that the template turns off at the finding's resource.
func (f *Finding) Suppressed() []fact.Suppression { return f.suppressed }

// Suppress notes what the template turns off at the finding's resource.
func (f *Finding) Suppress(by []fact.Suppression) { f.suppressed = by }

// Mute makes a failing finding one to live with.
func (f *Finding) Mute(w *Waiver) {
	if f.Status == Fail || f.Status == Conditional {
		f.Status, f.Waiver = Muted, w
	}
}
