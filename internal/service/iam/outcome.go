package iam

import (
	"encoding/base64"
	"strconv"
	"strings"

	"github.com/sealtable/sealtable/internal/api/iamapi"
	"github.com/sealtable/sealtable/internal/arn"
	"github.com/sealtable/sealtable/internal/auth/policy"
	"github.com/sealtable/sealtable/internal/identity"
)

// maxShown bounds the statements and condition keys on one page: a few large policies could fill any answer
// with them.
const maxShown = 20_000

// pageSize is how many results go on a page; it may be fewer than the request wants.
func (m *simulation) pageSize(wanted *int64) int {
	size, shown := defaultPage, 1+len(m.missingKeys)
	if wanted != nil {
		size = int(*wanted)
	}
	for _, source := range m.sources() {
		shown += len(source.Compiled.Statements)
	}
	return min(size, max(1, maxShown/shown))
}

// page simulates as much as goes on a page. The marker is how many combinations of action and resource went
// before.
func (m *simulation) page(given *options) (*iamapi.SimulatePolicyResponse, error) {
	m.missingKeys = m.missing()
	size, start := m.pageSize(given.maxItems), 0
	total := len(m.actions) * len(m.resources)
	if given.marker != nil {
		text, err := base64.RawURLEncoding.DecodeString(*given.marker)
		if err == nil {
			start, err = strconv.Atoi(string(text))
		}
		if err != nil || start < 1 || start >= total {
			return nil, invalid("Invalid Marker.")
		}
	}
	end := min(total, start+size)
	out := &iamapi.SimulatePolicyResponse{EvaluationResults: []iamapi.EvaluationResult{},
		IsTruncated: new(end < total)}
	for i := start; i < end; i++ {
		out.EvaluationResults = append(out.EvaluationResults,
			m.result(m.actions[i/len(m.resources)], m.resources[i%len(m.resources)]))
	}
	if end < total {
		out.Marker = new(base64.RawURLEncoding.EncodeToString([]byte(strconv.Itoa(end))))
	}
	return out, nil
}

// result is the outcome of one action on one resource. Where the request names resources, it is told for the
// resource again.
func (m *simulation) result(action, resource string) iamapi.EvaluationResult {
	r := &policy.Request{Principal: m.principal, Action: action, Resource: resource, Context: m.context}
	p := m.policies(resource)
	d := policy.Decide(r, p)
	out := iamapi.EvaluationResult{
		EvalActionName: &action, EvalResourceName: &resource, EvalDecision: verdict(d),
		MatchedStatements:    m.matched(r, p, d),
		MissingContextValues: []string{}, PermissionsBoundaryDecisionDetail: m.byBoundary(r),
		EvalDecisionDetails: m.details(r, p),
	}
	if !m.named {
		out.MissingContextValues = m.missingKeys
		return out
	}
	out.ResourceSpecificResults = []iamapi.ResourceSpecificResult{{
		EvalResourceName: &resource, EvalResourceDecision: out.EvalDecision,
		MatchedStatements:                 out.MatchedStatements,
		MissingContextValues:              m.missingKeys,
		PermissionsBoundaryDecisionDetail: out.PermissionsBoundaryDecisionDetail,
		EvalDecisionDetails:               out.EvalDecisionDetails,
	}}
	return out
}

// policies are those that bear on a resource. Keys and roles have policies that are the gate.
func (m *simulation) policies(resource string) *policy.Policies {
	p := &policy.Policies{ResourceAccount: m.owner}
	if a, ok := arn.Parse(resource); ok {
		if a.Account != "" {
			p.ResourceAccount = a.Account
		}
		_, isKey := a.Child("key")
		_, isRole := a.Child("role")
		p.Gate = m.onResource != nil && (isKey && a.Service == "kms" || isRole && a.Service == "iam")
	}
	for i := range m.identity {
		p.Identity = append(p.Identity, policy.Attached{Name: m.identity[i].Name,
			Policy: m.identity[i].Compiled})
	}
	if m.boundary != nil {
		p.Boundary = m.boundary.Compiled
	}
	if m.onResource != nil {
		p.OnResource = m.onResource.Compiled
	}
	return p
}

func verdict(d policy.Decision) *string {
	switch {
	case d.Allowed:
		return new("allowed")
	case d.Explicit:
		return new("explicitDeny")
	}
	return new("implicitDeny")
}

// matched are the statements that the decision rests on: those that deny, or all that allow; none where none
// allowed.
func (m *simulation) matched(r *policy.Request, p *policy.Policies, d policy.Decision) []iamapi.Statement {
	list := []iamapi.Statement{}
	if !d.Allowed && !d.Explicit {
		return list
	}
	effect := policy.Effect(d.Allowed)
	for i := range m.identity {
		list = appendStatements(list, &m.identity[i], m.identity[i].Compiled.Applying(r, effect))
	}
	if m.boundary != nil && d.Explicit {
		list = appendStatements(list, m.boundary, m.boundary.Compiled.Applying(r, effect))
	}
	if m.onResource != nil {
		delegated := p.Gate || r.Principal.Account != p.ResourceAccount
		list = appendStatements(list, m.onResource,
			m.onResource.Compiled.ApplyingOnResource(r, effect, m.boundary != nil, delegated))
	}
	return list
}

func appendStatements(
	list []iamapi.Statement, from *identity.Source, statements []*policy.Statement,
) []iamapi.Statement {
	kind := "IAM Policy"
	if from.Name == "ResourcePolicy" {
		kind = "Resource Policy"
	}
	for _, s := range statements {
		start, end := s.Position(from.Text)
		list = append(list, iamapi.Statement{
			SourcePolicyId: &from.Name, SourcePolicyType: &kind, StartPosition: position(start),
			EndPosition: position(end),
		})
	}
	return list
}

func position(p policy.Position) *iamapi.Position {
	return &iamapi.Position{Line: new(int64(p.Line)), Column: new(int64(p.Column))}
}

// byBoundary says what the permissions boundary allows; nil where there is none.
func (m *simulation) byBoundary(r *policy.Request) *iamapi.PermissionsBoundaryDecisionDetail {
	if m.boundary == nil {
		return nil
	}
	allowed := len(m.boundary.Compiled.Applying(r, policy.Deny)) == 0 &&
		len(m.boundary.Compiled.Applying(r, policy.Allow)) > 0
	return &iamapi.PermissionsBoundaryDecisionDetail{AllowedByPermissionsBoundary: &allowed}
}

// details say, where the resource is in another account, what each side decides; they are empty for a
// resource of the same account, and absent where no resource is named.
func (m *simulation) details(r *policy.Request, p *policy.Policies) map[string]string {
	if !m.named {
		return nil
	}
	if p.ResourceAccount == r.Principal.Account {
		return map[string]string{}
	}
	var own []applying
	for i := range m.identity {
		own = append(own, applying{m.identity[i].Compiled.Applying(r, policy.Deny),
			m.identity[i].Compiled.Applying(r, policy.Allow)})
	}
	details := map[string]string{"IAM Policy": sideOf(own...), "Resource Policy": sideOf()}
	if on := p.OnResource; on != nil {
		bounded := p.Boundary != nil
		details["Resource Policy"] = sideOf(applying{
			on.ApplyingOnResource(r, policy.Deny, bounded, true),
			on.ApplyingOnResource(r, policy.Allow, bounded, true),
		})
	}
	return details
}

// applying are the statements of one policy that apply.
type applying struct{ deny, allow []*policy.Statement }

// sideOf is what policies say by themselves.
func sideOf(sides ...applying) string {
	denied, allowed := false, false
	for _, s := range sides {
		denied, allowed = denied || len(s.deny) > 0, allowed || len(s.allow) > 0
	}
	return *verdict(policy.Decision{Allowed: allowed && !denied, Explicit: denied})
}

// sources are all policies of the simulation.
func (m *simulation) sources() []identity.Source {
	all := m.identity[:len(m.identity):len(m.identity)]
	for _, more := range []*identity.Source{m.boundary, m.onResource} {
		if more != nil {
			all = append(all, *more)
		}
	}
	return all
}

// missing are the condition keys that the policies ask for and the request does not give.
func (m *simulation) missing() []string {
	missing := []string{}
	for _, key := range contextKeysOf(m.sources()) {
		if _, given := m.context[strings.ToLower(key)]; !given {
			missing = append(missing, key)
		}
	}
	return missing
}
