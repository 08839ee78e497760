package api_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/sealtable/sealtable/internal/api/dynamodbapi"
	"github.com/sealtable/sealtable/internal/api/kmsapi"
	"github.com/sealtable/sealtable/internal/attribute"
	"github.com/sealtable/sealtable/internal/strictjson"
)

// wire is a shape that can be written and read back.
type wire[T any] interface {
	*T
	AppendJSON(dst []byte) []byte
	ReadJSON(r *strictjson.Reader) error
}

// roundTrip writes x, reads it, and demands the same value and the same bytes again.
func roundTrip[T any, P wire[T]](t *rapid.T, x P) {
	text := x.AppendJSON(nil)
	r := strictjson.NewReader(text)
	got := P(new(T))
	if err := got.ReadJSON(r); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	if err := r.End(); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	if diff := cmp.Diff(x, got); diff != "" {
		t.Fatalf("%s: -written +read\n%s", text, diff)
	}
	if again := got.AppendJSON(nil); !bytes.Equal(again, text) {
		t.Fatalf("written as %s, then as %s", text, again)
	}
}

// maybe draws nil or a pointer to a value.
func maybe[T any](t *rapid.T, label string, g *rapid.Generator[T]) *T {
	return rapid.Ptr(g, true).Draw(t, label)
}

// list draws nil, an empty list or a list.
func list[T any](t *rapid.T, label string, one func() T) []T {
	if rapid.Bool().Draw(t, label+" absent") {
		return nil
	}
	out := make([]T, rapid.IntRange(0, 3).Draw(t, label+" length"))
	for i := range out {
		out[i] = one()
	}
	return out
}

func drawItem(t *rapid.T) attribute.Item {
	var b attribute.Builder
	for _, name := range rapid.SliceOfNDistinct(rapid.StringMatching(`[a-zé"\\]{1,4}`), 0, 3, rapid.ID[string]).Draw(t, "names") {
		b.Set(name, attribute.String(rapid.String().Draw(t, "value")))
	}
	return b.Item()
}

// instants are what the wire keeps of a time: milliseconds, in the range of years that it can write.
func instants() *rapid.Generator[time.Time] {
	return rapid.Custom(func(t *rapid.T) time.Time {
		return time.UnixMilli(rapid.Int64Range(-62135596800000, 253402300799000).Draw(t, "ms")).UTC()
	})
}

func TestRoundTripOfItems(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		roundTrip(t, &dynamodbapi.PutItemInput{
			TableName:                   maybe(t, "table", rapid.String()),
			Item:                        drawItem(t),
			ConditionExpression:         maybe(t, "condition", rapid.String()),
			ExpressionAttributeNames:    rapid.MapOfN(rapid.String(), rapid.String(), 0, 3).Draw(t, "names"),
			ReturnValues:                maybe(t, "return", rapid.String()),
			ReturnItemCollectionMetrics: maybe(t, "metrics", rapid.String()),
		})
		roundTrip(t, &dynamodbapi.BatchGetItemOutput{
			Responses: map[string][]attribute.Item{"t": {drawItem(t), drawItem(t)}, "u": {}},
		})
	})
}

func TestRoundTripOfTables(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		roundTrip(t, &dynamodbapi.TableDescription{
			TableName:        maybe(t, "table", rapid.String()),
			CreationDateTime: maybe(t, "created", instants()),
			ItemCount:        maybe(t, "count", rapid.Int64()),
			KeySchema: list(t, "key", func() dynamodbapi.KeySchemaElement {
				return dynamodbapi.KeySchemaElement{AttributeName: maybe(t, "name", rapid.String())}
			}),
			SSEDescription: maybe(t, "sse", rapid.Custom(func(t *rapid.T) dynamodbapi.SSEDescription {
				return dynamodbapi.SSEDescription{
					Status:                         maybe(t, "status", rapid.String()),
					KMSMasterKeyArn:                maybe(t, "arn", rapid.String()),
					InaccessibleEncryptionDateTime: maybe(t, "lost", instants()),
				}
			})),
			DeletionProtectionEnabled: maybe(t, "protected", rapid.Bool()),
		})
	})
}

func TestRoundTripOfKeys(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		roundTrip(t, &kmsapi.EncryptRequest{
			KeyId:             maybe(t, "key", rapid.String()),
			Plaintext:         rapid.SliceOf(rapid.Byte()).Draw(t, "plaintext"),
			EncryptionContext: rapid.MapOf(rapid.String(), rapid.String()).Draw(t, "context"),
			GrantTokens:       list(t, "tokens", func() string { return rapid.String().Draw(t, "token") }),
			DryRun:            maybe(t, "dry", rapid.Bool()),
		})
	})
}
