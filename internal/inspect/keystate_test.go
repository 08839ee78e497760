package inspect_test

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/sealtable/sealtable/internal/inspect"
)

// TestUnusableKeys shows what inspect does with a key that P2 keeps everybody from using: the blocks are authenticated, the state
// is told, and nothing is shown of the rows (installation.inspect looks for that).
func TestUnusableKeys(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	at := installation{data: filepath.Join(dir, "data"), config: filepath.Join(dir, "config")}
	s := start(t, at)
	key := s.fill()
	s.call("kms", "DisableKey", fmt.Sprintf(`{"KeyId":%q}`, key))
	s.stop()
	expectState(t, at, key, inspect.Authentic, "Disabled", true)

	s = start(t, at)
	s.call("kms", "ScheduleKeyDeletion", fmt.Sprintf(`{"KeyId":%q,"PendingWindowInDays":7}`, key))
	s.stop()
	expectState(t, at, key, inspect.Authentic, "PendingDeletion", true)

	s = start(t, at)
	res, err := http.Post(s.url+"/_sealtable/clock", "application/json", strings.NewReader(`{"advance":"200h"}`))
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("moving the clock: %v %v", res, err)
	}
	_ = res.Body.Close()
	s.stop()
	expectState(t, at, key, inspect.Wrong, "Deleted", false)
}

func expectState(t *testing.T, at installation, key string, verdict inspect.Verdict, state string, opened bool) {
	t.Helper()
	report := at.inspect(t)
	if report.Verdict != verdict {
		t.Errorf("%s: %s", state, describe(report))
	}
	for _, table := range report.Tables {
		if strings.HasSuffix(table.KMSKey, key) && (table.KMSKeyState != state || table.Opened != opened) {
			t.Errorf("%s: %+v", state, table)
		}
	}
}

func TestDeletedTable(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	at := installation{data: filepath.Join(dir, "data"), config: filepath.Join(dir, "config")}
	s := start(t, at)
	s.fill()
	s.call("dynamodb", "DeleteTable", `{"TableName":"customer"}`)
	s.put("owned", 20, 22)
	s.stop()
	report := at.inspect(t)
	if report.Verdict != inspect.Authentic || report.Summary.Tables != 3 {
		t.Errorf("%d tables: %s", report.Summary.Tables, describe(report))
	}
}

// TestRunningServer inspects while the server writes: whatever moment it sees, nothing is wrong, and the server is not disturbed.
func TestRunningServer(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	at := installation{data: filepath.Join(dir, "data"), config: filepath.Join(dir, "config")}
	s := start(t, at)
	s.fill()
	var work sync.WaitGroup
	done := make(chan struct{})
	work.Go(func() {
		for n := 100; ; n++ {
			select {
			case <-done:
				return
			default:
				s.put("owned", n, n+1)
			}
		}
	})
	for range 5 {
		if report := at.inspect(t); report.Verdict != inspect.Authentic {
			t.Error(describe(report))
		}
	}
	close(done)
	work.Wait()
	s.createTable("after", "")
	s.put("after", 0, 3)
	s.stop()
	if report := at.inspect(t); report.Verdict != inspect.Authentic || report.Summary.Tables != 5 {
		t.Error(describe(report))
	}
}
