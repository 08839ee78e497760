package main

import (
	"bytes"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/auth/sigv4"
	"github.com/sealtable/sealtable/internal/clock"
	"github.com/sealtable/sealtable/internal/wire"
)

type oneSecret struct{ id, secret string }

func (s oneSecret) Secret(id string) (sigv4.Credential, bool) {
	return sigv4.Credential{Secret: s.secret, Caller: &auth.Caller{}}, id == s.id
}

// TestSignaturesAreGood would fail if the server refused what is measured, or did not look.
func TestSignaturesAreGood(t *testing.T) {
	s := signer{id: "AKIAEXAMPLE", secret: "secret", region: "eu-central-1", host: "127.0.0.1:8000"}
	for given, good := range map[string]bool{"secret": true, "other": false} {
		verifier := sigv4.New(oneSecret{s.id, given}, clock.New(), sigv4.Strict())
		scope, _, err := verifier.Verify(parseRequest(s.request("PutItem", []byte(putBody(1)))))
		if (err == nil) != good {
			t.Errorf("with the secret %q: %v", given, err)
		}
		if good && scope.Region != s.region {
			t.Errorf("the region is %q", scope.Region)
		}
	}
}

func parseRequest(b []byte) *wire.Request {
	head, body, _ := bytes.Cut(b, []byte("\r\n\r\n"))
	req := new(wire.Request)
	for i, line := range bytes.Split(head, []byte("\r\n")) {
		name, value, _ := bytes.Cut(line, []byte(": "))
		switch {
		case i == 0:
			req.Begin([]byte("POST"), []byte("/"), []byte("127.0.0.1:8000"), "127.0.0.1")
		case string(name) != "host":
			req.AddHeader(name, value)
		}
	}
	req.SetBody(body)
	return req
}

func TestRoundTripReadsWholeAnswers(t *testing.T) {
	long := strings.Repeat("x", 40_000)
	for _, body := range []string{"", "{}", long} {
		client, server := net.Pipe()
		go func() {
			_, _ = io.ReadFull(server, make([]byte, 4))
			for _, part := range []string{"HTTP/1.1 200 OK\r\nConte", "nt-Length: " + itoa(len(body)) + "\r\nX: y\r\n\r\n", body} {
				_, _ = io.WriteString(server, part)
			}
		}()
		c := &connection{Conn: client, buf: make([]byte, 100)}
		got, err := c.roundTrip([]byte("ping"))
		if err != nil || string(got) != body {
			t.Errorf("got %d bytes, want %d: %v", len(got), len(body), err)
		}
		_ = client.Close()
	}
}

func itoa(n int) string { return strings.TrimSuffix(show(float64(n), ""), " ") }

func TestRefusalIsAnError(t *testing.T) {
	client, server := net.Pipe()
	go func() {
		_, _ = io.ReadFull(server, make([]byte, 4))
		_, _ = io.WriteString(server, "HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\n{}")
	}()
	if _, err := (&connection{Conn: client, buf: make([]byte, 100)}).roundTrip([]byte("ping")); err == nil {
		t.Error("an answer of 400 counts as one")
	}
}

func TestMetricsAreFound(t *testing.T) {
	m := parseMetrics([]byte("goos: linux\nBenchmarkSealingPut-2 \t 1\t 4168 ns/op\t 9.5 more-us\t 17.5 sealed-us\nPASS\n"))
	if m["SealingPut/more-us"] != 9.5 || m["SealingPut/sealed-us"] != 17.5 {
		t.Errorf("got %v", m)
	}
}

func TestRatiosSayWhatIsReached(t *testing.T) {
	var r results
	r.atLeast("speed", "/s", 100, 150)
	r.atLeast("slowness", "/s", 100, 99)
	r.atMost("size", "MB", 10, 5)
	r.atMost("bulk", "MB", 10, 11)
	var out bytes.Buffer
	r.print(&out)
	for _, want := range []string{"1.50   yes", "0.99   NO", "2.00   yes", "0.91   NO"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in\n%s", want, &out)
		}
	}
}
