package policy

// Attached is a policy with the name by which a reason calls it.
type Attached struct {
	Name   string
	Policy *Policy
}

// Policies are all that bear on one request.
type Policies struct {
	// Identity are the principal's own policies: its own, its groups', its role's.
	Identity []Attached
	// Unrestricted stands for an identity policy that allows everything, as the root user has.
	Unrestricted bool
	// Boundary and Session limit what identity policies allow. Nil and empty do not limit.
	Boundary *Policy
	Session  []*Policy
	// OnResource is the resource's own policy, nil if it has none, and ResourceAccount the account that owns
	// the resource.
	OnResource      *Policy
	ResourceAccount string
	// Gate says that OnResource must allow, by naming the principal or by delegating to its account: the rule
	// of KMS keys.
	Gate bool
	// Granted says that a grant on the resource allows the request. It stands in for what identity policies
	// and the resource's own do not allow, never against a deny, and within what boundary and session allow:
	// AWS does not say that a grant goes beyond these, and a resource policy that names a role does not
	// either.
	Granted bool
}

// Origin says which kind of policy a decision rests on.
type Origin string

// The origins, as AWS's messages name them.
const (
	FromIdentity Origin = "identity-based policy"
	FromResource Origin = "resource-based policy"
	FromBoundary Origin = "permissions boundary"
	FromSession  Origin = "session policy"
	FromGrant    Origin = "grant"
)

// Decision is the outcome with its reason.
type Decision struct {
	Allowed bool
	// Explicit says, of a refusal, that a statement denied it; else no statement allowed it.
	Explicit bool
	// Origin is the kind of policy that denied, or that did not allow, or that allowed.
	Origin Origin
	// PolicyName and Sid are where the statement stands, if one decided and they have names.
	PolicyName, Sid string
}

// Decide says whether a request is allowed.
func Decide(r *Request, p *Policies) Decision {
	if d, denied := explicitDeny(r, p); denied {
		return d
	}
	if p.Granted {
		if limit, ok := limited(r, p); ok {
			return limit
		}
		return Decision{Allowed: true, Origin: FromGrant}
	}
	on := resourceAllow(r, p.OnResource)
	if r.Principal.Service != "" || r.Principal.Federated != "" {
		return verdict(on.match == byName, FromResource, on.sid)
	}
	if r.Principal.Account == "" || r.Principal.Account != p.ResourceAccount {
		return crossAccount(r, p, on)
	}
	if on.match == byName {
		return verdict(true, FromResource, on.sid)
	}
	if on.match == byRole {
		if limit, ok := limited(r, p); ok {
			return limit
		}
		return verdict(true, FromResource, on.sid)
	}
	if p.Gate && on.match == noMatch {
		return Decision{Origin: FromResource}
	}
	return byIdentity(r, p)
}

// crossAccount needs both sides: the resource's policy, and the principal's own.
func crossAccount(r *Request, p *Policies, on allowance) Decision {
	if on.match == noMatch {
		return Decision{Origin: FromResource}
	}
	return byIdentity(r, p)
}

// byIdentity is what the principal's own policies say, within its boundary and session.
func byIdentity(r *Request, p *Policies) Decision {
	allowed, name, sid := identityAllow(r, p)
	if !allowed {
		return Decision{Origin: FromIdentity}
	}
	if d, ok := limited(r, p); ok {
		return d
	}
	return Decision{Allowed: true, Origin: FromIdentity, PolicyName: name, Sid: sid}
}

// limited returns the refusal by a boundary or session policy that does not allow the request; ok is false
// when none refuses.
func limited(r *Request, p *Policies) (d Decision, ok bool) {
	if p.Boundary != nil && firstApplying(r, p.Boundary, Allow) == nil {
		return Decision{Origin: FromBoundary}, true
	}
	if len(p.Session) > 0 && !anyAllows(r, p.Session) {
		return Decision{Origin: FromSession}, true
	}
	return Decision{}, false
}

func anyAllows(r *Request, policies []*Policy) bool {
	for _, session := range policies {
		if firstApplying(r, session, Allow) != nil {
			return true
		}
	}
	return false
}

func identityAllow(r *Request, p *Policies) (allowed bool, name, sid string) {
	for _, attached := range p.Identity {
		if s := firstApplying(r, attached.Policy, Allow); s != nil {
			return true, attached.Name, s.Sid
		}
	}
	return p.Unrestricted, "", ""
}

func explicitDeny(r *Request, p *Policies) (Decision, bool) {
	for _, attached := range p.Identity {
		if s := firstApplying(r, attached.Policy, Deny); s != nil {
			return Decision{Explicit: true, Origin: FromIdentity, PolicyName: attached.Name, Sid: s.Sid}, true
		}
	}
	if p.Boundary != nil {
		if s := firstApplying(r, p.Boundary, Deny); s != nil {
			return Decision{Explicit: true, Origin: FromBoundary, Sid: s.Sid}, true
		}
	}
	for _, session := range p.Session {
		if s := firstApplying(r, session, Deny); s != nil {
			return Decision{Explicit: true, Origin: FromSession, Sid: s.Sid}, true
		}
	}
	if s := resourceDeny(r, p); s != nil {
		return Decision{Explicit: true, Origin: FromResource, Sid: s.Sid}, true
	}
	return Decision{}, false
}

// firstApplying is the first statement of a policy without principals that has an effect on the request.
func firstApplying(r *Request, p *Policy, effect Effect) *Statement {
	for i := range p.Statements {
		if s := &p.Statements[i]; s.Effect == effect && s.applies(r) {
			return s
		}
	}
	return nil
}

// resourceDeny is the first denying statement that applies; a deny on an account is one on everybody in it.
func resourceDeny(r *Request, p *Policies) *Statement {
	if p.OnResource == nil {
		return nil
	}
	for i := range p.OnResource.Statements {
		if s := &p.OnResource.Statements[i]; s.Effect == Deny && s.denies(&r.Principal, p.Boundary != nil) &&
			s.applies(r) {
			return s
		}
	}
	return nil
}

// allowance is the strongest way in which a resource's policy allows a request.
type allowance struct {
	match match
	sid   string
}

func resourceAllow(r *Request, p *Policy) allowance {
	var best allowance
	if p == nil {
		return best
	}
	for i := range p.Statements {
		s := &p.Statements[i]
		if s.Effect != Allow {
			continue
		}
		if m := s.principals.match(&r.Principal); m > best.match && s.applies(r) {
			best = allowance{m, s.Sid}
		}
	}
	return best
}

func verdict(allowed bool, origin Origin, sid string) Decision {
	return Decision{Allowed: allowed, Origin: origin, Sid: sid}
}

// Explain is the second half of AWS's message for a refusal: why, behind "is not authorized to perform:
// ACTION on resource: ARN".
func (d Decision) Explain(action string) string {
	if d.Explicit {
		article := "a "
		if d.Origin == FromIdentity {
			article = "an "
		}
		return "with an explicit deny in " + article + string(d.Origin)
	}
	return "because no " + string(d.Origin) + " allows the " + action + " action"
}
