package cli

import (
	"bytes"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/term"

	"github.com/sealtable/sealtable/internal/lockedmem"
)

// The variables that may hold passphrases. They are no flags' variables: a passphrase has no place on a
// command line.
const (
	passphraseVariable    = "SEALTABLE_PASSPHRASE"
	newPassphraseVariable = "SEALTABLE_NEW_PASSPHRASE"
	recoveryVariable      = "SEALTABLE_RECOVERY_PASSPHRASE"
)

// maxSecretFile is more than any passphrase has.
const maxSecretFile = 64 << 10

// secret says where a passphrase is read from: a file, a credential of systemd, the environment, or the
// terminal, in this order.
type secret struct {
	what       string
	file       string
	flag       string // that names the file
	credential string // name of a file in the directory that systemd gives a service
	variable   string
	none       string // what to say when there is none
	twice      bool   // on the terminal, so that a slip of the finger locks nobody out
	silent     bool   // never asks the terminal
}

// keyringSecret is the passphrase, or PIN, of the keyring as it is.
func keyringSecret(file string) secret {
	return secret{
		what: "passphrase", file: file, flag: "passphrase-file", credential: "sealtable-passphrase",
		variable: passphraseVariable,
		none:     "the keyring needs a passphrase",
	}
}

func newSecret(file string) secret {
	return secret{
		what: "new passphrase", file: file, flag: "new-passphrase-file",
		credential: "sealtable-new-passphrase", variable: newPassphraseVariable, twice: true,
	}
}

func recoverySecret(file string, twice bool) secret {
	return secret{
		what: "recovery passphrase", file: file, flag: "recovery-passphrase-file",
		credential: "sealtable-recovery-passphrase",
		variable:   recoveryVariable, twice: twice,
	}
}

// passphraseSource is where the passphrase of the keyring comes from.
func passphraseSource(file string, stderr io.Writer) func() ([]byte, error) {
	return keyringSecret(file).source(stderr)
}

func (s secret) source(stderr io.Writer) func() ([]byte, error) {
	return func() ([]byte, error) {
		if s.file != "" {
			return s.read(s.file, true)
		}
		if dir := os.Getenv("CREDENTIALS_DIRECTORY"); dir != "" {
			found, err := s.read(filepath.Join(dir, s.credential), false)
			if !errors.Is(err, fs.ErrNotExist) {
				return found, err
			}
		}
		if value, ok := os.LookupEnv(s.variable); ok {
			// Neither a child process nor whoever looks at this one's environment later needs to see it.
			return []byte(value), os.Unsetenv(s.variable)
		}
		if s.silent || !isTerminal(os.Stdin) {
			return nil, s.missing()
		}
		return s.ask(stderr)
	}
}

func (s secret) missing() error {
	none := s.none
	if none == "" {
		none = "there is no " + s.what
	}
	return fmt.Errorf("%s: give --%s, or set %s", none, s.flag, s.variable)
}

// read takes a file without the line end that editors leave. One that others may read or replace is refused;
// systemd looks after its credentials itself.
func (s secret) read(path string, private bool) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading the %s: %w", s.what, err)
	}
	defer file.Close()
	if private {
		if err := checkPrivate(file); err != nil {
			return nil, fmt.Errorf("reading the %s: %w", s.what, err)
		}
	}
	content := make([]byte, maxSecretFile)
	n, err := io.ReadFull(file, content)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, fmt.Errorf("reading the %s: %w", s.what, err)
	}
	return bytes.TrimRight(content[:n], "\r\n"), nil
}

// checkPrivate refuses a file that others than this user, or root, can read or change. A pipe, as a shell
// makes one for <(command), is nobody else's.
func checkPrivate(file *os.File) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if info.Mode()&os.ModeNamedPipe != 0 {
		return nil
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is no file", file.Name())
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); !ok || int(stat.Uid) != os.Geteuid() && stat.Uid != 0 {
		return fmt.Errorf("%s belongs to another user: chown it", file.Name())
	}
	if info.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("others have access to %s: chmod 600 it", file.Name())
	}
	return nil
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
