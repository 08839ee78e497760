package tablekeys

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/sealtable/sealtable/internal/lockedmem"
	"github.com/sealtable/sealtable/internal/seal"
	"github.com/sealtable/sealtable/internal/storage"
)

const dataDir = "data"

var errDisabled = errors.New("the key is disabled")

// fakeKMS stands in for the key service, which this package does not know: a ciphertext is a digest of key and context and then
// the table key masked by it. It is deterministic, so that golden files can be made from it.
type fakeKMS struct {
	disabled map[string]bool
	calls    int
	answers  string // another ARN to answer with
}

func mask(arn string, encryption map[string]string) [32]byte {
	var text strings.Builder
	text.WriteString(arn)
	for _, key := range slices.Sorted(maps.Keys(encryption)) {
		text.WriteString("\x00" + key + "\x00" + encryption[key])
	}
	return sha256.Sum256([]byte(text.String()))
}

// generate makes a chain and the bare table key, which is 32 times fill.
func generate(arn, table string, fill byte) (Chain, []byte) {
	c := Chain{KeyARN: arn, Context: map[string]string{
		"aws:dynamodb:tableName": table, "aws:dynamodb:subscriberId": "123456789012"}}
	bare := bytes.Repeat([]byte{fill}, storage.KeySize)
	m := mask(arn, c.Context)
	c.TableKeyCiphertext = bytes.Clone(m[:])
	for i := range bare {
		c.TableKeyCiphertext = append(c.TableKeyCiphertext, bare[i]^m[i])
	}
	return c, bare
}

func (k *fakeKMS) unwrap(_ context.Context, arn string, encryption map[string]string, ciphertext []byte) ([]byte, string, error) {
	k.calls++
	m := mask(arn, encryption)
	if k.disabled[arn] || len(ciphertext) != 64 || !bytes.Equal(ciphertext[:32], m[:]) {
		return nil, "", errDisabled
	}
	bare := make([]byte, 32)
	for i := range bare {
		bare[i] = ciphertext[32+i] ^ m[i]
	}
	if k.answers != "" {
		arn = k.answers
	}
	return bare, arn, nil
}

// installation is a fixed catalog key in place of a keyring.
type installation struct {
	arena *lockedmem.Arena
	fill  byte
}

func (i installation) InstallationKey(p seal.Purpose) (*lockedmem.Key, error) {
	if p != seal.Catalog {
		return nil, errors.New("asked for another purpose")
	}
	return i.arena.FromBytes(bytes.Repeat([]byte{i.fill}, 32))
}

func newRing(t testing.TB, fs vfs.FS) *Ring {
	t.Helper()
	arena := lockedmem.NewArena(nil)
	ring, err := New(fs, dataDir, installation{arena, 0xCA}, arena, slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = ring.Close()
		if s := arena.Stats(); s.Keys != 0 {
			t.Errorf("%d keys are left in memory", s.Keys)
		}
		_ = arena.Close()
	})
	return ring
}

func newDisk(t testing.TB) *vfs.MemFS {
	t.Helper()
	disk := vfs.NewCrashableMem()
	if err := errors.Join(disk.MkdirAll(dataDir, 0o700), syncDir(disk, "")); err != nil {
		t.Fatal(err)
	}
	return disk
}

const (
	oldARN = "arn:aws:kms:eu-central-1:123456789012:key/old"
	newARN = "arn:aws:kms:eu-central-1:123456789012:key/new"
)

var tableA, tableB = storage.TableID{0: 0xAA, 15: 1}, storage.TableID{0: 0xBB, 15: 2}

func create(t testing.TB, r *Ring, id storage.TableID, arn string) {
	t.Helper()
	chain, bare := generate(arn, "Orders", 0x11)
	if err := r.Create(t.Context(), id, chain, bare); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(bare, make([]byte, 32)) {
		t.Error("Create left the table key in the caller's memory")
	}
}

func prepareRewrap(t testing.TB, r *Ring, id storage.TableID) uint32 {
	t.Helper()
	chain, bare := generate(newARN, "Orders", 0x22)
	number, err := r.PrepareRewrap(t.Context(), id, chain, bare)
	if err != nil {
		t.Fatal(err)
	}
	return number
}

// dataKeys copies all data keys out of an unlocked table.
func dataKeys(t testing.TB, r *Ring, id storage.TableID) map[storage.Epoch][32]byte {
	t.Helper()
	info, err := r.Describe(id)
	if err != nil {
		t.Fatal(err)
	}
	all := map[storage.Epoch][32]byte{}
	for _, epoch := range info.Epochs {
		var key [32]byte
		if err := r.Key(id, epoch, &key); err != nil {
			t.Fatal(err)
		}
		all[epoch] = key
	}
	return all
}

func wantErr(t testing.TB, what string, err, want error) {
	t.Helper()
	var known *Error
	if !errors.Is(err, want) || !errors.As(err, &known) {
		t.Errorf("%s: got %v, want %v", what, err, want)
	}
}
