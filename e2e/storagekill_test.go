package e2e

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/sealtable/sealtable/internal/storage"
	"github.com/sealtable/sealtable/internal/storage/embedded"
	"github.com/sealtable/sealtable/internal/storage/storagetest"
)

// storageChild names the directory of the store when this test binary runs as the child of TestKillTransactions.
const storageChild = "SEALTABLE_TEST_STORE"

// How TestKillTransactions strains the store: each writer adds one to its counter in every table, in one transaction.
const (
	storageTables  = 5
	storageWriters = 16
)

func openStore(dir string) (*embedded.Store, error) {
	return embedded.Open(embedded.Options{
		FS: vfs.Default, Dir: dir, Keys: storagetest.NewKeys(), FrameKey: [storage.KeySize]byte{1},
		MemTableBudget: 2 << 20, JournalBytes: 8 << 20, // small, so that tables are flushed and the journal cut
	})
}

func storageTable(n int) storage.TableID { return storage.TableID{0: 1, 15: byte(n)} }

func counterRow(writer, table int) storage.Row {
	return storage.Row{Table: storageTable(table), Partition: fmt.Appendf(nil, "writer-%d", writer)}
}

// counter is a writer's counter in one table; the padding makes it a row of some size.
func counter(value uint64) []byte {
	return append(binary.BigEndian.AppendUint64(nil, value), make([]byte, 50+value%2000)...)
}

// writeUntilKilled is the child: it prints each transaction that was acknowledged.
func writeUntilKilled(dir string) error {
	store, err := openStore(dir)
	if err != nil {
		return err
	}
	failed := make(chan error)
	for writer := range storageWriters {
		go func() {
			for {
				value, err := addOne(store, writer)
				if err != nil {
					failed <- err
					return
				}
				fmt.Printf("%d %d\n", writer, value) // one write(2) each: lines do not mix
			}
		}()
	}
	return <-failed
}

func addOne(store *embedded.Store, writer int) (value uint64, err error) {
	latches := make([]storage.Row, storageTables)
	for table := range latches {
		latches[table] = counterRow(writer, table)
	}
	err = store.Update(context.Background(), latches, func(tx storage.Tx) error {
		old, found, err := tx.Get(latches[0])
		if err != nil {
			return err
		}
		if value = 1; found {
			value = binary.BigEndian.Uint64(old) + 1
		}
		for _, row := range latches {
			if err := tx.Put(row, counter(value)); err != nil {
				return err
			}
		}
		return nil
	})
	return value, err
}

// TestKillTransactions kills a process in the middle of transactions over several tables. Afterwards each is there whole or not at
// all (P4), and those that were acknowledged are there (P3).
func TestKillTransactions(t *testing.T) {
	t.Parallel()
	random, dir := seed(t), t.TempDir()
	store, err := openStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	for table := range storageTables {
		if err := store.CreateTable(t.Context(), storageTable(table)); err != nil {
			t.Fatal(err)
		}
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	var acknowledged [storageWriters]uint64
	for range killRounds() {
		killChild(t, dir, random, &acknowledged)
		checkCounters(t, dir, &acknowledged)
		if t.Failed() {
			return
		}
	}
	t.Logf("acknowledged, by writer: %d", acknowledged)
}

// killChild runs a child until a random moment, and notes what it said.
func killChild(t *testing.T, dir string, random *rand.Rand, acknowledged *[storageWriters]uint64) {
	t.Helper()
	child := commandHere(os.Args[0])
	child.Env = append(os.Environ(), storageChild+"="+dir)
	said := &transcript{}
	child.Stderr = said
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	moment := time.Duration(random.IntN(300)) * time.Millisecond
	var once sync.Once
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		var writer int
		var value uint64
		// A line that the kill cut short can only name an older value.
		if n, _ := fmt.Sscanf(lines.Text(), "%d %d", &writer, &value); n != 2 {
			continue
		}
		acknowledged[writer] = max(acknowledged[writer], value)
		once.Do(func() { time.AfterFunc(moment, func() { _ = child.Process.Kill() }) })
	}
	_ = child.Wait() // it was killed
	if text := said.String(); text != "" {
		t.Errorf("the child says: %s", text)
	}
}

func checkCounters(t *testing.T, dir string, acknowledged *[storageWriters]uint64) {
	t.Helper()
	store, err := openStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	for writer, least := range acknowledged {
		var values [storageTables]uint64
		for table := range values {
			value, found, err := store.Get(t.Context(), counterRow(writer, table), nil)
			if err != nil {
				t.Fatal(err)
			}
			if found {
				values[table] = binary.BigEndian.Uint64(value)
			}
			if values[table] != values[0] {
				t.Errorf("writer %d: a transaction is there in part: %d", writer, values)
			}
		}
		if values[0] < least || values[0] > least+1 {
			t.Errorf("writer %d: %d was acknowledged, and %d is there", writer, least, values[0])
		}
		acknowledged[writer] = values[0] // it was read, so it must stay
	}
	if err := store.Close(); err != nil {
		t.Error(err)
	}
}
