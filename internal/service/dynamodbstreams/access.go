package dynamodbstreams

import (
	"context"

	"github.com/sealtable/sealtable/internal/api/dynamodbstreamsapi"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/engine"
)

// need adds the permission for an action on a stream, and notes its ARN for the trail.
func need(action string, name streamName, needs *auth.Needs) {
	needs.Add(auth.Need{Action: "dynamodb:" + action, Resource: name.arn()})
	needs.Note("streamArn", name.arn())
}

func needOn(caller *auth.Caller, action string, given *string, needs *auth.Needs) error {
	name, err := readARN(caller, given)
	if err == nil {
		need(action, name, needs)
	}
	return err
}

// listStreamsAccess needs the permission for all streams of a table, or of all tables.
func listStreamsAccess(_ context.Context, caller *auth.Caller, in *dynamodbstreamsapi.ListStreamsInput, needs *auth.Needs) error {
	table := "*"
	if in.TableName != nil {
		table = *in.TableName
		needs.Note("tableName", table)
	}
	all := streamName{engine.Name{Account: caller.Account, Region: caller.Region, Table: table}, "*"}
	needs.Add(auth.Need{Action: "dynamodb:ListStreams", Resource: all.arn()})
	return nil
}

func describeStreamAccess(_ context.Context, caller *auth.Caller, in *dynamodbstreamsapi.DescribeStreamInput, needs *auth.Needs) error {
	return needOn(caller, "DescribeStream", in.StreamArn, needs)
}

func getShardIteratorAccess(_ context.Context, caller *auth.Caller, in *dynamodbstreamsapi.GetShardIteratorInput, needs *auth.Needs) error {
	return needOn(caller, "GetShardIterator", in.StreamArn, needs)
}

func (s *Service) getRecordsAccess(_ context.Context, caller *auth.Caller, in *dynamodbstreamsapi.GetRecordsInput, needs *auth.Needs) error {
	it, err := s.openIterator(caller, *in.ShardIterator)
	if err == nil {
		need("GetRecords", it.name(), needs)
	}
	return err
}
