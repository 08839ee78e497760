package journal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/sealtable/sealtable/internal/storage"
)

// crashSeeds says how many histories a crash test runs; SEALTABLE_CRASH_SEEDS asks for more.
func crashSeeds(t *testing.T, normal int) (first uint64, n int) {
	if v, err := strconv.Atoi(os.Getenv("SEALTABLE_CRASH_SEEDS")); err == nil {
		normal = v
	}
	first = uint64(1)
	if os.Getenv("SEALTABLE_CRASH_SEEDS") != "" {
		first = rand.Uint64()
	}
	t.Logf("seeds %d to %d", first, first+uint64(normal)-1)
	return first, normal
}

// crashTester commits from several writers, crashes, and compares what comes back with what was acknowledged, over several
// lives of one file system.
type crashTester struct {
	t       *testing.T
	rng     *rand.Rand
	percent int // of unsynced data that survives
	fs      *vfs.MemFS
	durable map[LSN]uint64
	commit  uint64 // numbers commits
}

// crashCommit makes the sections of commit n. Table 1 and 2 get different bytes, so that half records show.
func crashCommit(n uint64, size int) []Section {
	mark := binary.BigEndian.AppendUint64(nil, n)
	a := append(bytes.Clone(mark), payload(n, size)...)
	b := append(bytes.Clone(mark), payload(n+1<<40, size/2)...)
	return []Section{{Table: tableID(1), Payload: a}, {Table: tableID(2), Payload: b}}
}

func checkCrashRecord(r Record) (n uint64, err error) {
	if len(r.Sections) != 2 || r.Sections[0].Err != nil || r.Sections[1].Err != nil {
		return 0, fmt.Errorf("record %d: %d sections, errors %v", r.LSN, len(r.Sections), r.Sections)
	}
	a := r.Sections[0].Payload
	n = binary.BigEndian.Uint64(a)
	for i, want := range crashCommit(n, len(a)-8) {
		if !bytes.Equal(r.Sections[i].Payload, want.Payload) || r.Sections[i].Table != want.Table {
			return n, fmt.Errorf("record %d section %d is not that of commit %d", r.LSN, i, n)
		}
	}
	return n, nil
}

// life opens, checks, commits from several writers, crashes in the middle and keeps the crashed file system.
func (c *crashTester) life(o Options) {
	o.FS = c.fs
	j, err := Open(o)
	if err != nil {
		c.t.Fatalf("false alarm on opening: %v", err)
	}
	c.check(j)
	var mu sync.Mutex
	acked := map[LSN]uint64{}
	var crashed *vfs.MemFS
	stopAt := c.rng.Uint64N(120)
	var total atomic.Uint64
	var wg sync.WaitGroup
	writers, seed := 1+c.rng.IntN(6), c.rng.Uint64()
	for w := range writers {
		rng := rand.New(rand.NewPCG(seed, uint64(w)))
		wg.Go(func() {
			for {
				n := atomic.AddUint64(&c.commit, 1)
				lsn, err := j.Commit(crashCommit(n, rng.IntN(1+rng.IntN(12000))))
				if err != nil {
					c.t.Errorf("commit: %v", err)
					return
				}
				mu.Lock()
				if crashed == nil {
					acked[lsn] = n
				}
				done := crashed != nil
				mu.Unlock()
				if done {
					return
				}
				switch k := total.Add(1); {
				case k == stopAt+1:
					// Under mu: what is acknowledged by now must survive, and others are in the middle of their commits.
					mu.Lock()
					crashed = c.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: c.percent, RNG: c.rng})
					mu.Unlock()
				case k%17 == 0:
					if err := j.Release(lsn/2, nil); err != nil {
						c.t.Errorf("release: %v", err)
					}
				}
			}
		})
	}
	wg.Wait()
	mustClose(c.t, j)
	for lsn, n := range acked {
		c.durable[lsn] = n
	}
	c.fs = crashed
}

// check replays and compares. Released records may come back or not.
func (c *crashTester) check(j *Journal) {
	var first, next LSN
	got := map[LSN]uint64{}
	err := j.Replay(func(r Record) error {
		if first == 0 {
			first, next = r.LSN, r.LSN
		}
		if r.LSN != next {
			return fmt.Errorf("record %d after %d", r.LSN, next-1)
		}
		next++
		n, err := checkCrashRecord(r)
		got[r.LSN] = n
		return err
	})
	if err != nil {
		c.t.Fatalf("replay: %v", err)
	}
	released := j.Stats().Released
	for lsn, n := range c.durable {
		if seen, ok := got[lsn]; ok && seen != n {
			c.t.Fatalf("record %d is commit %d, not %d", lsn, seen, n)
		} else if !ok && lsn > released {
			c.t.Fatalf("acknowledged record %d (commit %d) is lost; released %d, replayed %d to %d", lsn, n, released, first, next-1)
		}
	}
	for lsn, n := range got {
		c.durable[lsn] = n // what was replayed once must never go away
	}
}

func TestNothingAcknowledgedIsLostInACrash(t *testing.T) {
	first, n := crashSeeds(t, 6)
	for _, percent := range []int{0, 50, 100} {
		t.Run(fmt.Sprintf("unsynced%d", percent), func(t *testing.T) {
			for seed := first; seed < first+uint64(n); seed++ {
				c := crashTester{t: t, rng: rand.New(rand.NewPCG(seed, uint64(percent))), percent: percent,
					fs: vfs.NewCrashableMem(), durable: map[LSN]uint64{}}
				o := testOptions(nil)
				o.Dir = "journal"
				for range 5 {
					c.life(o)
					if t.Failed() {
						t.Fatalf("seed %d", seed)
					}
				}
			}
		})
	}
}

// TestTornGroupIsAllOrNothing cuts the last write between any of its sectors: the rest keeps what was there before.
func TestTornGroupIsAllOrNothing(t *testing.T) {
	o := testOptions(vfs.NewMem())
	j, _ := mustOpen(t, o)
	for n := range uint64(3) {
		if _, err := j.Commit(crashCommit(n, 900)); err != nil {
			t.Fatal(err)
		}
	}
	path, at := o.FS.PathJoin(o.Dir, j.files.segments[0].name), j.writer.pos
	before := readFile(t, o.FS, path)
	if _, err := j.Commit(crashCommit(3, 5000)); err != nil {
		t.Fatal(err)
	}
	after, mark := readFile(t, o.FS, path), readFile(t, o.FS, HighWaterPath(o.FS, o.Dir))
	end := j.writer.pos
	mustClose(t, j)
	rng := rand.New(rand.NewPCG(1, 1))
	for range 400 {
		torn := bytes.Clone(before)
		from, to := alignSector(at+rng.Int64N(end-at)), alignSector(at+rng.Int64N(end-at))
		switch rng.IntN(3) {
		case 0:
			copy(torn[at:to], after[at:to])
		case 1:
			copy(torn[from:end], after[from:end])
		case 2:
			copy(torn[min(from, to):max(from, to)], after[min(from, to):max(from, to)])
		}
		same := bytes.Equal(torn[:end], after[:end])
		all := mustReplayCopy(t, o, path, torn, mark)
		if want := 3 + btoi(same); len(all) != want {
			t.Fatalf("torn at %d/%d: %d records, want %d", from, to, len(all), want)
		}
		for _, r := range all {
			if _, err := checkCrashRecord(Record{r.lsn, r.sections}); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// TestTornGroupWithoutTheKeyIsNotHalfApplied regresses the case where only the bytes of a locked table are torn: without its
// key nothing but the checksum can tell, and the other table's half must not be applied alone.
func TestTornGroupWithoutTheKeyIsNotHalfApplied(t *testing.T) {
	o := testOptions(vfs.NewMem())
	j, _ := mustOpen(t, o)
	mustCommit(t, j, text(1, "a"), text(2, "b"))
	at := j.writer.pos
	mustCommit(t, j, text(1, "c"), Section{Table: tableID(2), Payload: payload(2, 2000)})
	path := o.FS.PathJoin(o.Dir, j.files.segments[0].name)
	image, mark := readFile(t, o.FS, path), readFile(t, o.FS, HighWaterPath(o.FS, o.Dir))
	mustClose(t, j)
	flipped := bytes.Clone(image)
	flipped[at+1000] ^= 1
	clear(image[at+sectorSize : at+2*sectorSize])
	o.Keys.(*keyring).lock(tableID(2), errors.New("disabled"))
	if all := mustReplayCopy(t, o, path, image, mark); len(all) != 1 {
		t.Fatalf("%d records", len(all))
	}
	// A disk does not tear within a sector: this one was written whole, and is damaged.
	all := mustReplayCopy(t, o, path, flipped, mark)
	var c *storage.CorruptError
	if len(all) != 2 || all[1].sections[0].Err != nil || !errors.As(all[1].sections[1].Err, &c) {
		t.Fatalf("%d records, %v", len(all), all)
	}
}

// mustReplayCopy replays a journal of one segment and a high-water mark with the given bytes.
func mustReplayCopy(t *testing.T, o Options, path string, image, mark []byte) []replayed {
	t.Helper()
	o.FS = copyFS(t, map[string][]byte{path: image, HighWaterPath(o.FS, o.Dir): mark}, o.Dir)
	j, all := mustOpen(t, o)
	mustClose(t, j)
	return all
}

func readFile(t testing.TB, fs vfs.FS, path string) []byte {
	t.Helper()
	f, err := fs.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	st, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, st.Size())
	if _, err := f.ReadAt(b, 0); err != nil {
		t.Fatal(err)
	}
	return b
}

func copyFS(t testing.TB, files map[string][]byte, dir string) vfs.FS {
	t.Helper()
	fs := vfs.NewMem()
	if err := fs.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for path, b := range files {
		f, err := fs.Create(path, diskCategory)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(bytes.Clone(b)); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return fs
}
