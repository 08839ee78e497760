package server

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/service"
	"github.com/sealtable/sealtable/internal/trail"
)

func openForAdmin(t *testing.T, adminListen string) *Server {
	t.Helper()
	dir := t.TempDir()
	s, err := Open(context.Background(), Config{
		DataDir: filepath.Join(dir, "data"), ConfigDir: filepath.Join(dir, "config"), Listen: []string{"127.0.0.1:0"},
		AdminListen: adminListen,
		Account:     "123456789012", Region: "us-east-1", KeyCacheLifetime: time.Minute, KeySweep: time.Minute, ArchiveAfter: time.Hour,
		Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s
}

func TestMetricsAndProfiles(t *testing.T) {
	s := openForAdmin(t, "127.0.0.1:0")
	s.recorder().Record(service.Record{Service: "dynamodb", Operation: "GetItem", Caller: &auth.Caller{}, Needs: &auth.Needs{},
		Err: context.Canceled})
	for path, want := range map[string]string{
		"/metrics":               `sealtable_requests_total{code="InternalFailure",operation="GetItem",service="dynamodb"} 1`,
		"/debug/pprof/":          "goroutine",
		"/debug/pprof/heap":      "",
		"/debug/pprof/goroutine": "",
	} {
		answer := httptest.NewRecorder()
		s.adminHandler().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "http://localhost:9090"+path, nil))
		if answer.Code != http.StatusOK || !strings.Contains(answer.Body.String(), want) {
			t.Errorf("%s: %d without %q", path, answer.Code, want)
		}
	}
	for _, name := range []string{"sealtable_journal_syncs_total", "sealtable_journal_records_total", "sealtable_open_tables",
		"go_goroutines"} {
		if metrics := gather(t, s); !strings.Contains(metrics, "\n"+name+" ") {
			t.Errorf("%s is not shown:\n%s", name, metrics)
		}
	}
}

func TestOtherWebPagesAreKeptAway(t *testing.T) {
	s := openForAdmin(t, "127.0.0.1:0")
	request, answer := httptest.NewRequest(http.MethodGet, "http://localhost:9090/metrics", nil), httptest.NewRecorder()
	request.Header.Set("Sec-Fetch-Site", "cross-site")
	s.adminHandler().ServeHTTP(answer, request)
	if answer.Code != http.StatusForbidden {
		t.Errorf("a page of another site got %d", answer.Code)
	}
}

func gather(t *testing.T, s *Server) string {
	t.Helper()
	answer := httptest.NewRecorder()
	s.adminHandler().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "http://localhost:9090/metrics", nil))
	return answer.Body.String()
}

// TestNothingIsCountedWithoutTheFlag keeps the counting off the path of those who do not look.
func TestNothingIsCountedWithoutTheFlag(t *testing.T) {
	s := openForAdmin(t, "")
	if _, direct := s.recorder().(*trail.Trail); !direct {
		t.Errorf("calls go through %T", s.recorder())
	}
}

func TestAdminListensOnLoopbackAlone(t *testing.T) {
	config := Config{Account: "123456789012", Listen: []string{"127.0.0.1:0"}, AdminListen: "0.0.0.0:9090"}
	if err := config.check(); err == nil {
		t.Error("an address that other machines can reach was accepted")
	}
	config.InsecureListen = true
	if err := config.check(); err != nil {
		t.Errorf("it was refused although it was asked for: %v", err)
	}
}

// TestAdminAnswersItsOwnNameAlone: a web page whose name was rebound to this address reads no metrics.
func TestAdminAnswersItsOwnNameAlone(t *testing.T) {
	name, _ := os.Hostname()
	for _, c := range []struct {
		listen, host string
		ok           bool
	}{
		{"127.0.0.1:9090", "127.0.0.1:9090", true}, {"127.0.0.1:9090", "localhost:9090", true}, {"127.0.0.1:9090", "[::1]:9090", true},
		{"127.0.0.1:9090", "evil.org:9090", false}, {"127.0.0.1:9090", "evil.org", false}, {"127.0.0.1:9090", "10.0.0.7:9090", false},
		{"127.0.0.1:9090", "localhost.evil.org:9090", false}, {"127.0.0.1:9090", "", false},
		{"10.0.0.7:9090", "10.0.0.7:9090", true}, {"metrics.example.com:9090", "metrics.example.com:9090", true},
		{"0.0.0.0:9090", "10.0.0.7:9090", true}, {"0.0.0.0:9090", "evil.org:9090", false}, {":9090", name + ":9090", true},
	} {
		s := &Server{config: Config{AdminListen: c.listen}}
		if got := s.isAdminHost(c.host); got != c.ok {
			t.Errorf("%s asked for as %s: %v", c.listen, c.host, got)
		}
	}
}
