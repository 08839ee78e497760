package rule

import (
	"github.com/sealtable/sealtable/internal/audit"
	"github.com/sealtable/sealtable/internal/audit/fact"
)

// EncryptionID is the rule about the class of key: Trend Micro Cloud One Conformity's id for it.
const EncryptionID = "DynamoDB-004"

func encryptionChecks() []check {
	return []check{
		{rule: encryptionRule(), table: decideEncryption},
		{rule: usableKeyRule(), table: decideUsableKey},
		{rule: foreignKeyRule(), table: decideForeignKey},
		{rule: blastRadiusRule(), table: decideBlastRadius},
		{rule: replicaRule(), table: decideReplicas},
		{rule: allowedKeyRule(), table: decideAllowedKey},
		{rule: driftRule(), needs: []fact.Need{fact.NeedDeclared}, table: decideDrift},
		{rule: keyDeletionRule(), table: decideKeyDeletion},
		{rule: proofRule(), needs: []fact.Need{fact.NeedProof}, table: decideProof},
	}
}

func encryptionRule() audit.Rule {
	return audit.Rule{
		ID: EncryptionID, Title: "Table encrypted at rest under a KMS key", Severity: audit.High,
		Why: "Every table is encrypted at rest. The AWS owned key, the default, is shared by many " +
			"accounts: the account can neither " +
			"see its use, nor restrict it, nor take it away.",
		FailsWhen: "The table is under the AWS owned key, or, with --min-key customer, under the AWS " +
			"managed one.",
		Remedy: "Put the table under the AWS managed key (aws/dynamodb) or a customer managed key. " +
			"Callers need kms:Decrypt on the latter.",
		References: []string{
			"https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/EncryptionAtRest.html",
			"https://docs.aws.amazon.com/config/latest/developerguide/dynamodb-table-encrypted-kms.html",
		},
		Mappings: mappingsOf(EncryptionID),
	}
}

func decideEncryption(sc *scene, t *fact.Table) verdict {
	p := sc.parameters
	switch t.KeyClass {
	case fact.AWSOwned:
		return tooWeak(p, t, "Under the AWS owned key, which the account can neither see nor control.")
	case fact.AWSManaged:
		if p.RequireCMK {
			return tooWeak(p, t, "Under the AWS managed key, whose policy the account cannot change; a "+
				"customer managed key is required.")
		}
		return strong(t, "Under the AWS managed key.")
	case fact.Customer:
		return underCustomerKey(p, t)
	case fact.CustomerCrossAccount:
		return underKeyOf(p, t, "Under a customer managed key of another account.")
	}
	return underUnknownKey(p, t)
}

func underCustomerKey(p audit.Parameters, t *fact.Table) verdict {
	return underKeyOf(p, t, "Under a customer managed key.")
}

// underKeyOf passes a customer managed key, as long as there is one: a key that KMS does not know is
// nobody's.
func underKeyOf(p audit.Parameters, t *fact.Table, message string) verdict {
	if p.RequireCMK && t.Key.State == fact.KeyNotFound {
		return verdict{
			status: audit.Fail, message: "Under a key that no longer exists; a customer managed key is " +
				"required.",
			remedy: "See " + UsableKeyID + " first: the data cannot be read without the old key.",
		}
	}
	return strong(t, message)
}

// underUnknownKey is about a KMS key that could not be described. Any KMS key will do, unless a customer's is
// required.
func underUnknownKey(p audit.Parameters, t *fact.Table) verdict {
	switch {
	case t.Key == nil || t.SSEType != "KMS":
		return settling(t)
	case p.RequireCMK:
		return keyUnreadable(t, "Under a KMS key; whether it is a customer managed one could not be found "+
			"out: ")
	}
	return strong(t, "Under a KMS key; whether AWS or the customer manages it could not be found out.")
}

// keyUnreadable names the first call that would have told.
func keyUnreadable(t *fact.Table, message string) verdict {
	if len(t.Key.Problems) == 0 {
		return verdict{status: audit.Error, message: message + "KMS does not say.",
			remedy: "Run the audit again."}
	}
	p := t.Key.Problems[0]
	return verdict{status: audit.Error, message: message + p.String(), remedy: p.Advice(), problem: &p}
}

func strong(t *fact.Table, message string) verdict {
	if usable, _ := keyTrouble(t); !usable {
		message += " This key does not work: see " + UsableKeyID + "."
	}
	return verdict{status: audit.Pass, message: message}
}

func tooWeak(p audit.Parameters, t *fact.Table, message string) verdict {
	v := verdict{status: audit.Fail, message: message, commands: []string{changeKeyCommand(p, t)}}
	if p.RequireCMK {
		v.remedy = "Put the table under a customer managed key. First let every caller of the table use " +
			"the key (kms:Decrypt)."
	} else {
		v.remedy = "Put the table under the AWS managed key, as shown, or under a customer managed key " +
			"with KMSMasterKeyId=KEY_ARN. " +
			"First let every caller of the table use a customer managed key (kms:Decrypt)."
	}
	return v
}

func changeKeyCommand(p audit.Parameters, t *fact.Table) string {
	specification := "Enabled=true,SSEType=KMS"
	if p.RequireCMK {
		specification += ",KMSMasterKeyId=KEY_ARN"
	}
	return tableCommand(t, "update-table", "--sse-specification", specification)
}
