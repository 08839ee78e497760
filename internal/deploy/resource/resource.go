// Package resource is what stacks are made of: one Type for each type of resource that a template may name.
//
// Callers may rely on this: a Type does its work by operations of services alone, as the caller that a
// Request carries (P10). A step that is repeated with the token of an earlier attempt finds what that attempt
// made, and makes nothing twice. What Read returns is what the service says now, in the template's own form.
package resource

import (
	"context"
	"fmt"

	"github.com/sealtable/sealtable/internal/auth"
)

// A Request is one step for one resource.
type Request struct {
	Caller *auth.Caller
	// Stack is the ARN of the stack, StackName its name, Logical the resource's id in the template.
	Stack, StackName, Logical string
	// Token is the step's; Repeated says that an earlier attempt with it may have been cut short.
	Token    string
	Repeated bool
	// Physical is the id of what exists; of a creation it is the name that was chosen for it, if the type has
	// names.
	Physical string
	// Properties are those of the template, resolved and of the types that the schema says; Previous are
	// those that what exists was made with.
	Properties, Previous map[string]any
	// Tags are the stack's, and those that CloudFormation adds itself where the type takes them.
	Tags map[string]string
}

// A Result is what a step left.
type Result struct {
	Physical string
	// Ref is what Ref gives; empty for Physical.
	Ref string
	// Attributes are what Fn::GetAtt gives.
	Attributes map[string]any
}

// A Type makes, changes and deletes resources of one type. Methods return when the resource is ready for use.
// Errors are *Failure, or those of services.
type Type interface {
	// Name is the type's, such as AWS::KMS::Key.
	Name() string
	Schema() *Schema
	Create(ctx context.Context, r *Request) (Result, error)
	Update(ctx context.Context, r *Request) (Result, error)
	// Delete deletes; what is gone already is no error.
	Delete(ctx context.Context, r *Request) error
	// Read returns the properties of what exists, for the detection of drift. A *Failure with NotFound says
	// that it is gone.
	Read(ctx context.Context, r *Request) (map[string]any, error)
}

// A Code says why a step failed, in the words of resource handlers ("HandlerErrorCode").
type Code string

// The codes of failures.
const (
	InvalidRequest Code = "InvalidRequest"
	AlreadyExists  Code = "AlreadyExists"
	NotFound       Code = "NotFound"
	AccessDenied   Code = "AccessDenied"
	NotUpdatable   Code = "NotUpdatable"
	NotStabilized  Code = "NotStabilized"
	General        Code = "GeneralServiceException"
	Internal       Code = "InternalFailure"
)

// A Failure is why a step failed.
type Failure struct {
	Code Code
	// Message is the reason as the event shows it, without a frame around it.
	Message string
	// Service, Status and RequestID are those of the refusal of a service, which the frame names; empty
	// otherwise.
	Service, RequestID string
	Status             int
	Err                error
}

func (f *Failure) Error() string { return f.Message }
func (f *Failure) Unwrap() error { return f.Err }

// Reason is the text of the event for a step with a token.
func (f *Failure) Reason(token string) string {
	if f.Service == "" {
		return f.Message
	}
	return fmt.Sprintf("Resource handler returned message: %q (RequestToken: %s, HandlerErrorCode: %s)",
		fmt.Sprintf("%s (Service: %s, Status Code: %d, Request ID: %s)", f.Message, f.Service, f.Status,
			f.RequestID),
		token, f.Code)
}
