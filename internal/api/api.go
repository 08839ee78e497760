// Package api holds what every service has in common on the wire: operations, errors, and the shapes generated from the
// service models into the packages below it.
//
// Callers may rely on this: a generated input that ReadJSON accepted holds only members that the model knows, each of the
// model's JSON type and each at most once, and one that Validate accepted also keeps the model's constraints.
package api

import "github.com/sealtable/sealtable/internal/strictjson"

// Operation is one operation of one service, as the model declares it. In and Out are its generated shapes.
type Operation[In, Out any] struct {
	Service  string // the name in credential scopes and IAM actions: dynamodb, kms, sts, …
	Name     string // as in X-Amz-Target, and in IAM actions unless the service says otherwise
	ReadOnly bool   // not used by the wire: the trail records it
	Read     func(r *strictjson.Reader, in *In) error
	Validate func(in *In) error
	Append   func(dst []byte, out *Out) []byte
}

// Error is an error that a client may see. Everything else that a handler returns is an internal error to the client and goes to
// the log.
type Error struct {
	Code    string // the bare name: ValidationException, ResourceNotFoundException, …
	Message string
	Status  int // HTTP; 0 means 400
	// Detail appends further members of a modelled error shape, each led by a comma, such as Item or CancellationReasons.
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
