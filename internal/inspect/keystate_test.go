package inspect_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/sealtable/sealtable/internal/inspect"
)

// TestUnusableKeys shows what inspect does with a key that P2 keeps everybody from using: the blocks are authenticated, the state
// is told, and nothing is shown of the rows (installation.inspect looks for that).
func TestUnusableKeys(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	at := installation{data: filepath.Join(dir, "data"), config: filepath.Join(dir, "config")}
	s := start(t, at)
	key := s.fill()
	s.call("kms", "DisableKey", fmt.Sprintf(`{"KeyId":%q}`, key))
	s.stop()
	expectState(t, at, key, inspect.Authentic, "Disabled", true)

	s = start(t, at)
	s.call("kms", "ScheduleKeyDeletion", fmt.Sprintf(`{"KeyId":%q,"PendingWindowInDays":7}`, key))
	s.stop()
	expectState(t, at, key, inspect.Authentic, "PendingDeletion", true)

	s = start(t, at)
	res, err := http.Post(s.url+"/_sealtable/clock", "application/json", strings.NewReader(`{"advance":"200h"}`))
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("moving the clock: %v %v", res, err)
	}
	_ = res.Body.Close()
	s.stop()
	expectState(t, at, key, inspect.Wrong, "Deleted", false)
}

func expectState(t *testing.T, at installation, key string, verdict inspect.Verdict, state string, opened bool) {
	t.Helper()
	report := at.inspect(t)
	if report.Verdict != verdict {
		t.Errorf("%s: %s", state, describe(report))
	}
	for _, table := range report.Tables {
		if strings.HasSuffix(table.KMSKey, key) && (table.KMSKeyState != state || table.Opened != opened) {
			t.Errorf("%s: %+v", state, table)
		}
	}
}

func TestDeletedTable(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	at := installation{data: filepath.Join(dir, "data"), config: filepath.Join(dir, "config")}
	s := start(t, at)
	s.fill()
	s.call("dynamodb", "DeleteTable", `{"TableName":"customer"}`)
	s.put("owned", 20, 22)
	s.stop()
	report := at.inspect(t)
	if report.Verdict != inspect.Authentic || report.Summary.Tables != 3 {
		t.Errorf("%d tables: %s", report.Summary.Tables, describe(report))
	}
}

// TestRunningServer inspects while the server writes: whatever moment it sees, nothing is wrong, and the server is not disturbed.
func TestRunningServer(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	at := installation{data: filepath.Join(dir, "data"), config: filepath.Join(dir, "config")}
	s := start(t, at)
	s.fill()
	var work sync.WaitGroup
	done := make(chan struct{})
	work.Go(func() {
		for n := 100; ; n++ {
			select {
			case <-done:
				return
			default:
				s.put("owned", n, n+1)
			}
		}
	})
	for range 5 {
		if report := at.inspect(t); report.Verdict != inspect.Authentic {
			t.Error(describe(report))
		}
	}
	close(done)
	work.Wait()
	s.createTable("after", "")
	s.put("after", 0, 3)
	s.stop()
	if report := at.inspect(t); report.Verdict != inspect.Authentic || report.Summary.Tables != 5 {
		t.Error(describe(report))
	}
}

// importMaterial does what the owner of a key's material does.
func (r *running) importMaterial(key string) {
	r.t.Helper()
	given := r.call("kms", "GetParametersForImport",
		fmt.Sprintf(`{"KeyId":%q,"WrappingAlgorithm":"RSAES_OAEP_SHA_256","WrappingKeySpec":"RSA_2048"}`, key))
	der, err := base64.StdEncoding.DecodeString(given["PublicKey"].(string))
	if err != nil {
		r.t.Fatal(err)
	}
	public, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		r.t.Fatal(err)
	}
	wrapped, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, public.(*rsa.PublicKey), bytes.Repeat([]byte{7}, 32), nil)
	if err != nil {
		r.t.Fatal(err)
	}
	r.call("kms", "ImportKeyMaterial", fmt.Sprintf(`{"KeyId":%q,"ImportToken":%q,"EncryptedKeyMaterial":%q,
		"ExpirationModel":"KEY_MATERIAL_DOES_NOT_EXPIRE"}`, key, given["ImportToken"], base64.StdEncoding.EncodeToString(wrapped)))
}

// TestKeyThatWaitsForItsReplica: a primary key whose imported material was taken away is whole, in every state.
func TestKeyThatWaitsForItsReplica(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	at := installation{data: filepath.Join(dir, "data"), config: filepath.Join(dir, "config")}
	s := start(t, at)
	made := s.call("kms", "CreateKey", `{"Origin":"EXTERNAL","MultiRegion":true}`)
	id := made["KeyMetadata"].(map[string]any)["KeyId"].(string)
	s.importMaterial(id)
	s.call("kms", "ReplicateKey", fmt.Sprintf(`{"KeyId":%q,"ReplicaRegion":"eu-west-1"}`, id))
	s.call("kms", "ScheduleKeyDeletion", fmt.Sprintf(`{"KeyId":%q,"PendingWindowInDays":7}`, id))
	s.call("kms", "DeleteImportedKeyMaterial", fmt.Sprintf(`{"KeyId":%q}`, id))
	state := s.call("kms", "DescribeKey", fmt.Sprintf(`{"KeyId":%q}`, id))["KeyMetadata"].(map[string]any)["KeyState"]
	if state != "PendingReplicaDeletion" {
		t.Fatalf("the key is %v", state)
	}
	s.stop()
	if report := at.inspect(t); report.Verdict != inspect.Authentic {
		t.Error(describe(report))
	}
}
