package kms

import (
	"context"

	"github.com/sealtable/sealtable/internal/api"
	"github.com/sealtable/sealtable/internal/api/kmsapi"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/keyring"
	"github.com/sealtable/sealtable/internal/service"
)

// Message authentication codes.

func (s *Service) bindMAC() []service.Bound {
	return []service.Bound{
		onKey(s, kmsapi.GenerateMac(), keyRule[kmsapi.GenerateMacRequest]{
			id: func(in *kmsapi.GenerateMacRequest) *string { return in.KeyId }, aliases: true,
			abroad: true, grantable: true,
			check: func(in *kmsapi.GenerateMacRequest) error { return s.checkTokens(in.GrantTokens) },
			describe: func(in *kmsapi.GenerateMacRequest, c *conditions, needs *auth.Needs) {
				c.describeMAC(*in.MacAlgorithm, needs)
			},
		}, s.generateMAC),
		onKey(s, kmsapi.VerifyMac(), keyRule[kmsapi.VerifyMacRequest]{
			id: func(in *kmsapi.VerifyMacRequest) *string { return in.KeyId }, aliases: true, abroad: true,
			grantable: true,
			check:     func(in *kmsapi.VerifyMacRequest) error { return s.checkTokens(in.GrantTokens) },
			describe: func(in *kmsapi.VerifyMacRequest, c *conditions, needs *auth.Needs) {
				c.describeMAC(*in.MacAlgorithm, needs)
			},
		}, s.verifyMAC),
	}
}

func (c *conditions) describeMAC(algorithm string, needs *auth.Needs) {
	c.set("kms:macalgorithm", algorithm)
	needs.Note("macAlgorithm", algorithm)
}

func (s *Service) generateMAC(
	_ context.Context, _ *auth.Caller, key *keyring.Key, in *kmsapi.GenerateMacRequest,
) (*kmsapi.GenerateMacResponse, error) {
	if api.True(in.DryRun) {
		return nil, orDryRun(s.keys.TryBy(key, "GenerateMac", keyring.GenerateMAC, *in.MacAlgorithm))
	}
	mac, err := s.keys.MAC(key, *in.MacAlgorithm, in.Message)
	if err != nil {
		return nil, err
	}
	return &kmsapi.GenerateMacResponse{KeyId: new(key.ARN()), Mac: mac, MacAlgorithm: in.MacAlgorithm}, nil
}

// verifyMAC never answers that a code is not valid: that is an error.
func (s *Service) verifyMAC(
	_ context.Context, _ *auth.Caller, key *keyring.Key, in *kmsapi.VerifyMacRequest,
) (*kmsapi.VerifyMacResponse, error) {
	if api.True(in.DryRun) {
		return nil, orDryRun(s.keys.TryBy(key, "VerifyMac", keyring.GenerateMAC, *in.MacAlgorithm))
	}
	if err := s.keys.VerifyMAC(key, *in.MacAlgorithm, in.Message, in.Mac); err != nil {
		return nil, err
	}
	return &kmsapi.VerifyMacResponse{KeyId: new(key.ARN()), MacValid: new(true),
		MacAlgorithm: in.MacAlgorithm}, nil
}
