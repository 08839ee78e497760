package dynamodb_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestRefusedTables: what a CreateTable may not say, in DynamoDB's order.
func TestRefusedTables(t *testing.T) {
	w := newWorld(t)
	create := func(definitions, schema, more string) string {
		return `{"TableName":"table","AttributeDefinitions":[` + definitions + `],"KeySchema":[` + schema + `]` + more + `}`
	}
	definition := func(name string) string { return `{"AttributeName":"` + name + `","AttributeType":"S"}` }
	element := func(name, kind string) string { return `{"AttributeName":"` + name + `","KeyType":"` + kind + `"}` }
	a, b := definition("a"), definition("b")
	hash, sort := element("a", "HASH"), element("b", "RANGE")
	const onDemand = `,"BillingMode":"PAY_PER_REQUEST"`
	var tags []string
	for i := range 51 {
		tags = append(tags, fmt.Sprintf(`{"Key":"k%d","Value":""}`, i))
	}
	w.refusals([]refused{
		{"nothing", "CreateTable", `{"TableName":"table"}`, validation, "2 validation errors detected: Value null at 'attributeDefinitions' failed to satisfy constraint: Member must not be null; " +
			"Value null at 'keySchema' failed to satisfy constraint: Member must not be null"},
		{"no schema", "CreateTable", `{"TableName":"table","AttributeDefinitions":[]}`, validation, constraint("null", "keySchema", "Member must not be null")},
		{"empty schema", "CreateTable", create(a, "", onDemand), validation, constraint("'[]'", "keySchema", "Member must have length greater than or equal to 1")},
		{"three elements", "CreateTable", create(a, hash+","+sort+","+sort, ""), validation,
			constraint("'[KeySchemaElement(attributeName=a, keyType=HASH), KeySchemaElement(attributeName=b, keyType=RANGE), KeySchemaElement(attributeName=b, keyType=RANGE)]'",
				"keySchema", "Member must have length less than or equal to 2")},
		{"no throughput", "CreateTable", create(a, hash, ""), validation,
			parameters + "ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED"},
		{"both modes", "CreateTable", create(a, hash, onDemand+`,"ProvisionedThroughput":{"ReadCapacityUnits":1,"WriteCapacityUnits":1}`), validation,
			parameters + "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST"},
		{"zero throughput", "CreateTable", create(a, hash, `,"ProvisionedThroughput":{"ReadCapacityUnits":0,"WriteCapacityUnits":0}`), validation,
			"2 validation errors detected: Value '0' at 'provisionedThroughput.readCapacityUnits' failed to satisfy constraint: Member must have value greater than or equal to 1; " +
				"Value '0' at 'provisionedThroughput.writeCapacityUnits' failed to satisfy constraint: Member must have value greater than or equal to 1"},
		{"half a throughput", "CreateTable", create(a, hash, `,"ProvisionedThroughput":{"ReadCapacityUnits":1}`), validation,
			constraint("null", "provisionedThroughput.writeCapacityUnits", "Member must not be null")},
		{"huge throughput", "CreateTable", create(a, hash, `,"ProvisionedThroughput":{"ReadCapacityUnits":1000000000001,"WriteCapacityUnits":1}`), validation,
			"Given value 1000000000001 for ReadCapacityUnits is out of bounds"},
		{"undefined key", "CreateTable", create(b, hash, onDemand), validation, "Invalid KeySchema: Some index key attribute have no definition"},
		{"undefined sort key", "CreateTable", create(a, hash+","+sort, onDemand), validation, "Invalid KeySchema: Some index key attribute have no definition"},
		{"definition twice", "CreateTable", create(a+","+a, hash, onDemand), validation, "Attribute Name is duplicated: a"},
		{"unused definition", "CreateTable", create(a+","+b, hash, onDemand), validation,
			parameters + "Number of attributes in KeySchema does not exactly match number of attributes defined in AttributeDefinitions"},
		{"no hash", "CreateTable", create(b, sort, onDemand), validation, "Invalid KeySchema: The first KeySchemaElement is not a HASH key type"},
		{"two hashes", "CreateTable", create(a+","+b, hash+","+element("b", "HASH"), onDemand), validation, "Invalid KeySchema: The second KeySchemaElement is not a RANGE key type"},
		{"same names", "CreateTable", create(a, hash+","+element("a", "RANGE"), onDemand), validation, "Both the Hash Key and the Range Key element in the KeySchema have the same name"},
		{"key type", "CreateTable", create(a, element("a", "SORT"), onDemand), validation,
			constraint("'SORT'", "keySchema.1.member.keyType", "Member must satisfy enum value set: [HASH, RANGE]")},
		{"attribute type", "CreateTable", create(`{"AttributeName":"a","AttributeType":"BOOL"}`, hash, onDemand), validation,
			constraint("'BOOL'", "attributeDefinitions.1.member.attributeType", "Member must satisfy enum value set: [B, N, S]")},
		{"class", "CreateTable", create(a, hash, onDemand+`,"TableClass":"COLD"`), validation,
			constraint("'COLD'", "tableClass", "Member must satisfy enum value set: [STANDARD, STANDARD_INFREQUENT_ACCESS]")},
		{"billing mode", "CreateTable", create(a, hash, `,"BillingMode":"FREE"`), validation,
			constraint("'FREE'", "billingMode", "Member must satisfy enum value set: [PROVISIONED, PAY_PER_REQUEST]")},
		{"reserved tag", "CreateTable", create(a, hash, onDemand+`,"Tags":[{"Key":"aws:a","Value":""}]`), validation,
			"Tag Key cannot be prefixed with aws:, Key: aws:a"},
		{"same tags", "CreateTable", create(a, hash, onDemand+`,"Tags":[{"Key":"a","Value":""},{"Key":"a","Value":"b"}]`), validation,
			"Duplicate Tag Keys provided as input: Duplicate Tag Key found a"},
		{"51 tags", "CreateTable", create(a, hash, onDemand+`,"Tags":[`+strings.Join(tags, ",")+`]`), validation, "Number of Tags exceed the current limit for the provided ResourceArn"},
	})
	if status, answer := w.call("ListTables", `{}`); status != 200 || !sameJSON(t, answer, `{"TableNames":[]}`) {
		t.Errorf("after refusals there are tables: %s", answer)
	}
}

// TestRefusedChangesOfTables: what UpdateTable, DeleteTable and ListTables refuse.
func TestRefusedChangesOfTables(t *testing.T) {
	w := newTables(t)
	w.must("CreateTable", `{"TableName":"provisioned","ProvisionedThroughput":{"ReadCapacityUnits":1,"WriteCapacityUnits":2},"DeletionProtectionEnabled":true,
		"AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"}],"KeySchema":[{"AttributeName":"pk","KeyType":"HASH"}]}`)
	const nothing = "At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, GlobalSecondaryIndexUpdates, SSESpecification, ReplicaUpdates, " +
		"MultiAccountReplicaReady, ReplicaTransitRoleArn, MultiRegionConsistency, DeletionProtectionEnabled, OnDemandThroughput, WarmThroughput or TableClass is required"
	const both = parameters + "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST"
	w.refusals([]refused{
		{"exists", "CreateTable", plainTable, inUse, "Table already exists: plain"},
		{"nothing", "UpdateTable", `{"TableName":"plain"}`, validation, nothing},
		{"nothing before table", "UpdateTable", `{"TableName":"nowhere"}`, validation, nothing},
		{"throughput of on demand", "UpdateTable", `{"TableName":"plain","ProvisionedThroughput":{"ReadCapacityUnits":1,"WriteCapacityUnits":1}}`, validation, both},
		{"both modes", "UpdateTable", `{"TableName":"nowhere","BillingMode":"PAY_PER_REQUEST","ProvisionedThroughput":{"ReadCapacityUnits":1,"WriteCapacityUnits":1}}`, validation, both},
		{"same throughput", "UpdateTable", `{"TableName":"provisioned","ProvisionedThroughput":{"ReadCapacityUnits":1,"WriteCapacityUnits":2}}`, validation,
			"The provisioned throughput for the table will not change. The requested value equals the current value. Current ReadCapacityUnits provisioned for the table: 1. Requested ReadCapacityUnits: 1. Current WriteCapacityUnits provisioned for the table: 2. Requested WriteCapacityUnits: 2. Refer to the Amazon DynamoDB Developer Guide for current limits and how to request higher limits."},
		{"to provisioned without throughput", "UpdateTable", `{"TableName":"plain","BillingMode":"PROVISIONED"}`, validation,
			parameters + "ProvisionedThroughput must be specified when BillingMode is PROVISIONED"},
		{"encryption and class", "UpdateTable", `{"TableName":"plain","TableClass":"STANDARD","SSESpecification":{"Enabled":true}}`, validation,
			parameters + "Server-Side Encryption modification must be the only operation in the request"},
		{"definitions alone", "UpdateTable", `{"TableName":"plain","AttributeDefinitions":[{"AttributeName":"x","AttributeType":"S"}]}`, validation, nothing},
		{"unused definition", "UpdateTable", `{"TableName":"plain","TableClass":"STANDARD","AttributeDefinitions":[{"AttributeName":"x","AttributeType":"S"}]}`, validation,
			parameters + "Some AttributeDefinitions are not used. AttributeDefinitions: [x], keys used: [pk]"},
		{"protected", "DeleteTable", `{"TableName":"provisioned"}`, validation,
			"Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection first."},
		{"limit 0", "ListTables", `{"Limit":0}`, validation, constraint("'0'", "limit", "Member must have value greater than or equal to 1")},
		{"limit 101", "ListTables", `{"Limit":101}`, validation, constraint("'101'", "limit", "Member must have value less than or equal to 100")},
		{"start name", "ListTables", `{"ExclusiveStartTableName":"a"}`, validation,
			constraint("'a'", "exclusiveStartTableName", "Member must have length greater than or equal to 3")},
		{"other region", "DescribeTable", `{"TableName":"arn:aws:dynamodb:us-east-1:123456789012:table/plain"}`, validation,
			"1 validation error detected: Invalid AWS region in 'arn:aws:dynamodb:us-east-1:123456789012:table/plain'"},
		{"other service", "DescribeTable", `{"TableName":"arn:aws:s3:eu-west-1:123456789012:table/plain"}`, validation,
			"1 validation error detected: Valid ARN format is arn:partition:dynamodb:region:account-id:table/table-name; given 'arn:aws:s3:eu-west-1:123456789012:table/plain'"},
	})
}

// TestAnsweredTables: names, pages and ARNs.
func TestAnsweredTables(t *testing.T) {
	w := newTables(t)
	w.answers([]answered{
		{"all", "ListTables", `{}`, `{"TableNames":["numbers","plain","sorted"]}`},
		{"exactly all", "ListTables", `{"Limit":3}`, `{"TableNames":["numbers","plain","sorted"]}`},
		{"two", "ListTables", `{"Limit":2}`, `{"TableNames":["numbers","plain"],"LastEvaluatedTableName":"plain"}`},
		{"rest", "ListTables", `{"Limit":2,"ExclusiveStartTableName":"plain"}`, `{"TableNames":["sorted"]}`},
		{"after one that is not there", "ListTables", `{"ExclusiveStartTableName":"ooo"}`, `{"TableNames":["plain","sorted"]}`},
		{"put by ARN", "PutItem", `{"TableName":"arn:aws:dynamodb:eu-west-1:123456789012:table/plain","Item":{"pk":{"S":"a"}},"ReturnConsumedCapacity":"TOTAL"}`,
			`{"ConsumedCapacity":{"TableName":"arn:aws:dynamodb:eu-west-1:123456789012:table/plain","CapacityUnits":1}}`},
		{"got by name", "GetItem", `{"TableName":"plain","Key":{"pk":{"S":"a"}}}`, `{"Item":{"pk":{"S":"a"}}}`},
	})
	description := w.must("DescribeTable", `{"TableName":"arn:aws:dynamodb:eu-west-1:123456789012:table/plain"}`)
	table := decode(t, description).(map[string]any)["Table"].(map[string]any)
	for _, c := range []struct{ member, want string }{
		{"TableStatus", `"ACTIVE"`}, {"ItemCount", `0`}, {"DeletionProtectionEnabled", `false`},
		{"KeySchema", `[{"AttributeName":"pk","KeyType":"HASH"}]`}, {"AttributeDefinitions", `[{"AttributeName":"pk","AttributeType":"S"}]`},
		{"ProvisionedThroughput", `{"ReadCapacityUnits":0,"WriteCapacityUnits":0,"NumberOfDecreasesToday":0}`},
		{"TableArn", `"arn:aws:dynamodb:eu-west-1:123456789012:table/plain"`},
	} {
		if !equalJSON(table[c.member], decode(t, []byte(c.want))) {
			t.Errorf("%s: %v, want %s", c.member, table[c.member], c.want)
		}
	}
	for _, absent := range []string{"SSEDescription", "StreamSpecification", "GlobalSecondaryIndexes", "TableClassSummary", "DeletionProtection"} {
		if _, there := table[absent]; there {
			t.Errorf("%s: %v", absent, table[absent])
		}
	}
}

// TestLifeOfATable: with a transition the states show, and each refuses what DynamoDB refuses in it.
func TestLifeOfATable(t *testing.T) {
	w := newSlowWorld(t, time.Hour)
	w.must("CreateTable", plainTable)
	w.refusals([]refused{
		{"put while creating", "PutItem", `{"TableName":"plain","Item":{"pk":{"S":"a"}}}`, absent, "Requested resource not found"},
		{"delete while creating", "DeleteTable", `{"TableName":"plain"}`, inUse, "Attempt to change a resource which is still in use: Table is being created: plain"},
		{"create while creating", "CreateTable", plainTable, inUse, "Attempt to change a resource which is still in use: Table is being created: plain"},
		{"update while creating", "UpdateTable", `{"TableName":"plain","DeletionProtectionEnabled":true}`, inUse,
			"Attempt to change a resource which is still in use: Table is being created: plain"},
	})
	w.advance(time.Hour)
	w.must("PutItem", `{"TableName":"plain","Item":{"pk":{"S":"a"}}}`)
	w.must("UpdateTable", `{"TableName":"plain","TableClass":"STANDARD_INFREQUENT_ACCESS"}`)
	w.must("PutItem", `{"TableName":"plain","Item":{"pk":{"S":"a"}}}`)
	w.refusals([]refused{
		{"update while updating", "UpdateTable", `{"TableName":"plain","TableClass":"STANDARD"}`, inUse,
			"Attempt to change a resource which is still in use: Table is being updated: plain"},
		{"capacity while updating", "UpdateTable", `{"TableName":"plain","BillingMode":"PROVISIONED","ProvisionedThroughput":{"ReadCapacityUnits":1,"WriteCapacityUnits":1}}`, inUse,
			"Attempt to change a resource which is still in use: Table IOPS are currently being updated. Table: plain"},
		{"delete while updating", "DeleteTable", `{"TableName":"plain"}`, inUse,
			"Attempt to change a resource which is still in use: Table: plain is in the process of being updated."},
	})
	w.must("UpdateTable", `{"TableName":"plain","DeletionProtectionEnabled":true}`)
	w.must("UpdateTable", `{"TableName":"plain","DeletionProtectionEnabled":false}`)
	w.advance(time.Hour)
	w.must("DeleteTable", `{"TableName":"plain"}`)
	w.refusals([]refused{
		{"get while deleting", "GetItem", `{"TableName":"plain","Key":{"pk":{"S":"a"}}}`, absent, "Requested resource not found"},
		{"delete while deleting", "DeleteTable", `{"TableName":"plain"}`, inUse, "Attempt to change a resource which is still in use: Table is being deleted: plain"},
		{"create while deleting", "CreateTable", plainTable, inUse, "Attempt to change a resource which is still in use: Table is being deleted: plain"},
	})
	w.advance(time.Hour)
	w.refusals([]refused{{"deleted", "DescribeTable", `{"TableName":"plain"}`, absent, "Requested resource not found: Table: plain not found"}})
	w.must("CreateTable", plainTable)
}
