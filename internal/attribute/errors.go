package attribute

import "errors"

// ValidationError says that a value breaks a rule of DynamoDB. Message is DynamoDB's own text, for a ValidationException.
type ValidationError struct{ Message string }

func (e *ValidationError) Error() string { return e.Message }

// SerializationError says that the JSON is well-formed but no attribute value can be read from it. Message is for a
// SerializationException. A strictjson.TypeError, for a value of the wrong JSON type, belongs to the same exception.
type SerializationError struct{ Message string }

func (e *SerializationError) Error() string { return e.Message }

// ErrPath is returned by Tree for a path that leads through something that is missing or of the wrong type.
var ErrPath = errors.New("the document path leads nowhere")
