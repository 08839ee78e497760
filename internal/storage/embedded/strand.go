package embedded

import (
	"errors"
	"fmt"
	"io"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/sealtable/sealtable/internal/storage"
	"github.com/sealtable/sealtable/internal/storage/embedded/journal"
)

// setAside copies what a broken table still needs from the journal to the table's own directory, sealed as it
// is, so that the journal can let go of it. It is for a table whose files failed while the store is open; the
// next Open tries the table again.
//
// The journal's files are read a second time, up to the newest record that is durable now, through a file
// system that changes nothing. Whatever goes wrong, the journal merely keeps the records, and the next call
// tries again.
func (r *reclaim) setAside(t *table) error {
	from, needed := t.progress.needs()
	newest := r.store.newestLSN()
	if !needed || from >= newest {
		return nil
	}
	opts := r.store.opts.journalOptions(r.store)
	opts.FS = readOnlyFS{opts.FS}
	opts.Keys = noKeys{}
	opts.Logger = nil
	opts.Anchors = nil
	again, err := journal.Open(opts)
	if err != nil {
		return err
	}
	w, err := journal.NewParkedWriter(r.store.opts.FS, t.parkedFile(), r.store.opts.FrameKey, t.id)
	if err != nil {
		return errors.Join(err, again.Close())
	}
	copied := strandedCopy{table: t, from: from, newest: newest, to: w}
	err = again.Replay(copied.record)
	if !errors.Is(err, errEnough) {
		w.Abort()
		return errors.Join(err, errIncomplete, again.Close())
	}
	if err := errors.Join(w.Finish(), again.Close()); err != nil {
		return err
	}
	t.progress.setAside(copied.last)
	t.progress.covered(newest)
	return nil
}

var (
	errEnough     = errors.New("all records were read")
	errIncomplete = errors.New("the journal could not be read to its end")
)

// strandedCopy takes one table's sections out of the journal's records.
type strandedCopy struct {
	table  *table
	from   journal.LSN
	newest journal.LSN
	to     *journal.ParkedWriter
	last   journal.LSN // added
}

func (c *strandedCopy) record(r journal.Record) error {
	for i := range r.Sections {
		section := &r.Sections[i]
		if section.Table != c.table.id || r.LSN <= c.from {
			continue
		}
		if err := c.to.Add(journal.Parked{LSN: r.LSN, Sealed: section.Sealed}); err != nil {
			return err
		}
		c.last = r.LSN
	}
	if r.LSN >= c.newest {
		return errEnough
	}
	return nil
}

// noKeys gives no keys, so that the journal gives every section as it was sealed.
type noKeys struct{}

func (noKeys) Current(storage.TableID) (storage.Epoch, error) { return 0, errKeysForgotten }

func (noKeys) Key(storage.TableID, storage.Epoch, *[storage.KeySize]byte) error {
	return errKeysForgotten
}

// readOnlyFS changes nothing. Removals are ignored: they tidy up and are the owner's to repeat.
type readOnlyFS struct{ vfs.FS }

var errReadOnly = errors.New("the journal is only read here")

func (readOnlyFS) refuse(call, name string) error {
	return fmt.Errorf("%s %s: %w", call, name, errReadOnly)
}

func (f readOnlyFS) Create(name string, _ vfs.DiskWriteCategory) (vfs.File, error) {
	return nil, f.refuse("create", name)
}

func (f readOnlyFS) OpenReadWrite(
	name string, _ vfs.DiskWriteCategory, _ ...vfs.OpenOption,
) (vfs.File, error) {
	return nil, f.refuse("open", name)
}

func (f readOnlyFS) ReuseForWrite(_, name string, _ vfs.DiskWriteCategory) (vfs.File, error) {
	return nil, f.refuse("reuse", name)
}

func (f readOnlyFS) Lock(name string) (io.Closer, error) { return nil, f.refuse("lock", name) }
func (f readOnlyFS) Rename(_, name string) error         { return f.refuse("rename", name) }
func (f readOnlyFS) Link(_, name string) error           { return f.refuse("link", name) }
func (readOnlyFS) Remove(string) error                   { return nil }
func (readOnlyFS) RemoveAll(string) error                { return nil }
func (f readOnlyFS) Unwrap() vfs.FS                      { return f.FS }
