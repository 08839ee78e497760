package journal

import (
	"errors"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/sealtable/sealtable/internal/storage"
)

type Journal struct{}

func Open(o Options) (*Journal, error)                    { return nil, errors.ErrUnsupported }
func (j *Journal) Replay(apply func(Record) error) error  { return errors.ErrUnsupported }
func (j *Journal) Commit(sections []Section) (LSN, error) { return 0, errors.ErrUnsupported }
func (j *Journal) Release(upTo LSN) error                 { return errors.ErrUnsupported }
func (j *Journal) Stats() Stats                           { return Stats{} }
func (j *Journal) ForgetKeys(table storage.TableID)       {}
func (j *Journal) Close() error                           { return nil }

// CorruptError says that a journal or parked file is not what was written there.
type CorruptError struct {
	File   string
	Offset int64
	Cause  error
}

func (e *CorruptError) Error() string { return "" }
func (e *CorruptError) Unwrap() error { return e.Cause }

// Parked is one sealed section kept for a table without a key.
type Parked struct {
	LSN    LSN
	Sealed []byte
}

// WriteParked adds sections, in order of LSN, to the file (made if missing), durable when it returns. What the file already
// holds, by LSN, is skipped: writing again after a crash changes nothing.
func WriteParked(fs vfs.FS, path string, frameKey [32]byte, table storage.TableID, add []Parked) error {
	return errors.ErrUnsupported
}

// ReadParked calls fn for every section of the file in order; Sealed is valid during the call. A missing file is empty.
func ReadParked(fs vfs.FS, path string, frameKey [32]byte, table storage.TableID, fn func(Parked) error) error {
	return errors.ErrUnsupported
}

// OpenSection opens a parked section. Errors are *storage.SealedError or *storage.CorruptError.
func OpenSection(keys storage.Keys, lsn LSN, sealed []byte) ([]byte, error) {
	return nil, errors.ErrUnsupported
}

// Report is what Verify found.
type Report struct{}

// Verify authenticates every byte of a segment or parked file.
func Verify(fs vfs.FS, path string, frameKey [32]byte, keys storage.Keys) (Report, error) {
	return Report{}, errors.ErrUnsupported
}
