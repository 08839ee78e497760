package dynamodbstreams

import (
	"context"

	"github.com/sealtable/sealtable/internal/api/dynamodbstreamsapi"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/engine"
	"github.com/sealtable/sealtable/internal/service"
)

// target is the plan of an operation on a stream: the stream with its table, or why there is none, which is
// only said to those who have the permission.
type target struct {
	name    streamName
	table   *engine.Table
	stream  *engine.Stream
	missing error
}

// need finds a stream and adds the permission for an action on it, for which its own policy counts. It notes
// its ARN for the trail.
func (s *Service) need(caller *auth.Caller, action string, name streamName, needs *auth.Needs) target {
	f := s.find(name)
	n := auth.Need{Action: action, Resource: name.arn()}
	if f.missing == nil {
		n.Policy = s.tables.PolicyOf(caller, action, f.table, f.stream)
	}
	needs.Add(n)
	needs.Note("streamArn", name.arn())
	return f
}

// find is the stream of a name.
func (s *Service) find(name streamName) target {
	t, err := s.engine.Table(name.table)
	if err != nil || t.Deleting {
		return target{name: name, missing: noStream(name.arn())}
	}
	stream, err := t.Stream(name.label, s.clock.Now())
	return target{name, t, stream, refusal(err, name.arn())}
}

// open lets a caller through who is to see what the rows of the table say.
func (s *Service) open(ctx context.Context, caller *auth.Caller, f *target) error {
	if f.missing != nil {
		return f.missing
	}
	return s.tables.LetThrough(ctx, caller, f.table)
}

func (s *Service) needOn(
	caller *auth.Caller, action string, given *string, needs *auth.Needs,
) (target, error) {
	name, err := readARN(caller, given)
	if err != nil {
		return target{}, err
	}
	return s.need(caller, action, name, needs), nil
}

// planListStreams needs the permission for all streams of a table, or of all tables.
func planListStreams(
	_ context.Context, caller *auth.Caller, in *dynamodbstreamsapi.ListStreamsInput, needs *auth.Needs,
) (service.None, error) {
	table := "*"
	if in.TableName != nil {
		table = *in.TableName
		needs.Note("tableName", table)
	}
	all := streamName{engine.Name{Account: caller.Account, Region: caller.Region, Table: table}, "*"}
	needs.Add(auth.Need{Action: "dynamodb:ListStreams", Resource: all.arn()})
	return service.None{}, nil
}

func (s *Service) planDescribeStream(
	_ context.Context, caller *auth.Caller, in *dynamodbstreamsapi.DescribeStreamInput, needs *auth.Needs,
) (target, error) {
	return s.needOn(caller, "dynamodb:DescribeStream", in.StreamArn, needs)
}

func (s *Service) planGetShardIterator(
	_ context.Context, caller *auth.Caller, in *dynamodbstreamsapi.GetShardIteratorInput, needs *auth.Needs,
) (target, error) {
	return s.needOn(caller, "dynamodb:GetShardIterator", in.StreamArn, needs)
}

// reading is the plan of GetRecords: an iterator that was opened, and the stream that it is for.
type reading struct {
	target
	at *iterator
}

func (s *Service) planGetRecords(
	_ context.Context, caller *auth.Caller, in *dynamodbstreamsapi.GetRecordsInput, needs *auth.Needs,
) (reading, error) {
	it, err := s.openIterator(caller, *in.ShardIterator)
	if err != nil {
		return reading{}, err
	}
	return reading{s.need(caller, "dynamodb:GetRecords", it.name(), needs), it}, nil
}
