package fact

import (
	"time"

	"github.com/sealtable/sealtable/internal/arn"
)

// KeyClass is whose key a table is under. It is a fact; which classes are good enough is for rules to say.
type KeyClass string

// The classes. A customer managed key of another account is a class of its own: others decide how long it
// works.
const (
	AWSOwned             KeyClass = "aws-owned"
	AWSManaged           KeyClass = "aws-managed"
	Customer             KeyClass = "customer"
	CustomerCrossAccount KeyClass = "customer-cross-account"
	UnknownKey           KeyClass = "unknown"
)

// Strength orders classes by how much the account controls the key; unknown ones are below all.
func (c KeyClass) Strength() int {
	switch c {
	case AWSOwned:
		return 1
	case AWSManaged:
		return 2
	case Customer, CustomerCrossAccount:
		return 3
	}
	return 0
}

// Table is what was read about a table.
type Table struct {
	Account string `json:"account,omitempty"`
	Region  string `json:"region"`
	Name    string `json:"name"`
	ARN     string `json:"arn,omitempty"`
	// Origin is where a template declares the table; nil for live ones.
	Origin *Origin `json:"origin,omitempty"`
	// Status is DynamoDB's TableStatus; empty where the table could not be read, and in templates.
	Status   string   `json:"status,omitempty"`
	KeyClass KeyClass `json:"key_class"`
	// SSEType and SSEStatus are DynamoDB's SSEDescription; both are empty under the AWS owned key.
	SSEType   string `json:"sse_type,omitempty"`
	SSEStatus string `json:"sse_status,omitempty"`
	// Key is the KMS key; nil where the table names none.
	Key *Key `json:"key,omitempty"`
	// InaccessibleSince is when DynamoDB noticed that it can no longer use the key
	// (InaccessibleEncryptionDateTime).
	InaccessibleSince *time.Time `json:"inaccessible_since,omitempty"`
	ArchivedAt        *time.Time `json:"archived_at,omitempty"`
	// Problem is why the table could not be read. Nothing but the name is known then.
	Problem *Problem `json:"problem,omitempty"`
	// Invalid is why the service would refuse what a template declares; empty if it would not.
	Invalid string `json:"invalid,omitempty"`

	Provisioned        bool        `json:"provisioned,omitempty"` // billed by provisioned capacity
	Items              int64       `json:"items,omitempty"`       // as of the last six hours
	Bytes              int64       `json:"bytes,omitempty"`
	Created            *time.Time  `json:"created,omitempty"`
	GlobalVersion      string      `json:"global_version,omitempty"`
	Replicas           []Replica   `json:"replicas,omitempty"`
	DeletionProtection Known[bool] `json:"deletion_protection,omitzero"`
	// PointInTime reports whether point-in-time recovery is on.
	PointInTime Known[bool]    `json:"point_in_time,omitzero"`
	Backups     Known[Backups] `json:"backups,omitzero"`
	// ExpiryAttribute is the attribute that time to live looks at; empty where it is off.
	ExpiryAttribute Known[string]            `json:"expiry_attribute,omitzero"`
	Tags            Known[map[string]string] `json:"tags,omitzero"`
	// Policy is the resource policy, empty where there is none.
	Policy Known[string] `json:"policy,omitzero"`
	// Scaled are the scalable dimensions that auto scaling manages, such as dynamodb:table:ReadCapacityUnits.
	Scaled Known[[]string] `json:"scaled,omitzero"`
	// Prior is the key that a table has before a template is applied; nil where nothing is known of that.
	Prior *Prior `json:"prior,omitempty"`
	// Proof is what an inspection of the server's disk found; nil where none was made.
	Proof *Proof `json:"proof,omitempty"`
}

// Prior is the key that a table is under before a change.
type Prior struct {
	KeyARN string `json:"key_arn"`
	// Deleted is the address of the key, if the same change deletes it.
	Deleted string `json:"deleted,omitempty"`
}

// Replica is a copy of a global table in another region.
type Replica struct {
	Region string   `json:"region"`
	Status string   `json:"status,omitempty"`
	KeyARN string   `json:"key_arn,omitempty"`
	Class  KeyClass `json:"class,omitempty"`
}

// Backups are the backups of a table.
type Backups struct {
	Count  int        `json:"count"`
	Latest *time.Time `json:"latest,omitempty"`
	// Class is whose key the latest backup is under; empty where that was not read.
	Class KeyClass `json:"class,omitempty"`
	// Planned says that a backup service protects the table.
	Planned bool `json:"planned,omitempty"`
}

// Proof is what an inspection of the disk found of one table.
type Proof struct {
	Authentic bool   `json:"authentic"` // every byte, under the keys of the table
	KeyARN    string `json:"key_arn,omitempty"`
	Detail    string `json:"detail,omitempty"`
	Files     int    `json:"files"`
	Bytes     int64  `json:"bytes"`
}

// Key is what was read about a KMS key.
type Key struct {
	ARN     string  `json:"arn"`
	Region  string  `json:"region,omitempty"`
	Account string  `json:"account,omitempty"`
	Origin  *Origin `json:"origin,omitempty"`
	// Manager is KMS's KeyManager, AWS or CUSTOMER; empty where it could not be found out.
	Manager string `json:"manager,omitempty"`
	// State is KMS's KeyState, or NotFound; empty where the key could not be described.
	State        string     `json:"state,omitempty"`
	DeletionDate *time.Time `json:"deletion_date,omitempty"`
	// Problems are why something above is empty.
	Problems []Problem `json:"problems,omitempty"`

	Created     *time.Time `json:"created,omitempty"`
	Spec        string     `json:"spec,omitempty"`
	Usage       string     `json:"usage,omitempty"`
	Material    string     `json:"material,omitempty"` // KMS's Origin: AWS_KMS, EXTERNAL, …
	MultiRegion bool       `json:"multi_region,omitempty"`
	ValidTo     *time.Time `json:"valid_to,omitempty"` // of imported material
	// PendingDays is the waiting period that a template declares for the key's deletion; 0 where it declares
	// none.
	PendingDays int                      `json:"pending_days,omitempty"`
	Aliases     Known[[]string]          `json:"aliases,omitzero"`
	Rotation    Known[Rotation]          `json:"rotation,omitzero"`
	Policy      Known[string]            `json:"policy,omitzero"`
	Grants      Known[[]Grant]           `json:"grants,omitzero"`
	LastUse     Known[Use]               `json:"last_use,omitzero"`
	Tags        Known[map[string]string] `json:"tags,omitzero"`
}

// Rotation is whether a key's material is replaced, and how often.
type Rotation struct {
	Enabled bool `json:"enabled"`
	Days    int  `json:"days,omitempty"` // 0 where the default holds
}

// Use is when a key was last used.
type Use struct {
	At *time.Time `json:"at,omitempty"` // nil: not since Since
	// Since is from when on uses are recorded.
	Since *time.Time `json:"since,omitempty"`
}

// Grant is one grant on a key.
type Grant struct {
	ID          string     `json:"id"`
	Name        string     `json:"name,omitempty"`
	Grantee     string     `json:"grantee"`
	Operations  []string   `json:"operations"`
	Constrained bool       `json:"constrained,omitempty"` // to an encryption context
	Created     *time.Time `json:"created,omitempty"`
}

// KeyNotFound is the State of a key that KMS says does not exist.
const KeyNotFound = "NotFound"

// What Manager may be.
const (
	ManagedByAWS      = "AWS"
	ManagedByCustomer = "CUSTOMER"
)

// Classify says whose key a table is under, from what DescribeTable, and DescribeKey or ListAliases,
// answered. DynamoDB shows no SSEDescription under the AWS owned key, and does not say whether a KMS key is
// AWS managed ("Amazon DynamoDB encryption at rest").
func Classify(t *Table) KeyClass {
	switch {
	case t.Problem != nil:
		return UnknownKey
	case t.SSEType == "" && t.SSEStatus == "", t.SSEType == "AES256", t.SSEStatus == "DISABLING",
		t.SSEStatus == "DISABLED":
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
