package engine

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/sealtable/sealtable/internal/attribute"
	"github.com/sealtable/sealtable/internal/storage"
)

// Name is what a table is called: unique per account and region.
type Name struct {
	Account, Region, Table string
}

func (n Name) String() string { return n.Account + "/" + n.Region + "/" + n.Table }

// KeyAttribute is one attribute of a key, of kind S, N or B.
type KeyAttribute struct {
	Name string
	Kind attribute.Kind
}

// KeySchema is the primary key of a collection of items. Range is nil where the key is the hash attribute
// alone.
type KeySchema struct {
	Hash  KeyAttribute
	Range *KeyAttribute
}

// Attributes are the key's attributes, hash first.
func (k *KeySchema) Attributes() []KeyAttribute {
	if k.Range == nil {
		return []KeyAttribute{k.Hash}
	}
	return []KeyAttribute{k.Hash, *k.Range}
}

// KeyKind says whose key a table is under.
type KeyKind string

// The three kinds of key. All are real: they differ in who can see and govern them.
const (
	AWSOwned        KeyKind = "AWS_OWNED"
	AWSManaged      KeyKind = "AWS_MANAGED"
	CustomerManaged KeyKind = "CUSTOMER_MANAGED"
)

// Key names the KMS key that a table is under.
type Key struct {
	Kind KeyKind
	ARN  string
}

// Encryption is what a table's description says of its key. The keys themselves are not the engine's
// business.
type Encryption struct {
	Key Key
	// Previous is the key before the last change, and ChangedAt and SettlesAt are when that change began and
	// when it counts as done. SettlesAt is zero when the table was created under Key.
	Previous             Key
	ChangedAt, SettlesAt time.Time
	// Changes are the times of the changes that still count for the quota of changes per day.
	Changes []time.Time
	// InaccessibleSince is when Key was found to be unusable; zero while it is usable. ArchivedAt follows
	// days later.
	InaccessibleSince, ArchivedAt time.Time
}

// Throughput is provisioned capacity, in units per second.
type Throughput struct {
	Read, Write                int64
	LastIncrease, LastDecrease time.Time
	DecreasesToday             int64
	DecreasesCountedOn         time.Time
}

// Units are an amount of capacity.
type Units struct{ Read, Write int64 }

// Warm is the throughput that the table is kept ready for. What a table has anyway, by its mode and its
// provisioned throughput, is not written down: the zero value is nothing beyond that.
type Warm struct {
	Units Units
	// Previous is what it was before the last change, and SettlesAt when that change counts as done.
	Previous  Units
	SettlesAt time.Time
}

// ResourcePolicy is the policy of a table or of a stream. Text is empty where it has none; Changed is then
// when it was taken away.
type ResourcePolicy struct {
	Text     string
	Revision string
	Changed  time.Time
}

// Table describes a table. A Table that the engine hands out is a snapshot and must not be changed; see
// Engine.UpdateTable.
type Table struct {
	ID         storage.TableID
	Name       Name
	ARN        string
	Attributes []KeyAttribute // AttributeDefinitions as given, in order
	Key        KeySchema
	Created    time.Time
	// ActiveAt is when the table stops being CREATING or UPDATING.
	ActiveAt time.Time
	Updating bool // the table was changed, not created, before ActiveAt
	Deleting bool

	PayPerRequest      bool
	LastPayPerRequest  time.Time
	Throughput         Throughput
	OnDemandRead       *int64 // units per second at most; nil without a limit
	OnDemandWrite      *int64
	ToPayPerRequest    []time.Time // the changes to PayPerRequest that still count for their quota
	Warm               Warm
	Class              string
	ClassChanged       time.Time
	ClassChanges       []time.Time // those that still count for their quota
	DeletionProtection bool
	Tags               map[string]string
	Encryption         Encryption
	Policy             ResourcePolicy

	Streams     []Stream // in the order in which they began; at most the last one records
	StreamsMade uint32
	Expiry      Expiry

	Indexes []Index // local and global, in the order in which they were made
	// IndexesMade is how many the table has had: their collections are numbered on and on.
	IndexesMade storage.Collection

	// Counted is when Items and Bytes were counted; as in DynamoDB they lag behind.
	Counted time.Time
	Items   int64
	Bytes   int64

	live *live // of the engine that the table belongs to
}

// prepare computes what follows from the description and is not kept with it.
func (t *Table) prepare() {
	for i := range t.Indexes {
		t.Indexes[i].prepare(t)
	}
}

// clone copies t deeply enough for UpdateTable's change function to change it freely.
func (t *Table) clone() *Table {
	data, err := json.Marshal(t)
	if err != nil {
		panic(fmt.Sprintf("engine: a description cannot be encoded: %v", err)) // only plain fields: a bug
	}
	copied, err := decodeTable(data)
	if err != nil {
		panic(fmt.Sprintf("engine: a description cannot be decoded: %v", err))
	}
	return copied
}

func decodeTable(data []byte) (*Table, error) {
	t := new(Table)
	if err := json.Unmarshal(data, t); err != nil {
		return nil, err
	}
	t.prepare()
	return t, nil
}

// baseItems is the collection of a table's items; see firstIndex for the others.
const baseItems storage.Collection = 0
