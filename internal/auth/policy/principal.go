package policy

import (
	"slices"
	"strings"

	"github.com/sealtable/sealtable/internal/arn"
)

// Principal is who asks. The zero value matches only "*".
type Principal struct {
	Account string // 12 digits; empty for a service
	// of the user, of the account's root, or of the session (arn:aws:sts::…:assumed-role/ROLE/SESSION)
	ARN     string
	RoleARN string // of a session's role; empty for others
	UserID  string // AIDA…, AROA…:session
	Service string // such as dynamodb.amazonaws.com, when a service itself asks
	// Federated is the ARN of an identity provider, when somebody asks whom only that provider knows. Such a
	// principal has no policies, and "*" lets it in nowhere.
	Federated string
}

// isRoot says whether the principal is its account's root user.
func (p *Principal) isRoot() bool {
	account, ok := strings.CutSuffix(p.ARN, rootSuffix)
	if !ok || p.Account == "" {
		return false
	}
	account, ok = strings.CutPrefix(account, rootPrefix)
	return ok && account == p.Account
}

const (
	rootPrefix = "arn:" + arn.Partition + ":iam::"
	rootSuffix = ":root"
)

func rootARN(account string) string { return rootPrefix + account + rootSuffix }

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
	// federated are identity providers, others canonical users, which nobody here is.
	federated, others []string
}

func (p *principals) names() []string {
	var names []string
	for _, account := range p.accounts {
		names = append(names, rootARN(account))
	}
	return slices.Concat(names, p.arns, p.ids, p.services, p.federated, p.others)
}

func (p *principals) match(who *Principal) match {
	switch {
	case who.Federated != "":
		return matchIf(slices.Contains(p.federated, who.Federated), byName)
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

// denies says whether a denying statement's principal element fits; bounded is whether the principal has a
// permissions boundary. A NotPrincipal spares only whom it names in full: the session and its role and their
// account. It never spares a principal with a boundary ("AWS JSON policy elements: NotPrincipal").
func (s *Statement) denies(who *Principal, bounded bool) bool {
	if !s.notPrincipals {
		return s.principals.match(who) != noMatch || who.Federated != "" && s.principals.everyone
	}
	return bounded || !s.principals.spares(who)
}

// spares says whether everything that a principal is, is named.
func (p *principals) spares(who *Principal) bool {
	switch {
	case p.everyone:
		return true
	case who.Service != "":
		return slices.Contains(p.services, who.Service)
	case who.Federated != "":
		return slices.Contains(p.federated, who.Federated)
	case !slices.Contains(p.accounts, who.Account):
		return false
	case who.isRoot():
		return true
	case who.RoleARN != "" && !slices.Contains(p.arns, who.RoleARN) && !p.hasID(roleID(who.UserID)):
		return false
	}
	return slices.Contains(p.arns, who.ARN) || p.hasID(who.UserID)
}

// add files one entry of an element of the given type (AWS, Service, …). ok is false when no principal can
// look like that.
func (p *principals) add(kind, name string) (ok bool) {
	switch kind {
	case "AWS":
		return p.addAWS(name)
	case "Service":
		p.services = append(p.services, name)
		return strings.Contains(name, ".") && !strings.ContainsAny(name, "*?:/ ")
	case "Federated":
		p.federated = append(p.federated, name)
		return name != "" && !strings.ContainsAny(name, "*?")
	case "CanonicalUser":
		p.others = append(p.others, name)
		return name != "" && !strings.ContainsAny(name, "*?")
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
	if !ok || a.Partition != arn.Partition || a.Region != "" || !isAccountID(a.Account) ||
		strings.ContainsAny(name, "*?") {
		return false
	}
	if a.Service == "iam" && a.Resource == "root" {
		p.accounts = append(p.accounts, a.Account)
		return true
	}
	p.arns = append(p.arns, name)
	return namesPrincipal(a.Service, a.Resource)
}

// namesPrincipal says whether the resource of an ARN is a user, a role or a session.
func namesPrincipal(service, resource string) bool {
	kind, name, _ := strings.Cut(resource, "/")
	last := name[strings.LastIndexByte(name, '/')+1:]
	switch kind {
	case "user", "role":
		return service == "iam" && last != ""
	case "federated-user":
		return service == "sts" && last != ""
	case "assumed-role":
		return service == "sts" && strings.Count(name, "/") == 1 && name[0] != '/' && last != ""
	}
	return false
}

func isAccountID(s string) bool {
	return len(s) == 12 && strings.Trim(s, "0123456789") == ""
}

// isUniqueID says whether s has the form of the unique id of a user or role ("IAM identifiers: Unique
// identifiers").
func isUniqueID(s string) bool {
	return len(s) >= 16 && (strings.HasPrefix(s, "AIDA") || strings.HasPrefix(s, "AROA")) &&
		strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == ""
}
