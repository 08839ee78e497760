package embedded

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs/atomicfs"

	"github.com/sealtable/sealtable/internal/storage"
	"github.com/sealtable/sealtable/internal/storage/embedded/journal"
	"github.com/sealtable/sealtable/internal/storage/embedded/sealedfs"
)

// pebbleFormat is the format of the table files, written down so that a newer Pebble does not change it by
// itself.
const pebbleFormat = pebble.FormatValueSeparation

// instance is a table that is awake: its keys, and its Pebble store once it has had a row.
type instance struct {
	table *table
	keys  *heldKeys
	fs    *tableFS
	db    atomic.Pointer[pebble.DB]
	mark  journal.LSN // that the files had when they were opened

	making  sync.Mutex // held while db is made
	syncing sync.Mutex // held by sync
	readers readers

	failure atomic.Pointer[error]
	failed  chan struct{} // closed once failure is set
	closing atomic.Bool
}

// syncMark is the key of the row that says up to which LSN the table's own files are complete. It is shorter
// than any row key.
const syncMark = "\x00"

// open opens the table's Pebble store, which must be there.
func (i *instance) open() error {
	db, err := pebble.Open(i.table.pebbleDir(), i.options(true))
	if err == nil && i.failure.Load() != nil {
		err = errors.Join(*i.failure.Load(), db.Close())
	}
	if err != nil {
		return i.describe(unlessEnvironment(err))
	}
	mark, err := readMark(db)
	if err != nil {
		return i.describe(errors.Join(err, db.Close()))
	}
	if err := i.checkMark(mark); err != nil {
		return errors.Join(err, db.Close())
	}
	i.db.Store(db)
	i.table.progress.synced(mark)
	return nil
}

// unlessEnvironment marks what keeps a store from being opened as corruption, unless the keys or the machine
// are to blame: Pebble has many ways to say that files do not fit together.
func unlessEnvironment(err error) error {
	var isSealed *storage.SealedError
	var machine syscall.Errno
	if errors.As(err, &isSealed) || (errors.As(err, &machine) && !errors.Is(err, os.ErrNotExist)) {
		return err
	}
	return fmt.Errorf("%w: %w", errUnfit, err)
}

var errUnfit = errors.New("the table's files do not fit together")

func readMark(db *pebble.DB) (journal.LSN, error) {
	value, closer, err := db.Get([]byte(syncMark))
	if errors.Is(err, pebble.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer func() { _ = closer.Close() }() // closing a read gives no error that the read did not
	if len(value) != 8 {
		return 0, errRowKey
	}
	return journal.LSN(binary.BigEndian.Uint64(value)), nil
}

// ready returns the table's Pebble store and makes it if the table never had a row.
func (i *instance) ready() (*pebble.DB, error) {
	if db := i.db.Load(); db != nil {
		return db, i.refusal()
	}
	i.making.Lock()
	defer i.making.Unlock()
	if db := i.db.Load(); db != nil {
		return db, i.refusal()
	}
	db, err := i.create()
	if err != nil {
		return nil, i.describe(err)
	}
	i.db.Store(db)
	return db, nil
}

// create makes the Pebble store at its format's version, where Pebble by itself would climb to it by eleven
// synced steps, and only then takes the mark of the fresh table away: a creation that was cut short is begun
// again, and a table that lost its files does not look like an empty one.
func (i *instance) create() (*pebble.DB, error) {
	dir := i.table.pebbleDir()
	if err := i.fs.MkdirAll(dir, dirMode); err != nil {
		return nil, err
	}
	marker, _, err := atomicfs.LocateMarker(i.fs, dir, "format-version")
	if err != nil {
		return nil, err
	}
	if err := errors.Join(marker.Move(pebbleFormat.String()), marker.Close()); err != nil {
		return nil, err
	}
	db, err := pebble.Open(dir, i.options(false))
	if err != nil {
		return nil, err
	}
	if err := errors.Join(i.refusal(), i.table.noLongerFresh()); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

func (i *instance) options(mustExist bool) *pebble.Options {
	s := i.table.store
	opts := &pebble.Options{
		FS:                          i.fs,
		Cache:                       s.cache,
		FileCache:                   s.files,
		DisableWAL:                  true,
		ErrorIfNotExists:            mustExist,
		Comparer:                    discreetComparer(),
		FormatMajorVersion:          pebbleFormat,
		MemTableSize:                uint64(s.opts.memTableSize()),
		MemTableStopWritesThreshold: neverStall,
		L0CompactionThreshold:       4,
		L0StopWritesThreshold:       neverStall,
		CompactionConcurrencyRange:  func() (int, int) { return 1, s.opts.compactions() },
		MaxManifestFileSize:         1 << 20,
		Logger:                      pebbleLog{i},
		EventListener:               i.events(),
	}
	opts.Experimental.CompactionScheduler = s.compactions.slot()
	opts.Experimental.FileCacheShards = 1
	for l := range opts.Levels {
		opts.Levels[l].FilterPolicy = bloom.FilterPolicy(10)
	}
	return opts
}

// discreetComparer orders keys as bytes and shows none of them in messages.
func discreetComparer() *pebble.Comparer {
	c := *pebble.DefaultComparer
	c.FormatKey = func(key []byte) fmt.Formatter { return hiddenKey(len(key)) }
	return &c
}

type hiddenKey int

func (k hiddenKey) Format(s fmt.State, _ rune) {
	_, _ = fmt.Fprintf(s, "(key of %d bytes)", int(k)) // a fmt.State reports its own errors
}

// neverStall keeps Pebble from stopping writers: one that waits in there for a flush that cannot succeed
// waits forever. The store holds writers back itself, where it notices that a table failed.
const neverStall = 1000

func (i *instance) events() *pebble.EventListener {
	return &pebble.EventListener{
		BackgroundError: i.backgroundError,
		DataCorruption: func(info pebble.DataCorruptionInfo) {
			i.fs.wrong.CompareAndSwap(nil, &wrongFile{path: info.Path, cause: info.Details})
			i.fail(info.Details)
		},
		FlushEnd: func(info pebble.FlushInfo) {
			if info.Err == nil {
				i.table.forgive(int64(info.InputBytes))
			}
		},
	}
}

// backgroundError ends the table's service: a flush or a compaction that failed is tried again by Pebble at
// once and forever, so nothing it could write is let through any more, and until the store is closed each
// attempt is made to wait.
func (i *instance) backgroundError(err error) {
	if i.closing.Load() {
		return
	}
	if i.failure.Load() != nil {
		time.Sleep(10 * time.Millisecond)
		return
	}
	i.fail(err)
}

// fail makes the table refuse from now on. It may be called from anywhere and takes no locks of the store.
func (i *instance) fail(cause error) {
	err := i.describe(cause)
	if !i.failure.CompareAndSwap(nil, &err) {
		return
	}
	close(i.failed)
	i.fs.trip(err)
	i.table.condemn(err)
}

func (i *instance) refusal() error {
	if err := i.failure.Load(); err != nil {
		return *err
	}
	return nil
}

// describe turns an error of Pebble or of the sealing file system into one of the contract.
func (i *instance) describe(err error) error {
	if err == nil {
		return nil
	}
	var isCorrupt *storage.CorruptError
	var isSealed *storage.SealedError
	wrong := i.fs.wrong.Load()
	switch {
	case errors.As(err, &isCorrupt):
		return err
	case wrong != nil:
	case errors.As(err, &isSealed):
		return err
	case isCorruption(err):
		wrong = &wrongFile{path: i.table.pebbleDir(), cause: err}
	}
	if wrong != nil {
		return &storage.CorruptError{Table: i.table.id, File: i.table.store.relative(wrong.path),
			Cause: wrong.cause}
	}
	return fmt.Errorf("table %s: %w", i.table.id, err)
}

// isCorruption says whether an error means that files are not what was written. A file that the table's own
// records name and that is not there counts.
func isCorruption(err error) bool {
	return errors.Is(err, errUnfit) || errors.Is(err, sealedfs.ErrNotAuthentic) ||
		pebble.IsCorruptionError(err) ||
		errors.Is(err, os.ErrNotExist) || errors.Is(err, pebble.ErrDBDoesNotExist)
}

// sync makes every row that the table has now durable in its own files.
func (i *instance) sync() error {
	db := i.db.Load()
	if db == nil {
		return i.refusal()
	}
	i.syncing.Lock()
	defer i.syncing.Unlock()
	p := &i.table.progress
	if _, needed := p.needs(); !needed {
		return i.refusal()
	}
	w := p.watermark()
	if err := db.Set([]byte(syncMark), binary.BigEndian.AppendUint64(nil, uint64(w)),
		pebble.NoSync); err != nil {
		return i.describe(err)
	}
	flushed, err := db.AsyncFlush()
	if err != nil {
		return i.describe(err)
	}
	select {
	case <-flushed:
	case <-i.failed:
	}
	if err := i.refusal(); err != nil {
		return err
	}
	p.synced(w)
	return nil
}

// close ends the readers with the given error and gives everything back. Rows that were not synced stay in
// the journal.
func (i *instance) close(why error) error {
	i.readers.end(why)
	i.closing.Store(true)
	defer i.keys.forget()
	db := i.db.Swap(nil)
	if db == nil {
		return nil
	}
	if err := db.Close(); err != nil && i.refusal() == nil {
		return fmt.Errorf("close table %s: %w", i.table.id, err)
	}
	return nil
}

// pebbleLog hears what Pebble has to say. What Pebble calls fatal is fatal to one table here: the call
// returns, Pebble returns the error that it reported, and nothing that the instance writes afterwards reaches
// the disk.
type pebbleLog struct{ instance *instance }

func (l pebbleLog) Infof(string, ...any) {}

func (l pebbleLog) Errorf(format string, args ...any) {
	l.instance.table.store.log.Error("table storage", "table", l.instance.table.id.String(), "error",
		complaint(format, args))
}

func (l pebbleLog) Fatalf(format string, args ...any) { l.instance.fail(complaint(format, args)) }

// complaint is the error among the arguments of a log line, or the line without its arguments: they may be
// keys of rows.
func complaint(format string, args []any) error {
	for _, arg := range args {
		if err, ok := arg.(error); ok {
			return err
		}
	}
	return errors.New(format)
}
