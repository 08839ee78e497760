package e2e

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// maxResident is what the server may hold in memory under bad input, in kilobytes: the 512 MiB that unanswered bodies may take, and
// what it needs itself.
const maxResident = 800 << 10

// resident is the memory that the server's process holds, in kilobytes; 0 where the system does not tell.
func (s *server) resident() int {
	content, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.command.Process.Pid))
	found := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(content)
	if found == nil {
		return 0
	}
	kilobytes, _ := strconv.Atoi(string(found[1]))
	return kilobytes
}

// TestBadInput sends what no client should send. Each is answered in AWS's words or the connection closed; meanwhile others are
// served, memory stays bounded, and the log has no panic (every server's log is looked at in the end).
func TestBadInput(t *testing.T) {
	t.Parallel()
	s := startServe(t, t.TempDir())
	r := newRaw(s)
	r.call(t, "dynamodb.CreateTable", tableInput("target", m{"Enabled": true}))
	stop := serveOthers(t, r)
	t.Run("bodies", func(t *testing.T) { testBodies(t, r) })
	t.Run("requests", func(t *testing.T) { testRequests(t, r) })
	t.Run("sizes", func(t *testing.T) { testSizes(t, s, r) })
	t.Run("connections", func(t *testing.T) { testConnections(t, s) })
	t.Run("idle connections", func(t *testing.T) { testIdleConnections(t, s, r) })
	stop()
	if kilobytes := s.resident(); kilobytes > maxResident {
		t.Errorf("the server held %d MB at its peak", kilobytes>>10)
	} else {
		t.Logf("the server held %d MB at its peak", kilobytes>>10)
	}
	s.stop(t)
	if log := s.log.String(); strings.Contains(log, "level=ERROR") {
		t.Errorf("bad input is no error of the server's:\n%s", log)
	}
}

// serveOthers reads and writes all the while, and complains if that fails.
func serveOthers(t *testing.T, r *raw) (stop func()) {
	end, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for i := 0; ; i++ {
			select {
			case <-end:
				return
			case <-time.After(10 * time.Millisecond):
			}
			item := m{"pk": attributeS("others"), "sk": attributeS(strconv.Itoa(i % 10))}
			got, err := r.do(t.Context(), "dynamodb.PutItem", m{"TableName": "target", "Item": item})
			if err != nil || got.Status != 200 {
				t.Errorf("another client's write: %d %s %v", got.Status, got.Code, err)
				return
			}
		}
	}()
	return func() { close(end); <-done }
}

// testBodies sends well-signed requests whose bodies are wrong.
func testBodies(t *testing.T, r *raw) {
	const put = `{"TableName":"target","Item":{"pk":{"S":"a"},"sk":{"S":"b"},"x":%s}}`
	value := func(v string) string { return fmt.Sprintf(put, v) }
	deep := func(n int) string { return strings.Repeat(`{"L":[`, n) + `{"S":"x"}` + strings.Repeat(`]}`, n) }
	const validation, serialization = "ValidationException", "SerializationException"
	for _, c := range []struct{ name, operation, body, code string }{
		{"no JSON", "PutItem", "hello", serialization},
		{"cut off", "PutItem", value(`{"S":"x"`), serialization},
		{"an array", "PutItem", "[]", serialization},
		{"a string", "PutItem", `"x"`, serialization},
		{"null", "PutItem", "null", serialization},
		{"two documents", "PutItem", value(`{"S":"x"}`) + "{}", serialization},
		{"a comment", "PutItem", "/* */" + value(`{"S":"x"}`), serialization},
		{"a trailing comma", "ListTables", `{"Limit":1,}`, serialization},
		{"NaN", "ListTables", `{"Limit":NaN}`, serialization},
		{"bare control characters", "PutItem", value("{\"S\":\"a\x01b\"}"), serialization},
		{"invalid UTF-8", "PutItem", value("{\"S\":\"a\xff\xfeb\"}"), serialization},
		{"half a surrogate pair", "PutItem", value(`{"S":"\ud800"}`), serialization},
		{"a byte order mark", "ListTables", "\ufeff{}", serialization},
		{"no members", "PutItem", "{}", validation},
		{"an unknown member", "PutItem", `{"TableName":"target","Items":{}}`, validation},
		{"another case", "DescribeTable", `{"tablename":"target"}`, validation},
		{"a member twice", "DescribeTable", `{"TableName":"target","TableName":"other"}`, serialization},
		{"an attribute twice", "PutItem", `{"TableName":"target","Item":{"pk":{"S":"a"},"pk":{"S":"b"},"sk":{"S":"b"}}}`, serialization},
		{"a number for a name", "DescribeTable", `{"TableName":5}`, serialization},
		{"a string for a number", "ListTables", `{"Limit":"5"}`, serialization},
		{"a fraction for an integer", "ListTables", `{"Limit":1.5}`, serialization},
		{"a huge integer", "ListTables", `{"Limit":1e300}`, serialization},
		{"a string for a boolean", "GetItem", `{"TableName":"target","Key":{},"ConsistentRead":"true"}`, serialization},
		{"a limit of zero", "ListTables", `{"Limit":0}`, validation},
		{"a limit above the maximum", "ListTables", `{"Limit":101}`, validation},
		{"a bad enumeration", "CreateTable", `{"TableName":"new","BillingMode":"FREE","AttributeDefinitions":[],"KeySchema":[]}`,
			validation},
		{"a bare value", "PutItem", value(`"x"`), serialization},
		{"an empty value", "PutItem", value(`{}`), validation},
		{"two types", "PutItem", value(`{"S":"a","N":"1"}`), validation},
		{"an unknown type", "PutItem", value(`{"Z":"a"}`), validation},
		{"a JSON number", "PutItem", value(`{"N":1}`), serialization},
		{"no number", "PutItem", value(`{"N":"0x10"}`), validation},
		{"an infinite number", "PutItem", value(`{"N":"Infinity"}`), validation},
		{"an exponent beyond all bounds", "PutItem", value(`{"N":"1e99999999999999999999"}`), validation},
		{"a number of a megabyte", "PutItem", value(`{"N":"` + strings.Repeat("1", 1<<20) + `"}`), validation},
		{"bad base64", "PutItem", value(`{"B":"*"}`), serialization},
		{"an empty set", "PutItem", value(`{"SS":[]}`), validation},
		{"a set of two types", "PutItem", value(`{"SS":["a",1]}`), serialization},
		{"nested 33 deep", "PutItem", value(deep(33)), validation},
		{"nested a hundred thousand deep", "PutItem", value(deep(100_000)), serialization},
		{"arrays a million deep", "PutItem", strings.Repeat("[", 1<<20), serialization},
		{"objects a million deep", "PutItem", strings.Repeat(`{"TableName":`, 1<<20), serialization},
		{"an expression of nonsense", "Scan", `{"TableName":"target","FilterExpression":"AND OR ((("}`, validation},
		{"an expression nested too deep", "Scan", `{"TableName":"target","FilterExpression":"` + strings.Repeat("(", 1000) + `"}`,
			validation},
		{"an expression of a megabyte", "Scan", `{"TableName":"target","FilterExpression":"` + strings.Repeat("a", 1<<20) + `"}`,
			validation},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := r.do(t.Context(), "dynamodb."+c.operation, []byte(c.body))
			if err != nil || got.Status != 400 || got.Code != c.code || got.Message == "" && c.code != serialization ||
				len(got.Message) > 8<<10 {
				t.Errorf("%d %s: %.300s %v", got.Status, got.Code, got.Message, err)
			}
		})
	}
}

// testRequests sends requests whose headers are wrong. Each is a good request with one change.
func testRequests(t *testing.T, r *raw) {
	for _, c := range []struct {
		name   string
		change func(*http.Request)
		status int
		code   string
	}{
		{"no content type", func(q *http.Request) { q.Header.Del("Content-Type") }, 400, "IncompleteSignatureException"},
		{"another content type", func(q *http.Request) { q.Header.Set("Content-Type", "text/html") }, 404, ""},
		{"CBOR", func(q *http.Request) { q.Header.Set("Content-Type", "application/cbor") }, 404, ""},
		{"no target", func(q *http.Request) { q.Header.Del("X-Amz-Target") }, 400, "IncompleteSignatureException"},
		{"an unknown service", func(q *http.Request) { q.Header.Set("X-Amz-Target", "Other_1.ListTables") }, 400,
			"UnknownOperationException"},
		{"an unknown operation", func(q *http.Request) { q.Header.Set("X-Amz-Target", "DynamoDB_20120810.Drop") }, 400,
			"UnknownOperationException"},
		{"a method", func(q *http.Request) { q.Method = http.MethodDelete }, 404, ""},
		{"no signature", func(q *http.Request) { q.Header.Del("Authorization") }, 400, "MissingAuthenticationTokenException"},
		{"an empty signature", func(q *http.Request) { q.Header.Set("Authorization", "") }, 400, "MissingAuthenticationTokenException"},
		{"half a signature", func(q *http.Request) { q.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=x") }, 400,
			"IncompleteSignatureException"},
		{"a forged signature", func(q *http.Request) {
			before, _, _ := strings.Cut(q.Header.Get("Authorization"), "Signature=")
			q.Header.Set("Authorization", before+"Signature="+strings.Repeat("0", 64))
		}, 400, "InvalidSignatureException"},
		{"no date", func(q *http.Request) { q.Header.Del("X-Amz-Date") }, 400, "IncompleteSignatureException"},
		{"another path", func(q *http.Request) { q.URL.Path = "/other" }, 400, "InvalidSignatureException"},
	} {
		t.Run(c.name, func(t *testing.T) {
			req, err := r.request(t.Context(), "dynamodb.ListTables", []byte("{}"))
			if err != nil {
				t.Fatal(err)
			}
			c.change(req)
			got, err := r.send(req)
			if err != nil || got.Status != c.status || got.Code != c.code {
				t.Errorf("%d %s: %s %v\n%s", got.Status, got.Code, got.Message, err, got.Body)
			}
		})
	}
}

// testSizes sends bodies at and beyond the limit of 16 MiB, many at a time.
func testSizes(t *testing.T, s *server, r *raw) {
	large := bytes.Repeat([]byte(" "), 16<<20)
	copy(large, "{}")
	got, err := r.do(t.Context(), "dynamodb.ListTables", large)
	if err != nil || got.Status != 200 {
		t.Errorf("a body of 16 MiB: %d %s %v", got.Status, got.Code, err)
	}
	for name, header := range map[string]string{
		"declared":      fmt.Sprintf("Content-Length: %d\r\n", 16<<20+1),
		"declared huge": "Content-Length: 9223372036854775807\r\n",
		"overflowing":   "Content-Length: 99999999999999999999999\r\n",
		"negative":      "Content-Length: -1\r\n",
		"twice":         "Content-Length: 2\r\nContent-Length: 3\r\n",
		"both ways":     "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n",
		"header":        "X-Large: " + strings.Repeat("x", 64<<10) + "\r\n",
		"many headers":  strings.Repeat("X-Many: y\r\n", 10_000),
		"bad header":    "no colon here\r\n",
		"bad name":      "X Bad: x\r\n",
	} {
		if status := rawExchange(t, s, "POST / HTTP/1.1\r\nHost: x\r\n"+header+"\r\n{}"); status != 0 && (status < 400 || status >= 500) {
			t.Errorf("%s: status %d", name, status)
		}
	}
	endless := "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" +
		strings.Repeat("100000\r\n"+strings.Repeat("x", 1<<20)+"\r\n", 20)
	if status := rawExchange(t, s, endless); status != 0 && (status < 400 || status >= 500) {
		t.Errorf("20 MiB in chunks: status %d", status)
	}
	var wait sync.WaitGroup
	for range 32 { // half a gigabyte of bodies that nobody may send
		wait.Go(func() {
			rawExchange(t, s, "POST / HTTP/1.1\r\nHost: x\r\nX-Amz-Target: DynamoDB_20120810.PutItem\r\nContent-Length: 16000000\r\n\r\n"+
				strings.Repeat("x", 16_000_000))
		})
	}
	wait.Wait()
}

// rawExchange writes bytes to a new connection and gives the status of what comes back; 0 when the connection is just closed.
func rawExchange(t *testing.T, s *server, request string) int {
	t.Helper()
	c := dial(t, s)
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(patience))
	go func() { _, _ = io.WriteString(c, request) }() // the server may answer and close before it has read all
	head := make([]byte, 12)
	if _, err := io.ReadFull(c, head); err != nil {
		if failure, ok := err.(net.Error); ok && failure.Timeout() {
			t.Errorf("no answer to %.60q", request)
		}
		return 0
	}
	status, err := strconv.Atoi(string(head[9:]))
	if err != nil {
		t.Errorf("the answer begins with %q", head)
	}
	return status
}

func dial(t *testing.T, s *server) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(s.endpoint, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// testConnections begins requests and does not end them.
func testConnections(t *testing.T, s *server) {
	for name, begin := range map[string]string{
		"no HTTP":            "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
		"garbage":            strings.Repeat("\x00\xff", 5000) + "\r\n\r\n",
		"another version":    "GET / HTTP/9.9\r\nHost: x\r\n\r\n",
		"HTTP/2 in clear":    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		"a long line":        "GET /" + strings.Repeat("a", 1<<20) + " HTTP/1.1\r\n\r\n",
		"no host":            "GET / HTTP/1.1\r\n\r\n",
		"a path out of here": "GET /_sealtable/../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n",
	} {
		if status := rawExchange(t, s, begin); status != 0 && (status < 400 || status > 505) {
			t.Errorf("%s: status %d", name, status)
		}
	}
	for range 200 { // half a request, then the connection is reset or half-closed
		c := dial(t, s).(*net.TCPConn)
		_, _ = io.WriteString(c, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{\"Tab")
		_ = c.SetLinger(0)
		_ = c.Close()
	}
	half := dial(t, s).(*net.TCPConn)
	defer func() { _ = half.Close() }()
	_, _ = io.WriteString(half, "GET /_sealtable/health/live HTTP/1.1\r\nHost: x\r\n\r\n")
	_ = half.CloseWrite()
	_ = half.SetDeadline(time.Now().Add(patience))
	if answer, err := io.ReadAll(half); err != nil || !bytes.Contains(answer, []byte("200 OK")) {
		t.Errorf("a client that closed its side early got %q %v", answer, err)
	}
	testSlowClient(t, s)
}

// testSlowClient sends a header one byte at a time: the server's patience ends after 10 seconds.
func testSlowClient(t *testing.T, s *server) {
	if testing.Short() {
		return
	}
	c := dial(t, s)
	defer func() { _ = c.Close() }()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if _, err := io.WriteString(c, "X"); err != nil {
			return
		}
	}
	t.Errorf("a client that sends a byte at a time was borne for %s", patience)
}

// testIdleConnections opens thousands of connections that ask nothing, and some that asked once.
func testIdleConnections(t *testing.T, s *server, r *raw) {
	count := 3000
	if os.Getenv("SEALTABLE_SOAK") != "" {
		count = 10_000
	}
	before := s.resident()
	open := make([]net.Conn, 0, count)
	defer func() {
		for _, c := range open {
			_ = c.Close()
		}
	}()
	for i := range count {
		c, err := net.Dial("tcp", strings.TrimPrefix(s.endpoint, "http://"))
		if err != nil { // this process may run out of descriptors first
			t.Logf("%d connections could be opened: %v", i, err)
			break
		}
		open = append(open, c)
		if i%3 == 0 {
			_, _ = io.WriteString(c, "GET /_sealtable/health/live HTTP/1.1\r\nHost: x\r\n\r\n")
		}
	}
	r.call(t, "dynamodb.ListTables", m{})
	if grown := s.resident() - before; grown > 200<<10 {
		t.Errorf("%d idle connections cost %d MB", len(open), grown>>10)
	}
}
