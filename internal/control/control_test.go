package control

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sealtable/sealtable/internal/lockedmem"
	"github.com/sealtable/sealtable/internal/seal"
)

// desk notes what it is asked.
type desk struct {
	server *Server
	arena  *lockedmem.Arena
	key    byte
	sealed bool
	asked  []string
	held   []byte // a body that was kept against the rules
	err    error
}

var errShut = errors.New("shut")

func (d *desk) Sealed() bool                 { return d.sealed }
func (d *desk) IsSealed(err error) bool      { return errors.Is(err, errShut) }
func (d *desk) Key() (*lockedmem.Key, error) { return keyOf(d.arena, d.key) }

func keyOf(arena *lockedmem.Arena, b byte) (*lockedmem.Key, error) {
	return arena.FromBytes(bytes.Repeat([]byte{b}, 32))
}

func (d *desk) Do(_ context.Context, operation string, body []byte) (any, error) {
	d.asked = append(d.asked, fmt.Sprintf("%s(%s)", operation, body))
	d.held = body
	return map[string]string{"did": operation}, d.err
}

func newDesk(t *testing.T) (*desk, string, *bytes.Buffer) {
	t.Helper()
	return newDeskThatIs(t, false, nil)
}

func newDeskThatIs(t *testing.T, sealed bool, failing error) (*desk, string, *bytes.Buffer) {
	t.Helper()
	d := &desk{arena: lockedmem.NewArena(func(error) {}), key: 1, sealed: sealed, err: failing}
	dir, log := t.TempDir(), new(bytes.Buffer)
	s, err := Listen(dir, d, slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	d.server = s
	t.Cleanup(func() {
		if err := errors.Join(s.Close(), d.arena.Close()); err != nil {
			t.Error(err)
		}
		if _, err := os.Lstat(filepath.Join(dir, socketName)); !errors.Is(err, os.ErrNotExist) {
			t.Error("the socket stays behind")
		}
	})
	return d, dir, log
}

// do makes one request under a key of this byte; 0 for none.
func (d *desk) do(t *testing.T, dir, operation string, key byte, body string) (string, error) {
	t.Helper()
	c, err := Dial(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var with *lockedmem.Key
	if key != 0 {
		if with, err = keyOf(d.arena, key); err != nil {
			t.Fatal(err)
		}
		defer with.Destroy()
	}
	var result map[string]string
	err = c.Do(operation, with, []byte(body), &result)
	return result["did"], err
}

func TestOnlyProofIsObeyed(t *testing.T) {
	d, dir, log := newDesk(t)
	for _, key := range []byte{0, 2} {
		if _, err := d.do(t, dir, Rotate, key, ""); !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "another keyring") {
			t.Errorf("key %d: %v", key, err)
		}
	}
	if len(d.asked) != 0 {
		t.Errorf("it did %v", d.asked)
	}
	if did, err := d.do(t, dir, Seal, 1, "secret body"); err != nil || did != Seal {
		t.Errorf("%q %v", did, err)
	}
	if fmt.Sprint(d.asked) != "[seal(secret body)]" || !bytes.Equal(d.held, make([]byte, len(d.held))) {
		t.Errorf("%v; the body is %q afterwards", d.asked, d.held)
	}
	if strings.Contains(log.String(), "secret") {
		t.Error("a body is in the log")
	}
	if _, err := d.do(t, dir, Unseal, 0, "x"); !errors.Is(err, ErrRefused) {
		t.Errorf("unsealing what is not sealed: %v", err)
	}
}

// TestProofIsUsedOnce replays a request, and changes its parts.
func TestProofIsUsedOnce(t *testing.T) {
	d, dir, _ := newDesk(t)
	key, err := keyOf(d.arena, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer key.Destroy()
	nonce := bytes.Repeat([]byte{9}, nonceSize)
	send := func(hello []byte, operation, body, sent string) string {
		conn, err := net.Dial("unix", filepath.Join(dir, socketName))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		var g greeting
		if err := readMessage(conn, maxHead, &g); err != nil {
			t.Fatal(err)
		}
		if hello == nil {
			hello = g.Nonce
		}
		proof, err := prove(key, hello, operation, []byte(body))
		if err != nil {
			t.Fatal(err)
		}
		if err := writeMessage(conn, head{Operation: Seal, Proof: proof, Length: len(sent)}); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Write([]byte(sent)); err != nil {
			t.Fatal(err)
		}
		var r reply
		if err := readMessage(conn, maxBody, &r); err != nil {
			t.Fatal(err)
		}
		return r.Error
	}
	if said := send(nil, Seal, "b", "b"); said != "" {
		t.Errorf("as it should be: %s", said)
	}
	if send(nonce, Seal, "b", "b") == "" || send(nil, Rotate, "b", "b") == "" || send(nil, Seal, "b", "c") == "" {
		t.Error("a proof for something else is taken")
	}
}

func TestSealedServer(t *testing.T) {
	d, dir, _ := newDeskThatIs(t, true, errShut)
	if _, err := d.do(t, dir, Rotate, 1, ""); !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "keys unseal") {
		t.Error(err)
	}
	var refused *RefusedError
	if _, err := d.do(t, dir, Unseal, 0, "guess"); !errors.As(err, &refused) || !refused.Sealed {
		t.Error(err)
	}
	d.server.turn.Lock()
	d.server.slow.until = time.Now().Add(time.Hour) // after the first guess it is a second, which a busy machine may need
	d.server.turn.Unlock()
	if _, err := d.do(t, dir, Unseal, 0, "guess"); !errors.As(err, &refused) || !strings.Contains(err.Error(), "try again in") {
		t.Error(err)
	}
	if len(d.asked) != 1 {
		t.Errorf("%d guesses were tried", len(d.asked))
	}
}

func TestSlowdownDoubles(t *testing.T) {
	var s slowdown
	now := time.Now()
	var waits []time.Duration
	for range 12 {
		waits = append(waits, s.failed(now).Round(time.Second))
		if s.left(now) <= 0 || s.left(now.Add(5*time.Minute)) > 0 {
			t.Error("it does not hold")
		}
	}
	if fmt.Sprint(waits[:4]) != "[1s 2s 4s 8s]" || waits[11] != 5*time.Minute {
		t.Error(waits)
	}
}

// TestBadMessages are no reason to answer, and none to stop.
func TestBadMessages(t *testing.T) {
	d, dir, _ := newDesk(t)
	for _, message := range []string{
		"", "\n", "{}\n", "null\n", "[]\n", `{"operation":"rotate","length":-1}` + "\n", `{"operation":"rotate","length":9999999}` + "\n",
		`{"operation":"rotate","length":5}` + "\nab", strings.Repeat("x", 2*maxHead), "\x00\xff\n",
	} {
		conn, err := net.Dial("unix", filepath.Join(dir, socketName))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = conn.Write([]byte(message))
		_ = conn.Close()
	}
	if did, err := d.do(t, dir, Rotate, 1, ""); err != nil || did != Rotate {
		t.Error(did, err)
	}
	if len(d.asked) != 1 {
		t.Errorf("%v", d.asked)
	}
}

func TestPlace(t *testing.T) {
	_, dir, _ := newDesk(t)
	info, err := os.Stat(filepath.Join(dir, socketName))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	if _, err := Listen(dir, &desk{}, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "another server") {
		t.Errorf("a second server: %v", err)
	}
	if _, err := Dial(t.TempDir()); !errors.Is(err, ErrNotRunning) {
		t.Error(err)
	}
	if _, err := Dial(filepath.Join(dir, strings.Repeat("x", 120))); !errors.Is(err, ErrNotRunning) {
		t.Error(err)
	}
	stale := t.TempDir()
	if err := os.WriteFile(filepath.Join(stale, socketName), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Listen(stale, &desk{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestSealTravels(t *testing.T) {
	arena := lockedmem.NewArena(func(error) {})
	defer arena.Close()
	key, err := keyOf(arena, 3)
	if err != nil {
		t.Fatal(err)
	}
	params, err := arena.FromBytes([]byte("parameters"))
	if err != nil {
		t.Fatal(err)
	}
	body, err := EncodeSeal(&seal.NewSeal{Kind: seal.AWSKMS, Params: params, Key: key})
	if err != nil {
		t.Fatal(err)
	}
	back, err := DecodeSeal(arena, body)
	if err != nil || back.Kind != seal.AWSKMS || back.Params.Len() != 10 || back.Key.Len() != 32 {
		t.Errorf("%+v %v", back, err)
	}
	for n := range 1 + sealKeySize {
		if _, err := DecodeSeal(arena, body[:n]); err == nil {
			t.Errorf("%d bytes are taken for a seal", n)
		}
	}
}
