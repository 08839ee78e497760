// Package api holds what every service has in common on the wire: operations, errors, and the small functions
// that the shapes generated from the service models, in the packages below it, are built on.
//
// Callers may rely on this: a generated input that was read from JSON, a form or HTTP parameters holds only
// members that the model knows, each of the model's type and each at most once, and one that Validate
// accepted also keeps the model's constraints. An output is written with its members in the model's order;
// absent members (nil) are left out, and empty lists and maps that are not nil are written.
package api

import (
	"strings"

	"github.com/sealtable/sealtable/internal/strictjson"
)

// Operation is one operation of one service, as the model declares it. In and Out are its generated shapes;
// where the model has none, they are empty structures. A function that does not belong to the service's
// protocol is nil.
type Operation[In, Out any] struct {
	Service string // the name in credential scopes and IAM actions: dynamodb, kms, sts, …
	Name    string // as in X-Amz-Target, and in IAM actions unless the service says otherwise

	// Read reads the JSON body of the JSON protocols.
	Read func(r *strictjson.Reader, in *In) error
	// ReadForm reads the parameters of the query protocol, from which the caller has taken Action, Version
	// and the like.
	ReadForm func(form *Form, in *In) error
	// Validate checks the model's constraints. Its error is an *Error that lists the violations in AWS's
	// words.
	Validate func(in *In) error
	// Present lists the dotted paths of the members that are set, in the model's spelling:
	// SSESpecification.KMSMasterKeyId.
	Present func(in *In) []string
	// Append writes the JSON body. It writes nothing for an operation without an output: clients expect an
	// empty body.
	Append func(dst []byte, out *Out) []byte
	// AppendXML writes the whole response of the query protocol.
	AppendXML func(dst []byte, out *Out, requestID string) []byte
	// HTTP binds the operation to a method and path; only REST services have it.
	HTTP *Binding[In, Out]
}

// Error is an error that a client may see. Everything else that a handler returns is an internal error to the
// client and goes to the log.
type Error struct {
	Code    string // the bare name: ValidationException, ResourceNotFoundException, …
	Message string
	Status  int // HTTP; 0 means 400
	// Detail appends further members of a modelled error shape, each led by a comma, such as Item or
	// CancellationReasons.
	Detail func(dst []byte) []byte
	// Cause is for the operator's log only.
	Cause error
}

func (e *Error) Error() string {
	if e.Message == "" {
		return e.Code
	}
	return e.Code + ": " + e.Message
}

func (e *Error) Unwrap() error { return e.Cause }

// The wire protocols of the models.
const (
	JSON     = "json"
	Query    = "query"
	RESTJSON = "rest-json"
)

// ServiceInfo describes one service of the models, for dispatch tables and documentation. It is read-only.
type ServiceInfo struct {
	Name         string // in credential scopes
	FullName     string
	Protocol     string // JSON, Query or RESTJSON
	JSONVersion  string // 1.0 or 1.1, of JSON services
	APIVersion   string
	TargetPrefix string // before the dot in X-Amz-Target, of JSON services
	XMLNamespace string // of query services
	Operations   []OperationInfo
}

// OperationInfo describes one operation of a service.
type OperationInfo struct {
	Name          string
	Input, Output string // the generated shapes
	Method, Path  string // of HTTP, with a query that belongs to it; POST and / outside REST services
	members       string
}

// DescribeOperation is for the generated code, which keeps the names of the input's members as one
// space-separated string.
func DescribeOperation(name, input, output, method, path, members string) OperationInfo {
	return OperationInfo{
		Name: name, Input: input, Output: output, Method: method, Path: path, members: members,
	}
}

// Members are the names of the input's members, in the model's order.
func (o OperationInfo) Members() []string { return strings.Fields(o.members) }
