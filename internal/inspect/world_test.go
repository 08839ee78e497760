package inspect_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sealtable/sealtable/internal/inspect"
	"github.com/sealtable/sealtable/internal/server"
)

// installation is a real one, made by a real server.
type installation struct{ data, config string }

// running is an installation with its server.
type running struct {
	installation
	t      *testing.T
	server *server.Server
	url    string
}

func start(t *testing.T, at installation) *running {
	t.Helper()
	s, err := server.Open(context.Background(), server.Config{
		DataDir: at.data, ConfigDir: at.config, Listen: []string{"127.0.0.1:0"}, Account: "123456789012", Region: "eu-central-1",
		KeyCacheLifetime: time.Minute, KeySweep: time.Minute, ArchiveAfter: time.Hour, Open: true, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	return &running{installation: at, t: t, server: s, url: "http://" + s.Addresses()[0]}
}

func (r *running) stop() {
	r.t.Helper()
	if err := r.server.Close(); err != nil {
		r.t.Fatal(err)
	}
}

// call makes a call as the AWS CLI does. The server is open: it takes any signature.
func (r *running) call(service, operation, body string) map[string]any {
	r.t.Helper()
	prefix := map[string]string{"dynamodb": "DynamoDB_20120810", "kms": "TrentService"}[service]
	req, err := http.NewRequest(http.MethodPost, r.url+"/", strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	now := time.Now().UTC()
	req.Header.Set("Content-Type", "application/x-amz-json-1.1")
	req.Header.Set("X-Amz-Target", prefix+"."+operation)
	req.Header.Set("X-Amz-Date", now.Format("20060102T150405Z"))
	req.Header.Set("Authorization", fmt.Sprintf("AWS4-HMAC-SHA256 Credential=test/%s/eu-central-1/%s/aws4_request, "+
		"SignedHeaders=host;x-amz-date;x-amz-target, Signature=%064d", now.Format("20060102"), service, 0))
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		r.t.Fatalf("%s: %d %s %v", operation, res.StatusCode, answer, err)
	}
	var out map[string]any
	if err := json.Unmarshal(answer, &out); err != nil && len(answer) > 0 {
		r.t.Fatalf("%s: %s: %v", operation, answer, err)
	}
	return out
}

func (r *running) createTable(name, encryption string) {
	r.t.Helper()
	r.call("dynamodb", "CreateTable", fmt.Sprintf(`{"TableName":%q,"BillingMode":"PAY_PER_REQUEST",%s
		"AttributeDefinitions":[{"AttributeName":"id","AttributeType":"S"}],"KeySchema":[{"AttributeName":"id","KeyType":"HASH"}]}`, name,
		encryption))
}

func (r *running) put(table string, from, to int) {
	r.t.Helper()
	for n := from; n < to; n++ {
		r.call("dynamodb", "PutItem", fmt.Sprintf(`{"TableName":%q,"Item":{"id":{"S":"%s-%d"},"text":{"S":%q}}}`,
			table, secretWord, n, secretWord+strings.Repeat(" lorem ipsum", 200)))
	}
}

// secretWord is in every item, and in no report.
const secretWord = "zanzibar"

func customerKey(key string) string {
	return fmt.Sprintf(`"SSESpecification":{"Enabled":true,"SSEType":"KMS","KMSMasterKeyId":%q},`, key)
}

const managedKey = `"SSESpecification":{"Enabled":true,"SSEType":"KMS"},`

// fill makes a table under each kind of key, and one without rows. It returns the id of the customer's key.
func (r *running) fill() string {
	r.t.Helper()
	made := r.call("kms", "CreateKey", `{}`)
	key := made["KeyMetadata"].(map[string]any)["KeyId"].(string)
	r.call("kms", "RotateKeyOnDemand", fmt.Sprintf(`{"KeyId":%q}`, key))
	r.createTable("owned", "")
	r.createTable("managed", managedKey)
	r.createTable("customer", customerKey(key))
	r.createTable("empty", customerKey(key))
	for _, table := range []string{"owned", "managed", "customer"} {
		r.put(table, 0, 12)
	}
	return key
}

// build makes an installation with everything in it: three tables with rows, one without, parked rows of a table that was not
// opened again after a crash, several files of the trail, and several segments of the journal.
func build(t *testing.T) installation {
	t.Helper()
	dir := t.TempDir()
	first := installation{data: filepath.Join(dir, "first"), config: filepath.Join(dir, "config")}
	s := start(t, first)
	s.fill()
	crashed := installation{data: filepath.Join(dir, "data"), config: first.config}
	copyDir(t, first.data, crashed.data) // as a crash would leave it: every answer was durable before
	s.stop()
	for range 2 { // the first start parks what tables have in the journal, and opens none of them
		s = start(t, crashed)
		s.call("dynamodb", "ListTables", `{}`)
		s.stop()
	}
	s = start(t, crashed)
	s.put("managed", 12, 14)
	s.put("owned", 12, 14)
	s.stop()
	return crashed
}

func copyDir(t *testing.T, from, to string) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(from, path)
		if entry.IsDir() {
			return os.MkdirAll(filepath.Join(to, rel), 0o700)
		}
		if entry.Name() == "LOCK" { // closing it would give the server's lock up: both are one process here
			return os.WriteFile(filepath.Join(to, rel), nil, 0o600)
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rel), content, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (at installation) inspect(t *testing.T) *inspect.Report {
	t.Helper()
	report, err := inspect.Run(context.Background(), inspect.Options{Dir: at.data, ConfigDir: at.config})
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := json.Marshal(report)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(encoded, []byte(secretWord)) {
		t.Error("the report shows what a table holds")
	}
	return report
}

func describe(report *inspect.Report) string {
	text := string(report.Verdict) + " " + report.Reason
	for _, p := range report.Problems {
		text += "\n  " + p.Path + ": " + p.What
	}
	return text
}
