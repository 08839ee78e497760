package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/sealtable/sealtable/internal/audit/remedy"
)

func runFix(t *testing.T, args ...string) (code int, report remedy.Report, stderr string) {
	t.Helper()
	var out, diagnostics bytes.Buffer
	code = Main(append([]string{"fix"}, args...), &out, &diagnostics)
	if out.Len() > 0 {
		if err := json.Unmarshal(out.Bytes(), &report); err != nil {
			t.Fatalf("%v: %s", err, out.String())
		}
	}
	return code, report, diagnostics.String()
}

func (i *installation) keyOf(region, table string) string {
	i.t.Helper()
	out, err := dynamodb.NewFromConfig(i.config(region)).DescribeTable(i.t.Context(), &dynamodb.DescribeTableInput{TableName: &table})
	if err != nil {
		i.t.Fatal(err)
	}
	if out.Table.SSEDescription == nil {
		return ""
	}
	return aws.ToString(out.Table.SSEDescription.KMSMasterKeyArn)
}

// statuses are those of a report's changes, by table.
func statuses(r *remedy.Report) map[string]remedy.Status {
	out := map[string]remedy.Status{}
	for i := range r.Changes {
		out[r.Changes[i].Resource.Region+"/"+r.Changes[i].Resource.Table] = r.Changes[i].Status
	}
	return out
}

// A plan changes nothing, an apply all of it, a second one nothing more, and a rollback brings everything back.
func TestFixLive(t *testing.T) {
	i := openInstallation(t)
	i.createTable("us-east-1", "reviews", nil)
	i.createTable("eu-west-1", "inventory", nil)
	i.createTable("eu-west-1", "managed", &types.SSESpecification{Enabled: aws.Bool(true)})
	record := filepath.Join(t.TempDir(), "record.jsonl")
	at := []string{"--endpoint-url", i.endpoint, "--region", "us-east-1,eu-west-1", "--format", "json", "--key", "new"}
	code, plan, stderr := runFix(t, append([]string{"plan"}, at...)...)
	if code != exitFindings || plan.Schema != "sealtable.fix/1" || len(plan.Changes) != 2 || i.keyOf("us-east-1", "reviews") != "" {
		t.Fatalf("plan: exit code %d, %+v, %s", code, plan, stderr)
	}
	apply := append([]string{"apply", "--record", record}, at...)
	code, done, stderr := runFix(t, apply...)
	if code != exitOK || statuses(&done)["us-east-1/reviews"] != remedy.Applied || done.Record != record {
		t.Fatalf("apply: exit code %d, %+v, %s", code, done, stderr)
	}
	ours, theirs := i.keyOf("us-east-1", "reviews"), i.keyOf("eu-west-1", "inventory")
	if !strings.HasPrefix(ours, "arn:aws:kms:us-east-1:") || !strings.HasPrefix(theirs, "arn:aws:kms:eu-west-1:") {
		t.Errorf("the keys are %q and %q", ours, theirs)
	}
	code, again, stderr := runFix(t, apply...)
	if code != exitOK || len(again.Changes) != 0 || again.Record != "" {
		t.Errorf("a second apply: exit code %d, %+v, %s", code, again, stderr)
	}
	back := []string{"rollback", record, "--endpoint-url", i.endpoint, "--format", "json"}
	for _, want := range []remedy.Status{remedy.Applied, remedy.Unchanged} {
		code, undone, stderr := runFix(t, back...)
		if code != exitOK || statuses(&undone)["us-east-1/reviews"] != want || i.keyOf("us-east-1", "reviews") != "" {
			t.Errorf("rollback: exit code %d, %+v, %s; want %s", code, undone, stderr, want)
		}
	}
}

// What would do harm is refused, with the reason, and leaves the table as it was.
func TestFixRefuses(t *testing.T) {
	i := openInstallation(t)
	i.createTable("us-east-1", "reviews", nil)
	disabled := i.createKeyAndTable("us-east-1", "other")
	i.disable("us-east-1", disabled)
	at := []string{"apply", "--endpoint-url", i.endpoint, "--region", "us-east-1", "--format", "json"}
	for key, why := range map[string]string{
		disabled: "is in state Disabled", "alias/nobody": "there is no key alias/nobody in us-east-1",
	} {
		code, r, stderr := runFix(t, append(at, "--key", key)...)
		if code != exitFindings || len(r.Changes) != 1 || r.Changes[0].Status != remedy.Refused ||
			!strings.Contains(r.Changes[0].Why, why) {
			t.Errorf("%s: exit code %d, %+v, %s", key, code, r, stderr)
		}
	}
	if i.keyOf("us-east-1", "reviews") != "" {
		t.Error("the table was changed")
	}
	for _, args := range [][]string{
		{"plan", "x"}, {"patch"}, {"rollback"}, {"rollback", "/no/such/file"}, {"--format", "xml"}, {"--min-key", "customer"},
		{"--rule", "nothing"}, {"patch", "/no/such/template"},
	} {
		if code, _, stderr := runFix(t, args...); code != exitUsage {
			t.Errorf("%v: exit code %d, %s", args, code, stderr)
		}
	}
}

// A key that was disabled or is to be deleted is brought back.
func TestFixRevivesKeys(t *testing.T) {
	i := openInstallation(t)
	i.fill()
	code, r, stderr := runFix(t, "apply", "--endpoint-url", i.endpoint, "--region", "us-east-1,eu-west-1", "--format", "json",
		"--rule", "DDB-010", "--record", filepath.Join(t.TempDir(), "record"))
	if code != exitOK || len(r.Changes) != 2 || r.Changes[0].Status != remedy.Applied || r.Changes[1].Status != remedy.Applied {
		t.Errorf("exit code %d, %+v, %s", code, r, stderr)
	}
}

// Patches of every form of template: comments and formatting stay, the audit passes on what comes out, and a second run finds nothing.
func TestFixPatch(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("a.yaml", "Resources:\n  # one\n  T:\n    Type: AWS::DynamoDB::Table\n    Properties:\n      TableName: t # name\n"+
		"  U:\n    Type: AWS::DynamoDB::Table\n    Properties:\n      SSESpecification:\n        SSEEnabled: \"false\" # off\n"+
		"  V: {Type: AWS::Serverless::SimpleTable}\n  W:\n    Type: AWS::DynamoDB::GlobalTable\n    Properties:\n"+
		"      Replicas: [{Region: us-east-1}]\n")
	write("b.json", "{\n  \"Resources\": {\n    \"T\": {\"Type\": \"AWS::DynamoDB::Table\", \"Properties\": {\n"+
		"      \"TableName\": \"t\"\n    }}\n  }\n}\n")
	write("c.tf", "# two\nresource \"aws_dynamodb_table\" \"t\" {\n  name = \"t\" # name\n}\n\nresource \"aws_dynamodb_table\" \"u\" {\n"+
		"  name = \"u\"\n  server_side_encryption {\n    enabled = false # off\n  }\n}\n")
	write("d.yaml", "Parameters:\n  P: {Type: String, Default: \"false\"}\nResources:\n  T:\n    Type: AWS::DynamoDB::Table\n"+
		"    Properties:\n      SSESpecification: {SSEEnabled: !Ref P}\n")
	code, r, stderr := runFix(t, "patch", dir, "--write", "--format", "json")
	if code != exitFindings || len(r.Changes) != 8 {
		t.Fatalf("exit code %d, %+v, %s", code, r, stderr)
	}
	for i := range r.Changes {
		c := &r.Changes[i]
		refused := strings.HasSuffix(c.Resource.File, "d.yaml")
		if refused != (c.Status == remedy.Refused) || !refused && (c.Patch == "" || c.Status != remedy.Applied) {
			t.Errorf("%s: %s, %s", c.Resource.Label(), c.Status, c.Why)
		}
	}
	for name, kept := range map[string][]string{
		"a.yaml": {"  # one\n", "TableName: t # name", "SSEEnabled: true # off", "        SSEType: KMS\n"},
		"b.json": {"{\n      \"SSESpecification\": {\"SSEEnabled\": true, \"SSEType\": \"KMS\"},\n      \"TableName\""},
		"c.tf":   {"# two\n", "name = \"t\" # name", "    enabled = true # off", "  server_side_encryption {\n    enabled = true\n  }\n}"},
	} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range kept {
			if !strings.Contains(string(text), part) {
				t.Errorf("%s lacks %q:\n%s", name, part, text)
			}
		}
	}
	if _, r, _ := runFix(t, "patch", dir, "--format", "json"); len(r.Changes) != 1 || r.Changes[0].Status != remedy.Refused {
		t.Errorf("a second run: %+v", r)
	}
}
