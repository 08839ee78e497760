package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// byBoto is a process in which boto3 makes calls, one at a time.
type byBoto struct {
	version string
	in      io.Writer
	out     *bufio.Scanner
	stderr  *transcript
}

// botoVersion is the version of the installed boto3; empty where there is none.
var botoVersion = sync.OnceValue(func() string {
	command := commandHere("python3", "-c", "import boto3; print(boto3.__version__)")
	command.Env = cleanEnvironment()
	out, err := command.Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
})

func needBoto(t *testing.T) {
	t.Helper()
	if botoVersion() == "" {
		t.Skip("boto3 is not installed: this test is skipped (scripts/setup.sh installs it)")
	}
}

// newBoto starts Python with boto3, or skips the test where they are not installed.
func newBoto(t *testing.T, s *server) *client {
	t.Helper()
	needBoto(t)
	command := commandHere("python3", filepath.Join("testdata", "boto.py"), s.endpoint)
	command.Env = clientEnvironment(s)
	b := &byBoto{version: botoVersion(), stderr: &transcript{}}
	command.Stderr = b.stderr
	in, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close() // Python ends at the end of its input
		_ = command.Wait()
	})
	b.in, b.out = in, bufio.NewScanner(out)
	b.out.Buffer(nil, 64<<20)
	return &client{server: s, region: s.region, key: s.key, via: b}
}

func (b *byBoto) ask(t *testing.T, c *client, operation string, parameters m, how string) answer {
	t.Helper()
	service, name, _ := strings.Cut(operation, ".")
	line, err := json.Marshal(m{"service": service, "operation": name, "region": c.region, "id": c.key.id, "secret": c.key.secret,
		"token": c.token, "parameters": parameters, "how": how})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.in.Write(append(line, '\n')); err != nil {
		t.Fatalf("boto3: %v\n%s", err, b.stderr)
	}
	if !b.out.Scan() {
		t.Fatalf("boto3 gave no answer to %s: %v\n%s", operation, b.out.Err(), b.stderr)
	}
	var a answer
	if err := json.Unmarshal(b.out.Bytes(), &a); err != nil {
		t.Fatal(err)
	}
	if a.TooOld != "" {
		a.TooOld = fmt.Sprintf("boto3 %s is too old for %s: %s", b.version, operation, a.TooOld)
	}
	if a.Unread != "" {
		a.Unread = fmt.Sprintf("boto3 %s does not read %s", b.version, a.Unread)
	}
	return a
}
