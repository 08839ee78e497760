package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
)

// newHTTP is the HTTP client of every test. It reaches this machine and nothing else, whatever a test gets wrong.
func newHTTP() *http.Client {
	dialer := &net.Dialer{Control: func(_, address string, _ syscall.RawConn) error {
		to, err := netip.ParseAddrPort(address)
		if err == nil && !to.Addr().Unmap().IsLoopback() {
			err = fmt.Errorf("a test wants to connect to %s, which is not this machine", address)
		}
		return err
	}}
	return &http.Client{Timeout: patience, Transport: &http.Transport{DialContext: dialer.DialContext, MaxIdleConnsPerHost: 128}}
}

// newClient makes calls by Go alone, as the root of the server's account: in the JSON protocol the request goes out as it is given,
// signed by the AWS SDK for Go, and the answer is what came back; of the query protocol's services the SDK's clients make them.
func newClient(s *server) *client {
	return &client{server: s, region: s.region, key: s.key, via: byGo{newHTTP()}}
}

type byGo struct{ http *http.Client }

func (g byGo) ask(t *testing.T, c *client, operation string, parameters m, how string) answer {
	t.Helper()
	service, name, _ := strings.Cut(operation, ".")
	_, isJSON := jsonServices[service]
	switch {
	case how == "wait":
		return g.wait(t, c, name, parameters)
	case how == "paginate":
		return g.pages(t, c, operation, parameters)
	case isJSON:
		return g.signed(t, c, operation, parameters)
	}
	return g.query(t, c, service, name, parameters)
}

// signed makes a call of the JSON protocol.
func (g byGo) signed(t *testing.T, c *client, operation string, parameters m) answer {
	t.Helper()
	r := newRaw(c.server)
	r.region, r.key, r.token, r.http = c.region, c.key, c.token, g.http
	got, err := r.do(t.Context(), operation, parameters)
	if err != nil {
		t.Fatalf("%s: %v", operation, err)
	}
	a := answer{Code: got.Code, Message: got.Message, Status: got.Status}
	if got.Status == http.StatusOK {
		a.OK = m{}
		if len(got.Body) == 0 {
			return a
		}
		if err := json.Unmarshal(got.Body, &a.OK); err != nil {
			t.Fatalf("%s: %v", operation, err)
		}
		return a
	}
	if a.Code == "" {
		t.Fatalf("%s: %d %s", operation, got.Status, got.Body)
	}
	_ = json.Unmarshal(got.Body, &a.More) // it has been read once, for the code
	delete(a.More, "__type")
	if a.More["Message"] != nil {
		delete(a.More, "message") // it is there twice, for SDKs that know one of them
	}
	return a
}

// query makes a call by the client that the SDK has for a service. Its inputs and outputs have the names of the API.
func (g byGo) query(t *testing.T, c *client, service, name string, parameters m) answer {
	t.Helper()
	var api any
	switch service {
	case "iam":
		api = iam.NewFromConfig(c.sdkConfig(), func(o *iam.Options) { o.Retryer = aws.NopRetryer{} })
	case "sts":
		api = sts.NewFromConfig(c.sdkConfig(), func(o *sts.Options) { o.Retryer = aws.NopRetryer{} })
	default:
		t.Fatalf("no client of the service %s", service)
	}
	method := reflect.ValueOf(api).MethodByName(name)
	if !method.IsValid() {
		t.Fatalf("the SDK has no operation %s.%s", service, name)
	}
	in := reflect.New(method.Type().In(1).Elem())
	text, err := json.Marshal(parameters)
	if err == nil {
		err = json.Unmarshal(text, in.Interface())
	}
	if err != nil {
		t.Fatalf("%s.%s: %v", service, name, err)
	}
	out := method.Call([]reflect.Value{reflect.ValueOf(t.Context()), in})
	if err, _ := out[1].Interface().(error); err != nil {
		return refusalOf(t, err)
	}
	ok := withoutNulls(asJSON(out[0].Interface())).(m)
	delete(ok, "ResultMetadata")
	return answer{OK: ok}
}

func refusalOf(t *testing.T, err error) answer {
	t.Helper()
	var api smithy.APIError
	var response *awshttp.ResponseError
	if !errors.As(err, &api) || !errors.As(err, &response) {
		t.Fatal(err)
	}
	return answer{Code: api.ErrorCode(), Message: api.ErrorMessage(), Status: response.HTTPStatusCode()}
}

// withoutNulls takes away what an answer did not have.
func withoutNulls(v any) any {
	switch v := v.(type) {
	case m:
		for name, value := range v {
			if value == nil {
				delete(v, name)
			} else {
				v[name] = withoutNulls(value)
			}
		}
	case []any:
		for i := range v {
			v[i] = withoutNulls(v[i])
		}
	}
	return v
}

// pages makes a call again and again, each time from where the last answer ended, and gives all answers as one: lists are joined,
// numbers are added up.
func (g byGo) pages(t *testing.T, c *client, operation string, parameters m) answer {
	t.Helper()
	all, in := m{}, m{}
	for name, value := range parameters {
		in[name] = value
	}
	for {
		page := g.ask(t, c, operation, in, "")
		if page.Code != "" {
			return page
		}
		last := true
		for end, start := range map[string]string{"LastEvaluatedKey": "ExclusiveStartKey", "NextToken": "NextToken",
			"LastEvaluatedTableName": "ExclusiveStartTableName", "Marker": "Marker"} {
			if page.OK[end] != nil {
				in[start], last = page.OK[end], false
				delete(page.OK, end)
			}
		}
		for name, value := range page.OK {
			switch value := value.(type) {
			case []any:
				before, _ := all[name].([]any)
				all[name] = append(before, value...)
			case float64:
				before, _ := all[name].(float64)
				all[name] = before + value
			}
		}
		if last {
			return answer{OK: all}
		}
	}
}

// wait waits as the SDK does, but not as long in between.
func (g byGo) wait(t *testing.T, c *client, waiter string, parameters m) answer {
	t.Helper()
	db := dynamodb.NewFromConfig(c.sdkConfig())
	in := &dynamodb.DescribeTableInput{TableName: aws.String(parameters["TableName"].(string))}
	const soon = 50 * time.Millisecond
	var err error
	switch waiter {
	case "TableExists":
		err = dynamodb.NewTableExistsWaiter(db, func(o *dynamodb.TableExistsWaiterOptions) { o.MinDelay = soon }).Wait(t.Context(), in, patience)
	case "TableNotExists":
		err = dynamodb.NewTableNotExistsWaiter(db, func(o *dynamodb.TableNotExistsWaiterOptions) { o.MinDelay = soon }).Wait(t.Context(), in, patience)
	default:
		t.Fatalf("no waiter %s", waiter)
	}
	if err != nil {
		t.Fatalf("%s %v: %v", waiter, parameters, err)
	}
	return answer{}
}

// sdkConfig is how a Go program reaches the server. It retries as it would against AWS, and has to: while an answer comes in, the SDK
// may close the request's body under net/http's writer, which then closes the connection (aws-sdk-go-v2, issue 2737).
func (c *client) sdkConfig() aws.Config {
	who := aws.Credentials{AccessKeyID: c.key.id, SecretAccessKey: c.key.secret, SessionToken: c.token}
	return aws.Config{
		Region: c.region, BaseEndpoint: &c.server.endpoint, HTTPClient: newHTTP(),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return who, nil }),
	}
}

func sdkConfig(s *server) aws.Config { return newClient(s).sdkConfig() }
