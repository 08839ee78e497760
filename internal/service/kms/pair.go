package kms

import (
	"context"

	"github.com/sealtable/sealtable/internal/api"
	"github.com/sealtable/sealtable/internal/api/kmsapi"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/keyring"
	"github.com/sealtable/sealtable/internal/service"
)

// Key agreement, and key pairs for use outside of the key service.

func (s *Service) bindPairs() []service.Bound {
	return []service.Bound{
		onKey(s, kmsapi.DeriveSharedSecret(), keyRule[kmsapi.DeriveSharedSecretRequest]{
			id:      func(in *kmsapi.DeriveSharedSecretRequest) *string { return in.KeyId },
			aliases: true, abroad: true, grantable: true,
			check: func(in *kmsapi.DeriveSharedSecretRequest) error { return s.checkTokens(in.GrantTokens) },
			describe: func(in *kmsapi.DeriveSharedSecretRequest, c *conditions, needs *auth.Needs) {
				c.set("kms:keyagreementalgorithm", *in.KeyAgreementAlgorithm)
				needs.Note("keyAgreementAlgorithm", *in.KeyAgreementAlgorithm)
			},
		}, s.derive).Without("Recipient"),
		onKey(s, kmsapi.GenerateDataKeyPair(), keyRule[kmsapi.GenerateDataKeyPairRequest]{
			id:      func(in *kmsapi.GenerateDataKeyPairRequest) *string { return in.KeyId },
			aliases: true, abroad: true, grantable: true,
			check: func(in *kmsapi.GenerateDataKeyPairRequest) error { return s.checkTokens(in.GrantTokens) },
			describe: func(in *kmsapi.GenerateDataKeyPairRequest, c *conditions, needs *auth.Needs) {
				c.describeDataPair(in.EncryptionContext, *in.KeyPairSpec, needs)
			},
		}, s.generatePair).Without("Recipient"),
		onKey(s, kmsapi.GenerateDataKeyPairWithoutPlaintext(),
			keyRule[kmsapi.GenerateDataKeyPairWithoutPlaintextRequest]{
				id: func(in *kmsapi.GenerateDataKeyPairWithoutPlaintextRequest) *string {
					return in.KeyId
				},
				aliases: true, abroad: true, grantable: true,
				check: func(in *kmsapi.GenerateDataKeyPairWithoutPlaintextRequest) error {
					return s.checkTokens(in.GrantTokens)
				},
				describe: func(in *kmsapi.GenerateDataKeyPairWithoutPlaintextRequest, c *conditions,
					needs *auth.Needs) {
					c.describeDataPair(in.EncryptionContext, *in.KeyPairSpec, needs)
				},
			}, s.generateSealedPair),
	}
}

func (c *conditions) describeDataPair(context map[string]string, spec string, needs *auth.Needs) {
	c.context = context
	c.set("kms:encryptionalgorithm", keyring.SymmetricAlgorithm)
	c.set("kms:datakeypairspec", spec)
	noteContext(needs, "encryptionContext", context)
	needs.Note("keyPairSpec", spec)
}

func (s *Service) derive(
	_ context.Context, _ *auth.Caller, key *keyring.Key, in *kmsapi.DeriveSharedSecretRequest,
) (*kmsapi.DeriveSharedSecretResponse, error) {
	if api.True(in.DryRun) {
		return nil, orDryRun(s.keys.TryAgree(key, *in.KeyAgreementAlgorithm, in.PublicKey))
	}
	secret, err := s.keys.Agree(key, *in.KeyAgreementAlgorithm, in.PublicKey)
	if err != nil {
		return nil, err
	}
	return &kmsapi.DeriveSharedSecretResponse{
		KeyId: new(key.ARN()), SharedSecret: secret, KeyAgreementAlgorithm: in.KeyAgreementAlgorithm,
		KeyOrigin: new(string(key.Metadata().Origin)),
	}, nil
}

func (s *Service) generatePair(
	ctx context.Context, _ *auth.Caller, key *keyring.Key, in *kmsapi.GenerateDataKeyPairRequest,
) (*kmsapi.GenerateDataKeyPairResponse, error) {
	const op = "GenerateDataKeyPair"
	spec := keyring.Spec(*in.KeyPairSpec)
	if api.True(in.DryRun) {
		return nil, orDryRun(s.keys.TryDataKeyPair(key, op, spec))
	}
	pair, err := s.keys.DataKeyPair(ctx, key, op, spec, in.EncryptionContext)
	if err != nil {
		return nil, err
	}
	return &kmsapi.GenerateDataKeyPairResponse{
		KeyId: new(key.ARN()), KeyMaterialId: new(pair.Sealed.MaterialID), KeyPairSpec: in.KeyPairSpec,
		PublicKey:           pair.Public,
		PrivateKeyPlaintext: pair.Private, PrivateKeyCiphertextBlob: pair.Sealed.Blob,
	}, nil
}

func (s *Service) generateSealedPair(
	ctx context.Context, _ *auth.Caller, key *keyring.Key,
	in *kmsapi.GenerateDataKeyPairWithoutPlaintextRequest,
) (*kmsapi.GenerateDataKeyPairWithoutPlaintextResponse, error) {
	const op = "GenerateDataKeyPairWithoutPlaintext"
	spec := keyring.Spec(*in.KeyPairSpec)
	if api.True(in.DryRun) {
		return nil, orDryRun(s.keys.TryDataKeyPair(key, op, spec))
	}
	pair, err := s.keys.DataKeyPair(ctx, key, op, spec, in.EncryptionContext)
	if err != nil {
		return nil, err
	}
	clear(pair.Private)
	return &kmsapi.GenerateDataKeyPairWithoutPlaintextResponse{
		KeyId: new(key.ARN()), KeyMaterialId: new(pair.Sealed.MaterialID), KeyPairSpec: in.KeyPairSpec,
		PublicKey:                pair.Public,
		PrivateKeyCiphertextBlob: pair.Sealed.Blob,
	}, nil
}
