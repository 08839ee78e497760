package deploy

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"github.com/sealtable/sealtable/internal/deploy/resource"
)

// Stack policies ("Prevent updates to stack resources"): which resources an update may modify, replace or
// delete. A stack without one allows everything; one that has a policy allows what it says, and a denial
// counts more.

// A policy is a stack policy that was read.
type policy struct{ statements []policyStatement }

type policyStatement struct {
	Effect      string                          `json:"Effect"`
	Action      oneOrMore                       `json:"Action"`
	NotAction   oneOrMore                       `json:"NotAction"`
	Principal   json.RawMessage                 `json:"Principal"`
	Resource    oneOrMore                       `json:"Resource"`
	NotResource oneOrMore                       `json:"NotResource"`
	Condition   map[string]map[string]oneOrMore `json:"Condition"`
}

// oneOrMore is a text or a list of texts.
type oneOrMore []string

// UnmarshalJSON implements json.Unmarshaler.
func (o *oneOrMore) UnmarshalJSON(data []byte) error {
	if bytes.HasPrefix(data, []byte("[")) {
		return json.Unmarshal(data, (*[]string)(o))
	}
	var one string
	err := json.Unmarshal(data, &one)
	*o = oneOrMore{one}
	return err
}

// errPolicy is the refusal of a text that is no stack policy.
func errPolicy() error { return refuse("Error validating stack policy: Invalid stack policy") }

// parsePolicy reads a stack policy. An empty text is none.
func parsePolicy(text string) (*policy, error) {
	if text == "" {
		return nil, nil
	}
	var document struct {
		Statement []policyStatement `json:"Statement"`
	}
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&document); err != nil || len(document.Statement) == 0 {
		return nil, errPolicy()
	}
	for _, s := range document.Statement {
		if !s.wellFormed() {
			return nil, errPolicy()
		}
	}
	return &policy{document.Statement}, nil
}

func (s *policyStatement) wellFormed() bool {
	if s.Effect != "Allow" && s.Effect != "Deny" || string(s.Principal) != `"*"` {
		return false
	}
	if (len(s.Action) == 0) == (len(s.NotAction) == 0) ||
		(len(s.Resource) == 0) == (len(s.NotResource) == 0) {
		return false
	}
	for _, action := range append(slices.Clone(s.Action), s.NotAction...) {
		if !slices.Contains([]string{"Update:Modify", "Update:Replace", "Update:Delete", "Update:*"},
			action) {
			return false
		}
	}
	for operator, keys := range s.Condition {
		if operator != "StringEquals" && operator != "StringLike" {
			return false
		}
		for key := range keys {
			if key != "ResourceType" {
				return false
			}
		}
	}
	return true
}

// denies reports whether a policy keeps an update from an action on a resource.
func (p *policy) denies(action, logical, typeName string) bool {
	if p == nil {
		return false
	}
	allowed := false
	for i := range p.statements {
		s := &p.statements[i]
		if !s.matches(action, logical, typeName) {
			continue
		}
		if s.Effect == "Deny" {
			return true
		}
		allowed = true
	}
	return !allowed
}

func (s *policyStatement) matches(action, logical, typeName string) bool {
	names := func(patterns []string, value string) bool {
		return slices.ContainsFunc(patterns, func(pattern string) bool { return like(pattern, value) })
	}
	if len(s.Action) > 0 != names(append(slices.Clone(s.Action), s.NotAction...), action) {
		return false
	}
	target := "LogicalResourceId/" + logical
	if len(s.Resource) > 0 != names(append(slices.Clone(s.Resource), s.NotResource...), target) {
		return false
	}
	for operator, keys := range s.Condition {
		for _, wanted := range keys {
			equal := slices.Contains(wanted, typeName)
			if operator == "StringLike" {
				equal = names(wanted, typeName)
			}
			if !equal {
				return false
			}
		}
	}
	return true
}

// like matches a pattern in which * stands for any text.
func like(pattern, value string) bool {
	first, rest, found := strings.Cut(pattern, "*")
	if !strings.HasPrefix(value, first) {
		return false
	}
	value = value[len(first):]
	if !found {
		return value == ""
	}
	for i := 0; i <= len(value); i++ {
		if like(rest, value[i:]) {
			return true
		}
	}
	return false
}

// permit asks the stack's policy, or the one of this update, whether a resource may be changed.
func (s *step) permit(d resource.Difference) error {
	action := "Update:Modify"
	if d == resource.Replacement {
		action = "Update:Replace"
	}
	return s.permitAction(action, s.resource, s.stack)
}

func (r *run) permitAction(action string, of *Resource, s *Stack) error {
	text := s.Policy
	if r.op.Policy != "" {
		text = r.op.Policy
	}
	p, err := parsePolicy(text)
	if err != nil {
		return err
	}
	if p.denies(action, of.ID, of.Type) {
		return refuse("Action denied by stack policy: Statement [#1] does not allow [%s] for resource "+
			"[LogicalResourceId/%s]",
			action, of.ID)
	}
	return nil
}
