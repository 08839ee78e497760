package rule

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/sealtable/sealtable/internal/auth/policy"
)

// errTooManyChoices says that a policy has more conditions than there is time to try.
var errTooManyChoices = errors.New("the policy has too many conditions to try all requests")

// maxChoices bounds how many requests are tried on one policy.
const maxChoices = 4096

// stranger is somebody of an account that no policy was written for.
func stranger() policy.Principal {
	return policy.Principal{
		Account: "000000000000", ARN: "arn:aws:iam::000000000000:user/stranger",
		UserID: "AIDASTRANGER00000000",
	}
}

// pinned are the condition keys whose values a stranger can't choose, with what they are for one. What is not
// here a caller can set: encryption contexts, aliases, tags of requests and of his own, the service by which
// he comes.
func pinned(p *policy.Principal) map[string][]string {
	return map[string][]string{
		"aws:principalaccount": {p.Account}, "kms:calleraccount": {p.Account}, "aws:principalarn": {p.ARN},
		"aws:userid": {p.UserID}, "aws:username": {"stranger"}, "aws:principaltype": {"User"},
		"aws:principalorgid": {"o-stranger000"}, "aws:principalorgpaths": {"o-stranger000/r-0000/"},
		"aws:sourceaccount": {p.Account}, "aws:sourcearn": {"arn:aws:s3:::stranger"},
		"aws:sourceorgid": {"o-stranger000"}, "aws:sourceorgpaths": {"o-stranger000/r-0000/"},
		"aws:sourceip": {"203.0.113.7"}, "aws:vpcsourceip": {}, "aws:sourcevpc": {}, "aws:sourcevpce": {},
		"aws:securetransport": {"true"}, "aws:principalisawsservice": {"false"},
		"aws:multifactorauthpresent": {"true"},
	}
}

// request is a Context of fixed values.
type request map[string][]string

// Values implements policy.Context.
func (r request) Values(key string) ([]string, bool) {
	values, ok := r[key]
	return values, ok && values != nil
}

// exposed reports whether a principal whose own policies allow everything could find a request with one of
// the actions that a resource's policy allows: any values of the keys that he can choose are tried.
func exposed(document string, kind policy.Kind, resource, owner string, who policy.Principal,
	actions []string) (string, error) {
	p, err := policy.Parse([]byte(document), kind)
	if err != nil {
		return "", err
	}
	fixed := pinned(&who)
	choices, err := choicesOf(document, fixed)
	if err != nil {
		return "", err
	}
	allowed := ""
	err = eachRequest(fixed, choices, func(context request) bool {
		for _, action := range actions {
			d := policy.Decide(&policy.Request{Principal: who, Action: action, Resource: resource,
				Context: context},
				&policy.Policies{Unrestricted: true, OnResource: p, ResourceAccount: owner,
					Gate: kind == policy.Key})
			if d.Allowed {
				allowed = action
				return false
			}
		}
		return true
	})
	return allowed, err
}

// choicesOf lists, for every condition key that a caller can choose, the values that a policy speaks of.
func choicesOf(document string, fixed map[string][]string) (map[string][]string, error) {
	out := map[string][]string{}
	for _, s := range statementsOf(document) {
		for _, keys := range s.Condition {
			for key, values := range keys {
				name := strings.ToLower(key)
				if _, is := fixed[name]; !is {
					out[name] = append(out[name], values...)
				}
			}
		}
	}
	total := 1
	for key, values := range out {
		slices.Sort(values)
		values = slices.Compact(values)
		for i, v := range values { // a value that fits the pattern
			values[i] = strings.NewReplacer("*", "x", "?", "x").Replace(v)
		}
		out[key] = values
		total *= len(values) + 1
		if total > maxChoices {
			return nil, errTooManyChoices
		}
	}
	return out, nil
}

// eachRequest calls try with every combination: of each key, every value, and its absence. It ends when try
// returns false.
func eachRequest(fixed, choices map[string][]string, try func(request) bool) error {
	keys := make([]string, 0, len(choices))
	for key := range choices {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	at := make([]int, len(keys)) // 0: the key is absent
	for {
		context := request{}
		for key, values := range fixed {
			context[key] = values
		}
		for i, key := range keys {
			if at[i] > 0 {
				context[key] = choices[key][at[i]-1 : at[i]]
			}
		}
		if !try(context) || !advance(at, keys, choices) {
			return nil
		}
	}
}

func advance(at []int, keys []string, choices map[string][]string) bool {
	for i := range at {
		at[i]++
		if at[i] <= len(choices[keys[i]]) {
			return true
		}
		at[i] = 0
	}
	return false
}

// statement is a policy's statement as it is written, for what the evaluator has no need to show.
type statement struct {
	Sid       string
	Effect    string
	Action    oneOrMany
	Condition map[string]map[string]oneOrMany
}

// oneOrMany is a JSON string or list of strings. Numbers and booleans are taken as written.
type oneOrMany []string

// UnmarshalJSON implements json.Unmarshaler.
func (o *oneOrMany) UnmarshalJSON(text []byte) error {
	var many []json.RawMessage
	if json.Unmarshal(text, &many) != nil {
		many = []json.RawMessage{text}
	}
	for _, raw := range many {
		var s string
		if json.Unmarshal(raw, &s) != nil {
			s = string(raw)
		}
		*o = append(*o, s)
	}
	return nil
}

// statementsOf reads the statements of a document that policy.Parse accepts; of others, none.
func statementsOf(document string) []statement {
	var d struct{ Statement json.RawMessage }
	if json.Unmarshal([]byte(document), &d) != nil {
		return nil
	}
	var many []statement
	if json.Unmarshal(d.Statement, &many) == nil {
		return many
	}
	var one statement
	if json.Unmarshal(d.Statement, &one) == nil {
		return []statement{one}
	}
	return nil
}
