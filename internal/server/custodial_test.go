package server

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/auth/authorizer"
	"github.com/sealtable/sealtable/internal/engine"
	"github.com/sealtable/sealtable/internal/keyring"
	"github.com/sealtable/sealtable/internal/service"
	"github.com/sealtable/sealtable/internal/strictjson"
)

// openForTest opens an empty server and gives what it logs.
func openForTest(t *testing.T, dataDir string) (*Server, *bytes.Buffer) {
	t.Helper()
	log := new(bytes.Buffer)
	s, err := Open(context.Background(), Config{
		DataDir: dataDir, ConfigDir: filepath.Join(t.TempDir(), "config"), Listen: []string{"127.0.0.1:0"},
		Account: "123456789012", Region: "us-east-1", KeyCacheLifetime: time.Minute, KeySweep: time.Hour, ArchiveAfter: time.Hour,
		Log: slog.New(slog.NewTextHandler(log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, log
}

// call calls an operation of the database as root of the account.
func (s *Server) call(t *testing.T, operation, input string) error {
	t.Helper()
	return s.callIn(t, "us-east-1", operation, input)
}

func (s *Server) callIn(t *testing.T, region, operation, input string) error {
	t.Helper()
	path := &service.Path{Authorizer: authorizer.New(authorizer.RootOnly{}, s.clock), Recorder: s.trail}
	endpoint, ok := s.dynamodb.Table(path).Lookup(operation)
	if !ok {
		return fmt.Errorf("there is no %s", operation)
	}
	root := &auth.Caller{Type: auth.Root, Account: "123456789012", ARN: "arn:aws:iam::123456789012:root", UserID: "123456789012",
		Region: region, RequestID: "r"}
	_, err := endpoint.ServeJSON(t.Context(), root, strictjson.NewReader([]byte(input)), nil)
	return err
}

func (s *Server) create(t *testing.T, encryption string) *engine.Table {
	t.Helper()
	err := s.call(t, "CreateTable", `{"TableName":"orders","BillingMode":"PAY_PER_REQUEST","SSESpecification":`+encryption+`,
		"AttributeDefinitions":[{"AttributeName":"id","AttributeType":"S"}],"KeySchema":[{"AttributeName":"id","KeyType":"HASH"}]}`)
	if err != nil {
		t.Fatal(err)
	}
	return s.engine.AllTables()[0]
}

// A sweep that had looked at a table's key marked the table that took its name meanwhile, under another key.
func TestSweepLeavesATableAloneThatTookTheName(t *testing.T) {
	s, _ := openForTest(t, filepath.Join(t.TempDir(), "data"))
	old := s.create(t, `{"Enabled":true,"SSEType":"KMS"}`)
	if err := s.call(t, "DeleteTable", `{"TableName":"orders"}`); err != nil {
		t.Fatal(err)
	}
	s.create(t, `{"Enabled":false}`)
	s.noteAccess(t.Context(), old, false, s.clock.Now())
	if now := s.engine.AllTables()[0]; !now.Encryption.InaccessibleSince.IsZero() {
		t.Error("the new table is marked as inaccessible for the key of the old one")
	}
}

// Nothing said that others could write to the data directory.
func TestSharedDataDirectoryIsToldOf(t *testing.T) {
	for mode, warned := range map[os.FileMode]bool{0o700: false, 0o755: false, 0o777: true} {
		dir := t.TempDir()
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
		if _, log := openForTest(t, dir); strings.Contains(log.String(), "others may write") != warned {
			t.Errorf("mode %v: %s", mode, log)
		}
	}
}

// A table that could not be created left its grant on the key, one for each attempt.
func TestFailedCreationLeavesNoGrant(t *testing.T) {
	s, _ := openForTest(t, filepath.Join(t.TempDir(), "data"))
	key, err := s.keys.Create(t.Context(), keyring.NewKey{Scope: keyring.Scope{Account: "123456789012", Region: "us-east-1"}, Policy: `{"Version":"2012-10-17",
		"Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":"kms:*","Resource":"*"},
		{"Effect":"Deny","Principal":"*","Action":"kms:GenerateDataKey","Resource":"*"}]}`})
	if err != nil {
		t.Fatal(err)
	}
	err = s.call(t, "CreateTable", `{"TableName":"orders","BillingMode":"PAY_PER_REQUEST",
		"SSESpecification":{"Enabled":true,"SSEType":"KMS","KMSMasterKeyId":"`+key.ID()+`"},
		"AttributeDefinitions":[{"AttributeName":"id","AttributeType":"S"}],"KeySchema":[{"AttributeName":"id","KeyType":"HASH"}]}`)
	if err == nil {
		t.Fatal("the table was created")
	}
	if left, _ := key.Grants("", 10, func(*keyring.Grant) bool { return true }); len(left) != 0 {
		t.Errorf("%d grants are left after: %v", len(left), err)
	}
}
