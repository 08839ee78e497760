package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// terraform runs commands in a directory with a copy of testdata/terraform.
type terraform struct {
	dir         string
	environment []string
}

// newTerraform finds Terraform and its AWS provider on this machine, or skips the test: nothing is downloaded. The configuration is
// a file of testdata/terraform.
func newTerraform(t *testing.T, s *server, configuration string) *terraform {
	t.Helper()
	if _, err := exec.LookPath("terraform"); err != nil {
		t.Skip("Terraform is not installed: this test is skipped")
	}
	mirror := providerMirror()
	if mirror == "" {
		t.Skip("there is no file system mirror of Terraform's AWS provider ($TF_PLUGIN_MIRROR): this test is skipped")
	}
	dir := t.TempDir()
	config, err := os.ReadFile(filepath.Join("testdata", "terraform", configuration))
	if err != nil {
		t.Fatal(err)
	}
	settings := fmt.Sprintf("provider_installation {\n  filesystem_mirror {\n    path = %q\n  }\n}\n", mirror)
	for name, content := range map[string][]byte{"main.tf": config, "settings.tfrc": []byte(settings)} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	environment := append(clientEnvironment(s), "TF_CLI_CONFIG_FILE="+filepath.Join(dir, "settings.tfrc"), "TF_IN_AUTOMATION=1", "CHECKPOINT_DISABLE=1")
	return &terraform{dir: dir, environment: environment}
}

// providerMirror looks for a file system mirror: a directory with HOST/hashicorp/aws in it.
func providerMirror() string {
	candidates := []string{os.Getenv("TF_PLUGIN_MIRROR")}
	for _, pattern := range []string{"/opt/*", "/usr/share/terraform/*", "/usr/local/share/terraform/*", "/var/lib/terraform/*"} {
		found, _ := filepath.Glob(pattern) // the pattern is well-formed
		candidates = append(candidates, found...)
	}
	for _, dir := range candidates {
		if dir == "" {
			continue
		}
		if found, _ := filepath.Glob(filepath.Join(dir, "*.*", "hashicorp", "aws")); len(found) > 0 {
			return dir
		}
	}
	return ""
}

// run gives the output and the exit code of a command.
func (tf *terraform) run(t *testing.T, args ...string) (string, int) {
	t.Helper()
	command := commandHere("terraform", append(args, "-no-color")...)
	command.Dir, command.Env = tf.dir, tf.environment
	out, err := command.CombinedOutput()
	if command.ProcessState == nil {
		t.Fatal(err)
	}
	return string(out), command.ProcessState.ExitCode()
}

func (tf *terraform) must(t *testing.T, args ...string) string {
	t.Helper()
	out, code := tf.run(t, args...)
	if code != 0 {
		t.Fatalf("terraform %s: exit code %d\n%s", strings.Join(args, " "), code, out)
	}
	return out
}

// TestTerraform applies a key and an alias, finds nothing left to change, and destroys them.
func TestTerraform(t *testing.T) {
	t.Parallel()
	s := startDev(t)
	tf := newTerraform(t, s, "main.tf")
	tf.must(t, "init")
	tf.must(t, "apply", "-auto-approve")
	if out, code := tf.run(t, "plan", "-detailed-exitcode"); code != 0 {
		t.Errorf("a plan right after apply is not empty (exit code %d):\n%s", code, out)
	}
	r := newRaw(s)
	arn := strings.TrimSpace(tf.must(t, "output", "-raw", "key"))
	status := r.call(t, "kms.GetKeyRotationStatus", m{"KeyId": arn})
	if status["KeyRotationEnabled"] != true {
		t.Errorf("rotation of the key that Terraform made: %v", status)
	}
	r.call(t, "dynamodb.CreateTable", tableInput("under-terraform", under("alias/tables")))
	tf.must(t, "destroy", "-auto-approve")
	if state := at(r.call(t, "kms.DescribeKey", m{"KeyId": arn}), "KeyMetadata.KeyState"); state != "PendingDeletion" {
		t.Errorf("after destroy the key is %v", state)
	}
}
