package dynamodbstreams_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestReadingAStream(t *testing.T) {
	w := newWorld(t, 0)
	stream := w.table("orders", "")
	w.must("PutItem", `{"TableName":"orders","Item":{"pk":{"S":"a"},"x":{"N":"1"}}}`)
	w.must("UpdateItem",
		`{"TableName":"orders","Key":{"pk":{"S":"a"}},"UpdateExpression":"SET x = :x","ExpressionAttributeValues":{":x":{"N":"2"}}}`)
	w.must("UpdateItem",
		`{"TableName":"orders","Key":{"pk":{"S":"a"}},"UpdateExpression":"SET x = :x","ExpressionAttributeValues":{":x":{"N":"2"}}}`)
	w.must("DeleteItem", `{"TableName":"orders","Key":{"pk":{"S":"a"}}}`)
	w.must("DeleteItem", `{"TableName":"orders","Key":{"pk":{"S":"a"}}}`)
	d := w.describe(stream)
	for path, want := range map[string]string{
		"StreamArn": stream, "StreamStatus": "ENABLED", "StreamViewType": "NEW_AND_OLD_IMAGES", "TableName": "orders",
		"KeySchema.0.AttributeName": "pk",
		"StreamLabel":               stream[strings.LastIndex(stream, "/")+1:],
		"Shards.0.SequenceNumberRange.StartingSequenceNumber": "100000000000000000001",
		"Shards.0.SequenceNumberRange.EndingSequenceNumber":   "", "Shards.0.ParentShardId": "", "LastEvaluatedShardId": "",
	} {
		if got := text(d, path); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
	shard := text(d, "Shards.0.ShardId")
	page := w.records(w.iterator(stream, shard, "TRIM_HORIZON", ""), "")
	ids := []string{}
	for i, want := range []string{
		`"INSERT" {"Keys":{"pk":{"S":"a"}},"NewImage":{"pk":{"S":"a"},"x":{"N":"1"}},"SequenceNumber":"100000000000000000001","SizeBytes":9,"StreamViewType":"NEW_AND_OLD_IMAGES"}`,
		`"MODIFY" {"Keys":{"pk":{"S":"a"}},"NewImage":{"pk":{"S":"a"},"x":{"N":"2"}},"OldImage":{"pk":{"S":"a"},"x":{"N":"1"}},"SequenceNumber":"100000000000000000002","SizeBytes":15,"StreamViewType":"NEW_AND_OLD_IMAGES"}`,
		`"REMOVE" {"Keys":{"pk":{"S":"a"}},"OldImage":{"pk":{"S":"a"},"x":{"N":"2"}},"SequenceNumber":"100000000000000000003","SizeBytes":9,"StreamViewType":"NEW_AND_OLD_IMAGES"}`,
	} {
		r := at(page, fmt.Sprint("Records.", i)).(object)
		change := r["dynamodb"].(object)
		if made, ok := change["ApproximateCreationDateTime"].(float64); !ok || made != float64(int64(made)) ||
			time.Since(time.Unix(int64(made), 0)) > time.Hour {
			t.Errorf("made at %v", change["ApproximateCreationDateTime"])
		}
		delete(change, "ApproximateCreationDateTime")
		shown, _ := json.Marshal(change)
		if got := fmt.Sprintf("%q %s", r["eventName"], shown); got != want {
			t.Errorf("record %d:\n got %s\nwant %s", i, got, want)
		}
		if r["eventSource"] != "aws:dynamodb" || r["eventVersion"] != "1.1" || r["awsRegion"] != "eu-west-1" || r["userIdentity"] != nil ||
			len(text(r, "eventID")) != 32 {
			t.Errorf("record %d: %v", i, r)
		}
		ids = append(ids, text(r, "eventID"))
	}
	slices.Sort(ids)
	if len(slices.Compact(ids)) != 3 || count(page, "Records") != 3 {
		t.Errorf("%d records, ids %v", count(page, "Records"), ids)
	}
	w.restart()
	if next := w.records(text(page, "NextShardIterator"), ""); count(next, "Records") != 0 || text(next, "NextShardIterator") == "" {
		t.Errorf("after a restart an iterator gives %v", next)
	}
}

func TestIteratorsBeginWhereTheySay(t *testing.T) {
	w := newWorld(t, 0)
	stream := w.table("orders", "")
	w.put("orders", "a")
	w.put("orders", "b")
	shard := text(w.describe(stream), "Shards.0.ShardId")
	latest := w.iterator(stream, shard, "LATEST", "")
	w.put("orders", "c")
	second := `,"SequenceNumber":"100000000000000000002"`
	for _, c := range []struct{ iterator, more, want string }{
		{w.iterator(stream, shard, "TRIM_HORIZON", ""), "", "abc"}, {latest, "", "c"},
		{w.iterator(stream, shard, "AT_SEQUENCE_NUMBER", second), "", "bc"},
		{w.iterator(stream, shard, "AFTER_SEQUENCE_NUMBER", second), "", "c"},
		{w.iterator(stream, shard, "TRIM_HORIZON", ""), `,"Limit":2`, "ab"},
	} {
		page, got := w.records(c.iterator, c.more), ""
		for i := range count(page, "Records") {
			got += text(page, fmt.Sprintf("Records.%d.dynamodb.Keys.pk.S", i))
		}
		if got != c.want {
			t.Errorf("%s, want %s", got, c.want)
		}
	}
}

func TestRefusals(t *testing.T) {
	w := newWorld(t, 0)
	stream := w.table("orders", "")
	w.put("orders", "a")
	shard := text(w.describe(stream), "Shards.0.ShardId")
	iterator := w.iterator(stream, shard, "TRIM_HORIZON", "")
	none := strings.Replace(stream, "orders", "nothing", 1)
	const must = "Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and SequenceNumber or (2) TRIM_HORIZON or LATEST " +
		"and no SequenceNumber. Request specified "
	ask := func(arn, shard, kind, more string) string {
		return `{"StreamArn":"` + arn + `","ShardId":"` + shard + `","ShardIteratorType":"` + kind + `"` + more + `}`
	}
	for _, c := range []struct{ operation, body, code, message string }{
		{"streams:DescribeStream", `{}`, "ValidationException",
			"1 validation error detected: Value null at 'streamArn' failed to satisfy constraint: Member must not be null"},
		{"streams:DescribeStream", `{"StreamArn":"` + none + `"}`, "ResourceNotFoundException",
			"Requested resource not found: Stream: " + none + " not found"},
		{"streams:DescribeStream", `{"StreamArn":"` + stream[:len(stream)-1] + `x"}`, "ResourceNotFoundException",
			"Requested resource not found: Stream: " + stream[:len(stream)-1] + "x not found"},
		{"streams:DescribeStream", `{"StreamArn":"arn:aws:dynamodb:eu-west-1:123456789012:table/orders"}`, "ValidationException",
			"Invalid StreamArn"},
		{"streams:DescribeStream", `{"StreamArn":"` + strings.Replace(stream, "eu-west-1", "us-east-1", 1) + `"}`, "ValidationException",
			"Invalid StreamArn"},
		{"streams:DescribeStream", `{"StreamArn":"` + stream + `","ShardFilter":{"Type":"CHILD_SHARDS"}}`, "ValidationException",
			"ShardFilter must have both Type and ShardId"},
		{"streams:ListStreams", `{"Limit":0}`, "ValidationException",
			"1 validation error detected: Value '0' at 'limit' failed to satisfy constraint: Member must have value greater than or " +
				"equal to 1"},
		{"streams:GetShardIterator", ask(stream, "shardId-00000001795435095315-00000001", "LATEST", ""), "ResourceNotFoundException",
			"Requested resource not found: Shard does not exist"},
		{"streams:GetShardIterator", ask(stream, shard[:len(shard)-1]+"2", "LATEST", ""), "ResourceNotFoundException",
			"Requested resource not found: Shard does not exist"},
		{"streams:GetShardIterator", ask(stream, shard, "AT_SEQUENCE_NUMBER", ""), "ValidationException",
			must + "AT_SEQUENCE_NUMBER and no SequenceNumber."},
		{"streams:GetShardIterator", ask(stream, shard, "LATEST", `,"SequenceNumber":"100000000000000000001"`), "ValidationException",
			must + "LATEST and also a SequenceNumber."},
		{"streams:GetShardIterator", ask(stream, shard, "AT_SEQUENCE_NUMBER", `,"SequenceNumber":"100000000000000000009"`),
			"ValidationException", "Invalid SequenceNumber: it is not in the range of the shard"},
		{"streams:GetShardIterator", ask(stream, shard, "AT_SEQUENCE_NUMBER", `,"SequenceNumber":"100000000000000000000"`),
			"ValidationException", "Invalid SequenceNumber: 100000000000000000000"},
		{"streams:GetShardIterator", ask(stream, shard, "AT_SEQUENCE_NUMBER", `,"SequenceNumber":"abc000000000000000001"`),
			"ValidationException", "Invalid SequenceNumber: abc000000000000000001"},
		{"streams:GetRecords", `{"ShardIterator":"` + iterator + `","Limit":1001}`, "ValidationException",
			"1 validation error detected: Value '1001' at 'limit' failed to satisfy constraint: Member must have value less than or " +
				"equal to 1000"},
		{"streams:GetRecords", `{"ShardIterator":"` + iterator[:40] + "AAAA" + iterator[44:] + `"}`, "ValidationException",
			"Invalid ShardIterator"},
		{"streams:GetRecords", `{"ShardIterator":"no iterator"}`, "ValidationException", "Invalid ShardIterator"},
		{"streams:GetRecords", `{"ShardIterator":"AAAA"}`, "ValidationException", "Invalid ShardIterator"},
	} {
		w.refuse(c.operation, c.body, c.code, c.message)
	}
	w.in("us-east-1").refuse("streams:GetRecords", `{"ShardIterator":"`+iterator+`"}`, "ValidationException", "Invalid ShardIterator")
	w.must("DeleteTable", `{"TableName":"orders"}`)
	w.refuse("streams:GetRecords", `{"ShardIterator":"`+iterator+`"}`, "ResourceNotFoundException",
		"Requested resource not found: Stream: "+stream+" not found")
	w.must("CreateTable", `{"TableName":"orders",`+plain+`}`)
	w.refuse("streams:GetRecords", `{"ShardIterator":"`+iterator+`"}`, "ResourceNotFoundException",
		"Requested resource not found: Stream: "+stream+" not found")
}

// TestAgeing: iterators end after a quarter of an hour, shards roll, records are trimmed after a day.
func TestAgeing(t *testing.T) {
	w := newWorld(t, 0)
	stream := w.table("orders", "")
	w.put("orders", "a")
	first := text(w.describe(stream), "Shards.0.ShardId")
	iterator := w.iterator(stream, first, "TRIM_HORIZON", "")
	w.advance(14 * time.Minute)
	if count(w.records(iterator, ""), "Records") != 1 {
		t.Error("an iterator of 14 minutes gives nothing")
	}
	w.advance(2 * time.Minute)
	status, answer := w.ask("streams:GetRecords", `{"ShardIterator":"`+iterator+`"}`)
	if status != 400 || !strings.HasSuffix(text(answer, "__type"), "#ExpiredIteratorException") ||
		!strings.HasPrefix(text(answer, "message"), "Iterator expired. The iterator was created at time ") {
		t.Errorf("%d %v", status, answer)
	}
	w.advance(4 * time.Hour)
	w.put("orders", "b")
	d := w.describe(stream)
	second := text(d, "Shards.1.ShardId")
	if count(d, "Shards") != 2 || text(d, "Shards.1.ParentShardId") != first ||
		text(d, "Shards.0.SequenceNumberRange.EndingSequenceNumber") != "100000000000000000001" {
		t.Errorf("%v", d)
	}
	page := w.records(w.iterator(stream, first, "TRIM_HORIZON", ""), "")
	if _, more := page["NextShardIterator"]; more || count(page, "Records") != 1 {
		t.Errorf("the end of a closed shard: %v", page)
	}
	for _, c := range []struct{ more, shards, last string }{
		{`,"Limit":1`, first, first}, {`,"ExclusiveStartShardId":"` + first + `"`, second, ""},
		{`,"ShardFilter":{"Type":"CHILD_SHARDS","ShardId":"` + first + `"}`, second, ""},
		{`,"ShardFilter":{"Type":"CHILD_SHARDS","ShardId":"` + second + `"}`, "", ""},
	} {
		d := w.must("streams:DescribeStream", `{"StreamArn":"`+stream+`"`+c.more+`}`)["StreamDescription"]
		if text(d, "Shards.0.ShardId") != c.shards || text(d, "LastEvaluatedShardId") != c.last || count(d, "Shards") > 1 {
			t.Errorf("%s: %v", c.more, d)
		}
	}
	w.advance(20 * time.Hour)
	w.refuse("streams:GetShardIterator", `{"StreamArn":"`+stream+`","ShardId":"`+first+
		`","ShardIteratorType":"AT_SEQUENCE_NUMBER","SequenceNumber":"100000000000000000001"}`,
		"TrimmedDataAccessException", "The data you are trying to access has been trimmed")
	w.advance(5 * time.Hour)
	if d := w.describe(stream); count(d, "Shards") != 1 || text(d, "Shards.0.ShardId") != second ||
		text(d, "Shards.0.ParentShardId") != first {
		t.Errorf("a day later: %v", d)
	}
}

// TestSwitchingStreams goes through a stream's states and the refusals between them.
func TestSwitchingStreams(t *testing.T) {
	w := newWorld(t, time.Minute)
	on, off := `{"TableName":"orders","StreamSpecification":{"StreamEnabled":true,"StreamViewType":"KEYS_ONLY"}}`,
		`{"TableName":"orders","StreamSpecification":{"StreamEnabled":false}}`
	bad := func(operation, spec, message string) {
		t.Helper()
		body := `{"TableName":"orders",` + plain + `,"StreamSpecification":` + spec + `}`
		if operation == "UpdateTable" {
			body = `{"TableName":"orders","StreamSpecification":` + spec + `}`
		}
		w.refuse(operation, body, "ValidationException", message)
	}
	bad("CreateTable", `{"StreamEnabled":false,"StreamViewType":"KEYS_ONLY"}`,
		"One or more parameter values were invalid: Table is being created with a stream disabled, UpdateViewType should not be specified")
	bad("CreateTable", `{"StreamEnabled":true}`, "One or more parameter values were invalid: Table is being created with a stream "+
		"enabled, UpdateViewType should be specified")
	bad("CreateTable", `{"StreamViewType":"KEYS_ONLY"}`, "1 validation error detected: Value null at 'streamSpecification.streamEnabled' "+
		"failed to satisfy constraint: Member must not be null")
	first := w.table("orders", "")
	states := func(want string, streams int) {
		t.Helper()
		if got := text(w.describe(first), "StreamStatus"); got != want || count(w.must("streams:ListStreams", `{}`), "Streams") != streams {
			t.Errorf("%s, want %s and %d streams", got, want, streams)
		}
	}
	states("ENABLING", 1)
	w.advance(time.Minute)
	states("ENABLED", 1)
	bad("UpdateTable", `{"StreamEnabled":true,"StreamViewType":"KEYS_ONLY"}`, "Table already has an enabled stream: TableName: orders")
	if d := w.must("UpdateTable", off)["TableDescription"]; text(d, "TableStatus") != "UPDATING" || text(d, "LatestStreamArn") != first ||
		at(d, "StreamSpecification") != nil {
		t.Errorf("%v", d)
	}
	states("DISABLING", 1)
	w.refuse("UpdateTable", on, "ResourceInUseException", "Attempt to change a resource which is still in use: Table is being "+
		"updated: orders")
	w.advance(time.Minute)
	states("DISABLED", 1)
	bad("UpdateTable", `{"StreamEnabled":false}`, "Table already has a disabled stream: TableName: orders")
	second := text(w.must("UpdateTable", on), "TableDescription.LatestStreamArn")
	states("DISABLED", 2)
	for i, want := range []string{first, second} {
		list := w.must("streams:ListStreams", `{"TableName":"orders","Limit":1`+
			[]string{"", `,"ExclusiveStartStreamArn":"` + first + `"`}[i]+`}`)
		if text(list, "Streams.0.StreamArn") != want || (text(list, "LastEvaluatedStreamArn") == first) != (i == 0) {
			t.Errorf("page %d: %v", i, list)
		}
	}
	w.advance(25 * time.Hour)
	w.refuse("streams:DescribeStream", `{"StreamArn":"`+first+`"}`, "ResourceNotFoundException",
		"Requested resource not found: Stream: "+first+" not found")
	if d := w.must("DescribeTable", `{"TableName":"orders"}`)["Table"]; text(d, "LatestStreamArn") != second ||
		text(d, "StreamSpecification.StreamViewType") != "KEYS_ONLY" {
		t.Errorf("%v", d)
	}
}

// TestNoStreamWithoutTheKey: a stream is as sealed as its table (P2).
func TestNoStreamWithoutTheKey(t *testing.T) {
	w := newWorld(t, 0)
	key := text(w.must("kms:CreateKey", `{}`), "KeyMetadata.Arn")
	stream := w.table("orders", `,"SSESpecification":{"Enabled":true,"SSEType":"KMS","KMSMasterKeyId":"`+key+`"}`)
	w.must("UpdateTimeToLive", `{"TableName":"orders","TimeToLiveSpecification":{"AttributeName":"until","Enabled":true}}`)
	w.must("PutItem", `{"TableName":"orders","Item":{"pk":{"S":"a"},"until":{"N":"`+fmt.Sprint(time.Now().Unix()+60)+`"}}}`)
	shard := text(w.describe(stream), "Shards.0.ShardId")
	iterator := w.iterator(stream, shard, "TRIM_HORIZON", "")
	w.must("kms:DisableKey", `{"KeyId":"`+key+`"}`)
	w.advance(6 * time.Minute)
	for _, c := range []struct{ operation, body string }{
		{"DescribeStream", `{"StreamArn":"` + stream + `"}`}, {"GetRecords", `{"ShardIterator":"` + iterator + `"}`},
		{"GetShardIterator", `{"StreamArn":"` + stream + `","ShardId":"` + shard + `","ShardIteratorType":"LATEST"}`},
	} {
		status, answer := w.ask("streams:"+c.operation, c.body)
		if status != 400 || !strings.Contains(text(answer, "message"),
			"KMS key disabled error: com.amazonaws.services.kms.model.DisabledException: "+key+" is disabled.") {
			t.Errorf("%s: %d %v", c.operation, status, answer)
		}
	}
	if count(w.must("streams:ListStreams", `{}`), "Streams") != 1 {
		t.Error("the stream is not listed")
	}
	w.restart()
	w.advance(6 * time.Minute) // the clock of a server that was restarted is the machine's
	w.must("kms:EnableKey", `{"KeyId":"`+key+`"}`)
	w.advance(2 * time.Minute) // nobody calls: the server opens the table itself, and the item goes
	page := w.records(w.iterator(stream, shard, "TRIM_HORIZON", ""), "")
	if count(page, "Records") != 2 || text(page, "Records.1.userIdentity.PrincipalId") != "dynamodb.amazonaws.com" ||
		text(page, "Records.1.userIdentity.Type") != "Service" {
		t.Errorf("%v", page)
	}
	if count(w.must("Scan", `{"TableName":"orders"}`), "Items") != 0 {
		t.Error("the item that expired while the key was disabled is still there")
	}
}
