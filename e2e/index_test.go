package e2e

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// TestIndexes keeps orders by customer and by state: made with the table, added later, read in pages, kept
// over a kill of the server, and deleted again.
func TestIndexes(t *testing.T) {
	t.Parallel()
	s := startServe(t, t.TempDir())
	b := newClient(s)
	b.call(t, "dynamodb.CreateTable", m{
		"TableName": "orders", "BillingMode": "PAY_PER_REQUEST",
		"AttributeDefinitions": []m{{"AttributeName": "customer", "AttributeType": "S"}, {"AttributeName": "order", "AttributeType": "S"},
			{"AttributeName": "total", "AttributeType": "N"}},
		"KeySchema": keyed("customer", "order"),
		"LocalSecondaryIndexes": []m{{"IndexName": "by-total", "KeySchema": keyed("customer", "total"),
			"Projection": m{"ProjectionType": "KEYS_ONLY"}}},
		"GlobalSecondaryIndexes": []m{{"IndexName": "totals", "KeySchema": keyed("order", "total"), "Projection": m{"ProjectionType": "ALL"}}},
	})
	for i := range 60 {
		b.call(t, "dynamodb.PutItem", m{"TableName": "orders", "Item": m{"customer": m{"S": "ann"}, "order": m{"S": fmt.Sprintf("o%02d", i)},
			"total": m{"N": fmt.Sprint(60 - i)}, "state": m{"S": []string{"open", "done"}[i%2]}, "note": m{"S": "hello"}}})
	}
	largest := b.call(t, "dynamodb.Query", m{"TableName": "orders", "IndexName": "by-total", "KeyConditionExpression": "customer = :c",
		"ExpressionAttributeValues": m{":c": m{"S": "ann"}}, "ScanIndexForward": false, "Limit": 1, "ConsistentRead": true, "Select": "ALL_ATTRIBUTES"})
	if items, _ := largest["Items"].([]any); len(items) != 1 || at(items[0].(m), "order.S") != "o00" || at(items[0].(m), "note.S") != "hello" {
		t.Errorf("the largest order is %v", largest)
	}
	b.call(t, "dynamodb.UpdateTable", m{"TableName": "orders",
		"AttributeDefinitions": []m{{"AttributeName": "state", "AttributeType": "S"}, {"AttributeName": "total", "AttributeType": "N"}},
		"GlobalSecondaryIndexUpdates": []m{{"Create": m{"IndexName": "by-state", "KeySchema": keyed("state", "total"),
			"Projection": m{"ProjectionType": "INCLUDE", "NonKeyAttributes": []string{"note"}}}}}})
	awaitIndex(t, b, "by-state", "ACTIVE")
	b.call(t, "dynamodb.UpdateItem", m{"TableName": "orders", "Key": m{"customer": m{"S": "ann"}, "order": m{"S": "o00"}},
		"UpdateExpression": "SET #s = :d", "ExpressionAttributeNames": m{"#s": "state"}, "ExpressionAttributeValues": m{":d": m{"S": "done"}}})
	s.kill()
	b = newClient(startServe(t, s.home))
	for state, want := range map[string]int{"open": 29, "done": 31} {
		if got := countByState(t, b, state); got != want {
			t.Errorf("%d orders are %s, want %d", got, state, want)
		}
	}
	b.call(t, "dynamodb.UpdateTable", m{"TableName": "orders", "GlobalSecondaryIndexUpdates": []m{{"Delete": m{"IndexName": "by-state"}}}})
	awaitIndex(t, b, "by-state", "")
	b.refuse(t, "ValidationException", "The table does not have the specified index: by-state", "dynamodb.Scan", m{"TableName": "orders", "IndexName": "by-state"})
}

func keyed(hash, sort string) []m {
	return []m{{"AttributeName": hash, "KeyType": "HASH"}, {"AttributeName": sort, "KeyType": "RANGE"}}
}

// awaitIndex waits until an index has a status; empty until it is gone.
func awaitIndex(t *testing.T, b *client, name, want string) {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		status := ""
		indexes, _ := at(b.call(t, "dynamodb.DescribeTable", m{"TableName": "orders"}), "Table.GlobalSecondaryIndexes").([]any)
		for _, x := range indexes {
			if at(x.(m), "IndexName") == name {
				status = at(x.(m), "IndexStatus").(string)
			}
		}
		if status == want {
			return
		}
	}
	t.Fatalf("index %s does not come to %q", name, want)
}

// countByState reads the index page by page.
func countByState(t *testing.T, b *client, state string) (n int) {
	t.Helper()
	query := m{"TableName": "orders", "IndexName": "by-state", "KeyConditionExpression": "#s = :s", "Limit": 7,
		"ExpressionAttributeNames": m{"#s": "state"}, "ExpressionAttributeValues": m{":s": m{"S": state}}}
	for {
		page := b.call(t, "dynamodb.Query", query)
		items, _ := page["Items"].([]any)
		n += len(items)
		if page["LastEvaluatedKey"] == nil {
			return n
		}
		query["ExclusiveStartKey"] = page["LastEvaluatedKey"]
	}
}

// testGoIndexes uses an index with a key of several attributes through the Go SDK.
func testGoIndexes(t *testing.T, db *dynamodb.Client) {
	ctx, table := context.Background(), aws.String("go-sdk-index")
	str := func(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }
	define := func(names ...string) (out []types.AttributeDefinition) {
		for _, name := range names {
			out = append(out, types.AttributeDefinition{AttributeName: aws.String(name), AttributeType: types.ScalarAttributeTypeS})
		}
		return out
	}
	element := func(name string, kind types.KeyType) types.KeySchemaElement {
		return types.KeySchemaElement{AttributeName: aws.String(name), KeyType: kind}
	}
	created, err := db.CreateTable(ctx, &dynamodb.CreateTableInput{
		TableName: table, BillingMode: types.BillingModePayPerRequest, AttributeDefinitions: define("pk", "a", "b", "c"),
		KeySchema: []types.KeySchemaElement{element("pk", types.KeyTypeHash)},
		GlobalSecondaryIndexes: []types.GlobalSecondaryIndex{{
			IndexName: aws.String("abc"), Projection: &types.Projection{ProjectionType: types.ProjectionTypeAll},
			KeySchema: []types.KeySchemaElement{element("a", types.KeyTypeHash), element("b", types.KeyTypeHash), element("c", types.KeyTypeRange)},
		}},
	})
	if err != nil || len(created.TableDescription.GlobalSecondaryIndexes[0].KeySchema) != 3 {
		t.Fatalf("create table: %v %v", created, err)
	}
	for i := range 10 {
		item := map[string]types.AttributeValue{"pk": str(fmt.Sprint(i)), "a": str("x"), "b": str(fmt.Sprint(i % 2)), "c": str(fmt.Sprint(9 - i))}
		if _, err := db.PutItem(ctx, &dynamodb.PutItemInput{TableName: table, Item: item}); err != nil {
			t.Fatal(err)
		}
	}
	found := ""
	pages := dynamodb.NewQueryPaginator(db, &dynamodb.QueryInput{
		TableName: table, IndexName: aws.String("abc"), Limit: aws.Int32(2), KeyConditionExpression: aws.String("a = :a AND b = :b AND c > :c"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":a": str("x"), ":b": str("0"), ":c": str("1")},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, item := range page.Items {
			found += item["pk"].(*types.AttributeValueMemberS).Value
		}
	}
	if found != "6420" {
		t.Errorf("the index gives %s", found)
	}
}

// TestIndexesWithTerraform applies a table with indexes, adds one, takes it away, and each time finds nothing left to change.
func TestIndexesWithTerraform(t *testing.T) {
	t.Parallel()
	tf := newTerraform(t, startDev(t), "indexes.tf")
	tf.must(t, "init")
	for _, more := range []string{"false", "true", "false"} {
		tf.must(t, "apply", "-auto-approve", "-var", "more="+more)
		if out, code := tf.run(t, "plan", "-detailed-exitcode", "-var", "more="+more); code != 0 {
			t.Errorf("a plan right after apply is not empty (exit code %d):\n%s", code, out)
		}
	}
	tf.must(t, "destroy", "-auto-approve")
}
