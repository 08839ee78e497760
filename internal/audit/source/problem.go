package source

import (
	"errors"
	"net"
	"net/url"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/retry"

	"github.com/sealtable/sealtable/internal/audit/fact"
)

// apiError is what the SDK's errors are when the service has answered.
type apiError interface {
	error
	ErrorCode() string
	ErrorMessage() string
}

// problemOf explains why a call that needs an IAM action failed.
func problemOf(action string, err error) *fact.Problem {
	var answered apiError
	if !errors.As(err, &answered) {
		return &fact.Problem{Kind: transportKind(err), Action: action, Message: rootMessage(err)}
	}
	return &fact.Problem{
		Kind: kindOf(answered.ErrorCode()), Action: action, Code: answered.ErrorCode(),
		Message: oneLine(answered.ErrorMessage()),
	}
}

// kindOf sorts error codes ("Common error types" in the API references).
func kindOf(code string) fact.ProblemKind {
	_, throttled := retry.DefaultThrottleErrorCodes[code]
	switch {
	case slices.Contains([]string{"AccessDenied", "AccessDeniedException", "UnauthorizedOperation",
		"NotAuthorized"}, code):
		return fact.Denied
	case slices.Contains([]string{
		"UnrecognizedClientException", "InvalidClientTokenId", "InvalidAccessKeyId",
		"InvalidSignatureException", "SignatureDoesNotMatch",
		"ExpiredToken", "ExpiredTokenException", "MissingAuthenticationTokenException", "IncompleteSignature",
		"AuthFailure", "OptInRequired",
	}, code):
		return fact.Credentials
	case throttled:
		return fact.Throttled
	case slices.Contains([]string{"UnknownOperationException", "UnknownOperation", "InvalidAction",
		"NotImplemented"}, code):
		return fact.Unsupported
	}
	return fact.Failed
}

// transportKind tells a lost connection from an answer that could not be understood.
func transportKind(err error) fact.ProblemKind {
	var network net.Error
	var request *url.Error
	if errors.As(err, &network) || errors.As(err, &request) {
		return fact.Unreachable
	}
	return fact.Failed
}

// rootMessage leaves out how the SDK got to the error: attempts, request ids, the operation.
func rootMessage(err error) string {
	var request *url.Error
	if errors.As(err, &request) {
		return oneLine(request.Err.Error())
	}
	return oneLine(err.Error())
}

// oneLine keeps what an endpoint says from filling the report.
func oneLine(message string) string {
	const most = 400
	message = strings.Join(strings.Fields(message), " ")
	if len(message) > most {
		message = strings.ToValidUTF8(message[:most], "") + "…"
	}
	return message
}
