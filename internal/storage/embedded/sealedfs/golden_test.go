package sealedfs

import (
	"bytes"
	"encoding/hex"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/sealtable/sealtable/internal/storage"
)

// update writes the golden vectors anew. Whoever does so changes the format: files of installations are not readable any more.

var update = flag.Bool("update-golden", false, "write testdata anew, which is a change of the format")

// fixedKey is the data key of the vectors: bytes 0 to 31, under epoch 3.
type fixedKey struct{}

func (fixedKey) Current() (storage.Epoch, error) { return 3, nil }

func (fixedKey) Key(_ storage.Epoch, key *[storage.KeySize]byte) error {
	for i := range key {
		key[i] = byte(i)
	}
	return nil
}

// goldenFS has the salt 0x40 to 0x5f and the owner 0x80 to 0x8f.
func goldenFS() (*FS, *vfs.MemFS) {
	var id storage.TableID
	salt := make([]byte, saltSize)
	for i := range salt {
		salt[i] = 0x40 + byte(i)
		id[i/2] = 0x80 + byte(i/2)
	}
	mem := vfs.NewMem()
	fs := New(mem, id, fixedKey{})
	fs.random = bytes.NewReader(salt)
	return fs, mem
}

// vectors name a file and the writes that make it, each followed by a Sync.
func vectors() map[string][]string {
	return map[string][]string{
		"000005.sst":      {"hello, segments"},
		"000006.blob":     {strings.Repeat("0123456789abcdef", segmentSize/16), "!"},
		"MANIFEST-000007": {"hello, ", "frames"},
	}
}

// TestGolden pins the bytes of the format: those written are the vectors, and the vectors can be read.
func TestGolden(t *testing.T) {
	for name, writes := range vectors() {
		fs, mem := goldenFS()
		file, err := fs.Create(name, "")
		must(t, err)
		for _, p := range writes {
			_, err := file.Write([]byte(p))
			must(t, err)
			must(t, file.Sync())
		}
		must(t, file.Close())
		path := "testdata/" + name + ".hex"
		if *update {
			must(t, os.WriteFile(path, []byte(lines(hex.EncodeToString(raw(t, mem, name)))), 0o644))
		}
		checkGolden(t, name, path, raw(t, mem, name), strings.Join(writes, ""))
	}
}

func checkGolden(t *testing.T, name, path string, written []byte, plain string) {
	t.Helper()
	text, err := os.ReadFile(path)
	must(t, err)
	golden, err := hex.DecodeString(strings.Join(strings.Fields(string(text)), ""))
	must(t, err)
	if !bytes.Equal(golden, written) {
		t.Errorf("%s: the format changed:\n%x\nwant\n%x", name, written, golden)
	}
	fs, mem := goldenFS()
	setRaw(t, mem, name, golden)
	if got, err := read(fs, name); err != nil || string(got) != plain {
		t.Errorf("%s: read %d bytes, %v", name, len(got), err)
	}
}

func lines(s string) string {
	var b strings.Builder
	for len(s) > 0 {
		n := min(64, len(s))
		b.WriteString(s[:n] + "\n")
		s = s[n:]
	}
	return b.String()
}
