package embedded

import (
	"log/slog"
	"runtime"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/sealtable/sealtable/internal/clock"
	"github.com/sealtable/sealtable/internal/lockedmem"
	"github.com/sealtable/sealtable/internal/storage"
	"github.com/sealtable/sealtable/internal/storage/embedded/journal"
	"github.com/sealtable/sealtable/internal/storage/embedded/sealedfs"
)

// Options say where a store lives and what it may cost. Zero values of numbers choose what is said beside
// them.
type Options struct {
	FS   vfs.FS // the disk
	Dir  string
	Keys storage.Keys
	// Memory is where the keys of tables that are awake are held; an arena of the store's own if it is nil.
	Memory *lockedmem.Arena
	// FrameKey is the installation's key for the journal's frames. Sections of tables are under the tables'
	// own keys.
	FrameKey [storage.KeySize]byte
	Logger   *slog.Logger
	Clock    *clock.Clock // the time for putting idle tables to sleep; none sleeps of idleness without it

	// decrypted blocks and memtables of all tables, 256 KiB at least for each that is awake: 256 MiB
	CacheBytes     int64
	MemTableBudget int64         // rows of all tables that wait to be written to their files: 256 MiB
	MaxOpenTables  int           // tables awake at the same time, beyond those in use: 500
	IdleAfter      time.Duration // when a table that nobody uses goes to sleep: 5 minutes
	// size of the journal from which tables that lag behind are made to catch up: 512 MiB
	JournalBytes int64

	// BenchmarkWithoutEncryption leaves the tables' files unsealed, to measure what sealing costs. Open
	// refuses it outside of tests; the journal is sealed even so.
	BenchmarkWithoutEncryption bool
}

func (o *Options) setDefaults() {
	setDefault(&o.CacheBytes, 256<<20)
	setDefault(&o.MemTableBudget, 256<<20)
	setDefault(&o.MaxOpenTables, 500)
	setDefault(&o.IdleAfter, 5*time.Minute)
	setDefault(&o.JournalBytes, 512<<20)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
}

func setDefault[N ~int | ~int64](field *N, value N) {
	if *field <= 0 {
		*field = value
	}
}

// memTableSize is how large one memtable of one table may grow. The first of a table is 256 KiB, and each
// next one twice that.
func (o *Options) memTableSize() int64 { return min(max(o.MemTableBudget/8, 256<<10), 64<<20) }

// segmentBytes is the size of the journal's segments: small enough that some can be released while
// JournalBytes are in use.
func (o *Options) segmentBytes() int64 { return min(max(o.JournalBytes/8, 256<<10), 64<<20) }

func (o *Options) compactions() int { return max(1, runtime.GOMAXPROCS(0)/2) }

// sealing is the file system for one table's files.
func (o *Options) sealing(id storage.TableID, keys *heldKeys) vfs.FS {
	if o.BenchmarkWithoutEncryption && testing.Testing() {
		return o.FS
	}
	return sealedfs.New(o.FS, id, keys)
}

func (o *Options) journalOptions(s *Store) journal.Options {
	return journal.Options{
		FS:           o.FS,
		Dir:          s.path(journalDir),
		Keys:         journalKeys{s},
		FrameKey:     o.FrameKey,
		SegmentBytes: o.segmentBytes(),
		Logger:       o.Logger,
		Anchors:      s.takeAnchors,
	}
}
