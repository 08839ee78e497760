package inspect_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sealtable/sealtable/internal/inspect"
	"github.com/sealtable/sealtable/internal/seal"
	"github.com/sealtable/sealtable/internal/server"
)

// TestACutJournalBringsNoKeyBack disables a key, kills the server, and zeroes the journal's newest page, and then every sector of it:
// the server does not start with the key as it was before, and inspect says why.
func TestACutJournalBringsNoKeyBack(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := installation{data: filepath.Join(dir, "first"), config: filepath.Join(dir, "config")}
	s := start(t, first)
	made := s.call("kms", "CreateKey", `{}`)
	key := made["KeyMetadata"].(map[string]any)["KeyId"].(string)
	s.call("kms", "DisableKey", fmt.Sprintf(`{"KeyId":%q}`, key))
	killed := installation{data: filepath.Join(dir, "killed"), config: first.config}
	copyDir(t, first.data, killed.data)
	s.stop()

	if report := killed.inspect(t); report.Verdict != inspect.Authentic {
		t.Fatal(describe(report))
	}
	path, newest := newestPage(t, killed)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for from, to := newest, newest+4096; from < to; from += 512 {
		for _, grain := range []int{512, 4096} {
			cut := bytes.Clone(whole)
			clear(cut[from:min(from+grain, to)])
			if bytes.Equal(cut, whole) {
				continue
			}
			if err := os.WriteFile(path, cut, 0o600); err != nil {
				t.Fatal(err)
			}
			killed.expectCut(t, from-newest)
		}
	}
}

// newestPage is where the last write to the newest segment begins: it holds one group of a page.
func newestPage(t *testing.T, at installation) (path string, page int) {
	t.Helper()
	segments, err := filepath.Glob(filepath.Join(at.data, "journal", "*.segment"))
	if err != nil || len(segments) == 0 {
		t.Fatal(segments, err)
	}
	path = segments[len(segments)-1]
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for n := 4096; n < len(content) && string(content[n:n+4]) == "STJG"; n += 4096 {
		page = n
	}
	return path, page
}

func (at installation) expectCut(t *testing.T, offset int) {
	t.Helper()
	report := at.inspect(t)
	if report.Verdict != inspect.Wrong || !strings.Contains(describe(report), "journal") {
		t.Errorf("cut at %d: %s", offset, describe(report))
	}
	_, err := server.Open(context.Background(), server.Config{
		DataDir: at.data, ConfigDir: at.config, Listen: []string{"127.0.0.1:0"}, Account: "123456789012", Region: "eu-central-1",
		KeyCacheLifetime: time.Minute, KeySweep: time.Minute, ArchiveAfter: time.Hour, Open: true, Log: slog.New(slog.DiscardHandler),
	})
	if err == nil || !strings.Contains(err.Error(), "journal") {
		t.Errorf("the server on a journal cut at %d: %v", offset, err)
	}
}

// TestWhatIsNotNoticedIsSaid wants the same words in README, in ARCHITECTURE, and in inspect's report.
func TestWhatIsNotNoticedIsSaid(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"README.md", "ARCHITECTURE.md"} {
		text, err := os.ReadFile(filepath.Join("..", "..", name))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(strings.Join(strings.Fields(string(text)), " "), inspect.NotNoticed) {
			t.Errorf("%s does not say: %s", name, inspect.NotNoticed)
		}
	}
	report := build(t).inspect(t)
	said := false
	for _, f := range report.Files {
		said = said || f.Path == "high-water" && strings.Contains(f.Detail, inspect.NotNoticed)
	}
	if !said {
		t.Error("inspect does not say it")
	}
}

// TestAnOlderKeyring rotates the root key and puts the keyring of before back: neither inspect nor the server goes on with it.
func TestAnOlderKeyring(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	at := installation{data: filepath.Join(dir, "data"), config: filepath.Join(dir, "config")}
	start(t, at).stop()
	keyring := filepath.Join(at.config, "keyring")
	old, err := os.ReadFile(keyring)
	if err != nil {
		t.Fatal(err)
	}
	id, err := inspect.Installation(at.data)
	if err != nil {
		t.Fatal(err)
	}
	root, err := seal.Open(at.config, seal.Options{DataDir: at.data, Installation: id})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(root.Rotate(), root.Close(), os.WriteFile(keyring, old, 0o600)); err != nil {
		t.Fatal(err)
	}
	report := at.inspect(t)
	if report.Verdict != inspect.Sealed || !strings.Contains(report.Reason, "older than the data") {
		t.Error(describe(report))
	}
	_, err = server.Open(context.Background(), server.Config{DataDir: at.data, ConfigDir: at.config, Account: "123456789012",
		Listen: []string{"127.0.0.1:0"}, Region: "eu-central-1", Log: slog.New(slog.DiscardHandler)})
	if !errors.Is(err, seal.ErrStale) {
		t.Errorf("the server: %v", err)
	}
}
