package dynamodb

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/sealtable/sealtable/internal/arn"
	"github.com/sealtable/sealtable/internal/auth/policy"
	"github.com/sealtable/sealtable/internal/engine"
)

// maxPolicySize is how long a table's policy may be in bytes, white space and all ("Resource-based policy
// considerations").
const maxPolicySize = 20480

// Principals knows who exists. Policies of tables may only name principals that do, and mean those and not
// who has their names later.
type Principals interface {
	// Exists says whether there is a principal with this ARN. Accounts always exist.
	Exists(arn string) bool
	// BindPolicy is a policy as it is to be kept, with unique ids for names; ok is false when it names
	// somebody who does not exist.
	BindPolicy(text string) (bound string, ok bool)
	// ShowPolicy is a kept policy as it is to be answered.
	ShowPolicy(text string) string
}

// policyDocument is a table's policy that was read from a request and found good.
type policyDocument struct {
	// as it is kept: without the white space, and with unique ids for the names of users and roles
	text     string
	compiled *policy.Policy
}

// readPolicy checks a policy that is to be put on a table or stream, where it may name some actions.
func (s *Service) readPolicy(text string, actions map[string]policyAction) (policyDocument, error) {
	if len(text) > maxPolicySize {
		return policyDocument{}, invalidParameter("Maximum policy size of %d bytes exceeded", maxPolicySize)
	}
	statements, err := readStatements(text)
	if err != nil {
		return policyDocument{}, err
	}
	compiled, err := policy.Parse([]byte(text), policy.Resource)
	if err != nil {
		return policyDocument{}, policyRefusal(err)
	}
	if err := checkStatements(statements, actions); err != nil {
		return policyDocument{}, err
	}
	if err := s.checkPrincipals(compiled.Principals()); err != nil {
		return policyDocument{}, err
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, []byte(text)); err != nil {
		return policyDocument{}, err // it was read before
	}
	bound, err := s.bindPrincipals(compact.String())
	return policyDocument{text: bound, compiled: compiled}, err
}

// bindPrincipals is a policy as it is kept.
func (s *Service) bindPrincipals(text string) (string, error) {
	if s.principals == nil {
		return text, nil
	}
	bound, ok := s.principals.BindPolicy(text)
	if !ok {
		return "", invalidParameter(wrongPrincipal)
	}
	return bound, nil
}

// shownPolicy is a policy as it is answered.
func (s *Service) shownPolicy(p *engine.ResourcePolicy) *string {
	if s.principals == nil {
		return &p.Text
	}
	return new(s.principals.ShowPolicy(p.Text))
}

// policyStatement is what the checks of a policy look at besides what compiling looks at.
type policyStatement struct {
	Sid                     string
	Effect                  *string
	Principal, NotPrincipal json.RawMessage
	Action, NotAction       oneOrMore
	Resource, NotResource   oneOrMore
	Condition               map[string]map[string]oneOrMore
}

// oneOrMore is a JSON value, or a list of them, as texts; nil when the member is absent.
type oneOrMore []string

// UnmarshalJSON implements json.Unmarshaler.
func (o *oneOrMore) UnmarshalJSON(data []byte) error {
	var list []any
	if json.Unmarshal(data, &list) != nil {
		var single any
		if err := json.Unmarshal(data, &single); err != nil {
			return err
		}
		list = []any{single}
	}
	*o = oneOrMore{}
	for _, v := range list {
		text, ok := v.(string)
		if !ok {
			encoded, err := json.Marshal(v)
			if err != nil {
				return err
			}
			text = string(encoded)
		}
		*o = append(*o, text)
	}
	return nil
}

// readStatements reads the statements of a document, with the words for one that is none. What it lets
// through may still be wrong in other ways.
func readStatements(text string) ([]policyStatement, error) {
	var document struct{ Statement json.RawMessage }
	switch trimmed := strings.TrimSpace(text); {
	case trimmed == "null":
		return nil, invalidPolicy("This text appears not to be a policy")
	case !json.Valid([]byte(text)), !strings.HasPrefix(trimmed, "{"):
		return nil, invalidPolicy("This policy contains invalid Json")
	}
	if err := json.Unmarshal([]byte(text), &document); err != nil {
		return nil, invalidPolicy("This policy contains invalid Json")
	}
	var statements []policyStatement
	if json.Unmarshal(document.Statement, &statements) != nil {
		var single policyStatement
		if json.Unmarshal(document.Statement, &single) != nil {
			return nil, nil // compiling says what is wrong
		}
		statements = []policyStatement{single}
	}
	if len(statements) == 0 {
		return nil, invalidPolicy("Could not parse the policy: Statement is empty!")
	}
	return statements, checkPresent(statements)
}

// checkPresent refuses statements that lack what every statement of a table's policy has.
func checkPresent(statements []policyStatement) error {
	for i := range statements {
		st := &statements[i]
		for _, field := range []struct {
			name   string
			absent bool
		}{
			{"Effect", st.Effect == nil}, {"Principal", st.Principal == nil && st.NotPrincipal == nil},
			{"Action", st.Action == nil && st.NotAction == nil},
			{"Resource", st.Resource == nil && st.NotResource == nil},
		} {
			if field.absent {
				return invalidPolicy("Missing required field %s", field.name)
			}
		}
	}
	return nil
}

// checkStatements keeps the rules for policies of tables and streams: names are used once, actions are
// actions on what has the policy, and nothing is open to everybody.
func checkStatements(statements []policyStatement, actions map[string]policyAction) error {
	names := map[string]bool{}
	for i := range statements {
		st := &statements[i]
		if st.Sid != "" && names[st.Sid] {
			return invalidPolicy("The Statement Ids in the policy are not unique")
		}
		names[st.Sid] = true
		if wrong := wrongActions(append(slices.Clone(st.Action), st.NotAction...), actions); len(wrong) > 0 {
			return invalidPolicy("The following action names are invalid: \"%s\"",
				strings.Join(wrong, `", "`))
		}
	}
	for i := range statements {
		if statements[i].unbounded() {
			return invalid("Resource-based policy grants unbounded access in one or more elements. Please " +
				"revise the policy to ensure least-privilege form of access")
		}
	}
	return nil
}

// unbounded says whether a statement lets everybody in, whoever they are and from wherever they come.
func (st *policyStatement) unbounded() bool {
	if *st.Effect != "Allow" || !namesEveryone(st.Principal) {
		return false
	}
	for operator, keys := range st.Condition {
		for key, values := range keys {
			if binds(operator, key, values) {
				return false
			}
		}
	}
	return true
}

func namesEveryone(principal json.RawMessage) bool {
	var text string
	if json.Unmarshal(principal, &text) == nil {
		return text == "*"
	}
	var byKind map[string]oneOrMore
	return json.Unmarshal(principal, &byKind) == nil && slices.Contains(byKind["AWS"], "*")
}

// binds says whether a condition ties access to somebody or to a place: it compares a key that says who calls
// or from where with values that are not everything, and does not hold for requests without that key.
func binds(operator, key string, values oneOrMore) bool {
	switch strings.ToLower(key) {
	case "aws:principalaccount", "aws:principalarn", "aws:principalorgid", "aws:principalorgpaths",
		"aws:userid", "aws:username",
		"aws:sourceip", "aws:sourcevpc", "aws:sourcevpce", "aws:sourceaccount", "aws:sourcearn",
		"aws:vpcsourceip":
	default:
		return false
	}
	if strings.Contains(operator, "Not") || strings.HasSuffix(operator, "IfExists") ||
		strings.HasPrefix(operator, "ForAllValues:") || operator == "Null" {
		return false
	}
	return len(values) > 0 && !slices.ContainsFunc(values, func(v string) bool {
		return strings.Trim(v, "*") == "" || v == "0.0.0.0/0" || v == "::/0"
	})
}

// checkPrincipals refuses a policy that names somebody who is not there.
func (s *Service) checkPrincipals(names []string) error {
	for _, name := range names {
		switch {
		case !strings.HasPrefix(name, "arn:"):
			if strings.Contains(name, ".") && !isTableService(name) {
				return invalidPolicy("Policy contains invalid service principal")
			}
		case !strings.HasSuffix(name, ":root") && s.principals != nil && !s.principals.Exists(name):
			return invalidParameter(wrongPrincipal)
		}
	}
	return nil
}

const wrongPrincipal = "Invalid principal in policy document."

// isTableService says whether a service may be named in policies of tables.
func isTableService(name string) bool {
	return name == "redshift."+servicesDomain || name == "replication.dynamodb."+servicesDomain
}

const servicesDomain = "amazonaws.com"

func invalidPolicy(format string, args ...any) error {
	return invalidParameter("Invalid policy document: "+format, args...)
}

// policyRefusal words what compiling a policy found.
func policyRefusal(err error) error {
	var problem *policy.ParseError
	if !errors.As(err, &problem) {
		return err
	}
	switch problem.Problem {
	case policy.NoPrincipal:
		return invalidPolicy("Missing required field Principal")
	case policy.InvalidPrincipal:
		return invalidParameter(wrongPrincipal)
	case policy.NoResource:
		return invalidPolicy("Missing required field Resource")
	}
	return invalidPolicy("%s", problem.Detail)
}

// samePolicy says whether two documents say the same, in whatever order and form their members are written.
func samePolicy(a, b string) bool { return canonicalPolicy(a) == canonicalPolicy(b) }

// canonicalPolicy writes a document in one form: members in order, lists of one as their element, accounts by
// their ARN.
func canonicalPolicy(text string) string {
	var document any
	if json.Unmarshal([]byte(text), &document) != nil {
		return text
	}
	encoded, err := json.Marshal(canonical("", document))
	if err != nil {
		return text
	}
	return string(encoded)
}

func canonical(name string, value any) any {
	switch value := value.(type) {
	case map[string]any:
		for member, v := range value {
			value[member] = canonical(member, v)
		}
	case []any:
		if len(value) == 1 {
			return canonical(name, value[0])
		}
		for i := range value {
			value[i] = canonical(name, value[i])
		}
	case string:
		if name == "AWS" && len(value) == 12 && strings.Trim(value, "0123456789") == "" {
			return arn.New("iam", "", value, "root").String()
		}
	}
	return value
}
