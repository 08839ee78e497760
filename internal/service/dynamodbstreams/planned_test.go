package dynamodbstreams

import (
	"context"
	"log/slog"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/sealtable/sealtable/internal/api/dynamodbstreamsapi"
	"github.com/sealtable/sealtable/internal/attribute"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/auth/policy"
	"github.com/sealtable/sealtable/internal/catalog"
	"github.com/sealtable/sealtable/internal/clock"
	"github.com/sealtable/sealtable/internal/engine"
	"github.com/sealtable/sealtable/internal/lockedmem"
	"github.com/sealtable/sealtable/internal/service"
	"github.com/sealtable/sealtable/internal/storage"
	"github.com/sealtable/sealtable/internal/storage/embedded"
	"github.com/sealtable/sealtable/internal/storage/storagetest"
)

// lenient lets everybody through, after it did something.
type lenient struct{ do func() }

func (l *lenient) Authorize(context.Context, *auth.Caller, *auth.Needs) error {
	if do := l.do; do != nil {
		l.do = nil
		do()
	}
	return nil
}

func (*lenient) Record(service.Record) {}

func (*lenient) LetThrough(context.Context, *auth.Caller, *engine.Table) error { return nil }

func (*lenient) PolicyOf(*auth.Caller, string, *engine.Table, *engine.Stream) *policy.Policy {
	return nil
}

func openEngine(t *testing.T, now *clock.Clock) *engine.Engine {
	t.Helper()
	store, err := embedded.Open(embedded.Options{FS: vfs.NewMem(), Dir: "/data", Keys: storagetest.NewKeys()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	records, err := catalog.Open(t.Context(), store, 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	e, err := engine.Open(t.Context(), engine.Options{Store: store, Records: records, Clock: now, Log: slog.New(slog.DiscardHandler),
		DestroyKeys: func(context.Context, storage.TableID) error { return nil }})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// TestWhatWasPermittedIsWhatRuns: the stream of a table that is made anew after permission was given, even one with the same label, is not
// read by whom the old one was permitted.
func TestWhatWasPermittedIsWhatRuns(t *testing.T) {
	now := clock.New()
	t.Cleanup(now.Close)
	e, l := openEngine(t, now), &lenient{}
	created := now.Now()
	create := func(id byte) *engine.Table {
		table := &engine.Table{
			ID: storage.TableID{0: 0xB0, 1: id}, Name: engine.Name{Account: "123456789012", Region: "eu-west-1", Table: "orders"},
			Key: engine.KeySchema{Hash: engine.KeyAttribute{Name: "pk", Kind: attribute.S}}, Created: created,
		}
		if err := table.EnableStream("NEW_IMAGE", created, created); err != nil {
			t.Fatal(err)
		}
		if err := e.CreateTable(t.Context(), table); err != nil {
			t.Fatal(err)
		}
		return table
	}
	old := create(1)
	stream := streamName{old.Name, old.Streams[0].Label}.arn()
	arena := lockedmem.NewArena(nil)
	t.Cleanup(func() { _ = arena.Close() })
	key, err := arena.FromBytes(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	operations := New(Options{Engine: e, Tables: l, Clock: now, Key: key}).Table(&service.Path{Authorizer: l, Recorder: l})
	begin, _ := operations.Lookup("GetShardIterator")
	read, _ := operations.Lookup("GetRecords")
	caller := &auth.Caller{Account: "123456789012", Region: "eu-west-1"}
	in := &dynamodbstreamsapi.GetShardIteratorInput{StreamArn: &stream, ShardIteratorType: new("TRIM_HORIZON"),
		ShardId: new(shardID(&old.Streams[0], 1))}
	ask := func() error {
		out, err := begin.Invoke(t.Context(), caller, in)
		if err != nil {
			return err
		}
		from := out.(*dynamodbstreamsapi.GetShardIteratorOutput).ShardIterator
		_, err = read.Invoke(t.Context(), caller, &dynamodbstreamsapi.GetRecordsInput{ShardIterator: from})
		return err
	}
	if err := ask(); err != nil {
		t.Fatal(err)
	}
	l.do = func() {
		if err := e.DeleteTable(t.Context(), old.Name, old.ID); err != nil {
			t.Fatal(err)
		}
		create(2)
	}
	if err := ask(); service.CodeOf(err) != "ResourceNotFoundException" {
		t.Errorf("the stream of the table that is gone: %v", err)
	}
	if err := ask(); err != nil {
		t.Errorf("the stream of the new table: %v", err)
	}
}
