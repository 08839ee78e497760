// Package rule decides: each rule is data, and a pure function from facts to a finding.
//
// Callers may rely on this: a rule reads nothing but the facts, the parameters and the time that it is given,
// so equal facts give equal findings; a rule that lacks a fact says ERROR, not FAIL or PASS; and a table that
// could not be read is one ERROR, however many rules there are. Policies are decided by the evaluator that
// the server enforces with (auth/policy).
package rule

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/sealtable/sealtable/internal/audit"
	"github.com/sealtable/sealtable/internal/audit/fact"
)

// A verdict is what a rule decides; the finding adds which rule and which resource.
type verdict struct {
	status   audit.Status
	severity audit.Severity // where it differs from the rule's
	message  string
	remedy   string
	commands []string
	problem  *fact.Problem
}

// scene is what a rule may look at beside its subject.
type scene struct {
	parameters audit.Parameters
	set        *fact.Set
	now        time.Time
	declared   []*fact.Table
}

// A check is a rule with its decision, about tables or about keys.
type check struct {
	rule  audit.Rule
	needs []fact.Need
	table func(*scene, *fact.Table) verdict
	key   func(*scene, *fact.Key) verdict
}

func checks() []check {
	return slices.Concat(encryptionChecks(), recoveryChecks(), accessChecks(), lifeChecks(), policyChecks())
}

// Options say what to judge by.
type Options struct {
	Parameters audit.Parameters
	// Select are the ids of the rules to apply, with * for any text; empty for all.
	Select []string
	// Now is when the facts are judged.
	Now time.Time
	// Declared are the tables of templates, to be compared with live ones.
	Declared []*fact.Table
	// Own are rules that users wrote.
	Own []Own
}

// selected lists the checks that apply.
func (o *Options) selected() []check {
	if len(o.Select) == 0 {
		return checks()
	}
	var out []check
	for _, c := range checks() {
		if o.picks(c.rule.ID) {
			out = append(out, c)
		}
	}
	return out
}

func (o *Options) picks(id string) bool {
	return len(o.Select) == 0 || slices.ContainsFunc(o.Select, func(pattern string) bool {
		fits, err := path.Match(strings.ToLower(pattern), strings.ToLower(id))
		return err == nil && fits
	})
}

// Check refuses patterns that select no rule.
func (o *Options) Check() error {
	known := append(checkIDs(checks()), ownIDs(o.Own)...)
	for _, pattern := range o.Select {
		one := Options{Select: []string{pattern}}
		if !slices.ContainsFunc(known, one.picks) {
			return fmt.Errorf("no rule is called %q: docs/audit.md lists them", pattern)
		}
	}
	return nil
}

func checkIDs(list []check) []string {
	var out []string
	for _, c := range list {
		out = append(out, c.rule.ID)
	}
	return out
}

// Catalogue describes the rules that apply.
func (o *Options) Catalogue() []audit.Rule {
	out := []audit.Rule{audit.CoverageRule()}
	for _, c := range o.selected() {
		out = append(out, c.rule)
	}
	for i := range o.Own {
		if o.picks(o.Own[i].Rule.ID) {
			out = append(out, o.Own[i].Rule)
		}
	}
	return out
}

// Needs are the facts that the rules look at.
func (o *Options) Needs() fact.Needs {
	out := fact.Needs{}
	for _, c := range o.selected() {
		for _, n := range c.needs {
			out[n] = true
		}
	}
	if len(o.Own) > 0 { // their expressions may name any fact
		for _, n := range []fact.Need{
			fact.NeedRecovery, fact.NeedBackups, fact.NeedExpiry, fact.NeedTags, fact.NeedPolicies,
			fact.NeedKeys,
			fact.NeedRotation, fact.NeedKeyPolicy, fact.NeedGrants, fact.NeedLastUse,
		} {
			out[n] = true
		}
	}
	return out
}

// Judge applies the rules.
func (o *Options) Judge() audit.Judge {
	all := o.selected()
	return func(set *fact.Set) []audit.Finding {
		s := &scene{parameters: o.Parameters, set: set, now: o.Now, declared: o.Declared}
		var out []audit.Finding
		for _, t := range set.Tables {
			out = append(out, judgeTable(s, all, o.Own, t)...)
		}
		for _, k := range set.Keys {
			if k.Manager != fact.ManagedByAWS {
				out = append(out, judgeKey(s, all, o.Own, k)...)
			}
		}
		return out
	}
}

// judgeTable applies all rules to a table. Of one that could not be read the first rule says so, and the
// others say nothing.
func judgeTable(s *scene, all []check, own []Own, t *fact.Table) []audit.Finding {
	var out []audit.Finding
	for i := range all {
		c := &all[i]
		if c.table == nil {
			continue
		}
		if t.Problem != nil {
			return []audit.Finding{tableFinding(&c.rule, t, unreadable(t.Problem))}
		}
		out = append(out, tableFinding(&c.rule, t, c.onTable(s, t)))
	}
	for i := range own {
		if r := &own[i]; r.resource == "table" {
			if t.Problem != nil {
				return []audit.Finding{tableFinding(&r.Rule, t, unreadable(t.Problem))}
			}
			out = append(out, tableFinding(&r.Rule, t, r.decide(s.now, t)))
		}
	}
	return out
}

func (c *check) onTable(s *scene, t *fact.Table) verdict {
	switch {
	case t.Status == "DELETING":
		return notApplicable("The table is being deleted.")
	case t.Invalid != "" && c.rule.ID == EncryptionID:
		return failure("The service refuses the table: "+t.Invalid, "Mend the template.")
	}
	return c.table(s, t)
}

func judgeKey(s *scene, all []check, own []Own, k *fact.Key) []audit.Finding {
	var out []audit.Finding
	for i := range all {
		if c := &all[i]; c.key != nil {
			if k.State == "" && k.Origin == nil {
				return []audit.Finding{keyFinding(&c.rule, k, keyUnread(k))}
			}
			out = append(out, keyFinding(&c.rule, k, c.key(s, k)))
		}
	}
	for i := range own {
		if r := &own[i]; r.resource == "key" {
			out = append(out, keyFinding(&r.Rule, k, r.decide(s.now, k)))
		}
	}
	return out
}

func keyUnread(k *fact.Key) verdict {
	if len(k.Problems) == 0 {
		return verdict{status: audit.Error, message: "KMS does not say what state the key is in.",
			remedy: "Run the audit again."}
	}
	return unreadable(&k.Problems[0])
}

func tableFinding(rule *audit.Rule, t *fact.Table, v verdict) audit.Finding {
	return finding(rule, audit.TableResource(t), t.Origin, v)
}

func keyFinding(rule *audit.Rule, k *fact.Key, v verdict) audit.Finding {
	return finding(rule, audit.KeyResource(k), k.Origin, v)
}

func finding(rule *audit.Rule, about audit.Resource, origin *fact.Origin, v verdict) audit.Finding {
	f := audit.Finding{
		Rule: rule.ID, Status: v.status, Severity: rule.Severity, Resource: about,
		Message: v.message, Remedy: v.remedy, Commands: v.commands, Problem: v.problem,
	}
	if v.severity != audit.None {
		f.Severity = v.severity
	}
	if origin != nil {
		f.Commands = nil // a template is mended by changing it
		f.Suppress(origin.Suppressed)
	}
	return f
}

func unreadable(p *fact.Problem) verdict {
	if p.Kind == fact.Unsupported {
		return notApplicable("%s", "There is no such thing here: "+p.String()+".")
	}
	return verdict{status: audit.Error, message: p.String(), remedy: p.Advice(), problem: p}
}

func pass(format string, values ...any) verdict {
	return verdict{status: audit.Pass, message: fmt.Sprintf(format, values...)}
}

func notApplicable(format string, values ...any) verdict {
	return verdict{status: audit.NotApplicable, message: fmt.Sprintf(format, values...)}
}

func failure(message, remedy string, commands ...string) verdict {
	return verdict{status: audit.Fail, message: message, remedy: remedy, commands: commands}
}

func (v verdict) as(s audit.Severity) verdict {
	v.severity = s
	return v
}

// missing says what becomes of a rule whose fact is not known; ok reports that it is known.
func missing[T any](k fact.Known[T]) (v verdict, ok bool) {
	switch {
	case k.Read:
		return verdict{}, true
	case k.Problem != nil:
		return unreadable(k.Problem), false
	}
	return notApplicable("Nothing is known about this here."), false
}

// settling is about a table whose SSEDescription names no key, as for some seconds after a change was asked
// for.
func settling(t *fact.Table) verdict {
	return verdict{
		status: audit.Error,
		message: fmt.Sprintf("DynamoDB does not say which key the table is under (SSE type %q, status %q).",
			t.SSEType, t.SSEStatus),
		remedy: "Run the audit again in a minute.",
	}
}

// awsCommand writes a command that a POSIX shell reads as meant, whatever a name holds.
func awsCommand(words ...string) string {
	quoted := []string{"aws"}
	for _, word := range words {
		quoted = append(quoted, Quote(word))
	}
	return strings.Join(quoted, " ")
}

// Quote writes a word so that a POSIX shell reads it as it is.
func Quote(word string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' ||
			strings.ContainsRune("-_./:=,@%+", r)
	}
	if word != "" && strings.IndexFunc(word, func(r rune) bool { return !plain(r) }) < 0 {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

func kmsCommand(region, operation, keyARN string, more ...string) string {
	return awsCommand(append([]string{"kms", operation, "--region", region, "--key-id", keyARN}, more...)...)
}

func tableCommand(t *fact.Table, operation string, more ...string) string {
	return awsCommand(append([]string{"dynamodb", operation, "--region", t.Region, "--table-name", t.Name},
		more...)...)
}
