// Package audit holds what a posture audit is made of: facts about tables and their keys, findings of rules on these facts, and
// the report of a run.
//
// Callers may rely on this: what could not be read is an ERROR that names the call and the permission it lacked, never a PASS or a
// FAIL; one unreadable table or region hides no other; and a report lists every region that was in scope, with what became of it.
// Facts are gathered by package source, judged by package rule, and printed by package report; these three do not know each other.
package audit

import (
	"fmt"
	"strings"
)

// Severity is how bad it is that a rule fails. The zero value is None.
type Severity int

// The severities, in rising order.
const (
	None Severity = iota
	Low
	Medium
	High
	Critical
)

func (s Severity) String() string {
	switch s {
	case None:
		return "none"
	case Low:
		return "low"
	case Medium:
		return "medium"
	case High:
		return "high"
	case Critical:
		return "critical"
	}
	return fmt.Sprintf("severity(%d)", int(s))
}

// MarshalText gives the name in lower case.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// ParseSeverity reads the name of a severity.
func ParseSeverity(name string) (Severity, error) {
	for s := None; s <= Critical; s++ {
		if name == s.String() {
			return s, nil
		}
	}
	return None, fmt.Errorf("%q is not a severity: use critical, high, medium, low or none", name)
}

// Status is what a rule says of a resource.
type Status string

// The statuses. Error means that the rule could not be evaluated.
const (
	Pass          Status = "PASS"
	Fail          Status = "FAIL"
	Error         Status = "ERROR"
	NotApplicable Status = "NOT_APPLICABLE"
)

// rank orders statuses from the one that needs attention most.
func (s Status) rank() int {
	switch s {
	case Fail:
		return 0
	case Error:
		return 1
	case Pass:
		return 2
	}
	return 3
}

// A Rule is what a report says about a rule, without how it decides.
type Rule struct {
	ID       string    `json:"id"`
	Title    string    `json:"title"`
	Severity Severity  `json:"severity"`
	Why      string    `json:"why"`
	Mappings []Mapping `json:"mappings,omitempty"`
}

// A Mapping ties a rule to a control of a framework.
type Mapping struct {
	Framework string   `json:"framework"`
	Control   string   `json:"control"`
	Strength  Strength `json:"strength"`
}

// Strength is how much passing a rule says about a control.
type Strength string

// Satisfies is for controls that ask for just what the rule checks, Supports for those that ask for more.
const (
	Satisfies Strength = "satisfies"
	Supports  Strength = "supports"
)

// Parameters change what rules ask for.
type Parameters struct {
	// RequireCMK asks for customer managed keys: AWS managed ones no longer pass.
	RequireCMK bool `json:"require_cmk"`
}

// CoverageRule is the rule whose only findings are regions that could not be read.
func CoverageRule() Rule {
	return Rule{
		ID: "COVERAGE", Title: "Every region in scope could be read", Severity: None,
		Why: "An audit that skipped something in silence proves nothing.",
	}
}

// A Resource is what a finding is about: a table, or a region as a whole.
type Resource struct {
	Account string `json:"account,omitempty"`
	Region  string `json:"region"`
	Table   string `json:"table,omitempty"`
	ARN     string `json:"arn,omitempty"`
}

// Label is the resource in few words.
func (r Resource) Label() string { return strings.TrimSuffix(r.Region+"/"+r.Table, "/") }

// A Finding is what one rule says of one resource.
type Finding struct {
	// ID is the same in every run for the same rule and resource.
	ID       string   `json:"id"`
	Rule     string   `json:"rule"`
	Status   Status   `json:"status"`
	Severity Severity `json:"severity"` // of the rule; counts only where Status is Fail
	Resource Resource `json:"resource"`
	Message  string   `json:"message"`
	// Remedy says what to do, and Commands how, for this resource, with the AWS CLI. Both are empty where nothing is to be done.
	Remedy   string   `json:"remedy,omitempty"`
	Commands []string `json:"commands,omitempty"`
	// Problem is what kept the rule from being evaluated, where Status is Error.
	Problem *Problem `json:"problem,omitempty"`
}
