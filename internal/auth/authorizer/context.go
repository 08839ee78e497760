package authorizer

import (
	"strconv"
	"strings"
	"time"

	"github.com/sealtable/sealtable/internal/auth"
)

// requestContext gives the condition keys that every request has ("AWS global condition context keys") and, below them, those of
// the need.
type requestContext struct {
	caller   *auth.Caller
	need     *auth.Need
	identity *Identity
	now      time.Time
}

// Values implements policy.Context.
func (c *requestContext) Values(key string) ([]string, bool) {
	if value, ok := c.global(key); ok {
		return []string{value}, true
	}
	if tag, ok := strings.CutPrefix(key, "aws:principaltag/"); ok {
		for name, value := range c.identity.Tags {
			if strings.EqualFold(name, tag) {
				return []string{value}, true
			}
		}
		return nil, false
	}
	if c.need.Context == nil {
		return nil, false
	}
	return c.need.Context.Values(key)
}

func (c *requestContext) global(key string) (value string, ok bool) {
	switch key {
	case "aws:principalarn":
		return firstOf(c.identity.RoleARN, c.caller.ARN), true
	case "aws:principalaccount", "kms:calleraccount":
		return c.caller.Account, true
	case "aws:principaltype":
		return principalType(c.caller.Type), true
	case "aws:userid":
		return c.caller.UserID, true
	case "aws:username":
		return userName(c.caller)
	case "aws:sourceip":
		return c.caller.SourceIP, c.caller.SourceIP != "" && c.caller.Via == ""
	case "aws:useragent":
		return c.caller.UserAgent, c.caller.UserAgent != ""
	case "aws:requestedregion":
		return c.caller.Region, true
	case "aws:currenttime":
		return c.now.Format(time.RFC3339), true
	case "aws:epochtime":
		return strconv.FormatInt(c.now.Unix(), 10), true
	case "aws:viaawsservice":
		return strconv.FormatBool(c.caller.Via != ""), true
	case "aws:securetransport":
		return strconv.FormatBool(c.caller.TLS), true
	case "aws:multifactorauthpresent":
		return strconv.FormatBool(c.caller.MFA), c.caller.Type != auth.Root || c.caller.MFA
	case "kms:viaservice":
		return c.caller.Via, c.caller.Via != ""
	}
	return "", false
}

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
func userName(caller *auth.Caller) (string, bool) {
	if caller.Type != auth.IAMUser {
		return "", false
	}
	return caller.ARN[strings.LastIndex(caller.ARN, "/")+1:], true
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
