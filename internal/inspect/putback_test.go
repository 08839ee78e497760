package inspect_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sealtable/sealtable/internal/inspect"
	"github.com/sealtable/sealtable/internal/server"
)

// swapDir puts a copy in the place of a directory of the installation.
func (at installation) swapDir(t *testing.T, rel, with string) {
	t.Helper()
	if err := os.RemoveAll(filepath.Join(at.data, rel)); err != nil {
		t.Fatal(err)
	}
	copyDir(t, with, filepath.Join(at.data, rel))
}

// TestPutBack puts directories of single tables back to what they were before the last stop: the table is named and no other, and
// the server does not start on an old catalog.
func TestPutBack(t *testing.T) {
	t.Parallel()
	at := build(t)
	early := filepath.Join(t.TempDir(), "early")
	copyDir(t, at.data, early)
	s := start(t, at)
	s.put("owned", 14, 16)
	s.put("managed", 14, 16)
	s.createTable("later", "")
	s.stop()
	report := at.inspect(t)
	if report.Verdict != inspect.Authentic {
		t.Fatal(describe(report))
	}
	now := filepath.Join(t.TempDir(), "now")
	copyDir(t, at.data, now)
	for _, table := range report.Tables {
		dir := filepath.Join("tables", table.ID)
		if table.Name == "owned" || table.Name == "managed" || table.ID == strings.Repeat("0", 31)+"1" {
			at.swapDir(t, dir, filepath.Join(early, dir))
			at.expectPutBack(t, dir)
			at.swapDir(t, dir, filepath.Join(now, dir))
		}
	}
	at.swapDir(t, "tables/"+strings.Repeat("0", 31)+"1", filepath.Join(early, "tables", strings.Repeat("0", 31)+"1"))
	_, err := server.Open(context.Background(), server.Config{
		DataDir: at.data, ConfigDir: at.config, Listen: []string{"127.0.0.1:0"}, Account: "123456789012", Region: "eu-central-1",
		KeyCacheLifetime: time.Minute, KeySweep: time.Minute, ArchiveAfter: time.Hour, Open: true, Log: slog.New(slog.DiscardHandler),
	})
	if err == nil || !strings.Contains(err.Error(), "put back from an earlier day") {
		t.Errorf("the server on an old catalog: %v", err)
	}
}

func (at installation) expectPutBack(t *testing.T, dir string) {
	t.Helper()
	report := at.inspect(t)
	if report.Verdict != inspect.Wrong {
		t.Errorf("%s was put back: %s", dir, describe(report))
	}
	for _, p := range report.Problems {
		// What an old catalog does not list may be wrong too.
		if !strings.HasPrefix(p.Path, filepath.ToSlash(dir)) && !strings.HasSuffix(dir, strings.Repeat("0", 31)+"1") {
			t.Errorf("%s was put back: %s", dir, describe(report))
		}
	}
	for _, p := range report.Problems {
		if strings.HasPrefix(p.Path, filepath.ToSlash(dir)) && strings.Contains(p.What, "earlier day") {
			return
		}
	}
	t.Errorf("%s was put back and is not named: %s", dir, describe(report))
}
