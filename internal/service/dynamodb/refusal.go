package dynamodb

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/sealtable/sealtable/internal/api"
	"github.com/sealtable/sealtable/internal/api/dynamodbapi"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/engine"
	"github.com/sealtable/sealtable/internal/storage"
)

// invalid is DynamoDB's answer to a request that breaks one of its rules.
func invalid(format string, args ...any) error {
	return &api.Error{Code: "ValidationException", Message: fmt.Sprintf(format, args...)}
}

// invalidParameter is invalid with the words that most rules about members share.
func invalidParameter(format string, args ...any) error {
	return invalid("One or more parameter values were invalid: "+format, args...)
}

// brokenConstraint is invalid with the words for a member that breaks the model, where the model itself does
// not say so.
func brokenConstraint(value, member, demand string) error {
	return invalid("1 validation error detected: Value %s at '%s' failed to satisfy constraint: %s", value,
		member, demand)
}

func notFound(format string, args ...any) error {
	return &api.Error{Code: "ResourceNotFoundException", Message: fmt.Sprintf(format, args...)}
}

func inUse(format string, args ...any) error {
	return &api.Error{Code: "ResourceInUseException", Message: fmt.Sprintf(format, args...)}
}

// collectionTooLarge is the text for an item collection that may not become larger.
const collectionTooLarge = "Collection size exceeded."

// refusal gives an error of the engine its name and words.
func refusal(err error) error {
	var key *engine.KeyError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &key):
		return keyRefusal(key)
	case errors.Is(err, engine.ErrItemTooLarge):
		return invalid("Item size has exceeded the maximum allowed size")
	case errors.Is(err, engine.ErrCollectionTooLarge):
		return dynamodbapi.ItemCollectionSizeLimitExceededException(collectionTooLarge)
	case errors.Is(err, engine.ErrStartKey):
		return invalid("The provided starting key is invalid")
	case errors.Is(err, engine.ErrStartKeyRange):
		return invalid("The provided starting key does not match the range key predicate")
	case errors.Is(err, engine.ErrStartKeyOutside):
		return invalid("The provided starting key is outside query boundaries based on provided conditions")
	case errors.Is(err, engine.ErrNoTable), errors.Is(err, storage.ErrNoTable):
		return notFound("Requested resource not found")
	}
	return err
}

// keyRefusal words what is wrong with a key of an item that is written.
func keyRefusal(e *engine.KeyError) error {
	if e.Index != "" {
		return indexKeyRefusal(e)
	}
	switch e.Problem {
	case engine.KeyMissing:
		return invalidParameter("Missing the key %s in the item", e.Key.Name)
	case engine.KeyWrongKind:
		return invalidParameter("Type mismatch for key %s expected: %s actual: %s", e.Key.Name, e.Key.Kind,
			e.Actual)
	case engine.KeyEmpty:
		return invalid("One or more parameter values are not valid. The AttributeValue for a key attribute "+
			"cannot contain an empty %s value. Key: %s", emptyKind(e), e.Key.Name)
	case engine.KeyTooLong:
		if e.IsRange {
			return invalidParameter("Aggregated size of all range keys has exceeded the size limit of "+
				"%d bytes", engine.MaxRangeKeySize)
		}
		return invalidParameter("Size of hashkey has exceeded the maximum size limit of%d bytes",
			engine.MaxHashKeySize)
	}
	return invalid("The provided key element does not match the schema")
}

// lookupRefusal words what is wrong with a key by which an item is looked up.
func lookupRefusal(err error) error {
	var key *engine.KeyError
	if errors.As(err, &key) && key.Index == "" && (key.Problem == engine.KeyWrongKind ||
		key.Problem == engine.KeyMissing) {
		return invalid("The provided key element does not match the schema")
	}
	return refusal(err)
}

// scanRefusal is refusal with the words for a start key of a scan.
func scanRefusal(err error, scan *engine.Scan) error {
	switch {
	case errors.Is(err, engine.ErrStartKey):
		return invalid("The provided starting key is invalid: The provided key element does not match " +
			"the schema")
	case errors.Is(err, storage.ErrOtherSegment):
		return invalid("The provided starting key is invalid: Invalid ExclusiveStartKey. Please use "+
			"ExclusiveStartKey with correct Segment. "+
			"TotalSegments: %d Segment: %d", scan.Total, scan.Segment)
	}
	return refusal(err)
}

// keyServiceRefusal words what the key service answered, as DynamoDB does: the inner exception is quoted with
// the name of its Java class. Errors that are not the key service's pass as they are.
func keyServiceRefusal(err error) error {
	var known *api.Error
	var denied *auth.DeniedError
	switch {
	case errors.As(err, &denied):
		return keyServiceError("AccessDeniedException", "KMS key access denied error", "AWSKMSException",
			"AccessDeniedException", denied.Error(), err)
	case !errors.As(err, &known) || known.Status >= 500:
		return err
	}
	switch known.Code {
	case "DisabledException":
		return keyServiceError("ValidationException", "KMS key disabled error", known.Code, known.Code,
			known.Message, err)
	case "AccessDeniedException":
		return keyServiceError("AccessDeniedException", "KMS key access denied error", "AWSKMSException",
			known.Code, known.Message, err)
	case "InvalidKeyUsageException":
		// DynamoDB answers 500 here; a client can do nothing with a 500 but try again. See docs/decision.
		const grants = "EncryptionContext is supported only when creating a grant for a symmetric " +
			"encryption KMS key."
		return keyServiceError("ValidationException", "KMS internal error", "AWSKMSException",
			"ValidationException", grants, err)
	}
	return keyServiceError("ValidationException", "KMS validation error", known.Code, known.Code,
		known.Message, err)
}

func keyServiceError(code, problem, class, inner, message string, cause error) error {
	return &api.Error{
		Code: code,
		Message: fmt.Sprintf("%s: com.amazonaws.services.kms.model.%s: %s (Service: AWSKMS; Status Code: "+
			"400; Error Code: %s; Request ID: %s; Proxy: null)",
			problem, class, message, inner, newRequestID()),
		Cause: cause,
	}
}

// newRequestID is a random UUID (RFC 9562, version 4).
func newRequestID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails: crypto/rand ends the process instead
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// LetThrough lets the caller through to a table's rows, or says why not, in DynamoDB's words.
func (s *Service) LetThrough(ctx context.Context, caller *auth.Caller, t *engine.Table) error {
	return keyServiceRefusal(s.keys.Use(ctx, caller, t))
}
