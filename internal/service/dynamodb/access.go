package dynamodb

import (
	"context"

	"github.com/sealtable/sealtable/internal/api/dynamodbapi"
	"github.com/sealtable/sealtable/internal/auth"
)

// need adds the permission for an action on the table that a request names, and notes the name for the trail.
func (s *Service) need(caller *auth.Caller, action string, given *string, needs *auth.Needs) error {
	return s.needFor(caller, action, given, nil, needs)
}

// needFor is need for a request whose members policies may put conditions on.
func (s *Service) needFor(
	caller *auth.Caller, action string, given *string, request any, needs *auth.Needs,
) error {
	resource, err := s.resource(caller, given)
	if err != nil {
		return err
	}
	s.add(caller, action, resource, request, needs)
	needs.Note("tableName", *given)
	return nil
}

// needIndexed is needFor for what reads either the table or one of its indexes, which is a resource of its
// own.
func (s *Service) needIndexed(
	caller *auth.Caller, action string, given, index *string, request any, needs *auth.Needs,
) error {
	if index == nil {
		return s.needFor(caller, action, given, request, needs)
	}
	resource, err := s.resource(caller, given)
	if err != nil {
		return err
	}
	s.add(caller, action, indexARN(resource, *index), request, needs).table = resource
	needs.Note("tableName", *given)
	needs.Note("indexName", *index)
	return nil
}

// add adds a need, with the condition keys that it has, and gives those back.
func (s *Service) add(
	caller *auth.Caller, action, resource string, request any, needs *auth.Needs,
) *conditionKeys {
	c := keysIn(needs)
	c.service = s
	c.caller = caller
	c.action = action
	c.table = resource
	c.request = request
	needs.Add(auth.Need{Action: action, Resource: resource, Context: c,
		Policy: s.PolicyOn(caller, action, resource)})
	return c
}

func (s *Service) createTableAccess(
	_ context.Context, caller *auth.Caller, in *dynamodbapi.CreateTableInput, needs *auth.Needs,
) error {
	name, err := tableName(caller, in.TableName)
	if err != nil {
		return err
	}
	tags := tagMap(in.Tags)
	s.add(caller, "dynamodb:CreateTable", tableARN(name), nil, needs).tags = tags
	if len(in.Tags) > 0 {
		s.add(caller, "dynamodb:TagResource", tableARN(name), nil, needs).tags = tags
	}
	if in.ResourcePolicy != nil {
		s.add(caller, "dynamodb:PutResourcePolicy", tableARN(name), nil, needs)
		needs.Note("resourcePolicy", *in.ResourcePolicy)
	}
	needs.Note("tableName", *in.TableName)
	noteEncryption(in.SSESpecification, needs)
	return nil
}

func listTablesAccess(
	_ context.Context, _ *auth.Caller, _ *dynamodbapi.ListTablesInput, needs *auth.Needs,
) error {
	needs.Add(auth.Need{Action: "dynamodb:ListTables", Resource: "*"})
	return nil
}

func (s *Service) describeTableAccess(
	_ context.Context, caller *auth.Caller, in *dynamodbapi.DescribeTableInput, needs *auth.Needs,
) error {
	return s.need(caller, "dynamodb:DescribeTable", in.TableName, needs)
}

func (s *Service) updateTableAccess(
	_ context.Context, caller *auth.Caller, in *dynamodbapi.UpdateTableInput, needs *auth.Needs,
) error {
	noteEncryption(in.SSESpecification, needs)
	return s.need(caller, "dynamodb:UpdateTable", in.TableName, needs)
}

func (s *Service) deleteTableAccess(
	_ context.Context, caller *auth.Caller, in *dynamodbapi.DeleteTableInput, needs *auth.Needs,
) error {
	return s.need(caller, "dynamodb:DeleteTable", in.TableName, needs)
}

func (s *Service) putItemAccess(
	_ context.Context, caller *auth.Caller, in *dynamodbapi.PutItemInput, needs *auth.Needs,
) error {
	return s.needFor(caller, "dynamodb:PutItem", in.TableName, in, needs)
}

func (s *Service) getItemAccess(
	_ context.Context, caller *auth.Caller, in *dynamodbapi.GetItemInput, needs *auth.Needs,
) error {
	return s.needFor(caller, "dynamodb:GetItem", in.TableName, in, needs)
}

func (s *Service) updateItemAccess(
	_ context.Context, caller *auth.Caller, in *dynamodbapi.UpdateItemInput, needs *auth.Needs,
) error {
	return s.needFor(caller, "dynamodb:UpdateItem", in.TableName, in, needs)
}

func (s *Service) deleteItemAccess(
	_ context.Context, caller *auth.Caller, in *dynamodbapi.DeleteItemInput, needs *auth.Needs,
) error {
	return s.needFor(caller, "dynamodb:DeleteItem", in.TableName, in, needs)
}

func (s *Service) queryAccess(
	_ context.Context, caller *auth.Caller, in *dynamodbapi.QueryInput, needs *auth.Needs,
) error {
	return s.needIndexed(caller, "dynamodb:Query", in.TableName, in.IndexName, in, needs)
}

func (s *Service) scanAccess(
	_ context.Context, caller *auth.Caller, in *dynamodbapi.ScanInput, needs *auth.Needs,
) error {
	return s.needIndexed(caller, "dynamodb:Scan", in.TableName, in.IndexName, in, needs)
}

// noteEncryption shows the trail which key was asked for, in CloudTrail's casing.
func noteEncryption(spec *dynamodbapi.SSESpecification, needs *auth.Needs) {
	if spec == nil {
		return
	}
	shown := map[string]any{}
	if spec.Enabled != nil {
		shown["enabled"] = *spec.Enabled
	}
	if spec.SSEType != nil {
		shown["sSEType"] = *spec.SSEType
	}
	if spec.KMSMasterKeyId != nil {
		shown["kMSMasterKeyId"] = *spec.KMSMasterKeyId
	}
	needs.Note("sSESpecification", shown)
}
