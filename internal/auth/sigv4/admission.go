package sigv4

import (
	"github.com/sealtable/sealtable/internal/arn"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/pages"
)

// Admission says what becomes of a request whose access key nobody knows. A key that is known is always
// checked, whatever the admission, and so is that a request carries an authorization at all.
type Admission struct {
	// Account is whose root a request with an unknown key is; empty to refuse it, as `serve` does.
	Account string
	// Pages says which web pages may call with an unknown key.
	Pages pages.Guard
}

// Strict refuses unknown keys.
func Strict() Admission { return Admission{} }

// Open accepts unknown keys without checking the signature, for `dev`: an access key id of twelve digits is
// root of the account with that number, any other is root of account. Requests of web pages are refused
// unless their key is known, or the page is of this machine or of one of origins.
func Open(account string, origins ...string) Admission {
	return Admission{Account: account, Pages: pages.Guard{Origins: origins}}
}

// isRegion reports whether requests may be signed for a region: one of AWS's and, in `dev`, what clients of
// local databases call theirs (NoSQL Workbench, DynamoDB local, the Terraform provider).
func (a Admission) isRegion(name []byte) bool {
	switch string(name) {
	case "localhost", "local", "ddblocal":
		return a.Account != ""
	}
	return arn.IsRegion(name)
}

// InAnyRegion reports whether a request to a global service may be signed for any region: in `dev`, by root,
// whom no policy limits. The SDKs sign for the region of their client where an endpoint of one's own is set.
func (a Admission) InAnyRegion(c *auth.Caller) bool { return a.Account != "" && c.Type == auth.Root }

// admitPage refuses a request that a browser made for a page which is not welcome: a signature in the query
// needs no header that would make the browser ask first, so any page that somebody looks at beside `dev`
// could call as root. What can only be of a program, as nearly all requests are, costs nothing.
func (a Admission) admitPage(req Request) error {
	origin, fromPage := fieldOf(req, "origin")
	site, fetched := fieldOf(req, "sec-fetch-site")
	if method := req.Method(); !fromPage && !fetched && method != "GET" && method != "HEAD" {
		return nil
	}
	from := pages.Request{Method: req.Method(), Host: string(req.Host()), Origin: string(origin),
		Site: string(site)}
	if !a.Pages.Admits(from) {
		return foreignPage(from)
	}
	return nil
}

// admit returns k with the identity that its unknown access key is given.
func (a Admission) admit(req Request, k *key) (*key, error) {
	if a.Account == "" {
		return nil, unknownKey()
	}
	if err := a.admitPage(req); err != nil {
		return nil, err
	}
	if k.root != nil {
		return k, nil
	}
	account := a.Account
	if isAccountID(k.scope.AccessKeyID) {
		account = k.scope.AccessKeyID
	}
	root := &auth.Caller{Type: auth.Root, Account: account, ARN: "arn:aws:iam::" + account + ":root",
		UserID: account}
	return &key{credential: k.credential, scope: k.scope, root: root}, nil
}

func isAccountID(s string) bool {
	if len(s) != 12 {
		return false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}
