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
		onPrincipal(s, iamapi.UpdateUser(), identity.User, func(in *iamapi.UpdateUserRequest) *string {
			return in.UserName
		},
			describeMovedUser, s.updateUser),
		onPrincipal(s, iamapi.DeleteUser(), identity.User, func(in *iamapi.DeleteUserRequest) *string {
			return in.UserName
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

// bindGetUser binds the one operation that answers the root user about itself: its plan is nothing then.
func (s *Service) bindGetUser() service.Bound {
	name := func(in *iamapi.GetUserRequest) *string { return in.UserName }
	planNamed := planPrincipal(s, "GetUser", identity.User, name, nil)
	runNamed := runPrincipal("GetUser", func(
		_ context.Context, p *identity.Principal, _ *iamapi.GetUserRequest,
	) (*iamapi.GetUserResponse, error) {
		return &iamapi.GetUserResponse{User: user(p)}, nil
	})
	plan := func(
		ctx context.Context, caller *auth.Caller, in *iamapi.GetUserRequest, needs *auth.Needs,
	) (found[identity.Principal], error) {
		if in.UserName == nil && caller.Type == auth.Root {
			needs.Add(auth.Need{Action: "iam:GetUser", Resource: caller.ARN})
			return found[identity.Principal]{}, nil
		}
		return planNamed(ctx, caller, in, needs)
	}
	return service.Bind(iamapi.GetUser(), plan, func(
		ctx context.Context, caller *auth.Caller, in *iamapi.GetUserRequest, plan found[identity.Principal],
	) (*iamapi.GetUserResponse, error) {
		if plan.it == nil && plan.missing == nil {
			root := arn.New("iam", "", caller.Account, "root").String()
			return &iamapi.GetUserResponse{User: &iamapi.User{Arn: &root, UserId: &caller.Account}}, nil
		}
		return runNamed(ctx, caller, in, plan)
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
func describeMovedUser(in *iamapi.UpdateUserRequest, c *call) {
	c.needs.Add(auth.Need{
		Action: "iam:UpdateUser", Context: c,
		Resource: c.movedARN(identity.User, *in.UserName, in.NewUserName, in.NewPath),
	})
}

// movedARN is what the principal will be called.
func (c *call) movedARN(kind identity.Kind, name string, newName, newPath *string) string {
	path := "/"
	if c.principal != nil {
		path = c.principal.Path
	}
	if newPath != nil {
		path = *newPath
	}
	if newName != nil {
		name = *newName
	}
	return identity.NameARN(c.account, kind, path, name)
}

func (s *Service) updateUser(
	ctx context.Context, p *identity.Principal, in *iamapi.UpdateUserRequest,
) (*iamapi.UpdateUserOutput, error) {
	return &iamapi.UpdateUserOutput{}, s.directory.Move(ctx, p, api.Text(in.NewUserName),
		api.Text(in.NewPath))
}
