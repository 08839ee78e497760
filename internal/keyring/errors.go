package keyring

import (
	"errors"
	"fmt"
	"log/slog"
)

// Kind says what is wrong with a request. The service that answers it chooses the exception's name.
type Kind uint8

// The kinds of errors that a client may see.
const (
	NotFound Kind = iota + 1 // no such key, alias or grant
	// not an identifier of a key in this Region; clients see it as not found
	BadID
	InvalidARN         // an ARN, but not one of a key
	Disabled           // the key is disabled
	InvalidState       // the state of the key forbids the operation
	InvalidUsage       // the key is of the wrong usage
	IncorrectKey       // not the key that made the ciphertext
	InvalidCiphertext  // not a ciphertext, or not one made with this context
	CiphertextAccess   // a ciphertext of a key that is not within reach
	AlreadyExists      // the alias is taken
	Reserved           // the alias belongs to a service
	Unsupported        // the operation or the parameter does not fit the key
	LimitExceeded      // a quota is reached
	BadTags            // the tags break a rule
	Conflict           // another change is too near
	Invalid            // a parameter breaks a rule
	BadGrantToken      // not a grant token
	InvalidSignature   // not the key's signature of this message
	InvalidMAC         // not the key's authentication code of this message
	BadImportToken     // not a token of this installation for this key
	ExpiredImportToken // a token that is too old
	WrongMaterial      // imported material that is not the key's, or not what its spec needs
)

func (k Kind) String() string {
	names := [...]string{
		"unknown", "not found", "bad id", "invalid ARN", "disabled", "invalid state", "invalid usage",
		"incorrect key",
		"invalid ciphertext", "ciphertext out of reach", "already exists", "reserved", "unsupported",
		"limit exceeded", "bad tags",
		"conflict", "invalid", "bad grant token", "invalid signature", "invalid MAC", "bad import token",
		"expired import token",
		"wrong material",
	}
	if int(k) >= len(names) {
		return names[0]
	}
	return names[k]
}

// Error is an error that a client may see. Text may be empty: then the client learns the kind and nothing
// else.
type Error struct {
	Kind Kind
	Text string
}

func (e *Error) Error() string {
	if e.Text == "" {
		return "keyring: " + e.Kind.String()
	}
	return e.Text
}

// KindOf is the kind of err, 0 when it is not for clients.
func KindOf(err error) Kind {
	var known *Error
	if errors.As(err, &known) {
		return known.Kind
	}
	return 0
}

func fail(kind Kind, format string, args ...any) error {
	return &Error{Kind: kind, Text: fmt.Sprintf(format, args...)}
}

// invalidCiphertext is the one answer to everything that is not a ciphertext made with the given key and
// context.
func invalidCiphertext() error { return &Error{Kind: InvalidCiphertext} }

func keyMissing(arn string) error { return fail(NotFound, "Key '%s' does not exist", arn) }

// unavailable answers a client when the material of a key cannot be read; the cause goes to the operator's
// log.
func unavailable(log *slog.Logger, arn string, cause error) error {
	log.Error("the material of a key cannot be read: restore its file in the keys directory from a backup, "+
		"or check the root key",
		"key", arn, "error", cause)
	return fail(InvalidState, "%s is unavailable.", arn)
}
