package e2e

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
)

// canaries are random bytes, one for each place where data of a table can be, that must appear nowhere on the disk.
type canaries struct {
	mu     sync.Mutex
	places map[string][]byte
}

// plant makes a canary for a place and gives it in hexadecimal digits, as text.
func (c *canaries) plant(place string) string { return hex.EncodeToString(c.bytes(place)) }

func (c *canaries) bytes(place string) []byte {
	b := make([]byte, 32)
	rand.Read(b)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.places[place] = b
	return b
}

// forms are how a canary may have been written down: raw, in hexadecimal digits, and in base64 at each of its three alignments.
func forms(canary []byte) map[string][]byte {
	upper := bytes.ToUpper([]byte(hex.EncodeToString(canary)))
	out := map[string][]byte{"raw": canary, "hex": []byte(hex.EncodeToString(canary)), "HEX": upper}
	for name, text := range map[string][]byte{"raw": canary, "hex": out["hex"]} {
		for shift := range 3 {
			encoded := base64.StdEncoding.EncodeToString(append(make([]byte, shift), text...))
			// The first and the last symbols depend on what is beside the canary.
			out[fmt.Sprintf("base64 of %s, shifted by %d", name, shift)] = []byte(encoded[4 : len(encoded)-4])
		}
	}
	return out
}

// A finder looks for many needles in one pass: they are found by their first two bytes.
type finder [1 << 16][]needle

type needle struct {
	what  string
	bytes []byte
}

func (c *canaries) finder() *finder {
	f := &finder{}
	for place, canary := range c.places {
		for form, bytes := range forms(canary) {
			begin := uint16(bytes[0])<<8 | uint16(bytes[1])
			f[begin] = append(f[begin], needle{place + " (" + form + ")", bytes})
		}
	}
	return f
}

// find names what is in the content.
func (f *finder) find(content []byte) (found []string) {
	for i := 0; i+1 < len(content); i++ {
		for _, n := range f[uint16(content[i])<<8|uint16(content[i+1])] {
			if bytes.HasPrefix(content[i:], n.bytes) {
				found = append(found, n.what)
			}
		}
	}
	return found
}

// scan looks for every form of every canary in every file below the directories, in the names of the files, and in the log.
func (c *canaries) scan(t *testing.T, log string, dirs ...string) (files int, size int64) {
	t.Helper()
	f := c.finder()
	look := func(name string, content []byte) {
		files, size = files+1, size+int64(len(content))
		for _, what := range append(f.find(content), f.find([]byte(name))...) {
			t.Errorf("%s shows the %s in the clear", name, what)
		}
	}
	look("the log", []byte(log))
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || !entry.Type().IsRegular() {
				return err
			}
			content, err := os.ReadFile(path)
			look(path, content)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return files, size
}

// TestScanFinds shows that the scan finds what it looks for: a test that cannot fail proves nothing.
func TestScanFinds(t *testing.T) {
	c := &canaries{places: map[string][]byte{}}
	canary, noise := c.bytes("value"), make([]byte, 1000)
	rand.Read(noise)
	written := map[string][]byte{"raw": canary, "hex": []byte(hex.EncodeToString(canary)), "HEX": bytes.ToUpper([]byte(hex.EncodeToString(canary)))}
	for shift := range 3 {
		text := append(append(bytes.Clone(noise[:shift]), canary...), noise[:9]...)
		written[fmt.Sprintf("base64 at %d", shift)] = []byte(base64.StdEncoding.EncodeToString(text))
	}
	for name, text := range written {
		if found := c.finder().find(append(append(bytes.Clone(noise), text...), noise...)); len(found) != 1 {
			t.Errorf("a canary in %s is found as %v", name, found)
		}
	}
	if found := c.finder().find(noise); len(found) != 0 {
		t.Errorf("in noise there is %v", found)
	}
}

// canaryBulk is how many bytes of filler each table gets: several times what fits in its first memtables, so that files are
// written and merged.
const canaryBulk = 48 << 20

// plantTable makes a table under a kind of key with canaries in every place.
func plantTable(t *testing.T, r *raw, c *canaries, kind string, sse m) (table string) {
	t.Helper()
	table, attribute := c.plant(kind+" table name"), c.plant(kind+" attribute name")
	in := m{"TableName": table, "BillingMode": "PAY_PER_REQUEST",
		"AttributeDefinitions": []m{{"AttributeName": "pk", "AttributeType": "S"}, {"AttributeName": "sk", "AttributeType": "B"}},
		"KeySchema":            []m{{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}}}
	if sse != nil {
		in["SSESpecification"] = sse
	}
	r.call(t, "dynamodb.CreateTable", in)
	pk, sk := c.plant(kind+" partition key"), c.bytes(kind+" sort key")
	text, raw := c.plant(kind+" value"), c.bytes(kind+" binary value")
	const itemSize = 300 << 10
	count := canaryBulk / itemSize
	var next atomic.Int64
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			for i := next.Add(1); i <= int64(count); i = next.Add(1) {
				// Filler that compresses well would hide nothing and cost nothing: it is random.
				filler := make([]byte, itemSize)
				rand.Read(filler)
				item := m{"pk": m{"S": pk}, "sk": m{"B": append(bytes.Clone(sk), byte(i), byte(i>>8))}, attribute: m{"S": text},
					"raw": m{"B": raw}, "filler": m{"B": filler}}
				got, err := r.do(context.Background(), "dynamodb.PutItem", m{"TableName": table, "Item": item})
				if err != nil || got.Status != 200 {
					t.Errorf("put: %d %s: %s %v", got.Status, got.Code, got.Message, err)
					return
				}
			}
		})
	}
	wait.Wait()
	return table
}

// TestCanaries plants canaries in each place of tables under each kind of key, and looks for them on the disk (P1): after an
// orderly end, after kill -9, and after the restart that follows it.
func TestCanaries(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*testing.T, *server){
		"stopped": func(t *testing.T, s *server) { s.stop(t) },
		"killed":  func(_ *testing.T, s *server) { s.kill() },
	} {
		t.Run(name, func(t *testing.T) {
			c := &canaries{places: map[string][]byte{}}
			s := startServe(t, t.TempDir())
			r := newRaw(s)
			var tables []string
			for kind, sse := range r.kindsOfKey(t) {
				tables = append(tables, plantTable(t, r, c, kind, sse))
				plantSpread(t, r, c, kind, sse)
			}
			end(t, s)
			scanInstallation(t, c, s)
			inspectInstallation(t, s)
			if name == "stopped" {
				checkTrail(t, c, s)
			}
			s = startServe(t, s.home)
			r = newRaw(s)
			for _, table := range tables {
				if got := r.call(t, "dynamodb.Scan", m{"TableName": table, "Limit": 1}); got["Count"] != float64(1) {
					t.Errorf("the canaries themselves are gone: %v", got["Count"])
				}
			}
			r.call(t, "dynamodb.DeleteTable", m{"TableName": tables[0]})
			end(t, s)
			scanInstallation(t, c, s)
		})
	}
}

func scanInstallation(t *testing.T, c *canaries, s *server) {
	t.Helper()
	files, size := c.scan(t, s.log.String(), s.data(), s.config(), s.tmp())
	sorted, _ := filepath.Glob(filepath.Join(s.data(), "tables", "*", "pebble", "*.sst"))
	if len(sorted) < 3 || size < canaryBulk {
		t.Errorf("only %d sorted files among %d files of %d bytes: there was no flush to be looked at", len(sorted), files, size)
	}
	t.Logf("%d canaries, %d files, %d of them sorted tables, %d MB: none found", len(c.places), files, len(sorted), size>>20)
}

// inspectInstallation lets the binary account for every file, with and without the root key.
func inspectInstallation(t *testing.T, s *server) {
	t.Helper()
	if out, code := run(t, "inspect", s.data(), "--config", s.config()); code != 0 {
		t.Errorf("inspect: exit code %d\n%s", code, out)
	}
	if out, code := run(t, "inspect", s.data(), "--config", t.TempDir()); code != 5 {
		t.Errorf("inspect without the root key: exit code %d\n%s", code, out)
	}
}
