package identity

import (
	"errors"
	"fmt"

	"github.com/sealtable/sealtable/internal/auth/policy"
)

// Reason is why a change or a question was refused.
type Reason int

// The reasons, one for each error code of IAM that they become.
const (
	NoSuchEntity Reason = iota
	AlreadyExists
	DeleteConflict
	LimitExceeded
	MalformedPolicy
	InvalidInput
	Unmodifiable
	Invalid // a ValidationError
)

// Error is a refusal in IAM's words.
type Error struct {
	Reason Reason
	Text   string
}

func (e *Error) Error() string { return e.Text }

func refuse(reason Reason, format string, args ...any) error {
	return &Error{Reason: reason, Text: fmt.Sprintf(format, args...)}
}

// ReasonOf is why err refuses; ok is false when it is no refusal.
func ReasonOf(err error) (reason Reason, ok bool) {
	var known *Error
	if !errors.As(err, &known) {
		return 0, false
	}
	return known.Reason, true
}

func noPrincipal(kind Kind, name string) error {
	return refuse(NoSuchEntity, "The %s with name %s cannot be found.", kind, name)
}

func noPolicy(arn string) error { return refuse(NoSuchEntity, "Policy %s was not found.", arn) }

func notAttachable(arn string) error {
	return refuse(NoSuchEntity, "Policy %s does not exist or is not attachable.", arn)
}

// malformed says what is wrong with a policy document in IAM's words, with the detail where those are vague.
func malformed(err error) error {
	var problem *policy.ParseError
	if !errors.As(err, &problem) {
		return err
	}
	switch problem.Problem {
	case policy.NoPrincipal:
		return refuse(MalformedPolicy, "Missing required field Principal")
	case policy.InvalidPrincipal:
		return refuse(MalformedPolicy, "Invalid principal in policy: %s", problem.Detail)
	case policy.NoResource:
		return refuse(MalformedPolicy, "Policy statement must contain resources.")
	case policy.HasPrincipal:
		return refuse(MalformedPolicy, "Policy document should not specify a principal.")
	case policy.HasResource:
		return refuse(MalformedPolicy, "Has prohibited field Resource")
	}
	return refuse(MalformedPolicy, "Syntax errors in policy: %s", problem.Detail)
}
