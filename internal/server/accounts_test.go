package server

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/sealtable/sealtable/internal/auth/credentials"
)

const (
	accountA = "123456789012"
	accountB = "111122223333"
)

// twoAccounts is a server that checks signatures, with two accounts.
type twoAccounts struct {
	t      *testing.T
	url    string
	config string
	server *Server
	region string // that requests are signed for
	a, b   aws.Credentials
}

func newTwoAccounts(t *testing.T) *twoAccounts {
	t.Helper()
	dir := t.TempDir()
	w := &twoAccounts{t: t, config: filepath.Join(dir, "config"), region: "us-east-1"}
	s, err := Open(context.Background(), Config{
		DataDir: filepath.Join(dir, "data"), ConfigDir: w.config, Listen: []string{"127.0.0.1:0"}, Account: accountA, Region: "us-east-1",
		KeyCacheLifetime: time.Minute, KeySweep: time.Minute, ArchiveAfter: time.Hour, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	w.server, w.url = s, "http://"+s.Addresses()[0]
	w.a = aws.Credentials{AccessKeyID: s.RootCredentials().ID, SecretAccessKey: s.RootCredentials().Secret}
	added, err := credentials.AddAccount(w.config, accountB, "")
	if err == nil {
		err = s.loadAccounts()
	}
	if err != nil {
		t.Fatal(err)
	}
	w.b = aws.Credentials{AccessKeyID: added.Key.ID, SecretAccessKey: added.Key.Secret}
	return w
}

func (w *twoAccounts) send(who aws.Credentials, service string, header map[string]string, body string) (int, string) {
	w.t.Helper()
	req, err := http.NewRequest(http.MethodPost, w.url+"/", strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	for name, value := range header {
		req.Header.Set(name, value)
	}
	sum := sha256.Sum256([]byte(body))
	if err := v4.NewSigner().SignHTTP(w.t.Context(), who, req, hex.EncodeToString(sum[:]), service, w.region, time.Now()); err != nil {
		w.t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return res.StatusCode, string(answer)
}

// json calls an operation of a JSON service.
func (w *twoAccounts) json(who aws.Credentials, service, operation string, in map[string]any) (int, string) {
	w.t.Helper()
	target := map[string]string{"dynamodb": "DynamoDB_20120810", "kms": "TrentService"}[service]
	if in == nil {
		in = map[string]any{}
	}
	body, err := json.Marshal(in)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.send(who, service, map[string]string{"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": target + "." + operation},
		string(body))
}

// form calls an operation of a query service.
func (w *twoAccounts) form(who aws.Credentials, service, version string, pairs ...string) (int, string) {
	w.t.Helper()
	values := url.Values{"Version": {version}}
	for n := 0; n < len(pairs); n += 2 {
		values.Set(pairs[n], pairs[n+1])
	}
	return w.send(who, service, map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, values.Encode())
}

func (w *twoAccounts) iam(who aws.Credentials, pairs ...string) string {
	w.t.Helper()
	status, body := w.form(who, "iam", "2010-05-08", pairs...)
	if status != http.StatusOK {
		w.t.Fatalf("%v: %d %s", pairs, status, body)
	}
	return body
}

// must is the answer of a call that succeeds.
func (w *twoAccounts) must(who aws.Credentials, service, operation string, in map[string]any) string {
	w.t.Helper()
	status, body := w.json(who, service, operation, in)
	if status != http.StatusOK {
		w.t.Fatalf("%s: %d %s", operation, status, body)
	}
	return body
}

// refused sees that a call fails with a code.
func (w *twoAccounts) refused(code string, who aws.Credentials, service, operation string, in map[string]any) {
	w.t.Helper()
	if status, body := w.json(who, service, operation, in); status == http.StatusOK || !strings.Contains(body, code) {
		w.t.Errorf("%s %s: %d %s, want %s", service, operation, status, body, code)
	}
}

func table(name string) map[string]any {
	return map[string]any{
		"TableName": name, "BillingMode": "PAY_PER_REQUEST", "KeySchema": []map[string]string{{"AttributeName": "id", "KeyType": "HASH"}},
		"AttributeDefinitions": []map[string]string{{"AttributeName": "id", "AttributeType": "S"}},
	}
}

func find(t *testing.T, pattern, in string) string {
	t.Helper()
	m := regexp.MustCompile(pattern).FindStringSubmatch(in)
	if m == nil {
		t.Fatalf("no %s in %s", pattern, in)
	}
	return m[1]
}

// user makes a user who may do everything in its account, with an access key.
func (w *twoAccounts) user(root aws.Credentials, name, policy string) aws.Credentials {
	w.t.Helper()
	w.iam(root, "Action", "CreateUser", "UserName", name)
	w.iam(root, "Action", "PutUserPolicy", "UserName", name, "PolicyName", "p", "PolicyDocument", policy)
	made := w.iam(root, "Action", "CreateAccessKey", "UserName", name)
	return aws.Credentials{
		AccessKeyID:     find(w.t, `<AccessKeyId>(\w+)</AccessKeyId>`, made),
		SecretAccessKey: find(w.t, `<SecretAccessKey>([^<]+)</SecretAccessKey>`, made),
	}
}

const everything = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`

// TestAccountsAreApart gives both accounts a table, a key and a user of the same name.
func TestAccountsAreApart(t *testing.T) {
	w := newTwoAccounts(t)
	for account, who := range map[string]aws.Credentials{accountA: w.a, accountB: w.b} {
		if _, body := w.form(who, "sts", "2011-06-15", "Action", "GetCallerIdentity"); !strings.Contains(body,
			"arn:aws:iam::"+account+":root") {
			t.Error(body)
		}
		w.must(who, "dynamodb", "CreateTable", table("music"))
		item := map[string]any{"id": map[string]string{"S": "1"}, "of": map[string]string{"S": account}}
		w.must(who, "dynamodb", "PutItem", map[string]any{"TableName": "music", "Item": item})
		w.must(who, "kms", "CreateKey", map[string]any{"Description": account})
		w.iam(who, "Action", "CreateUser", "UserName", "alice")
	}
	for account, who := range map[string]aws.Credentials{accountA: w.a, accountB: w.b} {
		got := w.must(who, "dynamodb", "GetItem",
			map[string]any{"TableName": "music", "Key": map[string]any{"id": map[string]string{"S": "1"}}})
		if !strings.Contains(got, account) {
			t.Errorf("account %s reads %s", account, got)
		}
		if keys := w.must(who, "kms", "ListKeys", nil); strings.Count(keys, `"KeyId"`) != 1 {
			t.Errorf("account %s has the keys %s", account, keys)
		}
		if users := w.iam(who, "Action", "ListUsers"); strings.Count(users, "<UserName>") != 1 || !strings.Contains(users, account) {
			t.Errorf("account %s has the users %s", account, users)
		}
	}
	abroad := w.user(w.b, "eve", everything)
	w.refused("AccessDenied", abroad, "dynamodb", "GetItem", map[string]any{
		"TableName": "arn:aws:dynamodb:us-east-1:" + accountA + ":table/music", "Key": map[string]any{"id": map[string]string{"S": "1"}},
	})
	if _, err := credentials.RemoveAccount(w.config, accountB); err != nil {
		t.Fatal(err)
	}
	if err := w.server.loadAccounts(); err != nil {
		t.Fatal(err)
	}
	w.refused("UnrecognizedClientException", w.b, "dynamodb", "ListTables", nil)
	w.must(abroad, "dynamodb", "ListTables", nil) // its users stay
}

// TestKeysAcrossAccounts needs both sides, and lets in from abroad only what AWS lets in ("Allowing users in other accounts to use
// a KMS key" in the KMS developer guide).
func TestKeysAcrossAccounts(t *testing.T) {
	w := newTwoAccounts(t)
	arn := find(t, `"Arn":"([^"]+)"`, w.must(w.a, "kms", "CreateKey", nil))
	may, mayNot := w.user(w.b, "may", everything), w.user(w.b, "may-not",
		strings.Replace(everything, `"Action":"*"`, `"Action":"dynamodb:*"`, 1))
	use := map[string]any{"KeyId": arn, "Plaintext": []byte("hello")}
	w.refused("AccessDeniedException", may, "kms", "Encrypt", use) // the key's side is missing
	w.must(w.a, "kms", "PutKeyPolicy", map[string]any{"KeyId": arn, "PolicyName": "default", "Policy": fmt.Sprintf(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":["arn:aws:iam::%s:root","arn:aws:iam::%s:root"]},"Action":"kms:*","Resource":"*"}]}`,
		accountA, accountB)})
	w.refused("AccessDeniedException", mayNot, "kms", "Encrypt", use) // the caller's side is missing
	blob := find(t, `"CiphertextBlob":"([^"]+)"`, w.must(may, "kms", "Encrypt", use))
	w.must(may, "kms", "Decrypt", map[string]any{"KeyId": arn, "CiphertextBlob": blob})
	key := map[string]any{"KeyId": arn}
	for _, operation := range []string{"DescribeKey", "GetKeyRotationStatus", "ListGrants"} {
		w.must(may, "kms", operation, key)
	}
	w.must(may, "kms", "GenerateDataKey", map[string]any{"KeyId": arn, "NumberOfBytes": 32})
	w.must(may, "kms", "CreateGrant", map[string]any{"KeyId": arn, "GranteePrincipal": "arn:aws:iam::" + accountB + ":user/may-not",
		"Operations": []string{"Decrypt"}})
	w.must(mayNot, "kms", "Decrypt", map[string]any{"KeyId": arn, "CiphertextBlob": blob}) // by the grant
	for _, operation := range []string{"DisableKey", "EnableKey", "EnableKeyRotation", "ListResourceTags"} {
		w.refused("Exception", may, "kms", operation, key)
	}
	w.refused("Exception", may, "kms", "GetKeyPolicy", map[string]any{"KeyId": arn, "PolicyName": "default"})
	w.refused("Exception", may, "kms", "ScheduleKeyDeletion", key)
	w.refused("NotFoundException", may, "kms", "Encrypt",
		map[string]any{"KeyId": arn[strings.LastIndex(arn, "/")+1:], "Plaintext": []byte("x")})
	if state := w.must(w.a, "kms", "DescribeKey", key); !strings.Contains(state, `"KeyState":"Enabled"`) {
		t.Error(state)
	}
}

// TestRolesAcrossAccounts needs the role's trust and a policy of the caller's account.
func TestRolesAcrossAccounts(t *testing.T) {
	w := newTwoAccounts(t)
	trust := fmt.Sprintf(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::%s:root"},"Action":"sts:AssumeRole"}]}`,
		accountB,
	)
	w.iam(w.a, "Action", "CreateRole", "RoleName", "reader", "AssumeRolePolicyDocument", trust)
	w.iam(w.a, "Action", "PutRolePolicy", "RoleName", "reader", "PolicyName", "p", "PolicyDocument", everything)
	w.must(w.a, "dynamodb", "CreateTable", table("of-a"))
	role := "arn:aws:iam::" + accountA + ":role/reader"
	assume := func(who aws.Credentials) (int, string) {
		return w.form(who, "sts", "2011-06-15", "Action", "AssumeRole", "RoleArn", role, "RoleSessionName", "session")
	}
	may, mayNot := w.user(w.b, "may", everything), w.user(w.b, "may-not",
		strings.Replace(everything, `"Action":"*"`, `"Action":"dynamodb:*"`, 1))
	if status, body := assume(mayNot); status != http.StatusForbidden || !strings.Contains(body, "AccessDenied") {
		t.Errorf("without a policy of its own: %d %s", status, body)
	}
	if status, body := assume(w.user(w.a, "home", everything)); status != http.StatusForbidden {
		t.Errorf("whom the role does not trust: %d %s", status, body)
	}
	status, body := assume(may)
	if status != http.StatusOK {
		t.Fatal(status, body)
	}
	session := aws.Credentials{
		AccessKeyID:     find(t, `<AccessKeyId>(\w+)</AccessKeyId>`, body),
		SecretAccessKey: find(t, `<SecretAccessKey>([^<]+)</SecretAccessKey>`, body),
		SessionToken:    find(t, `<SessionToken>([^<]+)</SessionToken>`, body),
	}
	if tables := w.must(session, "dynamodb", "ListTables", nil); !strings.Contains(tables, "of-a") {
		t.Error(tables)
	}
	if tables := w.must(may, "dynamodb", "ListTables", nil); !bytes.Contains([]byte(tables), []byte("[]")) {
		t.Error(tables)
	}
}
