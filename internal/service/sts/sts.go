// Package sts answers the Security Token Service's API.
//
// Callers may rely on this: GetCallerIdentity answers whoever signed the request, and needs no permission, as in AWS.
package sts

import (
	"context"

	"github.com/sealtable/sealtable/internal/api/stsapi"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/service"
)

// Service answers operations.
type Service struct{}

// New returns a Service.
func New() *Service { return &Service{} }

// Table is the service's operation table on a path.
func (s *Service) Table(path *service.Path) *service.Table {
	return service.NewTable("sts", path,
		service.Bind(stsapi.GetCallerIdentity(), noNeed, getCallerIdentity),
	)
}

// noNeed is the access of an operation that no policy can refuse ("GetCallerIdentity: no permissions are required").
func noNeed(context.Context, *auth.Caller, *stsapi.GetCallerIdentityRequest, *auth.Needs) error {
	return nil
}

func getCallerIdentity(_ context.Context, caller *auth.Caller, _ *stsapi.GetCallerIdentityRequest) (*stsapi.GetCallerIdentityResponse, error) {
	return &stsapi.GetCallerIdentityResponse{Account: &caller.Account, Arn: &caller.ARN, UserId: &caller.UserID}, nil
}
