package dynamodb

import (
	"context"
	"log/slog"
	"reflect"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/sealtable/sealtable/internal/api/dynamodbapi"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/catalog"
	"github.com/sealtable/sealtable/internal/clock"
	"github.com/sealtable/sealtable/internal/engine"
	"github.com/sealtable/sealtable/internal/storage/embedded"
	"github.com/sealtable/sealtable/internal/storage/storagetest"
)

// emptyService is a service without tables: access is asked for by names, whether or not there are tables.
func emptyService(t *testing.T) *Service {
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
	e, err := engine.Open(t.Context(), engine.Options{Store: store, Records: records, Clock: time, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return New(Options{Engine: e, Clock: time})
}

// TestAccess: which permissions requests to several tables need (P6).
func TestAccess(t *testing.T) {
	s := emptyService(t)
	caller := &auth.Caller{Account: "123456789012", Region: "eu-west-1"}
	const one, two = "arn:aws:dynamodb:eu-west-1:123456789012:table/one", "arn:aws:dynamodb:eu-west-1:123456789012:table/two"
	name := func(table string) *string { return &table }
	ctx := context.Background()
	for _, c := range []struct {
		name string
		ask  func(*auth.Needs) error
		want []auth.Need
	}{
		{"BatchGetItem", func(n *auth.Needs) error {
			return s.batchGetItemAccess(ctx, caller,
				&dynamodbapi.BatchGetItemInput{RequestItems: map[string]dynamodbapi.KeysAndAttributes{"one": {}, two: {}}}, n)
		}, []auth.Need{{Action: "dynamodb:BatchGetItem", Resource: two}, {Action: "dynamodb:BatchGetItem", Resource: one}}},
		{"BatchWriteItem", func(n *auth.Needs) error {
			return s.batchWriteItemAccess(ctx, caller,
				&dynamodbapi.BatchWriteItemInput{RequestItems: map[string][]dynamodbapi.WriteRequest{"one": {}, "two": {}}}, n)
		}, []auth.Need{{Action: "dynamodb:BatchWriteItem", Resource: one}, {Action: "dynamodb:BatchWriteItem", Resource: two}}},
		{"Query of an index", func(n *auth.Needs) error {
			return s.queryAccess(ctx, caller, &dynamodbapi.QueryInput{TableName: name("one"), IndexName: name("idx")}, n)
		}, []auth.Need{{Action: "dynamodb:Query", Resource: one + "/index/idx"}}},
		{"Scan of an index", func(n *auth.Needs) error {
			return s.scanAccess(ctx, caller, &dynamodbapi.ScanInput{TableName: name(two), IndexName: name("idx")}, n)
		}, []auth.Need{{Action: "dynamodb:Scan", Resource: two + "/index/idx"}}},
		{"TransactGetItems", func(n *auth.Needs) error {
			return s.transactGetItemsAccess(ctx, caller, &dynamodbapi.TransactGetItemsInput{TransactItems: []dynamodbapi.TransactGetItem{
				{Get: &dynamodbapi.Get{TableName: name("two")}}, {Get: &dynamodbapi.Get{TableName: name("one")}},
				{Get: &dynamodbapi.Get{TableName: name("two")}},
			}}, n)
		}, []auth.Need{{Action: "dynamodb:GetItem", Resource: one}, {Action: "dynamodb:GetItem", Resource: two}}},
		{"TransactWriteItems", func(n *auth.Needs) error {
			return s.transactWriteItemsAccess(ctx, caller,
				&dynamodbapi.TransactWriteItemsInput{TransactItems: []dynamodbapi.TransactWriteItem{
					{Put: &dynamodbapi.Put{TableName: name("one")}}, {Put: &dynamodbapi.Put{TableName: name(one)}},
					{Update: &dynamodbapi.Update{TableName: name("one")}},
					{Delete: &dynamodbapi.Delete{TableName: name("two")}},
					{ConditionCheck: &dynamodbapi.ConditionCheck{TableName: name("two")}},
				}}, n)
		}, []auth.Need{
			{Action: "dynamodb:PutItem", Resource: one}, {Action: "dynamodb:UpdateItem", Resource: one},
			{Action: "dynamodb:DeleteItem", Resource: two}, {Action: "dynamodb:ConditionCheckItem", Resource: two},
		}},
	} {
		var needs auth.Needs
		if err := c.ask(&needs); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		got := needs.All()
		for i := range got {
			got[i].Context = nil // which TestConditionKeys is about
		}
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s needs %v, want %v", c.name, got, c.want)
		}
	}
}
