package iam

import (
	"context"

	"github.com/sealtable/sealtable/internal/api/iamapi"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/identity"
	"github.com/sealtable/sealtable/internal/service"
)

const (
	active   = "Active"
	inactive = "Inactive"
	// notApplicable stands for a service and a region that there are none of.
	notApplicable = "N/A"
)

func statusOf(k identity.AccessKey) *string {
	if k.Active {
		return new(active)
	}
	return new(inactive)
}

func (s *Service) bindKeys() []service.Bound {
	return []service.Bound{
		onPrincipal(s, iamapi.CreateAccessKey(), identity.User,
			func(in *iamapi.CreateAccessKeyRequest) *string { return in.UserName }, nil, s.createKey),
		onPrincipal(s, iamapi.ListAccessKeys(), identity.User,
			func(in *iamapi.ListAccessKeysRequest) *string { return in.UserName }, nil, listKeys),
		onPrincipal(s, iamapi.UpdateAccessKey(), identity.User,
			func(in *iamapi.UpdateAccessKeyRequest) *string { return in.UserName },
			func(in *iamapi.UpdateAccessKeyRequest, c *call) {
				c.needs.Note("accessKeyId", *in.AccessKeyId)
				c.needs.Note("status", *in.Status)
			}, s.updateKey),
		onPrincipal(s, iamapi.DeleteAccessKey(), identity.User,
			func(in *iamapi.DeleteAccessKeyRequest) *string { return in.UserName },
			func(in *iamapi.DeleteAccessKeyRequest, c *call) { c.needs.Note("accessKeyId", *in.AccessKeyId) },
			func(ctx context.Context, p *identity.Principal,
				in *iamapi.DeleteAccessKeyRequest) (*iamapi.DeleteAccessKeyOutput, error) {
				return &iamapi.DeleteAccessKeyOutput{}, s.directory.DeleteKey(ctx, p, *in.AccessKeyId)
			}),
		service.Bind(iamapi.GetAccessKeyLastUsed(), s.planLastUsed, s.keyLastUsed),
	}
}

func (s *Service) createKey(
	ctx context.Context, p *identity.Principal, _ *iamapi.CreateAccessKeyRequest,
) (*iamapi.CreateAccessKeyResponse, error) {
	key, secret, err := s.directory.CreateKey(ctx, p)
	if err != nil {
		return nil, err
	}
	return &iamapi.CreateAccessKeyResponse{AccessKey: &iamapi.AccessKey{
		AccessKeyId: &key.ID, CreateDate: &key.Created, SecretAccessKey: &secret, Status: statusOf(key),
		UserName: new(p.Name),
	}}, nil
}

func listKeys(
	_ context.Context, p *identity.Principal, in *iamapi.ListAccessKeysRequest,
) (*iamapi.ListAccessKeysResponse, error) {
	copied := each(p.Keys, func(k identity.AccessKey) identity.AccessKey { return k })
	list, err := pageOf(copied, func(k identity.AccessKey) string { return k.ID }, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &iamapi.ListAccessKeysResponse{
		AccessKeyMetadata: each(list.items, func(k identity.AccessKey) iamapi.AccessKeyMetadata {
			return iamapi.AccessKeyMetadata{AccessKeyId: &k.ID, CreateDate: &k.Created, Status: statusOf(k),
				UserName: new(p.Name)}
		}),
		IsTruncated: list.truncated, Marker: list.marker,
	}, nil
}

func (s *Service) updateKey(
	ctx context.Context, p *identity.Principal, in *iamapi.UpdateAccessKeyRequest,
) (*iamapi.UpdateAccessKeyOutput, error) {
	if *in.Status != active && *in.Status != inactive {
		return nil, invalid("An access key can be made Active or Inactive.")
	}
	return &iamapi.UpdateAccessKeyOutput{}, s.directory.SetKeyActive(ctx, p, *in.AccessKeyId,
		*in.Status == active)
}

// planLastUsed finds the user whose key it is, and needs the permission on it. Keys of another account are
// nobody's here.
func (s *Service) planLastUsed(
	_ context.Context, caller *auth.Caller, in *iamapi.GetAccessKeyLastUsedRequest, needs *auth.Needs,
) (*identity.Principal, error) {
	needs.Note("accessKeyId", *in.AccessKeyId)
	need := auth.Need{Action: "iam:GetAccessKeyLastUsed", Resource: "*"}
	owner, ok := s.directory.KeyOwner(*in.AccessKeyId)
	if !ok || owner.Account != caller.Account {
		needs.Add(need)
		return nil, nil
	}
	c := &conditions{}
	c.setResource(owner.Tags)
	need.Resource, need.Context = owner.ARN(), c
	needs.Add(need)
	return owner, nil
}

func (s *Service) keyLastUsed(
	_ context.Context, _ *auth.Caller, in *iamapi.GetAccessKeyLastUsedRequest, owner *identity.Principal,
) (*iamapi.GetAccessKeyLastUsedResponse, error) {
	if owner == nil {
		return nil, iamapi.NoSuchEntityException("The Access Key with id " + *in.AccessKeyId +
			" cannot be found.")
	}
	used := &iamapi.AccessKeyLastUsed{Region: new(notApplicable), ServiceName: new(notApplicable)}
	if use, ok := s.directory.LastUse(*in.AccessKeyId); ok {
		used = &iamapi.AccessKeyLastUsed{LastUsedDate: &use.Time, Region: &use.Region,
			ServiceName: &use.Service}
	}
	return &iamapi.GetAccessKeyLastUsedResponse{AccessKeyLastUsed: used, UserName: new(owner.Name)}, nil
}
