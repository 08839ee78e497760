package server

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sealtable/sealtable/internal/api"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/engine"
	"github.com/sealtable/sealtable/internal/keyring"
	"github.com/sealtable/sealtable/internal/service"
	"github.com/sealtable/sealtable/internal/service/dynamodb"
	"github.com/sealtable/sealtable/internal/storage"
	"github.com/sealtable/sealtable/internal/strictjson"
)

// watcher sees every call of the key service before it is recorded.
type watcher struct {
	next service.Recorder
	saw  func(r service.Record)
}

func (w watcher) Record(r service.Record) {
	w.saw(r)
	w.next.Record(r)
}

// watch lets see know of the calls of the key service from now on.
func (s *Server) watch(see func(r service.Record)) { s.path.Recorder = watcher{s.path.Recorder, see} }

var testScope = keyring.Scope{Account: "123456789012", Region: "us-east-1"}

// key makes a key that its account may use, with more statements in its policy.
func (s *Server) key(t *testing.T, more string) *keyring.Key {
	t.Helper()
	key, err := s.keys.Create(t.Context(), keyring.NewKey{Scope: testScope, Policy: `{"Version":"2012-10-17",
		"Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":"kms:*","Resource":"*"}` + more +
		`]}`})
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func under(id string) string { return `{"Enabled":true,"SSEType":"KMS","KMSMasterKeyId":"` + id + `"}` }

func (s *Server) putUnder(t *testing.T, id string) error {
	t.Helper()
	return s.call(t, "UpdateTable", `{"TableName":"orders","SSESpecification":`+under(id)+`}`)
}

// grants counts the database's grants on the keys of the installation, by key.
func (s *Server) grants() map[string]int {
	count := map[string]int{}
	s.keys.EachGrant(func(key *keyring.Key, _ *keyring.Grant) { count[key.ID()]++ })
	return count
}

func codeOf(err error) string {
	if known := (*api.Error)(nil); errors.As(err, &known) {
		return known.Code
	}
	return fmt.Sprint(err)
}

func (s *Server) write(t *testing.T) error {
	t.Helper()
	return s.call(t, "PutItem", `{"TableName":"orders","Item":{"id":{"S":"a"}}}`)
}

// While one call changes a table's key, another change (to the same key or another one) answered 500 and retired the grant of the
// first, and the next sweep closed the table; a deletion went through underneath.
func TestChangesOfATablesKeyAreSerial(t *testing.T) {
	for _, moment := range []string{"CreateGrant", "GenerateDataKey"} {
		s, _ := openForTest(t, filepath.Join(t.TempDir(), "data"))
		old, next := s.key(t, ""), s.key(t, "")
		third := s.key(t, "")
		s.create(t, under(old.ID()))
		seen := 0
		s.watch(func(r service.Record) {
			if r.Operation != moment {
				return
			}
			seen++
			for _, err := range []error{s.putUnder(t, next.ID()), s.putUnder(t, third.ARN()),
				s.call(t, "DeleteTable", `{"TableName":"orders"}`)} {
				if codeOf(err) != "ResourceInUseException" {
					t.Errorf("while the key changes (%s): %v", moment, err)
				}
			}
		})
		if err := s.putUnder(t, next.ID()); err != nil || seen != 1 {
			t.Errorf("the first change: %v, seen %d times", err, seen)
		}
		s.sweepKeys(t.Context(), s.clock.Now())
		if got := fmt.Sprint(s.grants()); got != fmt.Sprint(map[string]int{next.ID(): 1}) {
			t.Errorf("grants: %v", got)
		}
		if now := s.engine.AllTables()[0]; !now.Encryption.InaccessibleSince.IsZero() {
			t.Error("the table is inaccessible")
		}
		if err := s.write(t); err != nil {
			t.Error(err)
		}
	}
}

// Changes of key, sweeps and calls on items run into each other: nobody is refused for another reason than that the table is being
// changed, and one grant is left.
func TestChangesOfKeyUnderLoad(t *testing.T) {
	s, _ := openForTest(t, filepath.Join(t.TempDir(), "data"))
	keys := []*keyring.Key{s.key(t, ""), s.key(t, "")}
	s.create(t, under(keys[0].ID()))
	var wg sync.WaitGroup
	for round := range 4 {
		for range 3 {
			wg.Go(func() {
				err := s.putUnder(t, keys[round%2].ID())
				if code := codeOf(err); err != nil && code != "ResourceInUseException" && code != "LimitExceededException" {
					t.Errorf("a change of key: %v", err)
				}
			})
		}
		wg.Go(func() {
			for range 20 {
				if err := s.write(t); err != nil {
					t.Errorf("a write: %v", err)
				}
			}
		})
		wg.Go(func() { s.sweepKeys(t.Context(), s.clock.Now()) })
		wg.Wait()
	}
	s.sweepKeys(t.Context(), s.clock.Now())
	now := s.engine.AllTables()[0]
	if got := s.grants(); len(got) != 1 || !now.Encryption.InaccessibleSince.IsZero() {
		t.Errorf("grants %v, inaccessible since %v", got, now.Encryption.InaccessibleSince)
	}
}

// A table whose grant was revoked is mended by a change to its own key, by ARN as well as by id; while all is well, the ARN is refused.
func TestOwnKeyMendsARevokedGrant(t *testing.T) {
	for _, byID := range []bool{true, false} {
		s, _ := openForTest(t, filepath.Join(t.TempDir(), "data"))
		key := s.key(t, "")
		name := map[bool]string{true: key.ID(), false: key.ARN()}[byID]
		s.create(t, under(key.ID()))
		if err := s.putUnder(t, key.ARN()); !strings.Contains(fmt.Sprint(err), "Table is already encrypted with given KMSMasterKeyId") {
			t.Errorf("the same key again: %v", err)
		}
		s.keys.EachGrant(func(key *keyring.Key, g *keyring.Grant) {
			if err := s.keys.DeleteGrant(t.Context(), key, g.ID); err != nil {
				t.Error(err)
			}
		})
		s.sweepKeys(t.Context(), s.clock.Now())
		if code := codeOf(s.write(t)); code != "AccessDeniedException" {
			t.Errorf("without its grant: %s", code)
		}
		if err := s.putUnder(t, name); err != nil {
			t.Errorf("mending by %s: %v", name, err)
		}
		if err := s.write(t); err != nil {
			t.Errorf("after mending by %s: %v", name, err)
		}
		s.sweepKeys(t.Context(), s.clock.Now())
		if now := s.engine.AllTables()[0]; !now.Encryption.InaccessibleSince.IsZero() {
			t.Error("the table is still inaccessible")
		}
	}
}

// Grants that a crash left for tables which are not there stayed for good.
func TestSweepRetiresUnclaimedGrants(t *testing.T) {
	s, log := openForTest(t, filepath.Join(t.TempDir(), "data"))
	key, other := s.key(t, ""), s.key(t, "")
	table := s.create(t, under(key.ID()))
	leave := func(on *keyring.Key, id storage.TableID, grantee string) {
		_, _, err := s.keys.CreateGrant(t.Context(), on, keyring.Grant{Issuer: "123456789012", Grantee: grantee, Retiring: grantee,
			Name:       fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:]),
			Operations: []keyring.Operation{"Decrypt", "RetireGrant"}})
		if err != nil {
			t.Fatal(err)
		}
	}
	const database, somebody = "dynamodb.us-east-1.amazonaws.com", "arn:aws:iam::123456789012:role/somebody"
	leave(key, storage.TableID{9}, database)
	leave(other, table.ID, database)
	leave(other, storage.TableID{9}, somebody)
	var retired []string
	s.watch(func(r service.Record) {
		if r.Operation == "RetireGrant" && r.Err == nil {
			retired = append(retired, r.Caller.ARN)
		}
	})
	s.sweepKeys(t.Context(), s.clock.Now())
	if got, want := fmt.Sprint(s.grants()), fmt.Sprint(map[string]int{key.ID(): 1, other.ID(): 1}); got != want {
		t.Errorf("grants %v, want %v", got, want)
	}
	if fmt.Sprint(retired) != fmt.Sprint([]string{database, database}) {
		t.Errorf("the trail has %v", retired)
	}
	if n := strings.Count(log.String(), "retired a grant that no table claims"); n != 2 {
		t.Errorf("the log tells of %d: %s", n, log)
	}
}

// Deny kms:Decrypt for everybody did not stop what the database does on its own.
func TestKeyPolicyStopsBackgroundWork(t *testing.T) {
	s, _ := openForTest(t, filepath.Join(t.TempDir(), "data"))
	key := s.key(t, "")
	table := s.create(t, under(key.ID()))
	if err := s.write(t); err != nil {
		t.Fatal(err)
	}
	if err := s.tableKeys().Wake(t.Context(), table); err != nil {
		t.Fatal(err)
	}
	for _, everybody := range []string{`"*"`, `{"AWS":"*"}`} {
		err := s.keys.SetPolicy(t.Context(), key, `{"Version":"2012-10-17","Statement":[
			{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":"kms:*","Resource":"*"},
			{"Effect":"Deny","Principal":`+everybody+`,"Action":"kms:Decrypt","Resource":"*"}]}`)
		if err != nil {
			t.Fatal(err)
		}
		s.clock.Advance(time.Minute)
		if err := s.tableKeys().Wake(t.Context(), table); err == nil {
			t.Errorf("the database goes on although %s may not decrypt", everybody)
		}
	}
}

// The database's own work said nothing of a table whose key it may not use; and while the clock is moved by a year, each thing
// happens at its time: the table is closed by the first sweep and archived seven days later.
func TestAYearWithAnUnusableKey(t *testing.T) {
	s, log := openForTest(t, filepath.Join(t.TempDir(), "data"))
	s.config.ArchiveAfter = 7 * 24 * time.Hour
	key := s.key(t, "")
	s.create(t, under(key.ID()))
	begin := s.clock.Now()
	until := begin.Add(90 * 24 * time.Hour).Unix()
	for operation, input := range map[string]string{
		"UpdateTimeToLive": `{"TableName":"orders","TimeToLiveSpecification":{"AttributeName":"until","Enabled":true}}`,
		"PutItem":          `{"TableName":"orders","Item":{"id":{"S":"a"},"until":{"N":"` + fmt.Sprint(until) + `"}}}`,
	} {
		if err := s.call(t, operation, input); err != nil {
			t.Fatal(err)
		}
	}
	s.clock.Advance(30 * 24 * time.Hour)
	disabled := s.clock.Now()
	if err := s.keys.Disable(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	s.clock.Advance(365 * 24 * time.Hour)
	e := s.engine.AllTables()[0].Encryption
	if e.InaccessibleSince.Sub(disabled) > time.Hour || e.InaccessibleSince.Before(disabled) {
		t.Errorf("disabled at %v, found at %v", disabled, e.InaccessibleSince)
	}
	if after := e.ArchivedAt.Sub(e.InaccessibleSince); after < s.config.ArchiveAfter || after > s.config.ArchiveAfter+time.Hour {
		t.Errorf("archived after %v", after)
	}
	if n := strings.Count(log.String(), "skipping table: key unusable"); n != 1 {
		t.Errorf("the log tells %d times: %s", n, log)
	}
	if err := s.keys.Enable(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	s.clock.Advance(2 * time.Hour)
	s.upkeep.Settle()
	page, err := s.engine.Scan(t.Context(), s.engine.AllTables()[0], engine.Scan{})
	if err != nil || len(page.Items) != 0 {
		t.Errorf("the item that has expired is still there: %v %v", page, err)
	}
}

// Calls on the items of a table whose key was deleted said InvalidCiphertextException, without a word; a change of its time to
// live answered 200.
func TestTableUnderADeletedOrDisabledKey(t *testing.T) {
	s, _ := openForTest(t, filepath.Join(t.TempDir(), "data"))
	key := s.key(t, "")
	s.create(t, under(key.ID()))
	live := func() error {
		return s.call(t, "UpdateTimeToLive", `{"TableName":"orders","TimeToLiveSpecification":{"AttributeName":"until","Enabled":true}}`)
	}
	if err := s.keys.Disable(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	if err := live(); !strings.HasPrefix(fmt.Sprint(err), "ValidationException: KMS key disabled error") {
		t.Errorf("time to live under a disabled key: %v", err)
	}
	if err := s.keys.ScheduleDeletion(t.Context(), key, 7); err != nil {
		t.Fatal(err)
	}
	s.clock.Advance(10 * 24 * time.Hour)
	if err := s.write(t); codeOf(err) != "AccessDeniedException" ||
		!strings.Contains(fmt.Sprint(err), "The ciphertext refers to a customer master key that does not exist") {
		t.Errorf("a write under a deleted key: %v", err)
	}
	s.sweepKeys(t.Context(), s.clock.Now())
	if now := s.engine.AllTables()[0]; now.Encryption.InaccessibleSince.IsZero() {
		t.Error("the table is not marked as inaccessible")
	}
}

// Eight callers at once came beyond the quota of tables.
func TestTableQuotaUnderLoad(t *testing.T) {
	s, _ := openForTest(t, filepath.Join(t.TempDir(), "data"))
	service := dynamodb.New(dynamodb.Options{Engine: s.engine, Keys: s.tableKeys(), Clock: s.clock, TableQuota: 3,
		Authorizer: s.path.Authorizer})
	create, _ := service.Table(s.path).Lookup("CreateTable")
	root := &auth.Caller{Type: auth.Root, Account: "123456789012", ARN: "arn:aws:iam::123456789012:root", Region: "us-east-1"}
	var wg sync.WaitGroup
	for n := range 8 {
		wg.Go(func() {
			input := fmt.Sprintf(`{"TableName":"orders%d","BillingMode":"PAY_PER_REQUEST",
				"AttributeDefinitions":[{"AttributeName":"id","AttributeType":"S"}],"KeySchema":[{"AttributeName":"id","KeyType":"HASH"}]}`, n)
			_, err := create.ServeJSON(t.Context(), root, strictjson.NewReader([]byte(input)), nil)
			if code := codeOf(err); err != nil && code != "LimitExceededException" {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := len(s.engine.AllTables()); n != 3 {
		t.Errorf("%d tables", n)
	}
}
