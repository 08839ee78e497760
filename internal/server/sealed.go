package server

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/sealtable/sealtable/internal/api"
	"github.com/sealtable/sealtable/internal/lockedmem"
	"github.com/sealtable/sealtable/internal/seal"
	"github.com/sealtable/sealtable/internal/wire"
	"github.com/sealtable/sealtable/internal/wire/router"
)

// How long a sealed server waits before it asks its seal again: doubled each time.
const (
	firstRetry = time.Second
	lastRetry  = time.Minute
)

// gate is the handler of a server that began sealed: it refuses everything until it is opened.
type gate struct{ behind atomic.Pointer[wire.Handler] }

// Serve implements wire.Handler.
func (g *gate) Serve(ctx context.Context, req *wire.Request, res *wire.Response) {
	(*g.behind.Load()).Serve(ctx, req, res)
}

func (g *gate) open(h wire.Handler) { g.behind.Store(&h) }

// sealedHandler answers operations as AWS does when a service is away ("Common error types":
// ServiceUnavailable), which clients try again, and what is asked about the server itself.
func (s *Server) sealedHandler() wire.Handler {
	return router.Unavailable(knownServices(), s.mounts(), &api.Error{
		Code: "ServiceUnavailable", Status: http.StatusServiceUnavailable,
		Message: "The server is sealed: its root key is not available yet.",
	})
}

// waiter unseals a server: with what the command line gives it, or by asking the seal again and again.
type waiter struct {
	server   *Server
	attempts chan attempt
	stopped  chan struct{}
	cancel   context.CancelFunc
	source   *onceOnly
	reason   string // that was logged last
}

// attempt is a passphrase that somebody gave, and where the outcome goes.
type attempt struct {
	passphrase []byte
	done       chan error
}

// waits says whether an error may pass while a server waits sealed.
func waits(err error) bool {
	return errors.Is(err, seal.ErrPassphrase) || errors.Is(err, seal.ErrUnavailable)
}

// openSealed listens, refuses every operation, and goes on with opening when the root key is there.
func (s *Server) openSealed(ctx context.Context, source *onceOnly, reason error) error {
	g := &gate{}
	g.open(s.sealedHandler())
	s.handler = g
	s.sealed.Store(true)
	background, cancel := context.WithCancel(context.WithoutCancel(ctx))
	w := &waiter{server: s, attempts: make(chan attempt), stopped: make(chan struct{}), cancel: cancel,
		source: source}
	s.waiter = w
	if err := s.openFronts(ctx); err != nil {
		close(w.stopped)
		return err
	}
	if err := s.openControl(ctx); err != nil {
		close(w.stopped)
		return err
	}
	w.tell(reason)
	go w.run(background, g)
	return nil
}

// stop ends the waiting; what was opened meanwhile is closed by the server.
func (w *waiter) stop() {
	w.cancel()
	<-w.stopped
}

func (w *waiter) tell(reason error) {
	if text := reason.Error(); text != w.reason {
		w.reason = text
		w.server.log.Warn("the server is sealed; unseal it with sealtable keys unseal", "reason", text)
	}
}

func (w *waiter) run(ctx context.Context, g *gate) {
	defer close(w.stopped)
	pause := firstRetry
	timer := time.NewTimer(pause)
	defer timer.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return
		case a := <-w.attempts:
			err = w.try(ctx, g, func() ([]byte, error) { return append([]byte(nil), a.passphrase...), nil })
			a.done <- err
		case <-timer.C:
			err = w.try(ctx, g, w.source.ask)
			w.source.saw(err)
			pause = min(2*pause, lastRetry)
			timer.Reset(pause)
		}
		if err == nil {
			return
		}
		if !waits(err) {
			w.server.failed <- err
			return
		}
		w.tell(err)
	}
}

// onceOnly gives passphrases from a source, but none that was refused: a token locks itself after some wrong
// PINs.
type onceOnly struct {
	source           func() ([]byte, error)
	offered, refused [sha256.Size]byte
}

func (o *onceOnly) ask() ([]byte, error) {
	if o.source == nil {
		return nil, errors.New("there is none yet")
	}
	passphrase, err := o.source()
	if err != nil {
		return nil, err
	}
	o.offered = sha256.Sum256(passphrase)
	if o.offered == o.refused {
		lockedmem.Wipe(passphrase)
		return nil, errors.New("the one that is there was tried and does not fit")
	}
	return passphrase, nil
}

// saw remembers what became of the passphrase that was given out last.
func (o *onceOnly) saw(err error) {
	if errors.Is(err, seal.ErrPassphrase) {
		o.refused = o.offered
	}
	o.offered = [sha256.Size]byte{}
}

// try opens the keyring, and then everything else.
func (w *waiter) try(ctx context.Context, g *gate, passphrase func() ([]byte, error)) error {
	s := w.server
	config := s.config
	config.Passphrase = passphrase
	if err := s.openRootWith(&config); err != nil {
		return err
	}
	if err := s.openAll(ctx, s.afterRoot()); err != nil {
		return fmt.Errorf("after the server was unsealed: %w", err)
	}
	s.sealed.Store(false)
	g.open(s.handler)
	s.ready.Store(true)
	s.recordOperator("Unseal", nil)
	s.log.Info("the server is unsealed")
	return nil
}

// Sealed says whether the server waits for its root key.
func (s *Server) Sealed() bool { return s.sealed.Load() }

// unseal tries a passphrase that the command line gave.
func (s *Server) unseal(ctx context.Context, passphrase []byte) error {
	a := attempt{passphrase: passphrase, done: make(chan error, 1)}
	select {
	case s.waiter.attempts <- a:
	case <-s.waiter.stopped:
		return errors.New("the server is not sealed any more")
	case <-ctx.Done():
		return ctx.Err()
	}
	return <-a.done
}
