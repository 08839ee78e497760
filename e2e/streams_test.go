package e2e

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	streamtypes "github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"
)

// How the tests of streams strain the server.
const (
	streamWriters = 16
	streamKills   = 4
)

// poller reads a stream as an event source of functions does: it knows what it has read, follows each shard to its end and takes
// its children then, and begins anew behind the last record when an iterator has expired or the server was restarted.
type poller struct {
	streams *dynamodbstreams.Client
	arn     *string
	last    map[string]*string // the last sequence number of each shard
	ended   map[string]bool
	items   map[string]string // what the records say of each item
	records int
}

func newPoller(s *server, arn *string) *poller {
	return &poller{
		streams: dynamodbstreams.NewFromConfig(sdkConfig(s)), arn: arn,
		last: map[string]*string{}, ended: map[string]bool{}, items: map[string]string{},
	}
}

// poll reads what there is now.
func (p *poller) poll(t *testing.T) {
	t.Helper()
	described, err := p.streams.DescribeStream(t.Context(), &dynamodbstreams.DescribeStreamInput{StreamArn: p.arn})
	if err != nil {
		t.Fatal(err)
	}
	for _, shard := range described.StreamDescription.Shards {
		if parent := shard.ParentShardId; parent != nil && !p.ended[*parent] {
			return
		}
		if !p.ended[*shard.ShardId] {
			p.ended[*shard.ShardId] = p.drain(t, shard.ShardId)
		}
	}
}

// drain reads a shard until there is nothing more for now; ended says that there never will be.
func (p *poller) drain(t *testing.T, shard *string) (ended bool) {
	t.Helper()
	for iterator := p.begin(t, shard); iterator != nil; {
		page, err := p.streams.GetRecords(t.Context(), &dynamodbstreams.GetRecordsInput{ShardIterator: iterator, Limit: aws.Int32(50)})
		if expired := new(streamtypes.ExpiredIteratorException); errors.As(err, &expired) {
			iterator = p.begin(t, shard)
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range page.Records {
			p.apply(t, r)
			p.last[*shard] = r.Dynamodb.SequenceNumber
		}
		if iterator = page.NextShardIterator; len(page.Records) == 0 && iterator != nil {
			return false
		}
	}
	return true
}

func (p *poller) begin(t *testing.T, shard *string) *string {
	t.Helper()
	in := &dynamodbstreams.GetShardIteratorInput{StreamArn: p.arn, ShardId: shard, ShardIteratorType: streamtypes.ShardIteratorTypeTrimHorizon}
	if last := p.last[*shard]; last != nil {
		in.ShardIteratorType, in.SequenceNumber = streamtypes.ShardIteratorTypeAfterSequenceNumber, last
	}
	out, err := p.streams.GetShardIterator(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return out.ShardIterator
}

// apply checks that a record follows from those before it: a record that is read twice, or missing, breaks the chain of its item.
func (p *poller) apply(t *testing.T, r streamtypes.Record) {
	t.Helper()
	key, before, after := imageOf(r.Dynamodb.Keys), imageOf(r.Dynamodb.OldImage), imageOf(r.Dynamodb.NewImage)
	if p.items[key] != before || before == after {
		t.Fatalf("record %s of %s: it was %q, the record says %q → %q", *r.Dynamodb.SequenceNumber, key, p.items[key], before, after)
	}
	if p.records++; after == "" {
		delete(p.items, key)
	} else {
		p.items[key] = after
	}
}

func imageOf(image map[string]streamtypes.AttributeValue) string {
	var parts []string
	for _, name := range []string{"pk", "n"} {
		switch v := image[name].(type) {
		case *streamtypes.AttributeValueMemberS:
			parts = append(parts, v.Value)
		case *streamtypes.AttributeValueMemberN:
			parts = append(parts, v.Value)
		}
	}
	return strings.Join(parts, "=")
}

// check compares what the records lead to with the table.
func (p *poller) check(t *testing.T, db *dynamodb.Client, table *string) {
	t.Helper()
	p.poll(t)
	page, err := db.Scan(t.Context(), &dynamodb.ScanInput{TableName: table, ConsistentRead: aws.Bool(true)})
	if err != nil {
		t.Fatal(err)
	}
	there := map[string]string{}
	for _, item := range page.Items {
		key := item["pk"].(*types.AttributeValueMemberS).Value
		there[key] = key + "=" + item["n"].(*types.AttributeValueMemberN).Value
	}
	if !reflect.DeepEqual(there, p.items) {
		t.Errorf("the table holds %v, the stream leads to %v", there, p.items)
	}
}

func streamTable(t *testing.T, db *dynamodb.Client) (table, arn *string) {
	t.Helper()
	table = aws.String("streamed")
	made, err := db.CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName: table, BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("pk"), AttributeType: types.ScalarAttributeTypeS}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("pk"), KeyType: types.KeyTypeHash}},
		StreamSpecification:  &types.StreamSpecification{StreamEnabled: aws.Bool(true), StreamViewType: types.StreamViewTypeNewAndOldImages},
	})
	if err != nil {
		t.Fatal(err)
	}
	return table, made.TableDescription.LatestStreamArn
}

// writeStreamed writes turn after turn until it is told to stop or the server is gone, and says how many writes were acknowledged:
// an item of its own, with one that all writers share, now and then in a transaction and now and then gone.
func writeStreamed(ctx context.Context, db *dynamodb.Client, table *string, writer, turns int, counter *atomic.Int64) (acknowledged int) {
	for turn := range turns {
		own, shared := fmt.Sprint("own-", writer), fmt.Sprint("shared-", turn%3)
		number := &types.AttributeValueMemberN{Value: fmt.Sprint(counter.Add(1))}
		put := func(key string) *types.Put {
			return &types.Put{TableName: table, Item: map[string]types.AttributeValue{"pk": &types.AttributeValueMemberS{Value: key}, "n": number}}
		}
		var err error
		switch turn % 4 {
		case 0, 1:
			_, err = db.PutItem(ctx, &dynamodb.PutItemInput{TableName: table, Item: put(shared).Item})
		case 2:
			_, err = db.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{{Put: put(own)}, {Put: put(shared)}}})
		case 3:
			_, err = db.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: table, Key: map[string]types.AttributeValue{"pk": &types.AttributeValueMemberS{Value: own}}})
		}
		if conflict := new(types.TransactionCanceledException); errors.As(err, &conflict) {
			continue
		}
		if err != nil {
			return acknowledged
		}
		acknowledged++
	}
	return acknowledged
}

// TestStreamPolling reads with the AWS SDK for Go while 16 writers write and the clock makes shards roll.
func TestStreamPolling(t *testing.T) {
	t.Parallel()
	s := startDev(t)
	db := dynamodb.NewFromConfig(sdkConfig(s))
	table, arn := streamTable(t, db)
	p, done := newPoller(s, arn), make(chan struct{})
	var counter atomic.Int64
	var stop atomic.Bool
	go func() {
		defer close(done)
		var writers sync.WaitGroup
		for writer := range streamWriters {
			writers.Go(func() {
				for !stop.Load() && writeStreamed(t.Context(), db, table, writer, 4, &counter) > 0 {
				}
			})
		}
		writers.Wait()
	}()
	for range 12 { // times 90 minutes; a shard takes records for four hours
		for begun := counter.Load() + 2*streamWriters; counter.Load() < begun; {
			select {
			case <-done:
				t.Fatal("the writers ended")
			default:
				p.poll(t)
			}
		}
		s.advance(t, "90m")
	}
	stop.Store(true)
	<-done
	if p.check(t, db, table); len(p.ended) < 3 {
		t.Errorf("%d shards", len(p.ended))
	}
	again := newPoller(s, arn)
	if again.check(t, db, table); again.records != p.records {
		t.Errorf("%d records at the first reading, %d at the second", p.records, again.records)
	}
	t.Logf("%d records in %d shards", p.records, len(p.ended))
}

// TestStreamKill ends the server with SIGKILL while many write: no record is missing or doubled, for a reader who goes on where it
// was as for one who begins at the start.
func TestStreamKill(t *testing.T) {
	t.Parallel()
	random := seed(t)
	s := startServe(t, t.TempDir())
	table, arn := streamTable(t, dynamodb.NewFromConfig(sdkConfig(s)))
	p, acknowledged := newPoller(s, arn), atomic.Int64{}
	var counter atomic.Int64
	for range streamKills {
		var writers sync.WaitGroup
		db := dynamodb.NewFromConfig(sdkConfig(s), func(o *dynamodb.Options) { o.RetryMaxAttempts = 1 }) // the server will be gone
		for writer := range streamWriters {
			writers.Go(func() { acknowledged.Add(int64(writeStreamed(t.Context(), db, table, writer, 1<<20, &counter))) })
		}
		p.poll(t)
		time.Sleep(time.Duration(30+random.IntN(300)) * time.Millisecond) // the moment of the kill is what is random here
		s.kill()
		writers.Wait()
		s = startServe(t, s.home)
		p.streams = dynamodbstreams.NewFromConfig(sdkConfig(s))
		p.check(t, dynamodb.NewFromConfig(sdkConfig(s)), table)
	}
	again := newPoller(s, arn)
	again.check(t, dynamodb.NewFromConfig(sdkConfig(s)), table)
	if again.records != p.records || int64(p.records) < acknowledged.Load()/2 || acknowledged.Load() < streamWriters {
		t.Errorf("%d and %d records of %d acknowledged writes", p.records, again.records, acknowledged.Load())
	}
	t.Logf("%d records of %d acknowledged writes", p.records, acknowledged.Load())
	s.stop(t)
	inspectInstallation(t, s)
}

// TestStreamsAndExpiry reads a stream and lets items expire.
func TestStreamsAndExpiry(t *testing.T) {
	t.Parallel()
	eachClient(t, testStreamsAndExpiry)
}

func testStreamsAndExpiry(t *testing.T, connect func(s *server) *client) {
	s := startDev(t)
	b := connect(s)
	in := tableInput("orders", nil)
	in["StreamSpecification"] = m{"StreamEnabled": true, "StreamViewType": "NEW_IMAGE"}
	arn := at(b.call(t, "dynamodb.CreateTable", in), "TableDescription.LatestStreamArn")
	b.call(t, "dynamodb.UpdateTimeToLive", m{"TableName": "orders", "TimeToLiveSpecification": m{"AttributeName": "until", "Enabled": true}})
	until := fmt.Sprint(time.Now().Unix() + 600)
	b.call(t, "dynamodb.PutItem", m{"TableName": "orders", "Item": m{"pk": attributeS("a"), "sk": attributeS("b"), "until": attributeN(until), "x": attributeB([]byte{1, 2})}})
	s.advance(t, "11m")
	if left := b.call(t, "dynamodb.Scan", m{"TableName": "orders"}); left["Count"] != 0.0 {
		t.Errorf("%v", left)
	}
	stream := b.call(t, "dynamodbstreams.DescribeStream", m{"StreamArn": arn})["StreamDescription"].(m)
	shard := stream["Shards"].([]any)[0].(m)["ShardId"]
	iterator := b.call(t, "dynamodbstreams.GetShardIterator", m{"StreamArn": arn, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"})
	records := b.call(t, "dynamodbstreams.GetRecords", m{"ShardIterator": iterator["ShardIterator"]})["Records"].([]any)
	if len(records) != 2 {
		t.Fatalf("%v", records)
	}
	if r := records[0].(m); r["eventName"] != "INSERT" || !reflect.DeepEqual(at(r, "dynamodb.NewImage.x"), attributeB([]byte{1, 2})) {
		t.Errorf("%v", r)
	}
	if r := records[1].(m); r["eventName"] != "REMOVE" || at(r, "userIdentity.Type") != "Service" || at(r, "dynamodb.NewImage") != nil {
		t.Errorf("%v", r)
	}
	s.advance(t, "16m")
	if a := b.try(t, "dynamodbstreams.GetRecords", m{"ShardIterator": iterator["ShardIterator"]}); a.Code != "ExpiredIteratorException" {
		t.Errorf("%+v", a)
	}
}
