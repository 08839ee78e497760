package iam

import (
	"context"

	"github.com/sealtable/sealtable/internal/api"
	"github.com/sealtable/sealtable/internal/api/iamapi"
	"github.com/sealtable/sealtable/internal/arn"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/identity"
	"github.com/sealtable/sealtable/internal/service"
)

func (s *Service) bindUsers() []service.Bound {
	return []service.Bound{
		onNew(iamapi.CreateUser(), func(account string, in *iamapi.CreateUserRequest) string {
			return identity.NameARN(account, identity.User, pathOf(in.Path), *in.UserName)
		}, describeNewUser, s.createUser),
		s.bindGetUser(),
		onNew(iamapi.ListUsers(), func(account string, in *iamapi.ListUsersRequest) string {
			return identity.NameARN(account, identity.User, pathOf(in.PathPrefix), "")
		}, nil, s.listUsers),
		onPrincipal(s, iamapi.UpdateUser(), identity.User, func(in *iamapi.UpdateUserRequest) **string {
			return &in.UserName
		},
			s.describeMovedUser, s.updateUser),
		onPrincipal(s, iamapi.DeleteUser(), identity.User, func(in *iamapi.DeleteUserRequest) **string {
			return &in.UserName
		}, nil,
			func(ctx context.Context, p *identity.Principal,
				_ *iamapi.DeleteUserRequest) (*iamapi.DeleteUserOutput, error) {
				return &iamapi.DeleteUserOutput{}, s.directory.Delete(ctx, p)
			}),
	}
}

func describeNewUser(in *iamapi.CreateUserRequest, c *call) {
	c.setText("iam:permissionsboundary", in.PermissionsBoundary)
	c.setRequest(readTags(in.Tags))
	c.needs.Note("userName", *in.UserName)
	c.needs.Note("path", pathOf(in.Path))
}

func (s *Service) createUser(
	ctx context.Context, account string, in *iamapi.CreateUserRequest,
) (*iamapi.CreateUserResponse, error) {
	p, err := s.directory.Create(ctx, identity.New{
		Kind: identity.User, Account: account, Name: *in.UserName, Path: pathOf(in.Path),
		Tags:     readTags(in.Tags),
		Boundary: api.Text(in.PermissionsBoundary),
	})
	if err != nil {
		return nil, err
	}
	return &iamapi.CreateUserResponse{User: user(p)}, nil
}

// bindGetUser binds the one operation that answers the root user about itself.
func (s *Service) bindGetUser() service.Bound {
	name := func(in *iamapi.GetUserRequest) **string { return &in.UserName }
	accessNamed := accessPrincipal(s, "GetUser", identity.User, name, nil)
	runNamed := runPrincipal(s, "GetUser", identity.User, name,
		func(_ context.Context, p *identity.Principal, _ *iamapi.GetUserRequest) (*iamapi.GetUserResponse,
			error) {
			return &iamapi.GetUserResponse{User: user(p)}, nil
		})
	access := func(ctx context.Context, caller *auth.Caller, in *iamapi.GetUserRequest,
		needs *auth.Needs) error {
		if in.UserName == nil && caller.Type == auth.Root {
			needs.Add(auth.Need{Action: "iam:GetUser", Resource: caller.ARN})
			return nil
		}
		return accessNamed(ctx, caller, in, needs)
	}
	return service.BindAccess(iamapi.GetUser(), access,
		func(ctx context.Context, caller *auth.Caller, in *iamapi.GetUserRequest) (*iamapi.GetUserResponse,
			error) {
			if in.UserName == nil {
				root := arn.New("iam", "", caller.Account, "root").String()
				return &iamapi.GetUserResponse{User: &iamapi.User{Arn: &root, UserId: &caller.Account}}, nil
			}
			return runNamed(ctx, caller, in)
		})
}

func (s *Service) listUsers(
	_ context.Context, account string, in *iamapi.ListUsersRequest,
) (*iamapi.ListUsersResponse, error) {
	list, err := pageOf(s.directory.List(account, identity.User, pathOf(in.PathPrefix)), byName, in.Marker,
		in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &iamapi.ListUsersResponse{Users: each(list.items, listedUser), IsTruncated: list.truncated,
		Marker: list.marker}, nil
}

// describeMovedUser needs the permission for what the user will be called, too ("UpdateUser").
func (s *Service) describeMovedUser(in *iamapi.UpdateUserRequest, c *call) {
	c.needs.Add(auth.Need{
		Action: "iam:UpdateUser", Resource: s.movedARN(c.account, identity.User, *in.UserName, in.NewUserName,
			in.NewPath), Context: c,
	})
}

// movedARN is what a principal will be called.
func (s *Service) movedARN(account string, kind identity.Kind, name string, newName, newPath *string) string {
	path := "/"
	if p, err := s.directory.Find(account, kind, name); err == nil {
		path = p.Path
	}
	if newPath != nil {
		path = *newPath
	}
	if newName != nil {
		name = *newName
	}
	return identity.NameARN(account, kind, path, name)
}

func (s *Service) updateUser(
	ctx context.Context, p *identity.Principal, in *iamapi.UpdateUserRequest,
) (*iamapi.UpdateUserOutput, error) {
	return &iamapi.UpdateUserOutput{}, s.directory.Move(ctx, p, api.Text(in.NewUserName),
		api.Text(in.NewPath))
}
