package cli

import (
	"context"
	"errors"
)

// The exit codes that scripts may rely on.
const (
	exitOK          = 0
	exitFailure     = 1
	exitUsage       = 2
	exitFindings    = 3   // an audit found something at or above --fail-on
	exitIncomplete  = 4   // an audit could not read everything
	exitSealed      = 5   // sealed, or not authorised
	exitInterrupted = 130 // as after Control-C
)

// exitError is an error that decides the exit code.
type exitError struct {
	code  int
	cause error
}

func (e *exitError) Error() string { return e.cause.Error() }
func (e *exitError) Unwrap() error { return e.cause }

func usageError(err error) error  { return &exitError{exitUsage, err} }
func sealedError(err error) error { return &exitError{exitSealed, err} }

// exitCode is the code for what a command returned.
func exitCode(err error) int {
	var coded *exitError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &coded):
		return coded.code
	case errors.Is(err, context.Canceled):
		return exitInterrupted
	}
	return exitFailure
}
