package rule

import (
	"fmt"
	"time"

	"github.com/sealtable/sealtable/internal/audit"
)

// UsableKeyID is the rule about keys that no longer work.
const UsableKeyID = "DDB-010"

// archiveAfter is how long a table stays inaccessible before DynamoDB archives it (API reference, SSEDescription).
const archiveAfter = 7 * 24 * time.Hour

func usableKeyRule() audit.Rule {
	return audit.Rule{
		ID: UsableKeyID, Title: "The table's key works", Severity: audit.Critical,
		Why: "Without its key nobody can read or write a table. DynamoDB archives it after seven days, and a deleted key takes the data with it.",
		Mappings: []audit.Mapping{
			{Framework: "AWS Well-Architected", Control: "SEC08-BP01", Strength: audit.Supports},
			{Framework: "AWS Security Hub", Control: "KMS.3", Strength: audit.Supports},
			{Framework: "NIST SP 800-53 Rev. 4", Control: "SC-12", Strength: audit.Supports},
			{Framework: "NIST SP 800-53 Rev. 5", Control: "SC-12", Strength: audit.Supports},
		},
	}
}

func decideUsableKey(_ audit.Parameters, t *audit.Table) verdict {
	if usable, why := keyTrouble(t); !usable {
		remedy, commands := repair(t)
		return verdict{status: audit.Fail, message: why + afterwards(t), remedy: remedy, commands: commands}
	}
	switch t.KeyClass {
	case audit.AWSOwned:
		return verdict{status: audit.NotApplicable, message: "The AWS owned key is not the account's to lose."}
	case audit.AWSManaged:
		return verdict{status: audit.Pass, message: "The AWS managed key works; nobody can disable or delete it."}
	}
	if t.Key == nil {
		return settling(t)
	}
	return decideKeyState(t)
}

// decideKeyState is about a key that KMS does not say is unusable. Updating is a key whose primary region changes; it works.
func decideKeyState(t *audit.Table) verdict {
	switch t.Key.State {
	case "Enabled", "Updating":
		return verdict{status: audit.Pass, message: "The key works (state " + t.Key.State + ")."}
	case "":
		return keyUnreadable(t, "Whether the key works could not be found out: ")
	}
	return verdict{
		status: audit.Error, message: fmt.Sprintf("Whether a key in state %s works is not known to this version.", t.Key.State),
		remedy: "Look the state up in \"Key states of AWS KMS keys\", and update the auditor.",
	}
}

// keyTrouble says whether nothing that was read tells that the key does not work, and else what does. The states are those in which
// the KMS developer guide ("Key states of AWS KMS keys") lets no cryptographic operation succeed.
func keyTrouble(t *audit.Table) (usable bool, why string) {
	if t.Key != nil {
		switch t.Key.State {
		case "Disabled", "PendingDeletion", "PendingReplicaDeletion", "PendingImport", "Unavailable", "Creating":
			return false, "The table's key cannot be used (state " + t.Key.State + ")" + deletion(t.Key) + "."
		case audit.KeyNotFound:
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

func deletion(k *audit.Key) string {
	if k.DeletionDate == nil {
		return ""
	}
	return ", and is deleted on " + day(*k.DeletionDate)
}

// afterwards says what has come, or will come, of a table whose key does not work.
func afterwards(t *audit.Table) string {
	switch {
	case t.ArchivedAt != nil:
		return " The table was archived on " + day(*t.ArchivedAt) + "."
	case t.Status == "ARCHIVED", t.Status == "ARCHIVING":
		return " The table has been archived."
	case t.InaccessibleSince != nil:
		return fmt.Sprintf(" The table has been inaccessible since %s and is archived on %s.", day(*t.InaccessibleSince), day(t.InaccessibleSince.Add(archiveAfter)))
	}
	return " The table becomes inaccessible as soon as DynamoDB needs the key again."
}

func day(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// keyFirst warns of the obvious wrong move: a table whose key is disabled cannot be moved to another one.
const keyFirst = " Do not try to change the table's key first: that needs the old one."

func repair(t *audit.Table) (remedy string, commands []string) {
	if t.Status == "ARCHIVING" || t.Status == "ARCHIVED" {
		return "Make the key usable again, then restore the table from the backup that archiving made; it has the same name once the archived table is deleted.", nil
	}
	state := ""
	if t.Key != nil {
		state = t.Key.State
	}
	switch state {
	case "Disabled":
		return "Enable the key." + keyFirst, []string{kmsCommand(t, "enable-key")}
	case "PendingDeletion":
		return "Cancel the deletion of the key, then enable it." + keyFirst, []string{kmsCommand(t, "cancel-key-deletion"), kmsCommand(t, "enable-key")}
	case "PendingReplicaDeletion":
		return "Cancel the deletion of the key before its last replica is deleted, then enable it." + keyFirst,
			[]string{kmsCommand(t, "cancel-key-deletion"), kmsCommand(t, "enable-key")}
	case "PendingImport":
		return "Import the same key material again." + keyFirst, nil
	case "Unavailable":
		return "Connect the key's custom key store again." + keyFirst, nil
	case "Creating":
		return "Wait until KMS has made the key, then run the audit again.", nil
	case audit.KeyNotFound:
		return "A deleted key cannot be brought back: restore the data from a backup that is under another key.", nil
	}
	return "Give DynamoDB the use of the key again: look at the key's policy, and at its grants to DynamoDB.", nil
}

func kmsCommand(t *audit.Table, operation string) string {
	return awsCommand("kms", operation, "--region", t.Region, "--key-id", t.Key.ARN)
}
