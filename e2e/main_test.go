// Package e2e runs the built server with clients that nobody changed: the AWS SDK for Go, the AWS CLI, boto3 and Terraform.
//
// Callers may rely on this: every test starts the binary that is shipped (CGO_ENABLED=0), talks to it over its own sockets alone,
// with the endpoint given explicitly, and stops it by its own process id. No test needs a network, and none can reach another
// machine: one place makes commands and one makes HTTP clients. What the product promises is shown by Go, which is always there;
// other clients run what their installed version knows. A test whose client is not installed, or is too old, is skipped and says so.
package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	// The tests run a child process; this import makes the test cache notice when the server changes.
	_ "github.com/sealtable/sealtable/internal/cli"
)

func TestMain(m *testing.M) {
	if dir, ok := os.LookupEnv(storageChild); ok {
		fmt.Fprintln(os.Stderr, writeUntilKilled(dir)) // it returns only when something is wrong
		os.Exit(1)
	}
	code := m.Run()
	if binary, err := build(); err == nil {
		_ = os.RemoveAll(filepath.Dir(binary))
	}
	os.Exit(code)
}

// build makes the binary once, as `make build` does.
var build = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "sealtable-e2e-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "sealtable")
	command := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", path, ".")
	command.Dir = ".."
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := command.CombinedOutput(); err != nil {
		return path, fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
})

func builtBinary(t *testing.T) string {
	t.Helper()
	path, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return path
}
