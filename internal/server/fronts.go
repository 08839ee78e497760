package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/sealtable/sealtable/internal/wire"
	"github.com/sealtable/sealtable/internal/wire/front"
)

// drainTime is how long Close waits for the requests in flight.
const drainTime = 20 * time.Second

// frontEnd is an HTTP server.
type frontEnd interface {
	Serve(net.Listener) error
	Shutdown(context.Context) error
}

// fronts are the HTTP servers and what they listen on.
type fronts struct {
	serving   []frontEnd
	listeners []net.Listener
	done      chan error // one for each front
}

func (s *Server) openFronts(context.Context) error {
	s.fronts = &fronts{done: make(chan error, len(s.config.Listen))}
	config, err := s.tlsConfig()
	if err != nil {
		return err
	}
	for _, address := range s.config.Listen {
		listener, err := net.Listen("tcp", address)
		if err != nil {
			return errors.Join(fmt.Errorf("--listen %s: %w", address, err), s.fronts.closeListeners())
		}
		s.fronts.listeners = append(s.fronts.listeners, listener)
	}
	for _, listener := range s.fronts.listeners {
		s.fronts.start(newFront(s.handler, config, s), listener)
	}
	return nil
}

func (s *Server) tlsConfig() (*tls.Config, error) {
	if s.config.TLSCert == "" {
		return nil, nil
	}
	certificate, err := tls.LoadX509KeyPair(s.config.TLSCert, s.config.TLSKey)
	if err != nil {
		return nil, fmt.Errorf("--tls-cert and --tls-key: %w", err)
	}
	return &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}, nil
}

// newFront is the quick front for plain HTTP, and the one of the standard library where there is TLS.
func newFront(h wire.Handler, config *tls.Config, s *Server) frontEnd {
	options := front.Options{Log: s.log}
	if config != nil {
		return front.NewStandard(h, options, config)
	}
	return front.NewFast(h, options)
}

func (f *fronts) start(front frontEnd, listener net.Listener) {
	f.serving = append(f.serving, front)
	go func() { f.done <- front.Serve(listener) }()
}

func (f *fronts) addresses() []string {
	addresses := make([]string, len(f.listeners))
	for i, l := range f.listeners {
		addresses[i] = l.Addr().String()
	}
	return addresses
}

func (f *fronts) closeListeners() error {
	var errs []error
	for _, l := range f.listeners {
		errs = append(errs, l.Close())
	}
	return errors.Join(errs...)
}

func (f *fronts) shutdown() error {
	ctx, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	var errs []error
	for _, front := range f.serving {
		errs = append(errs, front.Shutdown(ctx))
	}
	return errors.Join(errs...)
}

// Wait returns when a listener fails, or when ctx ends.
func (s *Server) Wait(ctx context.Context) error {
	select {
	case err := <-s.fronts.done:
		return err
	case err := <-s.failed:
		return err
	case <-ctx.Done():
		return nil
	}
}
