package dynamodbstreams

import (
	"context"
	"slices"
	"strings"

	"github.com/sealtable/sealtable/internal/api/dynamodbstreamsapi"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/engine"
	"github.com/sealtable/sealtable/internal/service"
)

// maxListed is how many streams or shards one answer gives at most ("ListStreams", "DescribeStream": Limit).
const maxListed = 100

func atMost(limit *int64) int {
	if limit == nil || *limit > maxListed {
		return maxListed
	}
	return int(*limit)
}

func (s *Service) listStreams(
	_ context.Context, caller *auth.Caller, in *dynamodbstreamsapi.ListStreamsInput,
	_ service.None,
) (*dynamodbstreamsapi.ListStreamsOutput, error) {
	after := ""
	if in.ExclusiveStartStreamArn != nil {
		if _, err := readARN(caller, in.ExclusiveStartStreamArn); err != nil {
			return nil, err
		}
		after = *in.ExclusiveStartStreamArn
	}
	all := slices.DeleteFunc(s.streamsOf(caller, in.TableName),
		func(name streamName) bool { return name.arn() <= after })
	limit := min(atMost(in.Limit), len(all))
	out := &dynamodbstreamsapi.ListStreamsOutput{Streams: make([]dynamodbstreamsapi.Stream, limit)}
	for i, name := range all[:limit] {
		out.Streams[i] = dynamodbstreamsapi.Stream{StreamArn: new(name.arn()), StreamLabel: &name.label,
			TableName: &name.table.Table}
	}
	if limit < len(all) {
		out.LastEvaluatedStreamArn = out.Streams[limit-1].StreamArn
	}
	return out, nil
}

// streamsOf lists the streams of the caller's tables, or of one of them, in the order of their ARNs.
func (s *Service) streamsOf(caller *auth.Caller, table *string) (all []streamName) {
	names := s.engine.TableNames(caller.Account, caller.Region, "")
	if table != nil {
		names = []string{*table}
	}
	for _, name := range names {
		t, err := s.engine.Table(engine.Name{Account: caller.Account, Region: caller.Region, Table: name})
		if err != nil || t.Deleting {
			continue
		}
		for _, stream := range t.Streams {
			if _, err := t.Stream(stream.Label, s.clock.Now()); err == nil {
				all = append(all, streamName{t.Name, stream.Label})
			}
		}
	}
	slices.SortFunc(all, func(a, b streamName) int { return strings.Compare(a.arn(), b.arn()) })
	return all
}

func (s *Service) describeStream(
	ctx context.Context, caller *auth.Caller, in *dynamodbstreamsapi.DescribeStreamInput, f target,
) (*dynamodbstreamsapi.DescribeStreamOutput, error) {
	if err := checkFilter(in.ShardFilter); err != nil {
		return nil, err
	}
	if err := s.open(ctx, caller, &f); err != nil {
		return nil, err
	}
	shards, err := s.engine.Shards(ctx, f.table, f.stream.Number)
	if err != nil {
		return nil, refusal(err, f.name.arn())
	}
	d := &dynamodbstreamsapi.StreamDescription{
		StreamArn: in.StreamArn, StreamLabel: &f.stream.Label,
		StreamStatus:   new(status(f.stream, s.clock.Now())),
		StreamViewType: new(string(f.stream.View)), CreationRequestDateTime: &f.stream.Created,
		TableName: &f.table.Name.Table,
		KeySchema: keySchema(&f.table.Key),
	}
	d.Shards, d.LastEvaluatedShardId = pageOfShards(f.stream, shards, in)
	return &dynamodbstreamsapi.DescribeStreamOutput{StreamDescription: d}, nil
}

func checkFilter(filter *dynamodbstreamsapi.ShardFilter) error {
	if filter != nil && (filter.Type == nil || filter.ShardId == nil) {
		return invalid("ShardFilter must have both Type and ShardId")
	}
	return nil
}

// pageOfShards are the shards behind ExclusiveStartShardId that the filter lets through, up to the limit.
func pageOfShards(
	stream *engine.Stream, shards []engine.Shard, in *dynamodbstreamsapi.DescribeStreamInput,
) (page []dynamodbstreamsapi.Shard, last *string) {
	page, limit := []dynamodbstreamsapi.Shard{}, atMost(in.Limit)
	for _, shard := range shards {
		id := shardID(stream, shard.Ordinal)
		if in.ExclusiveStartShardId != nil && id <= *in.ExclusiveStartShardId {
			continue
		}
		if in.ShardFilter != nil && shardOrdinal(stream, *in.ShardFilter.ShardId)+1 != shard.Ordinal {
			continue
		}
		if len(page) == limit {
			return page, page[limit-1].ShardId
		}
		page = append(page, describeShard(stream, &shard))
	}
	return page, nil
}

func describeShard(stream *engine.Stream, shard *engine.Shard) dynamodbstreamsapi.Shard {
	out := dynamodbstreamsapi.Shard{
		ShardId: new(shardID(stream, shard.Ordinal)),
		SequenceNumberRange: &dynamodbstreamsapi.SequenceNumberRange{
			StartingSequenceNumber: new(sequenceNumber(shard.First)),
		},
	}
	if shard.Closed {
		out.SequenceNumberRange.EndingSequenceNumber = new(sequenceNumber(shard.Last))
	}
	if shard.Ordinal > 1 {
		out.ParentShardId = new(shardID(stream, shard.Ordinal-1))
	}
	return out
}

func keySchema(k *engine.KeySchema) []dynamodbstreamsapi.KeySchemaElement {
	out := []dynamodbstreamsapi.KeySchemaElement{{AttributeName: &k.Hash.Name, KeyType: new("HASH")}}
	if k.Range != nil {
		out = append(out, dynamodbstreamsapi.KeySchemaElement{AttributeName: &k.Range.Name,
			KeyType: new("RANGE")})
	}
	return out
}
