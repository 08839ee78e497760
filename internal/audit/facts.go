package audit

import (
	"time"

	"github.com/sealtable/sealtable/internal/arn"
)

// KeyClass is whose key a table is under. It is a fact; which classes are good enough is for rules to say.
type KeyClass string

// The classes. A customer managed key of another account is a class of its own: others decide how long it works.
const (
	AWSOwned             KeyClass = "aws-owned"
	AWSManaged           KeyClass = "aws-managed"
	Customer             KeyClass = "customer"
	CustomerCrossAccount KeyClass = "customer-cross-account"
	UnknownKey           KeyClass = "unknown"
)

// Table is what was read about a table.
type Table struct {
	Account string `json:"account,omitempty"`
	Region  string `json:"region"`
	Name    string `json:"name"`
	ARN     string `json:"arn,omitempty"`
	// Status is DynamoDB's TableStatus; empty where the table could not be read.
	Status   string   `json:"status,omitempty"`
	KeyClass KeyClass `json:"key_class"`
	// SSEType and SSEStatus are DynamoDB's SSEDescription; both are empty under the AWS owned key.
	SSEType   string `json:"sse_type,omitempty"`
	SSEStatus string `json:"sse_status,omitempty"`
	// Key is the KMS key; nil where the table names none.
	Key *Key `json:"key,omitempty"`
	// InaccessibleSince is when DynamoDB noticed that it can no longer use the key (InaccessibleEncryptionDateTime).
	InaccessibleSince *time.Time `json:"inaccessible_since,omitempty"`
	ArchivedAt        *time.Time `json:"archived_at,omitempty"`
	// Problem is why the table could not be read. Nothing but the name is known then.
	Problem *Problem `json:"problem,omitempty"`
}

// Resource is the table as the subject of findings.
func (t *Table) Resource() Resource {
	return Resource{Account: t.Account, Region: t.Region, Table: t.Name, ARN: t.ARN}
}

// Key is what was read about a KMS key.
type Key struct {
	ARN string `json:"arn"`
	// Manager is KMS's KeyManager, AWS or CUSTOMER; empty where it could not be found out.
	Manager string `json:"manager,omitempty"`
	// State is KMS's KeyState, or KeyNotFound; empty where the key could not be described.
	State        string     `json:"state,omitempty"`
	DeletionDate *time.Time `json:"deletion_date,omitempty"`
	// Problems are why something above is empty.
	Problems []Problem `json:"problems,omitempty"`
}

// KeyNotFound is the State of a key that KMS says does not exist.
const KeyNotFound = "NotFound"

// What Manager may be.
const (
	ManagedByAWS      = "AWS"
	ManagedByCustomer = "CUSTOMER"
)

// Classify says whose key a table is under, from what DescribeTable, and DescribeKey or ListAliases, answered. DynamoDB shows no
// SSEDescription under the AWS owned key, and does not say whether a KMS key is AWS managed ("Amazon DynamoDB encryption at rest").
func Classify(t *Table) KeyClass {
	switch {
	case t.Problem != nil:
		return UnknownKey
	case t.SSEType == "" && t.SSEStatus == "", t.SSEType == "AES256", t.SSEStatus == "DISABLING", t.SSEStatus == "DISABLED":
		return AWSOwned
	case t.SSEType != "KMS" || t.Key == nil:
		return UnknownKey
	}
	return classifyKey(t.Key, t.Account)
}

func classifyKey(key *Key, account string) KeyClass {
	if a, ok := arn.Parse(key.ARN); ok && account != "" && a.Account != account {
		return CustomerCrossAccount
	}
	switch {
	case key.Manager == ManagedByAWS:
		return AWSManaged
	case key.Manager == ManagedByCustomer, key.State == KeyNotFound: // nobody can delete an AWS managed key
		return Customer
	}
	return UnknownKey
}

// ProblemKind is why something could not be read.
type ProblemKind string

// The kinds of problem.
const (
	Denied      ProblemKind = "denied"      // a policy does not allow the call
	Credentials ProblemKind = "credentials" // the credentials themselves are refused
	Throttled   ProblemKind = "throttled"   // too many calls, also after retries
	Unreachable ProblemKind = "unreachable" // no answer
	Failed      ProblemKind = "failed"      // any other error
)

// Problem is a call that failed.
type Problem struct {
	Kind ProblemKind `json:"kind"`
	// Action is the IAM action that the call needs, such as dynamodb:DescribeTable.
	Action  string `json:"action"`
	Code    string `json:"code,omitempty"`
	Message string `json:"message"`
}

func (p *Problem) String() string {
	code := ""
	if p.Code != "" {
		code = " (" + p.Code + ")"
	}
	switch p.Kind {
	case Denied:
		return p.Action + " is not allowed" + code
	case Credentials:
		return p.Action + ": the credentials were refused" + code
	case Throttled:
		return p.Action + " was throttled" + code
	case Unreachable:
		return p.Action + ": no answer: " + p.Message
	}
	return p.Action + " failed" + code + ": " + p.Message
}

// Advice says what lets the next run succeed.
func (p *Problem) Advice() string {
	switch p.Kind {
	case Denied:
		return "Allow " + p.Action + " to the principal that audits."
	case Credentials:
		return "Use credentials that are valid there, or leave the region out with --region."
	case Throttled:
		return "Run the audit again when there is less load, or region by region with --region."
	case Unreachable:
		return "Check the network, the endpoint and the name of the region."
	}
	return "Run the audit again; if it fails the same way, look the error up."
}

// Region is a region in scope, and what became of it.
type Region struct {
	Name    string        `json:"name"`
	Outcome RegionOutcome `json:"outcome"`
	Tables  int           `json:"tables"` // how many were found
	Note    string        `json:"note,omitempty"`
	Problem *Problem      `json:"problem,omitempty"`
}

// RegionOutcome says whether a region was read.
type RegionOutcome string

// The outcomes. Tables that were found before a region failed are judged like others.
const (
	RegionAudited RegionOutcome = "audited"
	RegionSkipped RegionOutcome = "skipped" // not enabled for the account, so that it can hold no tables
	RegionFailed  RegionOutcome = "error"
)

// Scope is what an audit looks at, and as whom.
type Scope struct {
	Account  string `json:"account,omitempty"`
	Caller   string `json:"caller,omitempty"`
	Endpoint string `json:"endpoint,omitempty"` // empty for AWS itself
	// Regions is how many are in scope, the skipped ones included.
	Regions int `json:"-"`
	// RegionsFrom says where the list of regions came from.
	RegionsFrom RegionList `json:"regions_from"`
	Notes       []string   `json:"notes,omitempty"`
}

// RegionList is where a list of regions came from.
type RegionList string

// The origins of a list of regions.
const (
	RegionsChosen  RegionList = "chosen"   // by the caller
	RegionsListed  RegionList = "account"  // account:ListRegions
	RegionsBuiltIn RegionList = "built-in" // those known to this version
)
