package router

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash/crc32"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/sealtable/sealtable/internal/api"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/auth/sigv4"
	"github.com/sealtable/sealtable/internal/clock"
	"github.com/sealtable/sealtable/internal/strictjson"
	"github.com/sealtable/sealtable/internal/wire"
)

// operation is an endpoint that says who called it.
type operation struct{ name string }

func (o operation) ServeJSON(
	_ context.Context, c *auth.Caller, r *strictjson.Reader, dst []byte,
) ([]byte, error) {
	switch o.name {
	case "DeleteTable":
		return append(dst, "partial"...), errors.New("disk on fire")
	case "UpdateTable":
		panic("as asked")
	}
	if err := r.BeginObject(); err != nil {
		return dst, err
	}
	for {
		name, ok, err := r.NextName()
		if err != nil {
			return dst, err
		}
		if !ok {
			break
		}
		if string(name) != "TableName" {
			return append(dst, "partial"...), &api.UnknownMemberError{Shape: "Input", Member: string(name)}
		}
		if _, err := r.ReadString(); err != nil {
			return dst, err
		}
	}
	if err := r.End(); err != nil {
		return dst, err
	}
	dst = append(dst, o.name...)
	for _, s := range []string{c.Account, c.Region, c.SourceIP, c.UserAgent, c.AccessKeyID} {
		dst = append(append(dst, ' '), s...)
	}
	return dst, nil
}

func (o operation) ServeForm(_ context.Context, c *auth.Caller, form *api.Form, dst []byte) ([]byte, error) {
	switch o.name {
	case "GetUser":
		return dst, &api.Error{Code: "NoSuchEntity", Status: 404, Message: "no <user>"}
	case "ListUsers":
		return dst, errors.New("disk on fire")
	}
	return append(dst, "<ok>"+o.name+" "+c.Account+" "+c.Region+" "+c.RequestID+"</ok>"...), nil
}

type operations map[string]bool

func (o operations) Lookup(service, name string) (Endpoint, bool) {
	return operation{name}, o[service+" "+name]
}

func describe(name, protocol, target, version string, names ...string) api.ServiceInfo {
	info := api.ServiceInfo{Name: name, Protocol: protocol, TargetPrefix: target, APIVersion: version}
	if protocol == api.Query {
		info.XMLNamespace = "https://" + name + "/"
	}
	for _, operation := range names {
		info.Operations = append(info.Operations,
			api.DescribeOperation(operation, "", "", "POST", "/", ""))
	}
	return info
}

type echoREST struct{}

func (echoREST) ServeREST(_ context.Context, c *auth.Caller, req *wire.Request, res *wire.Response) {
	res.Body = append(append(res.Body, "rest "+c.Account+" "...), req.Path()...)
}

// newRouter returns a router of a few operations in which every access key is admitted, and what it logs.
func newRouter(log *bytes.Buffer) *Router {
	return New(Options{
		Services: []api.ServiceInfo{
			describe("dynamodb", api.JSON, "DynamoDB_20120810", "", "GetItem", "DeleteTable", "UpdateTable",
				"ExportTable"),
			describe("dynamodb", api.JSON, "DynamoDBStreams_20120810", "", "ListStreams"),
			describe("kms", api.JSON, "TrentService", "", "ListKeys"),
			describe("sts", api.Query, "", "2011-06-15", "GetCallerIdentity", "AssumeRoleWithWebIdentity"),
			describe("iam", api.Query, "", "2010-05-08", "GetUser", "ListUsers", "CreateUser"),
		},
		Operations: operations{
			"dynamodb GetItem": true, "dynamodb DeleteTable": true, "dynamodb UpdateTable": true,
			"dynamodb ListStreams": true,
			"kms ListKeys":         true, "sts GetCallerIdentity": true,
			"sts AssumeRoleWithWebIdentity": true, "iam GetUser": true,
			"iam ListUsers": true,
		},
		Verifier: sigv4.New(none{}, clock.New(), sigv4.Open("123456789012")),
		REST:     map[string]REST{"lambda": echoREST{}},
		Mounts: []Mount{
			{Path: "/_sealtable/", Handler: wire.HandlerFunc(func(_ context.Context, _ *wire.Request,
				res *wire.Response) {
				res.Body = []byte("mounted")
			})},
			{Path: "/exact", Handler: wire.HandlerFunc(func(_ context.Context, _ *wire.Request,
				res *wire.Response) {
				res.Body = []byte("exact")
			})},
		},
		Unsigned: func(action string) (string, bool) { return "sts", action == "AssumeRoleWithWebIdentity" },
		Log:      slog.New(slog.NewTextHandler(log, nil)),
	})
}

type none struct{}

func (none) Secret(string) (sigv4.Credential, bool) { return sigv4.Credential{}, false }

// call is one request: headers are written "name: value".
type call struct {
	method, target, body string
	headers              []string
}

func (c call) request() *wire.Request {
	req := new(wire.Request)
	req.Begin([]byte(c.method), []byte(c.target), []byte("localhost:8000"), "10.1.2.3")
	for _, h := range c.headers {
		name, value, _ := strings.Cut(h, ": ")
		req.AddHeader([]byte(name), []byte(value))
	}
	req.SetBody([]byte(c.body))
	return req
}

func scoped(service string) string {
	return "Authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/eu-west-1/" + service +
		"/aws4_request, SignedHeaders=host, Signature=0"
}

const (
	date  = "X-Amz-Date: 20150830T123600Z"
	json0 = "Content-Type: application/x-amz-json-1.0"
	json1 = "Content-Type: application/x-amz-json-1.1"
	form  = "Content-Type: application/x-www-form-urlencoded; charset=utf-8"
)

func target(t string) string { return "X-Amz-Target: " + t }

// route is a request and what its answer must be.
type route struct {
	name   string
	c      call
	status int
	media  string
	body   string // a part of it
}

func jsonRoutes() []route {
	get, list := target("DynamoDB_20120810.GetItem"), target("TrentService.ListKeys")
	return []route{
		{"json", call{"POST", "/", `{"TableName":"t"}`,
			[]string{json0, date, get, scoped("dynamodb"), "User-Agent: cli/1"}}, 200,
			"application/x-amz-json-1.0", "GetItem 123456789012 eu-west-1 10.1.2.3 cli/1 AKIDEXAMPLE"},
		{"empty body", call{"POST", "/", "", []string{json1, date, list, scoped("kms")}}, 200,
			"application/x-amz-json-1.1",
			"ListKeys 1234"},
		{"streams", call{"POST", "/", "{}",
			[]string{json0, date, target("DynamoDBStreams_20120810.ListStreams"), scoped("dynamodb")}}, 200,
			"application/x-amz-json-1.0", "ListStreams 1234"},
		{"operation of the other target",
			call{"POST", "/", "{}", []string{json0, date, target("DynamoDB_20120810.ListStreams"),
				scoped("dynamodb")}},
			400, "application/x-amz-json-1.0",
			`{"__type":"com.amazon.coral.service#UnknownOperationException"`},
		{"malformed", call{"POST", "/", `{"TableName"`, []string{json0, date, get, scoped("dynamodb")}}, 400,
			"application/x-amz-json-1.0",
			`{"__type":"com.amazon.coral.service#SerializationException"}`},
		{"trailing", call{"POST", "/", `{} {}`, []string{json0, date, get, scoped("dynamodb")}}, 400,
			"application/x-amz-json-1.0",
			"SerializationException"},
		{"wrong type", call{"POST", "/", `{"TableName":1}`, []string{json0, date, get, scoped("dynamodb")}},
			400,
			"application/x-amz-json-1.0",
			`"Message":"NUMBER_VALUE cannot be converted to String"}`},
		{"unknown member", call{"POST", "/", `{"Foo":1}`, []string{json0, date, get, scoped("dynamodb")}},
			400,
			"application/x-amz-json-1.0",
			`{"__type":"com.amazon.coral.validate#ValidationException","message":"The request has a member that is not supported: 'Foo' in Input"}`},
		{"unknown operation", call{"POST", "/", "{}",
			[]string{json0, date, target("DynamoDB_20120810.Foo"), scoped("dynamodb")}}, 400,
			"application/x-amz-json-1.0", "UnknownOperationException"},
		{"unsupported operation", call{"POST", "/", "{}",
			[]string{json0, date, target("DynamoDB_20120810.ExportTable"), scoped("dynamodb")}}, 400,
			"application/x-amz-json-1.0", "The operation ExportTable is not supported."},
		{"unknown prefix", call{"POST", "/", "{}",
			[]string{json0, date, target("Foo.GetItem"), scoped("dynamodb")}}, 400,
			"application/x-amz-json-1.0",
			`{"__type":"UnknownOperationException"`},
		{"no dot", call{"POST", "/", "{}", []string{json0, date, target("GetItem"), scoped("dynamodb")}}, 400,
			"application/x-amz-json-1.0",
			"UnknownOperation"},
		{"no target", call{"POST", "/", "{}", []string{json0, date, scoped("dynamodb")}}, 400,
			"application/x-amz-json-1.0",
			"UnknownOperation"},
		{"wrong content type", call{"POST", "/", "{}",
			[]string{"Content-Type: text/plain", date, get, scoped("dynamodb")}}, 404,
			"", "<UnknownOperationException/>\n"},
		{"wrong method", call{"GET", "/", "{}", []string{json0, date, get, scoped("dynamodb")}}, 404, "",
			"<UnknownOperationException/>\n"},
		{"no content type", call{"POST", "/", "{}", []string{date, get, scoped("dynamodb")}}, 200,
			"application/x-amz-json-1.0", "GetItem"},
		{"scope of another service", call{"POST", "/", "{}", []string{json0, date, get, scoped("kms")}}, 400,
			"application/x-amz-json-1.0",
			`"message":"Credential should be scoped to correct service: 'dynamodb'. "}`},
		{"json without signature", call{"POST", "/", "{}", []string{json1, list}}, 400,
			"application/x-amz-json-1.1",
			`{"__type":"MissingAuthenticationTokenException","message":"Request is missing Authentication Token"`},
		{"internal", call{"POST", "/", "{}",
			[]string{json0, date, target("DynamoDB_20120810.DeleteTable"), scoped("dynamodb")}}, 500,
			"application/x-amz-json-1.0",
			`{"__type":"com.amazonaws.dynamodb.v20120810#InternalServerError","message":"Internal server error"}`},
		{"panic", call{"POST", "/", "{}",
			[]string{json0, date, target("DynamoDB_20120810.UpdateTable"), scoped("dynamodb")}}, 500,
			"application/x-amz-json-1.0", `InternalServerError`},
	}
}

func otherRoutes() []route {
	return []route{
		{"query", call{"POST", "/", "Action=GetCallerIdentity&Version=2011-06-15",
			[]string{form, date, scoped("sts")}}, 200, "text/xml",
			"<ok>GetCallerIdentity 123456789012 eu-west-1 "},
		{"query by GET", call{"GET", "/?Action=GetCallerIdentity&Version=2011-06-15", "",
			[]string{date, scoped("sts")}}, 200, "text/xml",
			"<ok>"},
		{"query error", call{"POST", "/", "Action=GetUser&Version=2010-05-08",
			[]string{form, date, scoped("iam")}}, 404, "text/xml",
			`<ErrorResponse xmlns="https://iam/"><Error><Type>Sender</Type><Code>NoSuchEntity</Code><Message>no &lt;user&gt;</Message></Error><RequestId>`},
		{"query internal", call{"POST", "/", "Action=ListUsers&Version=2010-05-08",
			[]string{form, date, scoped("iam")}}, 500, "text/xml",
			"<Type>Receiver</Type><Code>InternalFailure</Code>"},
		{"query unknown action", call{"POST", "/", "Action=Foo&Version=2010-05-08",
			[]string{form, date, scoped("iam")}}, 400, "text/xml",
			"<Code>InvalidAction</Code><Message>Could not find operation Foo for version " +
				"2010-05-08</Message>"},
		{"query without version", call{"POST", "/", "Action=GetUser", []string{form, date, scoped("iam")}},
			400, "text/xml",
			"NO_VERSION_SPECIFIED"},
		{"query unsupported", call{"POST", "/", "Action=CreateUser&Version=2010-05-08",
			[]string{form, date, scoped("iam")}}, 400,
			"text/xml",
			"The operation CreateUser is not supported."},
		{"query malformed", call{"POST", "/", "Action=%", []string{form, date, scoped("iam")}}, 400,
			"text/xml",
			"<Code>MalformedQueryString</Code>"},
		{"query without signature", call{"POST", "/", "Action=GetUser&Version=2010-05-08", []string{form}},
			403, "text/xml",
			"<Code>MissingAuthenticationToken</Code><Message>Request is missing Authentication " +
				"Token</Message>"},
		{"query bad signature", call{"POST", "/", "Action=GetUser",
			[]string{form, "Authorization: AWS4-HMAC-SHA256 x"}}, 400, "text/xml",
			"<Code>IncompleteSignature</Code>"},
		{"unsigned action", call{"POST", "/", "Action=AssumeRoleWithWebIdentity&Version=2011-06-15",
			[]string{form}}, 200, "text/xml",
			"<ok>AssumeRoleWithWebIdentity  "},
		{"query put", call{"PUT", "/", "Action=GetUser", []string{form, date, scoped("iam")}}, 405,
			"text/xml", "InvalidAction"},
		{"rest", call{"GET", "/2015-03-31/functions", "", []string{date, scoped("lambda")}}, 200, "",
			"rest 123456789012 /2015-03-31/functions"},
	}
}

// foreignRoutes are requests for services that are not here, and for none.
func foreignRoutes() []route {
	return []route{
		{"ec2", call{"POST", "/", "Action=DescribeRegions&Version=2016-11-15",
			[]string{form, date, scoped("ec2")}}, 400, "text/xml",
			"<Response><Errors><Error><Code>InvalidAction</Code><Message>There is no service ec2 here."},
		{"another query service", call{"POST", "/", "Action=DescribeDBInstances&Version=2014-10-31",
			[]string{form, date, scoped("rds")}},
			400,
			"text/xml", "<Error><Type>Sender</Type><Code>InvalidAction</Code><Message>There is no service " +
				"rds here."},
		{"another json service", call{"POST", "/", "{}",
			[]string{json1, date, target("AmazonSQS.ListQueues"), scoped("sqs")}}, 400,
			"application/x-amz-json-1.1",
			`{"__type":"UnknownOperationException","message":"There is no service sqs here.`},
		{"another json service in its old protocol",
			call{"POST", "/", "Action=ListQueues", []string{form, date, scoped("sqs")}}, 400,
			"text/xml", "<Code>InvalidAction</Code><Message>There is no service sqs here."},
		{"a rest service", call{"GET", "/v1/clusters", "", []string{date, scoped("kafka")}}, 400,
			"application/json",
			`"message":"There is no service kafka here.`},
		{"s3", call{"GET", "/bucket?list-type=2", "", []string{date, scoped("s3")}}, 400, "application/xml",
			"<Error><Code>NotImplemented</Code><Message>There is no service s3 here."},
		{"route53", call{"GET", "/2013-04-01/hostedzone", "", []string{date, scoped("route53")}}, 400,
			"text/xml",
			"<ErrorResponse"},
		{"a service that nobody knows", call{"POST", "/", "{}",
			[]string{json1, date, target("X.Y"), scoped("nosuch")}}, 400,
			"application/x-amz-json-1.1", `{"__type":"UnknownOperationException"}`},
		{"nothing", call{"GET", "/", "", nil}, 200, "text/plain", "healthy: localhost:8000 "},
		{"nothing by POST", call{"POST", "/", "", nil}, 400, "application/x-amz-json-1.0",
			"MissingAuthenticationTokenException"},
		{"a person", call{"GET", "/", "", []string{"Accept: text/html,*/*"}}, 302, "", ""},
		{"cbor", call{"POST", "/service/DynamoDB/operation/GetItem", "",
			[]string{"smithy-protocol: rpc-v2-cbor", date, scoped("dynamodb")}}, 400,
			"application/cbor", "smithy-protocol"},
		{"options", call{"OPTIONS", "*", "", nil}, 200, "", ""},
		{"mounted", call{"GET", "/_sealtable/health/live", "", nil}, 200, "", "mounted"},
		{"exact", call{"GET", "/exact?x", "", nil}, 200, "", "exact"},
		{"not exact", call{"GET", "/exact/x", "", nil}, 400, "application/x-amz-json-1.0",
			"MissingAuthentication"},
	}
}

func TestRoutes(t *testing.T) {
	var log bytes.Buffer
	r := newRouter(&log)
	for _, c := range slices.Concat(jsonRoutes(), otherRoutes(), foreignRoutes()) {
		t.Run(c.name, func(t *testing.T) {
			var res wire.Response
			res.Reset()
			r.Serve(context.Background(), c.c.request(), &res)
			media, _ := res.Header("Content-Type")
			if res.Status != c.status || string(media) != c.media ||
				!strings.Contains(string(res.Body), c.body) {
				t.Errorf("%d %q %s", res.Status, media, res.Body)
			}
			if bytes.Contains(res.Body, []byte("partial")) || bytes.Contains(res.Body, []byte("fire")) ||
				bytes.Contains(res.Body, []byte("as asked")) {
				t.Errorf("the answer holds what it must not: %s", res.Body)
			}
			checkHeaders(t, &res, c.media)
		})
	}
	for _, want := range []string{"disk on fire", "panic: as asked", "operation=UpdateTable", "request="} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log has no %q: %s", want, log.String())
		}
	}
}

func checkHeaders(t *testing.T, res *wire.Response, media string) {
	t.Helper()
	if id, _ := res.Header("X-Amzn-Requestid"); media != "" && len(id) != 36 && len(id) != 52 {
		t.Errorf("request id %q", id)
	}
	dynamo := bytes.Contains(res.Body, []byte("dynamodb")) || bytes.Contains(res.Body, []byte("coral")) ||
		bytes.HasPrefix(res.Body, []byte("GetItem"))
	sum, ok := res.Header("X-Amz-Crc32")
	if want := strconv.FormatUint(uint64(crc32.ChecksumIEEE(res.Body)), 10); ok && string(sum) != want ||
		dynamo && !ok {
		t.Errorf("checksum %q, want %q", sum, want)
	}
}

func TestServeAllocations(t *testing.T) {
	r := New(Options{
		Services:   []api.ServiceInfo{describe("dynamodb", api.JSON, "DynamoDB_20120810", "", "GetItem")},
		Operations: constant{}, Verifier: sigv4.New(none{}, clock.New(), sigv4.Open("123456789012")),
	})
	req := call{"POST", "/", `{}`, []string{json0, date, target("DynamoDB_20120810.GetItem"),
		scoped("dynamodb"),
		"User-Agent: cli"}}.request()
	var res wire.Response
	allocs := testing.AllocsPerRun(500, func() {
		res.Reset()
		r.Serve(context.Background(), req, &res)
	})
	if res.Status != 200 {
		t.Fatalf("%s", res.Body)
	}
	// The request id and the Caller, which the trail may keep.
	if allocs > 2 && !raceEnabled {
		t.Errorf("%v allocations", allocs)
	}
}

type constant struct{}

func (constant) Lookup(string, string) (Endpoint, bool) { return constant{}, true }
func (constant) ServeJSON(
	_ context.Context, _ *auth.Caller, _ *strictjson.Reader, dst []byte,
) ([]byte, error) {
	return append(dst, "{}"...), nil
}
func (constant) ServeForm(_ context.Context, _ *auth.Caller, _ *api.Form, dst []byte) ([]byte, error) {
	return dst, nil
}

func BenchmarkServe(b *testing.B) {
	r := New(Options{
		Services:   []api.ServiceInfo{describe("dynamodb", api.JSON, "DynamoDB_20120810", "", "GetItem")},
		Operations: constant{}, Verifier: sigv4.New(none{}, clock.New(), sigv4.Open("123456789012")),
	})
	req := call{"POST", "/", `{}`, []string{json0, date, target("DynamoDB_20120810.GetItem"),
		scoped("dynamodb"),
		"User-Agent: cli"}}.request()
	var res wire.Response
	b.ReportAllocs()
	for b.Loop() {
		res.Reset()
		r.Serve(context.Background(), req, &res)
	}
}

// TestGlobalServicesHaveOneRegion asks every global service, as if it were here, in its region and in
// another.
func TestGlobalServicesHaveOneRegion(t *testing.T) {
	for _, name := range []string{"iam", "account", "organizations", "route53", "cloudfront", "budgets", "ce",
		"health", "shield",
		"support",
		"savingsplans", "billingconductor", "chime", "importexport", "notifications-contacts", "tax", "waf"} {
		for protocol, c := range map[string]call{
			api.Query:    {"POST", "/", "Action=Get&Version=1", []string{form}},
			api.JSON:     {"POST", "/", "{}", []string{json1, target("T.Get")}},
			api.RESTJSON: {"GET", "/things", "", nil},
		} {
			o := Options{Operations: operations{name + " Get": true},
				Verifier: sigv4.New(one{"AKIDEXAMPLE", "s"}, clock.New(), sigv4.Strict()),
				Services: []api.ServiceInfo{describe(name, protocol, "T", "1", "Get")}}
			if protocol == api.RESTJSON {
				o.REST = map[string]REST{name: echoREST{}}
			}
			r := New(o)
			for region, ok := range map[string]bool{"us-east-1": true, "eu-west-1": false} {
				res := serveSigned(t, r, c, name, region)
				refused := strings.Contains(string(res.Body),
					"Credential should be scoped to a valid region, not ")
				if (res.Status == 200) != ok || refused == ok {
					t.Errorf("%s (%s) in %s: %d %s", name, protocol, region, res.Status, res.Body)
				}
			}
		}
	}
}

// serveSigned signs c with the AWS SDK and serves it.
func serveSigned(t *testing.T, r *Router, c call, service, region string) *wire.Response {
	t.Helper()
	req, err := http.NewRequest(c.method, "http://localhost:8000"+c.target, strings.NewReader(c.body))
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range c.headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	sum := sha256.Sum256([]byte(c.body))
	who := aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "s"}
	if err := v4.NewSigner().SignHTTP(t.Context(), who, req, hex.EncodeToString(sum[:]), service, region,
		time.Now()); err != nil {
		t.Fatal(err)
	}
	in := new(wire.Request)
	in.Begin([]byte(c.method), []byte(c.target), []byte("localhost:8000"), "10.1.2.3")
	for name, values := range req.Header {
		in.AddHeader([]byte(name), []byte(values[0]))
	}
	if c.body != "" {
		in.AddHeader([]byte("content-length"), []byte(strconv.Itoa(len(c.body))))
	}
	in.SetBody([]byte(c.body))
	res := new(wire.Response)
	res.Reset()
	r.Serve(t.Context(), in, res)
	return res
}

// FuzzServe looks for panics and for answers that are not one of the protocols'.
func FuzzServe(f *testing.F) {
	f.Add("POST", "/", "DynamoDB_20120810.GetItem", "application/x-amz-json-1.0", scoped("dynamodb")[15:],
		[]byte(`{"TableName":"t"}`))
	f.Add("POST", "/?Action=GetUser", "", "application/x-www-form-urlencoded", scoped("iam")[15:],
		[]byte("Version=2010-05-08&a.b=1"))
	f.Add("GET", "/?X-Amz-Algorithm=AWS4-HMAC-SHA256", ".", "", "", []byte("{"))
	var log bytes.Buffer
	r := newRouter(&log)
	f.Fuzz(func(t *testing.T, method, path, to, contentType, authorization string, body []byte) {
		log.Reset()
		c := call{method: method, target: path, body: string(body),
			headers: []string{date, "Content-Type: " + contentType}}
		if to != "" {
			c.headers = append(c.headers, target(to))
		}
		if authorization != "" {
			c.headers = append(c.headers, "Authorization: "+authorization)
		}
		var res wire.Response
		res.Reset()
		r.Serve(context.Background(), c.request(), &res)
		if res.Status == 500 && !strings.Contains(log.String(), "as asked") &&
			!strings.Contains(log.String(), "disk on fire") {
			t.Fatalf("internal error: %s", log.String())
		}
	})
}
