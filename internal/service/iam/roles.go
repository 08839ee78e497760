package iam

import (
	"context"
	"strings"
	"time"

	"github.com/sealtable/sealtable/internal/api"
	"github.com/sealtable/sealtable/internal/api/iamapi"
	"github.com/sealtable/sealtable/internal/identity"
	"github.com/sealtable/sealtable/internal/service"
)

func (s *Service) bindRoles() []service.Bound {
	return []service.Bound{
		onNew(iamapi.CreateRole(), func(account string, in *iamapi.CreateRoleRequest) string {
			return identity.NameARN(account, identity.Role, pathOf(in.Path), *in.RoleName)
		}, describeNewRole, s.createRole),
		onPrincipal(s, iamapi.GetRole(), identity.Role, func(in *iamapi.GetRoleRequest) *string {
			return in.RoleName
		}, nil,
			func(_ context.Context, p *identity.Principal, _ *iamapi.GetRoleRequest) (*iamapi.GetRoleResponse,
				error) {
				return &iamapi.GetRoleResponse{Role: s.role(p)}, nil
			}),
		onNew(iamapi.ListRoles(), func(account string, in *iamapi.ListRolesRequest) string {
			return identity.NameARN(account, identity.Role, pathOf(in.PathPrefix), "")
		}, nil, s.listRoles),
		onPrincipal(s, iamapi.UpdateRole(), identity.Role, func(in *iamapi.UpdateRoleRequest) *string {
			return in.RoleName
		},
			nil, s.updateRole),
		onPrincipal(s, iamapi.UpdateRoleDescription(), identity.Role,
			func(in *iamapi.UpdateRoleDescriptionRequest) *string { return in.RoleName }, nil,
			s.updateRoleDescription),
		onPrincipal(s, iamapi.UpdateAssumeRolePolicy(), identity.Role,
			func(in *iamapi.UpdateAssumeRolePolicyRequest) *string { return in.RoleName },
			func(in *iamapi.UpdateAssumeRolePolicyRequest, c *call) {
				c.needs.Note("policyDocument", *in.PolicyDocument)
			},
			s.updateTrust),
		onPrincipal(s, iamapi.DeleteRole(), identity.Role, func(in *iamapi.DeleteRoleRequest) *string {
			return in.RoleName
		}, nil,
			func(ctx context.Context, p *identity.Principal,
				_ *iamapi.DeleteRoleRequest) (*iamapi.DeleteRoleOutput, error) {
				return &iamapi.DeleteRoleOutput{}, s.directory.Delete(ctx, p)
			}),
		onPrincipal(s, iamapi.ListInstanceProfilesForRole(), identity.Role,
			func(in *iamapi.ListInstanceProfilesForRoleRequest) *string { return in.RoleName }, nil,
			profilesOfRole),
	}
}

func describeNewRole(in *iamapi.CreateRoleRequest, c *call) {
	c.setText("iam:permissionsboundary", in.PermissionsBoundary)
	c.setRequest(readTags(in.Tags))
	c.needs.Note("roleName", *in.RoleName)
	c.needs.Note("path", pathOf(in.Path))
	c.needs.Note("assumeRolePolicyDocument", *in.AssumeRolePolicyDocument)
}

func seconds(n *int64) time.Duration {
	if n == nil {
		return 0
	}
	return time.Duration(*n) * time.Second
}

func (s *Service) createRole(
	ctx context.Context, account string, in *iamapi.CreateRoleRequest,
) (*iamapi.CreateRoleResponse, error) {
	if strings.HasPrefix(pathOf(in.Path), servicePath) {
		return nil, iamapi.InvalidInputException("The path " + servicePath +
			" is reserved for service-linked roles.")
	}
	p, err := s.directory.Create(ctx, identity.New{
		Kind: identity.Role, Account: account, Name: *in.RoleName, Path: pathOf(in.Path),
		Tags:     readTags(in.Tags),
		Boundary: api.Text(in.PermissionsBoundary), Trust: *in.AssumeRolePolicyDocument,
		Description: api.Text(in.Description),
		MaxSession:  seconds(in.MaxSessionDuration),
	})
	if err != nil {
		return nil, err
	}
	return &iamapi.CreateRoleResponse{Role: madeRole(p)}, nil
}

func (s *Service) listRoles(
	_ context.Context, account string, in *iamapi.ListRolesRequest,
) (*iamapi.ListRolesResponse, error) {
	list, err := pageOf(s.directory.List(account, identity.Role, pathOf(in.PathPrefix)), byName, in.Marker,
		in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &iamapi.ListRolesResponse{Roles: each(list.items, listedRole), IsTruncated: list.truncated,
		Marker: list.marker}, nil
}

func (s *Service) updateRole(
	ctx context.Context, p *identity.Principal, in *iamapi.UpdateRoleRequest,
) (*iamapi.UpdateRoleResponse, error) {
	var maxSession *time.Duration
	if in.MaxSessionDuration != nil {
		maxSession = new(seconds(in.MaxSessionDuration))
	}
	return &iamapi.UpdateRoleResponse{}, s.directory.SetRole(ctx, p, in.Description, maxSession)
}

func (s *Service) updateRoleDescription(
	ctx context.Context, p *identity.Principal, in *iamapi.UpdateRoleDescriptionRequest,
) (*iamapi.UpdateRoleDescriptionResponse, error) {
	if err := s.directory.SetRole(ctx, p, in.Description, nil); err != nil {
		return nil, err
	}
	p, err := s.directory.FindARN(identity.Role, p.ARN())
	if err != nil {
		return nil, err
	}
	return &iamapi.UpdateRoleDescriptionResponse{Role: madeRole(p)}, nil
}

func (s *Service) updateTrust(
	ctx context.Context, p *identity.Principal, in *iamapi.UpdateAssumeRolePolicyRequest,
) (*iamapi.UpdateAssumeRolePolicyOutput, error) {
	return &iamapi.UpdateAssumeRolePolicyOutput{}, s.directory.SetTrust(ctx, p, *in.PolicyDocument)
}

// profilesOfRole answers that there are none: nothing here runs on instances.
func profilesOfRole(
	_ context.Context, _ *identity.Principal, in *iamapi.ListInstanceProfilesForRoleRequest,
) (*iamapi.ListInstanceProfilesForRoleResponse, error) {
	list, err := none[iamapi.InstanceProfile](in.Marker, in.MaxItems)
	return &iamapi.ListInstanceProfilesForRoleResponse{InstanceProfiles: list.items,
		IsTruncated: list.truncated}, err
}
