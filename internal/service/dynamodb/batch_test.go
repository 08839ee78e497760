package dynamodb_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// TestBatches: what batches answer, and what they refuse.
func TestBatches(t *testing.T) {
	w := newTables(t)
	put := func(pk string) string { return `{"PutRequest":{"Item":{"pk":{"S":"` + pk + `"}}}}` }
	key := func(pk string) string { return `{"pk":{"S":"` + pk + `"}}` }
	const pair = `{"pk":{"S":"a"},"sk":{"S":"1"}}`
	const pairARN = `arn:aws:dynamodb:eu-west-1:123456789012:table/sorted`
	many := func(n int, one func(string) string) string {
		var all []string
		for i := range n {
			all = append(all, one(fmt.Sprint(i)))
		}
		return strings.Join(all, ",")
	}
	w.answers([]answered{
		{"write", "BatchWriteItem", `{"RequestItems":{"plain":[` + put("a") + `,` + put("b") + `],"` + pairARN + `":[{"PutRequest":{"Item":` + pair + `}}]},"ReturnConsumedCapacity":"TOTAL"}`,
			`{"UnprocessedItems":{},"ConsumedCapacity":[{"TableName":"` + pairARN + `","CapacityUnits":1},{"TableName":"plain","CapacityUnits":2}]}`},
		{"delete and write", "BatchWriteItem", `{"RequestItems":{"plain":[{"DeleteRequest":{"Key":` + key("b") + `}},` + put("c") + `,{"DeleteRequest":{"Key":` + key("none") + `}}]},
			"ReturnItemCollectionMetrics":"SIZE"}`, `{"UnprocessedItems":{}}`},
		{"read", "BatchGetItem", `{"RequestItems":{"plain":{"Keys":[` + key("a") + `,` + key("b") + `,` + key("c") + `],"ConsistentRead":true},
			"sorted":{"Keys":[` + pair + `],"ProjectionExpression":"#s","ExpressionAttributeNames":{"#s":"sk"}}},"ReturnConsumedCapacity":"TOTAL"}`,
			`{"Responses":{"plain":[{"pk":{"S":"a"}},{"pk":{"S":"c"}}],"sorted":[{"sk":{"S":"1"}}]},"UnprocessedKeys":{},
			"ConsumedCapacity":[{"TableName":"plain","CapacityUnits":3},{"TableName":"sorted","CapacityUnits":0.5}]}`},
		{"read by ARN", "BatchGetItem", `{"RequestItems":{"` + pairARN + `":{"Keys":[` + pair + `],"AttributesToGet":["pk"]}}}`,
			`{"Responses":{"` + pairARN + `":[{"pk":{"S":"a"}}]},"UnprocessedKeys":{}}`},
		{"25 writes", "BatchWriteItem", `{"RequestItems":{"plain":[` + many(25, put) + `]}}`, `{"UnprocessedItems":{}}`},
	})
	const noType, manyTypes = "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes",
		"Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes"
	tooMany := `{"RequestItems":{"plain":{"Keys":[` + many(60, key) + `]},"nowhere":{"Keys":[` + many(60, key) + `]}}}`
	w.refusals([]refused{
		{"read nothing", "BatchGetItem", `{}`, validation, constraint("null", "requestItems", "Member must not be null")},
		{"write nothing", "BatchWriteItem", `{}`, validation, "The requestItems parameter is required for BatchWriteItem"},
		{"write to no table", "BatchWriteItem", `{"RequestItems":{}}`, validation, "The requestItems parameter is required for BatchWriteItem"},
		{"too many reads of one table", "BatchGetItem", `{"RequestItems":{"plain":{"Keys":[` + many(101, key) + `]}}}`, validation,
			"1 validation error detected: Value at 'RequestItems.plain.member.Keys' failed to satisfy constraint: Member must have length less than or equal to 100"},
		{"too many reads", "BatchGetItem", tooMany, validation, "Too many items requested for the BatchGetItem call"},
		{"too many writes", "BatchWriteItem", `{"RequestItems":{"plain":[` + many(20, put) + `],"nowhere":[` + many(20, put) + `]}}`, validation,
			"Too many items requested for the BatchWriteItem call"},
		{"same keys", "BatchGetItem", `{"RequestItems":{"plain":{"Keys":[` + key("a") + `,` + key("a") + `]}}}`, validation, "Provided list of item keys contains duplicates"},
		{"same keys by ARN", "BatchGetItem", `{"RequestItems":{"sorted":{"Keys":[` + pair + `]},"` + pairARN + `":{"Keys":[` + pair + `]}}}`, validation,
			"Provided list of item keys contains duplicates"},
		{"same items", "BatchWriteItem", `{"RequestItems":{"plain":[` + put("x") + `,{"DeleteRequest":{"Key":` + key("x") + `}}]}}`, validation,
			"Provided list of item keys contains duplicates"},
		{"no request", "BatchWriteItem", `{"RequestItems":{"plain":[{}]}}`, validation, noType},
		{"two requests", "BatchWriteItem", `{"RequestItems":{"plain":[{"PutRequest":{"Item":` + key("x") + `},"DeleteRequest":{"Key":` + key("x") + `}}]}}`, validation, manyTypes},
		{"no table to read", "BatchGetItem", `{"RequestItems":{"plain":{"Keys":[` + key("a") + `]},"nowhere":{"Keys":[` + key("a") + `]}}}`, absent, "Requested resource not found"},
		{"no table to write", "BatchWriteItem", `{"RequestItems":{"plain":[` + put("x") + `],"nowhere":[` + put("x") + `]}}`, absent, "Requested resource not found"},
		{"wrong key", "BatchGetItem", `{"RequestItems":{"plain":{"Keys":[{"k":{"S":"a"}}]}}}`, validation, wrongKey},
		{"wrong key to delete", "BatchWriteItem", `{"RequestItems":{"plain":[` + put("x") + `,{"DeleteRequest":{"Key":{"k":{"S":"a"}}}}]}}`, validation, wrongKey},
		{"wrong key to put", "BatchWriteItem", `{"RequestItems":{"plain":[` + put("x") + `,{"PutRequest":{"Item":{"pk":{"N":"1"}}}}]}}`, validation, wrongKey},
		{"empty key to put", "BatchWriteItem", `{"RequestItems":{"plain":[{"PutRequest":{"Item":{"pk":{"S":""}}}}]}}`, validation,
			"One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value. Key: pk"},
		{"too large", "BatchWriteItem", `{"RequestItems":{"nowhere":[{"PutRequest":{"Item":{"pk":{"S":"` + strings.Repeat("a", 409600) + `"}}}}]}}`, validation,
			"Item size has exceeded the maximum allowed size"},
		{"both forms", "BatchGetItem", `{"RequestItems":{"plain":{"Keys":[` + key("a") + `],"AttributesToGet":["a"],"ProjectionExpression":"a"}}}`, validation,
			"Can not use both expression and non-expression parameters in the same request: Non-expression parameters: {AttributesToGet} Expression parameters: {ProjectionExpression}"},
		{"invalid value", "BatchWriteItem", `{"RequestItems":{"plain":[{"PutRequest":{"Item":{"pk":{}}}}]}}`, validation, noType},
	})
	w.answers([]answered{{"nothing of a refused batch", "GetItem", `{"TableName":"plain","Key":` + key("x") + `}`, `{}`}})
}

// TestABatchThatIsTooLong: an answer holds 16 MB, and names the keys that are left.
func TestABatchThatIsTooLong(t *testing.T) {
	w := newTables(t)
	var keys []string
	for i := range 45 {
		key := fmt.Sprintf(`"pk":{"S":"%02d"}`, i)
		w.must("PutItem", `{"TableName":"plain","Item":{`+key+`,"v":{"S":"`+strings.Repeat("v", 400000)+`"}}}`)
		keys = append(keys, `{`+key+`}`)
	}
	request := `{"plain":{"Keys":[` + strings.Join(keys, ",") + `],"ProjectionExpression":"pk"}}`
	seen := map[string]bool{}
	for calls := 0; request != "{}"; calls++ {
		if calls > 2 {
			t.Fatal("the batch does not end")
		}
		var answer struct {
			Responses map[string][]struct {
				PK struct{ S string } `json:"pk"`
			}
			UnprocessedKeys json.RawMessage
		}
		if err := json.Unmarshal(w.must("BatchGetItem", `{"RequestItems":`+request+`}`), &answer); err != nil {
			t.Fatal(err)
		}
		for _, item := range answer.Responses["plain"] {
			seen[item.PK.S] = true
		}
		request = string(answer.UnprocessedKeys)
		if calls == 0 && len(seen) != 41 {
			t.Errorf("the first answer holds %d items", len(seen))
		}
	}
	if len(seen) != len(keys) {
		t.Errorf("%d of %d items were read", len(seen), len(keys))
	}
}

// TestTransactions: all or nothing, with the reasons in order.
func TestTransactions(t *testing.T) {
	w := newTables(t)
	key := func(pk string) string { return `"TableName":"plain","Key":{"pk":{"S":"` + pk + `"}}` }
	write := func(items ...string) string { return `{"TransactItems":[` + strings.Join(items, ",") + `]}` }
	put := func(pk, more string) string {
		return `{"Put":{"TableName":"plain","Item":{"pk":{"S":"` + pk + `"},"n":{"N":"1"}}` + more + `}}`
	}
	const add = `,"UpdateExpression":"ADD n :n","ExpressionAttributeValues":{":n":{"N":"1"}}`
	const absentOnly, presentOnly = `,"ConditionExpression":"attribute_not_exists(pk)"`, `,"ConditionExpression":"attribute_exists(pk)"`
	pair := `{"Put":{"TableName":"sorted","Item":{"pk":{"S":"a"},"sk":{"S":"1"}}}}`
	w.answers([]answered{
		{"puts", "TransactWriteItems", strings.TrimSuffix(write(put("a", absentOnly), put("b", ""), pair), "}") + `,"ReturnConsumedCapacity":"INDEXES"}`,
			`{"ConsumedCapacity":[{"TableName":"plain","CapacityUnits":4,"WriteCapacityUnits":4,"Table":{"CapacityUnits":4,"WriteCapacityUnits":4}},
			{"TableName":"sorted","CapacityUnits":2,"WriteCapacityUnits":2,"Table":{"CapacityUnits":2,"WriteCapacityUnits":2}}]}`},
		{"one of each", "TransactWriteItems", write(put("c", ""), `{"Update":{`+key("a")+add+`}}`, `{"Delete":{`+key("b")+presentOnly+`}}`,
			`{"ConditionCheck":{"TableName":"sorted","Key":{"pk":{"S":"a"},"sk":{"S":"1"}}`+presentOnly+`}}`), `{}`},
		{"read", "TransactGetItems", `{"TransactItems":[{"Get":{` + key("a") + `}},{"Get":{` + key("b") + `}},{"Get":{` + key("c") + `,"ProjectionExpression":"n"}}],"ReturnConsumedCapacity":"TOTAL"}`,
			`{"Responses":[{"Item":{"pk":{"S":"a"},"n":{"N":"2"}}},{},{"Item":{"n":{"N":"1"}}}],
			"ConsumedCapacity":[{"TableName":"plain","CapacityUnits":6,"ReadCapacityUnits":6}]}`},
		{"placeholders alone", "TransactWriteItems", write(put("e", `,"ExpressionAttributeNames":{"#a":"b"}`), `{"Delete":{`+key("f")+`,"ExpressionAttributeValues":{":a":{"S":"b"}}}}`), `{}`},
		{"names alone", "TransactGetItems", write(`{"Get":{` + key("f") + `,"ExpressionAttributeNames":{"#a":"b"}}}`), `{"Responses":[{}]}`},
	})
	reasons := func(codes, reasons string) string {
		message := `"Transaction cancelled, please refer cancellation reasons for specific reasons [` + codes + `]"`
		return `{"__type":"` + cancelled + `","message":` + message + `,"Message":` + message + `,"CancellationReasons":[` + reasons + `]}`
	}
	const none, misfit = `{"Code":"None"}`, `{"Code":"ValidationError","Message":"The provided key element does not match the schema"}`
	const tooLong = `{"Code":"ValidationError","Message":"One or more parameter values were invalid: Size of hashkey has exceeded the maximum size limit of2048 bytes"}`
	long := strings.Repeat("k", 2049)
	cancellations := []answered{
		{"wrong keys", "TransactWriteItems", write(put("d", ""), `{"Delete":{"TableName":"plain","Key":{"k":{"S":"a"}}}}`, `{"Put":{"TableName":"plain","Item":{"pk":{"N":"1"}}}}`),
			reasons("None, ValidationError, ValidationError", none+","+misfit+`,{"Code":"ValidationError","Message":"One or more parameter values were invalid: Type mismatch for key pk expected: S actual: N"}`)},
		{"key attribute", "TransactWriteItems", write(`{"Update":{` + key("a") + `,"UpdateExpression":"REMOVE pk"}}`), reasons("ValidationError",
			`{"Code":"ValidationError","Message":"One or more parameter values were invalid: Cannot update attribute pk. This attribute is part of the key"}`)},
		{"long keys", "TransactWriteItems", write(put(long, ""), put("d", ""), `{"Delete":{`+key(long)+`}}`), reasons("ValidationError, None, ValidationError", tooLong+","+none+","+tooLong)},
		{"read a long key", "TransactGetItems", write(`{"Get":{`+key("a")+`}}`, `{"Get":{`+key(long)+`}}`), reasons("None, ValidationError", none+","+tooLong)},
		{"read wrong key", "TransactGetItems", write(`{"Get":{`+key("a")+`}}`, `{"Get":{"TableName":"plain","Key":{}}}`), reasons("None, ValidationError", none+","+misfit)},
		{"conditions", "TransactWriteItems", write(put("d", ""), put("a", absentOnly+`,"ReturnValuesOnConditionCheckFailure":"ALL_OLD"`), `{"ConditionCheck":{`+key("b")+presentOnly+`}}`),
			reasons("None, ConditionalCheckFailed, ConditionalCheckFailed", none+`,{"Code":"ConditionalCheckFailed","Message":"The conditional request failed",
			"Item":{"pk":{"S":"a"},"n":{"N":"2"}}},{"Code":"ConditionalCheckFailed","Message":"The conditional request failed"}`)},
		{"an update that does not fit", "TransactWriteItems", write(put("d", ""), `{"Update":{`+key("a")+`,"UpdateExpression":"SET n = absent"}}`),
			reasons("None, ValidationError", none+`,{"Code":"ValidationError","Message":"The provided expression refers to an attribute that does not exist in the item"}`)},
	}
	for _, c := range cancellations {
		if status, got := w.call(c.operation, c.body); status != 400 || !sameJSON(t, got, c.want) {
			t.Errorf("%s: %d %s", c.name, status, got)
		}
	}
	w.refusals([]refused{
		{"nothing", "TransactWriteItems", `{"TransactItems":[]}`, validation, constraint("'[]'", "transactItems", "Member must have length greater than or equal to 1")},
		{"no action", "TransactWriteItems", write(`{}`), validation, "TransactItems can only contain one of Check, Put, Update or Delete"},
		{"two actions", "TransactWriteItems", write(`{"Put":{"TableName":"plain","Item":{}},"Delete":{` + key("a") + `}}`), validation,
			"TransactItems can only contain one of Check, Put, Update or Delete"},
		{"same item", "TransactWriteItems", write(put("d", ""), `{"ConditionCheck":{`+key("d")+presentOnly+`}}`), validation,
			"Transaction request cannot include multiple operations on one item"},
		{"same item read", "TransactGetItems", write(`{"Get":{`+key("a")+`}}`, `{"Get":{`+key("a")+`}}`), validation, "Transaction request cannot include multiple operations on one item"},
		{"no table", "TransactWriteItems", write(put("d", ""), `{"Delete":{"TableName":"nowhere","Key":{"pk":{"S":"a"}}}}`), absent, "Requested resource not found"},
		{"empty key", "TransactWriteItems", write(put("d", ""), `{"Delete":{`+key("")+`}}`), validation,
			"One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value. Key: pk"},
		{"empty key of an item", "TransactWriteItems", write(put("d", ""), put("", "")), validation,
			"One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value. Key: pk"},
		{"syntax", "TransactWriteItems", write(`{"Update":{` + key("a") + `,"UpdateExpression":"SET"}}`), validation, `Invalid UpdateExpression: Syntax error; token: "<EOF>", near: "SET"`},
		{"check without condition", "TransactWriteItems", write(`{"ConditionCheck":{` + key("a") + `}}`), validation,
			constraint("null", "transactItems.1.member.conditionCheck.conditionExpression", "Member must not be null")},
		{"read no table", "TransactGetItems", write(`{"Get":{"TableName":"nowhere","Key":{"pk":{"S":"a"}}}}`), absent, "Requested resource not found"},
		{"read nothing", "TransactGetItems", write(`{}`), validation, constraint("null", "transactItems.1.member.get", "Member must not be null")},
	})
	w.answers([]answered{{"nothing of a cancelled transaction", "GetItem", `{` + key("d") + `}`, `{}`}})
}
