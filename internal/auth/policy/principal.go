package policy

import (
	"slices"
	"strings"

	"github.com/sealtable/sealtable/internal/arn"
)

// Principal is who asks. The zero value matches only "*".
type Principal struct {
	Account string // 12 digits; empty for a service
	ARN     string // of the user, of the account's root, or of the session (arn:aws:sts::…:assumed-role/ROLE/SESSION)
	RoleARN string // of a session's role; empty for others
	UserID  string // AIDA…, AROA…:session
	Service string // such as dynamodb.amazonaws.com, when a service itself asks
}

// isRoot says whether the principal is its account's root user.
func (p *Principal) isRoot() bool {
	return p.Account != "" && p.ARN == rootARN(p.Account)
}

func rootARN(account string) string { return "arn:" + arn.Partition + ":iam::" + account + ":root" }

// match says how a Principal element fits a principal. The order is that of strength: a later one says more.
type match int

const (
	noMatch match = iota
	// byAccount delegates to the principal's account: its own policies decide.
	byAccount
	// byRole names the session's role: boundary and session policies still limit what the statement allows.
	byRole
	// byName names the user, the session, the root user, or everybody: the statement allows by itself.
	byName
)

// principals is a compiled Principal or NotPrincipal element.
type principals struct {
	everyone bool
	accounts []string // 12 digits, from account ids and root ARNs
	arns     []string
	ids      []string // unique ids, into which the ARNs of deleted principals turn
	services []string
	others   []string // federated and canonical users, which nobody here is
}

func (p *principals) names() []string {
	var names []string
	for _, account := range p.accounts {
		names = append(names, rootARN(account))
	}
	return slices.Concat(names, p.arns, p.ids, p.services, p.others)
}

func (p *principals) match(who *Principal) match {
	switch {
	case p.everyone:
		return byName
	case who.Service != "":
		return matchIf(slices.Contains(p.services, who.Service), byName)
	case slices.Contains(p.arns, who.ARN), p.hasID(who.UserID):
		return byName
	case who.isRoot() && slices.Contains(p.accounts, who.Account):
		return byName
	case who.RoleARN != "" && (slices.Contains(p.arns, who.RoleARN) || p.hasID(roleID(who.UserID))):
		return byRole
	}
	return matchIf(slices.Contains(p.accounts, who.Account), byAccount)
}

func matchIf(ok bool, m match) match {
	if ok {
		return m
	}
	return noMatch
}

func (p *principals) hasID(id string) bool { return id != "" && slices.Contains(p.ids, id) }

func roleID(userID string) string {
	id, _, _ := strings.Cut(userID, ":")
	return id
}

// matchPrincipal says how the statement's principal element fits. A NotPrincipal fits whom it does not name in any way: neither
// the principal, nor its role, nor its account.
func (s *Statement) matchPrincipal(who *Principal) match {
	m := s.principals.match(who)
	if s.notPrincipals {
		return matchIf(m == noMatch, byName)
	}
	return m
}

// add files one entry of an element of the given type (AWS, Service, …). ok is false when no principal can look like that.
func (p *principals) add(kind, name string) (ok bool) {
	switch kind {
	case "AWS":
		return p.addAWS(name)
	case "Service":
		p.services = append(p.services, name)
		return name != ""
	case "Federated", "CanonicalUser":
		p.others = append(p.others, name)
		return name != ""
	}
	return false
}

func (p *principals) addAWS(name string) bool {
	if name == "*" {
		p.everyone = true
		return true
	}
	if isAccountID(name) {
		p.accounts = append(p.accounts, name)
		return true
	}
	if isUniqueID(name) {
		p.ids = append(p.ids, name)
		return true
	}
	a, ok := arn.Parse(name)
	if !ok || a.Service != "iam" && a.Service != "sts" || a.Region != "" || !isAccountID(a.Account) || strings.ContainsAny(name, "*?") {
		return false
	}
	if a.Service == "iam" && a.Resource == "root" {
		p.accounts = append(p.accounts, a.Account)
		return true
	}
	kind, rest, ok := strings.Cut(a.Resource, "/")
	if !ok || rest == "" || !principalKind(a.Service, kind) {
		return false
	}
	p.arns = append(p.arns, name)
	return true
}

func principalKind(service, kind string) bool {
	switch kind {
	case "user", "role":
		return service == "iam"
	case "assumed-role", "federated-user":
		return service == "sts"
	}
	return false
}

func isAccountID(s string) bool {
	return len(s) == 12 && strings.Trim(s, "0123456789") == ""
}

// isUniqueID says whether s has the form of the unique id of a user or role ("IAM identifiers: Unique identifiers").
func isUniqueID(s string) bool {
	return len(s) >= 16 && (strings.HasPrefix(s, "AIDA") || strings.HasPrefix(s, "AROA")) &&
		strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == ""
}
