package server

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/sealtable/sealtable/internal/api"
	"github.com/sealtable/sealtable/internal/api/kmsapi"
	"github.com/sealtable/sealtable/internal/arn"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/custody"
	"github.com/sealtable/sealtable/internal/engine"
	"github.com/sealtable/sealtable/internal/keyring"
	"github.com/sealtable/sealtable/internal/service/kms"
	"github.com/sealtable/sealtable/internal/storage"
)

// tableKeyService lets custody use the key service: for keys that people can see through the operations that
// they would call themselves (P10), for the installation's own keys directly.
type tableKeyService struct {
	kms  *kms.Service
	keys *keyring.Keyring
}

func scopeOf(account, region string) keyring.Scope {
	return keyring.Scope{Account: account, Region: region}
}

// Owned implements custody.KeyService.
func (s *tableKeyService) Owned(ctx context.Context, account, region string) (engine.Key, error) {
	key, err := s.keys.Owned(ctx, scopeOf(account, region))
	if err != nil {
		return engine.Key{}, err
	}
	return engine.Key{Kind: engine.AWSOwned, ARN: key.ARN()}, nil
}

// Managed implements custody.KeyService.
func (s *tableKeyService) Managed(ctx context.Context, account, region string) (engine.Key, error) {
	key, err := s.keys.Managed(ctx, scopeOf(account, region), "dynamodb")
	if err != nil {
		return engine.Key{}, err
	}
	return engine.Key{Kind: engine.AWSManaged, ARN: key.ARN()}, nil
}

// Describe implements custody.KeyService.
func (s *tableKeyService) Describe(
	ctx context.Context, caller *auth.Caller, keyID string,
) (engine.Key, error) {
	described, err := s.kms.DescribeKey.Call(ctx, caller, &kmsapi.DescribeKeyRequest{KeyId: &keyID})
	if err != nil {
		return engine.Key{}, err
	}
	kind := engine.CustomerManaged
	if m := described.KeyMetadata; m.KeyManager != nil && *m.KeyManager == "AWS" {
		kind = engine.AWSManaged
	}
	found := engine.Key{Kind: kind, ARN: *described.KeyMetadata.Arn}
	return found, s.Usable(ctx, found)
}

// grantedOperations are what the database holds grants for ("DynamoDB encryption at rest: usage notes").
func grantedOperations() []string {
	return []string{"Decrypt", "Encrypt", "GenerateDataKey", "ReEncryptFrom", "ReEncryptTo", "RetireGrant",
		"DescribeKey"}
}

// Generate implements custody.KeyService.
func (s *tableKeyService) Generate(
	ctx context.Context, caller *auth.Caller, key engine.Key, id storage.TableID,
	encryption map[string]string,
) (custody.TableKey, error) {
	if key.Kind == engine.AWSOwned {
		return s.generateOwned(ctx, key, encryption)
	}
	name := grantName(id)
	granted, err := s.kms.CreateGrant.Call(ctx, caller, &kmsapi.CreateGrantRequest{
		KeyId: new(key.ARN), Name: &name, GranteePrincipal: &caller.Via, RetiringPrincipal: &caller.Via,
		Operations:  grantedOperations(),
		Constraints: &kmsapi.GrantConstraints{EncryptionContextSubset: maps.Clone(encryption)},
	})
	if err != nil {
		return custody.TableKey{}, err
	}
	spec := "AES_256"
	made, err := s.kms.GenerateDataKey.Call(ctx, caller, &kmsapi.GenerateDataKeyRequest{
		KeyId: new(key.ARN), KeySpec: &spec, EncryptionContext: maps.Clone(encryption),
	})
	if err != nil {
		s.withdraw(ctx, key, *granted.GrantId)
		return custody.TableKey{}, err
	}
	return custody.TableKey{KeyARN: *made.KeyId, Plaintext: made.Plaintext,
		Ciphertext: made.CiphertextBlob}, nil
}

// withdraw takes back a grant that came to nothing. One that cannot be taken back lets nobody but the
// database use the key, for a table that there is not.
func (s *tableKeyService) withdraw(ctx context.Context, key engine.Key, grantID string) {
	if found, err := s.find(ctx, key); err == nil {
		_ = s.keys.DeleteGrant(context.WithoutCancel(ctx), found, grantID)
	}
}

func (s *tableKeyService) generateOwned(
	ctx context.Context, key engine.Key, encryption map[string]string,
) (custody.TableKey, error) {
	owned, err := s.owned(ctx, key)
	if err != nil {
		return custody.TableKey{}, err
	}
	plaintext, sealed, err := s.keys.DataKey(owned, "GenerateDataKey", 32, encryption)
	if err != nil {
		return custody.TableKey{}, err
	}
	return custody.TableKey{KeyARN: owned.ARN(), Plaintext: plaintext, Ciphertext: sealed.Blob}, nil
}

// Decrypt implements custody.KeyService.
func (s *tableKeyService) Decrypt(
	ctx context.Context, caller *auth.Caller, key engine.Key, ciphertext []byte, encryption map[string]string,
) ([]byte, error) {
	if key.Kind == engine.AWSOwned {
		owned, err := s.owned(ctx, key)
		if err != nil {
			return nil, err
		}
		opened, err := s.keys.Decrypt(owned, ciphertext, encryption)
		return opened.Plaintext, err
	}
	opened, err := s.kms.Decrypt.Call(ctx, caller,
		&kmsapi.DecryptRequest{CiphertextBlob: ciphertext, EncryptionContext: maps.Clone(encryption)})
	if err != nil {
		return nil, err
	}
	return opened.Plaintext, nil
}

// Release implements custody.KeyService.
func (s *tableKeyService) Release(ctx context.Context, key engine.Key, id storage.TableID) error {
	found, err := s.find(ctx, key)
	if keyring.KindOf(err) == keyring.NotFound {
		return nil
	}
	if err != nil {
		return err
	}
	for _, grant := range grantsOf(found, id) {
		if err := s.keys.DeleteGrant(ctx, found, grant.ID); err != nil {
			return err
		}
	}
	return nil
}

// grantsOf is what the database holds on a key for one table.
func grantsOf(key *keyring.Key, id storage.TableID) []*keyring.Grant {
	return key.GrantsOf(custody.Via(key.Scope().Region), grantName(id))
}

// grantName is the name of the grant that the database holds on a key for one table.
func grantName(id storage.TableID) string {
	return fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
}

// Usable implements custody.KeyService. Errors are worded as the key service words them.
func (s *tableKeyService) Usable(ctx context.Context, key engine.Key) error {
	found, err := s.find(ctx, key)
	if err == nil {
		err = s.keys.Try(found, "Decrypt")
	}
	return worded(err)
}

// Granted implements custody.KeyService. Without its grant the database is told what anybody is told who may
// not open a ciphertext.
func (s *tableKeyService) Granted(ctx context.Context, key engine.Key, id storage.TableID) error {
	if key.Kind == engine.AWSOwned {
		return nil
	}
	found, err := s.find(ctx, key)
	if err == nil && !slices.ContainsFunc(grantsOf(found, id), maintains) {
		err = keyring.CiphertextNotWithinReach()
	}
	return worded(err)
}

// maintains says whether a grant lets the database open a table's key.
func maintains(g *keyring.Grant) bool { return slices.Contains(g.Operations, "Decrypt") }

func worded(err error) error {
	if kind := keyring.KindOf(err); err != nil && kind != 0 {
		return &api.Error{Code: kms.Exception(kind), Message: err.Error(), Cause: err}
	}
	return err
}

// find is the key that a table is under.
func (s *tableKeyService) find(ctx context.Context, key engine.Key) (*keyring.Key, error) {
	if key.Kind == engine.AWSOwned {
		return s.owned(ctx, key)
	}
	a, ok := arn.Parse(key.ARN)
	if !ok {
		return nil, fmt.Errorf("%q is not the ARN of a key", key.ARN)
	}
	return s.keys.Resolve(scopeOf(a.Account, a.Region), key.ARN, keyring.KeyOnly)
}

func (s *tableKeyService) owned(ctx context.Context, key engine.Key) (*keyring.Key, error) {
	a, ok := arn.Parse(key.ARN)
	if !ok {
		return nil, fmt.Errorf("%q is not the ARN of a key", key.ARN)
	}
	owned, err := s.keys.Owned(ctx, scopeOf(a.Account, a.Region))
	if err == nil && owned.ARN() != key.ARN {
		return nil, fmt.Errorf("the table is under %s, which this installation does not have", key.ARN)
	}
	return owned, err
}
