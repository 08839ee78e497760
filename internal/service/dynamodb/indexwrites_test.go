package dynamodb_test

import (
	"fmt"
	"strings"
	"testing"
)

// keySchema is a KeySchema of these attributes; ">" marks those of the order.
func keySchema(names ...string) string {
	elements := make([]string, len(names))
	for i, name := range names {
		kind := "HASH"
		if strings.HasPrefix(name, ">") {
			kind = "RANGE"
		}
		elements[i] = `{"AttributeName":"` + strings.TrimPrefix(name, ">") + `","KeyType":"` + kind + `"}`
	}
	return `"KeySchema":[` + strings.Join(elements, ",") + `]`
}

// anIndex is an index as CreateTable takes it.
func anIndex(name, key, projection string) string {
	return `{"IndexName":"` + name + `",` + key + `,"Projection":{` + projection + `}}`
}

// createWith is a CreateTable with a definition for each letter of attributes.
func createWith(attributes, key, more string) string {
	var definitions []string
	for _, name := range strings.Split(attributes, "") {
		definitions = append(definitions, `{"AttributeName":"`+name+`","AttributeType":"S"}`)
	}
	return `{"TableName":"table","BillingMode":"PAY_PER_REQUEST","AttributeDefinitions":[` + strings.Join(definitions, ",") + `],` + key + more + `}`
}

// TestRefusedIndexes: which indexes a table may not be created with.
func TestRefusedIndexes(t *testing.T) {
	w := newWorld(t)
	const parameters = "One or more parameter values were invalid: "
	const all = `"ProjectionType":"ALL"`
	key := keySchema
	index := anIndex
	create := createWith
	local := func(indexes ...string) string { return `,"LocalSecondaryIndexes":[` + strings.Join(indexes, ",") + `]` }
	global := func(indexes ...string) string {
		return `,"GlobalSecondaryIndexes":[` + strings.Join(indexes, ",") + `]`
	}
	many := func(n int, key, projection string) []string {
		out := make([]string, n)
		for i := range out {
			out[i] = index(fmt.Sprint("index", i), key, projection)
		}
		return out
	}
	included := make([]string, 20)
	for i := range included {
		included[i] = fmt.Sprintf(`"n%d"`, i)
	}
	include := `"ProjectionType":"INCLUDE","NonKeyAttributes":[` + strings.Join(included, ",") + `]`
	ab, ac := key("a", ">b"), key("a", ">c")
	w.refusals([]refused{
		{"short name", "CreateTable", create("ab", ab, global(index("ab", key("b"), all))), validation,
			"1 validation error detected: Value 'ab' at 'globalSecondaryIndexes.1.member.indexName' failed to satisfy constraint: Member must have length greater than or equal to 3"},
		{"two of one name", "CreateTable", create("abc", ab, local(index("one", ac, all))+global(index("one", key("b"), all))), validation, parameters + "Duplicate index name: one"},
		{"local without a range key of the table", "CreateTable", create("ac", key("a"), local(index("one", ac, all))), validation,
			parameters + "Table KeySchema does not have a range key, which is required when specifying a LocalSecondaryIndex"},
		{"local without a range key", "CreateTable", create("ab", ab, local(index("one", key("a"), all))), validation, parameters + "Index KeySchema does not have a range key for index: one"},
		{"local of another partition", "CreateTable", create("abc", ab, local(index("one", key("b", ">c"), all))), validation,
			parameters + "Index KeySchema does not have the same leading hash key as table KeySchema for index: one. index hash key: b, table hash key: a"},
		{"local of three attributes", "CreateTable", create("abc", ab, local(index("one", key("a", ">b", ">c"), all))), validation,
			"1 validation error detected: Value '[KeySchemaElement(attributeName=a, keyType=HASH), KeySchemaElement(attributeName=b, keyType=RANGE), " +
				"KeySchemaElement(attributeName=c, keyType=RANGE)]' at 'localSecondaryIndexes.1.member.keySchema' failed to satisfy constraint: Member must have length less than or equal to 2"},
		{"six local", "CreateTable", create("abc", ab, local(many(6, ac, all)...)), validation, parameters + "Number of LocalSecondaryIndexes exceeds per-table limit of 5"},
		{"21 global", "CreateTable", create("abc", ab, global(many(21, ac, all)...)), validation, parameters + "GlobalSecondaryIndex count exceeds the per-table limit of 20"},
		{"no projection type", "CreateTable", create("ab", ab, global(index("one", key("b"), ""))), validation, parameters + "Unknown ProjectionType: null"},
		{"include nothing", "CreateTable", create("ab", ab, global(index("one", key("b"), `"ProjectionType":"INCLUDE"`))), validation,
			parameters + "ProjectionType is INCLUDE, but NonKeyAttributes is not specified"},
		{"all and more", "CreateTable", create("ab", ab, global(index("one", key("b"), all+`,"NonKeyAttributes":["c"]`))), validation, parameters + "ProjectionType is ALL, but NonKeyAttributes is specified"},
		{"keys and more", "CreateTable", create("ab", ab, global(index("one", key("b"), `"ProjectionType":"KEYS_ONLY","NonKeyAttributes":["c"]`))), validation,
			parameters + "ProjectionType is KEYS_ONLY, but NonKeyAttributes is specified"},
		{"too much included", "CreateTable", create("ab", ab, global(many(6, key("b"), include)...)), validation, parameters + "Number of NonKeyAttributes of all indexes exceeds per-table limit of 100"},
		{"no definition", "CreateTable", create("ab", ab, global(index("one", key("c", ">b"), all))), validation,
			parameters + "Some index key attributes are not defined in AttributeDefinitions. Keys: [c, b], AttributeDefinitions: [a, b]"},
		{"definition too many", "CreateTable", create("abcd", ab, global(index("one", key("c"), all))), validation,
			parameters + "Some AttributeDefinitions are not used. AttributeDefinitions: [a, b, c, d], keys used: [a, b, c]"},
		{"range first", "CreateTable", create("ab", ab, global(index("one", key(">b"), all))), validation, "Invalid KeySchema: The first KeySchemaElement is not a HASH key type"},
		{"hash behind range", "CreateTable", create("abc", ab, global(index("one", key("b", ">c", "a"), all))), validation,
			"Invalid KeySchema: All HASH key attributes must precede RANGE key attributes in the KeySchema"},
		{"five hash attributes", "CreateTable", create("abcde", ab, global(index("one", key("a", "b", "c", "d", "e"), all))), validation,
			"Invalid KeySchema: The KeySchema exceeds the maximum allowed number of HASH key attributes"},
		{"one attribute twice", "CreateTable", create("ab", ab, global(index("one", key("b", ">b"), all))), validation, "Both the Hash Key and the Range Key element in the KeySchema have the same name"},
		{"throughput on demand", "CreateTable", create("ab", ab, global(`{"IndexName":"one",`+key("b")+`,"Projection":{`+all+`},"ProvisionedThroughput":{"ReadCapacityUnits":1,"WriteCapacityUnits":1}}`)), validation,
			parameters + "ProvisionedThroughput should not be specified for index: one when BillingMode is PAY_PER_REQUEST"},
		{"no throughput", "CreateTable", strings.Replace(create("ab", ab, global(index("one", key("b"), all))), `"BillingMode":"PAY_PER_REQUEST"`, `"ProvisionedThroughput":{"ReadCapacityUnits":1,"WriteCapacityUnits":1}`, 1),
			validation, parameters + "ProvisionedThroughput is not specified for index: one"},
		{"empty list", "CreateTable", create("ab", ab, global()), validation, parameters + "List of GlobalSecondaryIndexes is empty"},
	})
}

// TestIndexKeysOfItems: which items a table with indexes does not take, and what writing the others costs.
func TestIndexKeysOfItems(t *testing.T) {
	w := newScores(t)
	const mismatch = "One or more parameter values were invalid: Type mismatch for Index Key top Expected: N Actual: S IndexName: byTop"
	const empty = "One or more parameter values are not valid. A value specified for a secondary index key is not supported. The AttributeValue for a key attribute cannot contain an empty string value. IndexName: byWon, IndexKey: won"
	const emptied = "One or more parameter values are not valid. The update expression attempted to update a secondary index key to a value that is not supported. The AttributeValue for a key attribute cannot contain an empty string value."
	const key = `"user":{"S":"ann"},"game":{"S":"chess"}`
	put := func(more string) string { return `{"TableName":"scores","Item":{` + key + `,` + more + `}}` }
	update := func(value string) string {
		return `{"TableName":"scores","Key":{` + key + `},"UpdateExpression":"SET won = :v","ExpressionAttributeValues":{":v":` + value + `}}`
	}
	w.refusals([]refused{
		{"wrong type", "PutItem", put(`"top":{"S":"3"}`), validation, mismatch},
		{"no key type", "PutItem", put(`"top":{"NULL":true}`), validation, strings.Replace(mismatch, "Actual: S", "Actual: NULL", 1)},
		{"empty", "PutItem", put(`"won":{"S":""}`), validation, empty},
		{"too long", "PutItem", put(`"won":{"S":"` + strings.Repeat("x", 1025) + `"}`), validation, "One or more parameter values were invalid: Size limit exceeded for Index Key won Actual Size: 1025 bytes Max Size: 1024 bytes IndexName: byWon"},
		{"in a batch", "BatchWriteItem", `{"RequestItems":{"scores":[{"PutRequest":{"Item":{` + key + `,"top":{"S":"3"}}}}]}}`, validation, mismatch},
		{"updated to a wrong type", "UpdateItem", update(`{"N":"1"}`), validation, "The update expression attempted to update the secondary index key to unsupported type"},
		{"updated to a wrong type by legacy parameters", "UpdateItem", `{"TableName":"scores","Key":{` + key + `},"AttributeUpdates":{"won":{"Value":{"N":"1"}}}}`, validation, "Type mismatch for attribute to update"},
		{"updated to what is too long", "UpdateItem", update(`{"S":"` + strings.Repeat("x", 1025) + `"}`), validation, "The update expression attempted to update the secondary index key beyond allowed size limits"},
		{"updated to what is too long in a transaction", "TransactWriteItems", `{"TransactItems":[{"Update":` + update(`{"S":"`+strings.Repeat("x", 1025)+`"}`) + `}]}`, cancelled,
			"Transaction cancelled, please refer cancellation reasons for specific reasons [ValidationError]"},
		{"updated to nothing", "UpdateItem", update(`{"S":""}`), validation, emptied},
		{"in a transaction", "TransactWriteItems", `{"TransactItems":[{"Put":` + put(`"top":{"S":"3"}`) + `}]}`, cancelled,
			"Transaction cancelled, please refer cancellation reasons for specific reasons [ValidationError]"},
		{"updated in a transaction", "TransactWriteItems", `{"TransactItems":[{"Update":` + update(`{"N":"1"}`) + `}]}`, cancelled,
			"Transaction cancelled, please refer cancellation reasons for specific reasons [ValidationError]"},
		{"empty in a transaction", "TransactWriteItems", `{"TransactItems":[{"Put":` + put(`"won":{"S":""}`) + `}]}`, validation, empty},
		{"emptied in a transaction", "TransactWriteItems", `{"TransactItems":[{"Update":` + update(`{"S":""}`) + `}]}`, validation, emptied},
	})
	cost := func(total, table, local, global string) string {
		return `{"ConsumedCapacity":{"TableName":"scores","CapacityUnits":` + total + `,"Table":{"CapacityUnits":` + table + `}` + local + global + `}}`
	}
	one := func(names ...string) string {
		shown := make([]string, len(names))
		for i, name := range names {
			shown[i] = `"` + strings.TrimSuffix(name, "!") + `":{"CapacityUnits":` + map[bool]string{false: "1", true: "2"}[strings.HasSuffix(name, "!")] + `}`
		}
		return strings.Join(shown, ",")
	}
	const wants = `"ReturnConsumedCapacity":"INDEXES"`
	item := func(more string) string {
		return `{"TableName":"scores",` + wants + `,"Item":{"user":{"S":"new"},"game":{"S":"go"}` + more + `}}`
	}
	w.answers([]answered{
		{"an item without the keys", "PutItem", item(""), cost("1", "1", "", "")},
		{"with some", "PutItem", item(`,"top":{"N":"1"},"extra":{"S":"x"}`), cost("3", "1", `,"LocalSecondaryIndexes":{`+one("byTop")+`}`, `,"GlobalSecondaryIndexes":{`+one("games")+`}`)},
		{"nothing of the local one changed", "PutItem", item(`,"top":{"N":"1"},"extra":{"S":"y"}`), cost("2", "1", "", `,"GlobalSecondaryIndexes":{`+one("games")+`}`)},
		{"nothing changed", "PutItem", item(`,"top":{"N":"1"},"extra":{"S":"y"}`), cost("1", "1", "", "")},
		{"moved", "PutItem", item(`,"top":{"N":"2"},"extra":{"S":"y"}`), cost("5", "1", `,"LocalSecondaryIndexes":{`+one("byTop!")+`}`, `,"GlobalSecondaryIndexes":{`+one("games!")+`}`)},
		{"deleted", "DeleteItem", `{"TableName":"scores",` + wants + `,"Key":{"user":{"S":"new"},"game":{"S":"go"}}}`,
			cost("3", "1", `,"LocalSecondaryIndexes":{`+one("byTop")+`}`, `,"GlobalSecondaryIndexes":{`+one("games")+`}`)},
		{"in a batch", "BatchWriteItem", `{` + wants + `,"RequestItems":{"scores":[{"PutRequest":{"Item":{"user":{"S":"new"},"game":{"S":"go"},"won":{"S":"no"}}}}]}}`,
			`{"UnprocessedItems":{},"ConsumedCapacity":[{"TableName":"scores","CapacityUnits":3,"Table":{"CapacityUnits":1},"LocalSecondaryIndexes":{"byWon":{"CapacityUnits":1}},"GlobalSecondaryIndexes":{"winners":{"CapacityUnits":1}}}]}`},
		{"in a transaction", "TransactWriteItems", `{` + wants + `,"TransactItems":[{"Put":{"TableName":"scores","Item":{"user":{"S":"new"},"game":{"S":"go"},"top":{"N":"1"}}}}]}`,
			`{"ConsumedCapacity":[{"TableName":"scores","CapacityUnits":6,"WriteCapacityUnits":6,"Table":{"CapacityUnits":2,"WriteCapacityUnits":2},
				"LocalSecondaryIndexes":{"byTop":{"CapacityUnits":1,"WriteCapacityUnits":1},"byWon":{"CapacityUnits":1,"WriteCapacityUnits":1}},
				"GlobalSecondaryIndexes":{"games":{"CapacityUnits":1,"WriteCapacityUnits":1},"winners":{"CapacityUnits":1,"WriteCapacityUnits":1}}}]}`},
	})
}

// TestDescribedIndexes: what DescribeTable says of indexes.
func TestDescribedIndexes(t *testing.T) {
	w := newWorld(t)
	w.must("CreateTable", `{"TableName":"tab","ProvisionedThroughput":{"ReadCapacityUnits":5,"WriteCapacityUnits":6},
		"AttributeDefinitions":[{"AttributeName":"a","AttributeType":"S"},{"AttributeName":"b","AttributeType":"S"}],
		"KeySchema":[{"AttributeName":"a","KeyType":"HASH"},{"AttributeName":"b","KeyType":"RANGE"}],
		"LocalSecondaryIndexes":[{"IndexName":"local","KeySchema":[{"AttributeName":"a","KeyType":"HASH"},{"AttributeName":"b","KeyType":"RANGE"}],
			"Projection":{"ProjectionType":"INCLUDE","NonKeyAttributes":["y","x"]}}],
		"GlobalSecondaryIndexes":[{"IndexName":"global","KeySchema":[{"AttributeName":"b","KeyType":"HASH"}],"Projection":{"ProjectionType":"ALL"},
			"ProvisionedThroughput":{"ReadCapacityUnits":1,"WriteCapacityUnits":2}}]}`)
	table := decode(t, w.must("DescribeTable", `{"TableName":"tab"}`)).(map[string]any)["Table"].(map[string]any)
	for member, want := range map[string]string{
		"LocalSecondaryIndexes": `[{"IndexName":"local","IndexArn":"arn:aws:dynamodb:eu-west-1:123456789012:table/tab/index/local","IndexSizeBytes":0,"ItemCount":0,
			"KeySchema":[{"AttributeName":"a","KeyType":"HASH"},{"AttributeName":"b","KeyType":"RANGE"}],"Projection":{"ProjectionType":"INCLUDE","NonKeyAttributes":["y","x"]}}]`,
		"GlobalSecondaryIndexes": `[{"IndexName":"global","IndexArn":"arn:aws:dynamodb:eu-west-1:123456789012:table/tab/index/global","IndexSizeBytes":0,"ItemCount":0,"IndexStatus":"ACTIVE",
			"KeySchema":[{"AttributeName":"b","KeyType":"HASH"}],"Projection":{"ProjectionType":"ALL"},
			"ProvisionedThroughput":{"NumberOfDecreasesToday":0,"ReadCapacityUnits":1,"WriteCapacityUnits":2},
			"WarmThroughput":{"ReadUnitsPerSecond":1,"WriteUnitsPerSecond":2,"Status":"ACTIVE"}}]`,
	} {
		if !equalJSON(table[member], decode(t, []byte(want))) {
			t.Errorf("%s\n got %v\nwant %s", member, table[member], want)
		}
	}
}

// TestItemCollections: writes to a table with local indexes tell how large the collection is that they wrote to.
func TestItemCollections(t *testing.T) {
	w := newTables(t)
	w.must("CreateTable", scoresTable)
	const wants = `"ReturnItemCollectionMetrics":"SIZE"`
	const key = `{"user":{"S":"ann"},"game":{"S":"go"}}`
	const ann = `{"ItemCollectionKey":{"user":{"S":"ann"}},"SizeEstimateRangeGB":[0,1]}`
	const bob = `{"ItemCollectionKey":{"user":{"S":"bob"}},"SizeEstimateRangeGB":[0,1]}`
	w.answers([]answered{
		{"put", "PutItem", `{` + wants + `,"TableName":"scores","Item":` + key + `}`, `{"ItemCollectionMetrics":` + ann + `}`},
		{"update", "UpdateItem", `{` + wants + `,"TableName":"scores","Key":` + key + `}`, `{"ItemCollectionMetrics":` + ann + `}`},
		{"delete", "DeleteItem", `{` + wants + `,"TableName":"scores","Key":` + key + `}`, `{"ItemCollectionMetrics":` + ann + `}`},
		{"not asked for", "PutItem", `{"TableName":"scores","Item":` + key + `}`, `{}`},
		{"batch", "BatchWriteItem", `{` + wants + `,"RequestItems":{"scores":[{"PutRequest":{"Item":` + key + `}},{"PutRequest":{"Item":{"user":{"S":"ann"},"game":{"S":"hex"}}}},
			{"DeleteRequest":{"Key":{"user":{"S":"bob"},"game":{"S":"go"}}}}],"plain":[{"PutRequest":{"Item":{"pk":{"S":"a"}}}}]}}`,
			`{"UnprocessedItems":{},"ItemCollectionMetrics":{"scores":[` + ann + `,` + bob + `]}}`},
		{"transaction", "TransactWriteItems", `{` + wants + `,"TransactItems":[{"ConditionCheck":{"TableName":"scores","Key":{"user":{"S":"bob"},"game":{"S":"go"}},
			"ConditionExpression":"attribute_not_exists(game)"}},{"Delete":{"TableName":"scores","Key":` + key + `}}]}`, `{"ItemCollectionMetrics":{"scores":[` + ann + `]}}`},
		{"without local indexes", "PutItem", `{` + wants + `,"TableName":"plain","Item":{"pk":{"S":"a"}}}`, `{}`},
	})
}
