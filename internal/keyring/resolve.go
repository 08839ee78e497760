package keyring

import (
	"strings"

	"github.com/sealtable/sealtable/internal/arn"
)

// Forms says which identifiers an operation accepts.
type Forms uint8

// Operations that use a key or describe it accept its aliases; those that manage it do not.
const (
	KeyOnly Forms = iota
	KeyOrAlias
)

// Resolve finds the key that id names for a caller in scope: a key id, a key ARN, and where forms allows it
// an alias name or an alias ARN. An ARN may name another account, never another Region.
func (k *Keyring) Resolve(scope Scope, id string, forms Forms) (*Key, error) {
	if strings.HasPrefix(id, "arn:") {
		return k.resolveARN(scope, id, forms)
	}
	if strings.HasPrefix(id, aliasPrefix) && forms == KeyOrAlias {
		return k.resolveAlias(scope, id)
	}
	return k.resolveID(scope, id)
}

func (k *Keyring) resolveARN(scope Scope, id string, forms Forms) (*Key, error) {
	a, ok := arn.Parse(id)
	if !ok || a.Service != "kms" || a.Partition != arn.Partition {
		return nil, fail(InvalidARN, "Invalid arn %s", id)
	}
	if a.Region != scope.Region {
		return nil, fail(BadID, "Invalid arn %s", a.Region)
	}
	owner := Scope{Account: a.Account, Region: a.Region}
	if name, ok := a.Child("key"); ok {
		return k.resolveID(owner, name)
	}
	if _, ok := a.Child("alias"); ok && forms == KeyOrAlias {
		return k.resolveAlias(owner, a.Resource)
	}
	return nil, fail(InvalidARN, "Invalid arn %s", id)
}

func (k *Keyring) resolveID(scope Scope, id string) (*Key, error) {
	if !wellFormed(id) {
		return nil, fail(BadID, "Invalid keyId '%s'", id)
	}
	if r, ok := k.regions.load(scope); ok {
		if key, ok := r.keys.load(id); ok {
			return key, nil
		}
	}
	return nil, keyMissing(scope.KeyARN(id))
}

func (k *Keyring) resolveAlias(scope Scope, name string) (*Key, error) {
	if r, ok := k.regions.load(scope); ok {
		if key, ok := r.byAlias(name); ok {
			return key, nil
		}
	}
	return nil, aliasMissing(scope, name)
}

// Named is the account of an identifier: its own where it is an ARN, the caller's otherwise.
func Named(scope Scope, id string) (account string) {
	if a, ok := arn.Parse(id); ok {
		return a.Account
	}
	return scope.Account
}

// KeyOf finds the key that made a ciphertext, for a caller in a Region. It authenticates nothing: Decrypt
// does, with the context.
func (k *Keyring) KeyOf(region string, blob []byte, context Context) (*Key, error) {
	info, ok := ReadBlob(blob)
	if !ok {
		return nil, invalidCiphertext()
	}
	b, ok := k.backing.load(info.Backing)
	if !ok {
		openNothing(blob, context)
		return nil, invalidCiphertext()
	}
	if r, ok := k.regions.load(Scope{Account: b.account, Region: region}); ok {
		if key, ok := r.keys.load(b.keyID); ok {
			return key, nil
		}
	}
	return nil, CiphertextNotWithinReach()
}

// CiphertextNotWithinReach is the answer for a ciphertext of a key that the caller cannot reach, whether
// there is one or not.
func CiphertextNotWithinReach() error {
	return fail(CiphertextAccess, "The ciphertext refers to a customer master key that does not exist, "+
		"does not exist in this "+
		"region, or you are not allowed to access.")
}
