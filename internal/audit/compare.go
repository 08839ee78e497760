package audit

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// What Change says of a finding, against an earlier report.
const (
	ChangeNew       = "new"
	ChangeUnchanged = "unchanged"
	ChangeFixed     = "fixed"
)

// maxReport bounds how much of an earlier report is read.
const maxReport = 1 << 30

// ReadFailures reads the failing findings of an earlier report in JSON, by their ids.
func ReadFailures(r io.Reader) (map[string]Finding, error) {
	var earlier struct {
		Schema   string
		Findings []Finding
	}
	if err := json.NewDecoder(io.LimitReader(r, maxReport)).Decode(&earlier); err != nil {
		return nil, fmt.Errorf("it is not a report: %w", err)
	}
	if earlier.Schema != Schema {
		return nil, errors.New("it is not a report of the schema " + Schema)
	}
	out := map[string]Finding{}
	for _, f := range earlier.Findings {
		if f.Status == Fail || f.Status == Conditional || f.Status == Muted {
			out[f.ID] = f
		}
	}
	return out, nil
}

// Compare marks failing findings as new or unchanged, and lists those that are gone. A finding whose resource
// could not be read this time is not gone.
func (r *Report) Compare(earlier map[string]Finding) {
	here := map[string]bool{}
	for i := range r.Findings {
		f := &r.Findings[i]
		if f.Status == Pass || f.Status == NotApplicable {
			continue
		}
		here[f.ID] = true
		if f.Status == Error {
			continue
		}
		f.Change = ChangeNew
		if _, was := earlier[f.ID]; was {
			f.Change = ChangeUnchanged
		}
	}
	if len(here) > 0 || len(r.Findings) > 0 {
		r.Fixed = fixed(earlier, here, r)
	}
}

func fixed(earlier map[string]Finding, here map[string]bool, r *Report) []Finding {
	unread := map[Subject]bool{}
	for i := range r.Findings {
		if f := &r.Findings[i]; f.Status == Error {
			unread[SubjectOf(&f.Resource)] = true
			if f.Rule == CoverageRule().ID {
				unread[Subject{Account: f.Resource.Account, Region: f.Resource.Region}] = true
			}
		}
	}
	var out []Finding
	for id, f := range earlier {
		whole := Subject{Account: f.Resource.Account, Region: f.Resource.Region}
		if !here[id] && !unread[SubjectOf(&f.Resource)] && !unread[whole] {
			f.Change = ChangeFixed
			out = append(out, f)
		}
	}
	sortFindings(out)
	return out
}

// Baseline mutes the failures that an earlier report had, so that only new ones count.
func (r *Report) Baseline(earlier map[string]Finding, source string) {
	for i := range r.Findings {
		f := &r.Findings[i]
		if _, was := earlier[f.ID]; was {
			f.Mute(&Waiver{Reason: "in the baseline", Source: source})
		}
	}
	r.Sort()
	r.Summarise()
}
