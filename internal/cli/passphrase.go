package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/term"
)

// passphraseVariable may hold the passphrase. It is not a flag's variable: a passphrase has no place on a command line.
const passphraseVariable = "SEALTABLE_PASSPHRASE"

// passphraseSource reads the passphrase from a file, from the environment, or from the terminal, in this order.
func passphraseSource(file string, stderr io.Writer) func() ([]byte, error) {
	return func() ([]byte, error) {
		if file != "" {
			content, err := os.ReadFile(file)
			if err != nil {
				return nil, fmt.Errorf("reading the passphrase: %w", err)
			}
			return bytes.TrimRight(content, "\r\n"), nil
		}
		if value, ok := os.LookupEnv(passphraseVariable); ok {
			return []byte(value), nil
		}
		if !isTerminal(os.Stdin) {
			return nil, errors.New("the keyring needs a passphrase: give --passphrase-file, or set " + passphraseVariable)
		}
		fmt.Fprint(stderr, "Passphrase: ")
		passphrase, err := term.ReadPassword(int(os.Stdin.Fd()))
		fmt.Fprintln(stderr)
		return passphrase, err
	}
}
