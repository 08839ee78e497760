package partiql

import "fmt"

// Error says that a statement is not one of DynamoDB's. Message is DynamoDB's own text where it is known, for
// a ValidationException. It may quote the statement, so it goes to the client who sent it and to no log.
type Error struct{ Message string }

func (e *Error) Error() string { return e.Message }

func refuse(format string, args ...any) *Error { return &Error{fmt.Sprintf(format, args...)} }

func malformed(format string, args ...any) *Error {
	return refuse("Statement wasn't well formed, can't be processed: "+format, args...)
}
