package custody

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/sealtable/sealtable/internal/attribute"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/catalog"
	"github.com/sealtable/sealtable/internal/clock"
	"github.com/sealtable/sealtable/internal/engine"
	"github.com/sealtable/sealtable/internal/lockedmem"
	"github.com/sealtable/sealtable/internal/storage"
	"github.com/sealtable/sealtable/internal/storage/embedded"
	"github.com/sealtable/sealtable/internal/tablekeys"
)

// registry is a small key service with an authoriser: keys that seal under a context, can be disabled, and can be shut to callers.
// It outlives the houses that use it.
type registry struct {
	mu       sync.Mutex
	sealing  map[string]cipher.AEAD
	disabled map[string]bool
	banned   map[string]bool // key and caller
	grants   map[string]int  // key and table
	asked    int
}

var (
	errNotAllowed = errors.New("the caller may not use the key")
	errNotGranted = errors.New("the database may not use the key")
)

func newRegistry() *registry {
	r := &registry{sealing: map[string]cipher.AEAD{}, disabled: map[string]bool{}, banned: map[string]bool{}, grants: map[string]int{}}
	for _, arn := range []string{keyA, keyB} {
		block, err := aes.NewCipher([]byte(arn)[len(arn)-32:])
		if err != nil {
			panic(err)
		}
		if r.sealing[arn], err = cipher.NewGCMWithRandomNonce(block); err != nil {
			panic(err)
		}
	}
	return r
}

// asItIs is the same registry at this moment, which changes on its own from now on.
func (r *registry) asItIs() *registry {
	r.mu.Lock()
	defer r.mu.Unlock()
	return &registry{sealing: r.sealing, disabled: maps.Clone(r.disabled), banned: maps.Clone(r.banned), grants: maps.Clone(r.grants)}
}

func (r *registry) disable(arn string, disabled bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.disabled[arn] = disabled
}

func (r *registry) ban(arn string, caller *auth.Caller) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.banned[arn+caller.ARN] = true
}

func (r *registry) questions() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.asked
}

// admit holds r.mu.
func (r *registry) admit(caller *auth.Caller, key Key) error {
	r.asked++
	switch {
	case caller.Via != "dynamodb.us-east-1.amazonaws.com":
		return fmt.Errorf("asked through %q", caller.Via)
	case r.disabled[key.ARN]:
		return errKeyDisabled
	case r.banned[key.ARN+caller.ARN]:
		return errNotAllowed
	}
	return nil
}

func (r *registry) Describe(_ context.Context, caller *auth.Caller, keyID string) (Key, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := Key{Kind: CustomerManaged, ARN: keyID}
	return key, r.admit(caller, key)
}

func (r *registry) Generate(
	_ context.Context, caller *auth.Caller, s *Subject, key Key,
) (TableKey, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.admit(caller, key); err != nil {
		return TableKey{}, err
	}
	bare := make([]byte, storage.KeySize)
	rand.Read(bare)
	encryption := s.EncryptionContext()
	r.grants[key.ARN+s.ID.String()]++
	return TableKey{KeyARN: key.ARN, Plaintext: bare, Ciphertext: r.sealing[key.ARN].Seal(nil, nil, bare, fmt.Append(nil, encryption))}, nil
}

func (r *registry) Decrypt(
	_ context.Context, caller *auth.Caller, key Key, sealed []byte, encryption map[string]string,
) ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.admit(caller, key); err != nil {
		return nil, err
	}
	return r.sealing[key.ARN].Open(nil, nil, sealed, fmt.Append(nil, encryption))
}

func (r *registry) Release(_ context.Context, key Key, id storage.TableID) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.grants, key.ARN+id.String())
	return nil
}

func (r *registry) granted() map[string]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.grants)
}

func (r *registry) Usable(_ context.Context, key Key) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.disabled[key.ARN] {
		return errKeyDisabled
	}
	return nil
}

func (r *registry) Granted(_ context.Context, s *Subject, key Key) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.grants[key.ARN+s.ID.String()] == 0 {
		return errNotGranted
	}
	return nil
}

func (r *registry) Holdings() (held []Holding) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for of := range r.grants {
		h := Holding{KeyARN: of[:len(keyA)]}
		id, _ := hex.DecodeString(of[len(keyA):])
		copy(h.ID[:], id)
		held = append(held, h)
	}
	return held
}

// revoke takes the database's grants on a key away.
func (r *registry) revoke(arn string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	maps.DeleteFunc(r.grants, func(of string, _ int) bool { return strings.HasPrefix(of, arn) })
}

func (r *registry) Owned(context.Context, string, string) (Key, error) {
	return Key{Kind: AWSOwned, ARN: keyB}, nil
}

func (r *registry) Managed(context.Context, string, string) (Key, error) {
	return Key{Kind: AWSManaged, ARN: keyB}, nil
}

// house is custody with all that it works with: the real ring, store, catalog and engine, on a disk in memory.
type house struct {
	*Custody
	t      testing.TB
	fs     *vfs.MemFS
	keys   *registry
	arena  *lockedmem.Arena
	ring   *tablekeys.Ring
	store  *embedded.Store
	engine *engine.Engine
	clock  *clock.Clock
}

const lifetime = 5 * time.Minute

func newHouse(t testing.TB) *house {
	t.Helper()
	h := &house{t: t, fs: vfs.NewCrashableMem(), keys: newRegistry()}
	h.open()
	t.Cleanup(func() { h.close() })
	return h
}

func (h *house) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) open() {
	h.t.Helper()
	ctx, log := context.Background(), slog.New(slog.DiscardHandler)
	var err error
	h.must(h.fs.MkdirAll("data", 0o700))
	h.clock, h.arena = clock.New(), lockedmem.NewArena(nil)
	h.ring, err = tablekeys.New(h.fs, "data", fixedInstallation{h.arena}, h.arena, log)
	h.must(err)
	h.store, err = embedded.Open(embedded.Options{FS: h.fs, Dir: "data", Keys: h.ring, FrameKey: [32]byte{1}, Clock: h.clock})
	h.must(err)
	records, err := catalog.Open(ctx, h.store, 1, 1)
	h.must(err)
	h.Custody = New(Options{Keys: h.keys, Ring: h.ring, Store: h.store, Clock: h.clock, Lifetime: lifetime, Log: log})
	h.engine, err = engine.Open(ctx, engine.Options{Store: h.store, Records: records, Clock: h.clock, Log: log, DestroyKeys: h.Destroy})
	h.must(err)
	h.must(h.Reconcile(ctx, h.subjects()))
}

func (h *house) close() {
	h.must(h.store.Close())
	h.must(h.ring.Close())
	h.clock.Close()
	if left := h.arena.Stats().Keys; left != 0 {
		h.t.Errorf("%d keys are left in memory", left)
	}
	h.must(h.arena.Close())
}

func (h *house) restart() {
	h.t.Helper()
	h.close()
	h.open()
}

// after is the house as a loss of power at this moment leaves it, not opened yet.
func (h *house) after() *house {
	return &house{t: h.t, fs: h.fs.CrashClone(vfs.CrashCloneCfg{}), keys: h.keys.asItIs()}
}

func subjectOf(t *engine.Table) Subject {
	return Subject{ID: t.ID, Account: t.Name.Account, Region: t.Name.Region, Name: t.Name.Table,
		Key:      Key{Kind: KeyKind(t.Encryption.Key.Kind), ARN: t.Encryption.Key.ARN},
		Previous: Key{Kind: KeyKind(t.Encryption.Previous.Kind), ARN: t.Encryption.Previous.ARN}}
}

func engineKey(k Key) engine.Key { return engine.Key{Kind: engine.KeyKind(k.Kind), ARN: k.ARN} }

func (h *house) subjects() (subjects []Subject) {
	for _, t := range h.engine.AllTables() {
		subjects = append(subjects, subjectOf(t))
	}
	return subjects
}

func (h *house) claims() map[storage.TableID]Subject {
	claims := map[storage.TableID]Subject{}
	for _, s := range h.subjects() {
		claims[s.ID] = s
	}
	return claims
}

// sweep checks the table's key as the server's sweep does, and notes what has changed.
func (h *house) sweep(ctx context.Context) (accessible, changed bool) {
	h.t.Helper()
	was := h.table().Encryption.InaccessibleSince.IsZero()
	accessible = h.Check(ctx, subjectOf(h.table())) == nil
	if ctx.Err() != nil || accessible == was {
		return accessible, false
	}
	_, err := h.engine.UpdateTable(context.Background(), h.table().Name, func(next *engine.Table) error {
		next.Encryption.InaccessibleSince = time.Time{}
		if !accessible {
			next.Encryption.InaccessibleSince = h.clock.Now()
		}
		return nil
	})
	h.must(err)
	return accessible, true
}

// use is Use for a table as it is described.
func (h *house) use(caller *auth.Caller, t *engine.Table) error {
	return h.Use(context.Background(), caller, subjectOf(t))
}

func person(name string) *auth.Caller {
	return &auth.Caller{Account: "123456789012", ARN: "arn:aws:iam::123456789012:user/" + name, AccessKeyID: "AKIA" + name}
}

// create makes a table with one item.
func (h *house) create(key Key) *engine.Table {
	h.t.Helper()
	ctx := context.Background()
	t := &engine.Table{
		ID: storage.TableID{1, 2, 3}, Name: engine.Name{Account: "123456789012", Region: "us-east-1", Table: "Orders"},
		Key: engine.KeySchema{Hash: engine.KeyAttribute{Name: "h", Kind: attribute.S}}, Encryption: engine.Encryption{Key: engineKey(key)},
	}
	h.must(h.Create(ctx, person("alice"), subjectOf(t)))
	h.must(h.engine.CreateTable(ctx, t))
	h.must(h.use(person("alice"), t))
	_, err := h.engine.Put(ctx, t, named("a"), nil)
	h.must(err)
	return t
}

func named(hash string) attribute.Item {
	var b attribute.Builder
	b.Set("h", attribute.String(hash))
	return b.Item()
}

// table is the description as the engine has it now.
func (h *house) table() *engine.Table {
	h.t.Helper()
	t, err := h.engine.Table(engine.Name{Account: "123456789012", Region: "us-east-1", Table: "Orders"})
	h.must(err)
	return t
}

// read reads the item as a caller does.
func (h *house) read(caller *auth.Caller) error {
	t := h.table()
	if err := h.use(caller, t); err != nil {
		return err
	}
	return h.readWithoutAsking(t)
}

// readWithoutAsking is a way around custody that nobody has: the store itself must refuse.
func (h *house) readWithoutAsking(t *engine.Table) error {
	it, err := h.engine.Get(context.Background(), t, named("a"), nil)
	if err == nil && it == nil {
		return errors.New("the item is lost")
	}
	return err
}

// change puts the table under another key, as the service does; at is called before and after the description is written.
func (h *house) change(to Key, at func(when string)) error {
	ctx, t := context.Background(), h.table()
	return h.Change(ctx, person("alice"), subjectOf(t), to, func() error {
		at("prepared")
		_, err := h.engine.UpdateTable(ctx, t.Name, func(next *engine.Table) error {
			next.Encryption.Previous, next.Encryption.Key = next.Encryption.Key, engineKey(to)
			return nil
		})
		at("recorded")
		return err
	})
}
