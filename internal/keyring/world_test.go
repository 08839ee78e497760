package keyring

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/sealtable/sealtable/internal/clock"
	"github.com/sealtable/sealtable/internal/lockedmem"
	"github.com/sealtable/sealtable/internal/seal"
)

// sealRoot lets the real root key serve as a RootKey, as the composition root does.
type sealRoot struct{ root *seal.Root }

func (r sealRoot) Wrap(purpose string, owner, plaintext []byte) ([]byte, error) {
	return r.root.Wrap(seal.Purpose(purpose), owner, plaintext)
}

func (r sealRoot) Unwrap(purpose string, owner, record []byte) (*lockedmem.Key, error) {
	return r.root.Unwrap(seal.Purpose(purpose), owner, record)
}

// newRoot is a root key of its own, sealed by a file.
func newRoot(t testing.TB) sealRoot {
	t.Helper()
	root, err := seal.Create(t.TempDir()+"/config", seal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = root.Close() })
	return sealRoot{root}
}

// recordLog keeps records in a file of the same disk as the material, one synced line a batch, so that a crash takes both back to
// the same moment.
type recordLog struct {
	fs   vfs.FS
	mu   sync.Mutex
	fail error // what Write answers instead of writing
}

const recordLogPath = "records.jsonl"

func (l *recordLog) batches() ([][]Change, error) {
	file, err := l.fs.Open(recordLogPath)
	if err != nil {
		return nil, nil
	}
	defer func() { _ = file.Close() }()
	data, err := io.ReadAll(file)
	if err != nil {
		return nil, err
	}
	var all [][]Change
	for line := range strings.Lines(string(data)) {
		var batch []Change
		if !strings.HasSuffix(line, "\n") || json.Unmarshal([]byte(line), &batch) != nil {
			break // torn by a crash
		}
		all = append(all, batch)
	}
	return all, nil
}

func (l *recordLog) state() (map[string][]byte, error) {
	batches, err := l.batches()
	state := map[string][]byte{}
	for _, batch := range batches {
		for _, c := range batch {
			if c.Data == nil {
				delete(state, c.Name)
			} else {
				state[c.Name] = c.Data
			}
		}
	}
	return state, err
}

func (l *recordLog) Load(_ context.Context, f func(string, []byte) error) error {
	state, err := l.state()
	for name, data := range state {
		if err == nil {
			err = f(name, data)
		}
	}
	return err
}

func (l *recordLog) Write(_ context.Context, changes ...Change) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fail != nil {
		return l.fail
	}
	line, err := json.Marshal(changes)
	if err != nil {
		return err
	}
	var old []byte
	if file, err := l.fs.Open(recordLogPath); err == nil {
		old, _ = io.ReadAll(file)
		_ = file.Close()
	}
	return l.append(int64(len(old)), append(line, '\n'))
}

func (l *recordLog) append(at int64, line []byte) error {
	file, err := l.fs.OpenReadWrite(recordLogPath, diskCategory)
	if err != nil {
		return err
	}
	if _, err = file.WriteAt(line, at); err == nil {
		err = file.Sync()
	}
	_ = file.Close()
	dir, dirErr := l.fs.OpenDir("")
	if dirErr == nil {
		dirErr = dir.Sync()
		_ = dir.Close()
	}
	return errors.Join(err, dirErr)
}

// world is a keyring with what it stands on.
type world struct {
	*Keyring
	disk       *vfs.MemFS
	records    *recordLog
	root       sealRoot
	clock      *clock.Clock
	arena      *lockedmem.Arena
	log        *bytes.Buffer
	transition time.Duration
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{disk: vfs.NewCrashableMem(), root: newRoot(t)}
	w.open(t)
	return w
}

// open opens a keyring on the world's disk, with a clock that starts now.
func (w *world) open(t testing.TB) {
	t.Helper()
	w.clock = clock.New()
	w.arena = lockedmem.NewArena(nil)
	w.log = new(bytes.Buffer)
	w.records = &recordLog{fs: w.disk}
	k, err := Open(context.Background(), w.settings())
	if err != nil {
		t.Fatal(err)
	}
	w.Keyring = k
	c, a := w.clock, w.arena
	t.Cleanup(func() {
		c.Close()
		_ = k.Close()
		_ = a.Close()
	})
}

func (w *world) settings() Config {
	return Config{
		FS: w.disk, Dir: "keys", Root: w.root, Records: w.records, Clock: w.clock, Arena: w.arena,
		Transition: w.transition, Log: slog.New(slog.NewTextHandler(w.log, nil)),
	}
}

// later reopens the world in the same state, some time later.
func (w *world) later(t testing.TB, d time.Duration) {
	t.Helper()
	w.clock.Close()
	if err := w.Keyring.Close(); err != nil {
		t.Fatal(err)
	}
	w.clock, w.arena = clock.New(), lockedmem.NewArena(nil)
	w.clock.Advance(d)
	k, err := Open(context.Background(), w.settings())
	if err != nil {
		t.Fatal(err)
	}
	w.Keyring = k
	c, a := w.clock, w.arena
	t.Cleanup(func() {
		c.Close()
		_ = a.Close()
	})
}

var east = Scope{Account: "111122223333", Region: "us-east-1"}

func (w *world) newKey(t testing.TB) *Key {
	t.Helper()
	key, err := w.Create(context.Background(), NewKey{Scope: east})
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (w *world) encrypt(t testing.TB, key *Key, text string, context Context) []byte {
	t.Helper()
	sealed, err := w.Encrypt(key, []byte(text), context)
	if err != nil {
		t.Fatal(err)
	}
	return sealed.Blob
}

func wantKind(t testing.TB, err error, want Kind) {
	t.Helper()
	if KindOf(err) != want {
		t.Fatalf("got %v, want an error of kind %q", err, want)
	}
}

func must(t interface {
	Helper()
	Fatal(...any)
}, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
