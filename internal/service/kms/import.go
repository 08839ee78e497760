package kms

import (
	"context"
	"strconv"

	"github.com/sealtable/sealtable/internal/api"
	"github.com/sealtable/sealtable/internal/api/kmsapi"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/keyring"
	"github.com/sealtable/sealtable/internal/service"
)

// Imported material.

func (s *Service) bindImport() []service.Bound {
	return []service.Bound{
		onKey(s, kmsapi.GetParametersForImport(), keyRule[kmsapi.GetParametersForImportRequest]{
			id: func(in *kmsapi.GetParametersForImportRequest) *string { return in.KeyId },
			describe: func(in *kmsapi.GetParametersForImportRequest, c *conditions, needs *auth.Needs) {
				c.set("kms:wrappingalgorithm", *in.WrappingAlgorithm)
				c.set("kms:wrappingkeyspec", *in.WrappingKeySpec)
				needs.Note("wrappingAlgorithm", *in.WrappingAlgorithm)
				needs.Note("wrappingKeySpec", *in.WrappingKeySpec)
			},
		}, s.importParameters),
		onKey(s, kmsapi.ImportKeyMaterial(), keyRule[kmsapi.ImportKeyMaterialRequest]{
			id:       func(in *kmsapi.ImportKeyMaterialRequest) *string { return in.KeyId },
			describe: describeImport,
		}, s.importMaterial),
		onKey(s, kmsapi.DeleteImportedKeyMaterial(), keyRule[kmsapi.DeleteImportedKeyMaterialRequest]{
			id: func(in *kmsapi.DeleteImportedKeyMaterialRequest) *string { return in.KeyId },
			describe: func(in *kmsapi.DeleteImportedKeyMaterialRequest, _ *conditions, needs *auth.Needs) {
				if in.KeyMaterialId != nil {
					needs.Note("keyMaterialId", *in.KeyMaterialId)
				}
			},
		}, s.deleteMaterial),
	}
}

func (s *Service) importParameters(
	ctx context.Context, _ *auth.Caller, key *keyring.Key, in *kmsapi.GetParametersForImportRequest,
) (*kmsapi.GetParametersForImportResponse, error) {
	p, err := s.keys.ParametersForImport(ctx, key, *in.WrappingAlgorithm, keyring.Spec(*in.WrappingKeySpec))
	if err != nil {
		return nil, err
	}
	return &kmsapi.GetParametersForImportResponse{
		KeyId: new(key.ARN()), PublicKey: p.Public, ImportToken: p.Token, ParametersValidTo: new(p.ValidTo),
	}, nil
}

func expirationModel(in *kmsapi.ImportKeyMaterialRequest) string {
	if in.ExpirationModel == nil {
		return materialExpires
	}
	return *in.ExpirationModel
}

func describeImport(in *kmsapi.ImportKeyMaterialRequest, c *conditions, needs *auth.Needs) {
	c.set("kms:expirationmodel", expirationModel(in))
	needs.Note("expirationModel", expirationModel(in))
	if in.ImportType != nil {
		needs.Note("importType", *in.ImportType)
	}
	if in.ValidTo != nil {
		// which both numeric and date operators take
		c.set("kms:validto", strconv.FormatInt(in.ValidTo.Unix(), 10))
		needs.Note("validTo", *in.ValidTo)
	}
}

func (s *Service) importMaterial(
	ctx context.Context, _ *auth.Caller, key *keyring.Key, in *kmsapi.ImportKeyMaterialRequest,
) (*kmsapi.ImportKeyMaterialResponse, error) {
	if len(in.EncryptedKeyMaterial) == 0 {
		return nil, &api.Error{Code: Exception(keyring.InvalidCiphertext)}
	}
	given := keyring.Import{
		Token: in.ImportToken, Wrapped: in.EncryptedKeyMaterial, MaterialID: api.Text(in.KeyMaterialId),
		New:         api.Text(in.ImportType) == "NEW_KEY_MATERIAL",
		Existing:    api.Text(in.ImportType) == "EXISTING_KEY_MATERIAL",
		Description: api.Text(in.KeyMaterialDescription),
	}
	switch expires := expirationModel(in) == materialExpires; {
	case expires && in.ValidTo == nil:
		return nil, invalid("A validTo date must be set if the ExpirationModel is KEY_MATERIAL_EXPIRES")
	case !expires && in.ValidTo != nil:
		return nil, invalid("A validTo date must not be set if the ExpirationModel is " +
			"KEY_MATERIAL_DOES_NOT_EXPIRE")
	case expires:
		given.Terms.ValidTo = *in.ValidTo
	}
	id, err := s.keys.ImportMaterial(ctx, key, given)
	if err != nil {
		return nil, err
	}
	return &kmsapi.ImportKeyMaterialResponse{KeyId: new(key.ARN()),
		KeyMaterialId: shownMaterial(key, id)}, nil
}

// shownMaterial is a material id, which only symmetric keys show.
func shownMaterial(key *keyring.Key, id string) *string {
	if key.Metadata().Spec != keyring.Symmetric {
		return nil
	}
	return materialOf(id)
}

func (s *Service) deleteMaterial(
	ctx context.Context, _ *auth.Caller, key *keyring.Key, in *kmsapi.DeleteImportedKeyMaterialRequest,
) (*kmsapi.DeleteImportedKeyMaterialResponse, error) {
	id, err := s.keys.DeleteMaterial(ctx, key, api.Text(in.KeyMaterialId))
	if err != nil {
		return nil, err
	}
	return &kmsapi.DeleteImportedKeyMaterialResponse{KeyId: new(key.ARN()),
		KeyMaterialId: shownMaterial(key, id)}, nil
}
