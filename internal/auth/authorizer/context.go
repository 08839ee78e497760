package authorizer

import (
	"strconv"
	"strings"
	"time"

	"github.com/sealtable/sealtable/internal/arn"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/auth/policy"
)

// requestContext gives the condition keys that every request has ("AWS global condition context keys") and,
// below them, those of the need. It serves the needs of one call, one after the other.
type requestContext struct {
	caller          *auth.Caller
	identity        Identity
	now             time.Time
	need            *auth.Need
	resourceAccount string
	request         policy.Request
	policies        policy.Policies

	// single holds the values given out, which must stay as they are until the decision is made; used counts
	// them.
	single [8]string
	used   int
}

// Values implements policy.Context.
func (c *requestContext) Values(key string) ([]string, bool) {
	if value, known, has := c.global(key); known {
		if !has {
			return nil, false
		}
		return c.one(value), true
	}
	if tag, ok := strings.CutPrefix(key, "aws:principaltag/"); ok {
		return c.tag(tag)
	}
	if c.need.Context == nil {
		return nil, false
	}
	return c.need.Context.Values(key)
}

func (c *requestContext) one(value string) []string {
	if c.used == len(c.single) {
		return []string{value}
	}
	c.single[c.used] = value
	c.used++
	return c.single[c.used-1 : c.used : c.used]
}

// tag finds a tag of the principal; the names of its tags differ in more than case.
func (c *requestContext) tag(name string) ([]string, bool) {
	for given, value := range c.identity.Tags {
		if strings.EqualFold(given, name) {
			return c.one(value), true
		}
	}
	return nil, false
}

// global says whether a key is one of those that only the authorizer gives, so that no service can give it
// instead, and its value if the request has it.
func (c *requestContext) global(key string) (value string, known, has bool) {
	value, known, has = c.ofCaller(key)
	if known {
		return value, known, has
	}
	switch key {
	case "aws:sourceaccount":
		return c.caller.Account, true, c.caller.Type == auth.Service && c.caller.Account != ""
	case "aws:sourcearn", "aws:sourceorgid", "aws:principalorgid":
		return "", true, false
	case "aws:resourceaccount":
		return c.resourceAccount, true, c.resourceAccount != ""
	case "aws:sourceip":
		return c.caller.SourceIP, true, c.caller.SourceIP != "" && c.caller.Via == ""
	case "aws:useragent":
		return c.caller.UserAgent, true, c.caller.UserAgent != ""
	case "aws:requestedregion":
		region := c.requestedRegion()
		return region, true, region != ""
	case "aws:currenttime":
		return c.now.Format(time.RFC3339), true, true
	case "aws:epochtime":
		return strconv.FormatInt(c.now.Unix(), 10), true, true
	case "aws:securetransport":
		return strconv.FormatBool(c.caller.TLS), true, true
	case "aws:viaawsservice":
		return strconv.FormatBool(c.caller.Via != ""), true, true
	case "aws:calledvia", "aws:calledviafirst", "aws:calledvialast":
		return servicePrincipal(c.caller.Via), true, c.caller.Via != ""
	case "kms:viaservice":
		return c.caller.Via, true, c.caller.Via != ""
	}
	return "", false, false
}

// requestedRegion is the region that the caller asked, but for the actions of a global service, which are all
// asked of the same: whoever calls cannot choose another, nor can a service that calls for somebody.
func (c *requestContext) requestedRegion() string {
	service, _, _ := strings.Cut(c.need.Action, ":")
	if arn.IsGlobal(strings.ToLower(service)) {
		return arn.GlobalRegion
	}
	return c.caller.Region
}

// ofCaller gives the keys that say who calls.
func (c *requestContext) ofCaller(key string) (value string, known, has bool) {
	byItself := c.caller.Type == auth.Service
	noPrincipal := byItself || c.caller.Type == auth.WebIdentity
	switch key {
	case "aws:principalarn":
		return firstOf(c.identity.RoleARN, c.caller.ARN), true, !noPrincipal
	case "aws:principalaccount":
		return c.caller.Account, true, !noPrincipal
	case "kms:calleraccount":
		return c.caller.Account, true, c.caller.Account != ""
	case "aws:principaltype":
		return principalType(c.caller.Type), true, !noPrincipal
	case "aws:principalisawsservice":
		return strconv.FormatBool(byItself), true, true
	case "aws:principalservicename":
		return c.caller.ARN, true, byItself
	case "aws:userid":
		return c.caller.UserID, true, c.caller.UserID != ""
	case "aws:username":
		return userName(c.caller), true, c.caller.Type == auth.IAMUser
	case "aws:federatedprovider":
		return c.provider()
	case "aws:tokenissuetime":
		return c.caller.Issued.UTC().Format(time.RFC3339), true, !c.caller.Issued.IsZero()
	case "aws:multifactorauthpresent":
		return strconv.FormatBool(c.caller.MFA), true, c.caller.MFA || temporary(c.caller)
	}
	return "", false, false
}

// provider is the identity provider that vouches for the caller, or did when its session began.
func (c *requestContext) provider() (value string, known, has bool) {
	if c.caller.Type == auth.WebIdentity {
		return c.caller.ARN, true, true
	}
	return c.identity.Provider, true, c.identity.Provider != ""
}

// temporary says whether the credentials are those of a session: only then does a request say whether there
// was a second factor.
func temporary(caller *auth.Caller) bool { return strings.HasPrefix(caller.AccessKeyID, "ASIA") }

func principalType(t auth.PrincipalType) string {
	switch t {
	case auth.Root:
		return "Account"
	case auth.IAMUser:
		return "User"
	}
	return string(t)
}

// userName is the last part of a user's ARN; sessions and the root user have none.
func userName(caller *auth.Caller) string {
	return caller.ARN[strings.LastIndex(caller.ARN, "/")+1:]
}

// servicePrincipal drops the region from a service's endpoint: dynamodb.us-east-1.amazonaws.com is
// dynamodb.amazonaws.com.
func servicePrincipal(via string) string {
	name, _, _ := strings.Cut(via, ".")
	return name + ".amazonaws.com"
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
