package dynamodb

import (
	"errors"
	"testing"

	"github.com/sealtable/sealtable/internal/api"
	"github.com/sealtable/sealtable/internal/api/dynamodbapi"
	"github.com/sealtable/sealtable/internal/strictjson"
)

// FuzzWrongValues: however a request is wrong, reading it with DynamoDB's words refuses what plain reading refuses and nothing else,
// and an attribute value that breaks a rule always gets words.
func FuzzWrongValues(f *testing.F) {
	for _, body := range []string{
		`{"TableName":"t","Item":{"pk":{"S":"a"}}}`, `{"Item":{"pk":{}},"TableName":"t"}`, `{"Item":{"pk":{"N":"x"}},"TableName":1}`,
		`{"Item":{"pk":{"S":"a"}},"ExpressionAttributeValues":{":a":{"SS":[]}}}`, `{"Item":{"pk":{"NULL":false}},"x":`,
		`{"Item":[],"Key":{}}`,
		`{"Expected":{"a":{"Value":{"NS":["1","1"]}}},"Item":{}}`, `{"Item":{"a":{"B":"a"}}}`, `{"\u0049tem":{"a":{}},"Item":{}}`,
	} {
		f.Add([]byte(body))
	}
	plain, worded := dynamodbapi.PutItem(), reads(dynamodbapi.PutItem())
	f.Fuzz(func(t *testing.T, body []byte) {
		want := plain.Read(strictjson.NewReader(body), new(dynamodbapi.PutItemInput))
		got := worded.Read(strictjson.NewReader(body), new(dynamodbapi.PutItemInput))
		if (got == nil) != (want == nil) {
			t.Fatalf("%q: %v, plainly %v", body, got, want)
		}
		var known *api.Error
		if broken := ruleBroken(got); broken != "" && !errors.As(got, &known) {
			t.Errorf("%q: no words for %v", body, got)
		}
	})
}

// TestPlainWritesCostNothing: checking a request without conditions allocates nothing.
func TestPlainWritesCostNothing(t *testing.T) {
	in := &dynamodbapi.PutItemInput{}
	if n := testing.AllocsPerRun(100, func() {
		if _, err := (putItem{}).read(in); err != nil {
			t.Error(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
