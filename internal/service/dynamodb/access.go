package dynamodb

import (
	"context"

	"github.com/sealtable/sealtable/internal/api/dynamodbapi"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/service"
)

func (s *Service) planCreateTable(
	_ context.Context, caller *auth.Caller, in *dynamodbapi.CreateTableInput, needs *auth.Needs,
) (target, error) {
	t, err := s.target(caller, in.TableName)
	if err != nil {
		return t, err
	}
	tags := tagMap(in.Tags)
	s.needOn(caller, "dynamodb:CreateTable", &t, "", needs).tags = tags
	if len(in.Tags) > 0 {
		s.needOn(caller, "dynamodb:TagResource", &t, "", needs).tags = tags
	}
	if in.ResourcePolicy != nil {
		s.needOn(caller, "dynamodb:PutResourcePolicy", &t, "", needs)
		needs.Note("resourcePolicy", *in.ResourcePolicy)
	}
	needs.Note("tableName", *in.TableName)
	noteEncryption(in.SSESpecification, needs)
	return t, nil
}

func planListTables(
	_ context.Context, _ *auth.Caller, _ *dynamodbapi.ListTablesInput, needs *auth.Needs,
) (service.None, error) {
	needs.Add(auth.Need{Action: "dynamodb:ListTables", Resource: "*"})
	return service.None{}, nil
}

func (s *Service) planDescribeTable(
	_ context.Context, caller *auth.Caller, in *dynamodbapi.DescribeTableInput, needs *auth.Needs,
) (target, error) {
	return s.need(caller, "dynamodb:DescribeTable", in.TableName, needs)
}

func (s *Service) planUpdateTable(
	_ context.Context, caller *auth.Caller, in *dynamodbapi.UpdateTableInput, needs *auth.Needs,
) (target, error) {
	noteEncryption(in.SSESpecification, needs)
	return s.need(caller, "dynamodb:UpdateTable", in.TableName, needs)
}

func (s *Service) planDeleteTable(
	_ context.Context, caller *auth.Caller, in *dynamodbapi.DeleteTableInput, needs *auth.Needs,
) (target, error) {
	return s.need(caller, "dynamodb:DeleteTable", in.TableName, needs)
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
