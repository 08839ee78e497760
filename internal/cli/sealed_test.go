package cli_test

import (
	"bytes"
	"context"

	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sealtable/sealtable/internal/cli"
	"github.com/sealtable/sealtable/internal/server"
)

// sealedWorld is an installation whose keyring is sealed by a passphrase.
type sealedWorld struct {
	t              *testing.T
	data, config   string
	right, wrong   string // files
	log            bytes.Buffer
	server         *server.Server
	url            string
	passphraseFile string // that the server reads
}

func newSealedWorld(t *testing.T) *sealedWorld {
	t.Helper()
	dir := t.TempDir()
	w := &sealedWorld{
		t: t, data: filepath.Join(dir, "data"), config: filepath.Join(dir, "config"), right: filepath.Join(dir, "right"),
		wrong:          filepath.Join(dir, "wrong"),
		passphraseFile: filepath.Join(dir, "given"),
	}
	w.write(w.right, "correct horse\n")
	w.write(w.wrong, "guessed wrong\n")
	w.open(false)
	if err := w.server.Close(); err != nil {
		t.Fatal(err)
	}
	if code, out := w.run("keys", "seal", "--seal", "passphrase", "--new-passphrase-file", w.right); code != 0 {
		t.Fatal(out)
	}
	return w
}

func (w *sealedWorld) write(path, content string) {
	w.t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

func (w *sealedWorld) open(wait bool) {
	w.t.Helper()
	s, err := server.Open(context.Background(), server.Config{
		DataDir: w.data, ConfigDir: w.config, Listen: []string{"127.0.0.1:0"}, Account: "123456789012", Region: "us-east-1", Open: true,
		KeyCacheLifetime: time.Minute, KeySweep: time.Minute, ArchiveAfter: time.Hour, Log: slog.New(slog.NewTextHandler(&w.log, nil)),
		WaitForUnseal: wait, Passphrase: func() ([]byte, error) {
			content, err := os.ReadFile(w.passphraseFile)
			return bytes.TrimSpace(content), err
		},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.server, w.url = s, "http://"+s.Addresses()[0]
}

// run runs a command on the installation, and gives its exit code and all that it wrote.
func (w *sealedWorld) run(args ...string) (int, string) {
	var out bytes.Buffer
	if args[1] != "unseal" {
		args = append(args, "--data", w.data)
	}
	code := cli.Main(append(args, "--config", w.config), &out, &out)
	return code, out.String()
}

func (w *sealedWorld) get(path string) (int, string) {
	w.t.Helper()
	return answerOf(w.t, http.MethodGet, w.url+path, "", nil)
}

func answerOf(t *testing.T, method, url, body string, header map[string]string) (int, string) {
	t.Helper()
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range header {
		req.Header.Set(name, value)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, res.Header.Get("Content-Type") + " " + string(answer)
}

func (w *sealedWorld) expectSealed() {
	w.t.Helper()
	if code, body := w.get("/_sealtable/health/live"); code != 200 {
		w.t.Errorf("live: %d %s", code, body)
	}
	if code, body := w.get("/_sealtable/health/ready"); code != 503 || !strings.Contains(body, `"sealed"`) {
		w.t.Errorf("ready: %d %s", code, body)
	}
	form := map[string]string{"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
	for want, header := range map[string]map[string]string{
		`application/x-amz-json-1.0 {"__type":"com.amazonaws.dynamodb.v20120810#ServiceUnavailable","message":"The server is sealed`: {
			"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": "DynamoDB_20120810.ListTables"},
		`application/x-amz-json-1.1 {"__type":"ServiceUnavailable","message":"The server is sealed`: {
			"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "TrentService.ListKeys"},
		`text/xml <ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">`: form,
	} {
		code, body := answerOf(w.t, http.MethodPost, w.url+"/", "Action=GetCallerIdentity&Version=2011-06-15", header)
		if code != 503 || !strings.HasPrefix(body, want) || !strings.Contains(body, "ServiceUnavailable") {
			w.t.Errorf("%v: %d %q", header, code, body)
		}
	}
}

// TestUnseal starts a server sealed, guesses wrong, and unseals it.
func TestUnseal(t *testing.T) {
	w := newSealedWorld(t)
	w.open(true)
	defer func() {
		if err := w.server.Close(); err != nil {
			t.Error(err)
		}
		for _, passphrase := range []string{"guessed wrong", "correct horse"} {
			if strings.Contains(w.log.String(), passphrase) {
				t.Error("a passphrase is in the log")
			}
		}
	}()
	w.expectSealed()
	if code, out := w.run("keys", "rotate", "--passphrase-file", w.right); code != 1 || !strings.Contains(out, "keys unseal") {
		t.Errorf("rotating a sealed server: %d %s", code, out)
	}
	if code, out := w.run("keys", "unseal", "--passphrase-file", w.wrong); code != 5 || !strings.Contains(out, "does not fit") {
		t.Errorf("a wrong passphrase: %d %s", code, out)
	}
	w.expectSealed()
	for { // the slowdown runs on the machine's clock: the right one is refused at once after that, for a second
		code, out := w.run("keys", "unseal", "--passphrase-file", w.right)
		if code == 0 {
			break
		}
		if code != 1 || !strings.Contains(out, "try again in") {
			t.Fatalf("%d %s", code, out)
		}
		time.Sleep(50 * time.Millisecond)
	}
	if code, body := w.get("/_sealtable/health/ready"); code != 200 {
		t.Errorf("ready: %d %s", code, body)
	}
	if code, out := w.run("keys", "rewrap", "--passphrase-file", w.right); code != 0 {
		t.Errorf("%d %s", code, out)
	}
}

// TestSealComesBack gives the server what it looks for again and again.
func TestSealComesBack(t *testing.T) {
	w := newSealedWorld(t)
	w.open(true)
	w.expectSealed()
	w.write(w.passphraseFile, "correct horse\n")
	for until := time.Now().Add(5 * time.Minute); ; time.Sleep(20 * time.Millisecond) {
		if code, _ := w.get("/_sealtable/health/ready"); code == 200 {
			break
		}
		if time.Now().After(until) {
			t.Fatal("it is still sealed: ", w.log.String())
		}
	}
	if err := w.server.Close(); err != nil {
		t.Fatal(err)
	}
	w.open(true) // and at once where the passphrase is there from the start
	if code, body := w.get("/_sealtable/health/ready"); code != 200 {
		t.Errorf("ready: %d %s", code, body)
	}
	if err := w.server.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestClosingWhileSealed leaves nothing open, and TestFailing shows that nothing waits for what does not pass.
func TestClosingWhileSealed(t *testing.T) {
	w := newSealedWorld(t)
	w.open(true)
	if err := w.server.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(w.config, "keyring"), []byte("torn"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := server.Open(context.Background(), server.Config{
		DataDir: w.data, ConfigDir: w.config, Listen: []string{"127.0.0.1:0"}, Account: "123456789012", WaitForUnseal: true,
		Log: slog.New(slog.DiscardHandler),
	})
	if err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("a damaged keyring: %v", err)
	}
}

// TestPassphraseSources takes the passphrase from each place.
func TestPassphraseSources(t *testing.T) {
	w := newSealedWorld(t)
	status := func() (int, string) { return w.run("keys", "status") }
	if code, out := status(); code != 5 || !strings.Contains(out, "SEALTABLE_PASSPHRASE") {
		t.Errorf("nowhere: %d %s", code, out)
	}
	credentials := t.TempDir()
	t.Setenv("CREDENTIALS_DIRECTORY", credentials)
	t.Setenv("SEALTABLE_PASSPHRASE", "correct horse")
	if code, out := status(); code != 0 {
		t.Errorf("from the environment: %d %s", code, out)
	}
	if _, there := os.LookupEnv("SEALTABLE_PASSPHRASE"); there {
		t.Error("the passphrase is still in the environment")
	}
	w.write(filepath.Join(credentials, "sealtable-passphrase"), "correct horse")
	if err := os.Chmod(filepath.Join(credentials, "sealtable-passphrase"), 0o440); err != nil { // as systemd makes them
		t.Fatal(err)
	}
	if code, out := status(); code != 0 {
		t.Errorf("from a credential: %d %s", code, out)
	}
	if code, out := w.run("keys", "status", "--passphrase-file", w.wrong); code != 5 || !strings.Contains(out, "it is wrong") {
		t.Errorf("a file comes before a credential: %d %s", code, out)
	}
	for _, mode := range []os.FileMode{0o640, 0o604, 0o620} {
		if err := os.Chmod(w.right, mode); err != nil {
			t.Fatal(err)
		}
		if code, out := w.run("keys", "status", "--passphrase-file", w.right); code != 5 || !strings.Contains(out, "chmod 600") {
			t.Errorf("a file of mode %o: %d %s", mode, code, out)
		}
	}
	if code, out := w.run("keys", "status", "--passphrase-file", credentials); code != 5 || !strings.Contains(out, "is no file") {
		t.Errorf("a directory: %d %s", code, out)
	}
}
