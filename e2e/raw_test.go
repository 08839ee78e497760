package e2e

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// raw makes signed calls of the JSON protocol with nothing in between: for many calls, and for wrong ones.
type raw struct {
	endpoint, region string
	key              accessKey
	token            string // of a session
	http             *http.Client
	now              func() time.Time
}

func newRaw(s *server) *raw {
	return &raw{
		endpoint: s.endpoint, region: s.region, key: s.key, now: time.Now,
		http: newHTTP(),
	}
}

// jsonServices are the services that speak the JSON protocol: their part of X-Amz-Target, their version of the protocol, and the service
// of their signatures' scope.
var jsonServices = map[string]struct{ target, version, scope string }{
	"dynamodb":        {"DynamoDB_20120810", "1.0", "dynamodb"},
	"dynamodbstreams": {"DynamoDBStreams_20120810", "1.0", "dynamodb"},
	"kms":             {"TrentService", "1.1", "kms"},
}

// reply is an answer of the server.
type reply struct {
	Status  int
	Code    string // of an error, without its namespace
	Message string
	Body    []byte
}

// request makes a signed request; target is "dynamodb.GetItem" or "kms.CreateKey".
func (r *raw) request(ctx context.Context, target string, body []byte) (*http.Request, error) {
	service, operation, _ := strings.Cut(target, ".")
	protocol, ok := jsonServices[service]
	if !ok {
		return nil, fmt.Errorf("the service %s does not speak the JSON protocol", service)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.endpoint+"/", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("X-Amz-Target", protocol.target+"."+operation)
	req.Header.Set("Content-Type", "application/x-amz-json-"+protocol.version)
	return req, r.sign(req, protocol.scope, body)
}

func (r *raw) sign(req *http.Request, service string, body []byte) error {
	sum := sha256.Sum256(body)
	who := aws.Credentials{AccessKeyID: r.key.id, SecretAccessKey: r.key.secret, SessionToken: r.token}
	return v4.NewSigner().SignHTTP(req.Context(), who, req, hex.EncodeToString(sum[:]), service, r.region, r.now())
}

func (r *raw) send(req *http.Request) (reply, error) {
	response, err := r.http.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	return newReply(response.StatusCode, body), err
}

func newReply(status int, body []byte) reply {
	got := reply{Status: status, Body: body}
	var failure struct {
		Type    string `json:"__type"`
		Message string `json:"message"`
	}
	if status != http.StatusOK && json.Unmarshal(body, &failure) == nil {
		got.Code, got.Message = failure.Type[strings.LastIndex(failure.Type, "#")+1:], failure.Message
	}
	return got
}

// do makes a call with a body of JSON.
func (r *raw) do(ctx context.Context, target string, in any) (reply, error) {
	body, ok := in.([]byte)
	if !ok {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return reply{}, err
		}
	}
	req, err := r.request(ctx, target, body)
	if err != nil {
		return reply{}, err
	}
	return r.send(req)
}

// call makes a call that must succeed.
func (r *raw) call(t *testing.T, target string, in any) m {
	t.Helper()
	got, err := r.do(t.Context(), target, in)
	if err != nil {
		t.Fatalf("%s: %v", target, err)
	}
	out := m{}
	if got.Status == http.StatusOK && len(got.Body) > 0 {
		err = json.Unmarshal(got.Body, &out)
	}
	if got.Status != http.StatusOK || err != nil {
		t.Fatalf("%s: %d %s: %s %v", target, got.Status, got.Code, got.Message, err)
	}
	return out
}

// kindsOfKey are the three kinds of key, each as an SSESpecification.
func (r *raw) kindsOfKey(t *testing.T) map[string]m {
	t.Helper()
	key := r.call(t, "kms.CreateKey", m{"Description": "of the tests"})
	return map[string]m{
		"owned":    nil,
		"managed":  {"Enabled": true, "SSEType": "KMS"},
		"customer": under(fmt.Sprint(at(key, "KeyMetadata.Arn"))),
	}
}
