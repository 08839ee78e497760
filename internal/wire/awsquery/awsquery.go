// Package awsquery is the query protocol of AWS on the server's side: parameters in a form, answers in XML.
//
// Callers may rely on this: a form that Parse accepted has an action, every parameter at most once, all of
// them valid UTF-8, and keeps the limits; every error becomes one that the AWS SDKs map to their exceptions,
// and one that is not meant for clients becomes an internal error without any detail.
//
// The protocol is described as awsQuery in the Smithy specification ("AWS query protocol").
package awsquery

import (
	"bytes"
	"errors"

	"github.com/sealtable/sealtable/internal/api"
	"github.com/sealtable/sealtable/internal/auth"
)

// MaxForm is how many bytes a form may have. The largest parameter that a service takes is a template of 1
// MB.
const MaxForm = 4 << 20

// Request is a decoded request. Form holds the parameters of the operation, without Action, Version and those
// of a presigned request's signature.
type Request struct {
	Action, Version string
	Form            *api.Form
}

// Parse decodes the query of the target and the body.
func Parse(query, body []byte) (Request, error) {
	if len(query)+len(body) > MaxForm {
		return Request{}, &api.Error{Code: "RequestEntityTooLarge", Status: 413,
			Message: "The form is larger than is allowed"}
	}
	form, err := api.ParseForm(joined(query, body))
	if err != nil {
		return Request{}, err
	}
	r := Request{Form: form}
	r.Action, _ = form.Take("Action")
	r.Version, _ = form.Take("Version")
	for _, name := range [...]string{"X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires",
		"X-Amz-SignedHeaders",
		"X-Amz-Signature", "X-Amz-Security-Token"} {
		form.Take(name)
	}
	if r.Action == "" {
		return Request{}, &api.Error{Code: "MissingAction", Message: "The request must contain the " +
			"parameter Action"}
	}
	return r, nil
}

func joined(query, body []byte) []byte {
	if len(query) == 0 {
		return body
	}
	return bytes.Join([][]byte{query, body}, []byte("&"))
}

// InvalidAction is the answer to a request for an operation that nobody has.
func InvalidAction(action, version string) *api.Error {
	if version == "" {
		version = "NO_VERSION_SPECIFIED"
	}
	return &api.Error{Code: "InvalidAction", Message: "Could not find operation " + action + " for version " +
		version}
}

// Internal is what a client sees of an error that is not for it.
func Internal() *api.Error {
	return &api.Error{Code: "InternalFailure", Status: 500,
		Message: "The request processing has failed because of an unknown error, exception or failure."}
}

// Explain finds what a client may see of err. ok is false for an internal error.
func Explain(err error) (e *api.Error, ok bool) {
	var known *api.Error
	var denied *auth.DeniedError
	var unknown *api.UnknownMemberError
	var twice *api.DuplicateMemberError
	var parameter *api.ParameterError
	var blob *api.BlobError
	switch {
	case errors.As(err, &known):
		if known.Code == "ValidationException" {
			return &api.Error{Code: "ValidationError", Message: known.Message, Status: known.Status,
				Cause: err}, true
		}
		return known, true
	case errors.As(err, &denied):
		return &api.Error{Code: "AccessDenied", Status: 403, Message: denied.Error(), Cause: err}, true
	case errors.As(err, &unknown):
		return &api.Error{Code: "ValidationError", Cause: err,
			Message: "The request has a parameter that is not supported: '" + unknown.Member + "' in " +
				unknown.Shape}, true
	case errors.As(err, &twice), errors.As(err, &parameter), errors.As(err, &blob):
		return &api.Error{Code: "MalformedQueryString", Message: err.Error(), Cause: err}, true
	}
	return nil, false
}
