package dynamodb_test

import (
	"strings"
	"testing"
)

const wrongKey = "The provided key element does not match the schema"

// TestRefusedKeys: a key by which an item is looked up has the schema's attributes, of their types, and no other.
func TestRefusedKeys(t *testing.T) {
	w := newTables(t)
	for _, operation := range []string{"GetItem", "DeleteItem", "UpdateItem"} {
		key := func(table, key string) string { return `{"TableName":"` + table + `","Key":` + key + `}` }
		w.refusals([]refused{
			{operation + " none", operation, `{"TableName":"plain"}`, validation, constraint("null", "key", "Member must not be null")},
			{operation + " empty", operation, key("plain", `{}`), validation, wrongKey},
			{operation + " other", operation, key("plain", `{"k":{"S":"a"}}`), validation, wrongKey},
			{operation + " more", operation, key("plain", `{"pk":{"S":"a"},"k":{"S":"a"}}`), validation, wrongKey},
			{operation + " less", operation, key("sorted", `{"pk":{"S":"a"}}`), validation, wrongKey},
			{operation + " type", operation, key("plain", `{"pk":{"N":"1"}}`), validation, wrongKey},
			{operation + " sort type", operation, key("sorted", `{"pk":{"S":"a"},"sk":{"N":"1"}}`), validation, wrongKey},
			{operation + " empty value", operation, key("plain", `{"pk":{"S":""}}`), validation,
				"One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value. Key: pk"},
			{operation + " long", operation, key("plain", `{"pk":{"S":"`+strings.Repeat("k", 2049)+`"}}`), validation,
				parameters + "Size of hashkey has exceeded the maximum size limit of2048 bytes"},
			{operation + " invalid value", operation, key("nowhere", `{"pk":{"S":"a","N":"1"}}`), validation,
				"Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes"},
		})
	}
	w.refusals([]refused{
		{"duplicate attributes", "GetItem", `{"TableName":"plain","Key":{"pk":{"S":"a"}},"AttributesToGet":["a","a"]}`, validation,
			parameters + "Duplicate value in attribute name: a"},
		{"no attributes", "GetItem", `{"TableName":"plain","Key":{"pk":{"S":"a"}},"AttributesToGet":[]}`, validation,
			constraint("'[]'", "attributesToGet", "Member must have length greater than or equal to 1")},
		{"both forms", "GetItem", `{"TableName":"plain","Key":{"pk":{"S":"a"}},"AttributesToGet":["a"],"ProjectionExpression":"a"}`, validation,
			"Can not use both expression and non-expression parameters in the same request: Non-expression parameters: {AttributesToGet} Expression parameters: {ProjectionExpression}"},
		{"names alone", "GetItem", `{"TableName":"plain","Key":{"pk":{"S":"a"}},"ExpressionAttributeNames":{"#a":"a"}}`, validation,
			"ExpressionAttributeNames can only be specified when using expressions"},
		{"reserved word before table", "GetItem", `{"TableName":"nowhere","Key":{"pk":{"S":"a"}},"ProjectionExpression":"size"}`, validation,
			"Invalid ProjectionExpression: Attribute name is a reserved keyword; reserved keyword: size"},
		{"consistency", "GetItem", `{"TableName":"plain","Key":{"pk":{"S":"a"}},"ConsistentRead":"yes"}`, serialization,
			"STRING_VALUE cannot be converted to Boolean"},
	})
}

// TestRefusedQueries: what a Query may not say, and in which order it is found.
func TestRefusedQueries(t *testing.T) {
	w := newTables(t)
	query := func(condition, values string, more ...string) string {
		return `{"TableName":"sorted","KeyConditionExpression":"` + condition + `","ExpressionAttributeValues":` + values + strings.Join(more, "") + `}`
	}
	const a, ab, mismatch = `{":a":{"S":"a"}}`, `{":a":{"S":"a"},":b":{"S":"b"}}`, parameters + "Condition parameter type does not match schema type"
	w.refusals([]refused{
		{"nothing", "Query", `{"TableName":"nowhere"}`, validation, "Either the KeyConditions or KeyConditionExpression parameter must be specified in the request."},
		{"both forms", "Query", `{"TableName":"sorted","KeyConditionExpression":"pk = :a","KeyConditions":{},"AttributesToGet":["a"]}`, validation,
			"Can not use both expression and non-expression parameters in the same request: Non-expression parameters: {AttributesToGet, KeyConditions} Expression parameters: {KeyConditionExpression}"},
		{"limit", "Query", query("pk = :a", a, `,"Limit":0`), validation, constraint("'0'", "limit", "Member must have value greater than or equal to 1")},
		{"select enum", "Query", query("pk = :a", a, `,"Select":"ALL"`), validation,
			constraint("'ALL'", "select", "Member must satisfy enum value set: [SPECIFIC_ATTRIBUTES, COUNT, ALL_ATTRIBUTES, ALL_PROJECTED_ATTRIBUTES]")},
		{"specific", "Query", query("pk = :a", a, `,"Select":"SPECIFIC_ATTRIBUTES"`), validation,
			"Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES"},
		{"projected", "Query", query("pk = :a", a, `,"Select":"ALL_PROJECTED_ATTRIBUTES"`), validation,
			"ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName"},
		{"count and projection", "Query", query("pk = :a", a, `,"Select":"COUNT","ProjectionExpression":"pk"`), validation,
			"Cannot specify the ProjectionExpression when choosing to get only the Count"},
		{"all and projection", "Query", query("pk = :a", a, `,"Select":"ALL_ATTRIBUTES","ProjectionExpression":"pk"`), validation,
			"Cannot specify the ProjectionExpression when choosing to get ALL_ATTRIBUTES"},
		{"count and attributes", "Query", `{"TableName":"sorted","Select":"COUNT","AttributesToGet":["pk"],"KeyConditions":{"pk":{"ComparisonOperator":"EQ","AttributeValueList":[{"S":"a"}]}}}`,
			validation, "Cannot specify the AttributesToGet when choosing to get only the Count"},
		{"syntax before table", "Query", `{"TableName":"nowhere","KeyConditionExpression":"pk"}`, validation,
			`Invalid KeyConditionExpression: Syntax error; token: "<EOF>", near: "pk"`},
		{"table before schema", "Query", `{"TableName":"nowhere","KeyConditionExpression":"xyz = :a","ExpressionAttributeValues":` + a + `}`, absent, "Requested resource not found"},
		{"OR", "Query", query("pk = :a OR sk = :a", a), validation, "Invalid operator used in KeyConditionExpression: OR"},
		{"not equal", "Query", query("pk <> :a", a), validation, "Invalid operator used in KeyConditionExpression: <>"},
		{"function", "Query", query("pk = :a AND contains(sk, :a)", a), validation, "Invalid operator used in KeyConditionExpression: contains"},
		{"three", "Query", query("pk = :a AND sk = :a AND v = :a", a), validation, "Conditions can be of length 1 or 2 only"},
		{"twice", "Query", query("pk = :a AND pk = :b", ab), validation, "KeyConditionExpressions must only contain one condition per key"},
		{"range of hash", "Query", query("pk > :a", a), validation, "Query key condition not supported"},
		{"sort key alone", "Query", query("sk = :a", a), validation, "Query condition missed key schema element: pk"},
		{"other attribute", "Query", query("pk = :a AND v = :a", a), validation, "Query condition missed key schema element: sk"},
		{"hash type", "Query", query("pk = :a", `{":a":{"N":"1"}}`), validation, mismatch},
		{"sort type", "Query", query("pk = :a AND sk = :b", `{":a":{"S":"a"},":b":{"N":"1"}}`), validation, mismatch},
		{"between", "Query", query("pk = :a AND sk BETWEEN :b AND :a", ab), validation,
			"Invalid KeyConditionExpression: The BETWEEN operator requires upper bound to be greater than or equal to lower bound; lower bound operand: AttributeValue: {S:b}, upper bound operand: AttributeValue: {S:a}"},
		{"empty hash", "Query", query("pk = :a", `{":a":{"S":""}}`), validation,
			"One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value. Key: pk"},
		{"filter on key", "Query", query("pk = :a", a, `,"FilterExpression":"sk > :a"`), validation,
			"Filter Expression can only contain non-primary key attributes: Primary key attribute: sk"},
		{"legacy filter on key", "Query", `{"TableName":"sorted","KeyConditions":{"pk":{"ComparisonOperator":"EQ","AttributeValueList":[{"S":"a"}]}},
			"QueryFilter":{"pk":{"ComparisonOperator":"EQ","AttributeValueList":[{"S":"a"}]}}}`, validation,
			"QueryFilter can only contain non-primary key attributes: Primary key attribute: pk"},
		{"legacy operator", "Query", `{"TableName":"sorted","KeyConditions":{"pk":{"ComparisonOperator":"NE","AttributeValueList":[{"S":"a"}]}}}`, validation,
			"Attempted conditional constraint is not an indexable operation"},
		{"legacy hash operator", "Query", `{"TableName":"sorted","KeyConditions":{"pk":{"ComparisonOperator":"GT","AttributeValueList":[{"S":"a"}]}}}`, validation,
			"Query key condition not supported"},
		{"legacy number of operands", "Query", `{"TableName":"sorted","KeyConditions":{"pk":{"ComparisonOperator":"EQ","AttributeValueList":[]}}}`, validation,
			parameters + "Invalid number of argument(s) for the EQ ComparisonOperator"},
		{"start key", "Query", query("pk = :a", a, `,"ExclusiveStartKey":{"pk":{"S":"a"}}`), validation, "The provided starting key is invalid"},
		{"start key type", "Query", query("pk = :a", a, `,"ExclusiveStartKey":{"pk":{"S":"a"},"sk":{"N":"1"}}`), validation, "The provided starting key is invalid"},
		{"start key value", "Query", query("pk = :a", a, `,"ExclusiveStartKey":{"pk":{}}`), validation,
			"The provided starting key is invalid: Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"},
		{"start key elsewhere", "Query", query("pk = :a", a, `,"ExclusiveStartKey":{"pk":{"S":"b"},"sk":{"S":"1"}}`), validation,
			"The provided starting key is outside query boundaries based on provided conditions"},
		{"start key out of range", "Query", query("pk = :a AND sk > :b", ab, `,"ExclusiveStartKey":{"pk":{"S":"a"},"sk":{"S":"a"}}`), validation,
			"The provided starting key does not match the range key predicate"},
		{"values without their expressions", "Query", `{"TableName":"sorted","KeyConditions":{"pk":{"ComparisonOperator":"EQ","AttributeValueList":[{"S":"a"}]}},"ExpressionAttributeValues":` + a + `}`,
			validation, "ExpressionAttributeValues can only be specified when using expressions: FilterExpression and KeyConditionExpression are null"},
		{"index", "Query", query("pk = :a", a, `,"IndexName":"index"`), validation, "The table does not have the specified index: index"},
	})
}

// TestRefusedScans: what a Scan may not say.
func TestRefusedScans(t *testing.T) {
	w := newTables(t)
	scan := func(more string) string { return `{"TableName":"plain",` + more + `}` }
	w.refusals([]refused{
		{"segment alone", "Scan", scan(`"Segment":1`), validation,
			"The TotalSegments parameter is required but was not present in the request when Segment parameter is present"},
		{"total alone", "Scan", scan(`"TotalSegments":1`), validation,
			"The Segment parameter is required but was not present in the request when parameter TotalSegments is present"},
		{"segment beyond", "Scan", scan(`"Segment":2,"TotalSegments":2`), validation,
			"The Segment parameter is zero-based and must be less than parameter TotalSegments: Segment: 2 is not less than TotalSegments: 2"},
		{"total too large", "Scan", scan(`"Segment":2,"TotalSegments":1000001`), validation,
			constraint("'1000001'", "totalSegments", "Member must have value less than or equal to 1000000")},
		{"segment negative", "Scan", scan(`"Segment":-1,"TotalSegments":2`), validation, constraint("'-1'", "segment", "Member must have value greater than or equal to 0")},
		{"start key", "Scan", scan(`"ExclusiveStartKey":{"k":{"S":"a"}}`), validation, "The provided starting key is invalid: " + wrongKey},
		{"both forms", "Scan", scan(`"FilterExpression":"a","ScanFilter":{},"AttributesToGet":["a"]`), validation,
			"Can not use both expression and non-expression parameters in the same request: Non-expression parameters: {AttributesToGet, ScanFilter} Expression parameters: {FilterExpression}"},
		{"values alone", "Scan", scan(`"ExpressionAttributeValues":{":a":{"S":"a"}}`), validation,
			"ExpressionAttributeValues can only be specified when using expressions: FilterExpression is null"},
		{"operator for one", "Scan", scan(`"ConditionalOperator":"OR","ScanFilter":{"a":{"ComparisonOperator":"NULL"}}`), validation,
			"ConditionalOperator can only be used when Filter or Expected has two or more elements"},
		{"limit", "Scan", scan(`"Limit":-5`), validation, constraint("'-5'", "limit", "Member must have value greater than or equal to 1")},
		{"filter before table", "Scan", `{"TableName":"nowhere","FilterExpression":"a"}`, validation, `Invalid FilterExpression: Syntax error; token: "<EOF>", near: "a"`},
	})
}
