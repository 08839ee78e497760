package e2e

import (
	"os"
	"os/exec"
	"testing"
)

// applied applies a configuration and finds nothing left to change.
func (tf *terraform) applied(t *testing.T, variables ...string) {
	t.Helper()
	tf.must(t, append([]string{"apply", "-auto-approve"}, variables...)...)
	if out, code := tf.run(t, append([]string{"plan", "-detailed-exitcode"}, variables...)...); code != 0 {
		t.Errorf("a plan right after apply is not empty (exit code %d):\n%s", code, out)
	}
}

// TestTerraformTables sets tables up, changes them in place, and takes them down.
func TestTerraformTables(t *testing.T) {
	t.Parallel()
	s := startDev(t)
	tf := newTerraform(t, s, "tables.tf")
	tf.must(t, "init")
	tf.applied(t)
	r := newRaw(s)
	describe := func(name string) m { return r.call(t, "dynamodb.DescribeTable", m{"TableName": name})["Table"].(m) }
	ids := map[string]any{}
	for _, name := range []string{"provisioned", "on-demand", "classes", "protected", "switching"} {
		ids[name] = describe(name)["TableId"]
	}
	tf.applied(t, "-var=later=true")
	for name, id := range ids {
		if describe(name)["TableId"] != id {
			t.Errorf("%s was made anew instead of changed", name)
		}
	}
	for _, c := range []struct {
		table, path string
		want        any
	}{
		{"provisioned", "ProvisionedThroughput.ReadCapacityUnits", 7.0}, {"provisioned", "SSEDescription.Status", "ENABLED"},
		{"on-demand", "OnDemandThroughput.MaxWriteRequestUnits", 60.0}, {"classes", "TableClassSummary.TableClass", "STANDARD"},
		{"protected", "DeletionProtectionEnabled", false}, {"switching", "BillingModeSummary.BillingMode", "PAY_PER_REQUEST"},
	} {
		if got := at(describe(c.table), c.path); got != c.want {
			t.Errorf("%s of %s is %v, not %v", c.path, c.table, got, c.want)
		}
	}
	tf.must(t, "destroy", "-auto-approve", "-var=later=true")
	if names := r.call(t, "dynamodb.ListTables", m{})["TableNames"].([]any); len(names) != 0 {
		t.Errorf("after destroy there are %v", names)
	}
}

// awsCLI runs the AWS CLI, or skips the test.
func awsCLI(t *testing.T, s *server, args ...string) (string, error) {
	t.Helper()
	if _, err := exec.LookPath("aws"); err != nil {
		t.Skip("the AWS CLI is not installed: this test is skipped")
	}
	command := exec.Command("aws", args...)
	command.Env = append(clientEnvironment(s), "AWS_ENDPOINT_URL="+s.endpoint, "HOME="+os.TempDir())
	out, err := command.CombinedOutput()
	return string(out), err
}

// TestWaiters waits for tables that come and go, as the AWS CLI does.
func TestWaiters(t *testing.T) {
	t.Parallel()
	s := startDev(t, "--transition", "2s")
	for _, args := range [][]string{
		{"dynamodb", "create-table", "--table-name", "awaited", "--billing-mode", "PAY_PER_REQUEST",
			"--attribute-definitions", "AttributeName=pk,AttributeType=S", "--key-schema", "AttributeName=pk,KeyType=HASH"},
		{"dynamodb", "wait", "table-exists", "--table-name", "awaited"},
		{"dynamodb", "put-item", "--table-name", "awaited", "--item", `{"pk":{"S":"a"}}`},
		{"dynamodb", "delete-table", "--table-name", "awaited"},
		{"dynamodb", "wait", "table-not-exists", "--table-name", "awaited"},
	} {
		if out, err := awsCLI(t, s, args...); err != nil {
			t.Fatalf("aws %v: %v\n%s", args, err, out)
		}
	}
}
