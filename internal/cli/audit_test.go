package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"github.com/sealtable/sealtable/internal/audit"
	"github.com/sealtable/sealtable/internal/audit/fact"
	"github.com/sealtable/sealtable/internal/server"
)

// installation is an open server, and the AWS SDK pointed at it.
type installation struct {
	t        *testing.T
	endpoint string
}

func openInstallation(t *testing.T) *installation {
	t.Helper()
	dir := t.TempDir()
	s, err := server.Open(t.Context(), server.Config{
		DataDir: filepath.Join(dir, "data"), ConfigDir: filepath.Join(dir, "config"), Listen: []string{"127.0.0.1:0"},
		Account: "123456789012", Region: "us-east-1", Open: true, KeyCacheLifetime: 5 * time.Minute, KeySweep: time.Minute,
		ArchiveAfter: 168 * time.Hour, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	useCredentials(t)
	return &installation{t: t, endpoint: "http://" + s.Addresses()[0]}
}

// useCredentials gives the SDK an access key, and nothing of the machine's own configuration.
func useCredentials(t *testing.T) {
	t.Helper()
	missing := filepath.Join(t.TempDir(), "none")
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_SESSION_TOKEN": "", "AWS_PROFILE": "", "AWS_REGION": "us-east-1",
		"AWS_ENDPOINT_URL": "", "AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": missing, "AWS_SHARED_CREDENTIALS_FILE": missing,
	} {
		t.Setenv(name, value)
	}
}

func (i *installation) config(region string) aws.Config {
	anybody := func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}, nil
	}
	return aws.Config{Region: region, BaseEndpoint: &i.endpoint, Credentials: aws.CredentialsProviderFunc(anybody)}
}

func (i *installation) createTable(region, name string, encryption *types.SSESpecification) {
	i.t.Helper()
	_, err := dynamodb.NewFromConfig(i.config(region)).CreateTable(i.t.Context(), &dynamodb.CreateTableInput{
		TableName: &name, BillingMode: types.BillingModePayPerRequest, SSESpecification: encryption,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("id"), AttributeType: types.ScalarAttributeTypeS}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("id"), KeyType: types.KeyTypeHash}},
	})
	if err != nil {
		i.t.Fatalf("creating %s: %v", name, err)
	}
}

// createKeyAndTable makes a table under a customer managed key of its own and returns the key's id.
func (i *installation) createKeyAndTable(region, name string) string {
	i.t.Helper()
	out, err := kms.NewFromConfig(i.config(region)).CreateKey(i.t.Context(), &kms.CreateKeyInput{})
	if err != nil {
		i.t.Fatal(err)
	}
	i.createTable(region, name, &types.SSESpecification{Enabled: aws.Bool(true), SSEType: types.SSETypeKms,
		KMSMasterKeyId: out.KeyMetadata.Arn})
	return *out.KeyMetadata.KeyId
}

func (i *installation) kms(region string, call func(context.Context, *kms.Client) error) {
	i.t.Helper()
	if err := call(i.t.Context(), kms.NewFromConfig(i.config(region))); err != nil {
		i.t.Fatal(err)
	}
}

func (i *installation) disable(region, key string) {
	i.t.Helper()
	i.kms(region, func(ctx context.Context, c *kms.Client) error {
		_, err := c.DisableKey(ctx, &kms.DisableKeyInput{KeyId: &key})
		return err
	})
}

// fill makes tables under all kinds of key in two regions, two of them under keys that then stop working.
func (i *installation) fill() {
	i.t.Helper()
	i.createTable("us-east-1", "owned", nil)
	i.createTable("us-east-1", "managed", &types.SSESpecification{Enabled: aws.Bool(true)})
	i.createKeyAndTable("eu-west-1", "customer")
	disabled, dying := i.createKeyAndTable("us-east-1", "disabled"), i.createKeyAndTable("eu-west-1", "dying")
	i.disable("us-east-1", disabled)
	i.kms("eu-west-1", func(ctx context.Context, c *kms.Client) error {
		_, err := c.ScheduleKeyDeletion(ctx, &kms.ScheduleKeyDeletionInput{KeyId: &dying, PendingWindowInDays: aws.Int32(7)})
		return err
	})
}

func runAudit(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, diagnostics bytes.Buffer
	code = Main(append([]string{"audit"}, args...), &out, &diagnostics)
	return code, out.String(), diagnostics.String()
}

func decodeReport(t *testing.T, text string) *audit.Report {
	t.Helper()
	var raw struct {
		Schema   string
		Summary  struct{ Complete bool }
		Scope    fact.Scope
		Regions  []fact.Region
		Tables   []fact.Table
		Findings []struct {
			Rule     string
			Status   audit.Status
			Resource audit.Resource
		}
	}
	if err := json.Unmarshal([]byte(text), &raw); err != nil {
		t.Fatalf("the report is not JSON: %v\n%s", err, text)
	}
	if raw.Schema != audit.Schema {
		t.Errorf("schema %q", raw.Schema)
	}
	r := &audit.Report{Schema: raw.Schema, Scope: raw.Scope, Regions: raw.Regions, Tables: raw.Tables}
	r.Summary.Complete = raw.Summary.Complete
	for _, f := range raw.Findings {
		r.Findings = append(r.Findings, audit.Finding{Rule: f.Rule, Status: f.Status, Resource: f.Resource})
	}
	return r
}

func TestAuditOfThisServer(t *testing.T) {
	i := openInstallation(t)
	i.fill()
	code, stdout, stderr := runAudit(t, "--endpoint-url", i.endpoint, "--format", "json")
	if code != exitFindings {
		t.Fatalf("exit code %d, %s", code, stderr)
	}
	r := decodeReport(t, stdout)
	if !r.Summary.Complete || r.Scope.Account != "123456789012" || len(r.Regions) < 30 {
		t.Errorf("complete %v, account %s, %d regions", r.Summary.Complete, r.Scope.Account, len(r.Regions))
	}
	type seen struct {
		class        fact.KeyClass
		encryption   audit.Status
		usable       audit.Status
		state, place string
	}
	want := map[string]seen{
		"owned":    {fact.AWSOwned, audit.Fail, audit.NotApplicable, "", "us-east-1"},
		"managed":  {fact.AWSManaged, audit.Pass, audit.Pass, "Enabled", "us-east-1"},
		"customer": {fact.Customer, audit.Pass, audit.Pass, "Enabled", "eu-west-1"},
		"disabled": {fact.Customer, audit.Pass, audit.Fail, "Disabled", "us-east-1"},
		"dying":    {fact.Customer, audit.Pass, audit.Fail, "PendingDeletion", "eu-west-1"},
	}
	got := map[string]seen{}
	for _, table := range r.Tables {
		s := seen{class: table.KeyClass, place: table.Region}
		if table.Key != nil {
			s.state = table.Key.State
		}
		got[table.Name] = s
	}
	for _, f := range r.Findings {
		s, ok := got[f.Resource.Table]
		if !ok {
			continue // of a key
		}
		switch f.Rule {
		case "DynamoDB-004":
			s.encryption = f.Status
		case "DDB-010":
			s.usable = f.Status
		}
		got[f.Resource.Table] = s
	}
	for name, w := range want {
		if got[name] != w {
			t.Errorf("%s: got %+v, want %+v", name, got[name], w)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d tables, want %d", len(got), len(want))
	}
}

func TestAuditExitCodes(t *testing.T) {
	i := openInstallation(t)
	i.createTable("us-east-1", "owned", nil)
	i.createTable("eu-west-1", "managed", &types.SSESpecification{Enabled: aws.Bool(true)})
	at := []string{"--endpoint-url", i.endpoint}
	for name, c := range map[string]struct {
		args []string
		code int
	}{
		"finding":               {nil, exitFindings},
		"below the threshold":   {[]string{"--fail-on", "critical"}, exitOK},
		"no threshold":          {[]string{"--fail-on", "none"}, exitOK},
		"clean region":          {[]string{"--region", "eu-west-1"}, exitOK},
		"customer key required": {[]string{"--region", "eu-west-1", "--require-cmk"}, exitFindings},
		"two regions":           {[]string{"--region", "eu-west-1,us-east-1"}, exitFindings},
		"no such template":      {[]string{"/no/such/template.yaml"}, exitUsage},
		"severity":              {[]string{"--fail-on", "terrible"}, exitUsage},
		"format":                {[]string{"--format", "xml"}, exitUsage},
		"region":                {[]string{"--region", "us-east-1.example.com/"}, exitUsage},
		"flag":                  {[]string{"--regions", "us-east-1"}, exitUsage},
		"password in the URL":   {[]string{"--endpoint-url", "http://a:b@127.0.0.1:1"}, exitUsage},
		"profile":               {[]string{"--profile", "nobody"}, exitFailure},
	} {
		if code, stdout, stderr := runAudit(t, append(at, c.args...)...); code != c.code {
			t.Errorf("%s: exit code %d, want %d\n%s%s", name, code, c.code, stdout, stderr)
		}
	}
}

func TestAuditForPeople(t *testing.T) {
	i := openInstallation(t)
	i.fill()
	t.Setenv("AWS_ENDPOINT_URL", i.endpoint)
	code, stdout, stderr := runAudit(t, "--region", "us-east-1", "--region", "eu-west-1")
	if code != exitFindings || stderr != "sealtable: findings of severity high or above: 5\n" {
		t.Errorf("exit code %d, standard error %q", code, stderr)
	}
	t.Log("\n" + stdout)
	for _, want := range []string{
		"Account 123456789012, as arn:aws:iam::123456789012:root, at " + i.endpoint, "Regions: 2 of 2 audited",
		"aws dynamodb update-table --region us-east-1 --table-name owned --sse-specification Enabled=true,SSEType=KMS",
		"aws kms enable-key --region us-east-1 --key-id arn:aws:kms:us-east-1:123456789012:key/",
		"aws kms cancel-key-deletion --region eu-west-1",
		"CRITICAL  DDB-010", "HIGH  DynamoDB-004", "5 tables: 0 PASS, 5 FAIL, 0 ERROR", "KMS-004", "KMS-022",
	} {
		if !strings.Contains(stdout, want) {
			t.Errorf("the report lacks %q:\n%s", want, stdout)
		}
	}
	if strings.Contains(stdout, "\x1b") {
		t.Error("colours without a terminal")
	}
}

func TestAuditThatCannotBegin(t *testing.T) {
	useCredentials(t)
	code, stdout, stderr := runAudit(t, "--endpoint-url", "http://127.0.0.1:1")
	if code != exitFailure || stdout != "" || !strings.Contains(stderr, "http://127.0.0.1:1 does not answer") {
		t.Errorf("nobody there: exit code %d, %q, %q", code, stdout, stderr)
	}
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	code, stdout, stderr = runAudit(t, "--endpoint-url", "http://127.0.0.1:1")
	if code != exitFailure || stdout != "" || !strings.Contains(stderr, "there are no AWS credentials") {
		t.Errorf("no credentials: exit code %d, %q, %q", code, stdout, stderr)
	}
}
