package server

import (
	"strings"
	"testing"

	"github.com/sealtable/sealtable/internal/auth/credentials"
)

// TestSummaryTellsOfRootKeys asks for an account's summary while its root user has an access key, and after that was taken away.
func TestSummaryTellsOfRootKeys(t *testing.T) {
	w := newTwoAccounts(t)
	staff := w.user(w.b, "staff", everything)
	present := func(want string) {
		t.Helper()
		entry := "<key>AccountAccessKeysPresent</key><value>" + want + "</value>"
		if summary := w.iam(staff, "Action", "GetAccountSummary"); !strings.Contains(summary, entry) {
			t.Errorf("%s is not in %s", entry, summary)
		}
	}
	present("1")
	if _, err := credentials.RemoveAccount(w.config, accountB); err != nil {
		t.Fatal(err)
	}
	if err := w.server.loadAccounts(); err != nil {
		t.Fatal(err)
	}
	present("0")
}
