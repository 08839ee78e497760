package iam

import (
	"context"

	"github.com/sealtable/sealtable/internal/api/iamapi"
	"github.com/sealtable/sealtable/internal/identity"
	"github.com/sealtable/sealtable/internal/service"
)

func (s *Service) bindBoundaries() []service.Bound {
	return []service.Bound{
		onPrincipal(s, iamapi.PutUserPermissionsBoundary(), identity.User,
			func(in *iamapi.PutUserPermissionsBoundaryRequest) *string { return in.UserName },
			func(in *iamapi.PutUserPermissionsBoundaryRequest, c *call) {
				c.newBoundary(*in.PermissionsBoundary)
			},
			func(
				ctx context.Context, p *identity.Principal, in *iamapi.PutUserPermissionsBoundaryRequest,
			) (*iamapi.PutUserPermissionsBoundaryOutput, error) {
				return &iamapi.PutUserPermissionsBoundaryOutput{}, s.directory.SetBoundary(ctx, p,
					*in.PermissionsBoundary)
			}),
		onPrincipal(s, iamapi.DeleteUserPermissionsBoundary(), identity.User,
			func(in *iamapi.DeleteUserPermissionsBoundaryRequest) *string { return in.UserName }, nil,
			func(
				ctx context.Context, p *identity.Principal, _ *iamapi.DeleteUserPermissionsBoundaryRequest,
			) (*iamapi.DeleteUserPermissionsBoundaryOutput, error) {
				return &iamapi.DeleteUserPermissionsBoundaryOutput{}, s.directory.SetBoundary(ctx, p, "")
			}),
		onPrincipal(s, iamapi.PutRolePermissionsBoundary(), identity.Role,
			func(in *iamapi.PutRolePermissionsBoundaryRequest) *string { return in.RoleName },
			func(in *iamapi.PutRolePermissionsBoundaryRequest, c *call) {
				c.newBoundary(*in.PermissionsBoundary)
			},
			func(
				ctx context.Context, p *identity.Principal, in *iamapi.PutRolePermissionsBoundaryRequest,
			) (*iamapi.PutRolePermissionsBoundaryOutput, error) {
				return &iamapi.PutRolePermissionsBoundaryOutput{}, s.directory.SetBoundary(ctx, p,
					*in.PermissionsBoundary)
			}),
		onPrincipal(s, iamapi.DeleteRolePermissionsBoundary(), identity.Role,
			func(in *iamapi.DeleteRolePermissionsBoundaryRequest) *string { return in.RoleName }, nil,
			func(
				ctx context.Context, p *identity.Principal, _ *iamapi.DeleteRolePermissionsBoundaryRequest,
			) (*iamapi.DeleteRolePermissionsBoundaryOutput, error) {
				return &iamapi.DeleteRolePermissionsBoundaryOutput{}, s.directory.SetBoundary(ctx, p, "")
			}),
	}
}

// newBoundary lets conditions see the boundary that will be, not the one that is.
func (c *call) newBoundary(policyARN string) {
	c.needs.Note("permissionsBoundary", policyARN)
	c.replace("iam:permissionsboundary", policyARN)
}
