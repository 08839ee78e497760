// Package auth says who calls and asks whether they may.
//
// Callers may rely on this: a Caller exists only for a request whose signature was verified (or that `dev`
// admits by its rule), and every operation of every service passes Authorizer with its Needs before it runs
// (P6), whether it came over the wire or from another service of this installation (P10).
package auth

import (
	"context"
	"time"

	"github.com/sealtable/sealtable/internal/auth/policy"
)

// PrincipalType says what kind of principal calls, in CloudTrail's words.
type PrincipalType string

// The principals there are.
const (
	Root        PrincipalType = "Root"
	IAMUser     PrincipalType = "IAMUser"
	AssumedRole PrincipalType = "AssumedRole"
	Service     PrincipalType = "AWSService"
	// WebIdentity is somebody whom an identity provider vouches for, before there is a session. The ARN is
	// the provider's.
	WebIdentity PrincipalType = "WebIdentityUser"
)

// Caller is a principal with the request it made. It is immutable once made: share it freely.
type Caller struct {
	Type        PrincipalType
	Account     string // 12 digits
	ARN         string // as in error messages: for a session the assumed-role ARN
	UserID      string // the unique id: AIDA…, AROA…:session, or the account for root
	RoleARN     string // of a session's role, with its path; empty for others
	AccessKeyID string
	Region      string // from the credential scope
	SourceIP    string
	UserAgent   string
	Host        string // the address of this server as the client wrote it, with its port if it did
	// Via is the service that calls on the principal's behalf, such as dynamodb.us-east-1.amazonaws.com;
	// empty for a direct call. It is what policies see as kms:ViaService and what the trail records as
	// invokedBy.
	Via string
	// RequestID is the id that the response carries and that the trail and the log name.
	RequestID string
	// Issued is when temporary credentials were made; zero for those that last.
	Issued time.Time
	// MFA says whether the credentials were obtained with a second factor.
	MFA bool
	// TLS says whether the request came over an encrypted connection.
	TLS bool
}

// For returns the caller as seen by another service that via calls on its behalf.
func (c *Caller) For(via string) *Caller {
	forwarded := *c
	forwarded.Via = via
	return &forwarded
}

// Need is one permission that an operation needs. All needs of an operation must be granted.
type Need struct {
	Action   string // such as kms:Decrypt
	Resource string // an ARN, or "*" where the action has no resource
	// Unnamed says that a refusal does not name the resource, as AWS leaves it out where it is still to be
	// made.
	Unnamed bool
	// Policy is the resource's own policy, nil where it has none. Gate says that this policy must allow, by
	// naming the principal or by delegating to the account, before identity policies count: the rule of KMS
	// keys.
	Policy *policy.Policy
	Gate   bool
	// Granted says that a grant on the resource allows this action for the caller.
	Granted bool
	// Context holds condition keys of this need beyond those that every request has. It may be nil.
	Context policy.Context
}

// Needs collects the permissions of one call, and what the trail may show of its request. The zero value is
// ready; Reset keeps its memory.
type Needs struct {
	list  []Need
	noted []Parameter
	kept  Kept
	given bool
}

// Kept is memory that a service keeps with Needs from one call to the next, so that what it adds costs none
// of its own. Reset lets go of everything in it.
type Kept interface{ Reset() }

// Kept is what was given to Keep, in this call or an earlier one, by whatever service; nil if nothing was.
func (n *Needs) Kept() Kept { return n.kept }

// Keep keeps k for later calls. Reset resets it too.
func (n *Needs) Keep(k Kept) { n.kept = k }

// Parameter is one member of a request as the trail shows it. Value is a string, a number, a bool, or a map
// or slice of those; never item data, never key bytes (P9).
type Parameter struct {
	Name  string // as in CloudTrail: lower camel case
	Value any
}

// Add adds a need.
func (n *Needs) Add(need Need) { n.list = append(n.list, need) }

// Note adds a parameter for the trail.
func (n *Needs) Note(name string, value any) { n.noted = append(n.noted, Parameter{name, value}) }

// All is what was added, in order.
func (n *Needs) All() []Need { return n.list }

// Noted is what was noted, in order.
func (n *Needs) Noted() []Parameter { return n.noted }

// Grant says that every need so far was granted.
func (n *Needs) Grant() { n.given = true }

// Granted reports whether the caller was granted a permission, one at least: whether the call showed a right.
func (n *Needs) Granted() bool { return n.given && len(n.list) > 0 }

// Reset empties n.
func (n *Needs) Reset() {
	if n.kept != nil {
		n.kept.Reset()
	}
	clear(n.list)
	clear(n.noted)
	n.list, n.noted, n.given = n.list[:0], n.noted[:0], false
}

// DeniedError says which need was not granted, and why.
type DeniedError struct {
	Caller   *Caller
	Need     Need
	Decision policy.Decision
}

// Error is AWS's sentence ("Troubleshoot access denied error messages").
func (e *DeniedError) Error() string {
	on := ""
	if e.Need.Resource != "" && !e.Need.Unnamed {
		on = " on resource: " + e.Need.Resource
	}
	return "User: " + e.Caller.ARN + " is not authorized to perform: " + e.Need.Action + on + " " +
		e.Decision.Explain(e.Need.Action)
}

// Authorizer decides. It returns nil when every need is granted, a *DeniedError for the first that is not,
// and another error when it could not decide, which denies too.
type Authorizer interface {
	Authorize(ctx context.Context, caller *Caller, needs *Needs) error
}
