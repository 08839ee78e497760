package dynamodb_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

const (
	tableThrottled = "The level of configured provisioned throughput for the table was exceeded. Consider increasing your provisioning " +
		"level with the UpdateTable API."
	indexThrottled = "The level of configured provisioned throughput for one or more global secondary indexes of the table was exceeded. " +
		"Consider increasing your provisioning level for the under-provisioned global secondary indexes with the UpdateTable API"
	limitThrottled = "Throughput exceeds the maximum OnDemandThroughput configured on table or index"
)

// drain runs a request until it is refused for lack of capacity, and gives how often it was not.
func (w *world) drain(operation, body string) (done int, refusal string) {
	w.t.Helper()
	for ; done < 5000; done++ {
		if status, answer := w.call(operation, body); status != 200 {
			return done, string(answer)
		}
	}
	w.t.Fatalf("%s was never refused", operation)
	return 0, ""
}

// throttled checks a refusal for lack of capacity.
func (w *world) throttled(refusal, code, message, reason string) {
	w.t.Helper()
	for _, want := range []string{`#` + code + `"`, message, `"reason":"` + reason + `"`, `"resource":"` + plainARN} {
		if !strings.Contains(refusal, want) {
			w.t.Errorf("a refusal without %s: %s", want, refusal)
		}
	}
}

func putOf(size int) string {
	return `{"TableName":"plain","Item":{"pk":{"S":"a"},"v":{"S":"` + strings.Repeat("v", size) + `"}}}`
}

const (
	getOne  = `{"TableName":"plain","Key":{"pk":{"S":"a"}},"ConsistentRead":true}`
	onePut  = `{"PutRequest":{"Item":{"pk":{"S":"%d"}}}}`
	slow    = "ProvisionedThroughputExceededException"
	tooFast = "ThrottlingException"
)

// TestProvisionedThroughput: a table gives what was provisioned, and what was left over of the last five minutes.
func TestProvisionedThroughput(t *testing.T) {
	w := begin(t, &world{enforce: true})
	w.must("CreateTable", provisionedTable(20, 10))
	w.must("PutItem", putOf(20<<10)) // a debt of a second
	_, refusal := w.call("PutItem", putOf(1))
	w.throttled(string(refusal), slow, tableThrottled, "TableWriteProvisionedThroughputExceeded")
	for _, c := range []struct{ operation, body string }{
		{"UpdateItem", `{"TableName":"plain","Key":{"pk":{"S":"a"}}}`}, {"DeleteItem", `{"TableName":"plain","Key":{"pk":{"S":"a"}}}`},
		{"ExecuteStatement", `{"Statement":"DELETE FROM plain WHERE pk='a'"}`},
		{"BatchWriteItem", `{"RequestItems":{"plain":[` + fmt.Sprintf(onePut, 1) + `]}}`},
	} {
		_, refusal := w.call(c.operation, c.body)
		w.throttled(string(refusal), slow, tableThrottled, "TableWriteProvisionedThroughputExceeded")
	}
	w.must("GetItem", getOne)
	w.advance(time.Hour)
	w.must("PutItem", putOf(1))
	if done, _ := w.drain("PutItem", putOf(390<<10)); done < 7 || done > 10 { // 391 units each, of 3000
		t.Errorf("%d large puts went on a full bucket", done)
	}
	w.advance(time.Hour)
	w.must("PutItem", putOf(390<<10))
	if done, refusal := w.drain("GetItem", getOne); done < 55 || done > 90 { // 98 units each, of 6000
		t.Errorf("%d large reads went on a full bucket: %s", done, refusal)
	}
	for _, c := range []struct{ operation, body string }{
		{"Query", `{"TableName":"plain","KeyConditionExpression":"pk=:p","ExpressionAttributeValues":{":p":{"S":"a"}}}`},
		{"Scan", `{"TableName":"plain"}`},
		{"ExecuteStatement", `{"Statement":"SELECT * FROM plain"}`},
		{"ExecuteStatement", `{"Statement":"SELECT * FROM plain WHERE pk='a'"}`},
		{"BatchGetItem", `{"RequestItems":{"plain":{"Keys":[{"pk":{"S":"a"}}]}}}`},
	} {
		_, refusal := w.call(c.operation, c.body)
		w.throttled(string(refusal), slow, tableThrottled, "TableReadProvisionedThroughputExceeded")
	}
}

// TestThrottledTogether: transactions are cancelled, and batches give back what they left.
func TestThrottledTogether(t *testing.T) {
	w := begin(t, &world{enforce: true})
	w.must("CreateTable", provisionedTable(1, 1))
	w.must("CreateTable", sortedTable)
	w.must("PutItem", putOf(100<<10))
	w.must("GetItem", getOne)
	const reasons = `[{"Code":"None"},{"Code":"ProvisionedThroughputExceeded","Message":"` + tableThrottled + `"}]`
	sorted := `"TableName":"sorted","Key":{"pk":{"S":"a"},"sk":{"S":"b"}}`
	for _, c := range []struct{ operation, body string }{
		{"TransactWriteItems", `{"TransactItems":[{"Delete":{` + sorted + `}},{"Delete":{"TableName":"plain","Key":{"pk":{"S":"a"}}}}]}`},
		{"TransactGetItems", `{"TransactItems":[{"Get":{` + sorted + `}},{"Get":{"TableName":"plain","Key":{"pk":{"S":"a"}}}}]}`},
		{"ExecuteTransaction",
			`{"TransactStatements":[{"Statement":"DELETE FROM sorted WHERE pk='a' AND sk='b'"},{"Statement":"DELETE FROM plain WHERE pk='a'"}]}`},
	} {
		status, answer := w.call(c.operation, c.body)
		if got := decode(t, answer).(map[string]any)["CancellationReasons"]; status != 400 || !equalJSON(got, decode(t, []byte(reasons))) {
			t.Errorf("%s: %d %s", c.operation, status, answer)
		}
	}
	left := fmt.Sprintf(onePut, 1)
	w.answers([]answered{
		{"batch of writes", "BatchWriteItem", `{"RequestItems":{"plain":[` + left +
			`],"sorted":[{"PutRequest":{"Item":{"pk":{"S":"a"},"sk":{"S":"b"}}}}]}}`,
			`{"UnprocessedItems":{"plain":[` + left + `]}}`},
		{"batch of reads", "BatchGetItem",
			`{"RequestItems":{"plain":{"Keys":[{"pk":{"S":"a"}}]},"sorted":{"Keys":[{"pk":{"S":"a"},"sk":{"S":"b"}}]}}}`,
			`{"Responses":{"plain":[],"sorted":[{"pk":{"S":"a"},"sk":{"S":"b"}}]},"UnprocessedKeys":{"plain":{"Keys":[{"pk":{"S":"a"}}]}}}`},
	})
	w.advance(time.Hour)
	var puts []string
	for i := range 25 {
		puts = append(puts, fmt.Sprintf(`{"PutRequest":{"Item":{"pk":{"S":"%d"},"v":{"S":"%s"}}}}`, i, strings.Repeat("v", 30<<10)))
	}
	answer := w.must("BatchWriteItem", `{"RequestItems":{"plain":[`+strings.Join(puts, ",")+`]}}`)
	if n := strings.Count(string(answer), "PutRequest"); n < 13 || n > 16 { // 31 units each, of 300
		t.Errorf("%d of 25 writes were left", n)
	}
}

// TestOnDemandThrottling: limits of on-demand mode hold too, and without them there are none.
func TestOnDemandThrottling(t *testing.T) {
	w := begin(t, &world{enforce: true})
	w.must("CreateTable", strings.TrimSuffix(plainTable, "}")+`,"OnDemandThroughput":{"MaxWriteRequestUnits":2}}`)
	w.must("PutItem", putOf(100<<10))
	_, refusal := w.call("PutItem", putOf(1))
	w.throttled(string(refusal), tooFast, limitThrottled, "TableWriteMaxOnDemandThroughputExceeded")
	for range 300 {
		w.must("GetItem", getOne)
	}
	status, answer := w.call("TransactWriteItems", `{"TransactItems":[{"Delete":{"TableName":"plain","Key":{"pk":{"S":"a"}}}}]}`)
	if status != 400 || !strings.Contains(string(answer), `"Code":"ThrottlingError","Message":"`+limitThrottled+`"`) {
		t.Errorf("%d %s", status, answer)
	}
	w.must("UpdateTable", `{"TableName":"plain","OnDemandThroughput":{"MaxWriteRequestUnits":-1}}`)
	w.must("PutItem", putOf(1))
}

// TestThrottledByAnIndex: an index that is provisioned for less than its table holds the table's writes back, and is read at its own rate.
func TestThrottledByAnIndex(t *testing.T) {
	w := begin(t, &world{enforce: true})
	w.must("CreateTable", strings.Replace(strings.TrimSuffix(provisionedTable(1000, 1000), "}"), `"AttributeDefinitions":[`,
		`"AttributeDefinitions":[{"AttributeName":"g","AttributeType":"S"},`,
		1)+`,"GlobalSecondaryIndexes":[{"IndexName":"index","KeySchema":[{"AttributeName":"g","KeyType":"HASH"}],
		"Projection":{"ProjectionType":"ALL"},"ProvisionedThroughput":{"ReadCapacityUnits":1,"WriteCapacityUnits":1}}]}`)
	item := `{"TableName":"plain","Item":{"pk":{"S":"a"},"g":{"S":"g"},"v":{"S":"` + strings.Repeat("v", 100<<10) + `"}}}`
	w.must("PutItem", item)
	_, refusal := w.call("PutItem", item)
	w.throttled(string(refusal), slow, indexThrottled, "IndexWriteProvisionedThroughputExceeded")
	w.must("Scan", `{"TableName":"plain","IndexName":"index"}`)
	_, refusal = w.call("Scan", `{"TableName":"plain","IndexName":"index"}`)
	w.throttled(string(refusal), slow, indexThrottled, "IndexReadProvisionedThroughputExceeded")
	w.must("GetItem", getOne)
}

// TestNothingIsEnforcedByDefault: capacity is only described.
func TestNothingIsEnforcedByDefault(t *testing.T) {
	w := newWorld(t)
	w.must("CreateTable", provisionedTable(1, 1))
	for range 20 {
		w.must("PutItem", putOf(100<<10))
	}
}
