package e2e

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestSealtableAWS runs the installed AWS CLI, whatever its age, by sealtable aws, and by a profile that sealtable configure wrote
// where its version reads the endpoint of a profile.
func TestSealtableAWS(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("aws"); err != nil {
		t.Skip("the AWS CLI is not installed: this test is skipped (scripts/setup.sh installs it)")
	}
	s := startServe(t, t.TempDir())
	home := t.TempDir()
	address := strings.TrimPrefix(s.endpoint, "http://")
	at := []string{"--config", s.config(), "--listen", address}
	command := func(name string, args ...string) (stdout, stderr string, err error) {
		c := &cli{environment: cleanEnvironment("HOME="+home, "AWS_PAGER=", "AWS_EC2_METADATA_DISABLED=true")}
		return c.try(nil, name, args...)
	}
	sealtable := func(name string, args ...string) string {
		t.Helper()
		stdout, stderr, err := command(builtBinary(t), append(append([]string{name}, at...), args...)...)
		if err != nil {
			t.Fatalf("sealtable %s %v: %v\n%s%s", name, args, err, stdout, stderr)
		}
		return stdout
	}
	arn := strings.TrimSpace(sealtable("aws", "kms", "create-key", "--query", "KeyMetadata.Arn", "--output", "text"))
	if key := newClient(s).call(t, "kms.DescribeKey", m{"KeyId": arn})["KeyMetadata"].(m); key["Arn"] != arn {
		t.Errorf("create-key gave %q, the server has %v", arn, key)
	}
	_, stderr, err := command(builtBinary(t), append(append([]string{"aws"}, at...), "dynamodb", "describe-table", "--table-name", "none")...)
	if err == nil || !strings.Contains(stderr, "ResourceNotFoundException") {
		t.Errorf("a table that is not there: %v %s", err, stderr)
	}
	sealtable("configure")
	if info, err := os.Stat(filepath.Join(home, ".aws", "credentials")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the credentials: %v %v", info, err)
	}
	_, stderr, err = command(builtBinary(t), append([]string{"env"}, at...)...)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(stderr, "does not know AWS_ENDPOINT_URL") {
		t.Skipf("profiles with an endpoint are left out: %s", stderr)
	}
	caller := func(profile string) string {
		t.Helper()
		stdout, stderr, err := command("aws", "--profile", profile, "sts", "get-caller-identity", "--query", "Arn", "--output", "text")
		if err != nil {
			t.Fatalf("--profile %s: %v\n%s%s", profile, err, stdout, stderr)
		}
		return strings.TrimSpace(stdout)
	}
	if got := caller("sealtable"); got != "arn:aws:iam::123456789012:root" {
		t.Errorf("the profile sealtable is %s", got)
	}
	userAndRole(t, newClient(s), filepath.Join(home, ".aws", "credentials"))
	sealtable("configure", "--profile", "reader", "--role", "arn:aws:iam::123456789012:role/reader", "--source-profile", "ann")
	if got := caller("reader"); !strings.HasPrefix(got, "arn:aws:sts::123456789012:assumed-role/reader/") {
		t.Errorf("the profile reader is %s", got)
	}
}

// userAndRole makes a user, with an access key in the file, and a role that the user may take on.
func userAndRole(t *testing.T, root *client, credentials string) {
	t.Helper()
	ann := root.newUser(t, "ann", document(t, m{"Action": "sts:AssumeRole", "Resource": "*"}))
	root.call(t, "iam.CreateRole", m{"RoleName": "reader", "AssumeRolePolicyDocument": document(t,
		m{"Principal": m{"AWS": "arn:aws:iam::123456789012:user/ann"}, "Action": "sts:AssumeRole"})})
	file, err := os.OpenFile(credentials, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = fmt.Fprintf(file, "\n[ann]\naws_access_key_id = %s\naws_secret_access_key = %s\n", ann.key.id, ann.key.secret)
	if err := errors.Join(err, file.Close()); err != nil {
		t.Fatal(err)
	}
}
