package kms

import (
	"errors"

	"github.com/sealtable/sealtable/internal/api"
	"github.com/sealtable/sealtable/internal/auth/policy"
	"github.com/sealtable/sealtable/internal/keyring"
)

// translate gives an error of the keyring the name of AWS's exception. Others are passed on: they are
// internal to the client.
func translate(err error) error {
	var known *keyring.Error
	if errors.As(err, &known) {
		return &api.Error{Code: Exception(known.Kind), Message: known.Text}
	}
	var malformed *policy.ParseError
	if errors.As(err, &malformed) {
		return malformedPolicy(malformed)
	}
	return err
}

// Exception is the name of the exception that clients see for a kind of error.
func Exception(kind keyring.Kind) string {
	switch kind {
	case keyring.NotFound, keyring.BadID:
		return "NotFoundException"
	case keyring.InvalidARN:
		return "InvalidArnException"
	case keyring.Disabled:
		return "DisabledException"
	case keyring.InvalidState:
		return "KMSInvalidStateException"
	case keyring.InvalidUsage:
		return "InvalidKeyUsageException"
	case keyring.IncorrectKey:
		return "IncorrectKeyException"
	case keyring.InvalidCiphertext:
		return "InvalidCiphertextException"
	case keyring.CiphertextAccess:
		return "AccessDeniedException"
	case keyring.AlreadyExists:
		return "AlreadyExistsException"
	case keyring.Reserved:
		return "NotAuthorizedException"
	case keyring.Unsupported:
		return "UnsupportedOperationException"
	case keyring.LimitExceeded:
		return "LimitExceededException"
	case keyring.BadTags:
		return "TagException"
	case keyring.Conflict:
		return "ConflictException"
	case keyring.BadGrantToken:
		return "InvalidGrantTokenException"
	case keyring.InvalidSignature:
		return "KMSInvalidSignatureException"
	case keyring.InvalidMAC:
		return "KMSInvalidMacException"
	case keyring.BadImportToken:
		return "InvalidImportTokenException"
	case keyring.ExpiredImportToken:
		return "ExpiredImportTokenException"
	case keyring.WrongMaterial:
		return "IncorrectKeyMaterialException"
	}
	return "ValidationException"
}

func invalid(text string) error {
	return &api.Error{Code: "ValidationException", Message: text}
}

func malformed(text string) error {
	return &api.Error{Code: "MalformedPolicyDocumentException", Message: text}
}

func malformedPolicy(problem *policy.ParseError) error {
	switch problem.Problem {
	case policy.NoPrincipal:
		return malformed("Policy contains a statement with no principal.")
	case policy.InvalidPrincipal:
		return malformed("Policy contains a statement with one or more invalid principals.")
	case policy.OverPermissive:
		return malformed("OverlyPermissiveCondition: Using the ForAllValues set operator with a " +
			"single-valued condition key matches " +
			"requests without the specified [encryption context or tag] or with an unspecified [encryption " +
			"context or tag]. " +
			"To fix, remove ForAllValues.")
	}
	return malformed(problem.Detail)
}

// dryRun is the answer to a request with DryRun that would have succeeded.
func dryRun() error {
	return &api.Error{Code: "DryRunOperationException", Message: "The request would have succeeded, but " +
		"the DryRun option is set."}
}
