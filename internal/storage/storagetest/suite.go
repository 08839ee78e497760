// Package storagetest is the suite that every store passes: each promise in the package comment of storage is
// a test here.
//
// Callers may rely on this: Run exercises a store through its contract alone, on a file system in memory that
// can lose power. Tests that draw at random log their seed; STORAGETEST_SEED repeats one.
package storagetest

import (
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/sealtable/sealtable/internal/storage"
)

// Config is the store under test.
type Config struct {
	// Open opens the store that is in the file system, always in the same place, with small buffers and
	// budgets, so that what happens at gigabytes happens here.
	Open func(fs vfs.FS, keys storage.Keys) (storage.Store, error)
	// TableFiles lists the files that belong to one table. The store is closed.
	TableFiles func(fs vfs.FS, id storage.TableID) ([]string, error)
}

// Run runs the suite.
func Run(t *testing.T, config Config) {
	tests := []struct {
		name string
		run  func(*testing.T, Config)
	}{
		{"Tables", testTables},
		{"Rows", testRows},
		{"Transaction", testTransaction},
		{"Limits", testLimits},
		{"OrderedRead", testOrderedRead},
		{"Scan", testScan},
		{"IteratorsSeeOneMoment", testIteratorMoment},
		{"Restart", testRestart},
		{"RandomOperations", testRandomOperations},
		{"ConcurrentCrash", testConcurrentCrash},
		{"Transfers", testTransfers},
		{"Linearizable", testLinearizable},
		{"LatchesAreFair", testLatches},
		{"KeyLoss", testKeyLoss},
		{"KeyLossAcrossRestart", testKeyLossAcrossRestart},
		{"KeyRotation", testKeyRotation},
		{"SealUnderLoad", testSealUnderLoad},
		{"Damage", testDamage},
		{"DropAndCrash", testDropAndCrash},
		{"Canary", testCanary},
		{"Closed", testClosed},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { test.run(t, config) })
	}
}

// bench is one store and what it stands on.
type bench struct {
	t      *testing.T
	config Config
	fs     *vfs.MemFS
	keys   *Keys
	store  storage.Store
}

func newBench(t *testing.T, config Config) *bench {
	b := &bench{t: t, config: config, fs: vfs.NewCrashableMem(), keys: NewKeys()}
	b.open()
	t.Cleanup(func() {
		if b.store != nil {
			_ = b.store.Close() // tests that care have closed it
		}
	})
	return b
}

func (b *bench) open() {
	b.t.Helper()
	store, err := b.config.Open(b.fs, b.keys)
	if err != nil {
		b.t.Fatalf("open: %v", err)
	}
	b.store = store
}

func (b *bench) close() {
	b.t.Helper()
	if err := b.store.Close(); err != nil {
		b.t.Fatalf("close: %v", err)
	}
	b.store = nil
}

func (b *bench) restart() {
	b.t.Helper()
	b.close()
	b.open()
}

// crash goes on with what a power cut at this moment leaves on the disk.
func (b *bench) crash(unsyncedPercent int, rng *rand.Rand) {
	b.t.Helper()
	clone := b.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: unsyncedPercent, RNG: rng})
	_ = b.store.Close() // of a machine that is no more
	b.fs = clone
	b.open()
}

func (b *bench) table(n byte) storage.TableID {
	b.t.Helper()
	id := storage.TableID{0: 0x7a, 5: 1, 15: n}
	if err := b.store.CreateTable(b.t.Context(), id); err != nil {
		b.t.Fatalf("create table: %v", err)
	}
	return id
}

// row is a row of the base collection.
func row(id storage.TableID, partition, sort string) storage.Row {
	return storage.Row{Table: id, Partition: []byte(partition), Sort: []byte(sort)}
}

func (b *bench) put(r storage.Row, value string) {
	b.t.Helper()
	if err := put(b.t.Context(), b.store, r, value); err != nil {
		b.t.Fatalf("put: %v", err)
	}
}

func put(ctx context.Context, s storage.Store, r storage.Row, value string) error {
	return s.Update(ctx, []storage.Row{r}, func(tx storage.Tx) error { return tx.Put(r, []byte(value)) })
}

func (b *bench) remove(r storage.Row) {
	b.t.Helper()
	if err := b.store.Update(b.t.Context(), []storage.Row{r}, func(tx storage.Tx) error {
		return tx.Delete(r)
	}); err != nil {
		b.t.Fatalf("delete: %v", err)
	}
}

// expect checks what Get answers; "-" stands for no row.
func (b *bench) expect(r storage.Row, want string) {
	b.t.Helper()
	value, found, err := b.store.Get(b.t.Context(), r, nil)
	if err != nil {
		b.t.Fatalf("get %q %q: %v", r.Partition, r.Sort, err)
	}
	got := string(value)
	if !found {
		got = "-"
	}
	if got != want {
		b.t.Fatalf("get %q %q: got %.40q, want %.40q", r.Partition, r.Sort, got, want)
	}
}

func (b *bench) expectError(r storage.Row, want error) {
	b.t.Helper()
	if _, _, err := b.store.Get(b.t.Context(), r, nil); !errors.Is(err, want) {
		b.t.Fatalf("get: got %v, want %v", err, want)
	}
	if err := put(b.t.Context(), b.store, r, "refused"); !errors.Is(err, want) {
		b.t.Fatalf("put: got %v, want %v", err, want)
	}
	it := b.store.Scan(b.t.Context(), storage.CollectionScan{Table: r.Table})
	if it.Next() || !errors.Is(it.Err(), want) {
		b.t.Fatalf("scan: got %v, want %v", it.Err(), want)
	}
	if err := it.Close(); err != nil {
		b.t.Fatalf("close: %v", err)
	}
}

// random is a generator whose seed is logged.
func random(t *testing.T) *rand.Rand {
	seed := uint64(time.Now().UnixNano())
	if s, err := strconv.ParseUint(os.Getenv("STORAGETEST_SEED"), 10, 64); err == nil {
		seed = s
	}
	t.Logf("STORAGETEST_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

func encodeNumber(n int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(n)) }

func decodeNumber(b []byte) int64 {
	if len(b) != 8 {
		return 0
	}
	return int64(binary.BigEndian.Uint64(b))
}
