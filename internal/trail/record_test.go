package trail

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/sealtable/sealtable/internal/api"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/auth/policy"
	"github.com/sealtable/sealtable/internal/service"
)

// cloudTrail is a record as the CloudTrail user guide describes it ("CloudTrail record contents"); nothing
// else may be in one.
type cloudTrail struct {
	EventVersion string `json:"eventVersion"`
	UserIdentity struct {
		Type, PrincipalID, ARN, AccountID string
		AccessKeyID                       *string `json:"accessKeyId"`
		InvokedBy                         string  `json:"invokedBy"`
	} `json:"userIdentity"`
	EventTime          time.Time           `json:"eventTime"`
	EventSource        string              `json:"eventSource"`
	EventName          string              `json:"eventName"`
	AWSRegion          string              `json:"awsRegion"`
	SourceIPAddress    *string             `json:"sourceIPAddress"`
	UserAgent          *string             `json:"userAgent"`
	ErrorCode          string              `json:"errorCode"`
	ErrorMessage       string              `json:"errorMessage"`
	RequestParameters  map[string]any      `json:"requestParameters"`
	ResponseElements   any                 `json:"responseElements"`
	RequestID          string              `json:"requestID"`
	EventID            string              `json:"eventID"`
	ReadOnly           bool                `json:"readOnly"`
	Resources          []map[string]string `json:"resources"`
	EventType          string              `json:"eventType"`
	ManagementEvent    bool                `json:"managementEvent"`
	RecipientAccountID string              `json:"recipientAccountId"`
	EventCategory      string              `json:"eventCategory"`
}

// recorded is the line that one record makes.
func recorded(t *testing.T, r service.Record) (line string, parsed cloudTrail) {
	t.Helper()
	trail := opened(t, vfs.NewMem(), io.Discard)
	line = string(trail.appendRecord(nil, &r, classOf(&r)))
	d := json.NewDecoder(strings.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(&parsed); err != nil {
		t.Fatalf("%v in %s", err, line)
	}
	if strings.Count(line, "\n") != 1 || !strings.HasSuffix(line, "\n") {
		t.Fatalf("not one line: %q", line)
	}
	return line, parsed
}

func TestARecordIsCloudTrails(t *testing.T) {
	c := caller("9d478fc1-4f10-490f-a26b-EXAMPLE0e932")
	c.AccessKeyID = "AKIAIOSFODNN7EXAMPLE"
	c.UserID = "AIDACKCEVSQ6C2EXAMPLE"
	c.UserAgent = "aws-cli/2"
	c.SourceIP = "203.0.113.7"
	r := service.Record{Service: "kms", Operation: "Decrypt",
		Caller: c.For("dynamodb.us-east-1.amazonaws.com"), Needs: new(auth.Needs)}
	r.Needs.Note("encryptionContext", map[string]string{"aws:dynamodb:tableName": "Orders",
		"aws:dynamodb:subscriberId": "123456789012"})
	r.Needs.Note("encryptionAlgorithm", "SYMMETRIC_DEFAULT")
	r.Needs.Note("dryRun", false)
	r.Needs.Note("numberOfBytes", 32)
	r.Needs.Add(auth.Need{Action: "kms:Decrypt", Resource: "arn:aws:kms:us-east-1:123456789012:key/1"})
	r.Needs.Add(auth.Need{Action: "kms:Other", Resource: "arn:aws:kms:us-east-1:123456789012:key/1"})
	r.Needs.Add(auth.Need{Action: "kms:ListKeys", Resource: "*"})
	line, got := recorded(t, r)
	if !regexp.MustCompile(
		`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`,
	).MatchString(got.EventID) {
		t.Errorf("event id %q is no UUID", got.EventID)
	}
	if age := time.Since(got.EventTime); age < 0 || age > time.Minute ||
		got.EventTime.Location() != time.UTC {
		t.Errorf("event time %v", got.EventTime)
	}
	line = regexp.MustCompile(`"event(ID|Time)":"[^"]*"`).ReplaceAllString(line, `"event$1":"…"`)
	want := `{"eventVersion":"1.11","userIdentity":{"type":"IAMUser","principalId":"AIDACKCEVSQ6C2EXAMPLE",` +
		`"arn":"arn:aws:iam::123456789012:user/alice","accountId":"123456789012","accessKeyId":"AKIAIOSFODNN7EXAMPLE",` +
		`"invokedBy":"dynamodb.amazonaws.com"},"eventTime":"…","eventSource":"kms.amazonaws.com","eventName":"Decrypt",` +
		`"awsRegion":"us-east-1","sourceIPAddress":"dynamodb.amazonaws.com","userAgent":"dynamodb.amazonaws.com",` +
		`"requestParameters":{"encryptionContext":{"aws:dynamodb:subscriberId":"123456789012","aws:dynamodb:tableName":"Orders"},` +
		`"encryptionAlgorithm":"SYMMETRIC_DEFAULT","dryRun":false,"numberOfBytes":32},"responseElements":null,` +
		`"requestID":"9d478fc1-4f10-490f-a26b-EXAMPLE0e932","eventID":"…","readOnly":true,` +
		`"resources":[{"ARN":"arn:aws:kms:us-east-1:123456789012:key/1"}],"eventType":"AwsApiCall","managementEvent":true,` +
		`"recipientAccountId":"123456789012","eventCategory":"Management"}` + "\n"
	if diff := cmp.Diff(want, line); diff != "" {
		t.Error(diff)
	}
}

func TestKindsOfEvents(t *testing.T) {
	for _, tt := range []struct {
		service, operation   string
		readOnly, management bool
	}{
		{"dynamodb", "GetItem", true, false}, {"dynamodb", "PutItem", false, false},
		{"dynamodb", "BatchWriteItem", false, false},
		{"dynamodb", "TransactGetItems", true, false}, {"dynamodb", "Query", true, false},
		{"dynamodb", "Scan", true, false},
		{"dynamodb", "ExecuteStatement", false, false}, {"dynamodb", "CreateTable", false, true},
		{"dynamodb", "DescribeTable", true, true},
		{"kms", "Decrypt", true, true}, {"kms", "GenerateDataKey", true, true},
		{"kms", "DisableKey", false, true},
		{"kms", "CreateGrant", false, true},
		{"lambda", "Invoke", false, false}, {"sts", "GetCallerIdentity", true, true},
		{"iam", "SimulatePrincipalPolicy", true, true},
	} {
		_, got := recorded(t, service.Record{Service: tt.service, Operation: tt.operation,
			Caller: caller("1"), Needs: new(auth.Needs)})
		category := map[bool]string{true: "Management", false: "Data"}[tt.management]
		if got.ReadOnly != tt.readOnly || got.ManagementEvent != tt.management ||
			got.EventCategory != category {
			t.Errorf("%s:%s is recorded as readOnly=%t management=%t %s", tt.service, tt.operation,
				got.ReadOnly, got.ManagementEvent,
				got.EventCategory)
		}
	}
}

// TestMessagesOfErrorsStayOut: a message may quote the request, and with it item data (P9). Only a refused
// permission is told.
func TestMessagesOfErrorsStayOut(t *testing.T) {
	const canary = "card-4111111111111111"
	for _, err := range []error{
		&api.Error{Code: "ValidationException", Message: "One or more values: " + canary},
		fmt.Errorf("around: %w", &api.Error{Code: "ValidationException", Message: canary,
			Cause: errors.New(canary)}),
		errors.New(canary),
		&service.PanicError{Operation: "dynamodb:PutItem", Value: canary, Stack: []byte(canary)},
		&api.Error{Code: "ConditionalCheckFailedException", Detail: func(dst []byte) []byte {
			return append(dst, canary...)
		}},
	} {
		r := call("1")
		r.Err = err
		line, got := recorded(t, r)
		if strings.Contains(line, canary) || got.ErrorCode == "" || got.ErrorMessage != "" {
			t.Errorf("%T: %s", err, line)
		}
	}
	r := call("1")
	r.Err = &auth.DeniedError{Caller: r.Caller, Need: auth.Need{Action: "kms:Decrypt", Resource: "arn:x"},
		Decision: policy.Decision{Origin: policy.FromIdentity}}
	_, got := recorded(t, r)
	if got.ErrorCode != "AccessDenied" ||
		!strings.Contains(got.ErrorMessage, "is not authorized to perform: kms:Decrypt") {
		t.Errorf("a refused permission is recorded as %q %q", got.ErrorCode, got.ErrorMessage)
	}
}

// TestAnyTextMakesALine: names and agents come from outside, where they may hold anything.
func TestAnyTextMakesALine(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		text := func(label string) string {
			return rapid.OneOf(rapid.String(),
				rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) })).Draw(rt,
				label)
		}
		r := call(text("request"))
		r.Caller.UserAgent = text("agent")
		r.Caller.SourceIP = text("address")
		r.Caller.ARN = text("arn")
		name, resource := text("name"), text("resource")
		r.Needs.Note("tableName", name)
		r.Needs.Note("names", []string{name})
		r.Needs.Note("broken", func() {})
		r.Needs.Add(auth.Need{Resource: resource})
		_, got := recorded(t, r)
		if want := strings.ToValidUTF8(name, "\uFFFD"); got.RequestParameters["tableName"] != want {
			rt.Fatalf("%q was recorded as %q", name, got.RequestParameters["tableName"])
		}
	})
}

// TestLongParametersAreLeftOut: whoever may not even use a key can name an encryption context of as many
// bytes as a body has. The record says so, keeps the other parameters, and does not hide those that follow.
func TestLongParametersAreLeftOut(t *testing.T) {
	fs := vfs.NewMem()
	trail := opened(t, fs, io.Discard)
	huge := call("1")
	huge.Needs.Note("keyId", "alias/a")
	huge.Needs.Note("encryptionContext", map[string]string{"a": strings.Repeat("<", 16<<20)})
	huge.Needs.Note("policy", strings.Repeat("p", maxParameter))
	huge.Needs.Note("description", strings.Repeat("d", maxParameter-2))
	trail.Record(huge)
	trail.Record(call("2"))
	if err := trail.Close(); err != nil {
		t.Fatal(err)
	}
	all := lines(t, fs)
	if got := strings.Join(requests(t, fs), " "); got != "1 2" || len(all[0]) > 3*maxParameter {
		t.Fatalf("the trail has the requests %q, and a first line of %d bytes", got, len(all[0]))
	}
	for _, want := range []string{
		`"keyId":"alias/a"`, `"encryptionContext":{"omitted":true,"originalSize":100663304}`,
		`"policy":{"omitted":true,"originalSize":102402}`,
		`"description":"d`,
	} {
		if !strings.Contains(all[0], want) {
			t.Errorf("the record lacks %s", want)
		}
	}
}

func TestEventIDsAreUnique(t *testing.T) {
	var ids eventIDs
	if err := ids.seed(); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for range 100_000 {
		seen[string(ids.append(nil))] = true
	}
	if len(seen) != 100_000 {
		t.Errorf("%d ids of 100000", len(seen))
	}
}

func TestRecordingAllocatesNothing(t *testing.T) {
	trail := opened(t, vfs.NewMem(), io.Discard)
	r := call("9d478fc1-4f10-490f-a26b-EXAMPLE0e932")
	r.Needs.Note("tableName", "Orders")
	r.Needs.Add(auth.Need{Action: "dynamodb:PutItem",
		Resource: "arn:aws:dynamodb:us-east-1:123456789012:table/Orders"})
	for i := range trail.series[data].shards {
		trail.series[data].shards[i].lines = make([]byte, 0, 1<<20)
	}
	if n := testing.AllocsPerRun(100, func() { trail.Record(r) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkRecord(b *testing.B) {
	trail := opened(b, vfs.NewMem(), io.Discard)
	r := call("9d478fc1-4f10-490f-a26b-EXAMPLE0e932")
	r.Needs.Note("tableName", "Orders")
	r.Needs.Add(auth.Need{Action: "dynamodb:PutItem",
		Resource: "arn:aws:dynamodb:us-east-1:123456789012:table/Orders"})
	b.ReportAllocs()
	for b.Loop() {
		trail.Record(r)
		if len(trail.series[data].shards[0].lines) > 1<<20 {
			for i := range trail.series[data].shards {
				trail.series[data].shards[i].lines = trail.series[data].shards[i].lines[:0]
			}
		}
	}
}
