package e2e

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// nowhere is a proxy that does not exist. Clients are given the endpoint with every call; what goes elsewhere all the same ends here.
const nowhere = "http://127.0.0.1:1"

// commandHere is the one place where tests make commands. They run in an environment in which nothing can reach another machine.
func commandHere(name string, args ...string) *exec.Cmd {
	command := exec.Command(name, args...)
	command.Env = cleanEnvironment()
	return command
}

// cleanEnvironment is the environment without what would point a client or the server somewhere else.
func cleanEnvironment(more ...string) []string {
	kept := slices.DeleteFunc(os.Environ(), func(variable string) bool {
		name, _, _ := strings.Cut(strings.ToUpper(variable), "=")
		return strings.HasPrefix(name, "AWS_") || strings.HasPrefix(name, "SEALTABLE_") || strings.HasPrefix(name, "TF_") ||
			strings.HasSuffix(name, "_PROXY")
	})
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"} {
		kept = append(kept, name+"="+nowhere, strings.ToLower(name)+"="+nowhere)
	}
	return append(append(kept, "NO_PROXY=127.0.0.1,localhost", "no_proxy=127.0.0.1,localhost"), more...)
}

// clientEnvironment is for clients that take their credentials, and the endpoint if they know the variable, from the environment.
func clientEnvironment(s *server) []string {
	return cleanEnvironment("AWS_ACCESS_KEY_ID="+s.key.id, "AWS_SECRET_ACCESS_KEY="+s.key.secret, "AWS_REGION="+s.region,
		"AWS_DEFAULT_REGION="+s.region, "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null", "AWS_PAGER=",
		"AWS_EC2_METADATA_DISABLED=true", "AWS_ENDPOINT_URL="+s.endpoint)
}

// cli is the AWS CLI, made to give --endpoint-url with every call: old releases ignore AWS_ENDPOINT_URL.
type cli struct {
	path        string // of a directory that holds the wrapper and comes first in PATH
	environment []string
}

// newCLI finds the AWS CLI, or skips the test.
func newCLI(t *testing.T, s *server) *cli {
	t.Helper()
	aws, err := exec.LookPath("aws")
	if err != nil {
		t.Skip("the AWS CLI is not installed: this test is skipped (scripts/setup.sh installs it)")
	}
	dir := t.TempDir()
	wrapper := fmt.Sprintf("#!/bin/sh\nexec '%s' --endpoint-url '%s' \"$@\"\n", aws, s.endpoint)
	if err := os.WriteFile(filepath.Join(dir, "aws"), []byte(wrapper), 0o700); err != nil {
		t.Fatal(err)
	}
	return &cli{path: dir, environment: append(clientEnvironment(s), "PATH="+dir+string(os.PathListSeparator)+os.Getenv("PATH"))}
}

// aws gives the standard output of a command of the CLI that must succeed.
func (c *cli) aws(t *testing.T, args ...string) string {
	t.Helper()
	return c.run(t, nil, filepath.Join(c.path, "aws"), args...)
}

// run gives the standard output of a command that must succeed.
func (c *cli) run(t *testing.T, variables []string, name string, args ...string) string {
	t.Helper()
	out, stderr, err := c.try(variables, name, args...)
	if err != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, out, stderr)
	}
	return out
}

func (c *cli) try(variables []string, name string, args ...string) (stdout, stderr string, err error) {
	command := commandHere(name, args...)
	command.Env = append(c.environment, variables...)
	var out, failure bytes.Buffer
	command.Stdout, command.Stderr = &out, &failure
	err = command.Run()
	return out.String(), failure.String(), err
}

// TestNothingReachesAWS: a client that was not given the endpoint, or does not know the variable for it, does not get out.
func TestNothingReachesAWS(t *testing.T) {
	t.Parallel()
	aws, err := exec.LookPath("aws")
	if err != nil {
		t.Skip("the AWS CLI is not installed: this test is skipped (scripts/setup.sh installs it)")
	}
	command := commandHere(aws, "dynamodb", "list-tables", "--endpoint-url", "https://dynamodb.us-east-1.amazonaws.com")
	command.Env = append(clientEnvironment(&server{region: "us-east-1", key: accessKey{"AKIAIOSFODNN7EXAMPLE", "none"}}), "AWS_MAX_ATTEMPTS=1")
	out, err := command.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "proxy") {
		t.Errorf("the CLI with AWS's own endpoint: %v\n%s", err, out)
	}
	response, err := newHTTP().Get("http://192.0.2.1/")
	if err == nil {
		_ = response.Body.Close()
	}
	if err == nil || !strings.Contains(err.Error(), "not this machine") {
		t.Errorf("an HTTP client of the tests with an address elsewhere: %v", err)
	}
}

// TestOnePlaceMakesClients: no test makes a command, an HTTP client or a client of the SDK in another way than those above.
func TestOnePlaceMakesClients(t *testing.T) {
	t.Parallel()
	places := map[string][]string{
		"exec.Command": {"command_test.go", "main_test.go"}, "http.Client": {"goclient_test.go", "raw_test.go"}, "http.Transport": {"goclient_test.go"},
		"http.DefaultClient": nil, "http.Get": nil, "http.Post": nil, "aws.Config": {"goclient_test.go"}, "config.LoadDefaultConfig": nil,
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		tree, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			if selector, ok := n.(*ast.SelectorExpr); ok {
				name := fmt.Sprint(selector.X, ".", selector.Sel)
				if allowed, watched := places[name]; watched && !slices.Contains(allowed, file) {
					t.Errorf("%s uses %s: take commandHere, newHTTP or sdkConfig", file, name)
				}
			}
			return true
		})
	}
}
