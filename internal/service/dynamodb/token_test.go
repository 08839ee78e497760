package dynamodb_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

// counted is a transaction that adds one to a counter.
func counted(token, more string) string {
	return `{"ClientRequestToken":"` + token +
		`","TransactItems":[{"Update":{"TableName":"plain","Key":{"pk":{"S":"counter"}},"UpdateExpression":"ADD n :n",
		"ExpressionAttributeValues":{":n":{"N":"1"}}}}]` + more + `}`
}

// TestTokens: a transaction with a token is done once in ten minutes, however often it is asked for.
func TestTokens(t *testing.T) {
	w := newTables(t)
	const mismatch = "com.amazonaws.dynamodb.v20120810#IdempotentParameterMismatchException"
	expect := func(n string) {
		t.Helper()
		if got := w.must("GetItem", `{"TableName":"plain","Key":{"pk":{"S":"counter"}}}`); !sameJSON(t, got,
			`{"Item":{"pk":{"S":"counter"},"n":{"N":"`+n+`"}}}`) {
			t.Errorf("want %s: %s", n, got)
		}
	}
	w.answers([]answered{
		{"first", "TransactWriteItems", counted("token", `,"ReturnConsumedCapacity":"TOTAL"`),
			`{"ConsumedCapacity":[{"TableName":"plain","CapacityUnits":2,"WriteCapacityUnits":2}]}`},
		{"again only reads", "TransactWriteItems", counted("token", `,"ReturnConsumedCapacity":"TOTAL"`),
			`{"ConsumedCapacity":[{"TableName":"plain","CapacityUnits":2,"ReadCapacityUnits":2}]}`},
		{"in another spelling", "TransactWriteItems",
			`{"TransactItems":[{"Update":{"ExpressionAttributeValues":{":n":{"N":"1.0"}},"UpdateExpression":"ADD n :n",
			"Key":{"pk":{"S":"counter"}},"TableName":"plain"}}],"ClientRequestToken":"token"}`, `{}`},
	})
	expect("1")
	w.refusals([]refused{
		{"another transaction", "TransactWriteItems", strings.Replace(counted("token", ""), `"1"`, `"2"`, 1), mismatch,
			"The request uses the same client token as a previous, but non-identical request."},
		{"token too long", "TransactWriteItems", counted(strings.Repeat("t", 37), ""), validation,
			constraint("'"+strings.Repeat("t", 37)+"'", "clientRequestToken", "Member must have length less than or equal to 36")},
	})
	w.must("TransactWriteItems", counted("other", ""))
	expect("2")
	w.advance(9 * time.Minute)
	w.must("TransactWriteItems", counted("token", ""))
	expect("2")
	w.advance(2 * time.Minute)
	w.must("TransactWriteItems", counted("token", ""))
	expect("3")
}

// TestTokensOutliveTheServer: a client that asks again after a restart gets what it would have got before.
func TestTokensOutliveTheServer(t *testing.T) {
	w := newTables(t)
	w.must("TransactWriteItems", counted("token", ""))
	w.restart()
	w.must("TransactWriteItems", counted("token", ""))
	w.answers([]answered{{"once", "GetItem", `{"TableName":"plain","Key":{"pk":{"S":"counter"}}}`,
		`{"Item":{"pk":{"S":"counter"},"n":{"N":"1"}}}`}})
}

// TestATokenAtOnce: of equal transactions at the same time one is done.
func TestATokenAtOnce(t *testing.T) {
	w := newTables(t)
	var all sync.WaitGroup
	for i := range 24 {
		all.Go(func() {
			if status, answer := w.call("TransactWriteItems", counted(fmt.Sprint("token", i%3), "")); status != 200 {
				t.Errorf("%d %s", status, answer)
			}
		})
	}
	all.Wait()
	w.answers([]answered{{"once for each token", "GetItem", `{"TableName":"plain","Key":{"pk":{"S":"counter"}}}`,
		`{"Item":{"pk":{"S":"counter"},"n":{"N":"3"}}}`}})
}

// TestACancelledTransactionHasNoToken: what was not done is tried again.
func TestACancelledTransactionHasNoToken(t *testing.T) {
	w := newTables(t)
	const body = `{"ClientRequestToken":"token","TransactItems":[{"Update":{"TableName":"plain","Key":{"pk":{"S":"a"}},"UpdateExpression":"SET v = pk",
		"ConditionExpression":"attribute_exists(pk)"}}]}`
	if status, answer := w.call("TransactWriteItems", body); status != 400 {
		t.Fatalf("%d %s", status, answer)
	}
	w.must("PutItem", `{"TableName":"plain","Item":{"pk":{"S":"a"}}}`)
	w.must("TransactWriteItems", body)
	w.answers([]answered{{"done", "GetItem", `{"TableName":"plain","Key":{"pk":{"S":"a"}}}`, `{"Item":{"pk":{"S":"a"},"v":{"S":"a"}}}`}})
}

// TestLargeTransactions: the items of a transaction have 4 MB at most.
func TestLargeTransactions(t *testing.T) {
	w := newTables(t)
	var puts, gets []string
	for i := range 11 {
		key := fmt.Sprintf(`"pk":{"S":"%02d"}`, i)
		puts = append(puts, `{"Put":{"TableName":"plain","Item":{`+key+`,"v":{"S":"`+strings.Repeat("v", 400000)+`"}}}}`)
		gets = append(gets, `{"Get":{"TableName":"plain","Key":{`+key+`}}}`)
	}
	const message = "The aggregate size of the items in the transaction cannot exceed 4 MB"
	w.refusals([]refused{{"write", "TransactWriteItems", `{"TransactItems":[` + strings.Join(puts, ",") + `]}`, validation, message}})
	w.must("TransactWriteItems", `{"TransactItems":[`+strings.Join(puts[:10], ",")+`]}`)
	w.must("TransactWriteItems", `{"TransactItems":[`+puts[10]+`]}`)
	w.refusals([]refused{{"read", "TransactGetItems", `{"TransactItems":[` + strings.Join(gets, ",") + `]}`, validation, message}})
}
