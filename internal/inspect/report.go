package inspect

import (
	"time"

	"github.com/sealtable/sealtable/internal/storage"
)

// Verdict is what an inspection comes to.
type Verdict string

const (
	// Authentic says that every byte is accounted for, and authentic where it counts.
	Authentic Verdict = "authentic"
	// Wrong says that something is not as this installation wrote it, or is missing, or could not be
	// authenticated.
	Wrong Verdict = "wrong"
	// Sealed says that there was no root key, so that nothing could be read.
	Sealed Verdict = "sealed"
)

// Status is what was found of one file.
type Status string

const (
	// IsAuthentic says that every byte that is ever read was authenticated.
	IsAuthentic Status = "authentic"
	// IsUnused says that the file is never read: one kept for reuse, or the remainder of something that was
	// cut short.
	IsUnused Status = "unused"
	// IsSealed says that the file could not be opened because a key is missing.
	IsSealed Status = "sealed"
	// IsWrong says that the file is not what was written there, does not belong there, or is missing.
	IsWrong Status = "wrong"
)

// Report is the outcome of an inspection. Its JSON is the format of `sealtable inspect --json`;
// docs/inspect.md describes it.
type Report struct {
	Directory    string    `json:"directory"`
	Installation string    `json:"installation,omitempty"` // as the directory says
	Verdict      Verdict   `json:"verdict"`
	Reason       string    `json:"reason,omitempty"` // why there is no root key
	RootKey      *RootKey  `json:"rootKey,omitempty"`
	KMSKeys      []KMSKey  `json:"kmsKeys"`
	Tables       []Table   `json:"tables"`
	Files        []File    `json:"files"`
	Problems     []Problem `json:"problems"`
	Summary      Summary   `json:"summary"`
}

// RootKey is the key at the top.
type RootKey struct {
	Keyring  string        `json:"keyring"` // path of the file
	Seal     string        `json:"seal"`
	Versions []RootVersion `json:"versions"` // oldest first; the last one wraps
}

// RootVersion is one version of the root key.
type RootVersion struct {
	Version uint32    `json:"version"`
	ID      string    `json:"id"` // gives nothing away of the key
	Created time.Time `json:"created"`
}

// KMSKey is a key of the key service whose material is in the directory, or should be.
type KMSKey struct {
	ID string `json:"id"`
	// several for a multi-Region key; none when the catalog could not be read
	ARNs     []string     `json:"arns,omitempty"`
	Manager  string       `json:"manager,omitempty"` // CUSTOMER, AWS or OWNED, from the catalog
	State    string       `json:"state,omitempty"`   // from the catalog
	Versions []KMSVersion `json:"versions"`
}

// KMSVersion is one backing key, made by a rotation.
type KMSVersion struct {
	Version        int       `json:"version"` // from 1
	MaterialID     string    `json:"materialId"`
	Created        time.Time `json:"created"`
	RootKeyVersion uint32    `json:"rootKeyVersion"` // of the root key that wraps it
}

// Table is what the directory holds of one table.
type Table struct {
	ID     string `json:"id"`
	Name   string `json:"name,omitempty"`
	ARN    string `json:"arn,omitempty"`
	System bool   `json:"system,omitempty"` // the installation's own
	// Listed says that the catalog lists the table. One that it does not list is the remainder of a deletion
	// or a creation.
	Listed bool `json:"listed"`
	// AWS_OWNED, AWS_MANAGED or CUSTOMER_MANAGED, from the catalog
	Encryption  string `json:"encryption,omitempty"`
	KMSKey      string `json:"kmsKey,omitempty"` // ARN
	KMSKeyState string `json:"kmsKeyState,omitempty"`
	// of the backing key that wraps the table key
	KMSKeyVersion int             `json:"kmsKeyVersion,omitempty"`
	RootVersion   uint32          `json:"rootKeyVersion,omitempty"`
	TableKey      uint32          `json:"tableKey,omitempty"` // counts the table keys that the table had
	DataKeys      []storage.Epoch `json:"dataKeys,omitempty"`
	ChangingTo    string          `json:"changingTo,omitempty"` // ARN, while a change of key is not finished
	Files         int             `json:"files"`
	Bytes         int64           `json:"bytes"`
	Opened        bool            `json:"opened"` // its data keys were unwrapped, along the whole chain

	key   storage.TableID
	keyID string
	chain []string
}

// File is one file of the directory.
type File struct {
	Path      string        `json:"path"` // within the directory
	Kind      string        `json:"kind"`
	Table     string        `json:"table,omitempty"` // id
	TableName string        `json:"tableName,omitempty"`
	Bytes     int64         `json:"bytes"`
	Algorithm string        `json:"algorithm"`
	DataKey   storage.Epoch `json:"dataKey,omitempty"`
	Keys      []string      `json:"keys"` // the chain, from the root downwards
	Status    Status        `json:"status"`
	Detail    string        `json:"detail,omitempty"`
}

// Problem is something wrong, with the file that it is about. A missing file has a problem and no File.
type Problem struct {
	Path string `json:"path"`
	What string `json:"what"`
}

// Summary counts.
type Summary struct {
	Files    int   `json:"files"`
	Bytes    int64 `json:"bytes"`
	Tables   int   `json:"tables"` // without the installation's own
	Problems int   `json:"problems"`
	Sealed   int   `json:"sealed"` // files that could not be opened
}
