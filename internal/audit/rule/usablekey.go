package rule

import (
	"fmt"
	"time"

	"github.com/sealtable/sealtable/internal/audit"
	"github.com/sealtable/sealtable/internal/audit/fact"
)

// UsableKeyID is the rule about keys that no longer work.
const UsableKeyID = "DDB-010"

// archiveAfter is how long a table stays inaccessible before DynamoDB archives it (API reference,
// SSEDescription).
const archiveAfter = 7 * 24 * time.Hour

func usableKeyRule() audit.Rule {
	return audit.Rule{
		ID: UsableKeyID, Title: "The table's key works", Severity: audit.Critical,
		Why: "Without its key nobody can read or write a table. DynamoDB archives it after seven " +
			"days, and a deleted key takes the data with it.",
		FailsWhen: "KMS says that the key is disabled, pending deletion or import, unavailable or gone, " +
			"or DynamoDB says that it can't use it.",
		Remedy: "Enable the key, cancel its deletion, or give DynamoDB its use again. Never change the " +
			"table's key first: that needs the old one.",
		References: []string{
			"https://docs.aws.amazon.com/kms/latest/developerguide/key-state.html",
			"https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_SSEDescription.html",
		},
		Mappings: mappingsOf(UsableKeyID),
	}
}

func decideUsableKey(_ *scene, t *fact.Table) verdict {
	if usable, why := keyTrouble(t); !usable {
		remedy, commands := repair(t)
		return verdict{status: audit.Fail, message: why + afterwards(t), remedy: remedy, commands: commands}
	}
	switch t.KeyClass {
	case fact.AWSOwned:
		return verdict{status: audit.NotApplicable, message: "The AWS owned key is not the account's to " +
			"lose."}
	case fact.AWSManaged:
		return verdict{status: audit.Pass, message: "The AWS managed key works; nobody can disable or " +
			"delete it."}
	}
	if t.Key == nil {
		return settling(t)
	}
	if t.Origin != nil && t.Key.State == "" {
		return notApplicable("The template does not make the key, so that it doesn't tell whether the key " +
			"works.")
	}
	return decideKeyState(t)
}

// decideKeyState is about a key that KMS does not say is unusable. Updating is a key whose primary region
// changes; it works.
func decideKeyState(t *fact.Table) verdict {
	switch t.Key.State {
	case "Enabled", "Updating":
		return verdict{status: audit.Pass, message: "The key works (state " + t.Key.State + ")."}
	case "":
		return keyUnreadable(t, "Whether the key works could not be found out: ")
	}
	return verdict{
		status: audit.Error, message: fmt.Sprintf("Whether a key in state %s works is not known to this "+
			"version.", t.Key.State),
		remedy: "Look the state up in \"Key states of AWS KMS keys\", and update the auditor.",
	}
}

// keyTrouble says whether nothing that was read tells that the key does not work, and else what does. The
// states are those in which the KMS developer guide ("Key states of AWS KMS keys") lets no cryptographic
// operation succeed.
func keyTrouble(t *fact.Table) (usable bool, why string) {
	if t.Key != nil {
		switch t.Key.State {
		case "Disabled", "PendingDeletion", "PendingReplicaDeletion", "PendingImport", "Unavailable",
			"Creating":
			return false, "The table's key cannot be used (state " + t.Key.State + ")" + deletion(t.Key) + "."
		case fact.KeyNotFound:
			return false, "The table's key does not exist any more."
		}
	}
	switch t.Status {
	case "INACCESSIBLE_ENCRYPTION_CREDENTIALS", "ARCHIVING", "ARCHIVED":
		return false, "DynamoDB cannot use the table's key (table status " + t.Status + ")."
	}
	if t.InaccessibleSince != nil {
		return false, "DynamoDB cannot use the table's key."
	}
	return true, ""
}

func deletion(k *fact.Key) string {
	if k.DeletionDate == nil {
		return ""
	}
	return ", and is deleted on " + day(*k.DeletionDate)
}

// afterwards says what has come, or will come, of a table whose key does not work.
func afterwards(t *fact.Table) string {
	switch {
	case t.ArchivedAt != nil:
		return " The table was archived on " + day(*t.ArchivedAt) + "."
	case t.Status == "ARCHIVED", t.Status == "ARCHIVING":
		return " The table has been archived."
	case t.InaccessibleSince != nil:
		return fmt.Sprintf(" The table has been inaccessible since %s and is archived on %s.",
			day(*t.InaccessibleSince), day(t.InaccessibleSince.Add(archiveAfter)))
	}
	return " The table becomes inaccessible as soon as DynamoDB needs the key again."
}

func day(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// keyFirst warns of the obvious wrong move: a table whose key is disabled cannot be moved to another one.
const keyFirst = " Do not try to change the table's key first: that needs the old one."

func repair(t *fact.Table) (remedy string, commands []string) {
	if t.Status == "ARCHIVING" || t.Status == "ARCHIVED" {
		return "Make the key usable again, then restore the table from the backup that archiving made; it " +
			"has the same name once the archived table is deleted.", nil
	}
	state := ""
	if t.Key != nil {
		state = t.Key.State
	}
	switch state {
	case "Disabled":
		return "Enable the key." + keyFirst, []string{keyCommand(t, "enable-key")}
	case "PendingDeletion":
		return "Cancel the deletion of the key, then enable it." + keyFirst, []string{keyCommand(t,
			"cancel-key-deletion"), keyCommand(t, "enable-key")}
	case "PendingReplicaDeletion":
		return "Cancel the deletion of the key before its last replica is deleted, then enable it." +
				keyFirst,
			[]string{keyCommand(t, "cancel-key-deletion"), keyCommand(t, "enable-key")}
	case "PendingImport":
		return "Import the same key material again." + keyFirst, nil
	case "Unavailable":
		return "Connect the key's custom key store again." + keyFirst, nil
	case "Creating":
		return "Wait until KMS has made the key, then run the audit again.", nil
	case fact.KeyNotFound:
		return "A deleted key cannot be brought back: restore the data from a backup that is under " +
			"another key.", nil
	}
	return reconnect(t)
}

// reconnect is for a key that works, and that DynamoDB may not use: its grant was revoked, or the key's
// policy lets it make none.
func reconnect(t *fact.Table) (remedy string, commands []string) {
	remedy = "Give DynamoDB the use of the key again: let the key's policy allow it, then name the key to " +
		"the table anew, which " +
		"makes the grants that were revoked."
	if t.Key == nil {
		return remedy, nil
	}
	return remedy, []string{tableCommand(t, "update-table", "--sse-specification",
		"Enabled=true,SSEType=KMS,KMSMasterKeyId="+t.Key.ARN)}
}

func keyCommand(t *fact.Table, operation string) string {
	return kmsCommand(t.Region, operation, t.Key.ARN)
}
