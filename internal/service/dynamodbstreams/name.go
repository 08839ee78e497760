package dynamodbstreams

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/sealtable/sealtable/internal/arn"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/engine"
)

// streamName is what a stream's ARN says: its table, and its label.
type streamName struct {
	table engine.Name
	label string
}

func (n streamName) arn() string {
	return arn.New("dynamodb", n.table.Region, n.table.Account,
		"table/"+n.table.Table+"/stream/"+n.label).String()
}

// readARN reads the ARN of a stream in the caller's region.
func readARN(caller *auth.Caller, given *string) (streamName, error) {
	a, ok := arn.Parse(*given)
	if !ok || a.Service != "dynamodb" || a.Region != caller.Region {
		return streamName{}, invalid("Invalid StreamArn")
	}
	rest, ok := strings.CutPrefix(a.Resource, "table/")
	if !ok {
		return streamName{}, invalid("Invalid StreamArn")
	}
	table, label, ok := strings.Cut(rest, "/stream/")
	if !ok || table == "" || label == "" || strings.Contains(label, "/") {
		return streamName{}, invalid("Invalid StreamArn")
	}
	return streamName{engine.Name{Account: a.Account, Region: a.Region, Table: table}, label}, nil
}

// shardID names a shard by when its stream began and by its place among the stream's shards, so that the name
// of a shard's parent is known when the parent is trimmed. Names are in the order of their shards.
func shardID(stream *engine.Stream, ordinal uint64) string {
	return fmt.Sprintf("shardId-%020d-%08x", stream.Created.UnixMilli(), ordinal)
}

// shardOrdinal is shardID's inverse, 0 for what is no shard of the stream.
func shardOrdinal(stream *engine.Stream, id string) uint64 {
	_, last, ok := strings.Cut(strings.TrimPrefix(id, "shardId-"), "-")
	if !ok {
		return 0
	}
	ordinal, err := strconv.ParseUint(last, 16, 64)
	if err != nil || shardID(stream, ordinal) != id {
		return 0
	}
	return ordinal
}

// sequenceNumber writes the number of a record with as many digits as DynamoDB has, the same for all, so that
// their order as text is that of the records.
func sequenceNumber(number uint64) string { return fmt.Sprintf("1%020d", number) }

func readSequenceNumber(text string) (number uint64, err error) {
	digits, ok := strings.CutPrefix(text, "1")
	if ok && len(digits) == 20 {
		if number, err = strconv.ParseUint(digits, 10, 64); err == nil && number > 0 &&
			sequenceNumber(number) == text {
			return number, nil
		}
	}
	return 0, invalid("Invalid SequenceNumber: %s", text)
}
