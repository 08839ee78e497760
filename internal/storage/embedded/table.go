package embedded

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"

	"github.com/sealtable/sealtable/internal/storage"
	"github.com/sealtable/sealtable/internal/storage/embedded/sealedfs"
)

// table is what the store knows about one table. It costs a few hundred bytes while the table is asleep.
//
// INVARIANT table-gate: calls in progress hold the gate shared; waking, putting to sleep and dropping hold it
// alone. A call that needs several tables takes their gates in ascending order of ID, and takes latches only
// afterwards.
type table struct {
	store *Store
	id    storage.TableID

	gate    sync.RWMutex
	awake   *instance // nil while asleep; guarded by gate
	dropped bool      // guarded by gate
	known   bool      // its age was compared with the journal's; guarded by gate

	held     atomic.Pointer[heldKeys] // the keys of the instance that is awake or waking
	broken   atomic.Pointer[error]    // why the table refuses until the store is opened anew
	progress progress

	touched   atomic.Bool  // used since the last sweep
	unflushed atomic.Int64 // bytes of rows in memory that are not in the table's own files, about
	diskBytes atomic.Int64 // as last known
}

// enter holds the table awake until leave. It wakes it if need be.
func (t *table) enter() (*instance, error) {
	for {
		t.gate.RLock()
		if err := t.refusal(); err != nil {
			t.gate.RUnlock()
			return nil, err
		}
		if t.awake != nil {
			if !t.touched.Load() {
				t.touched.Store(true)
			}
			return t.awake, nil
		}
		t.gate.RUnlock()
		if err := t.wake(); err != nil {
			return nil, err
		}
		t.store.makeRoom(t)
	}
}

func (t *table) leave() { t.gate.RUnlock() }

// refusal says why the table cannot be used at all. The caller holds the gate.
func (t *table) refusal() error {
	switch broken := t.broken.Load(); {
	case t.dropped:
		return storage.ErrNoTable
	case t.store.closed.Load():
		return storage.ErrClosed
	case broken != nil:
		return *broken
	}
	return nil
}

// wake opens the table.
func (t *table) wake() error {
	t.gate.Lock()
	defer t.gate.Unlock()
	if err := t.refusal(); err != nil || t.awake != nil {
		return err
	}
	inst, err := t.rouse()
	if err != nil {
		return err
	}
	if err := inst.applyParked(); err != nil {
		return t.giveUp(inst, err)
	}
	t.awake = inst
	t.touched.Store(true)
	t.store.awake.add(t)
	return nil
}

// wakeForReplay opens the table so that the journal can open its sections; it fails where sections are parked
// already or must be, for then all later ones have to follow them.
func (t *table) wakeForReplay() error {
	if t.store.parking.has(t.id) {
		return errParking
	}
	_, err := t.enter()
	if err != nil {
		return err
	}
	t.leave()
	return nil
}

// rouse asks for the keys and opens the files. The caller holds the gate alone.
func (t *table) rouse() (*instance, error) {
	keys, err := t.store.holdKeys(t.id)
	if err != nil {
		return nil, err
	}
	inst := t.newInstance(keys)
	t.held.Store(keys)
	err = inst.openFiles()
	if err == nil {
		err = inst.checkAge()
	}
	if err != nil {
		return nil, t.giveUp(inst, err)
	}
	return inst, nil
}

// checkAge finds a journal that was rolled back or lost: what a table knew when the store was opened, the
// journal knew too. Were its LSNs given again, they would be taken for ones that the table has. While the
// journal is replayed its end is not known yet; load looks at the tables that are awake by then.
func (i *instance) checkAge() error {
	t := i.table
	if t.known || t.store.replaying.Load() {
		return nil
	}
	t.known = true
	mark, _ := t.progress.needs()
	if mark <= t.store.start {
		return nil
	}
	return &storage.CorruptError{Table: t.id, File: journalDir,
		Cause: fmt.Errorf("it ends before record %d, which the table has: restore journal and tables from "+
			"one backup", mark)}
}

func (t *table) newInstance(keys *heldKeys) *instance {
	inst := &instance{table: t, keys: keys, failed: make(chan struct{})}
	inst.fs = &tableFS{FS: t.store.opts.sealing(t.id, keys), onFailure: inst.fail}
	return inst
}

// openFiles opens the Pebble store, or sees that the table is fresh.
func (i *instance) openFiles() (err error) {
	defer guard(&err)
	fresh, err := i.table.isFresh(i.fs)
	if err != nil {
		return i.describe(err)
	}
	if fresh {
		if err := i.checkMark(0); err != nil {
			return err // the files are those of now, if only the line was put back
		}
		return i.clearFiles()
	}
	return i.open()
}

// clearFiles removes what a creation of the Pebble store that was cut short left. The directory stays: it
// makes the table one.
func (i *instance) clearFiles() error {
	dir := i.table.pebbleDir()
	names, err := i.fs.List(dir)
	for _, name := range names {
		err = errors.Join(err, i.fs.Remove(i.fs.PathJoin(dir, name)))
	}
	return err
}

// giveUp closes an instance that could not be opened, and keeps the table from trying again if its files are
// wrong.
func (t *table) giveUp(inst *instance, err error) error {
	t.held.Store(nil)
	if closeErr := inst.close(err); closeErr != nil {
		err = errors.Join(err, closeErr)
	}
	t.store.journal.ForgetKeys(t.id)
	var corrupt *storage.CorruptError
	if errors.As(err, &corrupt) {
		t.condemn(corrupt)
	}
	return err
}

// condemn makes the table refuse from now on, and says so once.
func (t *table) condemn(err error) {
	if !t.broken.CompareAndSwap(nil, &err) {
		return
	}
	t.store.log.Error("table refuses service; the others go on", "table", t.id.String(), "error", err,
		"remedy", remedy(err))
	t.store.reclaim.wake()
}

// remedy says what an operator does about a table that refuses.
func remedy(err error) string {
	var corrupt *storage.CorruptError
	if errors.As(err, &corrupt) {
		return "run sealtable inspect, and put back what it names"
	}
	return "mend the disk, or make room on it, and start the server anew; what was acknowledged is in the " +
		"journal"
}

// rest puts the table to sleep: its rows are made durable, its readers end with the given error, its keys are
// forgotten. The caller holds the gate alone.
func (t *table) rest(why error) error {
	inst := t.awake
	if inst == nil {
		t.store.journal.ForgetKeys(t.id)
		return nil
	}
	err := inst.sync()
	if err != nil {
		inst.fail(err)
	} else {
		t.noteDisk(inst)
	}
	return errors.Join(err, t.shut(inst, why))
}

// shut closes the instance as it is. The caller holds the gate alone.
func (t *table) shut(inst *instance, why error) error {
	err := inst.close(why)
	t.awake = nil
	t.held.Store(nil)
	t.store.awake.remove(t)
	t.store.journal.ForgetKeys(t.id)
	t.forgive(t.unflushed.Load())
	return err
}

// owe and forgive keep count of the bytes that only memory and the journal have.
func (t *table) owe(n int64) {
	t.unflushed.Add(n)
	t.store.reclaim.owed.Add(n)
}

func (t *table) forgive(n int64) {
	for {
		have := t.unflushed.Load()
		less := min(have, n)
		if t.unflushed.CompareAndSwap(have, have-less) {
			t.store.reclaim.repay(less)
			return
		}
	}
}

func (t *table) dir() string       { return t.store.path(tablesDir, t.id.String()) }
func (t *table) pebbleDir() string { return t.store.path(tablesDir, t.id.String(), pebbleDir) }
func (t *table) freshFile() string { return t.store.path(tablesDir, t.id.String(), freshFile) }
func (t *table) parkedFile() string {
	return t.store.path(tablesDir, t.id.String(), parkedFile)
}

// A fresh table has a sealed file that says so in place of a Pebble store.
const freshText = "no rows yet\n"

func (t *table) isFresh(fs *tableFS) (bool, error) {
	text, err := readWhole(fs, t.freshFile())
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err == nil && string(text) != freshText {
		err = fs.inspect(t.freshFile(), fmt.Errorf("%w: unexpected text", sealedfs.ErrNotAuthentic))
	}
	return err == nil, err
}

func (t *table) noLongerFresh() error {
	if err := t.store.opts.FS.Remove(t.freshFile()); err != nil {
		return err
	}
	return syncDir(t.store.opts.FS, t.dir())
}

// create makes the table's directory, where the key source may keep a file of its own already. The directory
// of table files comes last, when the file that says that they are missing is durable.
func (t *table) create() error {
	keys, err := t.store.holdKeys(t.id)
	if err != nil {
		return err
	}
	defer keys.forget()
	base := t.store.opts.FS
	if err := base.MkdirAll(t.dir(), dirMode); err != nil {
		return err
	}
	if err := writeWhole(t.store.opts.sealing(t.id, keys), t.freshFile(), []byte(freshText)); err != nil {
		return err
	}
	if err := syncDir(base, t.dir()); err != nil {
		return err
	}
	if err := base.MkdirAll(t.pebbleDir(), dirMode); err != nil {
		return err
	}
	return errors.Join(syncDir(base, t.dir()), syncDir(base, t.store.path(tablesDir)))
}

// drop ends the table and removes its directory: under another name first, so that a crash leaves a whole
// table or none.
func (t *table) drop() error {
	t.gate.Lock()
	defer t.gate.Unlock()
	t.dropped = true
	if t.awake != nil {
		if err := t.shut(t.awake, storage.ErrNoTable); err != nil {
			t.store.log.Warn("dropped table did not close cleanly", "table", t.id.String(), "error", err)
		}
	}
	t.store.journal.ForgetKeys(t.id)
	t.progress.abandon()
	return t.store.removeTableDir(t.id)
}

// seal makes the table refuse until its keys are asked for anew.
func (t *table) seal() error {
	t.gate.Lock()
	defer t.gate.Unlock()
	if t.dropped {
		return storage.ErrNoTable
	}
	err := t.rest(sealed(t.id, errKeysForgotten))
	t.store.reclaim.wake()
	return err
}

func (t *table) noteDisk(inst *instance) {
	if db := inst.db.Load(); db != nil {
		t.diskBytes.Store(int64(db.Metrics().DiskSpaceUsage()))
	}
}

func (t *table) stats() storage.Stats {
	s := storage.Stats{DiskBytes: t.diskBytes.Load(), MemoryBytes: t.unflushed.Load()}
	if !t.gate.TryRLock() {
		return s
	}
	defer t.gate.RUnlock()
	if t.awake == nil {
		return s
	}
	s.Open = true
	if db := t.awake.db.Load(); db != nil {
		m := db.Metrics()
		t.diskBytes.Store(int64(m.DiskSpaceUsage()))
		s.DiskBytes, s.MemoryBytes = t.diskBytes.Load(), int64(m.MemTable.Size)
	}
	return s
}
