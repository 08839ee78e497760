package report

import (
	"cmp"
	"slices"
	"strings"

	"github.com/sealtable/sealtable/internal/audit"
)

// Control is one control of a framework, with the worst that the rules mapped to it found.
type Control struct {
	Framework string         `json:"framework"` // with its version
	Control   string         `json:"control"`
	Title     string         `json:"title"`
	Strength  audit.Strength `json:"strength"`
	Rules     []string       `json:"rules"`
	Status    audit.Status   `json:"status"`
	Failing   int            `json:"failing"` // findings
}

// Controls sums up a report by the controls that its rules are mapped to.
func Controls(r *audit.Report) []Control {
	worst, failing := map[string]audit.Status{}, map[string]int{}
	for _, status := range slices.Backward(audit.Statuses()) { // the worst comes last, and stays
		for i := range r.Findings {
			if f := &r.Findings[i]; f.Status == status {
				worst[f.Rule] = status
			}
		}
	}
	for i := range r.Findings {
		if r.Findings[i].Counts() {
			failing[r.Findings[i].Rule]++
		}
	}
	at := map[string]*Control{}
	for i := range r.Rules {
		for _, m := range r.Rules[i].Mappings {
			name := m.Framework + " " + m.Version
			c := at[name+"|"+m.Control]
			if c == nil {
				c = &Control{Framework: name, Control: m.Control, Title: m.Title, Strength: m.Strength,
					Status: audit.NotApplicable}
				at[name+"|"+m.Control] = c
			}
			c.add(r.Rules[i].ID, worst[r.Rules[i].ID], failing[r.Rules[i].ID])
		}
	}
	var out []Control
	for _, c := range at {
		out = append(out, *c)
	}
	slices.SortFunc(out, func(a, b Control) int {
		return cmp.Or(cmp.Compare(a.Framework, b.Framework), cmp.Compare(a.Control, b.Control))
	})
	return out
}

func (c *Control) add(rule string, status audit.Status, failing int) {
	c.Rules = append(c.Rules, rule)
	c.Failing += failing
	order := audit.Statuses()
	if status != "" && slices.Index(order, status) < slices.Index(order, c.Status) {
		c.Status = status
	}
}

func joined(list []string) string { return strings.Join(list, ", ") }
