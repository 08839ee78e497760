package credentials

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// accountsDir holds a directory for each further account of the installation, with a file of AWS's format in
// it.
const accountsDir = "accounts"

// aliasSetting is the line that keeps an account's alias; the AWS tools pay no heed to it.
const aliasSetting = "sealtable_alias"

// Account is a further account of the installation, with the access key of its root user.
type Account struct {
	ID    string
	Alias string // unique; may be empty
	Key   Key
	Path  string // of the file
}

// What can be wrong with an account that is added or removed.
var (
	ErrAccountID = errors.New("not an account id of 12 digits")
	ErrAlias     = errors.New("an alias has 3 to 63 lower-case letters, digits and single hyphens, and " +
		"is no number")
	ErrAccountExists = errors.New("there is such an account already")
	ErrNoAccount     = errors.New("there is no such account")
)

// Accounts reads all further accounts, by id. What is in their directory and has no account's name is not
// looked at, so that an addition which was cut short does no harm.
func Accounts(dir string) ([]Account, error) {
	entries, err := os.ReadDir(filepath.Join(dir, accountsDir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the accounts: %w", err)
	}
	var accounts []Account
	for _, entry := range entries {
		if !isAccountID(entry.Name()) {
			continue
		}
		a, err := readAccount(dir, entry.Name())
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		accounts = append(accounts, a)
	}
	return accounts, nil
}

func readAccount(dir, id string) (Account, error) {
	a := Account{ID: id, Path: filepath.Join(dir, accountsDir, id, FileName)}
	key, content, err := readFile(a.Path)
	if err != nil {
		return a, err
	}
	a.Key = key
	lines := bufio.NewScanner(bytes.NewReader(content))
	for lines.Scan() {
		if name, value, ok := strings.Cut(lines.Text(), "="); ok && strings.TrimSpace(name) == aliasSetting {
			a.Alias = strings.TrimSpace(value)
		}
	}
	return a, nil
}

// Find finds an account by its id or alias; ErrNoAccount says that there is none.
func Find(dir, name string) (Account, error) {
	accounts, err := Accounts(dir)
	if err != nil {
		return Account{}, err
	}
	at := slices.IndexFunc(accounts, func(a Account) bool {
		return a.ID == name || a.Alias != "" && a.Alias == name
	})
	if at < 0 {
		return Account{}, fmt.Errorf("%s: %w", name, ErrNoAccount)
	}
	return accounts[at], nil
}

// AddAccount makes the root access key of another account. It is durable when AddAccount returns, and there
// whole or not at all.
func AddAccount(dir, id, alias string) (Account, error) {
	if !isAccountID(id) {
		return Account{}, fmt.Errorf("%q: %w", id, ErrAccountID)
	}
	if alias != "" && !isAlias(alias) {
		return Account{}, fmt.Errorf("%q: %w", alias, ErrAlias)
	}
	for _, name := range []string{id, alias} {
		if _, err := Find(dir, name); err == nil && name != "" {
			return Account{}, fmt.Errorf("%s: %w", name, ErrAccountExists)
		} else if err != nil && !errors.Is(err, ErrNoAccount) {
			return Account{}, err
		}
	}
	place := filepath.Join(dir, accountsDir, id)
	if err := os.MkdirAll(place, 0o700); err != nil {
		return Account{}, fmt.Errorf("making the account's directory: %w", err)
	}
	more := ""
	if alias != "" {
		more = aliasSetting + " = " + alias + "\n"
	}
	key, err := createWith(filepath.Join(place, FileName), more)
	if err == nil {
		err = errors.Join(syncDir(filepath.Join(dir, accountsDir)), syncDir(dir))
	}
	return Account{ID: id, Alias: alias, Key: key, Path: filepath.Join(place, FileName)}, err
}

// RemoveAccount takes the root access key of an account away. What the account has in the installation stays.
func RemoveAccount(dir, name string) (Account, error) {
	a, err := Find(dir, name)
	if err != nil {
		return a, err
	}
	if err := os.Remove(a.Path); err != nil {
		return a, fmt.Errorf("removing the access key: %w", err)
	}
	if err := syncDir(filepath.Dir(a.Path)); err != nil {
		return a, err
	}
	_ = os.Remove(filepath.Dir(a.Path)) // unless somebody put something there
	return a, nil
}

func isAccountID(s string) bool { return len(s) == 12 && strings.Trim(s, "0123456789") == "" }

// isAlias knows what IAM takes for an account's alias ("CreateAccountAlias" in the IAM API reference), but
// for numbers, which would pass for ids.
func isAlias(s string) bool {
	const letters = "abcdefghijklmnopqrstuvwxyz0123456789-"
	return len(s) >= 3 && len(s) <= 63 && strings.Trim(s, letters) == "" &&
		strings.Trim(s, "0123456789") != "" &&
		s[0] != '-' && s[len(s)-1] != '-' && !strings.Contains(s, "--")
}
