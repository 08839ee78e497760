// Package viakms is the key service as custody uses it: for keys that people can see through the operations
// that they would call themselves (P10), for the installation's own keys directly.
//
// Callers may rely on this: what a caller may not do with a key itself, the database does not do for it
// either; and every use of a key that people can see is in the trail, under the principal that used it.
package viakms

import (
	"context"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sealtable/sealtable/internal/api"
	"github.com/sealtable/sealtable/internal/api/kmsapi"
	"github.com/sealtable/sealtable/internal/arn"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/custody"
	"github.com/sealtable/sealtable/internal/keyring"
	"github.com/sealtable/sealtable/internal/service/kms"
	"github.com/sealtable/sealtable/internal/storage"
)

// Keys implements custody.KeyService.
type Keys struct {
	kms  *kms.Service
	keys *keyring.Keyring
}

var _ custody.KeyService = (*Keys)(nil)

// New returns the keys of a keyring, as the service on it gives them.
func New(service *kms.Service, keys *keyring.Keyring) *Keys { return &Keys{kms: service, keys: keys} }

func scopeOf(account, region string) keyring.Scope {
	return keyring.Scope{Account: account, Region: region}
}

// Owned implements custody.KeyService.
func (k *Keys) Owned(ctx context.Context, account, region string) (custody.Key, error) {
	key, err := k.keys.Owned(ctx, scopeOf(account, region))
	if err != nil {
		return custody.Key{}, err
	}
	return custody.Key{Kind: custody.AWSOwned, ARN: key.ARN()}, nil
}

// Managed implements custody.KeyService.
func (k *Keys) Managed(ctx context.Context, account, region string) (custody.Key, error) {
	key, err := k.keys.Managed(ctx, scopeOf(account, region), "dynamodb")
	if err != nil {
		return custody.Key{}, err
	}
	return custody.Key{Kind: custody.AWSManaged, ARN: key.ARN()}, nil
}

// Describe implements custody.KeyService.
func (k *Keys) Describe(ctx context.Context, caller *auth.Caller, keyID string) (custody.Key, error) {
	described, err := k.kms.DescribeKey.Call(ctx, caller, &kmsapi.DescribeKeyRequest{KeyId: &keyID})
	if err != nil {
		return custody.Key{}, err
	}
	kind := custody.CustomerManaged
	if m := described.KeyMetadata; m.KeyManager != nil && *m.KeyManager == "AWS" {
		kind = custody.AWSManaged
	}
	found := custody.Key{Kind: kind, ARN: *described.KeyMetadata.Arn}
	return found, k.Usable(ctx, found)
}

// grantedOperations are what the database holds grants for, and what a caller needs who puts a table under a
// key, besides kms:CreateGrant ("DynamoDB encryption at rest: usage notes", "Authorizing use of your KMS
// keys").
func grantedOperations() []string {
	return []string{"Decrypt", "Encrypt", "GenerateDataKey", "ReEncryptFrom", "ReEncryptTo", "RetireGrant",
		"DescribeKey"}
}

func neededOperations() []keyring.Operation {
	return []keyring.Operation{"Encrypt", "Decrypt", "ReEncryptFrom", "ReEncryptTo", "GenerateDataKey"}
}

// Generate implements custody.KeyService. The caller grants the database the use of the key, and has to be
// let by the key's policy to do what the database does from then on; the database makes the table key itself,
// by what it was granted.
func (k *Keys) Generate(
	ctx context.Context, caller *auth.Caller, s *custody.Subject, key custody.Key,
) (custody.TableKey, error) {
	if key.Kind == custody.AWSOwned {
		return k.generateOwned(ctx, key, s.EncryptionContext())
	}
	granted, err := k.grant(ctx, caller, s, key)
	if err != nil {
		return custody.TableKey{}, err
	}
	made, err := k.generate(ctx, s, key)
	if err != nil {
		k.withdraw(ctx, key, granted)
	}
	return made, err
}

func (k *Keys) grant(
	ctx context.Context, caller *auth.Caller, s *custody.Subject, key custody.Key,
) (*kmsapi.CreateGrantResponse, error) {
	name, encryption := grantName(s.ID), s.EncryptionContext()
	found, err := k.find(ctx, key)
	if err != nil {
		return nil, worded(err)
	}
	if err := k.kms.Permit(ctx, caller, found, encryption, neededOperations()...); err != nil {
		return nil, err
	}
	return k.kms.CreateGrant.Call(ctx, caller, &kmsapi.CreateGrantRequest{
		KeyId: new(key.ARN), Name: &name, GranteePrincipal: &caller.Via, RetiringPrincipal: &caller.Via,
		Operations:  grantedOperations(),
		Constraints: &kmsapi.GrantConstraints{EncryptionContextSubset: encryption},
	})
}

func (k *Keys) generate(
	ctx context.Context, s *custody.Subject, key custody.Key,
) (custody.TableKey, error) {
	spec, database := "AES_256", custody.Database(s.Account, s.Region)
	made, err := k.kms.GenerateDataKey.Call(ctx, database.For(database.ARN), &kmsapi.GenerateDataKeyRequest{
		KeyId: new(key.ARN), KeySpec: &spec, EncryptionContext: s.EncryptionContext(),
	})
	if err != nil {
		return custody.TableKey{}, err
	}
	return custody.TableKey{KeyARN: *made.KeyId, Plaintext: made.Plaintext,
		Ciphertext: made.CiphertextBlob}, nil
}

// withdraw takes back a grant that came to nothing. One that cannot be taken back lets nobody but the
// database use the key, for a table that there is not; the next sweep finds it.
func (k *Keys) withdraw(ctx context.Context, key custody.Key, granted *kmsapi.CreateGrantResponse) {
	if found, err := k.find(ctx, key); err == nil {
		_ = k.keys.DeleteGrant(context.WithoutCancel(ctx), found, *granted.GrantId)
	}
}

func (k *Keys) generateOwned(
	ctx context.Context, key custody.Key, encryption map[string]string,
) (custody.TableKey, error) {
	owned, err := k.owned(ctx, key)
	if err != nil {
		return custody.TableKey{}, err
	}
	plaintext, sealed, err := k.keys.DataKey(owned, "GenerateDataKey", 32, encryption)
	if err != nil {
		return custody.TableKey{}, err
	}
	return custody.TableKey{KeyARN: owned.ARN(), Plaintext: plaintext, Ciphertext: sealed.Blob}, nil
}

// Decrypt implements custody.KeyService.
func (k *Keys) Decrypt(
	ctx context.Context, caller *auth.Caller, key custody.Key, ciphertext []byte,
	encryption map[string]string,
) ([]byte, error) {
	if key.Kind == custody.AWSOwned {
		owned, err := k.owned(ctx, key)
		if err != nil {
			return nil, err
		}
		opened, err := k.keys.Decrypt(owned, ciphertext, encryption)
		return opened.Plaintext, err
	}
	opened, err := k.kms.Decrypt.Call(ctx, caller,
		&kmsapi.DecryptRequest{CiphertextBlob: ciphertext, EncryptionContext: maps.Clone(encryption)})
	if _, gone := k.find(ctx, key); err != nil && keyring.KindOf(gone) == keyring.NotFound {
		// the key was deleted, and its ciphertexts with it
		return nil, worded(keyring.CiphertextNotWithinReach())
	}
	if err != nil {
		return nil, err
	}
	return opened.Plaintext, nil
}

// Release implements custody.KeyService. The database retires its grants itself, as their retiring principal.
func (k *Keys) Release(ctx context.Context, key custody.Key, id storage.TableID) error {
	found, err := k.find(ctx, key)
	if keyring.KindOf(err) == keyring.NotFound {
		return nil
	}
	if err != nil {
		return err
	}
	for _, grant := range grantsOf(found, id) {
		database := custody.Database(grant.Issuer, found.Scope().Region)
		_, err := k.kms.RetireGrant.Call(ctx, database.For(database.ARN),
			&kmsapi.RetireGrantRequest{KeyId: new(found.ARN()), GrantId: &grant.ID})
		if _, gone := found.Grant(grant.ID); err != nil && gone == nil {
			return err
		}
	}
	return nil
}

// Holdings implements custody.KeyService.
func (k *Keys) Holdings() (held []custody.Holding) {
	k.keys.EachGrant(func(key *keyring.Key, g *keyring.Grant) {
		if id, ok := grantedFor(g); ok && g.Grantee == custody.Via(key.Scope().Region) {
			held = append(held, custody.Holding{ID: id, KeyARN: key.ARN()})
		}
	})
	return held
}

// grantsOf is what the database holds on a key for one table.
func grantsOf(key *keyring.Key, id storage.TableID) []*keyring.Grant {
	return key.GrantsOf(custody.Via(key.Scope().Region), grantName(id))
}

// grantName is the name of the grant that the database holds on a key for one table.
func grantName(id storage.TableID) string {
	return fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
}

// grantedFor is grantName's inverse.
func grantedFor(g *keyring.Grant) (id storage.TableID, ok bool) {
	decoded, err := hex.DecodeString(strings.ReplaceAll(g.Name, "-", ""))
	if err != nil || len(decoded) != len(id) {
		return id, false
	}
	copy(id[:], decoded)
	return id, grantName(id) == g.Name
}

// Usable implements custody.KeyService. Errors are worded as the key service words them.
func (k *Keys) Usable(ctx context.Context, key custody.Key) error {
	found, err := k.find(ctx, key)
	if err == nil {
		err = k.keys.Try(found, "Decrypt")
	}
	return worded(err)
}

// Granted implements custody.KeyService. Without its grant the database is told what anybody is told who may
// not open a ciphertext; with it, the key's policy may still deny.
func (k *Keys) Granted(ctx context.Context, s *custody.Subject, key custody.Key) error {
	if key.Kind == custody.AWSOwned {
		return nil
	}
	found, err := k.find(ctx, key)
	if err == nil && !slices.ContainsFunc(grantsOf(found, s.ID), maintains) {
		err = keyring.CiphertextNotWithinReach()
	}
	if err != nil {
		return worded(err)
	}
	database := custody.Database(s.Account, s.Region)
	return k.kms.Permit(ctx, database.For(database.ARN), found, s.EncryptionContext(), "Decrypt")
}

// maintains reports whether a grant lets the database open a table's key.
func maintains(g *keyring.Grant) bool { return slices.Contains(g.Operations, "Decrypt") }

func worded(err error) error {
	if kind := keyring.KindOf(err); err != nil && kind != 0 {
		return &api.Error{Code: kms.Exception(kind), Message: err.Error(), Cause: err}
	}
	return err
}

// find is the key that a table is under.
func (k *Keys) find(ctx context.Context, key custody.Key) (*keyring.Key, error) {
	if key.Kind == custody.AWSOwned {
		return k.owned(ctx, key)
	}
	a, ok := arn.Parse(key.ARN)
	if !ok {
		return nil, fmt.Errorf("%q is not the ARN of a key", key.ARN)
	}
	return k.keys.Resolve(scopeOf(a.Account, a.Region), key.ARN, keyring.KeyOnly)
}

func (k *Keys) owned(ctx context.Context, key custody.Key) (*keyring.Key, error) {
	a, ok := arn.Parse(key.ARN)
	if !ok {
		return nil, fmt.Errorf("%q is not the ARN of a key", key.ARN)
	}
	owned, err := k.keys.Owned(ctx, scopeOf(a.Account, a.Region))
	if err == nil && owned.ARN() != key.ARN {
		return nil, fmt.Errorf("the table is under %s, which this installation does not have", key.ARN)
	}
	return owned, err
}
