package dynamodb

import (
	"context"

	"github.com/sealtable/sealtable/internal/api/dynamodbapi"
	"github.com/sealtable/sealtable/internal/auth"
)

// need adds the permission for an action on the table that a request names, and notes the name for the trail.
func (s *Service) need(caller *auth.Caller, action string, given *string, needs *auth.Needs) error {
	resource, err := s.resource(caller, given)
	if err != nil {
		return err
	}
	needs.Add(auth.Need{Action: action, Resource: resource})
	needs.Note("tableName", *given)
	return nil
}

func createTableAccess(_ context.Context, caller *auth.Caller, in *dynamodbapi.CreateTableInput, needs *auth.Needs) error {
	name, err := tableName(caller, in.TableName)
	if err != nil {
		return err
	}
	needs.Add(auth.Need{Action: "dynamodb:CreateTable", Resource: tableARN(name)})
	if len(in.Tags) > 0 {
		needs.Add(auth.Need{Action: "dynamodb:TagResource", Resource: tableARN(name)})
	}
	needs.Note("tableName", *in.TableName)
	noteEncryption(in.SSESpecification, needs)
	return nil
}

func listTablesAccess(_ context.Context, _ *auth.Caller, _ *dynamodbapi.ListTablesInput, needs *auth.Needs) error {
	needs.Add(auth.Need{Action: "dynamodb:ListTables", Resource: "*"})
	return nil
}

func (s *Service) describeTableAccess(_ context.Context, caller *auth.Caller, in *dynamodbapi.DescribeTableInput, needs *auth.Needs) error {
	return s.need(caller, "dynamodb:DescribeTable", in.TableName, needs)
}

func (s *Service) updateTableAccess(_ context.Context, caller *auth.Caller, in *dynamodbapi.UpdateTableInput, needs *auth.Needs) error {
	noteEncryption(in.SSESpecification, needs)
	return s.need(caller, "dynamodb:UpdateTable", in.TableName, needs)
}

func (s *Service) deleteTableAccess(_ context.Context, caller *auth.Caller, in *dynamodbapi.DeleteTableInput, needs *auth.Needs) error {
	return s.need(caller, "dynamodb:DeleteTable", in.TableName, needs)
}

func (s *Service) putItemAccess(_ context.Context, caller *auth.Caller, in *dynamodbapi.PutItemInput, needs *auth.Needs) error {
	return s.need(caller, "dynamodb:PutItem", in.TableName, needs)
}

func (s *Service) getItemAccess(_ context.Context, caller *auth.Caller, in *dynamodbapi.GetItemInput, needs *auth.Needs) error {
	return s.need(caller, "dynamodb:GetItem", in.TableName, needs)
}

func (s *Service) updateItemAccess(_ context.Context, caller *auth.Caller, in *dynamodbapi.UpdateItemInput, needs *auth.Needs) error {
	return s.need(caller, "dynamodb:UpdateItem", in.TableName, needs)
}

func (s *Service) deleteItemAccess(_ context.Context, caller *auth.Caller, in *dynamodbapi.DeleteItemInput, needs *auth.Needs) error {
	return s.need(caller, "dynamodb:DeleteItem", in.TableName, needs)
}

func (s *Service) queryAccess(_ context.Context, caller *auth.Caller, in *dynamodbapi.QueryInput, needs *auth.Needs) error {
	return s.need(caller, "dynamodb:Query", in.TableName, needs)
}

func (s *Service) scanAccess(_ context.Context, caller *auth.Caller, in *dynamodbapi.ScanInput, needs *auth.Needs) error {
	return s.need(caller, "dynamodb:Scan", in.TableName, needs)
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
