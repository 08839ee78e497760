package rule

import (
	"strings"
	"testing"
	"time"

	"github.com/sealtable/sealtable/internal/audit"
	"github.com/sealtable/sealtable/internal/audit/fact"
)

const keyARN = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"

func when() *time.Time {
	t := time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)
	return &t
}

// table is an active table, which change then alters.
func table(change func(*fact.Table)) *fact.Table {
	t := &fact.Table{Account: "111122223333", Region: "eu-west-1", Name: "orders", Status: "ACTIVE"}
	change(t)
	t.KeyClass = fact.Classify(t)
	return t
}

// underKey is a table under a KMS key.
func underKey(manager, state string, change func(*fact.Table)) *fact.Table {
	return table(func(t *fact.Table) {
		t.SSEType = "KMS"
		t.SSEStatus = "ENABLED"
		t.Key = &fact.Key{ARN: keyARN, Manager: manager, State: state}
		if change != nil {
			change(t)
		}
	})
}

func denied(action string) fact.Problem {
	return fact.Problem{Kind: fact.Denied, Action: action, Code: "AccessDeniedException", Message: "no"}
}

func foreign(t *fact.Table) { t.Key.ARN = strings.Replace(keyARN, "111122223333", "444455556666", 1) }

// judged applies the two rules about the keys of tables to one table.
func judged(p audit.Parameters, t *fact.Table) []audit.Finding {
	o := Options{Parameters: p, Select: []string{EncryptionID, UsableKeyID}, Now: *when()}
	return o.Judge()(&fact.Set{Account: t.Account, Region: t.Region, Tables: []*fact.Table{t}})
}

// The decisions of every observation: DynamoDB-004, the same when customer managed keys are required, and DDB-010.
func TestDecisions(t *testing.T) {
	const pass, fail, undecided, none = audit.Pass, audit.Fail, audit.Error, audit.NotApplicable
	for name, c := range map[string]struct {
		table               *fact.Table
		class               fact.KeyClass
		plain, cmk, useable audit.Status
	}{
		"no description": {table(func(*fact.Table) {}), fact.AWSOwned, fail, fail, none},
		"legacy type": {table(func(t *fact.Table) { t.SSEType, t.SSEStatus = "AES256", "ENABLED" }), fact.AWSOwned, fail, fail,
			none},
		"being disabled": {underKey("CUSTOMER", "Enabled", func(t *fact.Table) { t.SSEStatus = "DISABLING" }), fact.AWSOwned, fail,
			fail, none},
		"disabled encryption":   {table(func(t *fact.Table) { t.SSEStatus = "DISABLED" }), fact.AWSOwned, fail, fail, none},
		"AWS managed":           {underKey("AWS", "Enabled", nil), fact.AWSManaged, pass, fail, pass},
		"AWS managed, by alias": {underKey("AWS", "", nil), fact.AWSManaged, pass, fail, pass},
		"customer":              {underKey("CUSTOMER", "Enabled", nil), fact.Customer, pass, pass, pass},
		"customer, updating": {underKey("CUSTOMER", "Updating", func(t *fact.Table) { t.SSEStatus = "UPDATING" }), fact.Customer, pass,
			pass, pass},
		"customer, enabling": {underKey("CUSTOMER", "Enabled", func(t *fact.Table) { t.SSEStatus = "ENABLING" }), fact.Customer, pass,
			pass, pass},
		"other account":         {underKey("CUSTOMER", "Enabled", foreign), fact.CustomerCrossAccount, pass, pass, pass},
		"other account, denied": {underKey("", "", foreign), fact.CustomerCrossAccount, pass, pass, undecided},
		"other account, gone":   {underKey("", fact.KeyNotFound, foreign), fact.CustomerCrossAccount, pass, fail, fail},
		"key denied": {underKey("", "", func(t *fact.Table) {
			t.Key.Problems = []fact.Problem{denied("kms:DescribeKey"), denied("kms:ListAliases")}
		}), fact.UnknownKey, pass, undecided, undecided},
		"customer, by alias": {underKey("CUSTOMER", "", func(t *fact.Table) {
			t.Key.Problems = []fact.Problem{denied("kms:DescribeKey")}
		}), fact.Customer, pass, pass, undecided},
		"disabled":         {underKey("CUSTOMER", "Disabled", nil), fact.Customer, pass, pass, fail},
		"pending deletion": {underKey("CUSTOMER", "PendingDeletion", nil), fact.Customer, pass, pass, fail},
		"pending replica":  {underKey("CUSTOMER", "PendingReplicaDeletion", nil), fact.Customer, pass, pass, fail},
		"pending import":   {underKey("CUSTOMER", "PendingImport", nil), fact.Customer, pass, pass, fail},
		"unavailable":      {underKey("CUSTOMER", "Unavailable", nil), fact.Customer, pass, pass, fail},
		"unheard-of state": {underKey("CUSTOMER", "Sleeping", nil), fact.Customer, pass, pass, undecided},
		"deleted key":      {underKey("", fact.KeyNotFound, nil), fact.Customer, pass, fail, fail},
		"inaccessible": {underKey("CUSTOMER", "Enabled", func(t *fact.Table) { t.Status = "INACCESSIBLE_ENCRYPTION_CREDENTIALS" }),
			fact.Customer, pass, pass, fail},
		"inaccessible date": {underKey("CUSTOMER", "Enabled", func(t *fact.Table) { t.InaccessibleSince = when() }), fact.Customer, pass,
			pass, fail},
		"inaccessible, key denied": {underKey("", "", func(t *fact.Table) {
			t.InaccessibleSince = when()
		}), fact.UnknownKey, pass, undecided, fail},
		"archived": {underKey("CUSTOMER", "Disabled", func(t *fact.Table) { t.Status, t.ArchivedAt = "ARCHIVED", when() }),
			fact.Customer, pass, pass, fail},
		"archiving": {underKey("CUSTOMER", "Disabled", func(t *fact.Table) { t.Status = "ARCHIVING" }), fact.Customer, pass, pass,
			fail},
		"stub of a change": {table(func(t *fact.Table) { t.SSEStatus = "UPDATING" }), fact.UnknownKey, undecided, undecided, undecided},
		"unheard-of type": {underKey("CUSTOMER", "Enabled", func(t *fact.Table) { t.SSEType = "XYZ" }), fact.UnknownKey, undecided,
			undecided, pass},
		"being deleted": {table(func(t *fact.Table) { t.Status = "DELETING" }), fact.AWSOwned, none, none, none},
		"table denied": {table(func(t *fact.Table) {
			p := denied("dynamodb:DescribeTable")
			t.Status, t.Problem = "", &p
		}), fact.UnknownKey, undecided, undecided, undecided},
	} {
		if c.table.KeyClass != c.class {
			t.Errorf("%s: class %s, want %s", name, c.table.KeyClass, c.class)
		}
		plain, cmk := judged(audit.Parameters{}, c.table), judged(audit.Parameters{RequireCMK: true}, c.table)
		got := [3]audit.Status{of(t, plain, EncryptionID).Status, of(t, cmk, EncryptionID).Status, usability(t, c.table, plain)}
		if want := [3]audit.Status{c.plain, c.cmk, c.useable}; got != want {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
		checkWords(t, name, append(plain, cmk...))
	}
}

// usability is what DDB-010 says; a table that could not be read is one ERROR, of the first rule.
func usability(t *testing.T, about *fact.Table, findings []audit.Finding) audit.Status {
	if about.Problem != nil {
		return findings[0].Status
	}
	return of(t, findings, UsableKeyID).Status
}

func of(t *testing.T, findings []audit.Finding, id string) *audit.Finding {
	t.Helper()
	for i := range findings {
		if findings[i].Rule == id {
			return &findings[i]
		}
	}
	t.Fatalf("no finding of %s", id)
	return nil
}

// checkWords holds messages to what every reader needs: something to do wherever something is wrong, and no claim that a table is
// not encrypted, for every table is.
func checkWords(t *testing.T, name string, findings []audit.Finding) {
	t.Helper()
	for _, f := range findings {
		wrong := f.Status == audit.Fail || f.Status == audit.Error
		if wrong != (f.Remedy != "") {
			t.Errorf("%s: %s %s has the remedy %q", name, f.Rule, f.Status, f.Remedy)
		}
		if f.Message == "" || strings.Contains(f.Message, "not encrypted") || strings.Contains(f.Message, "unencrypted") {
			t.Errorf("%s: %s says %q", name, f.Rule, f.Message)
		}
	}
}

func TestErrorsNameTheMissingAction(t *testing.T) {
	p := denied("dynamodb:DescribeTable")
	unread := table(func(t *fact.Table) { t.Problem = &p })
	for _, f := range judged(audit.Parameters{}, unread) {
		if f.Problem == nil || f.Problem.Action != "dynamodb:DescribeTable" || !strings.Contains(f.Remedy, "dynamodb:DescribeTable") {
			t.Errorf("%s: problem %v, remedy %q", f.Rule, f.Problem, f.Remedy)
		}
	}
	keyUnread := underKey("", "", func(t *fact.Table) { t.Key.Problems = []fact.Problem{denied("kms:DescribeKey")} })
	f := of(t, judged(audit.Parameters{}, keyUnread), UsableKeyID)
	if f.Problem == nil || f.Problem.Action != "kms:DescribeKey" || !strings.Contains(f.Message, "kms:DescribeKey is not allowed") {
		t.Errorf("problem %v, message %q", f.Problem, f.Message)
	}
}

func TestUnusableKeySaysWhatComes(t *testing.T) {
	for name, c := range map[string]struct {
		table *fact.Table
		says  []string
		does  string
	}{
		"disabled": {underKey("CUSTOMER", "Disabled", nil), []string{"state Disabled", "becomes inaccessible"},
			"aws kms enable-key --region eu-west-1 --key-id " + keyARN},
		"pending deletion": {underKey("CUSTOMER", "PendingDeletion", func(t *fact.Table) { t.Key.DeletionDate = when() }),
			[]string{"deleted on 2026-05-04T03:02:01Z"}, "aws kms cancel-key-deletion --region eu-west-1 --key-id " + keyARN},
		"inaccessible": {underKey("CUSTOMER", "Disabled", func(t *fact.Table) { t.InaccessibleSince = when() }),
			[]string{"inaccessible since 2026-05-04T03:02:01Z", "archived on 2026-05-11T03:02:01Z"},
			"aws kms enable-key --region eu-west-1 --key-id " + keyARN},
		"archived": {underKey("CUSTOMER", "Disabled", func(t *fact.Table) { t.Status, t.ArchivedAt = "ARCHIVED", when() }),
			[]string{"archived on 2026-05-04"}, ""},
		"deleted": {underKey("", fact.KeyNotFound, nil), []string{"does not exist any more"}, ""},
	} {
		f := of(t, judged(audit.Parameters{}, c.table), UsableKeyID)
		if f.Severity != audit.Critical {
			t.Errorf("%s: severity %s", name, f.Severity)
		}
		for _, want := range c.says {
			if !strings.Contains(f.Message, want) {
				t.Errorf("%s: %q lacks %q", name, f.Message, want)
			}
		}
		if got := strings.Join(f.Commands, "\n"); !strings.HasPrefix(got, c.does) || (got == "") != (c.does == "") {
			t.Errorf("%s: commands %q, want %q first", name, got, c.does)
		}
	}
}

// A table that passes DynamoDB-004 under a key that does not work points to the other finding.
func TestPassUnderADeadKeyIsNoted(t *testing.T) {
	f := of(t, judged(audit.Parameters{}, underKey("CUSTOMER", "Disabled", nil)), EncryptionID)
	if f.Status != audit.Pass || !strings.Contains(f.Message, UsableKeyID) {
		t.Errorf("%s: %q", f.Status, f.Message)
	}
}

func TestCommandsQuoteWhatIsNotPlain(t *testing.T) {
	hostile := table(func(t *fact.Table) { t.Name = "x; rm -rf $HOME 'q'" })
	f := of(t, judged(audit.Parameters{RequireCMK: true}, hostile), EncryptionID)
	want := `aws dynamodb update-table --region eu-west-1 --table-name 'x; rm -rf $HOME '\''q'\''' --sse-specification Enabled=true,SSEType=KMS,KMSMasterKeyId=KEY_ARN`
	if len(f.Commands) != 1 || f.Commands[0] != want {
		t.Errorf("got  %q\nwant %q", f.Commands, want)
	}
}

func TestCatalogue(t *testing.T) {
	ids := map[string]audit.Severity{}
	for _, r := range new(Options).Catalogue() {
		if _, twice := ids[r.ID]; twice || r.Title == "" || r.Why == "" {
			t.Errorf("%q is there twice, or has no words", r.ID)
		}
		ids[r.ID] = r.Severity
		seen := map[audit.Mapping]bool{}
		for _, m := range r.Mappings {
			if m.Framework == "" || m.Control == "" || m.Strength != audit.Satisfies && m.Strength != audit.Supports || seen[m] {
				t.Errorf("%s: mapping %+v is twice there or lacks something", r.ID, m)
			}
			seen[m] = true
		}
	}
	if ids[EncryptionID] != audit.High || ids[UsableKeyID] != audit.Critical {
		t.Errorf("severities %v", ids)
	}
}
