package dynamodb_test

import (
	"strings"
	"testing"
)

// TestItems: what writes and reads of single items answer.
func TestItems(t *testing.T) {
	w := newTables(t)
	put := func(item, more string) string { return `{"TableName":"plain","Item":` + item + more + `}` }
	get := func(more string) string { return `{"TableName":"plain","Key":{"pk":{"S":"a"}}` + more + `}` }
	const every = `{"pk":{"S":"a"},"s":{"S":""},"n":{"N":"-1.5E+2"},"b":{"B":"AAEC"},"t":{"BOOL":true},"z":{"NULL":true},"m":{"M":{"x":{"L":[]}}},
		"l":{"L":[{"M":{}},{"S":"é"}]},"ss":{"SS":["b","a"]},"ns":{"NS":["2","1.0"]},"bs":{"BS":["AQ=="]}}`
	const given = `{"pk":{"S":"a"},"s":{"S":""},"n":{"N":"-150"},"b":{"B":"AAEC"},"t":{"BOOL":true},"z":{"NULL":true},"m":{"M":{"x":{"L":[]}}},
		"l":{"L":[{"M":{}},{"S":"é"}]},"ss":{"SS":["a","b"]},"ns":{"NS":["1","2"]},"bs":{"BS":["AQ=="]}}`
	large := `{"pk":{"S":"a"},"v":{"S":"` + strings.Repeat("v", 409600-4) + `"}}`
	w.answers([]answered{
		{"get none", "GetItem", get(""), `{}`},
		{"get none for capacity", "GetItem", get(`,"ReturnConsumedCapacity":"TOTAL"`),
			`{"ConsumedCapacity":{"TableName":"plain","CapacityUnits":0.5}}`},
		{"put", "PutItem", put(every, ""), `{}`},
		{"get", "GetItem", get(`,"ConsistentRead":true,"ReturnConsumedCapacity":"INDEXES"`),
			`{"Item":` + given + `,"ConsumedCapacity":{"TableName":"plain","CapacityUnits":1,"Table":{"CapacityUnits":1}}}`},
		{"project", "GetItem", get(`,"ProjectionExpression":"#s, l[1], m.x, absent","ExpressionAttributeNames":{"#s":"s"}`),
			`{"Item":{"s":{"S":""},"l":{"L":[{"S":"é"}]},"m":{"M":{"x":{"L":[]}}}}}`},
		{"project nothing", "GetItem", get(`,"ProjectionExpression":"absent"`), `{"Item":{}}`},
		{"attributes", "GetItem", get(`,"AttributesToGet":["pk","absent"]`), `{"Item":{"pk":{"S":"a"}}}`},
		{"replace", "PutItem", put(`{"pk":{"S":"a"}}`, `,"ReturnValues":"ALL_OLD","ReturnItemCollectionMetrics":"SIZE"`),
			`{"Attributes":` + given + `}`},
		{"expect nothing there", "PutItem", put(`{"pk":{"S":"new"}}`, `,"Expected":{"pk":{"Exists":false}}`), `{}`},
		{"put the largest", "PutItem", put(large, `,"ReturnConsumedCapacity":"TOTAL"`),
			`{"ConsumedCapacity":{"TableName":"plain","CapacityUnits":400}}`},
		{"get the largest", "GetItem", get(`,"ReturnConsumedCapacity":"TOTAL","ProjectionExpression":"pk"`),
			`{"Item":{"pk":{"S":"a"}},"ConsumedCapacity":{"TableName":"plain","CapacityUnits":50}}`},
		{"replacing costs the larger", "PutItem", put(`{"pk":{"S":"a"}}`, `,"ReturnConsumedCapacity":"TOTAL"`),
			`{"ConsumedCapacity":{"TableName":"plain","CapacityUnits":400}}`},
		{"delete if", "DeleteItem",
			get(`,"ConditionExpression":"attribute_exists(pk)","ReturnValues":"ALL_OLD","ReturnConsumedCapacity":"INDEXES"`),
			`{"Attributes":{"pk":{"S":"a"}},"ConsumedCapacity":{"TableName":"plain","CapacityUnits":1,"Table":{"CapacityUnits":1}}}`},
		{"delete none", "DeleteItem", get(`,"ReturnValues":"ALL_OLD","ReturnConsumedCapacity":"TOTAL"`),
			`{"ConsumedCapacity":{"TableName":"plain","CapacityUnits":1}}`},
		{"longest keys", "PutItem", `{"TableName":"sorted","Item":{"pk":{"S":"` + strings.Repeat("k", 2048) + `"},"sk":{"S":"` +
			strings.Repeat("k", 1024) + `"}}}`, `{}`},
		{"deepest", "PutItem", put(`{"pk":{"S":"deep"},"v":`+nested(31)+`}`, ""), `{}`},
		{"number and binary key", "PutItem", `{"TableName":"numbers","Item":{"pk":{"N":"1.0"},"sk":{"B":"AA=="}}}`, `{}`},
		{"another spelling of the number", "GetItem", `{"TableName":"numbers","Key":{"pk":{"N":"10E-1"},"sk":{"B":"AA=="}}}`,
			`{"Item":{"pk":{"N":"1"},"sk":{"B":"AA=="}}}`},
	})
}

// TestTheItemThatFailed: a failed condition gives the item when it is asked to, and changes nothing.
func TestTheItemThatFailed(t *testing.T) {
	w := newTables(t)
	w.must("PutItem", `{"TableName":"plain","Item":{"pk":{"S":"a"},"v":{"N":"1"}}}`)
	const condition = `,"ConditionExpression":"v > :v","ExpressionAttributeValues":{":v":{"N":"5"}}`
	const with, without = `{"__type":"` + failedCheck +
		`","message":"The conditional request failed","Item":{"pk":{"S":"a"},"v":{"N":"1"}}}`,
		`{"__type":"` + failedCheck + `","message":"The conditional request failed"}`
	for operation, rest := range map[string]string{
		"PutItem": `"Item":{"pk":{"S":"a"}}` + condition, "DeleteItem": `"Key":{"pk":{"S":"a"}}` + condition,
		"UpdateItem": `"Key":{"pk":{"S":"a"}},"UpdateExpression":"REMOVE v"` + condition,
	} {
		for asked, want := range map[string]string{"": without, `,"ReturnValuesOnConditionCheckFailure":"NONE"`: without,
			`,"ReturnValuesOnConditionCheckFailure":"ALL_OLD"`: with} {
			status, got := w.call(operation, `{"TableName":"plain",`+rest+asked+`}`)
			if status != 400 || !sameJSON(t, got, want) {
				t.Errorf("%s%s: %d %s", operation, asked, status, got)
			}
		}
	}
	w.answers([]answered{{"unchanged", "GetItem", `{"TableName":"plain","Key":{"pk":{"S":"a"}}}`,
		`{"Item":{"pk":{"S":"a"},"v":{"N":"1"}}}`}})
}

// TestUpdates: what UpdateItem makes and gives back.
func TestUpdates(t *testing.T) {
	w := newTables(t)
	update := func(expression, more string) string {
		return `{"TableName":"plain","Key":{"pk":{"S":"a"}},"UpdateExpression":"` + expression + `"` + more + `}`
	}
	legacy := func(updates, more string) string {
		return `{"TableName":"plain","Key":{"pk":{"S":"b"}},"AttributeUpdates":` + updates + more + `}`
	}
	const one, returns = `,"ExpressionAttributeValues":{":v":{"N":"1"}}`, `,"ReturnValues":`
	w.answers([]answered{
		{"makes an item", "UpdateItem", update("SET v = :v", one+returns+`"ALL_OLD"`), `{}`},
		{"all new", "UpdateItem", update("ADD v :v", one+returns+`"ALL_NEW"`), `{"Attributes":{"pk":{"S":"a"},"v":{"N":"2"}}}`},
		{"updated new", "UpdateItem", update("SET w = v + :v", one+returns+`"UPDATED_NEW"`), `{"Attributes":{"w":{"N":"3"}}}`},
		{"updated old", "UpdateItem", update("SET w = :v, x = :v", one+returns+`"UPDATED_OLD"`), `{"Attributes":{"w":{"N":"3"}}}`},
		{"all old", "UpdateItem", update("REMOVE x", returns+`"ALL_OLD"`),
			`{"Attributes":{"pk":{"S":"a"},"v":{"N":"2"},"w":{"N":"1"},"x":{"N":"1"}}}`},
		{"updated new of nothing", "UpdateItem", update("REMOVE w", returns+`"UPDATED_NEW"`), `{}`},
		{"none", "UpdateItem", update("SET m = :m", `,"ExpressionAttributeValues":{":m":{"M":{"x":{"N":"1"},"y":{"N":"2"}}}}`+returns+
			`"NONE"`), `{}`},
		{"a path", "UpdateItem", update("SET m.x = :v", one+returns+`"UPDATED_NEW"`), `{"Attributes":{"m":{"M":{"x":{"N":"1"}}}}}`},
		{"on a condition", "UpdateItem", update("SET v = :v", `,"ConditionExpression":"v > :v"`+one+`,"ReturnConsumedCapacity":"TOTAL"`),
			`{"ConsumedCapacity":{"TableName":"plain","CapacityUnits":1}}`},
		{"nothing", "UpdateItem", `{"TableName":"plain","Key":{"pk":{"S":"empty"}},"ReturnValues":"ALL_NEW"}`,
			`{"Attributes":{"pk":{"S":"empty"}}}`},
		{"nothing again", "UpdateItem", `{"TableName":"plain","Key":{"pk":{"S":"empty"}},"ReturnValues":"ALL_OLD"}`,
			`{"Attributes":{"pk":{"S":"empty"}}}`},
		{"legacy deletes make no item", "UpdateItem", legacy(`{"v":{"Action":"DELETE"}}`, returns+`"ALL_NEW"`), `{}`},
		{"legacy none", "GetItem", `{"TableName":"plain","Key":{"pk":{"S":"b"}}}`, `{}`},
		{"legacy", "UpdateItem", legacy(`{"v":{"Value":{"N":"1"}},"w":{"Action":"ADD","Value":{"SS":["a"]}}}`, returns+`"ALL_NEW"`),
			`{"Attributes":{"pk":{"S":"b"},"v":{"N":"1"},"w":{"SS":["a"]}}}`},
		{"legacy if", "UpdateItem", legacy(`{"v":{"Action":"ADD","Value":{"N":"1"}}}`,
			`,"Expected":{"v":{"Value":{"N":"1"}},"w":{"ComparisonOperator":"NULL"}},"ConditionalOperator":"OR"`+returns+`"UPDATED_NEW"`),
			`{"Attributes":{"v":{"N":"2"}}}`},
	})
	w.refusals([]refused{
		{"key", "UpdateItem", update("SET pk = :v", one), validation,
			parameters + "Cannot update attribute pk. This attribute is part of the key"},
		{"key before condition", "UpdateItem", update("SET pk = :v", one+`,"ConditionExpression":"attribute_exists(absent)"`), validation,
			parameters + "Cannot update attribute pk. This attribute is part of the key"},
		{"legacy key", "UpdateItem", legacy(`{"pk":{"Value":{"N":"1"}}}`, ""), validation,
			parameters + "Cannot update attribute pk. This attribute is part of the key"},
		{"both forms", "UpdateItem", update("SET v = :v", one+`,"AttributeUpdates":{},"Expected":{}`), validation,
			"Can not use both expression and non-expression parameters in the same request: Non-expression parameters: " +
				"{AttributeUpdates, Expected} Expression parameters: {UpdateExpression}"},
		{"values alone", "UpdateItem", `{"TableName":"plain","Key":{"pk":{"S":"a"}}` + one + `}`, validation,
			"ExpressionAttributeValues can only be specified when using expressions: UpdateExpression and ConditionExpression are null"},
		{"empty", "UpdateItem", update("", ""), validation, "Invalid UpdateExpression: The expression can not be empty;"},
		{"no such attribute", "UpdateItem", update("SET v = absent", ""), validation,
			"The provided expression refers to an attribute that does not exist in the item"},
		{"no such path", "UpdateItem", update("SET absent.v = :v", one), validation,
			"The document path provided in the update expression is invalid for update"},
		{"type", "UpdateItem", update("SET v = m + :v", one), validation, "An operand in the update expression has an incorrect data type"},
		{"condition", "UpdateItem", update("SET v = :v", one+`,"ConditionExpression":"v > :v"`), failedCheck,
			"The conditional request failed"},
		{"size", "UpdateItem", update("SET v = :v", `,"ExpressionAttributeValues":{":v":{"S":"`+strings.Repeat("v", 409600)+`"}}`),
			validation,
			"Item size to update has exceeded the maximum allowed size"},
		{"legacy action", "UpdateItem", legacy(`{"v":{"Action":"ADD","Value":{"S":"a"}}}`, ""), validation,
			parameters + "ADD action is not supported for the type S"},
		{"legacy without value", "UpdateItem", legacy(`{"v":{"Action":"PUT"}}`, ""), validation,
			parameters + "Only DELETE action is allowed when no attribute value is specified"},
		{"no table", "UpdateItem", `{"TableName":"nowhere","Key":{"pk":{"S":"a"}},"UpdateExpression":"SET pk = :v"` + one + `}`, absent,
			"Requested resource not found"},
	})
}
