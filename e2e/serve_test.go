package e2e

import (
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestServeSignatures holds AWS's answers to requests that are not signed as they should be.
func TestServeSignatures(t *testing.T) {
	t.Parallel()
	s := startServe(t, t.TempDir())
	good := newRaw(s)
	good.call(t, "dynamodb.ListTables", m{})
	body := []byte("{}")
	const mismatch = "The request signature we calculated does not match the signature you provided. " +
		"Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
	for _, c := range []struct {
		name, code, message string
		change              func(r *raw) *http.Request
	}{
		{"wrong secret", "InvalidSignatureException", mismatch, func(r *raw) *http.Request {
			r.key.secret = "x" + r.key.secret
			return signed(t, r, body)
		}},
		{"unknown key", "UnrecognizedClientException", "The security token included in the request is invalid.", func(r *raw) *http.Request {
			r.key.id = "AKIAIOSFODNN7EXAMPLE"
			return signed(t, r, body)
		}},
		{"an account's number as key", "UnrecognizedClientException", "The security token included in the request is invalid.", func(r *raw) *http.Request {
			r.key.id = "123456789012"
			return signed(t, r, body)
		}},
		{"unsigned", "MissingAuthenticationTokenException", "Request is missing Authentication Token", func(r *raw) *http.Request {
			req := signed(t, r, body)
			req.Header.Del("Authorization")
			return req
		}},
		{"another body", "InvalidSignatureException", mismatch, func(r *raw) *http.Request {
			req := signed(t, r, []byte(`{"Limit":1}`))
			other := signed(t, r, []byte(`{"Limit":2}`))
			other.Header = req.Header
			return other
		}},
		{"another service", "InvalidSignatureException", "Credential should be scoped to correct service: 'dynamodb'. ", func(r *raw) *http.Request {
			req := signed(t, r, body)
			if err := r.sign(req, "kms", body); err != nil {
				t.Fatal(err)
			}
			return req
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRaw(s)
			got, err := r.send(c.change(r))
			if err != nil || got.Status != 400 || got.Code != c.code || got.Message != c.message {
				t.Errorf("%d %s: %s %v", got.Status, got.Code, got.Message, err)
			}
		})
	}
	t.Run("stale and early", func(t *testing.T) { testDates(t, s) })
}

func signed(t *testing.T, r *raw, body []byte) *http.Request {
	t.Helper()
	req, err := r.request(t.Context(), "dynamodb.ListTables", body)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

func testDates(t *testing.T, s *server) {
	for offset, words := range map[time.Duration]string{
		-16 * time.Minute: "Signature expired: ", 16 * time.Minute: "Signature not yet current: ",
	} {
		r := newRaw(s)
		r.now = func() time.Time { return time.Now().Add(offset) }
		got, err := r.do(t.Context(), "dynamodb.ListTables", m{})
		if err != nil || got.Status != 400 || got.Code != "InvalidSignatureException" || !strings.HasPrefix(got.Message, words) {
			t.Errorf("signed %s off: %d %s: %s %v", offset, got.Status, got.Code, got.Message, err)
		}
	}
}

// TestServeRestart stops and starts the server: keys, aliases, tables, items, credentials and the quota of changes are all there.
func TestServeRestart(t *testing.T) {
	t.Parallel()
	s := startServe(t, t.TempDir())
	checkModes(t, s)
	b := newClient(s)
	arn, id := b.newKey(t, m{"Description": "kept"})
	b.call(t, "kms.CreateAlias", m{"AliasName": "alias/kept", "TargetKeyId": id})
	sealed := b.call(t, "kms.Encrypt", m{"KeyId": "alias/kept", "Plaintext": binaryValue([]byte("secret")), "EncryptionContext": m{"a": "b"}})
	for i, sse := range []m{nil, {"Enabled": true}, under("alias/kept")} {
		name := fmt.Sprintf("table-%d", i)
		b.call(t, "dynamodb.CreateTable", tableInput(name, sse))
		b.call(t, "dynamodb.PutItem", m{"TableName": name, "Item": everyType("p", name)})
	}
	before := b.table(t, "table-2")
	key := s.key
	s = s.restart(t)
	if s.key != key {
		t.Error("the root access key changed over a restart")
	}
	b = newClient(s)
	for i := range 3 {
		name := fmt.Sprintf("table-%d", i)
		got := b.call(t, "dynamodb.GetItem", m{"TableName": name, "Key": m{"pk": attributeS("p"), "sk": attributeS(name)}})
		if at(got, "Item.NULL.NULL") != true {
			t.Errorf("after a restart, %s gave %v", name, got)
		}
	}
	if after := b.table(t, "table-2"); after["TableId"] != before["TableId"] || after["CreationDateTime"] != before["CreationDateTime"] {
		t.Errorf("the table's description changed over a restart: %v, %v", before, after)
	}
	opened := b.call(t, "kms.Decrypt", m{"CiphertextBlob": sealed["CiphertextBlob"], "EncryptionContext": m{"a": "b"}})
	if opened["KeyId"] != arn || opened["Plaintext"] != "c2VjcmV0" {
		t.Errorf("decrypt after a restart: %v", opened)
	}
}

// checkModes looks at who may read the installation's files.
func checkModes(t *testing.T, s *server) {
	t.Helper()
	for _, dir := range []string{s.data(), s.config()} {
		info, err := os.Stat(dir)
		if err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("%s: %v %v", filepath.Base(dir), info.Mode(), err)
		}
	}
	for _, name := range []string{"keyring", "credentials"} {
		info, err := os.Stat(filepath.Join(s.config(), name))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", name, info.Mode(), err)
		}
	}
	_ = filepath.WalkDir(s.data(), func(path string, entry fs.DirEntry, err error) error {
		name := entry.Name()
		if name == "keyring-version" {
			return nil // which keyring the data need, and nothing of it
		}
		if err != nil || strings.Contains(name, "keyring") || strings.Contains(name, "credentials") {
			t.Errorf("%s lies in the data directory (%v)", name, err)
		}
		return nil
	})
}

// TestServeTwice starts a second server on a data directory that is in use.
func TestServeTwice(t *testing.T) {
	t.Parallel()
	s := startServe(t, t.TempDir())
	second := launchServe(t, s.home)
	if code := second.exitCode(t); code != 1 || !strings.Contains(second.log.String(), "in use") {
		t.Errorf("a second server on the same directory: exit code %d: %s", code, second.log)
	}
	newRaw(s).call(t, "dynamodb.ListTables", m{})
}

// TestServeKeyring starts on data whose keyring is missing, another installation's, damaged, or readable by others.
func TestServeKeyring(t *testing.T) {
	t.Parallel()
	s, other := startServe(t, t.TempDir()), startServe(t, t.TempDir())
	r := newRaw(s)
	r.call(t, "dynamodb.CreateTable", tableInput("kept", nil))
	s.stop(t)
	other.stop(t)
	path := filepath.Join(s.config(), "keyring")
	keyring, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := os.ReadFile(filepath.Join(other.config(), "keyring"))
	if err != nil {
		t.Fatal(err)
	}
	damaged := append([]byte(nil), keyring...)
	damaged[len(damaged)/2] ^= 1
	for _, c := range []struct {
		name    string
		content []byte
		mode    fs.FileMode
		code    int
		words   string
	}{
		{"missing", nil, 0, 5, "keyring"},
		{"another installation's", foreign, 0o600, 5, "installation"},
		{"damaged", damaged, 0o600, 1, "keyring"},
		{"readable by others", keyring, 0o644, 5, "chmod 600"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_ = os.Remove(path)
			if c.content != nil {
				if err := os.WriteFile(path, c.content, c.mode); err != nil {
					t.Fatal(err)
				}
			}
			refused := launchServe(t, s.home)
			if code := refused.exitCode(t); code != c.code || !strings.Contains(refused.log.String(), c.words) {
				t.Errorf("exit code %d: %s", code, refused.log)
			}
			if _, err := os.Stat(path); c.content == nil && err == nil {
				t.Error("a new keyring was made over data that it cannot open")
			}
		})
	}
	if err := os.WriteFile(path, keyring, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	s = startServe(t, s.home)
	newRaw(s).call(t, "dynamodb.DescribeTable", m{"TableName": "kept"})
}

// TestPassphrase locks the root key with a passphrase.
func TestPassphrase(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	right, wrong := filepath.Join(home, "right"), filepath.Join(home, "wrong")
	for path, text := range map[string]string{right: "correct horse battery staple\n", wrong: "incorrect\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := startServe(t, home, "--seal", "passphrase", "--passphrase-file", right)
	newRaw(s).call(t, "dynamodb.CreateTable", tableInput("kept", nil))
	s.stop(t)
	refused := launchServe(t, home, "--passphrase-file", wrong)
	if code := refused.exitCode(t); code != 5 || !strings.Contains(refused.log.String(), "passphrase") {
		t.Errorf("a wrong passphrase: exit code %d: %s", code, refused.log)
	}
	s = startServe(t, home, "--passphrase-file", right)
	newRaw(s).call(t, "dynamodb.DescribeTable", m{"TableName": "kept"})
}

// TestUsage holds the exit codes of commands that are mistyped.
func TestUsage(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args  string
		code  int
		words string
	}{
		{"version", 0, "sealtable "},
		{"help", 0, "sealtable serve"},
		{"serve --bogus", 2, "unknown flag: --bogus"},
		{"serve more", 2, `takes no argument "more"`},
		{"nonsense", 2, `unknown command "nonsense"`},
		{"serve --listen nowhere", 2, "--listen nowhere is not HOST:PORT"},
		{"serve --listen 0.0.0.0:0", 2, "has no TLS"},
		{"dev --account 12", 2, "is not an account id of 12 digits"},
		{"env", 1, "sealtable env --dev"},
	} {
		out, code := run(t, strings.Fields(c.args)...)
		if code != c.code || !strings.Contains(out, c.words) {
			t.Errorf("sealtable %s: exit code %d: %s", c.args, code, out)
		}
	}
}

// TestOperator asks the server about itself, without a signature.
func TestOperator(t *testing.T) {
	t.Parallel()
	s := startServe(t, t.TempDir())
	for path, status := range map[string]int{
		"health/live": 200, "health/ready": 200, "info": 200, "clock": 404, "nothing": 404, "": 404,
	} {
		response, err := newHTTP().Get(s.endpoint + "/_sealtable/" + path)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != status {
			t.Errorf("/_sealtable/%s: %s", path, response.Status)
		}
	}
}
