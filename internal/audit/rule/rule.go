// Package rule decides: each rule is data, and a pure function from the facts about one table to a finding.
//
// Callers may rely on this: a rule reads nothing but the facts and the parameters that it is given, so equal facts give equal
// findings; and a rule that lacks a fact says ERROR, not FAIL or PASS.
package rule

import (
	"fmt"
	"strings"

	"github.com/sealtable/sealtable/internal/audit"
)

// A verdict is what a rule decides; the finding adds which rule and which table.
type verdict struct {
	status   audit.Status
	message  string
	remedy   string
	commands []string
	problem  *audit.Problem
}

// A check is a rule with its decision.
type check struct {
	rule   audit.Rule
	decide func(audit.Parameters, *audit.Table) verdict
}

func checks() []check {
	return []check{
		{encryptionRule(), decideEncryption},
		{usableKeyRule(), decideUsableKey},
	}
}

// Catalogue describes all rules.
func Catalogue() []audit.Rule {
	out := []audit.Rule{audit.CoverageRule()}
	for _, c := range checks() {
		out = append(out, c.rule)
	}
	return out
}

// Judge applies all rules.
func Judge(parameters audit.Parameters) audit.Judge {
	all := checks()
	return func(t *audit.Table) []audit.Finding {
		out := make([]audit.Finding, len(all))
		for i, c := range all {
			out[i] = finding(&c.rule, t, c.judge(parameters, t))
		}
		return out
	}
}

// judge decides, but for the tables that no rule can decide about.
func (c *check) judge(parameters audit.Parameters, t *audit.Table) verdict {
	switch {
	case t.Problem != nil:
		return unreadable(t.Problem)
	case t.Status == "DELETING":
		return verdict{status: audit.NotApplicable, message: "The table is being deleted."}
	}
	return c.decide(parameters, t)
}

func finding(rule *audit.Rule, t *audit.Table, v verdict) audit.Finding {
	return audit.Finding{
		Rule: rule.ID, Status: v.status, Severity: rule.Severity, Resource: t.Resource(),
		Message: v.message, Remedy: v.remedy, Commands: v.commands, Problem: v.problem,
	}
}

func unreadable(p *audit.Problem) verdict {
	return verdict{status: audit.Error, message: p.String(), remedy: p.Advice(), problem: p}
}

// settling is the verdict on a table that does not say which key it is under: DynamoDB shows only that a change is going on for the
// first seconds of a change from the AWS owned key, and for the last ones of a change to it.
func settling(t *audit.Table) verdict {
	return verdict{
		status:  audit.Error,
		message: fmt.Sprintf("The table does not say which key it is under (SSEDescription.Status %s).", orNone(t.SSEStatus)),
		remedy:  "A change of key shows like this for some seconds: run the audit again.",
	}
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// awsCommand is a command line for a shell. Words come from the endpoint, which need not be friendly: all but plain ones are quoted.
func awsCommand(words ...string) string {
	quoted := make([]string, len(words))
	for i, word := range words {
		quoted[i] = shellWord(word)
	}
	return "aws " + strings.Join(quoted, " ")
}

func shellWord(word string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=,@"
	if word != "" && strings.Trim(word, plain) == "" {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
