// Package control is how the command line speaks to a server that runs: over a socket in the configuration
// directory.
//
// Callers may rely on this:
//   - The socket takes nobody but the server's own user, and root: its directory, its mode and the peer's
//     user id say so. It is on no network.
//   - A request proves that whoever makes it can open the keyring: it carries a code made with a key that
//     only the keyring gives, over a challenge that is used once. Being the same user is not enough. Three
//     requests need no proof: for the state, for unsealing, and for reading the accounts' files again, which
//     a new start would do.
//   - What a request holds is never logged, and is wiped when it was answered.
//   - Wrong passphrases are slowed down, for all comers together.
package control

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/sealtable/sealtable/internal/lockedmem"
)

const (
	socketName  = "control.sock"
	maxPath     = 100 // of a socket's address, which the kernel keeps in 104 or 108 bytes
	maxHead     = 4 << 10
	maxBody     = 64 << 10
	nonceSize   = 32
	requestTime = 10 * time.Second // to send a request in
	answerTime  = 10 * time.Minute // to work on it
)

// The operations.
const (
	State    = "state"
	Unseal   = "unseal"   // body: the passphrase, or PIN
	Rotate   = "rotate"   // makes a new root key
	Rewrap   = "rewrap"   // rotates, and wraps the material of every KMS key anew
	Seal     = "seal"     // body: what EncodeSeal gives
	Accounts = "accounts" // looks at the files of the accounts again
)

// ErrNotRunning says that no server listens.
var ErrNotRunning = errors.New("no server runs on this configuration directory")

// ErrRefused is what a server says no with. The text is the server's.
var ErrRefused = errors.New("the server refused")

// RefusedError is a refusal with its reason.
type RefusedError struct {
	Text   string
	Sealed bool // the root key is not available
}

func (e *RefusedError) Error() string { return e.Text }

// Is makes errors.Is(err, ErrRefused) true.
func (e *RefusedError) Is(target error) bool { return target == ErrRefused }

// greeting is what a server says first.
type greeting struct {
	Nonce  []byte `json:"nonce"`
	Sealed bool   `json:"sealed"`
}

// head stands before the body of a request.
type head struct {
	Operation string `json:"operation"`
	Proof     []byte `json:"proof,omitempty"`
	Length    int    `json:"length"`
}

// reply is what a server answers.
type reply struct {
	Error  string          `json:"error,omitempty"`
	Sealed bool            `json:"sealed,omitempty"`
	Result json.RawMessage `json:"result,omitempty"`
}

// prove gives the code for a request: HMAC-SHA-256 over challenge, operation and body.
func prove(key *lockedmem.Key, nonce []byte, operation string, body []byte) (code []byte, err error) {
	sum := sha256.Sum256(body)
	err = key.With(func(b []byte) error {
		mac := hmac.New(sha256.New, b)
		fmt.Fprintf(mac, "sealtable control v1: %d %s ", len(operation), operation)
		mac.Write(nonce)
		mac.Write(sum[:])
		code = mac.Sum(nil)
		return nil
	})
	return code, err
}

// address gives the path of the socket, by which the kernel finds it.
func address(dir string) (string, error) {
	path := filepath.Join(dir, socketName)
	if len(path) > maxPath {
		if wd, err := os.Getwd(); err == nil {
			if rel, err := filepath.Rel(wd, path); err == nil && len(rel) <= maxPath {
				return rel, nil
			}
		}
		return "", fmt.Errorf("%s is too long for the address of a socket", path)
	}
	return path, nil
}

// writeMessage sends one line of JSON.
func writeMessage(w io.Writer, message any) error {
	line, err := json.Marshal(message)
	if err != nil {
		return err
	}
	_, err = w.Write(append(line, '\n'))
	return err
}

// readMessage reads one line of JSON, and not a byte more.
func readMessage(r io.Reader, limit int, into any) error {
	line := make([]byte, 0, 256)
	var b [1]byte
	for {
		if _, err := io.ReadFull(r, b[:]); err != nil {
			return err
		}
		if b[0] == '\n' {
			return json.Unmarshal(line, into)
		}
		line = append(line, b[0])
		if len(line) > limit {
			return errors.New("a message is too long")
		}
	}
}

// Client is a connection to a server that runs. One request is made of it.
type Client struct {
	conn  net.Conn
	hello greeting
}

// Dial finds the server of a configuration directory; ErrNotRunning says that there is none.
func Dial(dir string) (*Client, error) {
	path, err := address(dir)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotRunning, err)
	}
	conn, err := net.DialTimeout("unix", path, requestTime)
	switch {
	case errors.Is(err, os.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return nil, fmt.Errorf("%w: %w", ErrNotRunning, err)
	// somebody listens: who takes that for nobody would say that a key is taken away which still works
	case err != nil:
		return nil, fmt.Errorf("speaking to the server: %w", err)
	}
	c := &Client{conn: conn}
	err = conn.SetDeadline(time.Now().Add(requestTime))
	if err == nil {
		err = checkPeer(conn)
	}
	if err == nil {
		err = readMessage(conn, maxHead, &c.hello)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("speaking to the server: %w", err), conn.Close())
	}
	return c, nil
}

// Sealed says whether the server waits for its root key.
func (c *Client) Sealed() bool { return c.hello.Sealed }

// Close ends the connection.
func (c *Client) Close() error { return c.conn.Close() }

// Do makes the request. The key proves that the keyring is open here; nil makes a request that needs no
// proof.
func (c *Client) Do(operation string, key *lockedmem.Key, body []byte, result any) error {
	h := head{Operation: operation, Length: len(body)}
	if key != nil {
		var err error
		if h.Proof, err = prove(key, c.hello.Nonce, operation, body); err != nil {
			return err
		}
	}
	if err := writeMessage(c.conn, h); err != nil {
		return fmt.Errorf("speaking to the server: %w", err)
	}
	if len(body) > 0 { // the server has answered already where there is none
		if _, err := c.conn.Write(body); err != nil {
			return fmt.Errorf("speaking to the server: %w", err)
		}
	}
	if err := c.conn.SetDeadline(time.Now().Add(answerTime)); err != nil {
		return err
	}
	var r reply
	if err := readMessage(c.conn, maxBody, &r); err != nil {
		return fmt.Errorf("the server gave no answer; what was asked for may be done: %w", err)
	}
	if r.Error != "" {
		return &RefusedError{Text: r.Error, Sealed: r.Sealed}
	}
	if result == nil {
		return nil
	}
	return json.Unmarshal(r.Result, result)
}
