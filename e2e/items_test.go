package e2e

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// everyType is an item with a value of each type, awkward ones among them.
func everyType(pk, sk string) m {
	return m{
		"pk": attributeS(pk), "sk": attributeS(sk),
		"S": attributeS("grüße \u0000 \U0001F511 \"\\"), "empty S": attributeS(""),
		"N": attributeN("-1234567890.1234567890123456789012345678"), "tiny": attributeN("1E-130"), "huge": attributeN("9.9999999999999999999999999999999999999E+125"),
		"B": attributeB([]byte{0, 1, 0xfe, 0xff}), "empty B": attributeB(nil),
		"BOOL": m{"BOOL": false}, "NULL": m{"NULL": true},
		"SS": m{"SS": []string{"a", "b"}}, "NS": m{"NS": []string{"1", "2.5"}}, "BS": m{"BS": []string{binaryValue([]byte{1}), binaryValue([]byte{2})}},
		"L": m{"L": []m{attributeS("x"), {"L": []m{}}, attributeN("3")}}, "empty L": m{"L": []m{}},
		"M": m{"M": m{"deep": m{"M": m{"er": attributeN("1")}}, "empty M": m{"M": m{}}}},
	}
}

// normal writes an item as it comes back: numbers have no exponents then.
func normal(item m) m {
	item = asJSON(item)
	item["tiny"] = m{"N": "0." + strings.Repeat("0", 129) + "1"}
	item["huge"] = m{"N": strings.Repeat("9", 38) + strings.Repeat("0", 88)}
	return item
}

// TestItems reads and writes items of every type under each of the three kinds of key.
func TestItems(t *testing.T) {
	t.Parallel()
	eachClient(t, testItems)
}

func testItems(t *testing.T, connect func(s *server) *client) {
	s := startDev(t)
	b := connect(s)
	arn, _ := b.newKey(t, nil)
	for kind, sse := range map[string]m{"owned": nil, "managed": {"Enabled": true}, "customer": under(arn)} {
		t.Run(kind, func(t *testing.T) {
			b.call(t, "dynamodb.CreateTable", tableInput(kind, sse))
			b.call(t, "dynamodb.TableExists", m{"TableName": kind}, "wait")
			testOneItem(t, b, kind)
			testConditions(t, b, kind)
			testQueries(t, b, kind)
			b.call(t, "dynamodb.DeleteTable", m{"TableName": kind})
			b.call(t, "dynamodb.TableNotExists", m{"TableName": kind}, "wait")
			b.refuse(t, "ResourceNotFoundException", "Requested resource not found", "dynamodb.Scan", m{"TableName": kind})
		})
	}
}

func testOneItem(t *testing.T, b *client, table string) {
	item := everyType("one", "1")
	key := m{"pk": item["pk"], "sk": item["sk"]}
	b.call(t, "dynamodb.PutItem", m{"TableName": table, "Item": item})
	for _, consistent := range []bool{true, false} {
		got := b.call(t, "dynamodb.GetItem", m{"TableName": table, "Key": key, "ConsistentRead": consistent})
		if diff := cmp.Diff(any(normal(item)), got["Item"]); diff != "" {
			t.Errorf("the item that was read differs from what was written:\n%s", diff)
		}
	}
	got := b.call(t, "dynamodb.GetItem", m{"TableName": table, "Key": key, "ProjectionExpression": "#l[0], M.deep.er, B",
		"ExpressionAttributeNames": m{"#l": "L"}})
	want := m{"L": m{"L": []m{attributeS("x")}}, "M": m{"M": m{"deep": m{"M": m{"er": attributeN("1")}}}}, "B": item["B"]}
	if diff := cmp.Diff(asJSON(want), got["Item"]); diff != "" {
		t.Errorf("projection:\n%s", diff)
	}
	old := b.call(t, "dynamodb.DeleteItem", m{"TableName": table, "Key": key, "ReturnValues": "ALL_OLD"})
	if at(old, "Attributes.BOOL.BOOL") != false {
		t.Errorf("delete_item returned %v", old)
	}
	if got := b.call(t, "dynamodb.GetItem", m{"TableName": table, "Key": key}); got["Item"] != nil {
		t.Errorf("the item is there after it was deleted: %v", got)
	}
}

func testConditions(t *testing.T, b *client, table string) {
	item := m{"pk": attributeS("condition"), "sk": attributeS("1"), "n": attributeN("5")}
	b.call(t, "dynamodb.PutItem", m{"TableName": table, "Item": item, "ConditionExpression": "attribute_not_exists(pk)"})
	b.refuse(t, "ConditionalCheckFailedException", "The conditional request failed", "dynamodb.PutItem", m{"TableName": table, "Item": item,
		"ConditionExpression": "attribute_not_exists(pk)"})
	b.call(t, "dynamodb.PutItem", m{"TableName": table, "Item": item, "ConditionExpression": "n BETWEEN :low AND :high AND NOT contains(sk, :x)",
		"ExpressionAttributeValues": m{":low": attributeN("4.9"), ":high": attributeN("5.0"), ":x": attributeS("x")}})
	b.refuse(t, "ConditionalCheckFailedException", "The conditional request failed", "dynamodb.DeleteItem", m{"TableName": table,
		"Key": m{"pk": item["pk"], "sk": item["sk"]}, "ConditionExpression": "n > :n", "ExpressionAttributeValues": m{":n": attributeN("5")}})
}

func testQueries(t *testing.T, b *client, table string) {
	const items = 30
	filler := strings.Repeat("x", 60_000) // 30 of them are more than one page of 1 MB
	for i := range items {
		b.call(t, "dynamodb.PutItem", m{"TableName": table, "Item": m{"pk": attributeS("many"), "sk": attributeS(fmt.Sprintf("%03d", i)),
			"n": attributeN(fmt.Sprint(i)), "filler": attributeS(filler)}})
	}
	query := m{"TableName": table, "KeyConditionExpression": "pk = :p AND sk >= :s", "ExpressionAttributeValues": m{":p": attributeS("many"), ":s": attributeS("005")}}
	one := b.call(t, "dynamodb.Query", query)
	if one["LastEvaluatedKey"] == nil || len(one["Items"].([]any)) >= items-5 {
		t.Errorf("a query of more than 1 MB came in one page of %d items", len(one["Items"].([]any)))
	}
	query["ScanIndexForward"] = false
	query["ProjectionExpression"] = "sk"
	query["Limit"] = 4
	all := b.call(t, "dynamodb.Query", query, "paginate")["Items"].([]any)
	if len(all) != items-5 || at(all[0].(m), "sk.S") != "029" || at(all[24].(m), "sk.S") != "005" {
		t.Errorf("all pages of a query backwards: %v", all)
	}
	filtered := b.call(t, "dynamodb.Scan", m{"TableName": table, "FilterExpression": "n < :n AND pk = :p", "Select": "COUNT",
		"ExpressionAttributeValues": m{":n": attributeN("10"), ":p": attributeS("many")}}, "paginate")
	if filtered["Count"] != float64(10) || filtered["ScannedCount"] != float64(items+1) {
		t.Errorf("a filtered count: %v", filtered)
	}
	seen := 0
	for segment := range 3 {
		page := b.call(t, "dynamodb.Scan", m{"TableName": table, "Segment": segment, "TotalSegments": 3}, "paginate")
		seen += len(page["Items"].([]any))
	}
	if seen != items+1 {
		t.Errorf("three segments of a scan hold %d items instead of %d", seen, items+1)
	}
}

// TestKeyTypes orders items by keys of each type.
func TestKeyTypes(t *testing.T) {
	t.Parallel()
	s := startDev(t)
	b := newClient(s)
	for kind, keys := range map[string][]m{
		"N": {attributeN("-1" + strings.Repeat("0", 100)), attributeN("-2"), attributeN("-1.5"), attributeN("0"), attributeN("0.0000001"), attributeN("3"), attributeN("20")},
		"S": {attributeS("A"), attributeS("a"), attributeS("aa"), attributeS("ä"), attributeS("\U0001F511")},
		"B": {attributeB([]byte{0}), attributeB([]byte{0, 0}), attributeB([]byte{1}), attributeB([]byte{0xff})},
	} {
		table := "by-" + kind
		in := tableInput(table, m{"Enabled": true})
		in["AttributeDefinitions"] = []m{{"AttributeName": "pk", "AttributeType": kind}, {"AttributeName": "sk", "AttributeType": kind}}
		b.call(t, "dynamodb.CreateTable", in)
		for i := range keys {
			sk := keys[(i*3+1)%len(keys)] // out of order
			b.call(t, "dynamodb.PutItem", m{"TableName": table, "Item": m{"pk": keys[0], "sk": sk}})
		}
		got := b.call(t, "dynamodb.Query", m{"TableName": table, "KeyConditionExpression": "pk = :p", "ExpressionAttributeValues": m{":p": keys[0]}})
		var order []any
		for _, item := range got["Items"].([]any) {
			order = append(order, item.(m)["sk"])
		}
		if diff := cmp.Diff(asJSON(m{"keys": keys})["keys"], any(order)); diff != "" {
			t.Errorf("the order of sort keys of type %s:\n%s", kind, diff)
		}
	}
}

// TestItemRefusals holds what DynamoDB says to items that break its rules.
func TestItemRefusals(t *testing.T) {
	t.Parallel()
	b := newClient(startDev(t))
	b.call(t, "dynamodb.CreateTable", tableInput("rules", nil))
	put := func(attributes m) m {
		item := m{"pk": attributeS("p"), "sk": attributeS("s")}
		for name, value := range attributes {
			item[name] = value
		}
		return m{"TableName": "rules", "Item": item}
	}
	const invalid = "One or more parameter values were invalid: "
	for _, c := range []struct {
		name    string
		in      m
		message string
	}{
		{"missing key", m{"TableName": "rules", "Item": m{"pk": attributeS("p")}}, invalid + "Missing the key sk in the item"},
		{"key of another type", put(m{"sk": attributeN("1")}), invalid + "Type mismatch for key sk expected: S actual: N"},
		{"empty key", put(m{"sk": attributeS("")}),
			"One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value. Key: sk"},
		{"too large", put(m{"x": attributeB(bytes.Repeat([]byte{1}, 400<<10))}), "Item size has exceeded the maximum allowed size"},
		{"no number", put(m{"x": attributeN("one")}), "The parameter cannot be converted to a numeric value: one"},
		{"number too precise", put(m{"x": attributeN(strings.Repeat("1", 39))}), "Attempting to store more than 38 significant digits in a Number"},
		{"number too large", put(m{"x": attributeN("1E126")}),
			"Number overflow. Attempting to store a number with magnitude larger than supported range"},
		{"empty set", put(m{"x": m{"SS": []string{}}}), invalid + "An string set  may not be empty"},
		{"twice in a set", put(m{"x": m{"NS": []string{"1", "1.0"}}}), "Input collection contains duplicates"},
	} {
		t.Run(c.name, func(t *testing.T) { b.refuse(t, "ValidationException", c.message, "dynamodb.PutItem", c.in) })
	}
}
