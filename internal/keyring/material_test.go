package keyring

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/sealtable/sealtable/internal/lockedmem"
)

// plainRoot stands in for the root key where bytes must not change from run to run: what it wraps is a tag of purpose and owner,
// and the bare key.
type plainRoot struct{ arena *lockedmem.Arena }

func (plainRoot) tag(purpose string, owner []byte) []byte {
	digest := sha256.Sum256(appendField(appendField(nil, purpose), string(owner)))
	return digest[:8]
}

func (r plainRoot) Wrap(purpose string, owner, plaintext []byte) ([]byte, error) {
	return append(r.tag(purpose, owner), plaintext...), nil
}

func (r plainRoot) Unwrap(purpose string, owner, wrapped []byte) (*lockedmem.Key, error) {
	key, ok := bytes.CutPrefix(wrapped, r.tag(purpose, owner))
	if !ok {
		return nil, errors.New("wrapped for something else")
	}
	return r.arena.FromBytes(bytes.Clone(key))
}

// TestGoldenMaterial holds the format of material files still.
func TestGoldenMaterial(t *testing.T) {
	arena := lockedmem.NewArena(nil)
	t.Cleanup(func() { _ = arena.Close() })
	datadriven.RunTest(t, "testdata/material", func(t *testing.T, d *datadriven.TestData) string {
		var id string
		d.ScanArgs(t, "id", &id)
		root := plainRoot{arena}
		file := &MaterialFile{KeyID: id, Spec: cmp.Or(Spec(arg(t, d, "spec")), Symmetric)}
		for i, line := range strings.Fields(d.Input) {
			created := time.Date(2026, 1, 2, 3, 4, 5+i, 0, time.UTC)
			version, err := file.wrap(root, unhex(t, line), created)
			must(t, err)
			file.Versions = append(file.Versions, version)
		}
		data, err := file.encode(root)
		must(t, err)
		back, err := ParseMaterial(data)
		must(t, err)
		must(t, back.Verify(root))
		if back.Spec != file.Spec {
			t.Errorf("it is read as %s", back.Spec)
		}
		return hex.Dump(data)
	})
}

func readAll(t testing.TB, w *world, path string) []byte {
	t.Helper()
	file, err := w.disk.Open(path)
	must(t, err)
	data, err := io.ReadAll(file)
	must(t, err)
	must(t, file.Close())
	return data
}

// TestEveryByteOfMaterialCounts changes each byte of a file, and cuts it at each length.
func TestEveryByteOfMaterialCounts(t *testing.T) {
	w := newWorld(t)
	key := w.newKey(t)
	must(t, w.RotateNow(context.Background(), key))
	data := readAll(t, w, "keys/"+key.ID())
	check := func(bad []byte) error {
		file, err := ParseMaterial(bad)
		if err != nil {
			return err
		}
		return file.Verify(w.root)
	}
	must(t, check(data))
	for i := range data {
		bad := bytes.Clone(data)
		bad[i] ^= 1
		if check(bad) == nil {
			t.Errorf("byte %d may be changed", i)
		}
		if check(data[:i]) == nil {
			t.Errorf("the file may be cut at %d", i)
		}
	}
	if check(append(bytes.Clone(data), 0)) == nil {
		t.Error("the file may be extended")
	}
	stranger := newRoot(t)
	if file, err := ParseMaterial(data); err != nil || file.Verify(stranger) == nil {
		t.Error("another root key opens it")
	}
}

// TestMaterialOfPairs: each byte of a pair's file counts as well, its spec among them, and it goes by its own format.
func TestMaterialOfPairs(t *testing.T) {
	w := newWorld(t)
	key := w.newKeyOf(t, "ECC_NIST_P256", SignVerify)
	data := readAll(t, w, "keys/"+key.ID())
	file, err := ParseMaterial(data)
	must(t, err)
	must(t, file.Verify(w.root))
	if data[len(materialMagic)] != specFormat || file.Spec != "ECC_NIST_P256" {
		t.Errorf("format %d of %s", data[len(materialMagic)], file.Spec)
	}
	for i := range data {
		bad := bytes.Clone(data)
		bad[i] ^= 1
		if file, err := ParseMaterial(bad); err == nil && file.Verify(w.root) == nil {
			t.Errorf("byte %d may be changed", i)
		}
	}
	stripped := bytes.Clone(data)
	stripped[len(materialMagic)] = materialFormat
	if file, err := ParseMaterial(stripped); err == nil && file.Verify(w.root) == nil {
		t.Error("it is read as a symmetric key's")
	}
	other := *file
	other.Spec = "ECC_NIST_P384"
	must(t, w.store.write(key.ID(), &other))
	file, err = w.store.read(key.ID())
	must(t, err)
	if file.Verify(w.root) == nil {
		t.Error("a private key is taken for one of another spec")
	}
}

// TestMaterialDoesNotMove: a version that is copied into another key's file is not that key's.
func TestMaterialDoesNotMove(t *testing.T) {
	w := newWorld(t)
	a, b := w.newKey(t), w.newKey(t)
	fileA, err := w.store.read(a.ID())
	must(t, err)
	fileB, err := w.store.read(b.ID())
	must(t, err)
	fileB.Versions = fileA.Versions
	must(t, w.store.write(b.ID(), fileB))
	fileB, err = w.store.read(b.ID())
	must(t, err)
	if fileB.Verify(w.root) == nil {
		t.Error("a version moved to another key")
	}
	if _, err := w.store.read("../" + a.ID()); err == nil {
		t.Error("a file was read under another name")
	}
}

func TestBareKeysAreNotOnDisk(t *testing.T) {
	w := newWorld(t)
	key := w.newKey(t)
	bare, err := w.bare(key.Metadata().backing[0])
	must(t, err)
	must(t, bare.With(func(b []byte) error {
		if bytes.Contains(readAll(t, w, "keys/"+key.ID()), b) || bytes.Contains(readAll(t, w, recordLogPath), b) {
			t.Error("a bare key is on the disk")
		}
		return nil
	}))
}

// TestOfflineDecrypt opens a ciphertext with nothing but the material file and the root key.
func TestOfflineDecrypt(t *testing.T) {
	w := newWorld(t)
	key := w.newKey(t)
	blob := w.encrypt(t, key, "found", Context{"a": "b"})
	must(t, w.RotateNow(context.Background(), key))
	file, err := ReadMaterialFile(w.disk, "keys/"+key.ID())
	must(t, err)
	plaintext, err := file.Decrypt(w.root, Context{"a": "b"}, blob)
	must(t, err)
	if string(plaintext) != "found" {
		t.Errorf("got %q", plaintext)
	}
	if _, err := file.Decrypt(w.root, nil, blob); err == nil {
		t.Error("it opened under another context")
	}
}

func TestRewrap(t *testing.T) {
	w := newWorld(t)
	key := w.newKey(t)
	blob := w.encrypt(t, key, "kept", nil)
	before := readAll(t, w, "keys/"+key.ID())
	must(t, w.root.root.Rotate())
	n, err := w.Rewrap(context.Background())
	must(t, err)
	if n != 1 || bytes.Equal(before, readAll(t, w, "keys/"+key.ID())) {
		t.Fatalf("%d keys were wrapped anew", n)
	}
	w.later(t, 0)
	found, err := w.KeyOf(east.Region, blob, nil)
	must(t, err)
	opened, err := w.Decrypt(found, blob, nil)
	must(t, err)
	if string(opened.Plaintext) != "kept" {
		t.Errorf("got %q", opened.Plaintext)
	}
}

func FuzzMaterial(f *testing.F) {
	w := newWorld(f)
	key := w.newKey(f)
	data := readAll(f, w, "keys/"+key.ID())
	f.Add(data)
	f.Add([]byte{})
	f.Add([]byte(materialMagic))
	f.Add(append([]byte(materialMagic), materialFormat, 255))
	f.Fuzz(func(t *testing.T, bad []byte) {
		file, err := ParseMaterial(bad)
		if err == nil && file.Verify(w.root) == nil && !bytes.Equal(bad, data) {
			t.Fatal("a forged file passed")
		}
	})
}

func FuzzGrantToken(f *testing.F) {
	w := newWorld(f)
	key := w.newKey(f)
	_, token, err := w.CreateGrant(context.Background(), key, Grant{Grantee: "a", Operations: []Operation{"Decrypt"}})
	must(f, err)
	f.Add(token)
	f.Add("AAAA")
	f.Fuzz(func(t *testing.T, token string) {
		if _, _, err := w.GrantOf(token); err != nil && KindOf(err) != BadGrantToken {
			t.Fatalf("got %v", err)
		}
	})
}
