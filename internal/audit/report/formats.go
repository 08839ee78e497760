package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/sealtable/sealtable/internal/audit"
)

// format is one way of printing a report.
type format struct {
	name  string
	write func(io.Writer, *audit.Report) error
}

func formats() []format {
	return []format{
		{"table", func(w io.Writer, r *audit.Report) error { return Text(w, r, Style{}) }},
		{"json", JSON}, {"jsonl", JSONLines}, {"csv", CSV}, {"html", HTML}, {"markdown", Markdown}, {"sarif",
			SARIF},
		{"junit", JUnit}, {"ocsf", OCSF}, {"asff", ASFF}, {"github", GitHub},
	}
}

// Formats lists the names of the formats.
func Formats() []string {
	var out []string
	for _, f := range formats() {
		out = append(out, f.name)
	}
	return out
}

// Check refuses names that are none of a format.
func Check(name string) error {
	if !slices.Contains(Formats(), name) {
		return fmt.Errorf("there is no format %q: use %s", name, strings.Join(Formats(), ", "))
	}
	return nil
}

// Write prints a report in a format. Style is for the format table alone.
func Write(w io.Writer, r *audit.Report, name string, style Style) error {
	if name == "table" {
		return Text(w, r, style)
	}
	for _, f := range formats() {
		if f.name == name {
			return f.write(w, r)
		}
	}
	return Check(name)
}

// ruleOf finds what a report says about a rule.
func ruleOf(r *audit.Report, id string) audit.Rule {
	at := slices.IndexFunc(r.Rules, func(rule audit.Rule) bool { return rule.ID == id })
	if at < 0 {
		return audit.Rule{ID: id, Title: id}
	}
	return r.Rules[at]
}

// resourceName is what a finding is about, as a global name.
func resourceName(about *audit.Resource) string {
	switch {
	case about.File != "":
		return strings.TrimSuffix(about.File+"#"+about.Address, "#")
	case about.ARN != "":
		return about.ARN
	}
	return about.Label()
}

// resourceKind is CloudFormation's type of what a finding is about.
func resourceKind(about *audit.Resource) string {
	switch {
	case about.Table != "":
		return "AWS::DynamoDB::Table"
	case about.Key != "":
		return "AWS::KMS::Key"
	case about.File != "":
		return "Template"
	}
	return "AWS::Region"
}
