package tablekeys

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/sealtable/sealtable/internal/storage"
)

// What can be wrong, for errors.Is. All of them come inside an *Error that names the table.
var (
	// ErrLocked says that the keys of the table are not in memory: nobody unlocked it, unwrapping its table
	// key failed, or it was locked.
	ErrLocked = errors.New("the keys of the table are locked")
	// ErrNotFound says that there are no keys of such a table, or not any more.
	ErrNotFound = errors.New("there are no keys of this table")
	// ErrExists says that the table has keys already.
	ErrExists = errors.New("the table has keys already")
	// ErrDamaged says that the keys file is torn or was changed. A *storage.CorruptError that names the file
	// is its cause.
	ErrDamaged = errors.New("the keys of the table are damaged")
	// ErrVersion says that the keys file is of a format that this program does not know.
	ErrVersion = errors.New("the keys of the table are of an unknown version")
	// ErrTableKey says that what was given as the table key is not the one that wraps this table's data keys.
	ErrTableKey = errors.New("not the key of this table")
	// ErrPending says that the table's key is being changed: commit or abort that first.
	ErrPending = errors.New("a change of the table's key is pending")
	// ErrNotPending says that there is no such change to commit.
	ErrNotPending = errors.New("no such change of the table's key is pending")
	// ErrNoEpoch says that the table has no data key of this epoch, or not any more.
	ErrNoEpoch = errors.New("no data key of this epoch")
	// ErrSystem says that the keys of system tables cannot be changed: they follow from the installation's.
	ErrSystem = errors.New("system tables have no keys of their own")
	// ErrInvalid says that a chain is incomplete or too large.
	ErrInvalid = errors.New("not a chain of keys")
	// ErrDisk says that the file system refused. What was asked for may be found done after a crash, but is
	// not in use.
	ErrDisk = errors.New("cannot use the disk")
	// ErrClosed says that the ring was closed.
	ErrClosed = errors.New("the ring is closed")
)

// Error is any failure of this package.
type Error struct {
	Kind  error // one of the errors above
	Table storage.TableID
	Cause error // or nil: for locked tables, whatever the key service said
}

func (e *Error) Error() string {
	if e.Cause == nil {
		return fmt.Sprintf("table %s: %v", e.Table, e.Kind)
	}
	return fmt.Sprintf("table %s: %v: %v", e.Table, e.Kind, e.Cause)
}

func (e *Error) Unwrap() []error {
	if e.Cause == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Cause}
}

func fail(id storage.TableID, kind, cause error) error {
	return &Error{Kind: kind, Table: id, Cause: cause}
}

// damaged names the file and what to do about it.
func damaged(id storage.TableID, what string) error {
	return fail(id, ErrDamaged, &storage.CorruptError{Table: id,
		File: filepath.Join(tablesDir, id.String(), keysName),
		Cause: fmt.Errorf("%s: restore it from a backup of the data directory; without it the table cannot "+
			"be read", what)})
}
