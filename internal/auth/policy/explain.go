package policy

import (
	"strings"
	"unicode/utf8"
)

// What a simulation shows of policies, beyond the decision.

// Position is a place in the text of a policy. Lines and columns count from one.
type Position struct{ Line, Column int }

// Position says where in its document, whose text the caller has kept, the statement begins and ends.
func (s *Statement) Position(document string) (from, to Position) {
	return positionAt(document, s.start), positionAt(document, s.end)
}

func positionAt(text string, offset int) Position {
	before := text[:min(offset, len(text))]
	line := strings.LastIndexByte(before, '\n') + 1
	return Position{Line: 1 + strings.Count(before, "\n"), Column: 1 + utf8.RuneCountInString(before[line:])}
}

// Applying are the statements of a principal's policy that have this effect on the request, in the order of
// the document.
func (p *Policy) Applying(r *Request, effect Effect) []*Statement {
	return p.statementsWhere(func(s *Statement) bool { return s.Effect == effect && s.applies(r) })
}

// ApplyingOnResource is Applying for a resource's policy. bounded is whether the principal has a permissions
// boundary, and delegated whether a statement counts that only names the principal's account.
func (p *Policy) ApplyingOnResource(r *Request, effect Effect, bounded, delegated bool) []*Statement {
	return p.statementsWhere(func(s *Statement) bool {
		if s.Effect != effect || !s.applies(r) {
			return false
		}
		if effect == Deny {
			return s.denies(&r.Principal, bounded)
		}
		m := s.principals.match(&r.Principal)
		return m > byAccount || m == byAccount && delegated
	})
}

func (p *Policy) statementsWhere(fits func(*Statement) bool) []*Statement {
	var list []*Statement
	for i := range p.Statements {
		if fits(&p.Statements[i]) {
			list = append(list, &p.Statements[i])
		}
	}
	return list
}

// ContextKeys are the condition keys that the policy asks for, in resources, conditions and variables, each
// once and as it is first written.
func (p *Policy) ContextKeys() []string {
	var keys keySet
	for i := range p.Statements {
		keys.add(p.Statements[i].keys)
	}
	return keys.names
}

// keySet is names of condition keys in order, each once whatever its case.
type keySet struct {
	names []string
	known map[string]bool
}

func (k *keySet) add(names []string) {
	for _, name := range names {
		folded := strings.ToLower(name)
		if name == "" || k.known[folded] {
			continue
		}
		if k.known == nil {
			k.known = map[string]bool{}
		}
		k.known[folded] = true
		k.names = append(k.names, name)
	}
}

func (raw *rawStatement) contextKeys(variables bool) []string {
	var keys keySet
	inText := func(texts []string) {
		for _, text := range texts {
			keys.add(variablesIn(text, variables))
		}
	}
	inText(raw.resource)
	inText(raw.notResource)
	for i := range raw.conditions {
		keys.add([]string{raw.conditions[i].key})
		inText(raw.conditions[i].values)
	}
	return keys.names
}

// variablesIn are the names of the variables in a text.
func variablesIn(text string, variables bool) (names []string) {
	for variables {
		_, after, found := strings.Cut(text, "${")
		name, rest, closed := strings.Cut(after, "}")
		if !found || !closed {
			break
		}
		if part := compileVariable(name); part.variable != "" {
			key, _, _ := strings.Cut(name, ",")
			names = append(names, strings.TrimSpace(key))
		}
		text = rest
	}
	return names
}
