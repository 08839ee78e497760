package front

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/sealtable/sealtable/internal/wire"
)

func TestShutdownDrains(t *testing.T) {
	onBoth(t, func(t *testing.T, start starter) {
		entered, leave := make(chan struct{}), make(chan struct{})
		f, address := start(wire.HandlerFunc(func(ctx context.Context, req *wire.Request,
			res *wire.Response) {
			close(entered)
			<-leave
			if ctx.Err() != nil {
				t.Error("the context ended before the deadline")
			}
			echo(ctx, req, res)
		}), Options{})
		silent, busy := dial(t, address), dial(t, address)
		_, _ = io.WriteString(busy, "GET /busy HTTP/1.1\r\nHost: h\r\n\r\n")
		<-entered
		done := make(chan error, 1)
		go func() { done <- f.Shutdown(context.Background()) }()
		waitFor(t, "the listener to close", func() bool {
			c, err := net.Dial("tcp", address)
			if err == nil {
				_ = c.Close()
			}
			return err != nil
		})
		close(leave)
		got, err := io.ReadAll(busy)
		if err != nil {
			t.Fatal(err)
		}
		inOrder(t, string(got), []string{"200 OK", "GET /busy"})
		if got, err := io.ReadAll(silent); err != nil || len(got) != 0 {
			t.Errorf("an idle connection got %q, %v", got, err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestShutdownGivesUp(t *testing.T) {
	onBoth(t, func(t *testing.T, start starter) {
		entered, ended := make(chan struct{}), make(chan struct{})
		f, address := start(wire.HandlerFunc(func(ctx context.Context, _ *wire.Request, _ *wire.Response) {
			close(entered)
			<-ctx.Done()
			close(ended)
		}), Options{})
		conn := dial(t, address)
		_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
		<-entered
		ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
		defer cancel()
		if err := f.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Shutdown: %v", err)
		}
		<-ended
		if got, _ := io.ReadAll(conn); len(got) != 0 {
			t.Errorf("got %q", got)
		}
	})
}

// TestIdleConnectionsCostLittle opens many connections, uses each once, and leaves them. With SEALTABLE_LONG
// set they are 9,500: both ends are in this process, and 20,000 descriptors are a usual limit.
func TestIdleConnectionsCostLittle(t *testing.T) {
	count := 1000
	if os.Getenv("SEALTABLE_LONG") != "" {
		count = 9_500
	}
	if raceEnabled {
		count = 100
	}
	onBoth(t, func(t *testing.T, start starter) {
		o := Options{MaxConnections: count + 10, PeerShare: 100}
		f, address := start(wire.HandlerFunc(echo), o)
		before := memory()
		conns := make([]net.Conn, count)
		for i := range conns {
			conns[i] = dial(t, address)
			ask(t, conns[i])
		}
		waitFor(t, "all to be counted", func() bool {
			g := gateOf(f)
			g.mu.Lock()
			defer g.mu.Unlock()
			return len(g.conns) == count
		})
		each := (memory() - before) / int64(count)
		t.Logf("%d bytes for each of %d idle connections, both ends", each, count)
		if _, fast := f.(*Fast); fast && !raceEnabled && each > 24<<10 {
			t.Errorf("an idle connection holds %d bytes", each)
		}
		ask(t, conns[0])
	})
}

func memory() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse + m.StackInuse)
}

func TestTLSAndHTTP2(t *testing.T) {
	certificate, roots := selfSigned(t)
	f := NewStandard(wire.HandlerFunc(func(ctx context.Context, req *wire.Request, res *wire.Response) {
		if !req.Secure() {
			t.Error("a request over TLS does not count as secure")
		}
		echo(ctx, req, res)
	}), short(), &tls.Config{Certificates: []tls.Certificate{certificate}})
	_, address := run(t, f)
	for _, http2 := range []bool{false, true} {
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: http2}
		req, _ := http.NewRequest("POST", "https://"+address+"/tls?x", strings.NewReader("hello"))
		req.Header.Set("X-A", "1")
		res, err := transport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if want := "POST /tls?x host=" + address + " ip=127.0.0.1 body=5 x-a=1"; string(body) != want ||
			(res.ProtoMajor == 2) != http2 {
			t.Errorf("%s: %q, want %q", res.Proto, body, want)
		}
		transport.CloseIdleConnections()
	}
}

func selfSigned(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour),
		NotAfter:    time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, roots
}

func BenchmarkConstant(b *testing.B) {
	constant := strings.Repeat("x", 297)
	h := wire.HandlerFunc(func(_ context.Context, _ *wire.Request, res *wire.Response) {
		res.SetHeader("Content-Type", "application/x-amz-json-1.0")
		res.Body = append(res.Body, constant...)
	})
	request := []byte("POST / HTTP/1.1\r\nHost: 127.0.0.1:8000\r\nUser-Agent: aws-sdk-go-v2/1.47.7 ua/2.1 " +
		"os/linux lang/go#1.26.8\r\n" +
		"Content-Length: 297\r\nAccept-Encoding: identity\r\nAmz-Sdk-Request: attempt=1; " +
		"max=3\r\nAuthorization: AWS4-HMAC-SHA256 " +
		strings.Repeat("c", 230) + "\r\nContent-Type: application/x-amz-json-1.0\r\nX-Amz-Date: " +
		"20150830T123600Z\r\n" +
		"X-Amz-Target: DynamoDB_20120810.GetItem\r\n\r\n" + constant)
	for name, make := range kinds() {
		b.Run(name, func(b *testing.B) {
			_, address := run(b, make(h, Options{}))
			conn := dial(b, address)
			_ = conn.SetDeadline(time.Time{})
			answer := roundTrip(b, conn, request, nil)
			b.ReportAllocs()
			for b.Loop() {
				roundTrip(b, conn, request, answer)
			}
		})
	}
}

// roundTrip reads the answer, which is as long each time once its length is known.
func roundTrip(b *testing.B, conn net.Conn, request, answer []byte) []byte {
	if _, err := conn.Write(request); err != nil {
		b.Fatal(err)
	}
	if answer == nil {
		answer = make([]byte, 4096)
		time.Sleep(100 * time.Millisecond)
		n, err := conn.Read(answer)
		if err != nil {
			b.Fatal(err)
		}
		return answer[:n]
	}
	if _, err := io.ReadFull(conn, answer); err != nil {
		b.Fatal(err)
	}
	return answer
}
