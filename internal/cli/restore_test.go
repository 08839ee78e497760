package cli_test

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sealtable/sealtable/internal/cli"
)

// credentialScope signs as an account does in dev, where its number is an access key.
func credentialScope(account, operation string) map[string]string {
	now := time.Now().UTC()
	return map[string]string{
		"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": "DynamoDB_20120810." + operation,
		"X-Amz-Date": now.Format("20060102T150405Z"),
		"Authorization": "AWS4-HMAC-SHA256 Credential=" + account + "/" + now.Format("20060102") +
			"/us-east-1/dynamodb/aws4_request, SignedHeaders=host;x-amz-date;x-amz-target, Signature=" + strings.Repeat("0", 64),
	}
}

func (w *sealedWorld) call(account, operation, body string) string {
	w.t.Helper()
	code, answer := answerOf(w.t, http.MethodPost, w.url+"/", body, credentialScope(account, operation))
	if code != http.StatusOK {
		w.t.Fatalf("%s: %d %s", operation, code, answer)
	}
	return answer
}

const twoTables = `{"TableName":"music","BillingMode":"PAY_PER_REQUEST","SSESpecification":{"Enabled":true},
	"AttributeDefinitions":[{"AttributeName":"id","AttributeType":"S"}],"KeySchema":[{"AttributeName":"id","KeyType":"HASH"}]}`

// TestRestoreElsewhere exports the keyring of an installation with two accounts, loses the machine, and goes on on another one with
// the data directory's backup. A torn export, and a wrong passphrase, make nothing.
func TestRestoreElsewhere(t *testing.T) {
	w := newSealedWorld(t)
	w.write(w.passphraseFile, "correct horse\n")
	w.open(false)
	accounts := []string{"123456789012", "111122223333"}
	for _, account := range accounts {
		w.call(account, "CreateTable", twoTables)
		w.call(account, "PutItem", `{"TableName":"music","Item":{"id":{"S":"1"},"of":{"S":"`+account+`"}}}`)
	}
	export, recovery := filepath.Join(t.TempDir(), "export"), filepath.Join(t.TempDir(), "recovery")
	w.write(recovery, "far from the data\n")
	code, out := w.run("keys", "export", export, "--passphrase-file", w.right, "--recovery-passphrase-file", recovery)
	if code != 0 {
		t.Fatal(out)
	}
	if err := w.server.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(w.config); err != nil {
		t.Fatal(err)
	}
	w.config = filepath.Join(t.TempDir(), "elsewhere")
	whole, err := os.ReadFile(export)
	if err != nil {
		t.Fatal(err)
	}
	restore := func(from, passphrase string) (int, string) {
		return w.run("keys", "restore", from, "--recovery-passphrase-file", passphrase)
	}
	torn := filepath.Join(t.TempDir(), "torn")
	for _, size := range []int{0, 7, 40, len(whole) / 2, len(whole) - 1} {
		w.write(torn, string(whole[:size]))
		if code, out := restore(torn, recovery); code != 1 || !strings.Contains(out, "use another copy of the export") {
			t.Errorf("cut to %d bytes: %d %s", size, code, out)
		}
	}
	if code, out := restore(export, w.wrong); code != 5 {
		t.Errorf("a wrong passphrase: %d %s", code, out)
	}
	if _, err := os.Lstat(w.config); err == nil {
		t.Error("something was made")
	}
	if code, out := restore(export, recovery); code != 0 {
		t.Fatal(out)
	}
	var report bytes.Buffer
	if code := cli.Main([]string{"inspect", w.data, "--config", w.config}, &report, &report); code != 0 {
		t.Fatal(report.String())
	}
	w.open(false)
	defer func() {
		if err := w.server.Close(); err != nil {
			t.Error(err)
		}
	}()
	for _, account := range accounts {
		if got := w.call(account, "GetItem", `{"TableName":"music","Key":{"id":{"S":"1"}}}`); !strings.Contains(got, account) {
			t.Errorf("account %s reads %s", account, got)
		}
	}
}
