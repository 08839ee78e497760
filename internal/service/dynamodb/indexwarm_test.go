package dynamodb_test

import (
	"strings"
	"testing"
	"time"
)

// indexedOn is a table as plainTable is one, with an index on g that has more members.
func indexedOn(table, more string) string {
	return strings.Replace(strings.TrimSuffix(table, "}"), `"AttributeDefinitions":[`,
		`"AttributeDefinitions":[{"AttributeName":"g","AttributeType":"S"},`, 1) +
		`,"GlobalSecondaryIndexes":[{"IndexName":"byG","KeySchema":[{"AttributeName":"g","KeyType":"HASH"}],"Projection":{"ProjectionType":"ALL"}` + more + `}]}`
}

// expectIndex compares one member of the description of the only index.
func (w *world) expectIndex(member, want string) {
	w.t.Helper()
	indexes := w.described("GlobalSecondaryIndexes").([]any)
	if got := indexes[0].(map[string]any)[member]; !equalJSON(got, decode(w.t, []byte(want))) {
		w.t.Errorf("%s of the index is %v, want %s", member, got, want)
	}
}

const oneUnit = `"ProvisionedThroughput":{"ReadCapacityUnits":1,"WriteCapacityUnits":1}`

// TestWarmIndexes: an index has warm throughput of its own, by the rules of tables, across restarts and changes of mode.
func TestWarmIndexes(t *testing.T) {
	w := newSlowWorld(t, time.Minute)
	warm := func(read string) string { return `,"WarmThroughput":{"ReadUnitsPerSecond":` + read + `}` }
	update := func(members string) string {
		return `{"TableName":"plain","GlobalSecondaryIndexUpdates":[{"Update":{"IndexName":"byG"` + members + `}}]`
	}
	const lower = parameters + "Requested ReadUnitsPerSecond for WarmThroughput for index byG is lower than "
	w.refusals([]refused{
		{"less than on demand", "CreateTable", indexedOn(plainTable, warm("11999")), validation, lower +
			"initial throughput for OnDemand. See: " +
			"https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/on-demand-capacity-mode.html#on-demand-capacity-mode-initial"},
		{"less than provisioned", "CreateTable", indexedOn(provisionedTable(5, 5), ","+oneUnit+warm("0")), validation,
			lower + "ReadCapacityUnits of ProvisionedThroughput"},
		{"too much", "CreateTable", indexedOn(plainTable, warm("40001")), exceeded,
			"Subscriber limit exceeded: Requested ReadUnitsPerSecond for WarmThroughput for index byG exceeds TableMaxReadCapacityUnits " +
				"of the account in region eu-west-1"},
	})
	w.must("CreateTable", indexedOn(provisionedTable(5, 7), ","+oneUnit+warm("6")))
	w.advance(time.Hour)
	w.expect("WarmThroughput", `{"ReadUnitsPerSecond":5,"WriteUnitsPerSecond":7,"Status":"ACTIVE"}`)
	w.expectIndex("WarmThroughput", `{"ReadUnitsPerSecond":6,"WriteUnitsPerSecond":1,"Status":"ACTIVE"}`)
	w.must("UpdateTable", update(warm("50"))+"}")
	w.expectIndex("WarmThroughput", `{"ReadUnitsPerSecond":6,"WriteUnitsPerSecond":1,"Status":"UPDATING"}`)
	w.expectIndex("IndexStatus", `"ACTIVE"`)
	w.advance(time.Hour)
	w.refusals([]refused{
		{"less than before", "UpdateTable", update(warm("49")) + "}", validation,
			lower + "current WarmThroughput, decreasing WarmThroughput is not supported"},
		{"nothing", "UpdateTable", update(`,"WarmThroughput":{}`) + "}", validation,
			parameters + "No ReadUnitsPerSecond or WriteUnitsPerSecond specified for index byG"},
	})
	w.must("UpdateTable", update(strings.Replace(","+oneUnit, ":1,", ":70,", 1))+"}")
	w.advance(time.Hour)
	w.must("UpdateTable", update(","+oneUnit)+"}")
	w.advance(time.Hour)
	w.expectIndex("WarmThroughput", `{"ReadUnitsPerSecond":70,"WriteUnitsPerSecond":1,"Status":"ACTIVE"}`)
	w.must("UpdateTable", `{"TableName":"plain","BillingMode":"PAY_PER_REQUEST"}`)
	w.advance(time.Hour)
	w.must("UpdateTable", update(","+oneUnit)+`,"BillingMode":"PROVISIONED",`+oneUnit+"}")
	w.restart()
	w.advance(12 * time.Hour) // a restart puts the clock back to where the machine is
	w.expectIndex("WarmThroughput", `{"ReadUnitsPerSecond":12000,"WriteUnitsPerSecond":4000,"Status":"ACTIVE"}`)
}

// TestWarmAddedIndex: an index that is added can be made warm at once.
func TestWarmAddedIndex(t *testing.T) {
	w := newTables(t)
	w.must("UpdateTable", updateIndexes(strings.Replace(createByV, `"Projection"`,
		`"WarmThroughput":{"WriteUnitsPerSecond":5000},"Projection"`, 1), definedV))
	w.eventually("the index", w.indexActive("byV"))
	if _, x := w.describedIndex("byV"); !equalJSON(x["WarmThroughput"],
		decode(t, []byte(`{"ReadUnitsPerSecond":12000,"WriteUnitsPerSecond":5000,"Status":"ACTIVE"}`))) {
		t.Errorf("warm throughput %v", x["WarmThroughput"])
	}
}

// TestOnDemandIndexThrottling: an index in on-demand mode holds writes and its own reads back when it has limits, and its table's reads
// never.
func TestOnDemandIndexThrottling(t *testing.T) {
	w := begin(t, &world{enforce: true})
	w.must("CreateTable", indexedOn(plainTable, `,"OnDemandThroughput":{"MaxReadRequestUnits":1,"MaxWriteRequestUnits":2}`))
	item := `{"TableName":"plain","Item":{"pk":{"S":"a"},"g":{"S":"g"},"v":{"S":"` + strings.Repeat("v", 100<<10) + `"}}}`
	w.must("PutItem", item)
	_, refusal := w.call("PutItem", item)
	w.throttled(string(refusal), tooFast, limitThrottled, "IndexWriteMaxOnDemandThroughputExceeded")
	w.must("Scan", `{"TableName":"plain","IndexName":"byG"}`)
	_, refusal = w.call("Scan", `{"TableName":"plain","IndexName":"byG"}`)
	w.throttled(string(refusal), tooFast, limitThrottled, "IndexReadMaxOnDemandThroughputExceeded")
	for range 50 {
		w.must("GetItem", getOne)
	}
	w.must("UpdateTable",
		`{"TableName":"plain","GlobalSecondaryIndexUpdates":[{"Update":{"IndexName":"byG","OnDemandThroughput":{"MaxWriteRequestUnits":-1}}}]}`)
	w.must("PutItem", item)
}
