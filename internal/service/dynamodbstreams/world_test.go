package dynamodbstreams_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sealtable/sealtable/internal/server"
)

// world is a whole server as `sealtable dev` runs it: real HTTP, real keys, real encrypted files.
type world struct {
	*testing.T
	dir        string
	region     string
	transition time.Duration
	server     *server.Server
	endpoint   string
	account    string // whose root user calls; empty for the server's own
}

// object is a JSON object.
type object = map[string]any

func newWorld(t *testing.T, transition time.Duration) *world {
	t.Helper()
	w := &world{T: t, dir: t.TempDir(), region: "eu-west-1", transition: transition}
	w.open()
	t.Cleanup(func() {
		if err := w.server.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

func (w *world) open() {
	w.Helper()
	s, err := server.Open(context.Background(), server.Config{
		DataDir: filepath.Join(w.dir, "data"), ConfigDir: filepath.Join(w.dir, "config"), Listen: []string{"127.0.0.1:0"},
		Account: "123456789012", Region: w.region, KeyCacheLifetime: 5 * time.Minute, KeySweep: time.Minute,
		ArchiveAfter: 168 * time.Hour, Open: true, Transition: w.transition, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		w.Fatal(err)
	}
	w.server, w.endpoint = s, "http://"+s.Addresses()[0]
}

func (w *world) restart() {
	w.Helper()
	if err := w.server.Close(); err != nil {
		w.Fatal(err)
	}
	w.open()
}

// as is the world for the root user of another account.
func (w *world) as(account string) *world {
	there := *w
	there.account = account
	return &there
}

// in is the world in another region.
func (w *world) in(region string) *world {
	there := *w
	there.region = region
	return &there
}

// ask makes a call as the root user. Operations of the streams and of the key service have their service before a colon.
func (w *world) ask(operation, body string) (int, object) {
	w.Helper()
	service, target := "dynamodb", "DynamoDB_20120810."+operation
	if name, ok := strings.CutPrefix(operation, "streams:"); ok {
		target = "DynamoDBStreams_20120810." + name
	} else if name, ok := strings.CutPrefix(operation, "kms:"); ok {
		service, target = "kms", "TrentService."+name
	}
	req, err := http.NewRequestWithContext(w.Context(), http.MethodPost, w.endpoint, strings.NewReader(body))
	if err != nil {
		w.Fatal(err)
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

func (w *world) send(req *http.Request) (int, object) {
	w.Helper()
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		w.Fatal(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		w.Fatal(err)
	}
	answer := object{}
	if err := json.Unmarshal(data, &answer); err != nil && len(data) > 0 {
		w.Fatalf("%s: %v", data, err)
	}
	return res.StatusCode, answer
}

func (w *world) must(operation, body string) object {
	w.Helper()
	status, answer := w.ask(operation, body)
	if status != http.StatusOK {
		w.Fatalf("%s %s: %d %v", operation, body, status, answer)
	}
	return answer
}

// refuse makes a call that must fail with a code, without its namespace, and a message.
func (w *world) refuse(operation, body, code, message string) {
	w.Helper()
	status, answer := w.ask(operation, body)
	kind, _ := answer["__type"].(string)
	got, _ := answer["message"].(string)
	if status != http.StatusBadRequest || kind[strings.LastIndex(kind, "#")+1:] != code || got != message {
		w.Errorf("%s %s\n got %d %s: %s\nwant 400 %s: %s", operation, body, status, kind, got, code, message)
	}
}

func (w *world) advance(d time.Duration) {
	w.Helper()
	req, err := http.NewRequestWithContext(w.Context(), http.MethodPost, w.endpoint+"/_sealtable/clock",
		strings.NewReader(`{"advance":"`+d.String()+`"}`))
	if err != nil {
		w.Fatal(err)
	}
	if status, answer := w.send(req); status != http.StatusOK {
		w.Fatalf("moving the clock: %d %v", status, answer)
	}
}

// at finds a value in objects and lists: "Shards.0.ShardId".
func at(v any, path string) any {
	for step := range strings.SplitSeq(path, ".") {
		switch here := v.(type) {
		case object:
			v = here[step]
		case []any:
			i := int(step[0] - '0')
			if i >= len(here) {
				return nil
			}
			v = here[i]
		default:
			return nil
		}
	}
	return v
}

func text(v any, path string) string {
	s, _ := at(v, path).(string)
	return s
}

func count(v any, path string) int {
	list, _ := at(v, path).([]any)
	return len(list)
}

const plain = `"BillingMode":"PAY_PER_REQUEST","AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"}],"KeySchema":[{"AttributeName":"pk","KeyType":"HASH"}]`

// table makes a table with a stream and gives the stream's ARN.
func (w *world) table(name, more string) (streamARN string) {
	w.Helper()
	made := w.must("CreateTable", `{"TableName":"`+name+`",`+plain+more+
		`,"StreamSpecification":{"StreamEnabled":true,"StreamViewType":"NEW_AND_OLD_IMAGES"}}`)
	return text(made, "TableDescription.LatestStreamArn")
}

func (w *world) put(table, key string) {
	w.Helper()
	w.must("PutItem", `{"TableName":"`+table+`","Item":{"pk":{"S":"`+key+`"}}}`)
}

func (w *world) describe(streamARN string) any {
	w.Helper()
	return w.must("streams:DescribeStream", `{"StreamArn":"`+streamARN+`"}`)["StreamDescription"]
}

func (w *world) iterator(streamARN, shard, kind, more string) string {
	w.Helper()
	return text(w.must("streams:GetShardIterator", `{"StreamArn":"`+streamARN+`","ShardId":"`+shard+`","ShardIteratorType":"`+kind+`"`+more+
		`}`), "ShardIterator")
}

func (w *world) records(iterator, more string) object {
	w.Helper()
	return w.must("streams:GetRecords", `{"ShardIterator":"`+iterator+`"`+more+`}`)
}
