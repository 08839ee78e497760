package e2e

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long anything that should happen at once may take on a busy machine: only what hangs takes that long.
const patience = 5 * time.Minute

type accessKey struct{ id, secret string }

// A server is a process of the binary under test.
type server struct {
	command  *exec.Cmd
	endpoint string
	region   string
	key      accessKey // of the account's root
	home     string    // holds data, config and tmp
	log      *transcript
	done     chan struct{} // closed when the process has ended
}

// transcript collects what a process writes while others read it.
type transcript struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *transcript) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *transcript) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// launch starts a command of the binary; its standard output and error go to the log.
func launch(t *testing.T, home string, args ...string) *server {
	t.Helper()
	s := &server{home: home, region: "us-east-1", log: &transcript{}, done: make(chan struct{})}
	if err := os.MkdirAll(s.tmp(), 0o700); err != nil {
		t.Fatal(err)
	}
	s.command = commandHere(builtBinary(t), args...)
	s.command.Env = cleanEnvironment("TMPDIR="+s.tmp(), "HOME="+home)
	s.command.Stdout, s.command.Stderr = s.log, s.log
	s.command.WaitDelay = time.Second
	if err := s.command.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = s.command.Wait() // what became of it is in ProcessState
		close(s.done)
	}()
	t.Cleanup(func() {
		s.kill()
		if log := s.log.String(); strings.Contains(log, "panic") {
			t.Errorf("the server's log has a panic:\n%s", log)
		}
		if t.Failed() {
			t.Logf("log of sealtable %s:\n%s", strings.Join(args, " "), s.log)
		}
	})
	return s
}

func (s *server) tmp() string    { return filepath.Join(s.home, "tmp") }
func (s *server) data() string   { return filepath.Join(s.home, "data") }
func (s *server) config() string { return filepath.Join(s.home, "config") }

// await returns the first match of a pattern in the log.
func (s *server) await(t *testing.T, pattern *regexp.Regexp) []string {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if found := pattern.FindStringSubmatch(s.log.String()); found != nil {
			return found
		}
		select {
		case <-s.done:
			t.Fatalf("the server ended (%s):\n%s", s.command.ProcessState, s.log)
		default:
		}
	}
	t.Fatalf("the server did not say %s:\n%s", pattern, s.log)
	return nil
}

// startDev runs `sealtable dev` and reads the exports that it prints.
func startDev(t *testing.T, flags ...string) *server {
	t.Helper()
	s := launch(t, t.TempDir(), append([]string{"dev", "--listen", "127.0.0.1:0"}, flags...)...)
	s.await(t, regexp.MustCompile(`(?m)^unset AWS_SESSION_TOKEN`))
	lines := bufio.NewScanner(strings.NewReader(s.log.String()))
	for lines.Scan() {
		name, value, _ := strings.Cut(strings.TrimPrefix(lines.Text(), "export "), "=")
		switch name {
		case "AWS_ENDPOINT_URL":
			s.endpoint = value
		case "AWS_ACCESS_KEY_ID":
			s.key.id = value
		case "AWS_SECRET_ACCESS_KEY":
			s.key.secret = value
		case "AWS_REGION":
			s.region = value
		}
	}
	if s.endpoint == "" || s.key.id == "" || s.key.secret == "" {
		t.Fatalf("the exports are incomplete:\n%s", s.log)
	}
	return s
}

// startServe runs `sealtable serve` on the installation in home.
func startServe(t *testing.T, home string, flags ...string) *server {
	t.Helper()
	s := launchServe(t, home, flags...)
	s.endpoint = s.await(t, regexp.MustCompile(`msg=ready endpoint=(\S+)`))[1]
	s.key = rootKey(t, s.config())
	return s
}

func launchServe(t *testing.T, home string, flags ...string) *server {
	t.Helper()
	return launch(t, home, append([]string{"serve", "--listen", "127.0.0.1:0",
		"--data", filepath.Join(home, "data"), "--config", filepath.Join(home, "config")}, flags...)...)
}

// rootKey reads the credentials as any tool of AWS's does.
func rootKey(t *testing.T, config string) accessKey {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(config, "credentials"))
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`^\[default\]\naws_access_key_id = (\S+)\naws_secret_access_key = (\S+)\n$`).FindStringSubmatch(string(content))
	if found == nil {
		t.Fatal("the credentials file is not in AWS's format")
	}
	return accessKey{found[1], found[2]}
}

// kill ends the process as a loss of power would, as far as a process can tell.
func (s *server) kill() {
	_ = s.command.Process.Signal(syscall.SIGKILL) // it may have ended already
	<-s.done
}

// stop ends the process as an operator does, and expects it to end well.
func (s *server) stop(t *testing.T) {
	t.Helper()
	if err := s.command.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Fatal(err)
	}
	if code := s.exitCode(t); code != 0 {
		t.Fatalf("after SIGTERM the exit code is %d:\n%s", code, s.log)
	}
}

// exitCode waits for the end of the process.
func (s *server) exitCode(t *testing.T) int {
	t.Helper()
	select {
	case <-s.done:
	case <-time.After(patience):
		t.Fatalf("the process does not end:\n%s", s.log)
	}
	return s.command.ProcessState.ExitCode()
}

// restart stops the server and starts it again on what it left.
func (s *server) restart(t *testing.T, flags ...string) *server {
	t.Helper()
	s.stop(t)
	return startServe(t, s.home, flags...)
}

// advance moves the clock of a dev server.
func (s *server) advance(t *testing.T, duration string) {
	t.Helper()
	body := fmt.Sprintf(`{"advance":%q}`, duration)
	response, err := newHTTP().Post(s.endpoint+"/_sealtable/clock", "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	answer, _ := io.ReadAll(response.Body)
	_ = response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Fatalf("moving the clock: %s %s", response.Status, answer)
	}
}

// run runs a command of the binary to its end.
func run(t *testing.T, args ...string) (output string, exitCode int) {
	t.Helper()
	command := commandHere(builtBinary(t), args...)
	command.Env = cleanEnvironment("HOME=" + t.TempDir())
	out, err := command.CombinedOutput()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		t.Fatal(err)
	}
	return string(out), command.ProcessState.ExitCode()
}
