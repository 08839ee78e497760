package api_test

import (
	"bytes"
	"testing"

	"github.com/sealtable/sealtable/internal/api"
	"github.com/sealtable/sealtable/internal/api/cloudformationapi"
	"github.com/sealtable/sealtable/internal/api/dynamodbapi"
	"github.com/sealtable/sealtable/internal/api/iamapi"
	"github.com/sealtable/sealtable/internal/api/kmsapi"
	"github.com/sealtable/sealtable/internal/strictjson"
)

// settled is an input whose bytes settle after one reading.
type settled[T any] interface {
	wire[T]
	Validate() error
	Present() []string
}

// tryJSON demands that what was read can be checked and listed, and that writing it gives bytes that read as the same.
func tryJSON[T any, P settled[T]](t *testing.T, body []byte) {
	in := P(new(T))
	if in.ReadJSON(strictjson.NewReader(body)) != nil {
		return
	}
	_ = in.Validate()
	in.Present()
	first := in.AppendJSON(nil)
	again := P(new(T))
	if err := again.ReadJSON(strictjson.NewReader(first)); err != nil {
		t.Fatalf("%s: %v", first, err)
	}
	if second := again.AppendJSON(nil); !bytes.Equal(first, second) {
		t.Fatalf("%s then %s", first, second)
	}
}

func FuzzReadJSON(f *testing.F) {
	f.Add([]byte(getItemBody))
	f.Add([]byte(putItemBody))
	f.Add([]byte(`{"RequestItems":{"t":[{"PutRequest":{"Item":{"a":{"L":[]}}}}]}}`))
	f.Add([]byte(`{"KeySchema":[{"AttributeName":"a","KeyType":"HASH"}],"SSESpecification":{"Enabled":true}}`))
	f.Add([]byte(`{"KeyId":"k","Plaintext":"AAAA","EncryptionContext":{"a":"b"}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		tryJSON[dynamodbapi.GetItemInput](t, body)
		tryJSON[dynamodbapi.PutItemInput](t, body)
		tryJSON[dynamodbapi.BatchWriteItemInput](t, body)
		tryJSON[dynamodbapi.CreateTableInput](t, body)
		tryJSON[kmsapi.EncryptRequest](t, body)
	})
}

func FuzzReadForm(f *testing.F) {
	f.Add([]byte("Action=CreateRole&RoleName=r&Tags.member.1.Key=a&Tags.member.2.Key=b"))
	f.Add([]byte("StackName=s&Parameters=&Tags.member.10.Key=a&RollbackConfiguration.MonitoringTimeInMinutes=1"))
	f.Add([]byte("a.b.c.d=%20&a=1&=&&"))
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, read := range []func(*api.Form) (interface{ Validate() error }, error){
			func(form *api.Form) (interface{ Validate() error }, error) {
				in := new(iamapi.CreateRoleRequest)
				return in, in.ReadForm(form)
			},
			func(form *api.Form) (interface{ Validate() error }, error) {
				in := new(cloudformationapi.CreateChangeSetInput)
				return in, in.ReadForm(form)
			},
		} {
			form, err := api.ParseForm(body)
			if err != nil {
				return
			}
			form.Take("Action")
			if in, err := read(form); err == nil {
				_ = in.Validate()
			}
		}
	})
}
