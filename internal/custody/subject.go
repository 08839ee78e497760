package custody

import (
	"context"

	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/storage"
)

// KeyKind tells who can see and govern a key.
type KeyKind string

// The three kinds of key. All are real.
const (
	AWSOwned        KeyKind = "AWS_OWNED"
	AWSManaged      KeyKind = "AWS_MANAGED"
	CustomerManaged KeyKind = "CUSTOMER_MANAGED"
)

// Key names a KMS key.
type Key struct {
	Kind KeyKind
	ARN  string
}

// Subject is what is in custody: a table, by its identity and the key that its description names.
type Subject struct {
	ID                    storage.TableID
	Account, Region, Name string
	// Previous is the key before Key, zero if there was none. Until a change of key is committed, the
	// subject is opened with it.
	Key, Previous Key
}

// EncryptionContext binds a table key to its table ("DynamoDB encryption at rest: usage notes").
func (s *Subject) EncryptionContext() map[string]string {
	return map[string]string{
		"aws:dynamodb:tableName":    s.Name,
		"aws:dynamodb:subscriberId": s.Account,
	}
}

// previous returns the subject's previous key, of this ARN.
func (s *Subject) previous(arn string) Key {
	if s.Previous.ARN == arn {
		return s.Previous
	}
	return Key{Kind: CustomerManaged, ARN: arn}
}

// Via is what the key service sees as the calling service: the database of a region.
func Via(region string) string { return "dynamodb." + region + ".amazonaws.com" }

// Database returns the database of a region as a caller of the key service on its own behalf. What it may do
// with a key, the key's policy and grants say.
func Database(account, region string) *auth.Caller {
	name := Via(region)
	return &auth.Caller{Type: auth.Service, Account: account, Region: region, ARN: name, UserID: name,
		SourceIP: name, UserAgent: name}
}

// TableKey is a fresh table key, bare and as the key service gives it out. Whoever gets one zeroes Plaintext.
type TableKey struct {
	KeyARN     string // of the KMS key that wraps it
	Plaintext  []byte
	Ciphertext []byte
}

// Holding is a grant that the database holds on a key for one subject.
type Holding struct {
	ID     storage.TableID
	KeyARN string
}

// KeyService is what custody asks of the key service. Calls are authorised for the caller that they are made
// with, and recorded, like any other call.
type KeyService interface {
	// Describe finds a customer's or managed key by id, ARN or alias, and refuses one that cannot be used. It
	// needs kms:DescribeKey.
	Describe(ctx context.Context, caller *auth.Caller, keyID string) (Key, error)
	// Generate makes a table key under a key. It needs kms:GenerateDataKey, and kms:CreateGrant for what the
	// database does in the background later. Keys of kind AWSOwned need no permission of the caller, here and
	// below. The grant belongs to the subject: two tables of one name, one after the other, have two.
	Generate(ctx context.Context, caller *auth.Caller, s *Subject, key Key) (TableKey, error)
	// Decrypt opens a table key. It needs kms:Decrypt.
	Decrypt(ctx context.Context, caller *auth.Caller, key Key, ciphertext []byte,
		encryptionContext map[string]string) ([]byte, error)
	// Release retires what Generate was granted for a subject. What is gone already is no error.
	Release(ctx context.Context, key Key, id storage.TableID) error
	// Holdings lists the grants that the database holds on all keys.
	Holdings() []Holding
	// Usable reports whether a key could be used by anybody at all: it exists, is enabled and has its
	// material.
	Usable(ctx context.Context, key Key) error
	// Granted reports whether the database itself may use a key for a subject: it holds what Generate was
	// granted, and the key's policy does not deny it.
	Granted(ctx context.Context, s *Subject, key Key) error
	// Owned and Managed are the keys of the installation and of the account that tables are under by default;
	// they are made on first use.
	Owned(ctx context.Context, account, region string) (Key, error)
	Managed(ctx context.Context, account, region string) (Key, error)
}
