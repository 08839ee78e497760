package iam

import (
	"errors"

	"github.com/sealtable/sealtable/internal/api"
	"github.com/sealtable/sealtable/internal/api/iamapi"
	"github.com/sealtable/sealtable/internal/identity"
)

// translate gives a refusal of the directory the name of IAM's error. Others are passed on: they are internal
// to the client.
func translate(err error) error {
	var known *identity.Error
	if !errors.As(err, &known) {
		return err
	}
	switch known.Reason {
	case identity.NoSuchEntity:
		return iamapi.NoSuchEntityException(known.Text)
	case identity.AlreadyExists:
		return iamapi.EntityAlreadyExistsException(known.Text)
	case identity.DeleteConflict:
		return iamapi.DeleteConflictException(known.Text)
	case identity.LimitExceeded:
		return iamapi.LimitExceededException(known.Text)
	case identity.MalformedPolicy:
		return iamapi.MalformedPolicyDocumentException(known.Text)
	case identity.InvalidInput:
		return iamapi.InvalidInputException(known.Text)
	}
	return invalid(known.Text)
}

func invalid(text string) error { return &api.Error{Code: "ValidationError", Message: text} }
