// Package service is read by the tests of membercheck, not compiled.
package service

import (
	"context"
	"log"

	"github.com/sealtable/sealtable/internal/api/kmsapi"
	"github.com/sealtable/sealtable/internal/auth"
)

type service struct{}

func (s *service) createGrant(
	_ context.Context, _ *auth.Caller, in *kmsapi.CreateGrantRequest,
) (*kmsapi.CreateGrantResponse, error) {
	log.Println(in.KeyId, in.GranteePrincipal, in.RetiringPrincipal, in.Operations)
	if c := in.Constraints; c != nil {
		log.Println(c.EncryptionContextEquals)
		c.EncryptionContextSubset = nil
	}
	other := struct{ Name string }{}
	log.Println(other.Name)
	return &kmsapi.CreateGrantResponse{}, nil
}

func (s *service) createKey(
	_ context.Context, _ *auth.Caller, in *kmsapi.CreateKeyRequest,
) (*kmsapi.CreateKeyResponse, error) {
	metadata := kmsapi.KeyMetadata{}
	log.Println(in.Description, in.KeySpec, in.KeyUsage, in.MultiRegion, in.Policy, metadata.Origin)
	s.tags(in.Tags)
	return &kmsapi.CreateKeyResponse{}, nil
}

func (s *service) tagResource(
	_ context.Context, _ *auth.Caller, in *kmsapi.TagResourceRequest,
) (*kmsapi.TagResourceOutput, error) {
	log.Println(in.KeyId)
	s.tags(in.Tags)
	return nil, nil
}

func (s *service) tags(tags []kmsapi.Tag) {
	for _, tag := range tags {
		log.Println(tag.TagKey, tag.TagValue)
	}
}

func (s *service) listAliases(
	_ context.Context, _ *auth.Caller, in *kmsapi.ListAliasesRequest,
) (*kmsapi.ListAliasesResponse, error) {
	log.Println(in.Limit, in.Marker)
	return nil, nil
}
