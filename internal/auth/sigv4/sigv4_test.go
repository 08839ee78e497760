package sigv4

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/sealtable/sealtable/internal/auth"
)

// request is an HTTP request as the verifier sees it.
type request struct {
	method, target, host string
	fields               [][2]string
	body                 string
}

func (r *request) Method() string { return r.method }
func (r *request) Host() []byte   { return []byte(r.host) }
func (r *request) Body() []byte   { return []byte(r.body) }
func (r *request) Fields() int    { return len(r.fields) }
func (r *request) Path() []byte   { path, _, _ := strings.Cut(r.target, "?"); return []byte(path) }
func (r *request) Query() []byte  { _, query, _ := strings.Cut(r.target, "?"); return []byte(query) }
func (r *request) Field(i int) (name, value []byte) {
	return []byte(r.fields[i][0]), []byte(r.fields[i][1])
}

func (r *request) set(name, value string) {
	for i := range r.fields {
		if r.fields[i][0] == name {
			r.fields[i][1] = value
			return
		}
	}
	r.fields = append(r.fields, [2]string{name, value})
}

func (r *request) drop(name string) {
	for i := range r.fields {
		if r.fields[i][0] == name {
			r.fields = append(r.fields[:i:i], r.fields[i+1:]...)
			return
		}
	}
}

type store map[string]Credential

func (s store) Secret(id string) (Credential, bool) { c, ok := s[id]; return c, ok }

// stopped is a clock that shows at, moved by ahead.
type stopped struct {
	at    time.Time
	ahead time.Duration
}

func (s *stopped) Now() time.Time        { return s.at.Add(s.ahead) }
func (s *stopped) Offset() time.Duration { return s.ahead }

// The credentials and the time of the examples in AWS's documentation and of its signature test suite.
const (
	exampleID     = "AKIDEXAMPLE"
	exampleSecret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
	sessionID     = "ASIAEXAMPLE"
	sessionToken  = "IQoJb3JpZ2luX2VjEXAMPLETOKEN/+=="
)

var exampleTime = time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC)

func exampleStore() store {
	user := &auth.Caller{Type: auth.IAMUser, Account: "123456789012", ARN: "arn:aws:iam::123456789012:user/a"}
	return store{
		exampleID: {Secret: exampleSecret, Caller: user},
		sessionID: {Secret: exampleSecret, SessionToken: sessionToken, Expires: exampleTime.Add(time.Hour), Caller: user},
	}
}

func exampleVerifier(a Admission) (*Verifier, *stopped) {
	clock := &stopped{at: exampleTime}
	return New(exampleStore(), clock, a), clock
}

// signed is r signed by the AWS SDK for Go, an implementation that shares no code with this one.
func signed(t testing.TB, r request, id, token, service string) *request {
	t.Helper()
	h, err := http.NewRequest(r.method, "http://"+r.host+r.target, io.NopCloser(strings.NewReader(r.body)))
	if err != nil {
		t.Fatal(err)
	}
	h.ContentLength = int64(len(r.body))
	for _, f := range r.fields {
		h.Header.Add(f[0], f[1])
	}
	sum := sha256.Sum256([]byte(r.body))
	signer := v4.NewSigner()
	who := aws.Credentials{AccessKeyID: id, SecretAccessKey: exampleSecret, SessionToken: token}
	if err := signer.SignHTTP(context.Background(), who, h, hex.EncodeToString(sum[:]), service, "eu-west-1", exampleTime); err != nil {
		t.Fatal(err)
	}
	out := &request{method: r.method, target: r.target, host: r.host, body: r.body}
	for name, values := range h.Header {
		for _, value := range values {
			out.fields = append(out.fields, [2]string{strings.ToLower(name), value})
		}
	}
	if h.ContentLength > 0 {
		out.set("content-length", itoa(len(r.body)))
	}
	return out
}

func itoa(n int) string {
	if n >= 10 {
		return itoa(n/10) + string(rune('0'+n%10))
	}
	return string(rune('0' + n))
}

func putItem() request {
	return request{method: "POST", target: "/", host: "127.0.0.1:8000", body: `{"TableName":"t","Item":{"a":{"S":"1"}}}`,
		fields: [][2]string{
			{"content-type", "application/x-amz-json-1.0"}, {"x-amz-target", "DynamoDB_20120810.PutItem"},
			{"amz-sdk-request", "attempt=1; max=3"}, {"accept-encoding", "identity"},
		}}
}

// TestPublishedVectors checks the worked example of the documentation and cases of the signature test suite.
func TestPublishedVectors(t *testing.T) {
	const form = "application/x-www-form-urlencoded"
	cases := []struct {
		name, service, signedHeaders, signature string
		r                                       request
	}{
		{"the documentation's ListUsers", "iam", "content-type;host;x-amz-date",
			"5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
			request{method: "GET", target: "/?Action=ListUsers&Version=2010-05-08", host: "iam.amazonaws.com",
				fields: [][2]string{{"content-type", form + "; charset=utf-8"}}}},
		{"get-vanilla", "service", "host;x-amz-date", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
			request{method: "GET", target: "/", host: "example.amazonaws.com"}},
		{"post-vanilla", "service", "host;x-amz-date", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
			request{method: "POST", target: "/", host: "example.amazonaws.com"}},
		{"get-vanilla-query-order-key-case", "service", "host;x-amz-date",
			"b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
			request{method: "GET", target: "/?Param2=value2&Param1=value1", host: "example.amazonaws.com"}},
		{"get-header-value-trim", "service", "host;my-header1;my-header2;x-amz-date",
			"acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
			request{method: "GET", target: "/", host: "example.amazonaws.com",
				fields: [][2]string{{"my-header1", " value1"}, {"my-header2", ` "a   b   c"`}}}},
		{"get-vanilla-utf8-query", "service", "host;x-amz-date",
			"2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04",
			request{method: "GET", target: "/?\u1234=bar", host: "example.amazonaws.com"}},
		{"get-slashes", "service", "host;x-amz-date", "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84",
			request{method: "GET", target: "//example//", host: "example.amazonaws.com"}},
		{"post-x-www-form-urlencoded", "service", "content-type;host;x-amz-date",
			"ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
			request{method: "POST", target: "/", host: "example.amazonaws.com", body: "Param1=value1",
				fields: [][2]string{{"content-type", form}}}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			v, _ := exampleVerifier(Strict())
			c.r.set("x-amz-date", "20150830T123600Z")
			c.r.set("authorization", "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/"+c.service+
				"/aws4_request, SignedHeaders="+c.signedHeaders+", Signature="+c.signature)
			scope, credential, err := v.Verify(&c.r)
			if err != nil {
				t.Fatal(err)
			}
			want := Scope{AccessKeyID: exampleID, Date: "20150830", Region: "us-east-1", Service: c.service}
			if scope != want || credential.Caller.ARN != "arn:aws:iam::123456789012:user/a" {
				t.Errorf("scope %+v, caller %+v", scope, credential.Caller)
			}
		})
	}
}

// TestPresignedVector checks the worked example of "Authenticating Requests: Using Query Parameters" in the S3 API Reference.
func TestPresignedVector(t *testing.T) {
	at := time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC)
	const id = "AKIAIOSFODNN7EXAMPLE"
	clock := &stopped{at: at.Add(23 * time.Hour)}
	v := New(store{id: {Secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", Caller: &auth.Caller{}}}, clock, Strict())
	r := &request{method: "GET", host: "examplebucket.s3.amazonaws.com", target: "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256" +
		"&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z" +
		"&X-Amz-Expires=86400&X-Amz-SignedHeaders=host" +
		"&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"}
	if _, _, err := v.Verify(r); err != nil {
		t.Fatal(err)
	}
	clock.at = at.Add(24*time.Hour + time.Second)
	refused(t, v, r, Mismatch, "Signature expired: 20130524T000000Z is now earlier than 20130524T000001Z (20130525T000001Z - 1440 min.)")
	clock.at = at
	r.target = strings.Replace(r.target, "test.txt", "test2.txt", 1)
	refused(t, v, r, Mismatch, "The request signature we calculated")
}

func refused(t *testing.T, v *Verifier, r Request, want Reason, message string) {
	t.Helper()
	scope, credential, err := v.Verify(r)
	var refusal *Error
	if !errors.As(err, &refusal) {
		t.Fatalf("not refused: %v", err)
	}
	if refusal.Reason != want || !strings.HasPrefix(refusal.Message, message) {
		t.Errorf("got %v %q,\nwant %v %q", refusal.Reason, refusal.Message, want, message)
	}
	if scope != (Scope{}) || credential != (Credential{}) {
		t.Errorf("a refusal hands out %+v %+v", scope, credential)
	}
}

func TestSDKRequestsPass(t *testing.T) {
	v, _ := exampleVerifier(Strict())
	for range 3 { // the second time from the cache
		r := signed(t, putItem(), exampleID, "", "dynamodb")
		scope, _, err := v.Verify(r)
		if err != nil || scope.Region != "eu-west-1" || scope.Service != "dynamodb" {
			t.Fatalf("%+v %v", scope, err)
		}
		if _, _, err := v.Verify(signed(t, putItem(), sessionID, sessionToken, "dynamodb")); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSDKPathsPass(t *testing.T) {
	v, _ := exampleVerifier(Strict())
	for _, target := range []string{
		"/2015-03-31/functions/arn%3Aaws%3Alambda%3Aeu-west-1%3A123456789012%3Afunction%3Af/invocations",
		"/a/b%20c/", "/a?x=1&x=0&y", "/?q=%2B%2f%zz", "/?a=b+c",
	} {
		r := request{method: "GET", target: target, host: "localhost:8000"}
		if strings.Contains(target, "%zz") {
			continue // the SDK's URL parser refuses it; the fuzz target covers it
		}
		if _, _, err := v.Verify(signed(t, r, exampleID, "", "lambda")); err != nil {
			t.Errorf("%s: %v", target, err)
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	for _, size := range []int{300, 1350} {
		b.Run(itoa(size), func(b *testing.B) {
			v, _ := exampleVerifier(Strict())
			r := putItem()
			r.body = strings.Repeat("x", size)
			frozen := freeze(signed(b, r, exampleID, "", "dynamodb"))
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := v.Verify(frozen); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
