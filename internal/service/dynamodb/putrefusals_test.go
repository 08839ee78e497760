package dynamodb_test

import (
	"strings"
	"testing"
)

const parameters = "One or more parameter values were invalid: "

// constraint is the text for one member that breaks the model.
func constraint(value, member, demand string) string {
	return "1 validation error detected: Value " + value + " at '" + member + "' failed to satisfy constraint: " + demand
}

// nested is an attribute value of so many maps, one in the other.
func nested(levels int) string {
	return strings.Repeat(`{"M":{"a":`, levels-1) + `{"M":{}}` + strings.Repeat("}}", levels-1)
}

// TestRefusedNames: the name of a table is checked before the table is looked for, and by every operation alike.
func TestRefusedNames(t *testing.T) {
	w := newWorld(t)
	const pattern = "Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+"
	const short, tooLong = "Member must have length greater than or equal to 3", "Member must have length less than or equal to 255"
	long := strings.Repeat("x", 256)
	for operation, rest := range map[string]string{
		"PutItem": `,"Item":{"pk":{"S":"a"}}}`, "GetItem": `,"Key":{"pk":{"S":"a"}}}`, "DeleteItem": `,"Key":{"pk":{"S":"a"}}}`,
		"UpdateItem": `,"Key":{"pk":{"S":"a"}}}`, "Scan": `}`, "DescribeTable": `}`, "DeleteTable": `}`,
		"Query": `,"KeyConditions":{"pk":{"ComparisonOperator":"EQ","AttributeValueList":[{"S":"a"}]}}}`,
		"CreateTable": `,"BillingMode":"PAY_PER_REQUEST","AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"}],
			"KeySchema":[{"AttributeName":"pk","KeyType":"HASH"}]}`,
		"UpdateTable": `,"DeletionProtectionEnabled":true}`,
	} {
		body := func(name string) string { return `{"TableName":"` + name + `"` + rest }
		w.refusals([]refused{
			{operation + " without name", operation, "{" + rest[min(1, len(rest)-1):], validation, constraint("null", "tableName", "Member must not be null")},
			{operation + " empty", operation, body(""), validation, constraint("''", "tableName", "Member must have length greater than or equal to 1")},
			{operation + " short", operation, body("ab"), validation, constraint("'ab'", "tableName", short)},
			{operation + " long", operation, body(long), validation, constraint("'"+long+"'", "tableName", tooLong)},
			{operation + " characters", operation, body("a b"), validation, constraint("'a b'", "tableName", pattern)},
		})
		if operation != "CreateTable" {
			message := "Requested resource not found"
			if strings.HasSuffix(operation, "Table") {
				message += ": Table: nowhere not found"
			}
			w.refusals([]refused{{operation + " absent", operation, body("nowhere"), absent, message}})
		}
	}
}

// TestRefusedPuts: what a PutItem may not say.
func TestRefusedPuts(t *testing.T) {
	w := newTables(t)
	put := func(item string, more ...string) string {
		return `{"TableName":"plain","Item":` + item + strings.Join(more, "") + `}`
	}
	a := func(value string) string { return put(`{"pk":{"S":"a"},"v":` + value + `}`) }
	w.refusals([]refused{
		{"no item", "PutItem", `{"TableName":"plain"}`, validation, constraint("null", "item", "Member must not be null")},
		{"name of wrong type", "PutItem", `{"TableName":1}`, serialization, "NUMBER_VALUE cannot be converted to String"},
		{"item of wrong type", "PutItem", put(`"x"`), serialization, "Expected map or null"},
		{"item as list", "PutItem", put(`[]`), serialization, "Start of list found where not expected"},
		{"no JSON", "PutItem", `{`, serialization, ""},
		{"no type", "PutItem", a(`{}`), validation, "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"},
		{"unknown type", "PutItem", a(`{"X":"1"}`), validation, "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"},
		{"two types", "PutItem", a(`{"S":"1","N":"1"}`), validation, "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes"},
		{"not null", "PutItem", a(`{"NULL":false}`), validation, parameters + "Null attribute value types must have the value of true"},
		{"empty strings", "PutItem", a(`{"SS":[]}`), validation, parameters + "An string set  may not be empty"},
		{"empty numbers", "PutItem", a(`{"NS":[]}`), validation, parameters + "An number set  may not be empty"},
		{"empty binaries", "PutItem", a(`{"BS":[]}`), validation, parameters + "Binary sets should not be empty"},
		{"equal strings", "PutItem", a(`{"SS":["a","a"]}`), validation, parameters + "Input collection [a, a] contains duplicates."},
		{"equal numbers", "PutItem", a(`{"NS":["1","1.0"]}`), validation, "Input collection contains duplicates"},
		{"no number", "PutItem", a(`{"N":"b"}`), validation, "The parameter cannot be converted to a numeric value: b"},
		{"empty number", "PutItem", a(`{"N":""}`), validation, "The parameter cannot be converted to a numeric value"},
		{"39 digits", "PutItem", a(`{"N":"1` + strings.Repeat("1", 38) + `"}`), validation, "Attempting to store more than 38 significant digits in a Number"},
		{"overflow", "PutItem", a(`{"N":"1E126"}`), validation, "Number overflow. Attempting to store a number with magnitude larger than supported range"},
		{"underflow", "PutItem", a(`{"N":"1E-131"}`), validation, "Number underflow. Attempting to store a number with magnitude smaller than supported range"},
		{"nested", "PutItem", a(nested(32)), validation, "Nesting Levels have exceeded supported limits: Attributes in the item have nested levels beyond supported limit"},
		{"base64", "PutItem", a(`{"B":"aaa"}`), serialization, "Base64 encoded length is expected a multiple of 4 bytes but found: 3"},

		{"empty key", "PutItem", put(`{"pk":{"S":""}}`), validation,
			"One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value. Key: pk"},
		{"missing key", "PutItem", put(`{"a":{"S":"b"}}`), validation, parameters + "Missing the key pk in the item"},
		{"no attributes", "PutItem", put(`{}`), validation, parameters + "Missing the key pk in the item"},
		{"key type", "PutItem", put(`{"pk":{"N":"1"}}`), validation, parameters + "Type mismatch for key pk expected: S actual: N"},
		{"long key", "PutItem", put(`{"pk":{"S":"` + strings.Repeat("k", 2049) + `"}}`), validation,
			parameters + "Size of hashkey has exceeded the maximum size limit of2048 bytes"},
		{"long sort key", "PutItem", `{"TableName":"sorted","Item":{"pk":{"S":"a"},"sk":{"S":"` + strings.Repeat("k", 1025) + `"}}}`, validation,
			parameters + "Aggregated size of all range keys has exceeded the size limit of 1024 bytes"},
		{"missing sort key", "PutItem", `{"TableName":"sorted","Item":{"pk":{"S":"a"}}}`, validation, parameters + "Missing the key sk in the item"},
		{"empty binary key", "PutItem", `{"TableName":"numbers","Item":{"pk":{"N":"1"},"sk":{"B":""}}}`, validation,
			"One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty binary value. Key: sk"},
		{"too large", "PutItem", put(`{"pk":{"S":"a"},"v":{"S":"` + strings.Repeat("v", 409600-4+1) + `"}}`), validation, "Item size has exceeded the maximum allowed size"},
		{"too large for no table", "PutItem", `{"TableName":"nowhere","Item":{"pk":{"S":"a"},"v":{"S":"` + strings.Repeat("v", 409600) + `"}}}`, validation,
			"Item size has exceeded the maximum allowed size"},

		{"return values", "PutItem", put(`{"pk":{"S":"a"}}`, `,"ReturnValues":"ALL_NEW"`), validation, "ReturnValues can only be ALL_OLD or NONE"},
		{"return values enum", "PutItem", put(`{"pk":{"S":"a"}}`, `,"ReturnValues":"SOME"`), validation,
			constraint("'SOME'", "returnValues", "Member must satisfy enum value set: [ALL_NEW, UPDATED_OLD, ALL_OLD, NONE, UPDATED_NEW]")},
		{"capacity enum", "PutItem", put(`{"pk":{"S":"a"}}`, `,"ReturnConsumedCapacity":"ALL"`), validation,
			constraint("'ALL'", "returnConsumedCapacity", "Member must satisfy enum value set: [INDEXES, TOTAL, NONE]")},
		{"metrics enum", "PutItem", put(`{"pk":{"S":"a"}}`, `,"ReturnItemCollectionMetrics":"ALL"`), validation,
			constraint("'ALL'", "returnItemCollectionMetrics", "Member must satisfy enum value set: [SIZE, NONE]")},
		{"two enums", "PutItem", put(`{"pk":{"S":"a"}}`, `,"ReturnItemCollectionMetrics":"x","ReturnConsumedCapacity":"y"`), validation,
			"2 validation errors detected: Value 'y' at 'returnConsumedCapacity' failed to satisfy constraint: Member must satisfy enum value set: [INDEXES, TOTAL, NONE]; " +
				"Value 'x' at 'returnItemCollectionMetrics' failed to satisfy constraint: Member must satisfy enum value set: [SIZE, NONE]"},
	})
}

// TestRefusedConditions: which of several errors around a condition DynamoDB reports.
func TestRefusedConditions(t *testing.T) {
	w := newTables(t)
	put := func(table, more string) string {
		return `{"TableName":"` + table + `","Item":{"pk":{"S":"a"}},` + more + `}`
	}
	const mixed = "Can not use both expression and non-expression parameters in the same request: Non-expression parameters: "
	w.refusals([]refused{
		{"both forms", "PutItem", put("plain", `"ConditionExpression":"a","Expected":{},"ConditionalOperator":"OR"`), validation,
			mixed + "{Expected, ConditionalOperator} Expression parameters: {ConditionExpression}"},
		{"forms before return values", "PutItem", put("plain", `"ReturnValues":"ALL_NEW","ConditionExpression":"a","Expected":{}`), validation,
			mixed + "{Expected} Expression parameters: {ConditionExpression}"},
		{"return values before condition", "PutItem", put("plain", `"ReturnValues":"ALL_NEW","ConditionExpression":""`), validation,
			"ReturnValues can only be ALL_OLD or NONE"},
		{"empty", "PutItem", put("plain", `"ConditionExpression":""`), validation, "Invalid ConditionExpression: The expression can not be empty;"},
		{"syntax before table", "PutItem", put("nowhere", `"ConditionExpression":"a ="`), validation,
			`Invalid ConditionExpression: Syntax error; token: "<EOF>", near: "="`},
		{"syntax before key", "PutItem", `{"TableName":"plain","Item":{},"ConditionExpression":"a ="}`, validation,
			`Invalid ConditionExpression: Syntax error; token: "<EOF>", near: "="`},
		{"key before condition", "PutItem", `{"TableName":"plain","Item":{"pk":{"N":"1"}},"ConditionExpression":"attribute_exists(pk)"}`, validation,
			parameters + "Type mismatch for key pk expected: S actual: N"},
		{"names alone", "PutItem", put("plain", `"ExpressionAttributeNames":{"#a":"a"}`), validation,
			"ExpressionAttributeNames can only be specified when using expressions"},
		{"values alone", "PutItem", put("plain", `"ExpressionAttributeValues":{":a":{"S":"a"}}`), validation,
			"ExpressionAttributeValues can only be specified when using expressions: ConditionExpression is null"},
		{"no names", "PutItem", put("plain", `"ConditionExpression":"attribute_exists(pk)","ExpressionAttributeNames":{}`), validation, "ExpressionAttributeNames must not be empty"},
		{"no values", "PutItem", put("plain", `"ConditionExpression":"attribute_exists(pk)","ExpressionAttributeValues":{}`), validation, "ExpressionAttributeValues must not be empty"},
		{"unused name", "PutItem", put("plain", `"ConditionExpression":"attribute_exists(pk)","ExpressionAttributeNames":{"#a":"a"}`), validation,
			"Value provided in ExpressionAttributeNames unused in expressions: keys: {#a}"},
		{"unused value", "PutItem", put("plain", `"ConditionExpression":"attribute_exists(pk)","ExpressionAttributeValues":{":a":{"S":"a"}}`), validation,
			"Value provided in ExpressionAttributeValues unused in expressions: keys: {:a}"},
		{"wrong value", "PutItem", put("plain", `"ConditionExpression":"pk = :a","ExpressionAttributeValues":{":a":{"NS":[]}}`), validation,
			"ExpressionAttributeValues contains invalid value: One or more parameter values were invalid: An number set  may not be empty for key :a"},
		{"model before item", "PutItem", `{"Item":{"pk":{}},"ReturnConsumedCapacity":"ALL","TableName":"plain"}`, validation,
			constraint("'ALL'", "returnConsumedCapacity", "Member must satisfy enum value set: [INDEXES, TOTAL, NONE]")},
		{"model before value", "PutItem", `{"Item":{"pk":{"S":"a"}},"ConditionExpression":"pk = :a","ExpressionAttributeValues":{":a":{}}}`, validation,
			constraint("null", "tableName", "Member must not be null")},
		{"type before item", "PutItem", `{"Item":{"pk":{}},"TableName":1}`, serialization, "NUMBER_VALUE cannot be converted to String"},
		{"wrong item before value", "PutItem", `{"ExpressionAttributeValues":{":a":{}},"TableName":"plain","Item":{"pk":{}}}`, validation,
			"Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"},
		{"condition fails", "PutItem", put("plain", `"ConditionExpression":"attribute_exists(pk)"`), failedCheck, "The conditional request failed"},
		{"expectation fails", "PutItem", put("plain", `"Expected":{"pk":{"Exists":true,"Value":{"S":"a"}}}`), failedCheck, "The conditional request failed"},
		{"operator alone", "PutItem", put("plain", `"ConditionalOperator":"AND"`), validation, "ConditionalOperator cannot be used without Filter or Expected"},
		{"expectation without value", "PutItem", put("plain", `"Expected":{"v":{"Exists":true}}`), validation,
			parameters + "Value must be provided when Exists is true for Attribute: v"},
	})
}
