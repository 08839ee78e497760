package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

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
	command := exec.Command(name, args...)
	command.Env = append(c.environment, variables...)
	var out, failure bytes.Buffer
	command.Stdout, command.Stderr = &out, &failure
	err = command.Run()
	return out.String(), failure.String(), err
}

// TestWalkthrough runs the commands of the second walkthrough as they are written.
func TestWalkthrough(t *testing.T) {
	t.Parallel()
	s := startDev(t)
	c := newCLI(t, s)
	step := func(name string, variables ...string) string {
		t.Helper()
		return c.run(t, variables, "sh", filepath.Join("testdata", "walkthrough", "commands.sh"), name)
	}
	step("prepare")
	if got := step("audit-01"); !strings.Contains(got, "cc-product-reviews") || !strings.Contains(got, "cc-product-inventory") {
		t.Errorf("list-tables: %s", got)
	}
	if got := step("audit-03"); got != "null\n" {
		t.Errorf("SSEType under the AWS owned key: %q", got)
	}
	arn := strings.TrimSpace(step("remediation-02"))
	if !strings.HasPrefix(arn, "arn:aws:kms:us-east-1:123456789012:key/") {
		t.Fatalf("create-key: %q", arn)
	}
	if got := step("remediation-04", "KEY_ARN="+arn); got != "" {
		t.Errorf("create-alias printed %q", got)
	}
	checkUpdate(t, step("remediation-05", "KEY_ARN="+arn))
	if got := step("audit-03"); got != "\"KMS\"\n" {
		t.Errorf("SSEType under a customer managed key: %q", got)
	}
	checkUpdate(t, step("remediation-05-managed"))
}

// checkUpdate holds the response to UpdateTable against that of the document: a stub of an SSEDescription, and no more.
func checkUpdate(t *testing.T, output string) {
	t.Helper()
	var got struct{ TableDescription m }
	if err := json.Unmarshal([]byte(output), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(m{"Status": "UPDATING"}, got.TableDescription["SSEDescription"]); diff != "" {
		t.Errorf("SSEDescription in the response to update-table:\n%s", diff)
	}
	if status := got.TableDescription["TableStatus"]; status != "ACTIVE" {
		t.Errorf("TableStatus during a change of key: %v", status)
	}
	if mode := at(got.TableDescription, "BillingModeSummary.BillingMode"); mode != "PAY_PER_REQUEST" {
		t.Errorf("BillingMode: %v", mode)
	}
}

// TestCLIItems writes and reads items with the CLI, and shows what it prints and returns for an error.
func TestCLIItems(t *testing.T) {
	t.Parallel()
	s := startDev(t)
	c := newCLI(t, s)
	aws := func(args ...string) string { t.Helper(); return c.run(t, nil, filepath.Join(c.path, "aws"), args...) }
	aws("dynamodb", "create-table", "--table-name", "notes", "--billing-mode", "PAY_PER_REQUEST", "--attribute-definitions",
		"AttributeName=pk,AttributeType=S", "--key-schema", "AttributeName=pk,KeyType=HASH", "--sse-specification", "Enabled=true,SSEType=KMS")
	aws("dynamodb", "wait", "table-exists", "--table-name", "notes")
	aws("dynamodb", "put-item", "--table-name", "notes", "--item", `{"pk":{"S":"a"},"n":{"N":"1.50"}}`)
	got := aws("dynamodb", "get-item", "--table-name", "notes", "--key", `{"pk":{"S":"a"}}`, "--query", "Item.[pk.S,n.N]", "--output", "text")
	if got != "a\t1.5\n" {
		t.Errorf("get-item: %q", got)
	}
	_, stderr, err := c.try(nil, filepath.Join(c.path, "aws"), "dynamodb", "put-item", "--table-name", "notes", "--item", `{"pk":{"S":"a"}}`,
		"--condition-expression", "attribute_not_exists(pk)")
	const want = "An error occurred (ConditionalCheckFailedException) when calling the PutItem operation: The conditional request failed"
	if err == nil || !strings.Contains(stderr, want) {
		t.Errorf("a condition that fails: %v %s", err, stderr)
	}
	aws("dynamodb", "delete-table", "--table-name", "notes")
	aws("dynamodb", "wait", "table-not-exists", "--table-name", "notes")
}
