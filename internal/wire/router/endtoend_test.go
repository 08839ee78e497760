package router

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/sealtable/sealtable/internal/api"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/auth/sigv4"
	"github.com/sealtable/sealtable/internal/clock"
	"github.com/sealtable/sealtable/internal/wire"
	"github.com/sealtable/sealtable/internal/wire/front"
)

type one struct{ id, secret string }

func (o one) Secret(id string) (sigv4.Credential, bool) {
	caller := &auth.Caller{Type: auth.Root, Account: "123456789012"}
	return sigv4.Credential{Secret: o.secret, Caller: caller}, id == o.id
}

// TestSignedRequestsOverBothFronts signs with the AWS SDK, sends with net/http, and verifies what each front makes of it.
func TestSignedRequestsOverBothFronts(t *testing.T) {
	r := New(Options{
		Services: []api.ServiceInfo{
			describe("dynamodb", api.JSON, "DynamoDB_20120810", "", "GetItem"),
			describe("sts", api.Query, "", "2011-06-15", "GetCallerIdentity"),
		},
		Operations: operations{"dynamodb GetItem": true, "sts GetCallerIdentity": true},
		Verifier:   sigv4.New(one{"AKIDEXAMPLE", "secret"}, clock.New(), sigv4.Strict()),
		Log:        slog.New(slog.DiscardHandler),
	})
	for name, f := range map[string]front.Front{
		"fast": front.NewFast(r, front.Options{}), "standard": front.NewStandard(r, front.Options{}, nil),
	} {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			go func() { _ = f.Serve(l) }()
			defer func() { _ = f.Shutdown(context.Background()) }()
			url := "http://" + l.Addr().String()
			for range 3 {
				status, body := send(t, "POST", url+"/", `{"TableName":"t"}`, "dynamodb", "secret")
				if status != 200 || !strings.HasPrefix(body, "GetItem 123456789012 eu-west-1 127.0.0.1 ") {
					t.Fatalf("%d %s", status, body)
				}
			}
			if status, body := send(t, "POST", url+"/", "{}", "dynamodb", "wrong"); status != 400 ||
				!strings.Contains(body, "InvalidSignatureException") {
				t.Errorf("%d %s", status, body)
			}
			if status, body := send(t, "GET", url+"/?Version=2011-06-15&Action=GetCallerIdentity", "", "sts", "secret"); status != 200 {
				t.Errorf("%d %s", status, body)
			}
			presigned(t, url)
		})
	}
}

func newRequest(t *testing.T, method, url, body, service string) (*http.Request, string) {
	t.Helper()
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if service == "dynamodb" {
		req.Header.Set("X-Amz-Target", "DynamoDB_20120810.GetItem")
		req.Header.Set("Content-Type", "application/x-amz-json-1.0")
	}
	sum := sha256.Sum256([]byte(body))
	return req, hex.EncodeToString(sum[:])
}

func send(t *testing.T, method, url, body, service, secret string) (int, string) {
	t.Helper()
	req, hash := newRequest(t, method, url, body, service)
	who := aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: secret}
	if err := v4.NewSigner().SignHTTP(t.Context(), who, req, hash, service, "eu-west-1", time.Now()); err != nil {
		t.Fatal(err)
	}
	return do(t, req)
}

func do(t *testing.T, req *http.Request) (int, string) {
	t.Helper()
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var body bytes.Buffer
	_, _ = io.Copy(&body, res.Body)
	return res.StatusCode, body.String()
}

// presigned asks for the caller's identity by a link, as the tokens of EKS clusters do.
func presigned(t *testing.T, url string) {
	t.Helper()
	req, hash := newRequest(t, "GET", url+"/?Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Expires=60", "", "sts")
	who := aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "secret"}
	link, header, err := v4.NewSigner().PresignHTTP(t.Context(), who, req, hash, "sts", "eu-west-1", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		link   string
		status int
	}{{link, 200}, {link + "&x=1", 403}, {strings.Replace(link, "Expires=60", "Expires=61", 1), 403}} {
		req, _ := http.NewRequest("GET", c.link, nil)
		for name := range header {
			if name != "Host" {
				req.Header.Set(name, header.Get(name))
			}
		}
		if status, body := do(t, req); status != c.status {
			t.Errorf("%s: %d %s", c.link, status, body)
		}
	}
}

// BenchmarkFronts is a constant endpoint with signatures, over loopback and one connection each.
func BenchmarkFronts(b *testing.B) {
	verifier := sigv4.New(one{"AKIDEXAMPLE", "secret"}, clock.New(), sigv4.Open("123456789012"))
	r := New(Options{
		Services:   []api.ServiceInfo{describe("dynamodb", api.JSON, "DynamoDB_20120810", "", "GetItem")},
		Operations: constant{}, Verifier: verifier,
	})
	raw := fmt.Appendf(nil, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n%s\r\n%s\r\n%s\r\n%s\r\nUser-Agent: cli\r\n\r\n{}",
		json0, date, target("DynamoDB_20120810.GetItem"), strings.Replace(scoped("dynamodb"), "AKIDEXAMPLE", "AKIDOTHER", 1))
	for name, f := range map[string]front.Front{
		"fast": front.NewFast(r, front.Options{}), "standard": front.NewStandard(r, front.Options{}, nil),
	} {
		b.Run(name, func(b *testing.B) { benchmarkFront(b, f, raw) })
	}
}

func benchmarkFront(b *testing.B, f front.Front, raw []byte) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	go func() { _ = f.Serve(l) }()
	defer func() { _ = f.Shutdown(context.Background()) }()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	buf := make([]byte, 4096)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Write(raw); err != nil {
			b.Fatal(err)
		}
		if n, err := c.Read(buf); err != nil || !bytes.HasPrefix(buf[:n], []byte("HTTP/1.1 200")) {
			b.Fatalf("%s %v", buf[:n], err)
		}
	}
}

var _ wire.Handler = (*Router)(nil)
