package tablekeys

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/sealtable/sealtable/internal/lockedmem"
	"github.com/sealtable/sealtable/internal/seal/envelope"
	"github.com/sealtable/sealtable/internal/storage"
)

var update = flag.Bool("update", false, "write the golden files anew: only when a format gets a new version")

// counting is a source of randomness that counts, so that files come out the same each time.
type counting struct{ next byte }

func (c *counting) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = c.next
		c.next++
	}
	return len(b), nil
}

// put writes a keys file as somebody else may have left it.
func put(t testing.TB, r *Ring, id storage.TableID, content []byte) {
	t.Helper()
	if err := errors.Join(r.makeDir(id), writeFile(r.fs, r.path(id, keysName), bytes.Clone(content))); err != nil {
		t.Fatal(err)
	}
}

func content(t testing.TB, r *Ring, id storage.TableID) []byte {
	t.Helper()
	b, err := readFile(r.fs, r.path(id, keysName))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestEveryByteCounts(t *testing.T) {
	r := newRing(t, newDisk(t))
	create(t, r, tableA, oldARN)
	prepareRewrap(t, r, tableA)
	file := content(t, r, tableA)
	refuse := func(changed []byte) {
		t.Helper()
		_, err := decode(changed, r.catalog, tableA)
		if !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrVersion) {
			t.Errorf("a changed file: %v", err)
		}
	}
	for i := range file {
		for _, flip := range []byte{1, 0x80} {
			changed := bytes.Clone(file)
			changed[i] ^= flip
			refuse(changed)
		}
		refuse(file[:i])
	}
	refuse(append(bytes.Clone(file), 0))
}

// Damage is named, stays with its table, and does not unlock.
func TestDamageIsNamed(t *testing.T) {
	r, kms := newRing(t, newDisk(t)), &fakeKMS{}
	create(t, r, tableA, oldARN)
	create(t, r, tableB, oldARN)
	r.Lock(tableA)
	r.Lock(tableB)
	file := content(t, r, tableA)
	put(t, r, tableA, file[:len(file)/2])
	err := r.Unlock(t.Context(), tableA, kms.unwrap)
	wantErr(t, "torn file", err, ErrDamaged)
	var corrupt *storage.CorruptError
	if !errors.As(err, &corrupt) || corrupt.Table != tableA || corrupt.File != filepath.Join("tables", tableA.String(), "keys") {
		t.Errorf("the file is not named: %v", err)
	}
	if err := r.Unlock(t.Context(), tableB, kms.unwrap); err != nil {
		t.Errorf("the other table: %v", err)
	}
	put(t, r, tableA, make([]byte, maxFile+1))
	wantErr(t, "a huge file", r.Unlock(t.Context(), tableA, kms.unwrap), ErrDisk)
	put(t, r, tableA, nil)
	wantErr(t, "an empty file", r.Unlock(t.Context(), tableA, kms.unwrap), ErrDamaged)
}

func TestSwappedFilesAreRefused(t *testing.T) {
	r, kms := newRing(t, newDisk(t)), &fakeKMS{}
	create(t, r, tableA, oldARN)
	create(t, r, tableB, oldARN)
	r.Lock(tableA)
	moved := content(t, r, tableB)
	put(t, r, tableA, moved)
	wantErr(t, "another table's file", r.Unlock(t.Context(), tableA, kms.unwrap), ErrDamaged)
	copy(moved[9:25], tableA[:])
	put(t, r, tableA, moved)
	wantErr(t, "with its name changed", r.Unlock(t.Context(), tableA, kms.unwrap), ErrDamaged)

	arena := lockedmem.NewArena(nil)
	defer arena.Close()
	foreign, err := New(r.fs, dataDir, installation{arena, 0xCB}, arena, r.logger)
	if err != nil {
		t.Fatal(err)
	}
	defer foreign.Close()
	wantErr(t, "another installation", foreign.Unlock(t.Context(), tableB, kms.unwrap), ErrDamaged)
	newer := content(t, r, tableB)
	newer[8]++
	put(t, r, tableB, newer)
	r.Lock(tableB)
	wantErr(t, "a newer format", r.Unlock(t.Context(), tableB, kms.unwrap), ErrVersion)
}

// A wrapped data key opens only for its table and epoch, even to somebody who holds the catalog key and can forge files.
func TestDataKeysAreBound(t *testing.T) {
	r := newRing(t, newDisk(t))
	create(t, r, tableA, oldARN)
	if _, err := r.NewEpoch(t.Context(), tableA); err != nil {
		t.Fatal(err)
	}
	r.Lock(tableA)
	original := content(t, r, tableA)
	for what, c := range map[string]struct {
		id    storage.TableID
		forge func(*keysFile)
		want  error
	}{
		"nothing changed": {tableA, func(*keysFile) {}, nil},
		"another table":   {tableB, func(*keysFile) {}, ErrTableKey},
		"swapped epochs": {tableA, func(f *keysFile) {
			keys := f.current.keys
			keys[0].box, keys[1].box = keys[1].box, keys[0].box
		}, ErrTableKey},
		"another epoch":  {tableA, func(f *keysFile) { f.current.keys[1].epoch = 3 }, ErrTableKey},
		"a changed byte": {tableA, func(f *keysFile) { f.current.keys[0].box[40] ^= 1 }, ErrTableKey},
	} {
		f, err := decode(original, r.catalog, tableA)
		if err != nil {
			t.Fatal(err)
		}
		c.forge(f)
		forged, err := f.encode(rand.Reader, r.catalog, c.id)
		if err != nil {
			t.Fatal(err)
		}
		put(t, r, c.id, forged)
		if err := r.Unlock(t.Context(), c.id, (&fakeKMS{}).unwrap); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", what, err, c.want)
		}
		r.Lock(c.id)
	}
}

func drawLink(t *rapid.T, number uint32, epochs []storage.Epoch) link {
	l := link{number: number, chain: Chain{
		KeyARN:             rapid.StringN(1, 40, maxARN).Draw(t, "arn"),
		Context:            rapid.MapOfN(rapid.StringN(0, 20, 80), rapid.StringN(0, 20, 80), 0, 5).Draw(t, "context"),
		TableKeyCiphertext: rapid.SliceOfN(rapid.Byte(), 1, 300).Draw(t, "ciphertext"),
	}}
	for _, epoch := range epochs {
		k := wrappedKey{epoch: epoch}
		copy(k.box[:], rapid.SliceOfN(rapid.Byte(), wrappedSize, wrappedSize).Draw(t, "box"))
		l.keys = append(l.keys, k)
	}
	return l
}

func TestFileRoundTrip(t *testing.T) {
	r := newRing(t, newDisk(t))
	rapid.Check(t, func(t *rapid.T) {
		var epochs []storage.Epoch
		epoch := storage.Epoch(0)
		for range rapid.IntRange(1, 5).Draw(t, "epochs") {
			epoch += storage.Epoch(rapid.IntRange(1, 9).Draw(t, "gap"))
			epochs = append(epochs, epoch)
		}
		want := &keysFile{generation: rapid.Uint64().Draw(t, "generation"), last: 9, current: drawLink(t, 3, epochs)}
		if rapid.Bool().Draw(t, "pending") {
			prepared := drawLink(t, 9, epochs)
			want.prepared = &prepared
		}
		file, err := want.encode(rand.Reader, r.catalog, tableA)
		if err != nil {
			t.Fatal(err)
		}
		got, err := decode(file, r.catalog, tableA)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("got %+v, want %+v", got, want)
		}
	})
}

// FuzzBody reads bodies as if somebody who holds the catalog key had written them: nothing panics, and what is accepted is
// written back to the same bytes.
func FuzzBody(f *testing.F) {
	disk := newDisk(f)
	r := newRing(f, disk)
	create(f, r, tableA, oldARN)
	add := func() {
		body := content(f, r, tableA)[headerSize:]
		plain := make([]byte, envelope.PlainSize(body))
		head := content(f, r, tableA)[:headerSize]
		if err := envelope.Open(plain, r.catalog, envelope.Context{Label: fileLabel, Bound: head}, body); err != nil {
			f.Fatal(err)
		}
		f.Add(plain)
	}
	add()
	prepareRewrap(f, r, tableA)
	add()
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, body []byte) {
		var parsed keysFile
		if !parsed.read(body) {
			return
		}
		back := binary.BigEndian.AppendUint32(nil, parsed.last)
		if parsed.prepared == nil {
			back = parsed.current.append(append(back, 1, stateCurrent))
		} else {
			back = parsed.current.append(append(back, 2, stateCurrent))
			back = parsed.prepared.append(append(back, statePrepared))
		}
		if !bytes.Equal(back, body) {
			t.Error("a body has two forms")
		}
	})
}

// FuzzFile reads whole files, authentic or not.
func FuzzFile(f *testing.F) {
	r := newRing(f, newDisk(f))
	create(f, r, tableA, oldARN)
	f.Add(content(f, r, tableA))
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, file []byte) {
		_, err := decode(file, r.catalog, tableA)
		if err != nil && !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrVersion) {
			t.Errorf("got %v", err)
		}
	})
}

// What the worked example of docs/format/table-keys.md shows.
func TestGoldenFiles(t *testing.T) {
	r := newRing(t, newDisk(t))
	r.random = &counting{}
	create(t, r, tableA, oldARN)
	golden(t, "created.keys.hex", content(t, r, tableA))
	if _, err := r.NewEpoch(t.Context(), tableA); err != nil {
		t.Fatal(err)
	}
	prepareRewrap(t, r, tableA)
	golden(t, "pending.keys.hex", content(t, r, tableA))
	var all []byte
	keys := dataKeys(t, r, tableA)
	for epoch := range storage.Epoch(2) {
		key := keys[epoch+1]
		all = append(all, key[:]...)
	}
	golden(t, "pending.datakeys.hex", all)
	var system [32]byte
	if err := r.Key(storage.System(1), 1, &system); err != nil {
		t.Fatal(err)
	}
	golden(t, "system-1.datakey.hex", system[:])
}

// What was written by the first version can be read, under the old and the new table key.
func TestGoldenFilesOpen(t *testing.T) {
	r := newRing(t, newDisk(t))
	put(t, r, tableA, readGolden(t, "pending.keys.hex"))
	want := readGolden(t, "pending.datakeys.hex")
	for range 2 {
		if err := r.Unlock(t.Context(), tableA, (&fakeKMS{}).unwrap); err != nil {
			t.Fatal(err)
		}
		if got := dataKeys(t, r, tableA); !maps.Equal(got, map[storage.Epoch][32]byte{1: [32]byte(want), 2: [32]byte(want[32:])}) {
			t.Error("the data keys are others")
		}
		if err := r.CommitRewrap(t.Context(), tableA, 2); err != nil {
			t.Fatal(err)
		}
	}
}

// golden compares with a file of hexadecimal lines of 32 bytes.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	if *update {
		var text strings.Builder
		for rest := got; len(rest) > 0; {
			n := min(32, len(rest))
			text.WriteString(hex.EncodeToString(rest[:n]) + "\n")
			rest = rest[n:]
		}
		if err := os.WriteFile(filepath.Join("testdata", name), []byte(text.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(got, readGolden(t, name)) {
		t.Errorf("%s: the bytes are not those that earlier versions wrote", name)
	}
}

func readGolden(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	b, err := hex.DecodeString(strings.ReplaceAll(string(text), "\n", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}
