package iam

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"

	"github.com/sealtable/sealtable/internal/api"
	"github.com/sealtable/sealtable/internal/api/iamapi"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/identity"
	"github.com/sealtable/sealtable/internal/service"
)

// Service-linked roles: those that DynamoDB's services have in AWS ("Using service-linked roles with
// DynamoDB"). They can be made, shown and deleted, so that templates which make them work. Nothing here acts
// in them, so they have no policies.

const servicePath = "/aws-service-role/"

// linkedRole is the name of the role of a service; ok is false for services that have none here.
func linkedRole(serviceName string) (name string, ok bool) {
	switch serviceName {
	case "dynamodb.application-autoscaling.amazonaws.com":
		return "AWSServiceRoleForApplicationAutoScaling_DynamoDBTable", true
	case "replication.dynamodb.amazonaws.com":
		return "AWSServiceRoleForDynamoDBReplication", true
	case "kinesisreplication.dynamodb.amazonaws.com":
		return "AWSServiceRoleForDynamoDBKinesisDataStreamsReplication", true
	case "contributorinsights.dynamodb.amazonaws.com":
		return "AWSServiceRoleForDynamoDBCloudWatchContributorInsights", true
	}
	return "", false
}

func (s *Service) bindServiceLinked() []service.Bound {
	return []service.Bound{
		onNew(iamapi.CreateServiceLinkedRole(),
			func(account string, in *iamapi.CreateServiceLinkedRoleRequest) string {
				name, _ := linkedRole(*in.AWSServiceName)
				return identity.NameARN(account, identity.Role, servicePath+*in.AWSServiceName+"/", name)
			}, func(in *iamapi.CreateServiceLinkedRoleRequest, c *call) {
				c.set("iam:awsservicename", *in.AWSServiceName)
				c.needs.Note("aWSServiceName", *in.AWSServiceName)
			}, s.createServiceLinked),
		onPrincipal(s, iamapi.DeleteServiceLinkedRole(), identity.Role,
			func(in *iamapi.DeleteServiceLinkedRoleRequest) *string { return in.RoleName }, nil,
			s.deleteServiceLinked),
		service.Bind(iamapi.GetServiceLinkedRoleDeletionStatus(), planDeletionStatus,
			deletionStatus),
	}
}

func (s *Service) createServiceLinked(
	ctx context.Context, account string, in *iamapi.CreateServiceLinkedRoleRequest,
) (*iamapi.CreateServiceLinkedRoleResponse, error) {
	name, ok := linkedRole(*in.AWSServiceName)
	if !ok {
		return nil, iamapi.InvalidInputException(*in.AWSServiceName +
			" has no service-linked role in this installation.")
	}
	if in.CustomSuffix != nil {
		return nil, iamapi.InvalidInputException("Custom suffix is not allowed for " + *in.AWSServiceName)
	}
	p, err := s.directory.Create(ctx, identity.New{
		Kind: identity.Role, Account: account, Name: name, Path: servicePath + *in.AWSServiceName + "/",
		Description: api.Text(in.Description),
		Trust: fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":%q},"Action":"sts:AssumeRole"}]}`,
			*in.AWSServiceName),
	})
	if reason, refused := identity.ReasonOf(err); refused && reason == identity.AlreadyExists {
		return nil, iamapi.InvalidInputException("Service role name " + name +
			" has been taken in this account, please try a different suffix.")
	}
	if err != nil {
		return nil, err
	}
	return &iamapi.CreateServiceLinkedRoleResponse{Role: madeRole(p)}, nil
}

// deleteServiceLinked deletes at once: nothing holds on to these roles. The task's id says all that is to
// know of it.
func (s *Service) deleteServiceLinked(
	ctx context.Context, p *identity.Principal, _ *iamapi.DeleteServiceLinkedRoleRequest,
) (*iamapi.DeleteServiceLinkedRoleResponse, error) {
	if !strings.HasPrefix(p.Path, servicePath) {
		return nil, iamapi.NoSuchEntityException("The service-linked role with name " + p.Name +
			" cannot be found.")
	}
	if err := s.directory.Delete(ctx, p); err != nil {
		return nil, err
	}
	return &iamapi.DeleteServiceLinkedRoleResponse{DeletionTaskId: new("task" + p.Path + p.Name + "/" +
		strings.ToLower(rand.Text()))}, nil
}

// deletionTask is the path and the name of the role in a task's id.
func deletionTask(id string) (path, name string, ok bool) {
	rest, is := strings.CutPrefix(id, "task"+servicePath)
	parts := strings.Split(rest, "/")
	if !is || len(parts) != 3 || parts[2] == "" {
		return "", "", false
	}
	known, ok := linkedRole(parts[0])
	return servicePath + parts[0] + "/", parts[1], ok && known == parts[1]
}

func planDeletionStatus(
	_ context.Context, caller *auth.Caller, in *iamapi.GetServiceLinkedRoleDeletionStatusRequest,
	needs *auth.Needs,
) (service.None, error) {
	needs.Note("deletionTaskId", *in.DeletionTaskId)
	path, name, ok := deletionTask(*in.DeletionTaskId)
	if !ok {
		return service.None{}, iamapi.NoSuchEntityException("Deletion task " + *in.DeletionTaskId +
			" cannot be found.")
	}
	needs.Add(auth.Need{
		Action:   "iam:GetServiceLinkedRoleDeletionStatus",
		Resource: identity.NameARN(caller.Account, identity.Role, path, name),
		Context:  &conditions{},
	})
	return service.None{}, nil
}

func deletionStatus(
	context.Context, *auth.Caller, *iamapi.GetServiceLinkedRoleDeletionStatusRequest, service.None,
) (*iamapi.GetServiceLinkedRoleDeletionStatusResponse, error) {
	return &iamapi.GetServiceLinkedRoleDeletionStatusResponse{Status: new("SUCCEEDED")}, nil
}

// protect refuses to change a service-linked role by what is for others.
func protect(p *identity.Principal, operation string) error {
	if p.Kind != identity.Role || !strings.HasPrefix(p.Path, servicePath) {
		return nil
	}
	switch operation {
	case "DeleteRole", "AttachRolePolicy", "DetachRolePolicy", "PutRolePolicy", "DeleteRolePolicy",
		"UpdateAssumeRolePolicy",
		"PutRolePermissionsBoundary", "DeleteRolePermissionsBoundary":
		return iamapi.UnmodifiableEntityException(
			"Cannot perform the operation on the protected role '" + p.Name +
				"' - this role is only modifiable by AWS")
	}
	return nil
}
