package dynamodb_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sealtable/sealtable/internal/server"
)

// world is a whole server as `sealtable dev` runs it: real HTTP, real keys, real encrypted files.
type world struct {
	t           *testing.T
	dir, region string
	transition  time.Duration
	server      *server.Server
	endpoint    string
	enforce     bool   // throughput is enforced
	account     string // whose root user calls; empty for the server's own
}

func newWorld(t *testing.T) *world { return newSlowWorld(t, 0) }

// newSlowWorld is newWorld where CREATING, UPDATING and DELETING stay visible for a while.
func newSlowWorld(t *testing.T, transition time.Duration) *world {
	t.Helper()
	return begin(t, &world{transition: transition})
}

// begin opens a world and sees to its end.
func begin(t *testing.T, w *world) *world {
	t.Helper()
	w.t = t
	w.dir = t.TempDir()
	w.region = "eu-west-1"
	w.open()
	t.Cleanup(func() {
		if err := w.server.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

func (w *world) open() {
	w.t.Helper()
	s, err := server.Open(context.Background(), server.Config{
		DataDir: filepath.Join(w.dir, "data"), ConfigDir: filepath.Join(w.dir, "config"), Listen: []string{"127.0.0.1:0"},
		Account: "123456789012", Region: w.region, KeyCacheLifetime: 5 * time.Minute, KeySweep: time.Minute,
		ArchiveAfter: 168 * time.Hour, Open: true, Transition: w.transition, EnforceThroughput: w.enforce,
		Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.server, w.endpoint = s, "http://"+s.Addresses()[0]
}

// restart stops the server and opens it again on what it left.
func (w *world) restart() {
	w.t.Helper()
	if err := w.server.Close(); err != nil {
		w.t.Fatal(err)
	}
	w.open()
}

// call sends one request as the root user of the account.
func (w *world) call(operation, body string) (int, []byte) {
	w.t.Helper()
	return w.ask("dynamodb", "DynamoDB_20120810."+operation, body)
}

// as is the same world for the root user of another account.
func (w *world) as(account string) *world {
	other := *w
	other.account = account
	return &other
}

// ask is call for any service.
func (w *world) ask(service, target, body string) (int, []byte) {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, w.endpoint, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	now := time.Now().UTC()
	req.Header.Set("Content-Type", "application/x-amz-json-1.0")
	req.Header.Set("X-Amz-Target", target)
	req.Header.Set("X-Amz-Date", now.Format("20060102T150405Z"))
	id := "AKIDTESTTESTTESTTEST"
	if w.account != "" {
		id = w.account
	}
	req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+id+"/"+now.Format("20060102")+"/"+w.region+
		"/"+service+"/aws4_request, SignedHeaders=host;x-amz-date;x-amz-target, Signature="+strings.Repeat("0", 64))
	return w.send(req)
}

func (w *world) send(req *http.Request) (int, []byte) {
	w.t.Helper()
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return res.StatusCode, answer
}

// must is call for what has to succeed.
func (w *world) must(operation, body string) []byte {
	w.t.Helper()
	status, answer := w.call(operation, body)
	if status != http.StatusOK {
		w.t.Fatalf("%s %s: %d %s", operation, shorten(body), status, answer)
	}
	return answer
}

// advance moves the server's clock.
func (w *world) advance(d time.Duration) {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, w.endpoint+"/_sealtable/clock",
		strings.NewReader(`{"advance":"`+d.String()+`"}`))
	if err != nil {
		w.t.Fatal(err)
	}
	if status, answer := w.send(req); status != http.StatusOK {
		w.t.Fatalf("moving the clock: %d %s", status, answer)
	}
}

// answered is one request and the JSON of the 200 that answers it.
type answered struct{ name, operation, body, want string }

// answers runs requests in order, each on what those before it left.
func (w *world) answers(cases []answered) {
	for _, c := range cases {
		w.t.Run(c.name, func(t *testing.T) {
			here := *w
			here.t = t
			if status, got := here.call(c.operation, c.body); status != http.StatusOK || !sameJSON(t, got, c.want) {
				t.Errorf("%s %s\n got %d %s\nwant 200 %s", c.operation, shorten(c.body), status, shorten(string(got)), shorten(c.want))
			}
		})
	}
}

// refused is one request and what refuses it.
type refused struct{ name, operation, body, code, message string }

// Codes, with the namespaces in which DynamoDB sends them.
const (
	validation    = "com.amazon.coral.validate#ValidationException"
	serialization = "com.amazon.coral.service#SerializationException"
	absent        = "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException"
	inUse         = "com.amazonaws.dynamodb.v20120810#ResourceInUseException"
	failedCheck   = "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException"
	exceeded      = "com.amazonaws.dynamodb.v20120810#LimitExceededException"
	denied        = "com.amazon.coral.service#AccessDeniedException"
	cancelled     = "com.amazonaws.dynamodb.v20120810#TransactionCanceledException"
)

// refusals runs requests none of which may change anything.
func (w *world) refusals(cases []refused) {
	for _, c := range cases {
		w.t.Run(c.name, func(t *testing.T) {
			here := *w
			here.t = t
			status, answer := here.call(c.operation, c.body)
			var got struct {
				Type    string `json:"__type"`
				Message string `json:"message"`
			}
			if err := json.Unmarshal(answer, &got); err != nil {
				t.Fatalf("%s %s: %d %s", c.operation, shorten(c.body), status, answer)
			}
			if status != http.StatusBadRequest || got.Type != c.code || got.Message != c.message {
				t.Errorf("%s %s\n got %d %s\n     %s\nwant 400 %s\n     %s", c.operation, shorten(c.body), status, got.Type,
					shorten(got.Message), c.code, c.message)
			}
		})
	}
}

func sameJSON(t *testing.T, got []byte, want string) bool {
	t.Helper()
	if want == "" {
		return len(got) == 0
	}
	return equalJSON(decode(t, got), decode(t, []byte(want)))
}

func equalJSON(a, b any) bool { return reflect.DeepEqual(a, b) }

func decode(t *testing.T, data []byte) any {
	t.Helper()
	var v any
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%s: %v", data, err)
	}
	return v
}

func shorten(s string) string {
	if len(s) > 600 {
		return s[:600] + "…"
	}
	return s
}

// The tables of most tests: one with a partition key alone, one with a sort key, one whose keys are number and binary.
const (
	plainTable = `{"TableName":"plain","BillingMode":"PAY_PER_REQUEST","AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"}],
		"KeySchema":[{"AttributeName":"pk","KeyType":"HASH"}]}`
	sortedTable = `{"TableName":"sorted","BillingMode":"PAY_PER_REQUEST","AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"},
		{"AttributeName":"sk","AttributeType":"S"}],"KeySchema":[{"AttributeName":"pk","KeyType":"HASH"},{"AttributeName":"sk","KeyType":"RANGE"}]}`
	numberTable = `{"TableName":"numbers","BillingMode":"PAY_PER_REQUEST","AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"N"},
		{"AttributeName":"sk","AttributeType":"B"}],"KeySchema":[{"AttributeName":"pk","KeyType":"HASH"},{"AttributeName":"sk","KeyType":"RANGE"}]}`
)

func newTables(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	for _, table := range []string{plainTable, sortedTable, numberTable} {
		w.must("CreateTable", table)
	}
	return w
}
