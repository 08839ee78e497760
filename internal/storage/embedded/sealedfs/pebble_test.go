package sealedfs

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// options make a store of small memtables and files, so that a test flushes and compacts.
func options(fs vfs.FS, withLog bool) *pebble.Options {
	o := &pebble.Options{
		FS: fs, DisableWAL: !withLog, MemTableSize: 64 << 10, L0CompactionThreshold: 2,
		FormatMajorVersion: pebble.FormatNewest, Logger: silent{}, MaxOpenFiles: 50,
	}
	o.TargetFileSizes[0] = 64 << 10
	return o
}

// silent drops what Pebble tells operators. Its Fatalf would end the process: a test has to see that as a panic.
type silent struct{}

func (silent) Infof(string, ...any)           {}
func (silent) Errorf(string, ...any)          {}
func (silent) Fatalf(format string, a ...any) { panic(fmt.Sprintf(format, a...)) }

func key(i int) []byte { return fmt.Appendf(nil, "key-%06d", i) }

func value(i, round int) []byte {
	sum := sha256.Sum256(fmt.Append(nil, i, round))
	return bytes.Repeat(sum[:], 1+i%20)
}

// fill writes count rows in two rounds, the second over half of the first.
func fill(t *testing.T, db *pebble.DB, count int, o *pebble.WriteOptions) {
	t.Helper()
	for i := range count {
		must(t, db.Set(key(i), value(i, 0), o))
	}
	for i := 0; i < count; i += 2 {
		must(t, db.Set(key(i), value(i, 1), o))
	}
}

func check(t *testing.T, db *pebble.DB, count int) {
	t.Helper()
	for i := range count {
		got, closer, err := db.Get(key(i))
		if err != nil || !bytes.Equal(got, value(i, 1-i%2)) {
			t.Fatalf("row %d: %d bytes, %v", i, len(got), err)
		}
		must(t, closer.Close())
	}
}

// everyFile calls f with each file below dir of the base file system.
func everyFile(t *testing.T, base vfs.FS, dir string, f func(path string)) {
	t.Helper()
	names, err := base.List(dir)
	must(t, err)
	for _, name := range names {
		path := base.PathJoin(dir, name)
		info, err := base.Stat(path)
		must(t, err)
		if info.IsDir() {
			everyFile(t, base, path, f)
		} else {
			f(path)
		}
	}
}

// TestPebble runs a store through flushes, compactions, a checkpoint and reopening, with and without its own log, and then wants
// every byte of every file to be authentic.
func TestPebble(t *testing.T) {
	for _, withLog := range []bool{false, true} {
		t.Run(fmt.Sprintf("log=%v", withLog), func(t *testing.T) {
			fs, mem := newFS()
			db, err := pebble.Open("db", options(fs, withLog))
			must(t, err)
			fill(t, db, 3000, pebble.NoSync)
			must(t, db.Flush())
			must(t, db.Compact(t.Context(), key(0), key(9999), false))
			check(t, db, 3000)
			must(t, db.Checkpoint("backup", pebble.WithFlushedWAL()))
			must(t, db.Close())
			for _, dir := range []string{"db", "backup"} {
				db, err := pebble.Open(dir, options(fs, withLog))
				must(t, err)
				check(t, db, 3000)
				must(t, db.Close())
			}
			files := 0
			everyFile(t, mem, "", func(path string) {
				files++
				if report, err := fs.Verify(path); err != nil {
					t.Errorf("%+v: %v", report, err)
				}
			})
			if files < 15 {
				t.Fatalf("only %d files", files)
			}
		})
	}
}

// TestPebbleOnDisk does the same on the file system of the machine, where there are descriptors.
func TestPebbleOnDisk(t *testing.T) {
	dir := t.TempDir()
	fs := New(vfs.Default, owner(3), &ring{seed: "disk", current: 1})
	o := options(fs, false)
	o.TargetFileSizes[0] = 4 << 20 // beyond what sync_file_range leaves alone
	o.MemTableSize = 4 << 20
	db, err := pebble.Open(dir+"/db", o)
	must(t, err)
	fill(t, db, 6000, pebble.NoSync)
	must(t, db.Flush())
	must(t, db.Compact(t.Context(), key(0), key(9999), false))
	must(t, db.Checkpoint(dir+"/backup"))
	must(t, db.Close())
	db, err = pebble.Open(dir+"/backup", options(fs, false))
	must(t, err)
	check(t, db, 6000)
	must(t, db.Close())
	everyFile(t, vfs.Default, dir, func(path string) {
		if _, err := fs.Verify(path); err != nil {
			t.Error(err)
		}
	})
}

// TestCanary writes a secret as key and as value and looks for it in every file, in the forms in which it might leak (P1).
func TestCanary(t *testing.T) {
	for _, withLog := range []bool{false, true} {
		fs, mem := newFS()
		db, err := pebble.Open("db", options(fs, withLog))
		must(t, err)
		canary := sha256.Sum256([]byte("canary"))
		must(t, db.Set(canary[:], canary[:], pebble.NoSync))
		must(t, db.Set(append([]byte{0}, canary[:]...), []byte("x"), pebble.NoSync))
		fill(t, db, 500, pebble.NoSync)
		must(t, db.Flush())
		must(t, db.Set(canary[:], append(canary[:], 1), pebble.NoSync))
		must(t, db.Checkpoint("backup", pebble.WithFlushedWAL()))
		must(t, db.Close())
		forms := [][]byte{
			canary[:], canary[:12], []byte(hex.EncodeToString(canary[:])), []byte(strings.ToUpper(hex.EncodeToString(canary[:]))),
			[]byte(base64.RawStdEncoding.EncodeToString(canary[:])), []byte(base64.RawURLEncoding.EncodeToString(canary[:])),
			[]byte("key-0000"), []byte("leveldb.BytewiseComparator"), []byte("[Version]"),
		}
		everyFile(t, mem, "", func(path string) {
			data := raw(t, mem, path)
			for _, form := range forms {
				if bytes.Contains(data, form) || strings.Contains(path, string(form)) {
					t.Errorf("%s holds what must be sealed", path)
				}
			}
		})
		if !canaryFound(t, fs, forms[0]) {
			t.Fatal("the canary is in no file: the test could not have found it")
		}
	}
}

func canaryFound(t *testing.T, fs *FS, canary []byte) (found bool) {
	everyFile(t, fs, "", func(path string) {
		data, err := read(fs, path)
		must(t, err)
		found = found || bytes.Contains(data, canary)
	})
	return found
}

// TestPebbleSeesDamage changes one bit in the middle of each file of a closed store. Opening and reading everything fails, with
// the exception of files that the store reads no more; it never gives wrong rows.
func TestPebbleSeesDamage(t *testing.T) {
	fs, mem := newFS()
	db, err := pebble.Open("db", options(fs, false))
	must(t, err)
	fill(t, db, 600, pebble.NoSync)
	must(t, db.Flush())
	must(t, db.Close())
	found := map[Kind]int{}
	everyFile(t, mem, "db", func(path string) {
		data := raw(t, mem, path)
		if len(data) == 0 {
			return
		}
		changed := bytes.Clone(data)
		changed[len(data)/2] ^= 4
		setRaw(t, mem, path, changed)
		if err := openAndRead(fs, 600); err != nil {
			if !errors.Is(err, ErrNotAuthentic) {
				t.Errorf("%s: %v", path, err)
			}
			found[kindOf(mem.PathBase(path))]++
		}
		setRaw(t, mem, path, data)
	})
	if found[KindSegments] == 0 || found[KindFrames] == 0 {
		t.Fatalf("found %v", found)
	}
	must(t, openAndRead(fs, 600))
}

func openAndRead(fs *FS, count int) error {
	o := options(fs, false)
	o.ReadOnly = true
	db, err := pebble.Open("db", o)
	if err != nil {
		return err
	}
	defer db.Close()
	for i := range count {
		got, closer, err := db.Get(key(i))
		if err != nil {
			return err
		}
		same := bytes.Equal(got, value(i, 1-i%2))
		if err := closer.Close(); err != nil || !same {
			return fmt.Errorf("row %d is wrong, %v", i, err)
		}
	}
	return nil
}

// TestCrashes loses power at random moments. Without a log, what was flushed is there; with one, what was synced.
func TestCrashes(t *testing.T) {
	for seed := range uint64(12) {
		for _, withLog := range []bool{false, true} {
			t.Run(fmt.Sprintf("seed=%d,log=%v", seed, withLog), func(t *testing.T) { crashOnce(t, seed, withLog) })
		}
	}
}

func crashOnce(t *testing.T, seed uint64, withLog bool) {
	rng := rand.New(rand.NewPCG(seed, 1))
	mem := vfs.NewCrashableMem()
	keys := &ring{seed: "crash", current: 1}
	durable := 0
	for life := range 4 {
		db, err := pebble.Open("db", options(New(mem, owner(1), keys), withLog))
		if err != nil {
			t.Fatalf("life %d: %v", life, err)
		}
		checkPrefix(t, db, durable)
		rows := durable
		for range 20 + rng.IntN(200) {
			must(t, db.Set(key(rows), value(rows, 1-rows%2), pebble.NoSync))
			rows++
			if rng.IntN(60) == 0 {
				makeDurable(t, db, withLog)
				durable = rows
			}
		}
		crashed := mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: []int{0, 50, 100}[rng.IntN(3)], RNG: rng})
		must(t, db.Close())
		mem = crashed
	}
}

func makeDurable(t *testing.T, db *pebble.DB, withLog bool) {
	t.Helper()
	if withLog {
		must(t, db.LogData(nil, pebble.Sync))
		return
	}
	must(t, db.Flush())
}

func checkPrefix(t *testing.T, db *pebble.DB, rows int) {
	t.Helper()
	for i := range rows {
		got, closer, err := db.Get(key(i))
		if err != nil || !bytes.Equal(got, value(i, 1-i%2)) {
			t.Fatalf("durable row %d of %d is lost: %d bytes, %v", i, rows, len(got), err)
		}
		must(t, closer.Close())
	}
}

// TestTornFrames loses power under one appended file: what is read is a prefix that holds at least what was synced, never an error.
func TestTornFrames(t *testing.T) {
	for seed := range uint64(400) {
		rng := rand.New(rand.NewPCG(seed, 2))
		mem := vfs.NewCrashableMem()
		fs := New(mem, owner(1), &ring{seed: "torn", current: 1})
		file, err := fs.Create("000001.log", "")
		must(t, err)
		dir, err := fs.OpenDir("")
		must(t, err)
		must(t, dir.Sync())
		var all []byte
		synced := 0
		for range rng.IntN(30) {
			p := pattern(rng.IntN(3 * 4096))
			_, err := file.Write(bytes.Clone(p))
			must(t, err)
			all = append(all, p...)
			if rng.IntN(6) == 0 {
				must(t, file.Sync())
				synced = len(all)
			}
		}
		mem = mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: int(seed % 101), RNG: rng})
		got, err := read(New(mem, owner(1), fs.keys), "000001.log")
		if err != nil || !bytes.HasPrefix(all, got) || len(got) < synced {
			t.Fatalf("seed %d: read %d of %d bytes, %d synced: %v", seed, len(got), len(all), synced, err)
		}
	}
}

// TestConcurrentReads reads one file from many goroutines; the race detector watches the buffers.
func TestConcurrentReads(t *testing.T) {
	fs, _ := newFS()
	want := pattern(100 * segmentSize)
	write(t, fs, "000001.sst", want)
	file, err := fs.Open("000001.sst")
	must(t, err)
	defer file.Close()
	var group sync.WaitGroup
	for seed := range uint64(8) {
		group.Go(func() {
			rng := rand.New(rand.NewPCG(seed, 3))
			for range 200 {
				off, p := rng.IntN(len(want)), make([]byte, 1+rng.IntN(40_000))
				n, _ := file.ReadAt(p, int64(off))
				if !bytes.Equal(p[:n], want[off:min(off+len(p), len(want))]) {
					t.Errorf("seed %d: wrong bytes at %d", seed, off)
				}
			}
		})
	}
	group.Wait()
}
