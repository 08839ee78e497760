// Package policy decides what policies allow.
//
// Callers may rely on this: deciding is pure, the same policies and the same request give the same decision
// everywhere, so the code that enforces is the code that audits; a decision carries its reason and the
// statement that it rests on; an explicit deny that applies always wins; matching takes time linear in the
// length of what is matched for patterns without "?", and never more than the product of the two lengths; and
// a policy that Parse accepted cannot make Decide fail or panic.
//
// The rules are those of the IAM user guide ("Policy evaluation logic", "IAM JSON policy elements reference")
// with KMS's exception ("Key policies in AWS KMS"): a key's own policy is the gate, and not even the
// account's root user has an implicit right. DESIGN.md gives the order of a decision.
package policy

import "slices"

// Effect is what a statement does when it applies.
type Effect bool

// The effects.
const (
	Deny  Effect = false
	Allow Effect = true
)

// Policy is one parsed and compiled policy document. It is immutable and safe for concurrent use.
type Policy struct {
	Version    string // "2008-10-17" where the document gives none
	ID         string
	Statements []Statement
}

// Statement is one compiled statement.
type Statement struct {
	Sid    string
	Effect Effect

	principals    *principals // nil in identity policies
	notPrincipals bool
	actions       []wildcard
	notActions    bool
	resources     []resourcePattern
	notResources  bool
	noResource    bool // the document gives none, which never matches
	conditions    []condition

	start, end int      // in the document
	keys       []string // condition keys as they are written
}

// OnItsResource reports whether every statement names "*" and nothing else as its resource: what the policy
// is attached to, which is all that the policy of a key may be about.
func (p *Policy) OnItsResource() bool {
	for i := range p.Statements {
		if s := &p.Statements[i]; s.noResource || s.notResources || len(s.resources) != 1 ||
			!s.resources[0].all {
			return false
		}
	}
	return true
}

// Context gives the values of condition keys. A key that the request does not have gives ok false; a key that
// it has with no values gives an empty slice.
type Context interface {
	// Values returns the values of a condition key, which is asked for in lower case; so is the last part of
	// a map-like key such as kms:encryptioncontext:appname or aws:principaltag/team. The slice must stay as
	// it is until the decision is made.
	Values(key string) (values []string, ok bool)
}

// Request is what is to be decided.
type Request struct {
	Principal Principal
	Action    string // service:Operation
	Resource  string // an ARN, or "*"
	Context   Context
}

// Principals returns the ARNs, account ids, unique ids and services that the policy names, each once, in the
// order of the document. "*" is left out.
func (p *Policy) Principals() []string {
	var names []string
	for _, s := range p.Statements {
		if s.principals == nil {
			continue
		}
		for _, name := range s.principals.names() {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// applies says whether the statement's action, resource and conditions fit the request. Principals are
// matched apart.
func (s *Statement) applies(r *Request) bool {
	return s.matchesAction(r.Action) && s.matchesResource(r) && s.conditionsHold(r)
}

func (s *Statement) matchesAction(action string) bool {
	for i := range s.actions {
		if s.actions[i].match(action, true) {
			return !s.notActions
		}
	}
	return s.notActions
}

// matchesResource does not let a variable without a value widen a statement: NotResource then fits only if
// that denies.
func (s *Statement) matchesResource(r *Request) bool {
	if s.noResource {
		return false
	}
	unresolved := false
	for i := range s.resources {
		fits, resolved := s.resources[i].match(r)
		if fits {
			return !s.notResources
		}
		unresolved = unresolved || !resolved
	}
	return s.notResources && (!unresolved || s.Effect == Deny)
}

func (s *Statement) conditionsHold(r *Request) bool {
	for i := range s.conditions {
		if !s.conditions[i].holds(r) {
			return false
		}
	}
	return true
}
