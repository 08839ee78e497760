package dynamodb_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// describedIndex is one index as DescribeTable shows it, and the table's status.
func (w *world) describedIndex(index string) (table map[string]any, found map[string]any) {
	w.t.Helper()
	table = decode(w.t, w.must("DescribeTable", `{"TableName":"sorted"}`)).(map[string]any)["Table"].(map[string]any)
	indexes, _ := table["GlobalSecondaryIndexes"].([]any)
	for _, x := range indexes {
		if x := x.(map[string]any); x["IndexName"] == index {
			found = x
		}
	}
	return table, found
}

// eventually waits for work in the background.
func (w *world) eventually(what string, done func() bool) {
	w.t.Helper()
	for range 24_000 { // at least two minutes
		if done() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	w.t.Fatalf("%s does not come", what)
}

func (w *world) indexActive(index string) func() bool {
	return func() bool {
		_, x := w.describedIndex(index)
		return x != nil && x["IndexStatus"] == "ACTIVE"
	}
}

// updateIndexes is an UpdateTable of the table "sorted".
func updateIndexes(update, more string) string {
	return `{"TableName":"sorted","GlobalSecondaryIndexUpdates":[` + update + `]` + more + `}`
}

const (
	definedV  = `,"AttributeDefinitions":[{"AttributeName":"v","AttributeType":"N"}]`
	createByV = `{"Create":{"IndexName":"byV","KeySchema":[{"AttributeName":"v","KeyType":"HASH"}],"Projection":{"ProjectionType":"ALL"}}}`
	deleteByV = `{"Delete":{"IndexName":"byV"}}`
)

// TestAddedIndex: an index that is added to a table with items comes to hold them, is shown on its way, and survives a restart; one
// that is deleted goes, and its attributes' definitions with it.
func TestAddedIndex(t *testing.T) {
	w := newTables(t)
	for i := range 250 {
		w.must("PutItem", fmt.Sprintf(`{"TableName":"sorted","Item":{"pk":{"S":"%d"},"sk":{"S":"s"},"v":{"%s":"%d"}}}`, i,
			map[bool]string{true: "N", false: "S"}[i%5 > 0], i%3))
	}
	answer := decode(t, w.must("UpdateTable", updateIndexes(createByV, definedV))).(map[string]any)["TableDescription"].(map[string]any)
	x := answer["GlobalSecondaryIndexes"].([]any)[0].(map[string]any)
	if answer["TableStatus"] != "UPDATING" || x["IndexStatus"] != "CREATING" || x["Backfilling"] != false ||
		len(answer["AttributeDefinitions"].([]any)) != 3 {
		t.Errorf("the answer is %v", answer)
	}
	w.eventually("the index", w.indexActive("byV"))
	const query = `{"TableName":"sorted","IndexName":"byV","Select":"COUNT","KeyConditionExpression":"v = :v","ExpressionAttributeValues":{":v":{"N":"1"}}}`
	w.answers([]answered{{"filled", "Query", query, `{"Count":67,"ScannedCount":67}`}})
	w.must("DeleteItem", `{"TableName":"sorted","Key":{"pk":{"S":"1"},"sk":{"S":"s"}}}`)
	w.restart()
	w.answers([]answered{{"after a restart", "Query", query, `{"Count":66,"ScannedCount":66}`}})
	if _, x := w.describedIndex("byV"); x["Backfilling"] != nil {
		t.Errorf("an active index is %v", x)
	}
	w.must("UpdateTable", updateIndexes(deleteByV, ""))
	w.eventually("the end of the index", func() bool { _, x := w.describedIndex("byV"); return x == nil })
	w.refusals([]refused{{"gone", "Query", query, validation, "The table does not have the specified index: byV"}})
	if table, _ := w.describedIndex("byV"); len(table["AttributeDefinitions"].([]any)) != 2 || table["GlobalSecondaryIndexes"] != nil {
		t.Errorf("afterwards the table is %v", table)
	}
}

// TestIndexOnItsWay: what is refused while an index comes or goes, with a clock that is moved.
func TestIndexOnItsWay(t *testing.T) {
	const minute = time.Minute
	w := newSlowWorld(t, minute)
	w.must("CreateTable", sortedTable)
	w.advance(minute)
	w.must("PutItem", `{"TableName":"sorted","Item":{"pk":{"S":"a"},"sk":{"S":"b"},"v":{"N":"1"}}}`)
	w.must("UpdateTable", updateIndexes(createByV, definedV))
	const scan = `{"TableName":"sorted","IndexName":"byV","Select":"COUNT"}`
	other := strings.Replace(createByV, "byV", "other", 1)
	w.refusals([]refused{
		{"updating", "UpdateTable", updateIndexes(other, definedV), inUse,
			"Attempt to change a resource which is still in use: Table is being updated: sorted"},
		{"reading", "Scan", scan, validation, "Cannot read from backfilling global secondary index: byV"},
	})
	w.advance(minute)
	if table, x := w.describedIndex("byV"); table["TableStatus"] != "ACTIVE" || x["IndexStatus"] != "ACTIVE" {
		t.Errorf("after the transition: %v %v", table["TableStatus"], x)
	}
	w.answers([]answered{{"filled", "Scan", scan, `{"Count":1,"ScannedCount":1}`}})
	w.must("UpdateTable", updateIndexes(deleteByV, ""))
	if _, x := w.describedIndex("byV"); x["IndexStatus"] != "DELETING" {
		t.Errorf("a deleted index is %v", x)
	}
	w.refusals([]refused{{"reading what goes", "Scan", scan, validation, "The table does not have the specified index: byV"}})
	w.restart()
	if _, x := w.describedIndex("byV"); x["IndexStatus"] != "DELETING" {
		t.Errorf("a deleted index after a restart is %v", x)
	}
}

// TestRefusedIndexUpdates: what GlobalSecondaryIndexUpdates may not say.
func TestRefusedIndexUpdates(t *testing.T) {
	w := newTables(t)
	const parameters = "One or more parameter values were invalid: "
	const limit, none = "com.amazonaws.dynamodb.v20120810#LimitExceededException", "Requested resource not found"
	const oneOnly = "Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously per table"
	const units = `"ProvisionedThroughput":{"ReadCapacityUnits":1,"WriteCapacityUnits":1}`
	update := `{"Update":{"IndexName":"byV",` + units + `}}`
	w.refusals([]refused{
		{"nothing", "UpdateTable", updateIndexes(`{}`, ""), validation,
			parameters + "One of GlobalSecondaryIndexUpdate.Update, GlobalSecondaryIndexUpdate.Create, GlobalSecondaryIndexUpdate.Delete " +
				"must not be null"},
		{"two creations", "UpdateTable", updateIndexes(createByV+","+strings.Replace(createByV, "byV", "other", 1), definedV), limit,
			oneOnly},
		{"one index twice", "UpdateTable", updateIndexes(createByV+","+deleteByV, definedV), validation,
			parameters + "Only one global secondary index update per index is allowed simultaneously. Index: byV"},
		{"no definition", "UpdateTable", updateIndexes(createByV, ""), validation,
			"Invalid KeySchema: Some index key attribute have no definition"},
		{"delete nothing", "UpdateTable", updateIndexes(deleteByV, ""), absent, none},
		{"update nothing", "UpdateTable", updateIndexes(update, ""), absent, none},
		{"throughput on demand", "UpdateTable",
			updateIndexes(strings.Replace(createByV, `"Projection"`, units+`,"Projection"`, 1), definedV), validation,
			parameters + "ProvisionedThroughput should not be specified for index: byV when BillingMode is PAY_PER_REQUEST"},
		{"bad projection", "UpdateTable", updateIndexes(strings.Replace(createByV, "ALL", "INCLUDE", 1), definedV), validation,
			parameters + "ProjectionType is INCLUDE, but NonKeyAttributes is not specified"},
	})
	w.must("UpdateTable", updateIndexes(createByV, definedV))
	w.eventually("the index", w.indexActive("byV"))
	w.refusals([]refused{
		{"created again", "UpdateTable", updateIndexes(createByV, definedV), validation,
			"Attempting to create an index which already exists"},
		{"another type", "UpdateTable", updateIndexes(strings.Replace(createByV, "byV", "other", 1),
			strings.Replace(definedV, `"N"`, `"S"`, 1)), validation,
			parameters + "Attribute v is defined as N already"},
		{"provisioned without the index", "UpdateTable", `{"TableName":"sorted","BillingMode":"PROVISIONED",` + units + `}`, validation,
			parameters + "ProvisionedThroughput must be specified for index: byV"},
	})
	w.must("UpdateTable", updateIndexes(update, `,"BillingMode":"PROVISIONED",`+units))
	w.eventually("the other mode", w.indexActive("byV"))
	w.refusals([]refused{{"no change", "UpdateTable", updateIndexes(update, ""), validation,
		"The provisioned throughput for the index byV will not change. The requested value equals the current value. " +
			"Current ReadCapacityUnits provisioned for the index: 1. Requested ReadCapacityUnits: 1. Current WriteCapacityUnits " +
			"provisioned for the index: 1. Requested WriteCapacityUnits: 1. " +
			"Refer to the Amazon DynamoDB Developer Guide for current limits and how to request higher limits."}})
	w.must("UpdateTable", updateIndexes(strings.Replace(update, `"ReadCapacityUnits":1`, `"ReadCapacityUnits":7`, 1), ""))
	if _, x := w.describedIndex("byV"); x["ProvisionedThroughput"].(map[string]any)["ReadCapacityUnits"].(interface {
		String() string
	}).String() != "7" {
		t.Errorf("after the update: %v", x)
	}
}

// TestLimitsOfIndexes: an index has limits of on-demand throughput of its own, and its provisioned throughput counts for the account.
func TestLimitsOfIndexes(t *testing.T) {
	w := newTables(t)
	limited := strings.Replace(createByV, `"Projection"`,
		`"OnDemandThroughput":{"MaxReadRequestUnits":5,"MaxWriteRequestUnits":6},"Projection"`, 1)
	w.refusals([]refused{
		{"out of range", "UpdateTable", updateIndexes(strings.Replace(limited, ":5", ":0", 1), definedV), validation,
			"One or more parameter values were invalid: Requested MaxReadRequestUnits for OnDemandThroughput for index byV is outside of " +
				"valid range"},
	})
	w.must("UpdateTable", updateIndexes(limited, definedV))
	w.eventually("the index", w.indexActive("byV"))
	w.must("UpdateTable", updateIndexes(`{"Update":{"IndexName":"byV","OnDemandThroughput":{"MaxReadRequestUnits":-1}}}`, ""))
	if _, x := w.describedIndex("byV"); !equalJSON(x["OnDemandThroughput"], decode(t, []byte(`{"MaxWriteRequestUnits":6}`))) {
		t.Errorf("limits %v", x["OnDemandThroughput"])
	}
	const units = `"ProvisionedThroughput":{"ReadCapacityUnits":1,"WriteCapacityUnits":1}`
	update := `{"Update":{"IndexName":"byV","ProvisionedThroughput":{"ReadCapacityUnits":40001,"WriteCapacityUnits":1}}}`
	w.refusals([]refused{{"above the quota", "UpdateTable", updateIndexes(update, `,"BillingMode":"PROVISIONED",`+units),
		"com.amazonaws.dynamodb.v20120810#LimitExceededException",
		"The requested ReadCapacityUnits, 40001, is above the per table maximum for the account in eu-west-1. Per table maximum: 40000. " +
			"Refer to the Amazon DynamoDB Developer Guide for current limits and how to request higher limits."}})
}

// TestIndexWaitsForTheKey: without its table's key an index is not filled; when the key is back, it is, also after a restart and with
// nobody calling.
func TestIndexWaitsForTheKey(t *testing.T) {
	w := newWorld(t)
	_, answer := w.ask("kms", "TrentService.CreateKey", `{}`)
	key := decode(t, answer).(map[string]any)["KeyMetadata"].(map[string]any)["KeyId"].(string)
	w.must("CreateTable", strings.TrimSuffix(sortedTable, "}")+`,"SSESpecification":{"Enabled":true,"SSEType":"KMS","KMSMasterKeyId":"`+key+
		`"}}`)
	for i := range 250 {
		w.must("PutItem", fmt.Sprintf(`{"TableName":"sorted","Item":{"pk":{"S":"%d"},"sk":{"S":"s"},"v":{"N":"1"}}}`, i))
	}
	if status, answer := w.ask("kms", "TrentService.DisableKey", `{"KeyId":"`+key+`"}`); status != 200 {
		t.Fatalf("%s", answer)
	}
	w.advance(6 * time.Minute)
	w.must("UpdateTable", updateIndexes(createByV, definedV))
	w.advance(5 * time.Minute)
	if _, x := w.describedIndex("byV"); x["IndexStatus"] != "CREATING" {
		t.Errorf("without the key: %v", x)
	}
	w.restart()
	w.advance(5 * time.Minute)
	if _, x := w.describedIndex("byV"); x["IndexStatus"] != "CREATING" {
		t.Errorf("without the key, after a restart: %v", x)
	}
	if status, answer := w.ask("kms", "TrentService.EnableKey", `{"KeyId":"`+key+`"}`); status != 200 {
		t.Fatalf("%s", answer)
	}
	w.restart()
	w.advance(10 * time.Minute) // a restart puts the clock back to where the machine is
	w.eventually("the index", w.indexActive("byV"))
	w.answers([]answered{{"filled", "Scan", `{"TableName":"sorted","IndexName":"byV","Select":"COUNT"}`,
		`{"Count":250,"ScannedCount":250}`}})
}
