package credentials

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestLoadMakesOneKeyAndKeepsIt(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "config")
	first, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(first.ID) != 20 || !strings.HasPrefix(first.ID, "AKIA") || len(first.Secret) != 40 {
		t.Errorf("a key of unexpected form: id of %d characters, secret of %d", len(first.ID), len(first.Secret))
	}
	info, err := os.Stat(filepath.Join(dir, FileName))
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode is %04o", info.Mode().Perm())
	}
	second, err := Load(dir)
	if err != nil || second != first {
		t.Errorf("the second load gave another key (error %v)", err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".*")); len(left) > 0 {
		t.Errorf("temporary files are left: %v", left)
	}
}

func TestLoadRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		content string
		mode    os.FileMode
		want    string
	}{
		"readable by the group": {"[default]\naws_access_key_id=A\naws_secret_access_key=B\n", 0o640, "chmod 600"},
		"empty":                 {"", 0o600, "no access key"},
		"other profile":         {"[other]\naws_access_key_id=A\naws_secret_access_key=B\n", 0o600, "no access key"},
		"no secret":             {"[default]\naws_access_key_id=A\n", 0o600, "no access key"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, FileName)
			if err := os.WriteFile(path, []byte(c.content), c.mode); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(path, c.mode); err != nil {
				t.Fatal(err)
			}
			_, err := Load(dir)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error is %v, want it to say %q", err, c.want)
			}
			if after, _ := os.ReadFile(path); string(after) != c.content {
				t.Error("the file was changed")
			}
		})
	}
}
