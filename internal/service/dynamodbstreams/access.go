package dynamodbstreams

import (
	"context"

	"github.com/sealtable/sealtable/internal/api/dynamodbstreamsapi"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/engine"
)

// need adds the permission for an action on a stream, whose own policy counts, and notes its ARN for the
// trail.
func (s *Service) need(caller *auth.Caller, action string, name streamName, needs *auth.Needs) {
	needs.Add(auth.Need{Action: action, Resource: name.arn(),
		Policy: s.tables.PolicyOn(caller, action, name.arn())})
	needs.Note("streamArn", name.arn())
}

func (s *Service) needOn(caller *auth.Caller, action string, given *string, needs *auth.Needs) error {
	name, err := readARN(caller, given)
	if err == nil {
		s.need(caller, action, name, needs)
	}
	return err
}

// listStreamsAccess needs the permission for all streams of a table, or of all tables.
func listStreamsAccess(
	_ context.Context, caller *auth.Caller, in *dynamodbstreamsapi.ListStreamsInput, needs *auth.Needs,
) error {
	table := "*"
	if in.TableName != nil {
		table = *in.TableName
		needs.Note("tableName", table)
	}
	all := streamName{engine.Name{Account: caller.Account, Region: caller.Region, Table: table}, "*"}
	needs.Add(auth.Need{Action: "dynamodb:ListStreams", Resource: all.arn()})
	return nil
}

func (s *Service) describeStreamAccess(
	_ context.Context, caller *auth.Caller, in *dynamodbstreamsapi.DescribeStreamInput, needs *auth.Needs,
) error {
	return s.needOn(caller, "dynamodb:DescribeStream", in.StreamArn, needs)
}

func (s *Service) getShardIteratorAccess(
	_ context.Context, caller *auth.Caller, in *dynamodbstreamsapi.GetShardIteratorInput, needs *auth.Needs,
) error {
	return s.needOn(caller, "dynamodb:GetShardIterator", in.StreamArn, needs)
}

func (s *Service) getRecordsAccess(
	_ context.Context, caller *auth.Caller, in *dynamodbstreamsapi.GetRecordsInput, needs *auth.Needs,
) error {
	it, err := s.openIterator(caller, *in.ShardIterator)
	if err == nil {
		s.need(caller, "dynamodb:GetRecords", it.name(), needs)
	}
	return err
}
