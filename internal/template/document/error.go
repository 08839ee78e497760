package document

// The codes of errors, as CloudFormation's clients see them.
const (
	ValidationError          = "ValidationError"
	InsufficientCapabilities = "InsufficientCapabilitiesException"
)

// An Error is a refusal in CloudFormation's words.
type Error struct {
	Code    string   // one of the codes
	Message string   // exactly as CloudFormation says it
	Pos     Position // where in the template; zero when it is about no place, or none that is known
}

// Error returns the message alone: it is what clients see.
func (e *Error) Error() string { return e.Message }

// Refuse returns an Error with the code ValidationError.
func Refuse(at Position, message string) *Error {
	return &Error{Code: ValidationError, Message: message, Pos: at}
}
