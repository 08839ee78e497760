package report

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sealtable/sealtable/internal/audit"
	"github.com/sealtable/sealtable/internal/audit/fact"
)

// sample is a source of a few facts, one of them unfriendly.
type sample struct{}

func (sample) Read(_ context.Context, sink audit.Sink) error {
	sink.Scope(fact.Scope{Account: "111122223333", Caller: "arn:aws:iam::111122223333:user/auditor", RegionsFrom: fact.RegionsListed,
		Notes: []string{"a note"}})
	denied := &fact.Problem{Kind: fact.Denied, Action: "dynamodb:ListTables", Code: "AccessDeniedException",
		Message: "User: x is not authorized"}
	sink.Set(&fact.Set{Region: "eu-west-1", Tables: []*fact.Table{{Region: "eu-west-1", Name: "orders", Status: "ACTIVE"}}})
	sink.Set(&fact.Set{Region: "us-east-1", Tables: []*fact.Table{
		{Region: "us-east-1", Name: "carts", Status: "ACTIVE"},
		{Region: "us-east-1", Name: "\x1b[2Jevil\n", Status: "ACTIVE"},
		{Region: "us-east-1", Name: "users", Status: "ACTIVE", SSEType: "KMS", SSEStatus: "ENABLED",
			Key: &fact.Key{ARN: "arn:aws:kms:us-east-1:111122223333:key/k", Manager: "CUSTOMER", State: "Enabled"}},
	}})
	for _, name := range []string{"eu-west-1", "us-east-1"} {
		sink.Region(fact.Region{Name: name, Outcome: fact.RegionAudited})
	}
	sink.Region(fact.Region{Name: "ap-east-1", Outcome: fact.RegionSkipped, Note: "not enabled for the account"})
	sink.Region(fact.Region{Name: "sa-east-1", Outcome: fact.RegionFailed, Problem: denied})
	sink.Region(fact.Region{Name: "us-west-1", Outcome: fact.RegionFailed, Problem: denied})
	return nil
}

func judge(s *fact.Set) []audit.Finding {
	var out []audit.Finding
	for _, t := range s.Tables {
		f := audit.Finding{Rule: "R-1", Status: audit.Pass, Severity: audit.High, Resource: audit.TableResource(t), Message: "Fine."}
		if t.KeyClass == fact.AWSOwned {
			f.Status = audit.Fail
			f.Message = "Too weak."
			f.Remedy = "Strengthen it."
			f.Commands = []string{"aws strengthen " + t.Name}
		}
		out = append(out, f)
	}
	return out
}

func newSample(t *testing.T) *audit.Report {
	t.Helper()
	r, err := audit.Run(t.Context(), judge, nil, sample{})
	if err != nil {
		t.Fatal(err)
	}
	r.Rules = []audit.Rule{audit.CoverageRule(), {ID: "R-1", Title: "Strong", Severity: audit.High, Why: "Because."}}
	return r
}

const wantText = `Account 111122223333, as arn:aws:iam::111122223333:user/auditor
Regions: 2 of 5 audited (all of the account)

REGION     TABLE      KEY        KEY STATE  TABLE STATUS  RESULT
eu-west-1  orders     aws-owned  -          ACTIVE        FAIL    R-1
us-east-1  ?[2Jevil?  aws-owned  -          ACTIVE        FAIL    R-1
us-east-1  carts      aws-owned  -          ACTIVE        FAIL    R-1
us-east-1  users      customer   Enabled    ACTIVE        PASS

HIGH  R-1  Strong
  Too weak.
  -> Strengthen it.
     eu-west-1/orders
       aws strengthen orders
     us-east-1/?[2Jevil?
       aws strengthen ?[2Jevil?
     us-east-1/carts
       aws strengthen carts

ERROR  COVERAGE  Everything in scope could be read
  dynamodb:ListTables is not allowed (AccessDeniedException)
  User: x is not authorized
  -> Allow dynamodb:ListTables to the principal that audits.
     sa-east-1
     us-west-1

Note: a note
Note: ap-east-1: skipped: not enabled for the account
4 tables: 1 PASS, 3 FAIL, 0 ERROR
By key: 3 under the AWS owned key, 0 AWS managed, 1 customer managed, 0 another account's, 0 unknown; 0 keys listed
Findings: 0 critical, 3 high, 0 medium, 0 low; 1 checks passed, 2 could not be made
This audit is incomplete: what stands under ERROR is not known to be well.
`

func TestText(t *testing.T) {
	var out bytes.Buffer
	if err := Text(&out, newSample(t), Style{}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(wantText, out.String()); diff != "" {
		t.Error(diff)
	}
}

func TestColorsAreThereAndNothingElse(t *testing.T) {
	var plain, colored bytes.Buffer
	r := newSample(t)
	if err := Text(&plain, r, Style{}); err != nil {
		t.Fatal(err)
	}
	if err := Text(&colored, r, Style{Color: true}); err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(plain.Bytes(), []byte("\x1b")) || !bytes.Contains(colored.Bytes(), []byte("\x1b[31mFAIL\x1b[0m")) {
		t.Error("colours where there should be none, or none where there should be some")
	}
	bare := strings.NewReplacer("\x1b[31m", "", "\x1b[32m", "", "\x1b[33m", "", "\x1b[0m", "").Replace(colored.String())
	if diff := cmp.Diff(plain.String(), bare); diff != "" {
		t.Error(diff)
	}
}

// The layout that docs/audit.md promises.
func TestJSON(t *testing.T) {
	var out bytes.Buffer
	if err := JSON(&out, newSample(t)); err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(out.Bytes(), []byte("\x1b")) {
		t.Error("a control character came through")
	}
	var r struct {
		Schema  string
		Summary struct {
			Complete bool
			Regions  map[string]int
			Tables   map[string]int
			Findings map[string]int
			Failures map[string]int
		}
		Tables []struct {
			Name     string
			KeyClass string `json:"key_class"`
			Key      *struct{ ARN, Manager, State string }
		}
		Regions  []struct{ Name, Outcome string }
		Findings []struct {
			ID, Rule, Status, Severity, Message, Remedy string
			Commands                                    []string
			Resource                                    struct{ Region, Table, ARN, Account string }
			Problem                                     *struct{ Kind, Action, Code, Message string }
		}
	}
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatal(err)
	}
	if r.Schema != "sealtable.audit/1" || r.Summary.Complete || r.Summary.Failures["high"] != 3 || r.Summary.Tables["FAIL"] != 3 ||
		r.Summary.Regions["skipped"] != 1 {
		t.Errorf("schema %q, summary %+v", r.Schema, r.Summary)
	}
	if last := r.Tables[3]; last.Name != "users" || last.KeyClass != "customer" || last.Key == nil || last.Key.State != "Enabled" {
		t.Errorf("the last table is %+v", last)
	}
	if f := r.Findings[3]; f.Rule != "COVERAGE" || f.Status != "ERROR" || f.Problem == nil || f.Problem.Kind != "denied" ||
		f.Problem.Action != "dynamodb:ListTables" {
		t.Errorf("the region's finding is %+v", f)
	}
}
