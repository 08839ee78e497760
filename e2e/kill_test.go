package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"
)

// How TestKill strains the server.
const (
	killTables  = 8
	killWriters = 64
)

// killRounds is 20, fewer with -short, and more in a soak.
func killRounds() int {
	switch {
	case os.Getenv("SEALTABLE_SOAK") != "":
		return 100
	case testing.Short():
		return 5
	}
	return 20
}

// seed is new with each run, is printed, and can be given by SEALTABLE_SEED.
func seed(t *testing.T) *rand.Rand {
	t.Helper()
	n, err := strconv.ParseUint(os.Getenv("SEALTABLE_SEED"), 10, 64)
	if err != nil {
		n = rand.Uint64()
	}
	t.Logf("seed: SEALTABLE_SEED=%d", n)
	return rand.New(rand.NewPCG(n, 0))
}

// A writer owns one item of each table, so that what may be there after a crash is known: the last version that was acknowledged,
// or the one that was under way.
type writer struct {
	number       int
	acknowledged [killTables]int
	attempted    [killTables]int
}

// TestKill ends the server with SIGKILL at random moments under load. Every write that was acknowledged is there afterwards (P3).
func TestKill(t *testing.T) {
	t.Parallel()
	random := seed(t)
	s := startServe(t, t.TempDir())
	r := newRaw(s)
	kinds := r.kindsOfKey(t)
	for i := range killTables {
		r.call(t, "dynamodb.CreateTable", tableInput(killTable(i), kinds[[]string{"owned", "managed", "customer"}[i%3]]))
	}
	writers := make([]*writer, killWriters)
	for i := range writers {
		writers[i] = &writer{number: i}
	}
	total := 0
	for round := range killRounds() {
		total += killOnce(t, s, writers, time.Duration(20+random.IntN(400))*time.Millisecond)
		started := time.Now()
		s = startServe(t, s.home)
		t.Logf("round %d: %d writes acknowledged so far, ready again after %s", round, total, time.Since(started).Round(time.Millisecond))
		checkWriters(t, newRaw(s), writers)
		if t.Failed() {
			return
		}
	}
	if total < killRounds()*killWriters {
		t.Errorf("only %d writes were acknowledged: nothing was strained", total)
	}
	s.stop(t)
	inspectInstallation(t, s)
}

func killTable(i int) string { return fmt.Sprintf("table-%d", i) }

// killOnce lets all writers write until the server is killed, and counts what was acknowledged.
func killOnce(t *testing.T, s *server, writers []*writer, after time.Duration) int {
	t.Helper()
	r := newRaw(s)
	counts := make([]int, len(writers))
	var wait sync.WaitGroup
	for i, w := range writers {
		wait.Go(func() { counts[i] = w.write(t, r) })
	}
	time.Sleep(after) // the moment of the kill is what is random here
	s.kill()
	wait.Wait()
	sum := 0
	for _, n := range counts {
		sum += n
	}
	return sum
}

// write writes ever newer versions until the server is gone.
func (w *writer) write(t *testing.T, r *raw) (acknowledged int) {
	for turn := w.number; ; turn++ {
		table := turn % killTables
		w.attempted[table]++
		item := w.item(w.attempted[table])
		got, err := r.do(context.Background(), "dynamodb.PutItem", m{"TableName": killTable(table), "Item": item})
		if err != nil {
			return acknowledged
		}
		if got.Status != 200 {
			t.Errorf("put: %d %s: %s", got.Status, got.Code, got.Message)
			return acknowledged
		}
		w.acknowledged[table] = w.attempted[table]
		acknowledged++
	}
}

func (w *writer) item(version int) m {
	// The padding depends on the version, so that half of one write and half of another would show.
	padding := make([]byte, 40+version*37%3000)
	for i := range padding {
		padding[i] = byte(version)
	}
	return m{"pk": attributeS(fmt.Sprintf("writer-%d", w.number)), "sk": attributeS("s"), "version": attributeN(strconv.Itoa(version)),
		"padding": m{"B": padding}}
}

// checkWriters reads every writer's items.
func checkWriters(t *testing.T, r *raw, writers []*writer) {
	t.Helper()
	var wait sync.WaitGroup
	for _, w := range writers {
		wait.Go(func() {
			for table := range killTables {
				w.check(t, r, table)
			}
		})
	}
	wait.Wait()
}

func (w *writer) check(t *testing.T, r *raw, table int) {
	key := m{"pk": attributeS(fmt.Sprintf("writer-%d", w.number)), "sk": attributeS("s")}
	got, err := r.do(context.Background(), "dynamodb.GetItem", m{"TableName": killTable(table), "Key": key, "ConsistentRead": true})
	if err != nil || got.Status != 200 {
		t.Errorf("get: %d %s: %s %v", got.Status, got.Code, got.Message, err)
		return
	}
	var out struct {
		Item struct {
			Version struct{ N string }
			Padding struct{ B []byte }
		}
	}
	if err := json.Unmarshal(got.Body, &out); err != nil {
		t.Error(err)
		return
	}
	version, _ := strconv.Atoi(out.Item.Version.N) // 0 when there is no item
	if version < w.acknowledged[table] || version > w.attempted[table] {
		t.Errorf("writer %d in table %d: version %d is there, %d was acknowledged, %d was under way", w.number, table, version,
			w.acknowledged[table], w.attempted[table])
		return
	}
	if version > 0 && len(out.Item.Padding.B) != 40+version*37%3000 {
		t.Errorf("writer %d in table %d: version %d has a padding of %d bytes", w.number, table, version, len(out.Item.Padding.B))
	}
	w.acknowledged[table], w.attempted[table] = version, version // from now on this one must stay
}
