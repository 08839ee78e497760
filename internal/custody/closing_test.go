package custody

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/clock"
	"github.com/sealtable/sealtable/internal/lockedmem"
	"github.com/sealtable/sealtable/internal/seal"
	"github.com/sealtable/sealtable/internal/storage"
	"github.com/sealtable/sealtable/internal/tablekeys"
)

const (
	keyA = "arn:aws:kms:us-east-1:123456789012:key/aaaaaaaa-0000-0000-0000-000000000000"
	keyB = "arn:aws:kms:us-east-1:123456789012:key/bbbbbbbb-0000-0000-0000-000000000000"
)

var errKeyDisabled = errors.New("the key is disabled")

// scriptedKeys is a key service whose keys can be switched off, and which a test can stop between answer and return.
type scriptedKeys struct {
	disabled map[string]bool
	asked    int
	answered func() // called with the answer in hand
}

func (k *scriptedKeys) Describe(context.Context, *auth.Caller, string) (Key, error) {
	return Key{}, errors.New("not asked")
}

func (k *scriptedKeys) Generate(
	_ context.Context, _ *auth.Caller, _ *Subject, key Key,
) (TableKey, error) {
	fill := byte(len(key.ARN)) + key.ARN[len("arn:aws:kms:us-east-1:123456789012:key/")]
	bare := bytes.Repeat([]byte{fill}, storage.KeySize)
	return TableKey{KeyARN: key.ARN, Plaintext: bare, Ciphertext: bytes.Clone(bare)}, k.Usable(context.Background(), key)
}

func (k *scriptedKeys) Decrypt(ctx context.Context, _ *auth.Caller, key Key, sealed []byte, _ map[string]string) ([]byte, error) {
	k.asked++
	if err := k.Usable(ctx, key); err != nil {
		return nil, err
	}
	if then := k.answered; then != nil {
		k.answered = nil
		then()
	}
	return bytes.Clone(sealed), nil
}

func (k *scriptedKeys) Release(context.Context, Key, storage.TableID) error { return nil }

func (k *scriptedKeys) Usable(_ context.Context, key Key) error {
	if k.disabled[key.ARN] {
		return errKeyDisabled
	}
	return nil
}

func (k *scriptedKeys) Granted(context.Context, *Subject, Key) error { return nil }

func (k *scriptedKeys) Holdings() []Holding { return nil }

func (k *scriptedKeys) Owned(context.Context, string, string) (Key, error) {
	return Key{}, errors.New("not asked")
}

func (k *scriptedKeys) Managed(context.Context, string, string) (Key, error) {
	return Key{}, errors.New("not asked")
}

// wakingStore is a store that somebody uses at the worst moment: while it is told to close a table, another call wakes it.
type wakingStore struct {
	ring  *tablekeys.Ring
	awake map[storage.TableID]bool
}

func (s *wakingStore) wake(id storage.TableID) {
	if s.ring.Key(id, 1, new([storage.KeySize]byte)) == nil {
		s.awake[id] = true
	}
}

func (s *wakingStore) SealTable(ctx context.Context, id storage.TableID) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	delete(s.awake, id)
	s.wake(id)
	return nil
}

type fixedInstallation struct{ arena *lockedmem.Arena }

func (i fixedInstallation) InstallationKey(seal.Purpose) (*lockedmem.Key, error) {
	return i.arena.FromBytes(bytes.Repeat([]byte{7}, 32))
}

// scene is a custody with one table under keyA that is open.
type scene struct {
	*Custody
	keys  *scriptedKeys
	store *wakingStore
	disk  *vfs.MemFS
	table Subject
	alice *auth.Caller
}

func newScene(t *testing.T) *scene {
	t.Helper()
	s := &scene{
		keys: &scriptedKeys{disabled: map[string]bool{}}, disk: vfs.NewMem(),
		alice: &auth.Caller{Account: "123456789012", ARN: "arn:aws:iam::123456789012:user/alice", AccessKeyID: "AKIAALICE"},
		table: Subject{ID: storage.TableID{1, 2, 3}, Account: "123456789012", Region: "us-east-1", Name: "orders",
			Key: Key{Kind: CustomerManaged, ARN: keyA}},
	}
	s.restart(t)
	if err := s.Create(t.Context(), s.alice, s.table); err != nil {
		t.Fatal(err)
	}
	return s
}

// restart begins anew with what is on the disk.
func (s *scene) restart(t *testing.T) {
	t.Helper()
	arena, log := lockedmem.NewArena(nil), slog.New(slog.NewTextHandler(io.Discard, nil))
	ring, err := tablekeys.New(s.disk, "data", fixedInstallation{arena}, arena, log)
	if err != nil {
		t.Fatal(err)
	}
	s.store = &wakingStore{ring: ring, awake: map[storage.TableID]bool{}}
	s.Custody = New(Options{Keys: s.keys, Ring: ring, Store: s.store, Clock: clock.New(), Lifetime: 5 * time.Minute, Log: log})
	t.Cleanup(func() { _ = ring.Close() })
}

func (s *scene) use(t *testing.T) error { return s.Use(t.Context(), s.alice, s.table) }

// A call that was admitted before could wake the table again between the closing of its files and the zeroing of its keys, and
// the store kept the keys for good.
func TestClosingLeavesNoMomentToWakeTheTable(t *testing.T) {
	s := newScene(t)
	if err := s.use(t); err != nil {
		t.Fatal(err)
	}
	s.store.wake(s.table.ID)
	s.keys.disabled[keyA] = true
	s.Close(t.Context(), s.table.ID)
	if s.o.Ring.Unlocked(s.table.ID) || s.store.awake[s.table.ID] {
		t.Error("the table is open after it was closed")
	}
}

// The files of a table stayed open, and its keys in the store, when the context of the closing call had ended.
func TestClosingOutlivesItsCaller(t *testing.T) {
	s := newScene(t)
	s.store.wake(s.table.ID)
	ended, end := context.WithCancel(t.Context())
	end()
	s.Close(ended, s.table.ID)
	if s.o.Ring.Unlocked(s.table.ID) || s.store.awake[s.table.ID] {
		t.Error("the table is open after it was closed")
	}
}

// An answer of the key service from before a table was closed opened the table again after it.
func TestAnswerFromBeforeAClosingOpensNothing(t *testing.T) {
	s := newScene(t)
	s.o.Ring.Lock(s.table.ID)
	s.keys.answered = func() {
		s.keys.disabled[keyA] = true
		s.Close(t.Context(), s.table.ID)
	}
	if err := s.use(t); !errors.Is(err, errKeyDisabled) {
		t.Errorf("the caller was told %v", err)
	}
	if s.o.Ring.Unlocked(s.table.ID) {
		t.Error("the table was opened by an answer from before it was closed")
	}
	s.keys.disabled[keyA] = false
	asked := s.keys.asked
	if err := s.use(t); err != nil || s.keys.asked == asked {
		t.Errorf("a caller who was refused got through without being asked for: %v", err)
	}
}

// Who was let through under the old key stayed admitted under the new one without being asked for.
func TestAnswerFromBeforeAChangeOfKeyAdmitsNobody(t *testing.T) {
	s := newScene(t)
	changed := s.table
	changed.Key.ARN = keyB
	bob := &auth.Caller{Account: "123456789012", ARN: "arn:aws:iam::123456789012:user/bob", AccessKeyID: "AKIABOB"}
	s.keys.answered = func() {
		if err := s.Change(t.Context(), bob, s.table, changed.Key, func() error { return nil }); err != nil {
			t.Error(err)
		}
		s.keys.disabled[keyB] = true
	}
	if err := s.use(t); !errors.Is(err, ErrStale) {
		t.Errorf("the caller was told %v", err)
	}
	if err := s.Use(t.Context(), s.alice, changed); !errors.Is(err, errKeyDisabled) {
		t.Errorf("by the new description the caller was told %v", err)
	}
	if s.isAdmitted(s.alice, &changed) {
		t.Error("an answer of the old key admits to the new one")
	}
}

// Two sessions of one name have one ARN, but their session policies may differ.
func TestSessionsOfOneNameAreAskedForApart(t *testing.T) {
	s := newScene(t)
	if err := s.use(t); err != nil {
		t.Fatal(err)
	}
	other := *s.alice
	other.AccessKeyID = "ASIAOTHER"
	asked := s.keys.asked
	if err := s.Use(t.Context(), &other, s.table); err != nil || s.keys.asked != asked+1 {
		t.Errorf("another session was let through by the answer for the first: %v", err)
	}
}

// The time that the key service took, and waiting for others, was added to the life of its answer.
func TestAnswersLiveFromWhenTheyWereAskedFor(t *testing.T) {
	s := newScene(t)
	s.keys.answered = func() { s.o.Clock.Advance(4 * time.Minute) }
	if err := s.use(t); err != nil {
		t.Fatal(err)
	}
	s.o.Clock.Advance(2 * time.Minute)
	if s.isAdmitted(s.alice, &s.table) {
		t.Error("an answer counts longer than its lifetime")
	}
}

// A keys file from before a change of key put the table back under the old key.
func TestKeysFileFromBeforeAChangeOfKeyIsFound(t *testing.T) {
	s := newScene(t)
	path := s.disk.PathJoin("data", "tables", s.table.ID.String(), "keys")
	old := readAll(t, s.disk, path)
	changed := s.table
	changed.Key.ARN = keyB
	if err := s.Change(t.Context(), s.alice, s.table, changed.Key, func() error { return nil }); err != nil {
		t.Fatal(err)
	}
	writeAll(t, s.disk, path, old)
	s.restart(t)
	if err := s.Reconcile(t.Context(), []Subject{changed}); err != nil {
		t.Fatal(err)
	}
	asked := s.keys.asked
	var corrupt *storage.CorruptError
	if err := s.Use(t.Context(), s.alice, changed); !errors.As(err, &corrupt) || s.keys.asked != asked {
		t.Errorf("a table with an old keys file was opened, or refused as %v", err)
	}
}

func readAll(t *testing.T, fs vfs.FS, path string) []byte {
	t.Helper()
	f, err := fs.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(f)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	return content
}

func writeAll(t *testing.T, fs vfs.FS, path string, content []byte) {
	t.Helper()
	f, err := fs.Create(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.Write(content)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		t.Fatal(err)
	}
}
