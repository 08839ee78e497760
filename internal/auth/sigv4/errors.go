package sigv4

import (
	"strings"

	"github.com/sealtable/sealtable/internal/pages"
)

// Reason is why a request was refused.
type Reason uint8

// The reasons, with the error codes of JSON services and of query services.
const (
	Missing      Reason = iota // MissingAuthenticationTokenException, MissingAuthenticationToken
	Incomplete                 // IncompleteSignatureException, IncompleteSignature
	UnknownKey                 // UnrecognizedClientException, InvalidClientTokenId
	Mismatch                   // InvalidSignatureException, SignatureDoesNotMatch
	TokenExpired               // ExpiredTokenException, ExpiredToken
	ForeignPage                // AccessDeniedException, AccessDenied
)

// Error is a refusal in AWS's words.
type Error struct {
	Reason  Reason
	Message string
}

func (e *Error) Error() string { return e.JSONCode() + ": " + e.Message }

// JSONCode is the code for services that speak JSON. They answer all of them with status 400.
func (e *Error) JSONCode() string {
	switch e.Reason {
	case Missing:
		return "MissingAuthenticationTokenException"
	case Incomplete:
		return "IncompleteSignatureException"
	case UnknownKey:
		return "UnrecognizedClientException"
	case TokenExpired:
		return "ExpiredTokenException"
	case ForeignPage:
		return "AccessDeniedException"
	}
	return "InvalidSignatureException"
}

// QueryCode is the code and status for services that speak the query protocol.
func (e *Error) QueryCode() (code string, status int) {
	switch e.Reason {
	case Missing:
		return "MissingAuthenticationToken", 403
	case Incomplete:
		return "IncompleteSignature", 400
	case UnknownKey:
		return "InvalidClientTokenId", 403
	case TokenExpired:
		return "ExpiredToken", 403
	case ForeignPage:
		return "AccessDenied", 403
	}
	return "SignatureDoesNotMatch", 403
}

// WrongService is the refusal of a request whose scope names another service than the one it is for.
func WrongService(service string) *Error {
	return &Error{Reason: Mismatch, Message: "Credential should be scoped to correct service: '" + service +
		"'. "}
}

// WrongRegion is the refusal of a request whose scope names a region that is none, or in which the service is
// not.
func WrongRegion(region string) *Error {
	return &Error{Reason: Mismatch, Message: strings.ToValidUTF8("Credential should be scoped to a valid "+
		"region, not '"+region+"'. ", "?")}
}

// foreignPage is the refusal of a request that a browser sent for a page which is not welcome.
func foreignPage(from pages.Request) *Error {
	who := "another site"
	if from.Origin != "" {
		who = from.Origin
	}
	return &Error{Reason: ForeignPage, Message: strings.ToValidUTF8("This server takes calls without "+
		"a known "+
		"access key from web pages of this machine alone, and this one is of "+who+", sent to "+from.Host+
		". Start it with --allow-origin to let the page in.", "?")}
}

func unknownKey() *Error {
	return &Error{Reason: UnknownKey, Message: "The security token included in the request is invalid."}
}

func mismatch() *Error {
	return &Error{Reason: Mismatch, Message: "The request signature we calculated does not match the " +
		"signature you provided. " +
		"Check your AWS Secret Access Key and signing method. Consult the service documentation for details."}
}

func incomplete(parts ...string) *Error {
	return &Error{Reason: Incomplete, Message: strings.ToValidUTF8(strings.Join(parts, ""), "?")}
}

func invalid(parts ...string) *Error {
	return &Error{Reason: Mismatch, Message: strings.ToValidUTF8(strings.Join(parts, ""), "?")}
}
