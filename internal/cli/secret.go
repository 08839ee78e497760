package cli

import (
	"bytes"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/term"

	"github.com/sealtable/sealtable/internal/lockedmem"
)

// The variables that may hold passphrases other than that of the keyring.
const (
	newPassphraseVariable = "SEALTABLE_NEW_PASSPHRASE"
	recoveryVariable      = "SEALTABLE_RECOVERY_PASSPHRASE"
)

// secret says where a passphrase is read from: a file, the environment, or the terminal, in this order.
type secret struct {
	what     string
	file     string
	flag     string // that names the file
	variable string
	twice    bool // on the terminal, so that a slip of the finger locks nobody out
}

func (s secret) source(stderr io.Writer) func() ([]byte, error) {
	return func() ([]byte, error) {
		if s.file != "" {
			content, err := os.ReadFile(s.file)
			if err != nil {
				return nil, fmt.Errorf("reading the %s: %w", s.what, err)
			}
			return bytes.TrimRight(content, "\r\n"), nil
		}
		if value, ok := os.LookupEnv(s.variable); ok {
			return []byte(value), nil
		}
		if !isTerminal(os.Stdin) {
			return nil, fmt.Errorf("there is no %s: give --%s, or set %s", s.what, s.flag, s.variable)
		}
		return s.ask(stderr)
	}
}

func (s secret) ask(stderr io.Writer) ([]byte, error) {
	first, err := prompt(stderr, s.what)
	if err != nil || !s.twice {
		return first, err
	}
	again, err := prompt(stderr, s.what+" again")
	defer lockedmem.Wipe(again)
	if err == nil && subtle.ConstantTimeCompare(first, again) != 1 {
		err = errors.New("the two are not the same: nothing was changed")
	}
	if err != nil {
		lockedmem.Wipe(first)
		return nil, err
	}
	return first, nil
}

func prompt(stderr io.Writer, what string) ([]byte, error) {
	fmt.Fprintf(stderr, "The %s: ", what)
	answer, err := term.ReadPassword(int(os.Stdin.Fd()))
	fmt.Fprintln(stderr)
	return answer, err
}
