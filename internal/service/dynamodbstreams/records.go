package dynamodbstreams

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"time"

	"github.com/sealtable/sealtable/internal/api/dynamodbstreamsapi"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/engine"
)

func (s *Service) getShardIterator(
	ctx context.Context, caller *auth.Caller, in *dynamodbstreamsapi.GetShardIteratorInput,
	f target,
) (*dynamodbstreamsapi.GetShardIteratorOutput, error) {
	number, err := readStart(in)
	if err != nil {
		return nil, err
	}
	if err := s.open(ctx, caller, &f); err != nil {
		return nil, err
	}
	place, err := s.place(ctx, &f, in, number)
	if err != nil {
		return nil, refusal(err, f.name.arn())
	}
	sealed, err := s.sealIterator(&f, place)
	if err != nil {
		return nil, err
	}
	return &dynamodbstreamsapi.GetShardIteratorOutput{ShardIterator: sealed}, nil
}

// readStart is the sequence number that a request begins with, 0 where its type wants none.
func readStart(in *dynamodbstreamsapi.GetShardIteratorInput) (uint64, error) {
	wants := *in.ShardIteratorType == "AT_SEQUENCE_NUMBER" || *in.ShardIteratorType == "AFTER_SEQUENCE_NUMBER"
	if wants == (in.SequenceNumber == nil) {
		given := "no SequenceNumber"
		if in.SequenceNumber != nil {
			given = "also a SequenceNumber"
		}
		return 0, invalid("Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and "+
			"SequenceNumber or (2) TRIM_HORIZON or LATEST "+
			"and no SequenceNumber. Request specified %s and %s.", *in.ShardIteratorType, given)
	}
	if !wants {
		return 0, nil
	}
	return readSequenceNumber(*in.SequenceNumber)
}

func (s *Service) place(
	ctx context.Context, f *target, in *dynamodbstreamsapi.GetShardIteratorInput, number uint64,
) (engine.StreamPosition, error) {
	place := engine.StreamPosition{Stream: f.stream.Number, Shard: shardOrdinal(f.stream, *in.ShardId),
		After: number}
	switch *in.ShardIteratorType {
	case "TRIM_HORIZON":
		return s.engine.Oldest(ctx, f.table, place.Stream, place.Shard)
	case "LATEST":
		return s.engine.Newest(ctx, f.table, place.Stream, place.Shard)
	case "AT_SEQUENCE_NUMBER":
		place.After--
	}
	return place, s.engine.CheckPosition(ctx, f.table, place)
}

// maxRecords is how many records one answer gives at most ("GetRecords": Limit).
const maxRecords = 1000

func (s *Service) getRecords(
	ctx context.Context, caller *auth.Caller, in *dynamodbstreamsapi.GetRecordsInput, from reading,
) (*dynamodbstreamsapi.GetRecordsOutput, error) {
	limit := maxRecords
	if in.Limit != nil {
		if *in.Limit > maxRecords {
			return nil, invalid("1 validation error detected: Value '%d' at 'limit' failed to satisfy "+
				"constraint: Member must have value less than or equal to %d", *in.Limit, maxRecords)
		}
		limit = int(*in.Limit)
	}
	if err := from.at.expired(s.clock.Now()); err != nil {
		return nil, err
	}
	if err := s.open(ctx, caller, &from.target); err != nil {
		return nil, err
	}
	if from.table.ID != from.at.TableID {
		return nil, noStream(from.name.arn())
	}
	page, err := s.engine.ReadStream(ctx, from.table, from.at.Place, limit)
	if err != nil {
		return nil, refusal(err, from.name.arn())
	}
	return s.answer(&from.target, page)
}

func (s *Service) answer(f *target, page *engine.StreamPage) (*dynamodbstreamsapi.GetRecordsOutput, error) {
	out := &dynamodbstreamsapi.GetRecordsOutput{Records: make([]dynamodbstreamsapi.Record, len(page.Records))}
	for i := range page.Records {
		out.Records[i] = describeRecord(f, &page.Records[i])
	}
	if page.Next == nil {
		return out, nil
	}
	var err error
	out.NextShardIterator, err = s.sealIterator(f, *page.Next)
	return out, err
}

func describeRecord(f *target, r *engine.StreamRecord) dynamodbstreamsapi.Record {
	out := dynamodbstreamsapi.Record{
		AwsRegion: &f.name.table.Region, EventID: new(eventID(f, r)),
		EventName:   new(eventName(r.Event)),
		EventSource: new("aws:dynamodb"), EventVersion: new("1.1"),
		Dynamodb: &dynamodbstreamsapi.StreamRecord{
			ApproximateCreationDateTime: new(r.Created.Truncate(time.Second)), Keys: r.Keys,
			NewImage: r.New, OldImage: r.Old,
			SequenceNumber: new(sequenceNumber(r.Number)), SizeBytes: new(int64(r.Size())),
			StreamViewType: new(string(f.stream.View)),
		},
	}
	if r.Expired {
		out.UserIdentity = &dynamodbstreamsapi.Identity{Type: new("Service"),
			PrincipalId: new("dynamodb.amazonaws.com")}
	}
	return out
}

func eventName(e engine.Event) string {
	switch e {
	case engine.Inserted:
		return "INSERT"
	case engine.Removed:
		return "REMOVE"
	}
	return "MODIFY"
}

// eventID is the same each time the record is read, and no other record's.
func eventID(f *target, r *engine.StreamRecord) string {
	text := append([]byte("sealtable event 1"), f.table.ID[:]...)
	text = binary.BigEndian.AppendUint32(text, f.stream.Number)
	sum := sha256.Sum256(binary.BigEndian.AppendUint64(text, r.Number))
	return hex.EncodeToString(sum[:16])
}
