package journal

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"go.uber.org/goleak"

	"github.com/sealtable/sealtable/internal/storage"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// keyring is a source of data keys whose tables can be locked.
type keyring struct {
	mu      sync.Mutex
	epochs  map[storage.TableID]storage.Epoch
	locked  map[storage.TableID]error
	lookups int
}

func newKeyring() *keyring {
	return &keyring{epochs: map[storage.TableID]storage.Epoch{}, locked: map[storage.TableID]error{}}
}

func (k *keyring) Current(id storage.TableID) (storage.Epoch, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return max(k.epochs[id], 1), k.locked[id]
}

func (k *keyring) Key(id storage.TableID, epoch storage.Epoch, key *[storage.KeySize]byte) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.lookups++
	for i := range key {
		key[i] = id[i%16] ^ byte(epoch) ^ byte(7*i)
	}
	return k.locked[id]
}

func (k *keyring) lock(id storage.TableID, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.locked[id] = err
	if err == nil {
		delete(k.locked, id)
	}
}

func tableID(n int) storage.TableID { return storage.TableID{byte(n), 0xa0, 15: byte(n)} }

const testSegment = 64 << 10

func testOptions(fs vfs.FS) Options {
	return Options{FS: fs, Dir: "data/journal", Keys: newKeyring(), FrameKey: [32]byte{1, 2, 3}, SegmentBytes: testSegment}
}

// replayed is one record as Replay gave it, copied.
type replayed struct {
	lsn      LSN
	sections []Section
}

func collect(into *[]replayed) func(Record) error {
	return func(r Record) error {
		c := replayed{lsn: r.LSN}
		for _, s := range r.Sections {
			s.Payload, s.Sealed = bytes.Clone(s.Payload), bytes.Clone(s.Sealed)
			c.sections = append(c.sections, s)
		}
		*into = append(*into, c)
		return nil
	}
}

// reopen opens and replays a journal.
func reopen(o Options) (*Journal, []replayed, error) {
	j, err := Open(o)
	if err != nil {
		return nil, nil, err
	}
	var all []replayed
	if err := j.Replay(collect(&all)); err != nil {
		_ = j.Close()
		return nil, all, err
	}
	return j, all, nil
}

func mustOpen(t testing.TB, o Options) (*Journal, []replayed) {
	t.Helper()
	j, all, err := reopen(o)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	return j, all
}

func mustCommit(t testing.TB, j *Journal, sections ...Section) LSN {
	t.Helper()
	lsn, err := j.Commit(sections)
	if err != nil {
		t.Fatalf("commit: %v", err)
	}
	return lsn
}

func mustClose(t testing.TB, j *Journal) {
	t.Helper()
	if err := j.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
}

func text(table int, s string) Section { return Section{Table: tableID(table), Payload: []byte(s)} }

// payload makes bytes that tell which commit they belong to.
func payload(seed uint64, n int) []byte {
	rng := rand.New(rand.NewPCG(seed, 9))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}

func TestRecordsComeBackOnceAndInOrder(t *testing.T) {
	o := testOptions(vfs.NewMem())
	j, all := mustOpen(t, o)
	if len(all) != 0 {
		t.Fatalf("a new journal replays %d records", len(all))
	}
	var want []string
	for round := range 4 {
		for i := range 150 {
			s := fmt.Sprintf("round %d commit %d %s", round, i, payload(uint64(i), i*7))
			lsn := mustCommit(t, j, text(1, s), text(2, "x"+s), Section{Table: storage.System(1)})
			want = append(want, s)
			if int(lsn) != len(want) {
				t.Fatalf("commit %d has LSN %d", len(want), lsn)
			}
		}
		mustClose(t, j)
		j, all = mustOpen(t, o)
		compareRecords(t, all, want)
	}
	if n := len(j.files.segments); n < 5 {
		t.Fatalf("only %d segments: the test rolls too little", n)
	}
	mustClose(t, j)
}

func compareRecords(t *testing.T, all []replayed, want []string) {
	t.Helper()
	if len(all) != len(want) {
		t.Fatalf("%d records replayed, want %d", len(all), len(want))
	}
	for i, r := range all {
		if int(r.lsn) != i+1 || len(r.sections) != 3 {
			t.Fatalf("record %d: LSN %d, %d sections", i, r.lsn, len(r.sections))
		}
		for k, table := range []storage.TableID{tableID(1), tableID(2), storage.System(1)} {
			s := r.sections[k]
			body := []string{want[i], "x" + want[i], ""}[k]
			if s.Table != table || s.Epoch != 1 || s.Err != nil || string(s.Payload) != body {
				t.Fatalf("record %d section %d: %v %d %v, %d bytes", i, k, s.Table, s.Epoch, s.Err, len(s.Payload))
			}
		}
	}
}

func TestEmptyRecordsAndNoSections(t *testing.T) {
	o := testOptions(vfs.NewMem())
	j, _ := mustOpen(t, o)
	mustCommit(t, j)
	mustCommit(t, j, text(1, ""))
	mustCommit(t, j)
	mustClose(t, j)
	j, all := mustOpen(t, o)
	defer mustClose(t, j)
	if len(all) != 3 || len(all[0].sections) != 0 || len(all[1].sections) != 1 || all[2].lsn != 3 {
		t.Fatalf("got %+v", all)
	}
}

func TestLargeRecordsGetASegmentToMeasure(t *testing.T) {
	o := testOptions(vfs.NewMem())
	j, _ := mustOpen(t, o)
	big := payload(3, 3*testSegment+17)
	mustCommit(t, j, text(1, "before"))
	mustCommit(t, j, Section{Table: tableID(1), Payload: big})
	mustCommit(t, j, text(1, "after"))
	mustClose(t, j)
	j, all := mustOpen(t, o)
	defer mustClose(t, j)
	if len(all) != 3 || !bytes.Equal(all[1].sections[0].Payload, big) || string(all[2].sections[0].Payload) != "after" {
		t.Fatalf("%d records", len(all))
	}
}

func TestUseOutOfTurn(t *testing.T) {
	o := testOptions(vfs.NewMem())
	j, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := j.Commit([]Section{text(1, "a")}); !errors.Is(err, ErrNotReplayed) {
		t.Fatalf("commit before replay: %v", err)
	}
	if err := j.Release(1, nil); !errors.Is(err, ErrNotReplayed) {
		t.Fatalf("release before replay: %v", err)
	}
	if err := j.Replay(collect(new([]replayed))); err != nil {
		t.Fatal(err)
	}
	if err := j.Replay(collect(new([]replayed))); err == nil {
		t.Fatal("a second replay ran")
	}
	mustClose(t, j)
	if _, err := j.Commit([]Section{text(1, "a")}); !errors.Is(err, ErrClosed) {
		t.Fatalf("commit after close: %v", err)
	}
	if err := j.Close(); !errors.Is(err, ErrClosed) {
		t.Fatalf("second close: %v", err)
	}
}

func TestConcurrentCommitsShareSyncs(t *testing.T) {
	o := testOptions(slowSync{vfs.NewMem()})
	j, _ := mustOpen(t, o)
	const writers, each = 64, 20
	lsns := make([][]LSN, writers)
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				lsn, err := j.Commit([]Section{text(w, fmt.Sprintf("%d/%d", w, i))})
				if err != nil {
					t.Errorf("commit: %v", err)
					return
				}
				lsns[w] = append(lsns[w], lsn)
			}
		})
	}
	wg.Wait()
	st := j.Stats()
	if st.Records != writers*each || st.Newest != writers*each || st.Syncs > st.Records/4 {
		t.Fatalf("stats %+v", st)
	}
	mustClose(t, j)
	j, all := mustOpen(t, o)
	defer mustClose(t, j)
	at := map[LSN]string{}
	for _, r := range all {
		at[r.lsn] = string(r.sections[0].Payload)
	}
	for w := range lsns {
		for i, lsn := range lsns[w] {
			if at[lsn] != fmt.Sprintf("%d/%d", w, i) {
				t.Fatalf("record %d is %q, not that of writer %d commit %d", lsn, at[lsn], w, i)
			}
		}
	}
}

// slowSync makes syncs last, so that commits meet.
type slowSync struct{ vfs.FS }

type slowFile struct{ vfs.File }

func (s slowSync) OpenReadWrite(name string, c vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	f, err := s.FS.OpenReadWrite(name, c, opts...)
	if err != nil {
		return nil, err
	}
	return slowFile{f}, nil
}

func (f slowFile) SyncData() error {
	time.Sleep(200 * time.Microsecond)
	return f.File.SyncData()
}

func TestReleaseReusesFilesAndIsRemembered(t *testing.T) {
	o := testOptions(vfs.NewMem())
	j, _ := mustOpen(t, o)
	var last LSN
	for i := range 300 {
		last = mustCommit(t, j, Section{Table: tableID(1), Payload: payload(uint64(i), 5000)})
		if i%20 == 19 {
			if err := j.Release(last-5, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	st := j.Stats()
	if st.SegmentBytes > 4*testSegment || st.SpareBytes > keepSpares*testSegment || st.Released != last-5 || st.Oldest > last-4 {
		t.Fatalf("stats %+v after record %d", st, last)
	}
	names, _ := o.FS.List(o.Dir)
	if len(names) > 4+keepSpares {
		t.Fatalf("files left: %v", names)
	}
	mustClose(t, j)
	j, all := mustOpen(t, o)
	defer mustClose(t, j)
	if all[0].lsn > last-4 || all[len(all)-1].lsn != last || len(all) != int(last-all[0].lsn)+1 {
		t.Fatalf("replayed %d to %d of %d", all[0].lsn, all[len(all)-1].lsn, last)
	}
}

func TestFlushedSkipsRecords(t *testing.T) {
	o := testOptions(vfs.NewMem())
	j, _ := mustOpen(t, o)
	for i := range 100 {
		mustCommit(t, j, Section{Table: tableID(1), Payload: payload(uint64(i), 4000)})
	}
	mustClose(t, j)
	o.Flushed, o.Highest = 70, 100
	j, all := mustOpen(t, o)
	defer mustClose(t, j)
	if len(all) != 30 || all[0].lsn != 71 {
		t.Fatalf("%d records from %d", len(all), all[0].lsn)
	}
}
