package dynamodb

import (
	"context"
	"log/slog"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/catalog"
	"github.com/sealtable/sealtable/internal/clock"
	"github.com/sealtable/sealtable/internal/engine"
	"github.com/sealtable/sealtable/internal/service"
	"github.com/sealtable/sealtable/internal/storage"
	"github.com/sealtable/sealtable/internal/storage/embedded"
	"github.com/sealtable/sealtable/internal/storage/storagetest"
	"github.com/sealtable/sealtable/internal/strictjson"
)

// emptyService is a service without tables: access is asked for by names, whether or not there are tables.
func emptyService(t testing.TB) *Service {
	t.Helper()
	store, err := embedded.Open(embedded.Options{FS: vfs.NewMem(), Dir: "/data", Keys: storagetest.NewKeys()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	records, err := catalog.Open(t.Context(), store, 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	time := clock.New()
	t.Cleanup(time.Close)
	e, err := engine.Open(t.Context(), engine.Options{Store: store, Records: records, Clock: time, Log: slog.New(slog.DiscardHandler),
		DestroyKeys: func(context.Context, storage.TableID) error { return nil }})
	if err != nil {
		t.Fatal(err)
	}
	return New(Options{Engine: e, Clock: time})
}

// asked is an authorizer that writes down which permissions are needed.
type asked struct{ needs []string }

func (a *asked) Authorize(_ context.Context, caller *auth.Caller, needs *auth.Needs) error {
	for _, need := range needs.All() {
		_, table, _ := strings.Cut(need.Resource, ":table/")
		a.needs = append(a.needs, strings.TrimPrefix(need.Action, "dynamodb:")+" "+table)
	}
	return &auth.DeniedError{Caller: caller}
}

// TestAccess: which permissions requests to several tables and to indexes need (P6).
func TestAccess(t *testing.T) {
	s, a := emptyService(t), &asked{}
	operations := s.Table(&service.Path{Authorizer: a, Recorder: forgetful{}})
	caller := &auth.Caller{Account: "123456789012", Region: "eu-west-1"}
	const two = "arn:aws:dynamodb:eu-west-1:123456789012:table/two"
	for _, c := range []struct{ operation, body, want string }{
		{"BatchGetItem", `{"RequestItems":{"one":{"Keys":[{}]},"` + two + `":{"Keys":[{}]}}}`, "BatchGetItem two, BatchGetItem one"},
		{"BatchWriteItem", `{"RequestItems":{"one":[{}],"two":[{}]}}`, "BatchWriteItem one, BatchWriteItem two"},
		{"Query", `{"TableName":"one","IndexName":"idx"}`, "Query one/index/idx"},
		{"Scan", `{"TableName":"` + two + `","IndexName":"idx"}`, "Scan two/index/idx"},
		{"TransactGetItems", `{"TransactItems":[{"Get":{"TableName":"two","Key":{}}},{"Get":{"TableName":"one","Key":{}}},` +
			`{"Get":{"TableName":"two","Key":{}}}]}`, "GetItem one, GetItem two"},
		{"TransactWriteItems", `{"TransactItems":[{"Put":{"TableName":"one","Item":{}}},` +
			`{"Put":{"TableName":"arn:aws:dynamodb:eu-west-1:123456789012:table/one","Item":{}}},` +
			`{"Update":{"TableName":"one","Key":{},"UpdateExpression":"SET a = b"}},{"Delete":{"TableName":"two","Key":{}}},` +
			`{"ConditionCheck":{"TableName":"two","Key":{},"ConditionExpression":"a = b"}}]}`,
			"PutItem one, UpdateItem one, DeleteItem two, ConditionCheckItem two"},
	} {
		a.needs = nil
		op, _ := operations.Lookup(c.operation)
		_, err := op.ServeJSON(context.Background(), caller, strictjson.NewReader([]byte(c.body)), nil)
		if got := strings.Join(a.needs, ", "); got != c.want {
			t.Errorf("%s needs %q, want %q (%v)", c.operation, got, c.want, err)
		}
	}
}
