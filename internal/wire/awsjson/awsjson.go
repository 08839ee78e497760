// Package awsjson is the JSON protocol of AWS on the server's side: how a request names its operation, and
// how errors look.
//
// Callers may rely on this: every error becomes a JSON document with a __type that the AWS SDKs map to their
// exceptions; an error that is not meant for clients becomes an internal error of its service without any
// detail.
//
// The protocol is described as awsJson1_0 and awsJson1_1 in the Smithy specification ("AWS JSON 1.0
// protocol").
package awsjson

import (
	"bytes"
	"errors"
	"strings"

	"github.com/sealtable/sealtable/internal/api"
	"github.com/sealtable/sealtable/internal/attribute"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/strictjson"
)

// Dialect is in which words a service puts its errors.
type Dialect uint8

// The dialects.
const (
	Plain    Dialect = iota // bare names
	DynamoDB                // names with the namespace of their shape
	KMS                     // bare names; modelled errors carry their message under both spellings
)

// SplitTarget splits X-Amz-Target into what comes before the dot, which names the service, and the operation.
func SplitTarget(target []byte) (prefix, operation []byte, ok bool) {
	i := bytes.IndexByte(target, '.')
	if i < 1 || i == len(target)-1 {
		return nil, nil, false
	}
	return target[:i], target[i+1:], true
}

// MediaType returns the media type of a request, and so of its answer, without parameters. ok is false for
// types that are not JSON.
func MediaType(contentType []byte) (media string, ok bool) {
	if i := bytes.IndexByte(contentType, ';'); i >= 0 {
		contentType = contentType[:i]
	}
	contentType = bytes.TrimSpace(contentType)
	for _, known := range [...]string{"application/x-amz-json-1.0", "application/x-amz-json-1.1",
		"application/json"} {
		if len(contentType) == len(known) && strings.EqualFold(string(contentType), known) {
			return known, true
		}
	}
	return "", false
}

// UnknownOperation is the answer to a request that names no operation, or one that nobody has. It has no
// message, as AWS's has none.
func UnknownOperation() *api.Error { return &api.Error{Code: "UnknownOperationException"} }

// Internal is what a client sees of an error that is not for it.
func (d Dialect) Internal() *api.Error {
	switch d {
	case DynamoDB:
		return &api.Error{Code: "InternalServerError", Status: 500, Message: "Internal server error"}
	case KMS:
		return &api.Error{Code: "KMSInternalException", Status: 500,
			Message: "The request was rejected because an internal exception occurred. The request can be " +
				"retried."}
	}
	return &api.Error{Code: "InternalFailure", Status: 500,
		Message: "The request processing has failed because of an unknown error, exception or failure."}
}

// Explain finds what a client may see of err. ok is false for an internal error.
func Explain(err error) (e *api.Error, ok bool) {
	var known *api.Error
	if errors.As(err, &known) {
		return known, true
	}
	var denied *auth.DeniedError
	if errors.As(err, &denied) {
		return &api.Error{Code: "AccessDeniedException", Message: denied.Error(), Cause: err}, true
	}
	if e, ok = explainInput(err); ok {
		e.Cause = err
	}
	return e, ok
}

// explainInput is Explain for a body that is not what the model says.
func explainInput(err error) (*api.Error, bool) {
	var wrongType *strictjson.TypeError
	var syntax *strictjson.SyntaxError
	var unknown *api.UnknownMemberError
	var twice *api.DuplicateMemberError
	var blob *api.BlobError
	var noValue *attribute.SerializationError
	var badValue *attribute.ValidationError
	switch {
	case errors.As(err, &wrongType):
		return serialization(describe(wrongType)), true
	case errors.As(err, &syntax):
		return serialization(""), true // as DynamoDB, which says nothing of JSON that is broken
	case errors.As(err, &unknown):
		return &api.Error{Code: "ValidationException",
			Message: "The request has a member that is not supported: '" + unknown.Member + "' in " +
				unknown.Shape}, true
	case errors.As(err, &twice):
		return serialization("Duplicate member '" + twice.Member + "' in " + twice.Shape), true
	case errors.As(err, &blob):
		return serialization("Only base-64-encoded strings are convertible to bytes"), true
	case errors.As(err, &noValue):
		return serialization(noValue.Message), true
	case errors.As(err, &badValue):
		return &api.Error{Code: "ValidationException", Message: badValue.Message}, true
	}
	return nil, false
}

func serialization(message string) *api.Error {
	return &api.Error{Code: serializationException, Message: message}
}

// describe tells of a wrong type in the words of DynamoDB's parser.
func describe(e *strictjson.TypeError) string {
	switch e.Found {
	case strictjson.Array:
		return "Start of list found where not expected"
	case strictjson.Object:
		return "Start of structure or map found where not expected."
	}
	switch e.Want {
	case "List":
		return "Expected list or null"
	case "Map":
		return "Expected map or null"
	case "Structure":
		return "Unexpected value type in payload"
	case "Blob":
		return "Only base-64-encoded strings are convertible to bytes"
	}
	return tokenName(e) + " cannot be converted to " + e.Want
}

func tokenName(e *strictjson.TypeError) string {
	switch e.Found {
	case strictjson.String:
		return "STRING_VALUE"
	case strictjson.True:
		return "TRUE_VALUE"
	case strictjson.False:
		return "FALSE_VALUE"
	case strictjson.Null:
		return "NULL_VALUE"
	}
	if strings.ContainsAny(e.Text, ".eE") {
		return "DECIMAL_VALUE"
	}
	return "NUMBER_VALUE"
}

// transactionCanceled is the one error of DynamoDB whose message the model spells with a capital. Clients
// that go by the model find it there, all others where every message is.
const transactionCanceled = "TransactionCanceledException"

// serializationException is the error whose message stands under Message alone.
const serializationException = "SerializationException"

// AppendError writes the body of an error. An error without a message has no message member.
func (d Dialect) AppendError(dst []byte, e *api.Error) []byte {
	dst = append(dst, `{"__type":`...)
	dst = strictjson.AppendString(dst, d.namespace(e.Code)+e.Code)
	if message := strings.ToValidUTF8(e.Message, "\uFFFD"); message != "" {
		name := `,"message":`
		if e.Code == serializationException {
			name = `,"Message":`
		}
		dst = strictjson.AppendString(append(dst, name...), message)
		if d == KMS && !shared(e.Code) || e.Code == transactionCanceled {
			dst = strictjson.AppendString(append(dst, `,"Message":`...), message)
		}
	}
	if e.Detail != nil {
		dst = e.Detail(dst)
	}
	return append(dst, '}')
}

func (d Dialect) namespace(code string) string {
	switch {
	case d != DynamoDB:
		return ""
	case code == "ValidationException":
		return "com.amazon.coral.validate#"
	case code == "ThrottlingException":
		return "com.amazon.coral.availability#"
	case shared(code):
		return "com.amazon.coral.service#"
	}
	return "com.amazonaws.dynamodb.v20120810#"
}

// shared says whether code is one of the errors of every service, which no model declares.
func shared(code string) bool {
	switch code {
	case "ValidationException", "SerializationException", "AccessDeniedException",
		"UnknownOperationException",
		"UnrecognizedClientException", "InvalidSignatureException", "IncompleteSignatureException",
		"MissingAuthenticationTokenException", "ExpiredTokenException", "InternalFailure",
		"ServiceUnavailableException",
		"ThrottlingException", "RequestEntityTooLargeException", "NotAuthorizedException":
		return true
	}
	return false
}
