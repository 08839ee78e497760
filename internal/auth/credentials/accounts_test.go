package credentials

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAddedAccountsComeBack(t *testing.T) {
	dir := t.TempDir()
	if found, err := Accounts(dir); err != nil || len(found) != 0 {
		t.Errorf("%v %v", found, err)
	}
	first, err := AddAccount(dir, "111122223333", "staging")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := AddAccount(dir, "000000000001", ""); err != nil {
		t.Fatal(err)
	}
	found, err := Accounts(dir)
	if err != nil || len(found) != 2 || found[0].ID != "000000000001" || found[1] != first {
		t.Errorf("%+v %v", found, err)
	}
	for _, name := range []string{"111122223333", "staging"} {
		if a, err := Find(dir, name); err != nil || a != first {
			t.Errorf("%s: %+v %v", name, a, err)
		}
	}
	if removed, err := RemoveAccount(dir, "staging"); err != nil || removed.ID != "111122223333" {
		t.Errorf("%+v %v", removed, err)
	}
	again, err := AddAccount(dir, "111122223333", "staging")
	if err != nil || again.Key == first.Key {
		t.Errorf("%v: the key that was removed came back", err)
	}
}

func TestAccountsThatCannotBe(t *testing.T) {
	dir := t.TempDir()
	if _, err := AddAccount(dir, "111122223333", "staging"); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		id, alias string
		want      error
	}{
		{"", "", ErrAccountID}, {"12345678901", "", ErrAccountID}, {"1234567890123", "", ErrAccountID}, {"12345678901x", "", ErrAccountID},
		{"../../../../x", "", ErrAccountID}, {"111122223333", "", ErrAccountExists}, {"000000000001", "staging", ErrAccountExists},
		{"000000000001", "ab", ErrAlias}, {"000000000001", "Ab-c", ErrAlias}, {"000000000001", "-abc", ErrAlias},
		{"000000000001", "a--b", ErrAlias},
		{"000000000001", "123456789012", ErrAlias}, {"000000000001", strings.Repeat("a", 64), ErrAlias}, {"000000000001", "a\nb", ErrAlias},
	} {
		if _, err := AddAccount(dir, c.id, c.alias); !errors.Is(err, c.want) {
			t.Errorf("%q %q: %v, want %v", c.id, c.alias, err, c.want)
		}
	}
	if _, err := RemoveAccount(dir, ""); !errors.Is(err, ErrNoAccount) {
		t.Error(err)
	}
	if found, err := Accounts(dir); err != nil || len(found) != 1 {
		t.Errorf("%+v %v", found, err)
	}
}

// TestCutShort leaves what an addition leaves that a crash cut short: no account, and nothing in the way of another try.
func TestCutShort(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, accountsDir, "111122223333"), 0o700); err != nil {
		t.Fatal(err)
	}
	if found, err := Accounts(dir); err != nil || len(found) != 0 {
		t.Errorf("%v %v", found, err)
	}
	if _, err := AddAccount(dir, "111122223333", ""); err != nil {
		t.Error(err)
	}
}

func TestSomebodyElsesFile(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give files away")
	}
	dir := t.TempDir()
	if _, err := Load(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(filepath.Join(dir, FileName), 12345, 12345); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), "belongs to another user") {
		t.Error(err)
	}
}
