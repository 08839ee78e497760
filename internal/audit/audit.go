// Package audit holds what a posture audit is made of: findings of rules on facts, and the report of a run.
//
// Callers may rely on this: what could not be read is an ERROR that names the call and the permission it
// lacked, never a PASS or a FAIL; one unreadable table or region hides no other; and a report lists every
// region and template that was in scope, with what became of it. Facts (package fact) are gathered by package
// source and judged by package rule; package report prints, package remedy mends. These do not know each
// other.
package audit

import (
	"fmt"
	"strings"
	"time"

	"github.com/sealtable/sealtable/internal/audit/fact"
)

// Severity is how bad it is that a rule fails. The zero value is None.
type Severity int

// The severities, in rising order.
const (
	None Severity = iota
	Info
	Low
	Medium
	High
	Critical
)

func (s Severity) String() string {
	switch s {
	case None:
		return "none"
	case Info:
		return "info"
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

// UnmarshalText reads the name.
func (s *Severity) UnmarshalText(text []byte) error {
	parsed, err := ParseSeverity(string(text))
	*s = parsed
	return err
}

// ParseSeverity reads the name of a severity.
func ParseSeverity(name string) (Severity, error) {
	for s := None; s <= Critical; s++ {
		if name == s.String() {
			return s, nil
		}
	}
	return None, fmt.Errorf("%q is not a severity: use critical, high, medium, low, info or none", name)
}

// Status is what a rule says of a resource.
type Status string

// The statuses. Error means that the rule could not be evaluated, Muted that it fails and a waiver or a
// suppression says to live with that, Conditional that a template fails for some values of its parameters.
const (
	Pass          Status = "PASS"
	Fail          Status = "FAIL"
	Error         Status = "ERROR"
	NotApplicable Status = "NOT_APPLICABLE"
	Muted         Status = "MUTED"
	Conditional   Status = "CONDITIONAL"
)

// Statuses lists all, from the one that needs attention most.
func Statuses() []Status { return []Status{Fail, Error, Conditional, Muted, Pass, NotApplicable} }

// rank orders statuses from the one that needs attention most.
func (s Status) rank() int {
	for i, other := range Statuses() {
		if s == other {
			return i
		}
	}
	return len(Statuses())
}

// A Rule is what a report says about a rule, without how it decides.
type Rule struct {
	ID       string   `json:"id"`
	Title    string   `json:"title"`
	Severity Severity `json:"severity"`
	Why      string   `json:"why"`
	// FailsWhen says in a sentence what the rule looks for.
	FailsWhen string `json:"fails_when,omitempty"`
	// Remedy says in general what to do; findings say it for their resource.
	Remedy     string    `json:"remedy,omitempty"`
	References []string  `json:"references,omitempty"`
	Mappings   []Mapping `json:"mappings,omitempty"`
}

// A Mapping ties a rule to a control of a framework.
type Mapping struct {
	Framework string   `json:"framework"`
	Version   string   `json:"version,omitempty"`
	Control   string   `json:"control"`
	Title     string   `json:"title,omitempty"`
	Strength  Strength `json:"strength"`
}

// Strength is how much passing a rule says about a control.
type Strength string

// Satisfies is for controls that ask for just what the rule checks, Supports for those that ask for more.
const (
	Satisfies Strength = "satisfies"
	Supports  Strength = "supports"
)

// Parameters change what rules ask for. The zero value asks for what document 2 does.
type Parameters struct {
	// RequireCMK asks for customer managed keys: AWS managed ones no longer pass.
	RequireCMK bool `json:"require_cmk"`
	// TrustedAccounts may own keys of tables, and be let in by policies and grants.
	TrustedAccounts []string `json:"trusted_accounts,omitempty"`
	// AllowedKeys are the ARNs of the keys that tables may be under; empty allows all.
	AllowedKeys []string `json:"allowed_keys,omitempty"`
	// TablesPerKey is how many tables may share a customer managed key; 0 stands for 10.
	TablesPerKey int `json:"tables_per_key,omitempty"`
	// RequiredTags are the tags that tables must have.
	RequiredTags []string `json:"required_tags,omitempty"`
}

// CoverageRule is the rule whose only findings are regions and templates that could not be read.
func CoverageRule() Rule {
	return Rule{
		ID: "COVERAGE", Title: "Everything in scope could be read", Severity: None,
		Why: "An audit that skipped something in silence proves nothing.",
	}
}

// A Resource is what a finding is about: a table, a key, a template, or a region as a whole.
type Resource struct {
	Account string `json:"account,omitempty"`
	Region  string `json:"region"`
	Table   string `json:"table,omitempty"`
	Key     string `json:"key,omitempty"` // id of a KMS key
	ARN     string `json:"arn,omitempty"`
	// File, Line and Address are where a template declares the resource.
	File    string `json:"file,omitempty"`
	Line    int    `json:"line,omitempty"`
	Address string `json:"address,omitempty"`
}

// Label is the resource in few words.
func (r Resource) Label() string {
	switch {
	case r.File != "" && r.Line > 0:
		return strings.TrimSuffix(fmt.Sprintf("%s:%d %s", r.File, r.Line, r.Address), " ")
	case r.File != "":
		return r.File
	case r.Key != "":
		return r.Region + "/" + r.Key
	}
	return strings.TrimSuffix(r.Region+"/"+r.Table, "/")
}

// A Finding is what one rule says of one resource.
type Finding struct {
	// ID is the same in every run for the same rule and resource.
	ID       string   `json:"id"`
	Rule     string   `json:"rule"`
	Status   Status   `json:"status"`
	Severity Severity `json:"severity"` // counts only where Status is Fail
	Resource Resource `json:"resource"`
	Message  string   `json:"message"`
	// Remedy says what to do, and Commands how, for this resource, with the AWS CLI. Both are empty where
	// nothing is to be done.
	Remedy   string   `json:"remedy,omitempty"`
	Commands []string `json:"commands,omitempty"`
	// Problem is what kept the rule from being evaluated, where Status is Error.
	Problem *fact.Problem `json:"problem,omitempty"`
	// Cases says what becomes of the resource for which parameter values, where Status is Conditional.
	Cases []Case `json:"cases,omitempty"`
	// Waiver is what muted the finding.
	Waiver *Waiver `json:"waiver,omitempty"`
	// Change is how the finding stands to the report that this one is compared with: new, unchanged or fixed.
	Change string `json:"change,omitempty"`

	suppressed []fact.Suppression
}

// Case is the outcome for some parameter values of a template.
type Case struct {
	When    string `json:"when"`
	Default bool   `json:"default,omitempty"`
	Status  Status `json:"status"`
	Message string `json:"message"`
}

// Waiver is why a failing finding is muted.
type Waiver struct {
	Reason   string     `json:"reason"`
	Expires  *time.Time `json:"expires,omitempty"`
	Approver string     `json:"approver,omitempty"`
	// Source is the file and line that says so.
	Source string `json:"source"`
}
