package inspect_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sealtable/sealtable/internal/inspect"
	"github.com/sealtable/sealtable/internal/seal"
)

func TestAuthenticAndUntouched(t *testing.T) {
	t.Parallel()
	at := build(t)
	before := snapshot(t, filepath.Dir(at.data))
	report := at.inspect(t)
	if report.Verdict != inspect.Authentic {
		t.Fatal(describe(report))
	}
	if after := snapshot(t, filepath.Dir(at.data)); after != before {
		t.Error("inspecting changed something")
	}
	checkTables(t, report)
	checkFiles(t, report)
}

func checkTables(t *testing.T, report *inspect.Report) {
	t.Helper()
	want := map[string]string{"owned": "AWS_OWNED", "managed": "AWS_MANAGED", "customer": "CUSTOMER_MANAGED", "empty": "CUSTOMER_MANAGED"}
	for _, table := range report.Tables {
		if table.System {
			continue
		}
		if table.Encryption != want[table.Name] || !table.Opened || !table.Listed || table.RootVersion != 1 ||
			table.KMSKeyState != "Enabled" {
			t.Errorf("table %+v", table)
		}
		if table.ARN != "arn:aws:dynamodb:eu-central-1:123456789012:table/"+table.Name {
			t.Errorf("ARN %s", table.ARN)
		}
		if version := table.KMSKeyVersion; (table.Encryption == "CUSTOMER_MANAGED") != (version == 2) {
			t.Errorf("table %s is under version %d of its key", table.Name, version)
		}
		delete(want, table.Name)
	}
	if len(want) > 0 || len(report.KMSKeys) != 3 {
		t.Errorf("tables %v are missing; %d keys", want, len(report.KMSKeys))
	}
}

func checkFiles(t *testing.T, report *inspect.Report) {
	t.Helper()
	seen := map[string]bool{}
	for _, f := range report.Files {
		seen[f.Kind] = true
		if f.Kind == "table" && f.TableName == "customer" && (len(f.Keys) != 4 || f.Keys[0] != "root key 1" ||
			!strings.HasSuffix(f.Keys[1], " version 2") || f.Keys[3] != "data key 1" || f.Algorithm != "AES-256-GCM, HKDF-SHA-256") {
			t.Errorf("chain of %s: %q, %s", f.Path, f.Keys, f.Algorithm)
		}
	}
	for _, kind := range []string{"installation", "format", "lock", "journal", "key-material", "keys", "parked", "table", "marker",
		"trail"} {
		if !seen[kind] {
			t.Errorf("no file of kind %s: the test shows less than it should", kind)
		}
	}
}

// snapshot is all that can be told of the files and directories below dir, but for when they were last read.
func snapshot(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		var content []byte
		if entry.Type().IsRegular() {
			if content, err = os.ReadFile(path); err != nil {
				return err
			}
		}
		fmt.Fprintf(&b, "%s %v %d %v %x\n", path, info.Mode(), info.Size(), info.ModTime(), sha256.Sum256(content))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestReadOnlyDirectory(t *testing.T) {
	t.Parallel()
	at := build(t)
	for _, dir := range []string{at.data, filepath.Join(at.data, "journal"), filepath.Join(at.data, "keys"),
		filepath.Join(at.data, "trail")} {
		if err := os.Chmod(dir, 0o500); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = os.Chmod(dir, 0o700) }()
	}
	if report := at.inspect(t); report.Verdict != inspect.Authentic {
		t.Fatal(describe(report))
	}
}

func TestSealed(t *testing.T) {
	t.Parallel()
	at, dir := build(t), t.TempDir()
	other := installation{data: filepath.Join(dir, "data"), config: filepath.Join(dir, "config")}
	start(t, other).stop()
	locked := lockWithPassphrase(t, at.config)
	for name, o := range map[string]inspect.Options{
		"no keyring":            {ConfigDir: t.TempDir()},
		"no directory":          {ConfigDir: filepath.Join(t.TempDir(), "none")},
		"other installation":    {ConfigDir: other.config},
		"no passphrase":         {ConfigDir: locked},
		"wrong passphrase":      {ConfigDir: locked, Passphrase: func() ([]byte, error) { return []byte("guessed wrong"), nil }},
		"another seal asked":    {ConfigDir: locked, Seal: seal.File},
		"damaged keyring":       {ConfigDir: damagedKeyring(t, at.config)},
		"keyring others can do": {ConfigDir: wideKeyring(t, at.config)},
	} {
		t.Run(name, func(t *testing.T) {
			o.Dir = at.data
			report, err := inspect.Run(context.Background(), o)
			if err != nil {
				t.Fatal(err)
			}
			checkSealed(t, report)
		})
	}
	right := inspect.Options{Dir: at.data, ConfigDir: locked, Passphrase: func() ([]byte, error) { return []byte("correct horse"), nil }}
	if report, err := inspect.Run(context.Background(), right); err != nil || report.Verdict != inspect.Authentic {
		t.Errorf("with the right passphrase: %v", err)
	}
}

func checkSealed(t *testing.T, report *inspect.Report) {
	t.Helper()
	if report.Verdict != inspect.Sealed || report.Reason == "" || report.RootKey != nil || report.Installation == "" {
		t.Fatal(describe(report))
	}
	kinds := map[string]bool{}
	for _, f := range report.Files {
		kinds[f.Kind] = true
		if f.Status == inspect.IsAuthentic || f.TableName != "" ||
			f.Bytes > 0 && f.Kind == "table" && (f.DataKey != 1 || f.Status != inspect.IsSealed) {
			t.Errorf("%+v", f)
		}
	}
	for _, table := range report.Tables {
		if !table.System && (table.Name != "" || table.KMSKey != "" || table.Opened || table.Files == 0) {
			t.Errorf("%+v", table)
		}
	}
	if len(kinds) < 9 || report.Summary.Tables != 4 || report.Summary.Sealed < 20 {
		t.Errorf("kinds %v, summary %+v", kinds, report.Summary)
	}
}

// lockWithPassphrase is a copy of a configuration directory whose keyring is sealed by a passphrase.
func lockWithPassphrase(t *testing.T, config string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "locked")
	copyDir(t, config, dir)
	root, err := seal.Open(dir, seal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	err = root.Rewrap(seal.Options{Seal: seal.Passphrase, Passphrase: func() ([]byte, error) { return []byte("correct horse"), nil }})
	if err != nil {
		t.Fatal(err)
	}
	if err := root.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

func damagedKeyring(t *testing.T, config string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "damaged")
	copyDir(t, config, dir)
	flip(t, filepath.Join(dir, "keyring"), 100)
	return dir
}

func wideKeyring(t *testing.T, config string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "wide")
	copyDir(t, config, dir)
	if err := os.Chmod(filepath.Join(dir, "keyring"), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestNotADataDirectory(t *testing.T) {
	t.Parallel()
	for _, dir := range []string{t.TempDir(), filepath.Join(t.TempDir(), "none")} {
		if _, err := inspect.Run(context.Background(), inspect.Options{Dir: dir, ConfigDir: t.TempDir()}); err == nil {
			t.Errorf("%s was inspected", dir)
		}
	}
}

func TestRotatedRootKey(t *testing.T) {
	t.Parallel()
	at := build(t)
	root, err := seal.Open(at.config, seal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := root.Rotate(); err != nil {
		t.Fatal(err)
	}
	if err := root.Close(); err != nil {
		t.Fatal(err)
	}
	s := start(t, at)
	made := s.call("kms", "CreateKey", `{}`)
	s.createTable("later", customerKey(made["KeyMetadata"].(map[string]any)["KeyId"].(string)))
	s.call("dynamodb", "UpdateTable", `{"TableName":"managed",`+strings.TrimSuffix(customerKey(
		made["KeyMetadata"].(map[string]any)["KeyId"].(string)), ",")+`}`)
	s.stop()
	report := at.inspect(t)
	if report.Verdict != inspect.Authentic || len(report.RootKey.Versions) != 2 {
		t.Fatal(describe(report))
	}
	for _, table := range report.Tables {
		switch {
		case table.Name == "later" && table.RootVersion != 2, table.Name == "owned" && table.RootVersion != 1,
			table.Name == "managed" && (table.RootVersion != 2 || table.TableKey != 2 || table.Encryption != "CUSTOMER_MANAGED"):
			t.Errorf("%+v", table)
		}
	}
}
