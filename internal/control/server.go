package control

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"

	"github.com/sealtable/sealtable/internal/lockedmem"
)

// Handler does what requests ask for. It is called for one at a time.
type Handler interface {
	// Sealed says whether the root key is not available yet.
	Sealed() bool
	// Key gives the key that proofs are made with; the caller destroys it. It is not asked while sealed.
	Key() (*lockedmem.Key, error)
	// Do carries out one operation. The body is wiped when it returns; the result is written as JSON.
	Do(ctx context.Context, operation string, body []byte) (result any, err error)
	// IsSealed says whether an error means that the root key is not available.
	IsSealed(err error) bool
}

// Server listens.
type Server struct {
	listener net.Listener
	handler  Handler
	log      *slog.Logger
	ctx      context.Context
	cancel   context.CancelFunc
	running  sync.WaitGroup

	turn sync.Mutex // held by the request that is worked on
	slow slowdown   // guarded by turn

	mu    sync.Mutex
	conns map[net.Conn]struct{}
}

// Listen makes the socket in a configuration directory. One that a server left that was killed is replaced:
// the caller holds what keeps a second server away.
func Listen(dir string, handler Handler, log *slog.Logger) (*Server, error) {
	path, err := address(dir)
	if err != nil {
		return nil, err
	}
	if conn, err := net.Dial("unix", path); err == nil {
		return nil, errors.Join(fmt.Errorf("%s: another server listens there", path), conn.Close())
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o600); err != nil { // the directory keeps others away until then
		return nil, errors.Join(err, listener.Close())
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &Server{listener: listener, handler: handler, log: log, ctx: ctx, cancel: cancel,
		conns: map[net.Conn]struct{}{}}
	s.running.Go(s.accept)
	return s, nil
}

// Close stops listening, interrupts what is being done, and waits for it.
func (s *Server) Close() error {
	s.cancel()
	err := s.listener.Close()
	s.mu.Lock()
	for conn := range s.conns {
		_ = conn.SetReadDeadline(time.Now())
	}
	s.mu.Unlock()
	s.running.Wait()
	return err
}

func (s *Server) accept() {
	for {
		conn, err := s.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			s.log.Error("the control socket cannot take a connection", "error", err)
			time.Sleep(100 * time.Millisecond)
			continue
		}
		s.mu.Lock()
		crowded := len(s.conns) >= 16
		if !crowded {
			s.conns[conn] = struct{}{}
		}
		s.mu.Unlock()
		if crowded {
			_ = conn.Close()
			continue
		}
		s.running.Go(func() { s.serve(conn) })
	}
}

func (s *Server) serve(conn net.Conn) {
	defer func() {
		_ = conn.Close()
		s.mu.Lock()
		delete(s.conns, conn)
		s.mu.Unlock()
	}()
	if err := checkPeer(conn); err != nil {
		s.log.Warn("somebody else tried to use the control socket", "error", err)
		return
	}
	if s.ctx.Err() != nil || conn.SetDeadline(time.Now().Add(requestTime)) != nil {
		return
	}
	r := s.exchange(conn)
	if r == nil || conn.SetDeadline(time.Now().Add(requestTime)) != nil {
		return
	}
	_ = writeMessage(conn, r) // who asked may have gone
}

// exchange reads one request and answers it. Nil means that there was none.
func (s *Server) exchange(conn net.Conn) *reply {
	hello := greeting{Nonce: make([]byte, nonceSize), Sealed: s.handler.Sealed()}
	if _, err := rand.Read(hello.Nonce); err != nil {
		return nil
	}
	if err := writeMessage(conn, hello); err != nil {
		return nil
	}
	var h head
	if err := readMessage(conn, maxHead, &h); err != nil || h.Length < 0 || h.Length > maxBody {
		return nil
	}
	body := make([]byte, h.Length)
	defer lockedmem.Wipe(body)
	if _, err := io.ReadFull(conn, body); err != nil {
		return nil
	}
	s.turn.Lock()
	defer s.turn.Unlock()
	result, err := s.do(&hello, &h, body)
	if err != nil {
		return &reply{Error: err.Error(), Sealed: s.handler.IsSealed(err)}
	}
	encoded, err := json.Marshal(result)
	if err != nil {
		return &reply{Error: err.Error()}
	}
	return &reply{Result: encoded}
}

var (
	errSealed   = errors.New("the server is sealed: unseal it with sealtable keys unseal")
	errUnsealed = errors.New("the server is not sealed")
	errProof    = errors.New("the server runs with another keyring than the one that was opened here: is " +
		"--config right?")
)

func (s *Server) do(hello *greeting, h *head, body []byte) (any, error) {
	switch {
	case h.Operation == State:
		return map[string]bool{"sealed": s.handler.Sealed()}, nil
	case h.Operation == Unseal && !s.handler.Sealed():
		return nil, errUnsealed
	case h.Operation == Unseal:
		return s.unseal(body)
	case h.Operation == Accounts && s.handler.Sealed():
		return nil, nil // they are read when it is unsealed
	case h.Operation == Accounts:
		return s.handler.Do(s.ctx, Accounts, nil)
	case s.handler.Sealed():
		return nil, errSealed
	}
	if err := s.checkProof(hello.Nonce, h, body); err != nil {
		return nil, err
	}
	s.log.Info("the command line asked for a change", "operation", h.Operation)
	return s.handler.Do(s.ctx, h.Operation, body)
}

func (s *Server) checkProof(nonce []byte, h *head, body []byte) error {
	key, err := s.handler.Key()
	if err != nil {
		return err
	}
	defer key.Destroy()
	want, err := prove(key, nonce, h.Operation, body)
	if err != nil {
		return err
	}
	if !hmac.Equal(want, h.Proof) {
		return errProof
	}
	return nil
}

// unseal tries one passphrase. It says how long to wait rather than wait itself, so that nobody holds the
// turn.
func (s *Server) unseal(passphrase []byte) (any, error) {
	if wait := s.slow.left(time.Now()); wait > 0 {
		return nil, fmt.Errorf("too many wrong passphrases: try again in %v",
			wait.Round(time.Second)+time.Second)
	}
	result, err := s.handler.Do(s.ctx, Unseal, passphrase)
	if err != nil {
		wait := s.slow.failed(time.Now())
		s.log.Warn("an attempt to unseal failed", "next-in", wait)
		return nil, err
	}
	s.slow = slowdown{}
	return result, nil
}

// slowdown makes guessing slow: the wait doubles with each failure, from a second to five minutes.
type slowdown struct {
	failures int
	until    time.Time
}

func (s *slowdown) left(now time.Time) time.Duration { return s.until.Sub(now) }

func (s *slowdown) failed(now time.Time) time.Duration {
	wait := min(time.Second<<min(s.failures, 10), 5*time.Minute)
	s.failures++
	s.until = now.Add(wait)
	return wait
}
