package dynamodb

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/sealtable/sealtable/internal/api/dynamodbapi"
	"github.com/sealtable/sealtable/internal/attribute"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/cputime"
	"github.com/sealtable/sealtable/internal/engine"
	"github.com/sealtable/sealtable/internal/expression"
	"github.com/sealtable/sealtable/internal/service"
	"github.com/sealtable/sealtable/internal/storage"
	"github.com/sealtable/sealtable/internal/strictjson"
)

// asker is an authorizer that asks each need for the condition keys that there are, writes down the answers, and refuses what needs
// anything.
type asker struct{ asked strings.Builder }

func (a *asker) Authorize(_ context.Context, caller *auth.Caller, needs *auth.Needs) error {
	for _, need := range needs.All() {
		_, table, _ := strings.Cut(need.Resource, ":table/")
		fmt.Fprintf(&a.asked, "%s on %s\n", need.Action, table)
		for _, key := range []string{
			"dynamodb:LeadingKeys", "dynamodb:Attributes", "dynamodb:Select", "dynamodb:ReturnValues", "dynamodb:ReturnConsumedCapacity",
			"dynamodb:EnclosingOperation", "dynamodb:FullTableScan", "aws:ResourceTag/Team", "aws:RequestTag/Team", "aws:TagKeys",
			"dynamodb:Other",
			"aws:PrincipalArn",
		} {
			if values, ok := need.Context.Values(strings.ToLower(key)); ok {
				values = slices.Clone(values)
				slices.Sort(values)
				fmt.Fprintf(&a.asked, "  %s: %s\n", key, strings.Join(values, " "))
			}
		}
	}
	if len(needs.All()) == 0 {
		return nil
	}
	return &auth.DeniedError{Caller: caller, Need: needs.All()[0]}
}

type forgetful struct{}

func (forgetful) Record(service.Record) {}

func addTable(t testing.TB, s *Service, name string, id byte, hash, sort attribute.Kind) {
	t.Helper()
	table := &engine.Table{
		ID: storage.TableID{0: 0xB0, 1: id}, Name: engine.Name{Account: "123456789012", Region: "eu-west-1", Table: name},
		Key: engine.KeySchema{Hash: engine.KeyAttribute{Name: "pk", Kind: hash}}, Tags: map[string]string{"team": "red"},
	}
	table.ARN = tableARN(table.Name)
	if sort != 0 {
		table.Key.Range = &engine.KeyAttribute{Name: "sk", Kind: sort}
	}
	if err := s.engine.CreateTable(context.Background(), table); err != nil {
		t.Fatal(err)
	}
}

// addIndexedTable makes a table with a global index, whose key has two hash attributes, and a local one.
func addIndexedTable(t testing.TB, s *Service) {
	t.Helper()
	key := func(name string) engine.KeyAttribute { return engine.KeyAttribute{Name: name, Kind: attribute.S} }
	sort := key("sk")
	table := &engine.Table{
		ID: storage.TableID{0: 0xB0, 1: 9}, Name: engine.Name{Account: "123456789012", Region: "eu-west-1", Table: "people"},
		Key: engine.KeySchema{Hash: key("pk"), Range: &sort},
		Indexes: []engine.Index{
			{Name: "towns", Hash: []engine.KeyAttribute{key("country"), key("town")}, Range: []engine.KeyAttribute{key("street")}},
			{Name: "ages", Local: true, Hash: []engine.KeyAttribute{key("pk")}, Range: []engine.KeyAttribute{key("age")}},
		},
	}
	table.ARN = tableARN(table.Name)
	if err := s.engine.CreateTable(context.Background(), table); err != nil {
		t.Fatal(err)
	}
}

// TestConditionKeys runs testdata/conditionkeys and, for PartiQL, testdata/statementkeys: a request, and the condition keys of each need
// that it has.
func TestConditionKeys(t *testing.T) {
	s := emptyService(t)
	addTable(t, s, "orders", 1, attribute.S, attribute.N)
	addTable(t, s, "blobs", 2, attribute.B, 0)
	addTable(t, s, "numbers", 3, attribute.N, 0)
	addIndexedTable(t, s)
	a := &asker{}
	table := s.Table(&service.Path{Authorizer: a, Recorder: forgetful{}})
	caller := &auth.Caller{Account: "123456789012", Region: "eu-west-1"}
	run := func(t *testing.T, d *datadriven.TestData) string {
		op, ok := table.Lookup(d.Cmd)
		if !ok {
			t.Fatalf("there is no operation %s", d.Cmd)
		}
		a.asked.Reset()
		_, err := op.ServeJSON(context.Background(), caller, strictjson.NewReader([]byte(d.Input)), nil)
		var denied *auth.DeniedError
		if !errors.As(err, &denied) && d.Cmd != "BatchExecuteStatement" { // whose statements are refused one by one
			fmt.Fprintln(&a.asked, err)
		}
		return a.asked.String()
	}
	datadriven.RunTest(t, "testdata/conditionkeys", run)
	datadriven.RunTest(t, "testdata/statementkeys", run)
}

// TestConditionKeysAreForFree: a request whose condition keys nobody asks for allocates no more than its note for the trail.
func TestConditionKeysAreForFree(t *testing.T) {
	s := emptyService(t)
	addTable(t, s, "orders", 1, attribute.S, attribute.N)
	caller := &auth.Caller{Account: "123456789012", Region: "eu-west-1"}
	get, put := &dynamodbapi.GetItemInput{TableName: new("orders")}, &dynamodbapi.PutItemInput{TableName: new("orders")}
	gets := &itemTouching[dynamodbapi.GetItemInput, *expression.Projection, dynamodbapi.GetItemOutput]{getItem{s}}
	puts := &itemTouching[dynamodbapi.PutItemInput, engine.Condition, dynamodbapi.PutItemOutput]{putItem{s}}
	on, err := s.target(caller, get.TableName)
	if err != nil {
		t.Fatal(err)
	}
	var needs auth.Needs
	n := testing.AllocsPerRun(100, func() {
		s.needOn(caller, "dynamodb:GetItem", &on, "", &needs).touchedBy(gets, get)
		s.needOn(caller, "dynamodb:PutItem", &on, "", &needs).touchedBy(puts, put)
		needs.Note("tableName", "orders")
		needs.Reset()
	})
	if n > 1 {
		t.Errorf("%v allocations for two requests", n)
	}
}

// TestConditionKeysForgetRequests: what is kept for later calls holds no item (P7).
func TestConditionKeysForgetRequests(t *testing.T) {
	s := emptyService(t)
	addTable(t, s, "orders", 1, attribute.S, attribute.N)
	var needs auth.Needs
	caller, in := &auth.Caller{Account: "123456789012", Region: "eu-west-1"}, &dynamodbapi.GetItemInput{TableName: new("orders")}
	on, err := s.target(caller, in.TableName)
	if err != nil {
		t.Fatal(err)
	}
	gets := &itemTouching[dynamodbapi.GetItemInput, *expression.Projection, dynamodbapi.GetItemOutput]{getItem{s}}
	s.needOn(caller, "dynamodb:GetItem", &on, "", &needs).touchedBy(gets, in)
	kept := needs.Kept().(*keptKeys)
	if kept.list[0].input != in {
		t.Fatal("the request is not there")
	}
	needs.Reset()
	if !reflect.DeepEqual(*kept.list[0], conditionKeys{}) {
		t.Error("the request is kept")
	}
}

// TestManyAttributesTakeNoLong: what a policy asks of an item of very many attributes costs time by their number, not by its square.
func TestManyAttributesTakeNoLong(t *testing.T) {
	var body strings.Builder
	const attributes = 50_000
	body.WriteString(`{"TableName":"missing","Item":{"pk":{"S":"ann"}`)
	for i := range attributes {
		fmt.Fprintf(&body, `,"a%d":{"N":"%d"}`, i, i)
	}
	in := &dynamodbapi.PutItemInput{}
	if err := dynamodbapi.PutItem().Read(strictjson.NewReader([]byte(body.String()+"}}")), in); err != nil {
		t.Fatal(err)
	}
	puts := &itemTouching[dynamodbapi.PutItemInput, engine.Condition, dynamodbapi.PutItemOutput]{putItem{}}
	c := &conditionKeys{arn: "arn:aws:dynamodb:eu-west-1:123456789012:table/missing", by: puts, input: in}
	spent := cputime.Start(t)
	names, keys := c.attributes(), c.leadingKeys()
	if took := spent(); len(names) != attributes+1 || len(keys) != attributes+1 || took > 2*time.Second {
		t.Errorf("%d names and %d keys took %v", len(names), len(keys), took)
	}
}
