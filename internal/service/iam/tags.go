package iam

import (
	"context"
	"slices"
	"strings"

	"github.com/sealtable/sealtable/internal/api/iamapi"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/identity"
	"github.com/sealtable/sealtable/internal/service"
)

func (s *Service) bindTags() []service.Bound {
	return slices.Concat(s.bindUserTags(), s.bindRoleTags(), s.bindPolicyTags())
}

func (s *Service) bindUserTags() []service.Bound {
	return []service.Bound{
		onPrincipal(s, iamapi.TagUser(), identity.User, func(in *iamapi.TagUserRequest) *string {
			return in.UserName
		},
			func(in *iamapi.TagUserRequest, c *call) { c.setRequest(readTags(in.Tags)) },
			func(ctx context.Context, p *identity.Principal,
				in *iamapi.TagUserRequest) (*iamapi.TagUserOutput, error) {
				return &iamapi.TagUserOutput{}, s.directory.Tag(ctx, p, readTags(in.Tags))
			}),
		onPrincipal(s, iamapi.UntagUser(), identity.User, func(in *iamapi.UntagUserRequest) *string {
			return in.UserName
		},
			func(in *iamapi.UntagUserRequest, c *call) { c.set("aws:tagkeys", in.TagKeys...) },
			func(ctx context.Context, p *identity.Principal,
				in *iamapi.UntagUserRequest) (*iamapi.UntagUserOutput, error) {
				return &iamapi.UntagUserOutput{}, s.directory.Untag(ctx, p, in.TagKeys)
			}),
		onPrincipal(s, iamapi.ListUserTags(), identity.User,
			func(in *iamapi.ListUserTagsRequest) *string { return in.UserName }, nil,
			func(_ context.Context, p *identity.Principal,
				in *iamapi.ListUserTagsRequest) (*iamapi.ListUserTagsResponse, error) {
				list, err := tagPage(p.Tags, in.Marker, in.MaxItems)
				return &iamapi.ListUserTagsResponse{Tags: list.items, IsTruncated: list.truncated,
					Marker: list.marker}, err
			}),
	}
}

func (s *Service) bindRoleTags() []service.Bound {
	return []service.Bound{
		onPrincipal(s, iamapi.TagRole(), identity.Role, func(in *iamapi.TagRoleRequest) *string {
			return in.RoleName
		},
			func(in *iamapi.TagRoleRequest, c *call) { c.setRequest(readTags(in.Tags)) },
			func(ctx context.Context, p *identity.Principal,
				in *iamapi.TagRoleRequest) (*iamapi.TagRoleOutput, error) {
				return &iamapi.TagRoleOutput{}, s.directory.Tag(ctx, p, readTags(in.Tags))
			}),
		onPrincipal(s, iamapi.UntagRole(), identity.Role, func(in *iamapi.UntagRoleRequest) *string {
			return in.RoleName
		},
			func(in *iamapi.UntagRoleRequest, c *call) { c.set("aws:tagkeys", in.TagKeys...) },
			func(ctx context.Context, p *identity.Principal,
				in *iamapi.UntagRoleRequest) (*iamapi.UntagRoleOutput, error) {
				return &iamapi.UntagRoleOutput{}, s.directory.Untag(ctx, p, in.TagKeys)
			}),
		onPrincipal(s, iamapi.ListRoleTags(), identity.Role,
			func(in *iamapi.ListRoleTagsRequest) *string { return in.RoleName }, nil,
			func(_ context.Context, p *identity.Principal,
				in *iamapi.ListRoleTagsRequest) (*iamapi.ListRoleTagsResponse, error) {
				list, err := tagPage(p.Tags, in.Marker, in.MaxItems)
				return &iamapi.ListRoleTagsResponse{Tags: list.items, IsTruncated: list.truncated,
					Marker: list.marker}, err
			}),
	}
}

func (s *Service) bindPolicyTags() []service.Bound {
	return []service.Bound{
		onPolicy(s, iamapi.TagPolicy(), func(in *iamapi.TagPolicyRequest) *string { return in.PolicyArn },
			func(in *iamapi.TagPolicyRequest, c *call) { c.setRequest(readTags(in.Tags)) },
			func(ctx context.Context, _ *auth.Caller, p *identity.Policy,
				in *iamapi.TagPolicyRequest) (*iamapi.TagPolicyOutput, error) {
				return &iamapi.TagPolicyOutput{}, s.directory.TagPolicy(ctx, p, readTags(in.Tags))
			}),
		onPolicy(s, iamapi.UntagPolicy(), func(in *iamapi.UntagPolicyRequest) *string { return in.PolicyArn },
			func(in *iamapi.UntagPolicyRequest, c *call) { c.set("aws:tagkeys", in.TagKeys...) },
			func(ctx context.Context, _ *auth.Caller, p *identity.Policy,
				in *iamapi.UntagPolicyRequest) (*iamapi.UntagPolicyOutput, error) {
				return &iamapi.UntagPolicyOutput{}, s.directory.UntagPolicy(ctx, p, in.TagKeys)
			}),
		onPolicy(s, iamapi.ListPolicyTags(), func(in *iamapi.ListPolicyTagsRequest) *string {
			return in.PolicyArn
		}, nil,
			func(_ context.Context, _ *auth.Caller, p *identity.Policy,
				in *iamapi.ListPolicyTagsRequest) (*iamapi.ListPolicyTagsResponse, error) {
				list, err := tagPage(p.Tags, in.Marker, in.MaxItems)
				return &iamapi.ListPolicyTagsResponse{Tags: list.items, IsTruncated: list.truncated,
					Marker: list.marker}, err
			}),
	}
}

func tagPage(tags []identity.Tag, marker *string, maxItems *int64) (page[iamapi.Tag], error) {
	list := each(tags, func(t identity.Tag) iamapi.Tag { return iamapi.Tag{Key: &t.Key, Value: &t.Value} })
	return pageOf(list, func(t iamapi.Tag) string { return strings.ToLower(*t.Key) }, marker, maxItems)
}
