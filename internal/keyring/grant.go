package keyring

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// maxGrants is how many grants a key may have ("Resource quotas" in the AWS KMS Developer Guide).
const maxGrants = 50_000

// Grant lets a principal use a key for some operations. It is immutable. Its JSON is what the catalog keeps
// of it.
type Grant struct {
	Scope      Scope       `json:"scope"`
	KeyID      string      `json:"keyId"`
	ID         string      `json:"id"` // 64 hexadecimal digits
	Name       string      `json:"name,omitempty"`
	Grantee    string      `json:"grantee"`
	Retiring   string      `json:"retiring,omitempty"`
	Operations []Operation `json:"operations"`
	Equals     Context     `json:"equals,omitempty"` // at most one of Equals and Subset is given
	Subset     Context     `json:"subset,omitempty"`
	Issuer     string      `json:"issuer"` // account
	Created    time.Time   `json:"created"`
}

func (g *Grant) recordName() string { return recordName("grant", g.Scope, g.KeyID+"/"+g.ID) }

// CreateGrant puts a grant on a key; of g it takes what the caller chooses. With a name, an equal grant that
// is there already is given back under a new token.
func (k *Keyring) CreateGrant(
	ctx context.Context, key *Key, g Grant,
) (grant *Grant, token string, err error) {
	r := k.region(key.scope)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := key.CheckGrant(&g); err != nil {
		return nil, "", err
	}
	g.Scope = key.scope
	g.KeyID = key.id
	g.Created = k.config.Clock.Now().Truncate(time.Millisecond)
	if existing := key.grants.named(&g); existing != nil {
		return existing, newGrantToken(existing), nil
	}
	var id [32]byte
	_, _ = rand.Read(id[:]) // never fails: the process ends instead
	g.ID = hex.EncodeToString(id[:])
	data, err := json.Marshal(&g)
	if err != nil {
		return nil, "", fmt.Errorf("encode a grant of key %s: %w", key.id, err)
	}
	if err := k.config.Records.Write(ctx, Change{Name: g.recordName(), Data: data}); err != nil {
		return nil, "", fmt.Errorf("write a grant of key %s: %w", key.id, err)
	}
	key.grants.add(&g)
	k.touch(key)
	return &g, newGrantToken(&g), nil
}

// touch shows that something about the key changed that is not in its metadata.
func (k *Keyring) touch(key *Key) {
	m := *key.Metadata()
	k.show(key, &m)
}

// CheckGrant says whether the key may get such a grant.
func (k *Key) CheckGrant(g *Grant) error {
	m := k.Metadata()
	if err := m.Permits("CreateGrant"); err != nil {
		return err
	}
	if len(g.Operations) == 0 {
		return fail(Invalid, "A grant names at least one operation.")
	}
	for _, op := range g.Operations {
		if !slices.Contains(m.grantOperations(), op) {
			return fail(Invalid, "Operation %s is not valid for a key of KeySpec %s and KeyUsage %s.", op,
				m.Spec, m.Usage)
		}
	}
	if m.Spec != Symmetric && len(g.Equals)+len(g.Subset) > 0 {
		return fail(Invalid, "EncryptionContext is supported only when creating a grant for a symmetric "+
			"encryption KMS key.")
	}
	if len(g.Equals) > 0 && len(g.Subset) > 0 {
		return fail(Invalid, "A grant has EncryptionContextEquals or EncryptionContextSubset, not both.")
	}
	if err := checkConstraint(g.Equals); err != nil {
		return err
	}
	if err := checkConstraint(g.Subset); err != nil {
		return err
	}
	if k.grants.len() >= maxGrants {
		return fail(LimitExceeded, "%s has reached the quota of %d grants.", k.arn, maxGrants)
	}
	return nil
}

// The most that a constraint of a grant may hold ("Grant constraints" in the AWS KMS Developer Guide).
const (
	maxConstraintPairs = 8
	maxConstraintValue = 384 // characters
)

func checkConstraint(pairs Context) error {
	if len(pairs) > maxConstraintPairs {
		return fail(Invalid, "A grant constraint can have at most %d encryption context pairs.",
			maxConstraintPairs)
	}
	for name, value := range pairs {
		if utf8.RuneCountInString(value) > maxConstraintValue {
			return fail(Invalid, "The value of encryption context pair %s in a grant constraint can have "+
				"at most %d characters.", name,
				maxConstraintValue)
		}
	}
	return nil
}

// grantOperations are what a grant on the key may name ("Grant operations" in the AWS KMS Developer Guide).
func (m *Metadata) grantOperations() []Operation {
	all := []Operation{"CreateGrant", "RetireGrant", "DescribeKey"}
	if m.Spec.asymmetric() {
		all = append(all, "GetPublicKey")
	}
	switch m.Usage {
	case SignVerify:
		return append(all, "Sign", "Verify")
	case GenerateMAC:
		return append(all, "GenerateMac", "VerifyMac")
	case KeyAgreement:
		return append(all, "DeriveSharedSecret")
	}
	all = append(all, "Decrypt", "Encrypt", "ReEncryptFrom", "ReEncryptTo")
	if m.Spec == Symmetric {
		all = append(all, "GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "GenerateDataKeyPair",
			"GenerateDataKeyPairWithoutPlaintext")
	}
	return all
}

// DeleteGrant ends a grant: what RevokeGrant and RetireGrant have in common.
func (k *Keyring) DeleteGrant(ctx context.Context, key *Key, id string) error {
	r := k.region(key.scope)
	r.mu.Lock()
	defer r.mu.Unlock()
	g, err := key.Grant(id)
	if err != nil {
		return err
	}
	if err := k.config.Records.Write(ctx, Change{Name: g.recordName()}); err != nil {
		return fmt.Errorf("delete grant %s: %w", id, err)
	}
	key.grants.remove(g)
	k.touch(key)
	return nil
}

// Grant finds a grant of the key.
func (k *Key) Grant(id string) (*Grant, error) {
	if g := k.grants.get(id); g != nil {
		return g, nil
	}
	return nil, fail(NotFound, "Grant ID %s not found", id)
}

// Grants is a page of the key's grants by id, those that keep says, and whether there are more.
func (k *Key) Grants(after string, limit int, keep func(*Grant) bool) (page []*Grant, more bool) {
	return pageGrants(k.grants.all(), after, limit, keep)
}

// GrantsOf is the grants that a grantee holds under a name.
func (k *Key) GrantsOf(grantee, name string) []*Grant { return k.grants.of(grantee, name) }

// EachGrant visits the grants of all keys, in no order.
func (k *Keyring) EachGrant(visit func(*Key, *Grant)) {
	k.regions.each(func(_ Scope, r *region) {
		r.keys.each(func(_ string, key *Key) {
			for _, g := range key.grants.all() {
				visit(key, g)
			}
		})
	})
}

// RetirableGrants is a page of the grants in scope that the principal may retire because they name it, by id.
func (k *Keyring) RetirableGrants(
	scope Scope, principal, after string, limit int,
) (page []*Grant, more bool) {
	var all []*Grant
	k.region(scope).keys.each(func(_ string, key *Key) { all = append(all, key.grants.all()...) })
	slices.SortFunc(all, func(a, b *Grant) int { return strings.Compare(a.ID, b.ID) })
	return pageGrants(all, after, limit, func(g *Grant) bool { return g.Retiring == principal })
}

func pageGrants(sorted []*Grant, after string, limit int, keep func(*Grant) bool) (page []*Grant, more bool) {
	for _, g := range sorted {
		if g.ID <= after || !keep(g) {
			continue
		}
		if len(page) == limit {
			return page, true
		}
		page = append(page, g)
	}
	return page, false
}

// Granted says whether a grant of the key lets one of these names of a principal run op with this encryption
// context.
func (k *Key) Granted(principals []string, op Operation, context Context) bool {
	return k.grants.some(principals, func(g *Grant) bool {
		return slices.Contains(g.Operations, op) && (!constrained(op) || g.admits(context))
	})
}

// GrantedGrant says whether a grant of the key lets the principal put child on it: no more operations than
// its own, and constraints as strict or stricter ("Grants in AWS KMS" in the AWS KMS Developer Guide).
func (k *Key) GrantedGrant(principals []string, child *Grant) bool {
	return k.grants.some(principals, func(g *Grant) bool {
		if !slices.Contains(g.Operations, "CreateGrant") || !g.covers(child) {
			return false
		}
		return !slices.ContainsFunc(child.Operations, func(op Operation) bool {
			return !slices.Contains(g.Operations, op)
		})
	})
}

// constrained says whether the constraints of grants bear on op: they do on operations that have an
// encryption context.
func constrained(op Operation) bool {
	return op != "DescribeKey" && op != "RetireGrant" && op != "CreateGrant"
}

func (g *Grant) admits(context Context) bool {
	if len(g.Equals) > 0 {
		return maps.Equal(g.Equals, context)
	}
	return contains(context, g.Subset)
}

// covers says whether child's constraints are as strict as g's, or stricter.
func (g *Grant) covers(child *Grant) bool {
	switch {
	case len(g.Equals) > 0:
		return maps.Equal(g.Equals, child.Equals)
	case len(child.Equals) > 0:
		return contains(child.Equals, g.Subset)
	}
	return contains(child.Subset, g.Subset)
}

func contains(whole, part Context) bool {
	for name, value := range part {
		if has, ok := whole[name]; !ok || has != value {
			return false
		}
	}
	return true
}

const grantTokenPrefix = "sealtable-grant-1"

// newGrantToken names a grant. It is not a secret: retiring asks who the caller is, and grants take effect at
// once.
func newGrantToken(g *Grant) string {
	var salt [16]byte
	_, _ = rand.Read(salt[:])
	b := appendField(nil, grantTokenPrefix)
	for _, field := range []string{g.Scope.Account, g.Scope.Region, g.KeyID, g.ID, string(salt[:])} {
		b = appendField(b, field)
	}
	return base64.StdEncoding.EncodeToString(b)
}

// GrantOf finds key and grant that a token names.
func (k *Keyring) GrantOf(token string) (*Key, *Grant, error) {
	data, err := base64.StdEncoding.DecodeString(token)
	if err != nil {
		return nil, nil, badToken()
	}
	r := fieldReader{rest: data}
	var fields [6]string
	for i := range fields {
		fields[i] = string(r.take(int(r.number(4))))
	}
	if r.short || len(r.rest) > 0 || fields[0] != grantTokenPrefix {
		return nil, nil, badToken()
	}
	key, err := k.resolveID(Scope{Account: fields[1], Region: fields[2]}, fields[3])
	if err != nil {
		return nil, nil, badToken()
	}
	g, err := key.Grant(fields[4])
	if err != nil {
		return nil, nil, badToken()
	}
	return key, g, nil
}

func badToken() error { return fail(BadGrantToken, "Invalid grant token.") }
