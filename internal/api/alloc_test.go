package api_test

import (
	"testing"

	"github.com/sealtable/sealtable/internal/api/dynamodbapi"
	"github.com/sealtable/sealtable/internal/strictjson"
)

const (
	getItemBody = `{"TableName":"Orders","Key":{"pk":{"S":"customer#1"},"sk":{"S":"order#1"}},"ConsistentRead":true}`
	putItemBody = `{"TableName":"Orders","Item":{"pk":{"S":"customer#1"},"sk":{"S":"order#1"},"total":{"N":"12.5"}},` +
		`"ReturnConsumedCapacity":"TOTAL"}`
)

// TestAllocations keeps the hot path's cost in view: two allocations for a string, one for another scalar, and what the item
// takes; nothing to validate.
func TestAllocations(t *testing.T) {
	r := strictjson.NewReader(nil)
	getBody, putBody := []byte(getItemBody), []byte(putItemBody)
	get, put := new(dynamodbapi.GetItemInput), new(dynamodbapi.PutItemInput)
	for _, c := range []struct {
		name  string
		limit float64
		run   func() error
	}{
		{"read GetItem", 4, func() error {
			*get = dynamodbapi.GetItemInput{}
			r.Reset(getBody)
			return get.ReadJSON(r)
		}},
		{"validate GetItem", 0, func() error { return get.Validate() }},
		{"read PutItem", 5, func() error {
			*put = dynamodbapi.PutItemInput{}
			r.Reset(putBody)
			return put.ReadJSON(r)
		}},
		{"validate PutItem", 0, func() error { return put.Validate() }},
	} {
		var err error
		got := testing.AllocsPerRun(100, func() { err = c.run() })
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		t.Logf("%s: %v allocations", c.name, got)
		if got > c.limit {
			t.Errorf("%s: %v allocations, at most %v expected", c.name, got, c.limit)
		}
	}
}

func BenchmarkReadGetItem(b *testing.B) {
	body := []byte(getItemBody)
	r := strictjson.NewReader(nil)
	b.ReportAllocs()
	for b.Loop() {
		var in dynamodbapi.GetItemInput
		r.Reset(body)
		if err := in.ReadJSON(r); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkValidatePutItem(b *testing.B) {
	in := new(dynamodbapi.PutItemInput)
	if err := in.ReadJSON(strictjson.NewReader([]byte(putItemBody))); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := in.Validate(); err != nil {
			b.Fatal(err)
		}
	}
}
