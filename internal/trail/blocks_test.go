package trail

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// all reads blocks until they end.
func all(src io.Reader) (string, error) {
	scanner, err := NewScanner(src)
	if err != nil {
		return "", err
	}
	defer scanner.Close()
	var lines []byte
	for {
		block, err := scanner.Next()
		if errors.Is(err, io.EOF) {
			return string(lines), nil
		}
		if err != nil {
			return string(lines), err
		}
		lines = append(lines, block...)
	}
}

// TestBlocksComeBack packs lines of any length in pieces of any size, and reads them back a byte at a time;
// cut anywhere, whole blocks and nothing else come back.
func TestBlocksComeBack(t *testing.T) {
	encoder, err := newEncoder()
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOf(rapid.StringMatching(`[a-z]{0,40}\n`)).Draw(t, "lines"), "")
		limit := rapid.IntRange(1, 100).Draw(t, "limit")
		var file []byte
		ends := map[int]string{0: ""}
		for lines, rest := cutLines([]byte(text), limit); len(lines) > 0; lines, rest = cutLines(rest,
			limit) {
			if !bytes.HasSuffix(lines, []byte("\n")) || len(lines) > limit &&
				bytes.Count(lines, []byte("\n")) > 1 {
				t.Fatalf("a piece of %d at a limit of %d: %q", len(lines), limit, lines)
			}
			file = appendBlock(file, encoder, lines)
			ends[len(file)] = text[:len(text)-len(rest)]
		}
		cut := rapid.IntRange(0, len(file)).Draw(t, "cut")
		whole := wholeBlocks(file[:cut])
		want, ok := ends[whole]
		if !ok {
			t.Fatalf("cut at %d, %d bytes are said to be whole blocks", cut, whole)
		}
		got, err := all(iotest.OneByteReader(bytes.NewReader(file[:cut])))
		if err != nil || got != want {
			t.Fatalf("%q (%v), want %q", got, err, want)
		}
		if got, err := all(bytes.NewReader(file)); err != nil || got != text {
			t.Fatalf("%q (%v), want %q", got, err, text)
		}
	})
}

// TestGoldenBlock opens the worked example of docs/format/trail.md. What a compressor makes of the same lines
// may change.
func TestGoldenBlock(t *testing.T) {
	raw, err := hex.DecodeString("00000011" + "28b52ffd" + "2008" + "410000" + "7b2261223a317d0a")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := all(bytes.NewReader(raw)); err != nil || got != `{"a":1}`+"\n" {
		t.Errorf("%q %v", got, err)
	}
}

func FuzzScanner(f *testing.F) {
	encoder, err := newEncoder()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(appendBlock(nil, encoder, []byte("{}\n")))
	f.Add([]byte{0, 0, 0, 1, 0xff, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, file []byte) {
		if lines, err := all(bytes.NewReader(file)); err != nil && !errors.Is(err, ErrNoBlock) {
			t.Fatalf("%q %v", lines, err)
		}
		if n := wholeBlocks(file); n > len(file) {
			t.Fatal(n)
		}
	})
}

// TestRecordsAreSmall holds the bound that docs/decision/0007 counts with: a busy server's records take at
// most a fifth.
func TestRecordsAreSmall(t *testing.T) {
	base := vfs.NewMem()
	trail := opened(t, base, io.Discard)
	for n := range 400 {
		sum := sha256.Sum256([]byte{byte(n), byte(n >> 8)}) // a request's id does not compress
		r := call(hex.EncodeToString(sum[:16]))
		r.Needs.Note("tableName", "orders")
		trail.Record(r)
	}
	if err := trail.Close(); err != nil {
		t.Fatal(err)
	}
	file, err := readFile(base, "trail/trail-0000000001.zst")
	if err != nil {
		t.Fatal(err)
	}
	plain := 0
	for _, line := range lines(t, base) {
		plain += len(line)
	}
	if len(file)*5 > plain {
		t.Errorf("%d bytes of records take %d", plain, len(file))
	}
	t.Logf("%d bytes of records take %d", plain, len(file))
}
