package dynamodb

import (
	"context"
	"testing"

	"github.com/sealtable/sealtable/internal/attribute"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/engine"
	"github.com/sealtable/sealtable/internal/service"
	"github.com/sealtable/sealtable/internal/storage"
	"github.com/sealtable/sealtable/internal/strictjson"
)

// lenient permits everything, and lets everybody through to every table.
type lenient struct{ TableKeys }

func (lenient) Authorize(context.Context, *auth.Caller, *auth.Needs) error { return nil }

func (lenient) Use(context.Context, *auth.Caller, *engine.Table) error { return nil }

func (lenient) Wake(context.Context, *engine.Table) error { return nil }

func (lenient) Hold(storage.TableID) (release func(), err error) { return func() {}, nil }

// BenchmarkCalls is the whole path of calls on items but for the wire, the policies, the keys and the trail.
func BenchmarkCalls(b *testing.B) {
	s := emptyService(b)
	s.keys = lenient{}
	addTable(b, s, "orders", 1, attribute.S, attribute.N)
	table := s.Table(&service.Path{Authorizer: lenient{}, Recorder: forgetful{}})
	caller := &auth.Caller{Account: "123456789012", Region: "eu-west-1"}
	for _, call := range dataCalls {
		op, _ := table.Lookup(call.operation)
		body := []byte(call.body)
		var answer []byte
		b.Run(call.operation, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				var err error
				if answer, err = op.ServeJSON(b.Context(), caller, strictjson.NewReader(body), answer[:0]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// dataCalls are calls of the data plane, and how many allocations the whole path of each may take, from JSON to JSON.
var dataCalls = []struct {
	operation, body string
	most            float64
}{
	{"GetItem", `{"TableName":"orders","Key":{"pk":{"S":"ann"},"sk":{"N":"1"}}}`, 15},
	{"GetItem", `{"TableName":"orders","Key":{"pk":{"S":"ann"},"sk":{"N":"1"}},"ProjectionExpression":"sk, v"}`, 31},
	{"PutItem", `{"TableName":"orders","Item":{"pk":{"S":"ann"},"sk":{"N":"1"},"v":{"S":"text"}}}`, 15},
	{"UpdateItem", `{"TableName":"orders","Key":{"pk":{"S":"ann"},"sk":{"N":"1"}},"UpdateExpression":"SET v = :v",` +
		`"ExpressionAttributeValues":{":v":{"S":"other"}}}`, 49},
	{"DeleteItem", `{"TableName":"orders","Key":{"pk":{"S":"ann"},"sk":{"N":"2"}}}`, 18},
	{"Query", `{"TableName":"orders","KeyConditionExpression":"pk = :p","ExpressionAttributeValues":{":p":{"S":"ann"}}}`, 44},
	{"Scan", `{"TableName":"orders"}`, 29},
	{"BatchGetItem", `{"RequestItems":{"orders":{"Keys":[{"pk":{"S":"ann"},"sk":{"N":"1"}}]}}}`, 65},
	{"BatchWriteItem", `{"RequestItems":{"orders":[{"PutRequest":{"Item":{"pk":{"S":"ann"},"sk":{"N":"1"}}}}]}}`, 53},
	{"TransactGetItems", `{"TransactItems":[{"Get":{"TableName":"orders","Key":{"pk":{"S":"ann"},"sk":{"N":"1"}}}}]}`, 42},
	{"TransactWriteItems", `{"TransactItems":[{"Put":{"TableName":"orders","Item":{"pk":{"S":"ann"},"sk":{"N":"1"}}}}]}`, 41},
	{"ExecuteStatement", `{"Statement":"SELECT * FROM orders WHERE pk='ann' AND sk=1"}`, 125},
	{"BatchExecuteStatement", `{"Statements":[{"Statement":"SELECT * FROM orders WHERE pk='ann' AND sk=1"}]}`, 160},
	{"ExecuteTransaction", `{"TransactStatements":[{"Statement":"SELECT * FROM orders WHERE pk='ann' AND sk=1"}]}`, 138},
}
