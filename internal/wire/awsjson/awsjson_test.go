package awsjson

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/sealtable/sealtable/internal/api"
	"github.com/sealtable/sealtable/internal/attribute"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/strictjson"
)

// readers are what a model may ask of a value.
func readers() map[string]func(r *strictjson.Reader) error {
	return map[string]func(r *strictjson.Reader) error{
		"String":  func(r *strictjson.Reader) error { _, err := r.ReadString(); return err },
		"Integer": func(r *strictjson.Reader) error { _, err := r.ReadInt(32); return err },
		"Long":    func(r *strictjson.Reader) error { _, err := r.ReadInt(64); return err },
		"Boolean": func(r *strictjson.Reader) error { _, err := r.ReadBool(); return err },
		"List":    func(r *strictjson.Reader) error { return r.BeginArray() },
		"Map":     func(r *strictjson.Reader) error { return r.BeginObject() },
	}
}

func TestWrongTypesInAWSWords(t *testing.T) {
	cases := []struct{ want, document, message string }{
		{"String", `1`, "NUMBER_VALUE cannot be converted to String"},
		{"String", `1.5`, "DECIMAL_VALUE cannot be converted to String"},
		{"String", `true`, "TRUE_VALUE cannot be converted to String"},
		{"String", `[]`, "Start of list found where not expected"},
		{"String", `{}`, "Start of structure or map found where not expected."},
		{"Integer", `"1"`, "STRING_VALUE cannot be converted to Integer"},
		{"Integer", `1e3`, "DECIMAL_VALUE cannot be converted to Integer"},
		{"Integer", `4294967296`, "NUMBER_VALUE cannot be converted to Integer"},
		{"Long", `false`, "FALSE_VALUE cannot be converted to Long"},
		{"Boolean", `null`, "NULL_VALUE cannot be converted to Boolean"},
		{"List", `"x"`, "Expected list or null"},
		{"List", `{}`, "Start of structure or map found where not expected."},
		{"Map", `1`, "Expected map or null"},
		{"Map", `[]`, "Start of list found where not expected"},
		{"Map", `{`, ""},
	}
	for _, c := range cases {
		err := readers()[c.want](strictjson.NewReader([]byte(c.document)))
		if c.message == "" {
			if err != nil {
				t.Errorf("%s: %v", c.document, err)
			}
			continue
		}
		e, ok := Explain(err)
		if !ok || e.Code != "SerializationException" || e.Message != c.message {
			t.Errorf("%s from %s: %+v", c.want, c.document, e)
		}
	}
}

func TestErrors(t *testing.T) {
	denied := &auth.DeniedError{Caller: &auth.Caller{ARN: "arn:aws:iam::1:user/a"}, Need: auth.Need{Action: "kms:Decrypt"}}
	cases := []struct {
		name string
		err  error
		d    Dialect
		want string
	}{
		{"modelled", &api.Error{Code: "ResourceNotFoundException", Message: "no"}, DynamoDB,
			`{"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException","message":"no"}`},
		{"validation", fmt.Errorf("wrapped: %w", &api.Error{Code: "ValidationException", Message: `"x"`}), DynamoDB,
			`{"__type":"com.amazon.coral.validate#ValidationException","message":"\"x\""}`},
		{"common", &api.Error{Code: "UnrecognizedClientException", Message: "m"}, DynamoDB,
			`{"__type":"com.amazon.coral.service#UnrecognizedClientException","message":"m"}`},
		{"detail", &api.Error{Code: "ConditionalCheckFailedException", Message: "The conditional request failed",
			Detail: func(dst []byte) []byte { return append(dst, `,"Item":{}`...) }}, DynamoDB,
			`{"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException","message":"The conditional request failed","Item":{}}`},
		{"KMS modelled", &api.Error{Code: "DisabledException", Message: "k is disabled."}, KMS,
			`{"__type":"DisabledException","message":"k is disabled.","Message":"k is disabled."}`},
		{"KMS empty", &api.Error{Code: "InvalidCiphertextException"}, KMS, `{"__type":"InvalidCiphertextException"}`},
		{"KMS validation", &api.Error{Code: "ValidationException", Message: "m"}, KMS, `{"__type":"ValidationException","message":"m"}`},
		{"denied", denied, KMS,
			`{"__type":"AccessDeniedException","message":"` + denied.Error() + `"}`},
		{"not UTF-8", &api.Error{Code: "X", Message: "\xff<"}, Plain, "{\"__type\":\"X\",\"message\":\"\uFFFD<\"}"},
		{"unknown member", &api.UnknownMemberError{Shape: "GetItemInput", Member: "Foo"}, DynamoDB,
			`{"__type":"com.amazon.coral.validate#` +
				`ValidationException","message":"The request has a member that is not supported: 'Foo' in GetItemInput"}`},
		{"twice", &api.DuplicateMemberError{Shape: "GetItemInput", Member: "Key"}, DynamoDB,
			`{"__type":"com.amazon.coral.service#SerializationException","Message":"Duplicate member 'Key' in GetItemInput"}`},
		{"syntax", strictjson.NewReader([]byte("x")).End(), DynamoDB, `{"__type":"com.amazon.coral.service#SerializationException"}`},
		// What is wrong with a value in a request was once answered as an internal error, and logged.
		{"no attribute value", &attribute.SerializationError{Message: "m"}, DynamoDB,
			`{"__type":"com.amazon.coral.service#SerializationException","Message":"m"}`},
		{"bad attribute value", fmt.Errorf("wrapped: %w", &attribute.ValidationError{Message: "m"}), DynamoDB,
			`{"__type":"com.amazon.coral.validate#ValidationException","message":"m"}`},
	}
	for _, c := range cases {
		e, ok := Explain(c.err)
		if !ok {
			t.Errorf("%s: not for clients", c.name)
			continue
		}
		got := c.d.AppendError(nil, e)
		if !json.Valid(got) || string(got) != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
	}
	if _, ok := Explain(errors.New("disk on fire")); ok {
		t.Error("an internal error is shown")
	}
	for d, code := range map[Dialect]string{DynamoDB: "InternalServerError", KMS: "KMSInternalException", Plain: "InternalFailure"} {
		if e := d.Internal(); e.Code != code || e.Status != 500 {
			t.Errorf("%+v", e)
		}
	}
}

func TestMediaType(t *testing.T) {
	for in, want := range map[string]string{
		"application/x-amz-json-1.0":                 "application/x-amz-json-1.0",
		"Application/X-Amz-Json-1.1 ; charset=utf-8": "application/x-amz-json-1.1",
		"application/json":                           "application/json", "": "", "text/plain": "", "application/x-amz-json-2.0": "",
		"application/cbor": "",
	} {
		if got, ok := MediaType([]byte(in)); got != want || ok != (want != "") {
			t.Errorf("%q: %q %v", in, got, ok)
		}
	}
}
