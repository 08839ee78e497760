package dynamodb_test

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
)

// TestQueries: which items a Query gives, in which order, and where it says that there is more.
func TestQueries(t *testing.T) {
	w := newTables(t)
	for _, sk := range []string{"1", "2", "21", "3"} {
		w.must("PutItem", `{"TableName":"sorted","Item":{"pk":{"S":"a"},"sk":{"S":"`+sk+`"},"v":{"N":"`+sk+`"}}}`)
	}
	query := func(condition, values, more string) string {
		return `{"TableName":"sorted","ProjectionExpression":"sk","KeyConditionExpression":"` + condition +
			`","ExpressionAttributeValues":{":a":{"S":"a"}` + values + `}` + more + `}`
	}
	page := func(scanned int, last string, found ...string) string {
		items := make([]string, len(found))
		for i, sk := range found {
			items[i] = `{"sk":{"S":"` + sk + `"}}`
		}
		if last != "" {
			last = `,"LastEvaluatedKey":{"pk":{"S":"a"},"sk":{"S":"` + last + `"}}`
		}
		return `{"Items":[` + strings.Join(items, ",") + `],"Count":` + strconv.Itoa(len(found)) + `,"ScannedCount":` +
			strconv.Itoa(scanned) + last + `}`
	}
	const b, bc = `,":b":{"S":"2"}`, `,":b":{"S":"2"},":c":{"S":"3"}`
	w.answers([]answered{
		{"all", "Query", query("pk = :a", "", ""), page(4, "", "1", "2", "21", "3")},
		{"backwards", "Query", query("pk = :a", "", `,"ScanIndexForward":false`), page(4, "", "3", "21", "2", "1")},
		{"turned around", "Query", query(":a = pk", "", ""), page(4, "", "1", "2", "21", "3")},
		{"equal", "Query", query("pk = :a AND sk = :b", b, ""), page(1, "", "2")},
		{"less", "Query", query("pk = :a AND sk < :b", b, ""), page(1, "", "1")},
		{"less or equal", "Query", query("pk = :a AND sk <= :b", b, ""), page(2, "", "1", "2")},
		{"greater", "Query", query("pk = :a AND sk > :b", b, ""), page(2, "", "21", "3")},
		{"greater or equal", "Query", query("sk >= :b AND pk = :a", b, ""), page(3, "", "2", "21", "3")},
		{"between", "Query", query("pk = :a AND sk BETWEEN :b AND :c", bc, ""), page(3, "", "2", "21", "3")},
		{"begins with", "Query", query("pk = :a AND begins_with(sk, :b)", b, ""), page(2, "", "2", "21")},
		{"filter", "Query", query("pk = :a", `,":n":{"N":"3"}`, `,"FilterExpression":"v < :n"`), page(4, "", "1", "2")},
		{"limit before filter", "Query", query("pk = :a", `,":n":{"N":"3"}`, `,"FilterExpression":"v >= :n","Limit":2`), page(2, "2")},
		{"limit", "Query", query("pk = :a", "", `,"Limit":2`), page(2, "2", "1", "2")},
		{"exactly the limit", "Query", query("pk = :a", "", `,"Limit":4`), page(4, "3", "1", "2", "21", "3")},
		{"below the limit", "Query", query("pk = :a", "", `,"Limit":5`), page(4, "", "1", "2", "21", "3")},
		{"next page", "Query", query("pk = :a", "", `,"Limit":2,"ExclusiveStartKey":{"pk":{"S":"a"},"sk":{"S":"2"}}`),
			page(2, "3", "21", "3")},
		{"after the last", "Query", query("pk = :a", "", `,"ExclusiveStartKey":{"pk":{"S":"a"},"sk":{"S":"3"}}`), page(0, "")},
		{"next page backwards", "Query",
			query("pk = :a", "", `,"ScanIndexForward":false,"ExclusiveStartKey":{"pk":{"S":"a"},"sk":{"S":"2"}}`), page(1, "", "1")},
		{"after one that is not there", "Query", query("pk = :a", "", `,"ExclusiveStartKey":{"pk":{"S":"a"},"sk":{"S":"20"}}`),
			page(2, "", "21", "3")},
		{"another partition", "Query",
			`{"TableName":"sorted","KeyConditionExpression":"pk = :a","ExpressionAttributeValues":{":a":{"S":"b"}},"ReturnConsumedCapacity":"TOTAL"}`,
			`{"Items":[],"Count":0,"ScannedCount":0,"ConsumedCapacity":{"TableName":"sorted","CapacityUnits":0.5}}`},
		{"count", "Query",
			`{"TableName":"sorted","Select":"COUNT","ConsistentRead":true,"KeyConditionExpression":"pk = :a","ExpressionAttributeValues":{":a":{"S":"a"}},"ReturnConsumedCapacity":"INDEXES"}`,
			`{"Count":4,"ScannedCount":4,"ConsumedCapacity":{"TableName":"sorted","CapacityUnits":1,"Table":{"CapacityUnits":1}}}`},
		{"legacy", "Query",
			`{"TableName":"sorted","AttributesToGet":["sk"],"KeyConditions":{"pk":{"ComparisonOperator":"EQ","AttributeValueList":[{"S":"a"}]},
			"sk":{"ComparisonOperator":"BEGINS_WITH","AttributeValueList":[{"S":"2"}]}},"QueryFilter":{"v":{"ComparisonOperator":"GT","AttributeValueList":[{"N":"2"}]}}}`, page(2, "", "21")},
		{"legacy condition, new filter", "Query",
			`{"TableName":"sorted","ProjectionExpression":"sk","KeyConditions":{"pk":{"ComparisonOperator":"EQ","AttributeValueList":[{"S":"a"}]}},
			"FilterExpression":"v > :n","ExpressionAttributeValues":{":n":{"N":"20"}}}`, page(4, "", "21")},
		{"legacy scan", "Scan",
			`{"TableName":"sorted","AttributesToGet":["sk"],"ConditionalOperator":"OR","ScanFilter":{"v":{"ComparisonOperator":"EQ","AttributeValueList":[{"N":"3"}]},
			"absent":{"ComparisonOperator":"NOT_NULL"}}}`, page(4, "", "3")},
		{"scan", "Scan", `{"TableName":"sorted","ProjectionExpression":"sk"}`, page(4, "", "1", "2", "21", "3")},
		{"scan up to the limit", "Scan", `{"TableName":"sorted","ProjectionExpression":"sk","Limit":4}`, page(4, "3", "1", "2", "21", "3")},
		{"scan an empty table", "Scan", `{"TableName":"plain","ReturnConsumedCapacity":"TOTAL"}`,
			`{"Items":[],"Count":0,"ScannedCount":0,"ConsumedCapacity":{"TableName":"plain","CapacityUnits":0.5}}`},
	})
}

// scanned is what these tests read of an answer to Scan.
type scanned struct {
	Items []struct {
		PK struct{ S string } `json:"pk"`
	}
	Count, ScannedCount int
	LastEvaluatedKey    json.RawMessage
	ConsumedCapacity    struct{ CapacityUnits float64 }
}

// scanAll follows the pages of a scan.
func (w *world) scanAll(more string) (pages []scanned) {
	w.t.Helper()
	start := ""
	for {
		var page scanned
		if err := json.Unmarshal(w.must("Scan", `{"TableName":"plain","ReturnConsumedCapacity":"TOTAL"`+more+start+`}`),
			&page); err != nil {
			w.t.Fatal(err)
		}
		pages = append(pages, page)
		if page.LastEvaluatedKey == nil {
			return pages
		}
		start = `,"ExclusiveStartKey":` + string(page.LastEvaluatedKey)
	}
}

// TestPages: a page holds at most 1 MB of items, counted before the filter, and the pages together hold every item once.
func TestPages(t *testing.T) {
	w := newTables(t)
	const items = 12
	for i := range items {
		w.must("PutItem", fmt.Sprintf(`{"TableName":"plain","Item":{"pk":{"S":"%02d"},"v":{"S":"%s"}}}`, i, strings.Repeat("v", 200<<10)))
	}
	for _, filter := range []string{"", `,"FilterExpression":"attribute_not_exists(v)"`} {
		seen := 0
		for _, page := range w.scanAll(filter) {
			seen += page.ScannedCount
			if page.ScannedCount > 5 || page.LastEvaluatedKey != nil &&
				(page.ScannedCount != 5 || page.ConsumedCapacity.CapacityUnits != 125.5) {
				t.Errorf("a page of %d items for %v units", page.ScannedCount, page.ConsumedCapacity.CapacityUnits)
			}
		}
		if seen != items {
			t.Errorf("%d of %d items were read", seen, items)
		}
	}
	found := map[string]int{}
	for segment := range 3 {
		for _, page := range w.scanAll(fmt.Sprintf(`,"Segment":%d,"TotalSegments":3,"ProjectionExpression":"pk"`, segment)) {
			for _, item := range page.Items {
				found[item.PK.S]++
			}
		}
	}
	for pk, times := range found {
		if times != 1 {
			t.Errorf("item %s lies in %d segments", pk, times)
		}
	}
	if len(found) != items {
		t.Errorf("the segments hold %d of %d items", len(found), items)
	}
}
