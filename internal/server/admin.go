package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/sealtable/sealtable/internal/pages"
	"github.com/sealtable/sealtable/internal/service"
)

// openAdmin serves metrics and profiles for operators, on an address of its own and without signatures:
// config.check lets it be loopback alone unless told otherwise. Neither shows item data or keys: profiles
// hold names of functions and sizes.
func (s *Server) openAdmin(context.Context) error {
	if s.config.AdminListen == "" {
		return nil
	}
	listener, err := net.Listen("tcp", s.config.AdminListen)
	if err != nil {
		return fmt.Errorf("--admin-listen %s: %w", s.config.AdminListen, err)
	}
	s.requests = newRequestCounts()
	server := &http.Server{Handler: s.adminHandler(), ReadHeaderTimeout: 10 * time.Second}
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			s.log.Error("metrics and profiles are no longer served", "error", err)
		}
	}()
	s.onClose(func() error {
		err := server.Close()
		<-stopped
		return err
	})
	s.log.Info("metrics and profiles", "endpoint", "http://"+listener.Addr().String())
	return nil
}

func (s *Server) adminHandler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.metrics(), promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Sec-Fetch-Site") == "cross-site" {
			http.Error(w, "metrics and profiles are not for other web pages", http.StatusForbidden)
			return
		}
		if !s.isAdminHost(r.Host) {
			http.Error(w, "metrics and profiles are served at "+s.config.AdminListen+" alone, not at the "+
				"name in the Host header", http.StatusMisdirectedRequest)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// isAdminHost reports whether a Host header names this server: a loopback name, or what --admin-listen and
// the machine are called. A web page whose name was rebound to this address has another. Where every address
// is listened on, any address will do, which no page can be served from under another name.
func (s *Server) isAdminHost(given string) bool {
	if pages.IsLoopback(given) {
		return true
	}
	host, _, err := net.SplitHostPort(given)
	if err != nil {
		host = given
	}
	listen, _, _ := net.SplitHostPort(s.config.AdminListen)
	name, _ := os.Hostname()
	if strings.EqualFold(host, listen) || strings.EqualFold(host, name) {
		return host != ""
	}
	everywhere := listen == "" || net.ParseIP(listen).IsUnspecified()
	return everywhere && net.ParseIP(host) != nil
}

// metrics are what /metrics shows.
func (s *Server) metrics() *prometheus.Registry {
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		s.requests,
		counter("sealtable_journal_records_total", "Transactions made durable since the start.",
			func() float64 { return float64(s.store.JournalStats().Records) }),
		counter("sealtable_journal_syncs_total", "Times the disk was asked to make the journal durable.",
			func() float64 { return float64(s.store.JournalStats().Syncs) }),
		counter("sealtable_journal_written_bytes_total", "Bytes written to the journal, padding included.",
			func() float64 { return float64(s.store.JournalStats().Written) }),
		gauge("sealtable_journal_segment_bytes", "Size of the journal's segments in use.",
			func() float64 { return float64(s.store.JournalStats().SegmentBytes) }),
		gauge("sealtable_open_tables", "Tables whose files are open, the installation's own among them.",
			func() float64 { return float64(s.store.OpenTables()) }),
	)
	return registry
}

func counter(name, help string, value func() float64) prometheus.Collector {
	return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, value)
}

func gauge(name, help string, value func() float64) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value)
}

func newRequestCounts() *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "sealtable_requests_total",
		Help: "Calls of operations by their outcome: the error code that the client saw, empty for " +
			"success. Calls that one service makes of another for a caller count too.",
	}, []string{"service", "operation", "code"})
}

// recorder is the trail, behind a count of the calls where metrics are served.
func (s *Server) recorder() service.Recorder {
	if s.requests == nil {
		return s.trail
	}
	return counted{next: s.trail, requests: s.requests}
}

type counted struct {
	next     service.Recorder
	requests *prometheus.CounterVec
}

// Record implements service.Recorder.
func (c counted) Record(r service.Record) {
	if !r.Part {
		c.requests.WithLabelValues(r.Service, r.Operation, service.CodeOf(r.Err)).Inc()
	}
	c.next.Record(r)
}
