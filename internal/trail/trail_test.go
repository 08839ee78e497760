package trail

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/clock"
	"github.com/sealtable/sealtable/internal/service"
	"github.com/sealtable/sealtable/internal/storage"
	"github.com/sealtable/sealtable/internal/storage/embedded/sealedfs"
	"github.com/sealtable/sealtable/internal/storage/storagetest"
)

// owned are the keys of one owner, as sealedfs wants them.
type owned struct {
	*storagetest.Keys
	id storage.TableID
}

func (k owned) Current() (storage.Epoch, error) { return k.Keys.Current(k.id) }

func (k owned) Key(epoch storage.Epoch, key *[storage.KeySize]byte) error {
	return k.Keys.Key(k.id, epoch, key)
}

func sealed(base vfs.FS) vfs.FS {
	id := storage.System(9)
	return sealedfs.New(base, id, owned{storagetest.NewKeys(), id})
}

// weakFS breaks when it is told to: a write then writes half of what it was given, a sync syncs nothing.
type weakFS struct {
	vfs.FS
	breakWrites, breakSyncs, breakCreates atomic.Bool
}

type weakFile struct {
	vfs.File
	fs *weakFS
}

var errWeak = errors.New("the disk is broken")

func (f *weakFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if f.breakCreates.Load() {
		return nil, errWeak
	}
	file, err := f.FS.Create(name, category)
	return &weakFile{file, f}, err
}

func (f *weakFile) Write(p []byte) (int, error) {
	if !f.fs.breakWrites.Load() {
		n, err := f.File.Write(p)
		clear(p) // as the contract of vfs.File allows
		return n, err
	}
	n, _ := f.File.Write(p[:len(p)/2])
	return n, errWeak
}

func (f *weakFile) Sync() error {
	if f.fs.breakSyncs.Load() {
		return errWeak
	}
	return f.File.Sync()
}

// opened gives a trail that is flushed only when the test says so.
func opened(t testing.TB, fs vfs.FS, log io.Writer) *Trail {
	t.Helper()
	c := clock.New()
	t.Cleanup(c.Close)
	trail, err := open(Options{FS: fs, Dir: "trail", Clock: c, Log: slog.New(slog.NewTextHandler(log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	close(trail.stopped)
	return trail
}

func caller(request string) *auth.Caller {
	return &auth.Caller{Type: auth.IAMUser, Account: "123456789012",
		ARN: "arn:aws:iam::123456789012:user/alice", Region: "us-east-1",
		RequestID: request}
}

// permitted makes a record one of a call that was.
func permitted(r service.Record) service.Record {
	r.Needs.Add(auth.Need{Action: r.Service + ":" + r.Operation, Resource: "*"})
	r.Needs.Grant()
	return r
}

func call(request string) service.Record {
	return permitted(service.Record{Service: "dynamodb", Operation: "PutItem", Caller: caller(request),
		Needs: new(auth.Needs)})
}

// lines reads a trail back. Half a block at the end of a file is left out.
func lines(t *testing.T, fs vfs.FS) []string { return seriesLines(t, fs, "trail") }

func seriesLines(t *testing.T, fs vfs.FS, series string) []string {
	t.Helper()
	names, err := Files(fs, "trail", series)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, name := range names {
		content, err := readFile(fs, "trail/"+name)
		if err != nil {
			t.Fatal(err)
		}
		scanner, err := NewScanner(bytes.NewReader(content))
		if err != nil {
			t.Fatal(err)
		}
		for block, err := scanner.Next(); err != io.EOF; block, err = scanner.Next() {
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			for line := range strings.Lines(string(block)) {
				if !json.Valid([]byte(line)) {
					t.Errorf("%s: not JSON: %s", name, line)
				}
				all = append(all, line)
			}
		}
		scanner.Close()
	}
	return all
}

// requests are the request ids in a trail, each once, sorted; copies of a record must be copies.
func requests(t *testing.T, fs vfs.FS) []string {
	t.Helper()
	byEvent, ids := map[string]string{}, map[string]bool{}
	for _, line := range lines(t, fs) {
		var r struct{ EventID, RequestID string }
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		if earlier, ok := byEvent[r.EventID]; ok && earlier != line {
			t.Errorf("two records have the id %s", r.EventID)
		}
		byEvent[r.EventID], ids[r.RequestID] = line, true
	}
	if len(byEvent) != len(ids) {
		t.Errorf("%d events for %d requests: a record was made anew", len(byEvent), len(ids))
	}
	var sorted []string
	for id := range ids {
		sorted = append(sorted, id)
	}
	slices.Sort(sorted)
	return sorted
}

func TestNothingIsLost(t *testing.T) {
	base := vfs.NewMem()
	fs := sealed(base)
	c := clock.New()
	defer c.Close()
	trail, err := Open(Options{FS: fs, Dir: "trail", Clock: c, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	const workers, each = 8, 400
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := range each {
				r := call(fmt.Sprintf("%d-%d", w, i))
				r.Needs.Note("tableName", "CanaryOrders")
				trail.Record(r)
			}
		})
	}
	wg.Wait()
	if err := trail.Close(); err != nil {
		t.Fatal(err)
	}
	if err := trail.Close(); err != nil {
		t.Errorf("closing twice: %v", err)
	}
	if got := len(lines(t, fs)); got != workers*each {
		t.Errorf("%d records, want %d", got, workers*each)
	}
	if got := len(requests(t, fs)); got != workers*each {
		t.Errorf("%d requests, want %d", got, workers*each)
	}
	checkNoCanary(t, base)
}

// checkNoCanary reads every file as a thief of the disk would (P1).
func checkNoCanary(t *testing.T, base vfs.FS) {
	t.Helper()
	names, err := base.List("trail")
	if err != nil || len(names) == 0 {
		t.Fatalf("no files (%v)", err)
	}
	for _, name := range names {
		file, err := base.Open("trail/" + name)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := io.ReadAll(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, word := range []string{"CanaryOrders", "alice", "eventVersion", "123456789012"} {
			if bytes.Contains(raw, []byte(word)) {
				t.Errorf("%s holds %q in the clear", name, word)
			}
		}
	}
}

func TestFilesRotate(t *testing.T) {
	fs := vfs.NewMem()
	trail := opened(t, fs, io.Discard)
	trail.series[data].fileLimit, trail.series[data].files = 1, 3
	for i := range 7 {
		trail.Record(call(fmt.Sprint(i)))
		if err := trail.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	if err := trail.Close(); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(requests(t, fs)); got != "[4 5 6]" {
		t.Errorf("kept %s, want the last three files", got)
	}
	again := opened(t, fs, io.Discard)
	again.Record(call("8"))
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
	numbers, _ := fileNumbers(fs, "trail", "trail")
	if fmt.Sprint(numbers) != "[5 6 7 8]" {
		t.Errorf("files %v: a new trail must not touch old files but the oldest", numbers)
	}
}

func TestFlushedIsDurable(t *testing.T) {
	base := vfs.NewCrashableMem()
	trail := opened(t, sealed(base), io.Discard)
	trail.Record(call("kept"))
	if err := trail.Flush(); err != nil {
		t.Fatal(err)
	}
	trail.Record(call("in memory"))
	after := sealed(base.CrashClone(vfs.CrashCloneCfg{}))
	if got := fmt.Sprint(requests(t, after)); got != "[kept]" {
		t.Errorf("after the crash: %s", got)
	}
}

func TestBrokenDisks(t *testing.T) {
	for name, broken := range map[string]func(*weakFS) *atomic.Bool{
		"writes":  func(fs *weakFS) *atomic.Bool { return &fs.breakWrites },
		"syncs":   func(fs *weakFS) *atomic.Bool { return &fs.breakSyncs },
		"creates": func(fs *weakFS) *atomic.Bool { return &fs.breakCreates },
	} {
		for _, seal := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s sealed=%t", name, seal), func(t *testing.T) {
				weak := &weakFS{FS: vfs.NewMem()}
				fs := vfs.FS(weak)
				if seal {
					fs = sealed(weak)
				}
				trail := opened(t, fs, io.Discard)
				trail.series[data].fileLimit = 1 // so that each flush begins a file
				trail.Record(call("1"))
				if err := trail.Flush(); err != nil {
					t.Fatal(err)
				}
				broken(weak).Store(true)
				for _, id := range []string{"2", "3", "4"} {
					trail.Record(call(id))
					if err := trail.Flush(); !errors.Is(err, errWeak) {
						t.Fatalf("flushing to a broken disk: %v", err)
					}
				}
				broken(weak).Store(false)
				trail.Record(call("5"))
				if err := trail.Close(); err != nil {
					t.Fatal(err)
				}
				if got := fmt.Sprint(requests(t, fs)); got != "[1 2 3 4 5]" {
					t.Errorf("after the disk was mended: %s", got)
				}
			})
		}
	}
}

func TestCallsWaitWhileTheTrailIsFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		weak := &weakFS{FS: vfs.NewMem()}
		trail := opened(t, weak, io.Discard)
		trail.series[data].limit = 0 // one record in a shard is full
		weak.breakWrites.Store(true)
		record := func(from, to int) *atomic.Int32 {
			done := new(atomic.Int32)
			for i := from; i < to; i++ {
				go func() {
					trail.Record(call(fmt.Sprintf("%02d", i)))
					done.Add(1)
				}()
			}
			synctest.Wait()
			return done
		}
		first := record(0, shardCount)
		if first.Load() != shardCount {
			t.Fatalf("%d of the first records went in", first.Load())
		}
		if err := trail.Flush(); err == nil {
			t.Fatal("the disk is broken, but Flush says nothing")
		}
		second := record(shardCount, 2*shardCount) // what was taken made room
		third := record(2*shardCount, 3*shardCount)
		for range 3 {
			if err := trail.Flush(); err == nil {
				t.Fatal("the disk is broken, but Flush says nothing")
			}
			synctest.Wait()
		}
		if second.Load() != shardCount || third.Load() != 0 {
			t.Fatalf("%d and %d records went into a trail that cannot be written", second.Load(),
				third.Load())
		}
		weak.breakWrites.Store(false)
		if err := trail.Flush(); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if third.Load() != shardCount {
			t.Errorf("%d of %d callers went on when there was room", third.Load(), shardCount)
		}
		if err := trail.Close(); err != nil {
			t.Fatal(err)
		}
		if got := len(requests(t, weak)); got != 3*shardCount {
			t.Errorf("%d records, want %d", got, 3*shardCount)
		}
	})
}

func TestCloseLetsWaitingCallersIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fs := vfs.NewMem()
		var log bytes.Buffer
		trail := opened(t, fs, &log)
		trail.series[data].limit = 0
		for i := range 3 * shardCount {
			go trail.Record(call(fmt.Sprint(i)))
		}
		synctest.Wait()
		if err := trail.Close(); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if got := len(requests(t, fs)); got != 3*shardCount {
			t.Errorf("%d records, want %d", got, 3*shardCount)
		}
		trail.Record(call("late"))
		if !strings.Contains(log.String(), "not recorded") {
			t.Error("a record that came too late was lost in silence")
		}
	})
}

func TestCloseSaysWhatIsLost(t *testing.T) {
	weak := &weakFS{FS: vfs.NewMem()}
	trail := opened(t, weak, io.Discard)
	weak.breakSyncs.Store(true)
	trail.Record(call("1"))
	for range 2 {
		if err := trail.Close(); !errors.Is(err, errWeak) ||
			!strings.Contains(err.Error(), "bytes of the trail are lost") {
			t.Errorf("%v", err)
		}
	}
}

// TestStrayFiles checks that a directory with other files in it is no obstacle, and that none of them is
// removed.
func TestStrayFiles(t *testing.T) {
	fs := vfs.NewMem()
	if err := fs.MkdirAll("trail", 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"trail-0000000009", "trail-x.zst", "0000000009.zst", "notes"} {
		file, err := fs.Create("trail/"+name, vfs.WriteCategoryUnspecified)
		if err != nil {
			t.Fatal(err)
		}
		file.Close()
	}
	trail := opened(t, fs, io.Discard)
	trail.series[data].files = 1
	trail.Record(call("1"))
	if err := trail.Close(); err != nil {
		t.Fatal(err)
	}
	names, _ := fs.List("trail")
	if len(names) != 5 || !slices.Contains(names, "trail-0000000001.zst") {
		t.Errorf("%v", names)
	}
}
