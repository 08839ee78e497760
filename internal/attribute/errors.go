package attribute

import "errors"

// ValidationError says that a value breaks a rule of DynamoDB. Message is DynamoDB's own text, for a
// ValidationException. As in DynamoDB it may quote the value that is wrong, so it goes to the client who sent
// that value and to no log.
type ValidationError struct{ Message string }

func (e *ValidationError) Error() string { return e.Message }

// SerializationError says that the JSON is well-formed but spells no attribute value. Message is for a
// SerializationException. A strictjson.TypeError (a value of the wrong JSON type) and a
// strictjson.SyntaxError belong to the same exception.
type SerializationError struct{ Message string }

func (e *SerializationError) Error() string { return e.Message }

// ErrPath is returned by Tree for a path that leads through something that is missing or is no map or list of
// the kind that the path takes it for. DynamoDB says of it: "The document path provided in the update
// expression is invalid for update".
var ErrPath = errors.New("the document path leads through something that is not there")

// ErrCorrupt is wrapped by every error of CheckItem and ReadKey.
var ErrCorrupt = errors.New("not a canonical attribute encoding")

const invalidParameter = "One or more parameter values were invalid: "

func invalid(message string) error { return &ValidationError{Message: message} }

// The texts of DynamoDB.
const (
	textNoType    = "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"
	textManyTypes = "Supplied AttributeValue has more than one datatypes set, must contain exactly one " +
		"of the supported datatypes"
	textNullFalse   = invalidParameter + "Null attribute value types must have the value of true"
	textEmptySS     = invalidParameter + "An string set  may not be empty"
	textEmptyNS     = invalidParameter + "An number set  may not be empty"
	textEmptyBS     = invalidParameter + "Binary sets should not be empty"
	textDuplicateNS = "Input collection contains duplicates"
	textNested      = "Nesting Levels have exceeded supported limits: Attributes in the item have nested " +
		"levels beyond supported limit"
	textNameTooLong = "Attribute name is too large, must be less than 65536 bytes"
	textNotNumber   = "The parameter cannot be converted to a numeric value"
	textTooPrecise  = "Attempting to store more than 38 significant digits in a Number"
	textOverflow    = "Number overflow. Attempting to store a number with magnitude larger than " +
		"supported range"
	textUnderflow = "Number underflow. Attempting to store a number with magnitude smaller than " +
		"supported range"
	textBase64Length = "Base64 encoded length is expected a multiple of 4 bytes but found: "
	textBase64Symbol = "Invalid Base64 character"
	textNameTwice    = "A map names an attribute more than once"
)
