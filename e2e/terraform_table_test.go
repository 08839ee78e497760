package e2e

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// TestTerraformRemediation runs the walkthrough's remediation by Terraform: a table with an index under a customer's key. The key's
// ARN in it is an example and stands for that of a real key.
func TestTerraformRemediation(t *testing.T) {
	t.Parallel()
	s := startDev(t)
	tf := newTerraform(t, s, "remediation.tf")
	b := newClient(s)
	arn, _ := b.newKey(t, nil)
	path := filepath.Join(tf.dir, "main.tf")
	config, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const example = "arn:aws:kms:us-east-1:123456789012:key/abcd1234-abcd-1234-abcd-1234abcd1234"
	if err := os.WriteFile(path, bytes.ReplaceAll(config, []byte(example), []byte(arn)), 0o600); err != nil {
		t.Fatal(err)
	}
	tf.must(t, "init")
	tf.must(t, "apply", "-auto-approve")
	if out, code := tf.run(t, "plan", "-detailed-exitcode"); code != 0 {
		t.Errorf("a plan right after apply is not empty (exit code %d):\n%s", code, out)
	}
	table := at(b.call(t, "dynamodb.DescribeTable", m{"TableName": "cc-game-scores"}), "Table").(m)
	if got := at(table, "SSEDescription.KMSMasterKeyArn"); got != arn {
		t.Errorf("the table is under %v, want %s", got, arn)
	}
	if indexes, _ := table["GlobalSecondaryIndexes"].([]any); len(indexes) != 1 || at(indexes[0].(m), "IndexStatus") != "ACTIVE" {
		t.Errorf("indexes: %v", indexes)
	}
	tf.must(t, "destroy", "-auto-approve")
	if names := b.call(t, "dynamodb.ListTables", m{})["TableNames"].([]any); len(names) != 0 {
		t.Errorf("destroy left %v", names)
	}
}
