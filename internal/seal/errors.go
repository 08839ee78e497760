package seal

import (
	"errors"
	"fmt"
)

// What can be wrong, for errors.Is. Every one of them reaches callers inside an *Error that says what to do
// next.
var (
	// ErrMissing says that the configuration directory holds no keyring.
	ErrMissing = errors.New("there is no keyring")
	// ErrExists says that a keyring would have to be overwritten.
	ErrExists = errors.New("there is a keyring already")
	// ErrMode says that somebody else than the owner may read or write the keyring or its directory.
	ErrMode = errors.New("others have access to it")
	// ErrOwner says that the keyring or its directory belongs to another user.
	ErrOwner = errors.New("it belongs to another user")
	// ErrInsideData says that the keyring would lie in the data directory, and be stolen with it.
	ErrInsideData = errors.New("the keyring must not lie inside the data directory")
	// ErrDamaged says that the file is torn, cut or was changed.
	ErrDamaged = errors.New("the file is damaged")
	// ErrVersion says that the file is of a format that this program does not know.
	ErrVersion = errors.New("the file is of an unknown version")
	// ErrSealKind says that the file is sealed in another way than asked for, or than this program can open.
	ErrSealKind = errors.New("the seal does not fit")
	// ErrPassphrase says that the passphrase is wrong, missing or too short.
	ErrPassphrase = errors.New("the passphrase does not fit")
	// ErrUnavailable says that what opens the seal, an HSM or an external KMS, cannot be reached now.
	ErrUnavailable = errors.New("the seal cannot be opened now")
	// ErrInstallation says that the keyring is that of another installation than the data.
	ErrInstallation = errors.New("it is the keyring of another installation")
	// ErrStale says that the keyring lacks the root key that the data directory was last under: it is a copy
	// from before a rotation.
	ErrStale = errors.New("the keyring is older than the data")
	// ErrChanged says that another process replaced the keyring since this one read it.
	ErrChanged = errors.New("another process changed the keyring")
	// ErrBusy says that another process is changing the keyring now.
	ErrBusy = errors.New("another process is changing the keyring")
	// ErrRootVersion says that a record is wrapped under a root key that this keyring does not have.
	ErrRootVersion = errors.New("the root key of this record is not in the keyring")
	// ErrRecord says that a wrapped record is damaged, or was wrapped for another purpose or owner.
	ErrRecord = errors.New("the wrapped record is not authentic")
	// ErrPurpose says that there is no such purpose.
	ErrPurpose = errors.New("not a purpose")
	// ErrClosed says that the root was closed.
	ErrClosed = errors.New("the keyring is closed")
	// ErrDisk says that the file system refused.
	ErrDisk = errors.New("cannot use the disk")
)

// Error is any failure of this package: one line of what was found where, and what to do about it.
type Error struct {
	Kind  error  // one of the errors above
	Path  string // the file or directory concerned, or empty
	Hint  string // what to do next, or empty
	Cause error  // or nil
}

func (e *Error) Error() string {
	text := e.Kind.Error()
	if e.Cause != nil {
		text += fmt.Sprintf(" (%v)", e.Cause)
	}
	if e.Path != "" {
		text = e.Path + ": " + text
	}
	if e.Hint != "" {
		text += ": " + e.Hint
	}
	return text
}

func (e *Error) Unwrap() []error {
	if e.Cause == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Cause}
}

const hintBackup = "restore the file from its backup, or from an export with `sealtable keys restore`"

func damaged(path, what string) error {
	return &Error{Kind: ErrDamaged, Path: path, Hint: hintBackup, Cause: errors.New(what)}
}
