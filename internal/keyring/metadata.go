package keyring

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sealtable/sealtable/internal/auth/policy"
)

// Metadata is what is known of a key at one moment, without its material. It is immutable: a change makes
// another one, so that who holds one may read it without a lock. Its JSON is what the catalog keeps of a key.
type Metadata struct {
	Format       int       `json:"format"`
	Scope        Scope     `json:"scope"`
	ID           string    `json:"id"`
	Created      time.Time `json:"created"`
	Description  string    `json:"description,omitempty"`
	Spec         Spec      `json:"spec"`
	Usage        Usage     `json:"usage"`
	Origin       Origin    `json:"origin"`
	Manager      Manager   `json:"manager"`
	State        State     `json:"state"`
	DeletionDate time.Time `json:"deletionDate,omitzero"` // while pending deletion
	// PendingWindow is the window of a deletion that waits for the last replica, in days.
	PendingWindow int          `json:"pendingWindow,omitempty"`
	MultiRegion   *MultiRegion `json:"multiRegion,omitempty"` // nil for a single-Region key
	Policy        string       `json:"policy"`
	Tags          []Tag        `json:"tags,omitempty"` // by key
	Rotation      Rotation     `json:"rotation,omitzero"`
	Versions      []Version    `json:"versions"` // oldest first; the last one is used
	// imported material that the key is to be rotated to
	Pending *Version `json:"pending,omitempty"`

	arn      string
	compiled *policy.Policy
	backing  []*backingKey // one for each of Versions
	revision uint64
	stored   State // what State is otherwise, while it is one that is never written down
}

// MultiRegion places a key in its set of related keys, by their Regions. It is immutable.
type MultiRegion struct {
	Primary  string   `json:"primary"`
	Replicas []string `json:"replicas,omitempty"` // sorted
}

// Tag is a label on a key.
type Tag struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// Rotation is the automatic rotation of a key.
type Rotation struct {
	Enabled bool      `json:"enabled,omitempty"`
	Period  int       `json:"period,omitempty"` // days
	Next    time.Time `json:"next,omitzero"`
}

// RotationType says what made a version of a key. The first version of a key has none.
type RotationType string

// The kinds of rotation.
const (
	Automatic RotationType = "AUTOMATIC"
	OnDemand  RotationType = "ON_DEMAND"
)

// Version is one backing key of a key.
type Version struct {
	MaterialID string       `json:"materialId"` // 64 hexadecimal digits
	Created    time.Time    `json:"created"`
	Type       RotationType `json:"type,omitempty"`
	Public     []byte       `json:"public,omitempty"` // of a key pair: its SubjectPublicKeyInfo in DER
	// Import is on what terms the material was imported, while it is here; Description is what its owner said
	// of it.
	Import      *Imported `json:"import,omitempty"`
	Description string    `json:"description,omitempty"`
}

// metadataFormat is the version of Metadata's JSON.
const metadataFormat = 1

// ARN is the ARN of the key.
func (m *Metadata) ARN() string { return m.arn }

// Compiled is the key's policy, ready to be evaluated. It is nil for a key of the installation.
func (m *Metadata) Compiled() *policy.Policy { return m.compiled }

// Revision grows with every change of the key: a decision that was made on one revision holds for that
// revision.
func (m *Metadata) Revision() uint64 { return m.revision }

// CurrentMaterial is the id of the material that is used now, "" where there is none.
func (m *Metadata) CurrentMaterial() string {
	if len(m.Versions) == 0 {
		return ""
	}
	return m.Versions[len(m.Versions)-1].MaterialID
}

// newest is the backing key that is used now. A key that may be used has one.
func (m *Metadata) newest() *backingKey { return m.backing[len(m.backing)-1] }

func (m *Metadata) newestPublic() []byte { return m.Versions[len(m.Versions)-1].Public }

// TagValue is the value of a tag.
func (m *Metadata) TagValue(key string) (string, bool) {
	i, found := slices.BinarySearchFunc(m.Tags, key, func(t Tag, k string) int {
		return strings.Compare(t.Key, k)
	})
	if !found {
		return "", false
	}
	return m.Tags[i].Value, true
}

// due is when the key next changes by itself; the zero time means never. A key that is no more never does:
// what it was still to lose went with it.
func (m *Metadata) due() (next time.Time) {
	if m.State == Erased {
		return next
	}
	for _, at := range [...]time.Time{m.erasureDue(), m.expiryDue(), m.rotationDue()} {
		if next.IsZero() || !at.IsZero() && at.Before(next) {
			next = at
		}
	}
	return next
}

func (m *Metadata) erasureDue() time.Time {
	if m.State != PendingDeletion {
		return time.Time{}
	}
	return m.DeletionDate
}

func (m *Metadata) expiryDue() (next time.Time) {
	if m.Origin != OriginExternal {
		return next
	}
	for _, v := range m.Held() {
		next = earlier(next, v.Import.ValidTo)
	}
	return next
}

func (m *Metadata) rotationDue() time.Time {
	if m.State != Enabled || !m.Rotation.Enabled || !m.Leads() {
		return time.Time{}
	}
	return m.Rotation.Next
}

func (m *Metadata) onDemandRotations() int {
	n := 0
	for _, v := range m.Versions {
		if v.Type == OnDemand {
			n++
		}
	}
	return n
}

// Owned reports whether this is a key of the installation, which no API shows.
func (m *Metadata) Owned() bool { return m.Manager == ownedByInstallation }

func (m *Metadata) recordName() string {
	kind := "key"
	if m.Manager == ownedByInstallation {
		kind = "owned"
	}
	return recordName(kind, m.Scope, m.ID)
}

func (m *Metadata) record() (Change, error) {
	kept := *m
	if kept.State.passing() {
		kept.State = kept.stored
	}
	data, err := json.Marshal(&kept)
	if err != nil {
		return Change{}, fmt.Errorf("encode the record of key %s: %w", m.ID, err)
	}
	return Change{Name: m.recordName(), Data: data}, nil
}

func decodeMetadata(data []byte) (*Metadata, error) {
	m := new(Metadata)
	if err := json.Unmarshal(data, m); err != nil {
		return nil, err
	}
	switch {
	case m.Format != metadataFormat:
		return nil, fmt.Errorf("its format is %d, this program reads %d: use a newer program", m.Format,
			metadataFormat)
	case !wellFormed(m.ID) || len(m.Versions) == 0 && m.HasMaterial():
		return nil, errors.New("it names no key or no version")
	case slices.ContainsFunc(m.known(), func(v Version) bool {
		return len(v.MaterialID) != 64 || !isHex(v.MaterialID)
	}):
		return nil, errors.New("the id of its material is malformed")
	case !m.Spec.fits(m.Usage):
		return nil, fmt.Errorf("its usage %s is none of keys of KeySpec %s", m.Usage, m.Spec)
	}
	m.arn = m.Scope.KeyARN(m.ID)
	return m, nil
}

// recordName is the name of a record: kind, account, Region and the name within them, which may hold further
// slashes.
func recordName(kind string, s Scope, name string) string {
	return kind + "/" + s.Account + "/" + s.Region + "/" + name
}

func splitRecordName(record string) (kind string, s Scope, name string, err error) {
	parts := strings.SplitN(record, "/", 4)
	if len(parts) != 4 {
		return "", s, "", fmt.Errorf("record %q has no name that this program knows", record)
	}
	return parts[0], Scope{Account: parts[1], Region: parts[2]}, parts[3], nil
}
