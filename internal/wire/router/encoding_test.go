package router

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"context"
	"hash/crc32"
	"io"
	"strconv"
	"strings"
	"testing"

	"github.com/sealtable/sealtable/internal/api"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/auth/sigv4"
	"github.com/sealtable/sealtable/internal/clock"
	"github.com/sealtable/sealtable/internal/pages"
	"github.com/sealtable/sealtable/internal/strictjson"
	"github.com/sealtable/sealtable/internal/wire"
)

func packed(t *testing.T, w io.WriteCloser, to *bytes.Buffer, parts ...string) string {
	t.Helper()
	for _, part := range parts {
		if _, err := io.WriteString(w, part); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return to.String()
}

func gzipped(t *testing.T, text string) string {
	var b bytes.Buffer
	return packed(t, gzip.NewWriter(&b), &b, text)
}

// TestPackedRequests reads bodies in the encodings that DynamoDB reads, within bounds before and after.
func TestPackedRequests(t *testing.T) {
	r := newRouter(new(bytes.Buffer))
	var zlibbed, bare bytes.Buffer
	packed(t, zlib.NewWriter(&zlibbed), &zlibbed, `{"TableName":"z"}`)
	w, _ := flate.NewWriter(&bare, 5)
	packed(t, w, &bare, `{"TableName":"f"}`)
	bomb := gzipped(t, strings.Repeat(" ", maxUnpacked+1))
	for name, c := range map[string]struct {
		encoding, body string
		status         int
		want           string
	}{
		"gzip":          {"gzip", gzipped(t, `{"TableName":"g"}`), 200, "GetItem"},
		"two members":   {"gzip", gzipped(t, `{"TableName"`) + gzipped(t, `:"g"}`), 200, "GetItem"},
		"zlib":          {"deflate", zlibbed.String(), 200, "GetItem"},
		"bare deflate":  {"deflate", bare.String(), 200, "GetItem"},
		"identity":      {"identity", `{"TableName":"t"}`, 200, "GetItem"},
		"not packed":    {"gzip", `{"TableName":"t"}`, 400, `SerializationException"}`},
		"cut":           {"gzip", gzipped(t, `{"TableName":"g"}`)[:20], 400, `SerializationException"}`},
		"broken inside": {"gzip", gzipped(t, `{"TableName"`), 400, `SerializationException"}`},
		"unknown":       {"br", "x", 400, "SerializationException"},
		"bomb":          {"gzip", bomb, 413, "RequestEntityTooLargeException"},
	} {
		var res wire.Response
		res.Reset()
		r.Serve(context.Background(), call{"POST", "/", c.body,
			[]string{json0, date, target("DynamoDB_20120810.GetItem"), scoped("dynamodb"),
				"Content-Encoding: " + c.encoding}}.request(), &res)
		if res.Status != c.status || !strings.Contains(string(res.Body), c.want) {
			t.Errorf("%s: %d %s", name, res.Status, res.Body)
		}
		if held := r.unpacked.bytes.Load(); held != 0 {
			t.Errorf("%s: %d bytes are held afterwards", name, held)
		}
	}
}

// large answers with as many bytes as it is.
type large int

func (n large) Lookup(string, string) (Endpoint, bool) { return n, true }

func (n large) ServeJSON(
	_ context.Context, _ *auth.Caller, _ *strictjson.Reader, dst []byte,
) ([]byte, error) {
	return append(dst, strings.Repeat("a", int(n))...), nil
}

func (large) ServeForm(_ context.Context, _ *auth.Caller, _ *api.Form, dst []byte) ([]byte, error) {
	return dst, nil
}

func TestLargeAnswersAreCompressed(t *testing.T) {
	for _, c := range []struct {
		size         int
		accept, want string
	}{
		{4096, "gzip", ""}, {4097, "gzip", "gzip"}, {9000, "deflate", "deflate"},
		{9000, "br, deflate;q=0.5 , GZIP", "gzip"},
		{9000, "gzip;q=0, deflate", "deflate"}, {9000, "gzip; q=0.0", ""}, {9000, "identity", ""},
		{9000, "", ""},
	} {
		r := New(Options{Services: []api.ServiceInfo{describe("dynamodb", api.JSON, "DynamoDB_20120810", "",
			"GetItem")},
			Operations: large(c.size), Verifier: sigv4.New(none{}, clock.New(), sigv4.Open("123456789012"))})
		for range 2 {
			var res wire.Response
			res.Reset()
			r.Serve(context.Background(),
				call{"POST", "/", "{}", []string{json0, date, target("DynamoDB_20120810.GetItem"),
					scoped("dynamodb"),
					"Accept-Encoding: " + c.accept}}.request(), &res)
			encoding, _ := res.Header("Content-Encoding")
			sum, _ := res.Header("X-Amz-Crc32")
			if string(encoding) != c.want ||
				string(sum) != strconv.FormatUint(uint64(crc32.ChecksumIEEE(res.Body)), 10) {
				t.Errorf("%q: %q, checksum %s", c.accept, encoding, sum)
			}
			if plain := unpacked(t, c.want, res.Body); plain != strings.Repeat("a", c.size) {
				t.Errorf("%q: %d bytes come back", c.accept, len(plain))
			}
		}
	}
}

func unpacked(t *testing.T, encoding string, body []byte) string {
	t.Helper()
	var r io.Reader = bytes.NewReader(body)
	var err error
	switch encoding {
	case "gzip":
		r, err = gzip.NewReader(r)
	case "deflate":
		r, err = zlib.NewReader(r)
	}
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(plain)
}

// seen keeps who called.
type seen struct{ caller *auth.Caller }

func (s *seen) Lookup(string, string) (Endpoint, bool) { return s, true }

func (s *seen) ServeJSON(
	_ context.Context, c *auth.Caller, _ *strictjson.Reader, dst []byte,
) ([]byte, error) {
	s.caller = c
	return append(dst, "{}"...), nil
}

func (*seen) ServeForm(_ context.Context, _ *auth.Caller, _ *api.Form, dst []byte) ([]byte, error) {
	return dst, nil
}

// TestSecureTransport: a caller's request over TLS is known as such, which only tests had set before.
func TestSecureTransport(t *testing.T) {
	for _, secure := range []bool{false, true} {
		s := &seen{}
		r := New(Options{Services: []api.ServiceInfo{describe("dynamodb", api.JSON, "DynamoDB_20120810", "",
			"GetItem")},
			Operations: s, Verifier: sigv4.New(none{}, clock.New(), sigv4.Open("123456789012"))})
		req := call{"POST", "/", "{}", []string{json0, date, target("DynamoDB_20120810.GetItem"),
			scoped("dynamodb")}}.request()
		if secure {
			req.SetSecure()
		}
		var res wire.Response
		res.Reset()
		r.Serve(context.Background(), req, &res)
		if s.caller == nil || s.caller.TLS != secure {
			t.Errorf("secure %v: %+v", secure, s.caller)
		}
	}
}

// TestPagesOfOthers asks with and without a guard what browsers ask before a page may call.
func TestPagesOfOthers(t *testing.T) {
	ask := []string{"Access-Control-Request-Method: POST", "Access-Control-Request-Headers: " +
		"x-amz-target,authorization"}
	for _, c := range []struct {
		guard          *pages.Guard
		method         string
		origin         string
		status         int
		allow, granted string
	}{
		{nil, "OPTIONS", "https://example.com", 200, "*", "POST"},
		{nil, "POST", "https://example.com", 200, "*", ""},
		{nil, "POST", "", 200, "", ""},
		{&pages.Guard{}, "OPTIONS", "http://localhost:3000", 200, "http://localhost:3000", "POST"},
		{&pages.Guard{}, "OPTIONS", "https://example.com", 403, "", ""},
		{&pages.Guard{}, "POST", "https://example.com", 400, "", ""},
		{&pages.Guard{Origins: []string{"https://example.com"}}, "POST", "https://example.com", 200,
			"https://example.com", ""},
	} {
		admission := sigv4.Open("123456789012", "https://example.com")
		if c.guard != nil {
			admission.Pages = *c.guard
		}
		r := New(Options{Services: []api.ServiceInfo{describe("dynamodb", api.JSON, "DynamoDB_20120810", "",
			"GetItem")},
			Operations: constant{}, Verifier: sigv4.New(none{}, clock.New(), admission), Pages: c.guard})
		headers := []string{json0, date, target("DynamoDB_20120810.GetItem"), scoped("dynamodb")}
		if c.method == "OPTIONS" {
			headers = ask
		}
		if c.origin != "" {
			headers = append(headers[:len(headers):len(headers)], "Origin: "+c.origin)
		}
		var res wire.Response
		res.Reset()
		r.Serve(context.Background(), call{c.method, "/", "{}", headers}.request(), &res)
		allow, _ := res.Header("Access-Control-Allow-Origin")
		method, _ := res.Header("Access-Control-Allow-Methods")
		if res.Status != c.status || string(allow) != c.allow || string(method) != c.granted {
			t.Errorf("%s of %s: %d, %q, %q: %s", c.method, c.origin, res.Status, allow, method, res.Body)
		}
		if res.Status >= 400 && !bytes.Contains(res.Body, []byte("--allow-origin")) {
			t.Errorf("the refusal does not say what to do: %s", res.Body)
		}
		if c.method == "OPTIONS" && c.status == 200 {
			if age, _ := res.Header("Access-Control-Max-Age"); string(age) != "172800" {
				t.Errorf("max age %q", age)
			}
		}
	}
}
