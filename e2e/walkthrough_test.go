package e2e

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

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
	aws := func(args ...string) string { t.Helper(); return c.aws(t, args...) }
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
