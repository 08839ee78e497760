package kms

import (
	"context"
	"slices"

	"github.com/sealtable/sealtable/internal/api"
	"github.com/sealtable/sealtable/internal/api/kmsapi"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/keyring"
	"github.com/sealtable/sealtable/internal/service"
)

// The cryptographic operations.

func (s *Service) bindUse() []service.Bound {
	s.Encrypt = onKey(s, kmsapi.Encrypt(), keyRule[kmsapi.EncryptRequest]{
		id: func(in *kmsapi.EncryptRequest) *string { return in.KeyId }, aliases: true, abroad: true,
		grantable: true,
		check:     func(in *kmsapi.EncryptRequest) error { return s.checkTokens(in.GrantTokens) },
		describe: func(in *kmsapi.EncryptRequest, c *conditions, needs *auth.Needs) {
			c.describeUse(in.EncryptionContext, in.EncryptionAlgorithm, needs)
		},
	}, s.encrypt)
	s.GenerateDataKey = onKey(s, kmsapi.GenerateDataKey(), keyRule[kmsapi.GenerateDataKeyRequest]{
		id: func(in *kmsapi.GenerateDataKeyRequest) *string { return in.KeyId }, aliases: true,
		abroad: true, grantable: true,
		check: func(in *kmsapi.GenerateDataKeyRequest) error {
			return s.checkDataKey(in.KeySpec, in.NumberOfBytes, in.GrantTokens)
		},
		describe: func(in *kmsapi.GenerateDataKeyRequest, c *conditions, needs *auth.Needs) {
			c.describeDataKey(in.EncryptionContext, in.KeySpec, in.NumberOfBytes, needs)
		},
	}, s.generateDataKey).Without("Recipient")
	sealedOnly := onKey(s, kmsapi.GenerateDataKeyWithoutPlaintext(),
		keyRule[kmsapi.GenerateDataKeyWithoutPlaintextRequest]{
			id:      func(in *kmsapi.GenerateDataKeyWithoutPlaintextRequest) *string { return in.KeyId },
			aliases: true, abroad: true, grantable: true,
			check: func(in *kmsapi.GenerateDataKeyWithoutPlaintextRequest) error {
				return s.checkDataKey(in.KeySpec, in.NumberOfBytes, in.GrantTokens)
			},
			describe: func(in *kmsapi.GenerateDataKeyWithoutPlaintextRequest, c *conditions,
				needs *auth.Needs) {
				c.describeDataKey(in.EncryptionContext, in.KeySpec, in.NumberOfBytes, needs)
			},
		}, s.generateSealedDataKey)
	s.Decrypt = onPlan(kmsapi.Decrypt(), s.planDecrypt, s.decrypt).Without("Recipient")
	s.ReEncrypt = onPlan(kmsapi.ReEncrypt(), s.planReEncrypt, s.reEncrypt)
	random := onAccount(kmsapi.GenerateRandom(), nil, generateRandom).Without("CustomKeyStoreId", "Recipient")
	return []service.Bound{s.Encrypt, s.GenerateDataKey, sealedOnly, s.Decrypt, s.ReEncrypt, random}
}

// describeUse adds what policies and the trail see of a cryptographic operation. An encryption context is no
// secret.
func (c *conditions) describeUse(context map[string]string, algorithm *string, needs *auth.Needs) {
	c.context = context
	if algorithm == nil {
		algorithm = new(keyring.SymmetricAlgorithm)
	}
	c.set("kms:encryptionalgorithm", *algorithm)
	if len(context) > 0 {
		needs.Note("encryptionContext", context)
	}
	needs.Note("encryptionAlgorithm", *algorithm)
}

func (c *conditions) describeDataKey(
	context map[string]string, spec *string, bytes *int64, needs *auth.Needs,
) {
	c.context = context
	c.set("kms:encryptionalgorithm", keyring.SymmetricAlgorithm)
	if len(context) > 0 {
		needs.Note("encryptionContext", context)
	}
	if spec != nil {
		needs.Note("keySpec", *spec)
	}
	if bytes != nil {
		needs.Note("numberOfBytes", *bytes)
	}
}

// checkTokens refuses grant tokens that name no grant. Grants here take effect at once, so that a token adds
// nothing to them.
func (s *Service) checkTokens(tokens []string) error {
	for _, token := range tokens {
		if _, _, err := s.keys.GrantOf(token); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) checkDataKey(spec *string, bytes *int64, tokens []string) error {
	if (spec == nil) == (bytes == nil) {
		return invalid("Please specify either number of bytes or key spec.")
	}
	return s.checkTokens(tokens)
}

// way is how a request wants a ciphertext made.
func way(algorithm *string, context map[string]string) keyring.Way {
	return keyring.Way{Algorithm: algorithmOf(algorithm), Context: context}
}

// algorithmOf is an encryption algorithm, the default where the request names none.
func algorithmOf(algorithm *string) string {
	if algorithm == nil {
		return keyring.SymmetricAlgorithm
	}
	return *algorithm
}

// materialOf is the id of the material that made or opened a ciphertext; only those of symmetric keys are
// known by one.
func materialOf(id string) *string {
	if id == "" {
		return nil
	}
	return new(id)
}

func (s *Service) encrypt(
	_ context.Context, _ *auth.Caller, key *keyring.Key, in *kmsapi.EncryptRequest,
) (*kmsapi.EncryptResponse, error) {
	if api.True(in.DryRun) {
		return nil, orDryRun(s.keys.TryBy(key, "Encrypt", keyring.EncryptDecrypt,
			algorithmOf(in.EncryptionAlgorithm)))
	}
	sealed, err := s.keys.EncryptBy(key, in.Plaintext, way(in.EncryptionAlgorithm, in.EncryptionContext))
	if err != nil {
		return nil, err
	}
	return &kmsapi.EncryptResponse{
		CiphertextBlob: sealed.Blob, KeyId: new(key.ARN()),
		EncryptionAlgorithm: new(algorithmOf(in.EncryptionAlgorithm)),
	}, nil
}

func orDryRun(err error) error {
	if err != nil {
		return err
	}
	return dryRun()
}

func (s *Service) generateDataKey(
	_ context.Context, _ *auth.Caller, key *keyring.Key, in *kmsapi.GenerateDataKeyRequest,
) (*kmsapi.GenerateDataKeyResponse, error) {
	if api.True(in.DryRun) {
		return nil, orDryRun(s.keys.Try(key, "GenerateDataKey"))
	}
	plaintext, sealed, err := s.keys.DataKey(key, "GenerateDataKey",
		dataKeySize(in.KeySpec, in.NumberOfBytes), in.EncryptionContext)
	if err != nil {
		return nil, err
	}
	return &kmsapi.GenerateDataKeyResponse{
		CiphertextBlob: sealed.Blob, KeyId: new(key.ARN()), KeyMaterialId: new(sealed.MaterialID),
		Plaintext: plaintext,
	}, nil
}

func (s *Service) generateSealedDataKey(
	_ context.Context, _ *auth.Caller, key *keyring.Key, in *kmsapi.GenerateDataKeyWithoutPlaintextRequest,
) (*kmsapi.GenerateDataKeyWithoutPlaintextResponse, error) {
	const op = "GenerateDataKeyWithoutPlaintext"
	if api.True(in.DryRun) {
		return nil, orDryRun(s.keys.Try(key, op))
	}
	plaintext, sealed, err := s.keys.DataKey(key, op, dataKeySize(in.KeySpec, in.NumberOfBytes),
		in.EncryptionContext)
	if err != nil {
		return nil, err
	}
	clear(plaintext)
	return &kmsapi.GenerateDataKeyWithoutPlaintextResponse{
		CiphertextBlob: sealed.Blob, KeyId: new(key.ARN()), KeyMaterialId: new(sealed.MaterialID),
	}, nil
}

// dataKeySize is in bytes. The model has checked both members, and checkDataKey that there is one.
func dataKeySize(spec *string, bytes *int64) int {
	if bytes != nil {
		return int(*bytes)
	}
	if *spec == "AES_128" {
		return 16
	}
	return 32
}

// planDecrypt needs the permission on the key that the request names, or else on the one that made the
// ciphertext.
func (s *Service) planDecrypt(
	ctx context.Context, caller *auth.Caller, in *kmsapi.DecryptRequest, needs *auth.Needs,
) (*keyring.Key, error) {
	if err := s.checkTokens(in.GrantTokens); err != nil {
		return nil, translate(err)
	}
	from, err := s.sourceKey(caller, "Decrypt", in.KeyId, in.CiphertextBlob,
		permissionOnly(in.DryRun, in.DryRunModifiers), way(in.EncryptionAlgorithm, in.EncryptionContext),
		needs)
	if err != nil {
		return nil, translate(err)
	}
	c := &conditions{key: from.key, named: from.named}
	c.describeUse(in.EncryptionContext, in.EncryptionAlgorithm, needs)
	need := keyNeed("Decrypt", from.key, c)
	need.Granted = from.key.Granted(granteesOf(caller), "Decrypt", c.context)
	needs.Add(need)
	return from.key, translate(s.veil(ctx, caller, from.key, needs, from.unreachable(caller, "Decrypt")))
}

// source is the key that is to open a ciphertext.
type source struct {
	key   *keyring.Key
	named string // as the request named it; empty if it did not
}

// unreachable is the answer for a key that is not there, or not for this caller.
func (f source) unreachable(caller *auth.Caller, operation string) error {
	if f.named == "" {
		return keyring.CiphertextNotWithinReach()
	}
	return unreachable(caller, operation)
}

// permissionOnly says whether a dry run asks for permission alone, whatever the ciphertext is.
func permissionOnly(dryRun *bool, modifiers []string) bool {
	return api.True(dryRun) && slices.Contains(modifiers, "IGNORE_CIPHERTEXT")
}

// sourceKey finds the key for a ciphertext. anyBlob says that the ciphertext does not matter: the key is
// named then.
func (s *Service) sourceKey(
	caller *auth.Caller, operation string, id *string, blob []byte, anyBlob bool, how keyring.Way,
	needs *auth.Needs,
) (source, error) {
	if anyBlob && id == nil {
		return source{}, invalid("A key is required where DryRunModifiers has IGNORE_CIPHERTEXT.")
	}
	if how.Algorithm != keyring.SymmetricAlgorithm && id == nil {
		return source{}, invalid("KeyId is required to decrypt with " + how.Algorithm + ".")
	}
	if len(blob) == 0 && !anyBlob {
		return source{}, invalid("CiphertextBlob is required.")
	}
	found := source{named: api.Text(id)}
	var err error
	if found.named == "" {
		found.key, err = s.keys.KeyOf(caller.Region, blob, how.Context)
	} else {
		needs.Note("keyId", found.named)
		found.key, err = s.resolve(caller, operation, found.named, true, true)
	}
	return found, err
}

func (s *Service) decrypt(
	_ context.Context, _ *auth.Caller, in *kmsapi.DecryptRequest, key *keyring.Key,
) (*kmsapi.DecryptResponse, error) {
	if err := present(key); err != nil {
		return nil, err
	}
	how := way(in.EncryptionAlgorithm, in.EncryptionContext)
	if api.True(in.DryRun) {
		return nil, orDryRun(s.trySource(key, "Decrypt", in.CiphertextBlob,
			permissionOnly(in.DryRun, in.DryRunModifiers), how))
	}
	opened, err := s.keys.DecryptBy(key, in.CiphertextBlob, how)
	if err != nil {
		return nil, err
	}
	return &kmsapi.DecryptResponse{
		KeyId: new(key.ARN()), Plaintext: opened.Plaintext, KeyMaterialId: materialOf(opened.MaterialID),
		EncryptionAlgorithm: new(how.Algorithm),
	}, nil
}

// reEncryption is the plan of ReEncrypt: a key for the ciphertext, and one for the next.
type reEncryption struct {
	from, to       *keyring.Key
	fromWay, toWay keyring.Way
}

// planReEncrypt needs kms:ReEncryptFrom on the source and kms:ReEncryptTo on the destination.
func (s *Service) planReEncrypt(
	ctx context.Context, caller *auth.Caller, in *kmsapi.ReEncryptRequest, needs *auth.Needs,
) (plan reEncryption, err error) {
	if err := s.checkTokens(in.GrantTokens); err != nil {
		return plan, translate(err)
	}
	plan.fromWay = way(in.SourceEncryptionAlgorithm, in.SourceEncryptionContext)
	plan.toWay = way(in.DestinationEncryptionAlgorithm, in.DestinationEncryptionContext)
	from, err := s.sourceKey(caller, "ReEncryptFrom", in.SourceKeyId, in.CiphertextBlob,
		permissionOnly(in.DryRun, in.DryRunModifiers), plan.fromWay, needs)
	if err != nil {
		return plan, translate(err)
	}
	needs.Note("destinationKeyId", *in.DestinationKeyId)
	to := source{named: *in.DestinationKeyId}
	if to.key, err = s.resolve(caller, "ReEncryptTo", to.named, true, true); err != nil {
		return plan, translate(err)
	}
	plan.from, plan.to = from.key, to.key
	onSame := from.key == to.key
	s.needReEncrypt(caller, "ReEncryptFrom", from, plan.fromWay, onSame, needs)
	if err := s.veil(ctx, caller, from.key, needs, from.unreachable(caller, "ReEncryptFrom")); err != nil {
		return plan, translate(err)
	}
	s.needReEncrypt(caller, "ReEncryptTo", to, plan.toWay, onSame, needs)
	if err := s.veil(ctx, caller, to.key, needs, unreachable(caller, "ReEncryptTo")); err != nil {
		return plan, err
	}
	noteContext(needs, "sourceEncryptionContext", in.SourceEncryptionContext)
	noteContext(needs, "destinationEncryptionContext", in.DestinationEncryptionContext)
	return plan, nil
}

func noteContext(needs *auth.Needs, name string, context map[string]string) {
	if len(context) > 0 {
		needs.Note(name, context)
	}
}

func (s *Service) needReEncrypt(
	caller *auth.Caller, operation string, on source, how keyring.Way, onSame bool, needs *auth.Needs,
) {
	c := &conditions{key: on.key, named: on.named, context: how.Context}
	c.set("kms:encryptionalgorithm", how.Algorithm)
	c.setBool("kms:reencryptonsamekey", onSame)
	need := keyNeed(operation, on.key, c)
	need.Granted = on.key.Granted(granteesOf(caller), keyring.Operation(operation), how.Context)
	needs.Add(need)
}

func (s *Service) reEncrypt(
	_ context.Context, _ *auth.Caller, in *kmsapi.ReEncryptRequest, plan reEncryption,
) (*kmsapi.ReEncryptResponse, error) {
	for _, key := range []*keyring.Key{plan.from, plan.to} {
		if err := present(key); err != nil {
			return nil, err
		}
	}
	if api.True(in.DryRun) {
		return nil, s.tryReEncrypt(in, plan)
	}
	sealed, opened, err := s.keys.ReEncrypt(plan.from, in.CiphertextBlob, plan.fromWay, plan.to, plan.toWay)
	if err != nil {
		return nil, err
	}
	return &kmsapi.ReEncryptResponse{
		CiphertextBlob: sealed.Blob, SourceKeyId: new(plan.from.ARN()), KeyId: new(plan.to.ARN()),
		SourceEncryptionAlgorithm:      new(plan.fromWay.Algorithm),
		DestinationEncryptionAlgorithm: new(plan.toWay.Algorithm),
		SourceKeyMaterialId:            materialOf(opened.MaterialID),
		DestinationKeyMaterialId:       materialOf(sealed.MaterialID),
	}, nil
}

// tryReEncrypt says what ReEncrypt would answer; it is never nil.
func (s *Service) tryReEncrypt(in *kmsapi.ReEncryptRequest, plan reEncryption) error {
	err := s.keys.TryBy(plan.to, "ReEncrypt", keyring.EncryptDecrypt, plan.toWay.Algorithm)
	if err != nil {
		return err
	}
	anyBlob := permissionOnly(in.DryRun, in.DryRunModifiers)
	return orDryRun(s.trySource(plan.from, "ReEncrypt", in.CiphertextBlob, anyBlob, plan.fromWay))
}

// trySource says what the key would answer that is to open a ciphertext.
func (s *Service) trySource(
	key *keyring.Key, op keyring.Operation, blob []byte, anyBlob bool, how keyring.Way,
) error {
	if anyBlob {
		return s.keys.TryBy(key, op, keyring.EncryptDecrypt, how.Algorithm)
	}
	return s.keys.TryDecrypt(key, op, blob, how)
}

func generateRandom(
	_ context.Context, _ *auth.Caller, in *kmsapi.GenerateRandomRequest,
) (*kmsapi.GenerateRandomResponse, error) {
	if in.NumberOfBytes == nil {
		return nil, invalid("NumberOfBytes is required.")
	}
	random := make([]byte, *in.NumberOfBytes)
	keyring.Random(random)
	return &kmsapi.GenerateRandomResponse{Plaintext: random}, nil
}
