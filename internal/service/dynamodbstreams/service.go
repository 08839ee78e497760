// Package dynamodbstreams answers the API of DynamoDB Streams: it shows which streams tables have, and reads
// them.
//
// Callers may rely on this: a shard's records are given in the order of their changes, none twice and none
// left out, to whoever goes on with NextShardIterator, and a null NextShardIterator says that there will be
// no more; every call that reads a table's rows passes Tables.LetThrough with its caller first (P2); and an
// iterator is of use only where it was made, unchanged, and for 15 minutes.
package dynamodbstreams

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sealtable/sealtable/internal/api"
	"github.com/sealtable/sealtable/internal/api/dynamodbstreamsapi"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/auth/policy"
	"github.com/sealtable/sealtable/internal/clock"
	"github.com/sealtable/sealtable/internal/engine"
	"github.com/sealtable/sealtable/internal/lockedmem"
	"github.com/sealtable/sealtable/internal/service"
)

// Tables is what the service needs of the database's own service.
type Tables interface {
	// LetThrough lets the caller through to a table's rows, or says why not, in the database's words.
	LetThrough(ctx context.Context, caller *auth.Caller, t *engine.Table) error
	// PolicyOf is the policy of a stream that counts when the caller does something to it; nil when none
	// does.
	PolicyOf(caller *auth.Caller, action string, t *engine.Table, stream *engine.Stream) *policy.Policy
}

// Options are what the service works with.
type Options struct {
	Engine *engine.Engine
	Tables Tables
	Clock  *clock.Clock
	Key    *lockedmem.Key // seals iterators
}

// Service answers operations. It is safe for concurrent use.
type Service struct {
	engine *engine.Engine
	tables Tables
	clock  *clock.Clock
	key    *lockedmem.Key
}

// New returns a Service.
func New(o Options) *Service {
	return &Service{engine: o.Engine, tables: o.Tables, clock: o.Clock, key: o.Key}
}

// Table is the service's operation table on a path. In credential scopes streams have the database's name.
func (s *Service) Table(path *service.Path) *service.Table {
	return service.NewTable("dynamodb", path,
		service.Bind(dynamodbstreamsapi.ListStreams(), planListStreams, s.listStreams),
		service.Bind(dynamodbstreamsapi.DescribeStream(), s.planDescribeStream, s.describeStream),
		service.Bind(dynamodbstreamsapi.GetShardIterator(), s.planGetShardIterator, s.getShardIterator),
		service.Bind(dynamodbstreamsapi.GetRecords(), s.planGetRecords, s.getRecords),
	)
}

func invalid(format string, args ...any) error {
	return &api.Error{Code: "ValidationException", Message: fmt.Sprintf(format, args...)}
}

func noStream(streamARN string) error {
	return dynamodbstreamsapi.ResourceNotFoundException("Requested resource not found: Stream: " + streamARN +
		" not found")
}

// refusal gives an error of the engine its name and words.
func refusal(err error, streamARN string) error {
	switch {
	case errors.Is(err, engine.ErrNoStream), errors.Is(err, engine.ErrNoTable):
		return noStream(streamARN)
	case errors.Is(err, engine.ErrNoShard):
		return dynamodbstreamsapi.ResourceNotFoundException("Requested resource not found: Shard does " +
			"not exist")
	case errors.Is(err, engine.ErrTrimmed):
		return dynamodbstreamsapi.TrimmedDataAccessException("The data you are trying to access has been " +
			"trimmed")
	case errors.Is(err, engine.ErrStartKeyOutside):
		return invalid("Invalid SequenceNumber: it is not in the range of the shard")
	}
	return err
}

// status is a stream's StreamStatus at a moment.
func status(stream *engine.Stream, now time.Time) string {
	settled := !now.Before(stream.SettlesAt)
	switch {
	case stream.Disabled.IsZero() && settled:
		return "ENABLED"
	case stream.Disabled.IsZero():
		return "ENABLING"
	case settled:
		return "DISABLED"
	}
	return "DISABLING"
}
