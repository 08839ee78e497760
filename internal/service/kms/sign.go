package kms

import (
	"context"

	"github.com/sealtable/sealtable/internal/api"
	"github.com/sealtable/sealtable/internal/api/kmsapi"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/keyring"
	"github.com/sealtable/sealtable/internal/service"
)

// Signatures, and the public keys that verify them elsewhere.

func (s *Service) bindSigning() []service.Bound {
	return []service.Bound{
		onKey(s, kmsapi.Sign(), keyRule[kmsapi.SignRequest]{
			id: func(in *kmsapi.SignRequest) *string { return in.KeyId }, aliases: true, abroad: true,
			grantable: true,
			check:     func(in *kmsapi.SignRequest) error { return s.checkTokens(in.GrantTokens) },
			describe: func(in *kmsapi.SignRequest, c *conditions, needs *auth.Needs) {
				c.describeSignature(in.SigningAlgorithm, in.MessageType, needs)
			},
		}, s.sign),
		onKey(s, kmsapi.Verify(), keyRule[kmsapi.VerifyRequest]{
			id: func(in *kmsapi.VerifyRequest) *string { return in.KeyId }, aliases: true, abroad: true,
			grantable: true,
			check:     func(in *kmsapi.VerifyRequest) error { return s.checkTokens(in.GrantTokens) },
			describe: func(in *kmsapi.VerifyRequest, c *conditions, needs *auth.Needs) {
				c.describeSignature(in.SigningAlgorithm, in.MessageType, needs)
			},
		}, s.verify).Lacking("MessageType EXTERNAL_MU"),
		onKey(s, kmsapi.GetPublicKey(), keyRule[kmsapi.GetPublicKeyRequest]{
			id: func(in *kmsapi.GetPublicKeyRequest) *string { return in.KeyId }, aliases: true,
			abroad: true, grantable: true,
			check: func(in *kmsapi.GetPublicKeyRequest) error { return s.checkTokens(in.GrantTokens) },
		}, s.publicKey),
	}
}

func messageType(given *string) string {
	if given == nil {
		return string(keyring.Raw)
	}
	return *given
}

func (c *conditions) describeSignature(algorithm, kind *string, needs *auth.Needs) {
	c.set("kms:signingalgorithm", *algorithm)
	c.set("kms:messagetype", messageType(kind))
	needs.Note("signingAlgorithm", *algorithm)
	needs.Note("messageType", messageType(kind))
}

func messageOf(bytes []byte, kind *string) keyring.Message {
	return keyring.Message{Bytes: bytes, Kind: keyring.MessageKind(messageType(kind))}
}

func (s *Service) sign(
	_ context.Context, _ *auth.Caller, key *keyring.Key, in *kmsapi.SignRequest,
) (*kmsapi.SignResponse, error) {
	message := messageOf(in.Message, in.MessageType)
	if api.True(in.DryRun) {
		return nil, orDryRun(s.keys.TrySign(key, "Sign", *in.SigningAlgorithm, message))
	}
	signature, err := s.keys.Sign(key, *in.SigningAlgorithm, message)
	if err != nil {
		return nil, err
	}
	return &kmsapi.SignResponse{KeyId: new(key.ARN()), Signature: signature,
		SigningAlgorithm: in.SigningAlgorithm}, nil
}

// verify never answers that a signature is not valid: that is an error.
func (s *Service) verify(
	_ context.Context, _ *auth.Caller, key *keyring.Key, in *kmsapi.VerifyRequest,
) (*kmsapi.VerifyResponse, error) {
	message := messageOf(in.Message, in.MessageType)
	if api.True(in.DryRun) {
		return nil, orDryRun(s.keys.TrySign(key, "Verify", *in.SigningAlgorithm, message))
	}
	if err := s.keys.Verify(key, *in.SigningAlgorithm, message, in.Signature); err != nil {
		return nil, err
	}
	return &kmsapi.VerifyResponse{KeyId: new(key.ARN()), SignatureValid: new(true),
		SigningAlgorithm: in.SigningAlgorithm}, nil
}

func (s *Service) publicKey(
	_ context.Context, _ *auth.Caller, key *keyring.Key, _ *kmsapi.GetPublicKeyRequest,
) (*kmsapi.GetPublicKeyResponse, error) {
	public, err := s.keys.PublicKey(key)
	if err != nil {
		return nil, err
	}
	var described kmsapi.KeyMetadata
	m := key.Metadata()
	algorithms(m, &described)
	return &kmsapi.GetPublicKeyResponse{
		KeyId: new(key.ARN()), PublicKey: public, KeySpec: new(string(m.Spec)),
		CustomerMasterKeySpec: new(string(m.Spec)),
		KeyUsage:              new(string(m.Usage)), EncryptionAlgorithms: described.EncryptionAlgorithms,
		SigningAlgorithms:      described.SigningAlgorithms,
		KeyAgreementAlgorithms: described.KeyAgreementAlgorithms,
	}, nil
}
