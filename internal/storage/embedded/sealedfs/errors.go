package sealedfs

import (
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2/vfs"
)

var (
	// ErrNotAuthentic is what every failed authentication is, by errors.Is. The error itself is a
	// *NotAuthenticError and names the file.
	ErrNotAuthentic = errors.New("sealedfs: not authentic")
	// ErrTorn marks those not authentic bytes at the end of an appended file that a power cut may have left.
	// Reading ends cleanly in front of them; only Verify, and files that are complete before they get their
	// name, report them.
	ErrTorn = errors.New("sealedfs: unsynced end")
	// ErrUnknownEpoch may be returned (wrapped) by Keys.Key for an epoch that the owner never had, or has no
	// longer. A file that names such an epoch is not authentic. Every other error of Keys is passed on as it
	// came.
	ErrUnknownEpoch = errors.New("sealedfs: no data key of this epoch")
)

// NotAuthenticError says which file is not what this file system wrote, under this name, for this owner.
type NotAuthenticError struct {
	Path   string
	Reason string
	cause  error
}

func (e *NotAuthenticError) Error() string {
	if e.cause != nil && e.cause != ErrTorn {
		return fmt.Sprintf("%s is not authentic: %s: %v", e.Path, e.Reason, e.cause)
	}
	return fmt.Sprintf("%s is not authentic: %s", e.Path, e.Reason)
}

// Is makes errors.Is(err, ErrNotAuthentic) true.
func (e *NotAuthenticError) Is(target error) bool { return target == ErrNotAuthentic }

// Unwrap gives the cause, if there is one: ErrTorn, or the error of the key source.
func (e *NotAuthenticError) Unwrap() error { return e.cause }

func notAuthentic(path, reason string) error {
	return &NotAuthenticError{Path: path, Reason: reason}
}

func torn(path, reason string) error {
	return &NotAuthenticError{Path: path, Reason: reason, cause: ErrTorn}
}

// unsupported refuses a call that Pebble does not make of a local store. It is not one of the errors on which
// vfs.LinkOrCopy gives up, so that a link under another name becomes a copy, sealed anew.
func unsupported(call, path string) error {
	return fmt.Errorf("sealedfs: %s of %s: %w", call, path, vfs.ErrUnsupported)
}
