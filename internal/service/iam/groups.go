package iam

import (
	"context"

	"github.com/sealtable/sealtable/internal/api"
	"github.com/sealtable/sealtable/internal/api/iamapi"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/identity"
	"github.com/sealtable/sealtable/internal/service"
)

func (s *Service) bindGroups() []service.Bound {
	return []service.Bound{
		onNew(iamapi.CreateGroup(), func(account string, in *iamapi.CreateGroupRequest) string {
			return identity.NameARN(account, identity.Group, pathOf(in.Path), *in.GroupName)
		}, func(in *iamapi.CreateGroupRequest, c *call) { c.needs.Note("groupName", *in.GroupName) },
			s.createGroup),
		onPrincipal(s, iamapi.GetGroup(), identity.Group, func(in *iamapi.GetGroupRequest) *string {
			return in.GroupName
		}, nil, s.getGroup),
		onNew(iamapi.ListGroups(), func(account string, in *iamapi.ListGroupsRequest) string {
			return identity.NameARN(account, identity.Group, pathOf(in.PathPrefix), "")
		}, nil, s.listGroups),
		onPrincipal(s, iamapi.UpdateGroup(), identity.Group,
			func(in *iamapi.UpdateGroupRequest) *string { return in.GroupName },
			describeMovedGroup,
			func(ctx context.Context, p *identity.Principal,
				in *iamapi.UpdateGroupRequest) (*iamapi.UpdateGroupOutput, error) {
				return &iamapi.UpdateGroupOutput{}, s.directory.Move(ctx, p, api.Text(in.NewGroupName),
					api.Text(in.NewPath))
			}),
		onPrincipal(s, iamapi.DeleteGroup(), identity.Group,
			func(in *iamapi.DeleteGroupRequest) *string { return in.GroupName }, nil,
			func(ctx context.Context, p *identity.Principal,
				_ *iamapi.DeleteGroupRequest) (*iamapi.DeleteGroupOutput, error) {
				return &iamapi.DeleteGroupOutput{}, s.directory.Delete(ctx, p)
			}),
	}
}

func (s *Service) createGroup(
	ctx context.Context, account string, in *iamapi.CreateGroupRequest,
) (*iamapi.CreateGroupResponse, error) {
	p, err := s.directory.Create(ctx, identity.New{
		Kind: identity.Group, Account: account, Name: *in.GroupName, Path: pathOf(in.Path),
	})
	if err != nil {
		return nil, err
	}
	return &iamapi.CreateGroupResponse{Group: new(group(p))}, nil
}

func (s *Service) getGroup(
	_ context.Context, p *identity.Principal, in *iamapi.GetGroupRequest,
) (*iamapi.GetGroupResponse, error) {
	list, err := pageOf(s.directory.Members(p), byName, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &iamapi.GetGroupResponse{
		Group: new(group(p)), Users: each(list.items, listedUser), IsTruncated: list.truncated,
		Marker: list.marker,
	}, nil
}

func (s *Service) listGroups(
	_ context.Context, account string, in *iamapi.ListGroupsRequest,
) (*iamapi.ListGroupsResponse, error) {
	list, err := pageOf(s.directory.List(account, identity.Group, pathOf(in.PathPrefix)), byName, in.Marker,
		in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &iamapi.ListGroupsResponse{Groups: each(list.items, group), IsTruncated: list.truncated,
		Marker: list.marker}, nil
}

func describeMovedGroup(in *iamapi.UpdateGroupRequest, c *call) {
	c.needs.Add(auth.Need{
		Action: "iam:UpdateGroup", Context: c,
		Resource: c.movedARN(identity.Group, *in.GroupName, in.NewGroupName, in.NewPath),
	})
}

func (s *Service) bindMembership() []service.Bound {
	return []service.Bound{
		onPrincipal(s, iamapi.AddUserToGroup(), identity.Group,
			func(in *iamapi.AddUserToGroupRequest) *string { return in.GroupName },
			func(in *iamapi.AddUserToGroupRequest, c *call) { c.needs.Note("userName", *in.UserName) },
			func(ctx context.Context, p *identity.Principal,
				in *iamapi.AddUserToGroupRequest) (*iamapi.AddUserToGroupOutput, error) {
				member, err := s.directory.Find(p.Account, identity.User, *in.UserName)
				if err != nil {
					return nil, err
				}
				return &iamapi.AddUserToGroupOutput{}, s.directory.Join(ctx, member, p)
			}),
		onPrincipal(s, iamapi.RemoveUserFromGroup(), identity.Group,
			func(in *iamapi.RemoveUserFromGroupRequest) *string { return in.GroupName },
			func(in *iamapi.RemoveUserFromGroupRequest, c *call) { c.needs.Note("userName", *in.UserName) },
			func(ctx context.Context, p *identity.Principal,
				in *iamapi.RemoveUserFromGroupRequest) (*iamapi.RemoveUserFromGroupOutput, error) {
				member, err := s.directory.Find(p.Account, identity.User, *in.UserName)
				if err != nil {
					return nil, err
				}
				return &iamapi.RemoveUserFromGroupOutput{}, s.directory.Leave(ctx, member, p)
			}),
		onPrincipal(s, iamapi.ListGroupsForUser(), identity.User,
			func(in *iamapi.ListGroupsForUserRequest) *string { return in.UserName }, nil, s.groupsOfUser),
	}
}

func (s *Service) groupsOfUser(
	_ context.Context, p *identity.Principal, in *iamapi.ListGroupsForUserRequest,
) (*iamapi.ListGroupsForUserResponse, error) {
	list, err := pageOf(s.directory.GroupsOf(p), byName, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &iamapi.ListGroupsForUserResponse{Groups: each(list.items, group), IsTruncated: list.truncated,
		Marker: list.marker}, nil
}
