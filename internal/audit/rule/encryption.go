package rule

import (
	"github.com/sealtable/sealtable/internal/audit"
)

// EncryptionID is the rule about the class of key: Trend Micro Cloud One Conformity's id for it.
const EncryptionID = "DynamoDB-004"

func encryptionRule() audit.Rule {
	return audit.Rule{
		ID: EncryptionID, Title: "Table encrypted at rest under a KMS key", Severity: audit.High,
		Why: "Every table is encrypted at rest. The AWS owned key, the default, is shared by many accounts: the account can neither " +
			"see its use, nor restrict it, nor take it away.",
		Mappings: encryptionMappings(),
	}
}

// encryptionMappings are the controls that published mappings attach to this check: AWS's own rules of the same content satisfy
// it word by word, frameworks ask for more than one table's key.
func encryptionMappings() []audit.Mapping {
	var out []audit.Mapping
	for _, m := range []struct {
		framework string
		strength  audit.Strength
		controls  []string
	}{
		{"AWS Config", audit.Satisfies, []string{"DYNAMODB_TABLE_ENCRYPTED_KMS"}},
		{"AWS Control Tower", audit.Satisfies, []string{"CT.DYNAMODB.PR.2"}},
		{"AWS Well-Architected", audit.Supports, []string{"SEC08-BP02"}},
		{"APRA CPG 234", audit.Supports, []string{"52c"}},
		{"GDPR", audit.Supports, []string{"Article 32"}},
		{"HIPAA", audit.Supports, []string{"164.312(a)(2)(iv)", "164.312(e)(2)(ii)"}},
		{"ISO/IEC 27001:2022", audit.Supports, []string{"A.8.24"}},
		{"NIST CSF", audit.Supports, []string{"PR.DS-1"}},
		{"NIST SP 800-53 Rev. 4", audit.Supports, []string{"SC-13", "SC-28"}},
		{"NIST SP 800-53 Rev. 5", audit.Supports, []string{"SC-13a", "SC-28(1)"}},
		{"NIST SP 800-171 Rev. 2", audit.Supports, []string{"3.13.11", "3.13.16"}},
		{"PCI DSS 3.2.1", audit.Supports, []string{"3.4", "8.2.1"}},
		{"PCI DSS 4.0", audit.Supports, []string{"3.5.1", "8.3.2"}},
		{"SOC 2", audit.Supports, []string{"PI1.5"}},
	} {
		for _, control := range m.controls {
			out = append(out, audit.Mapping{Framework: m.framework, Control: control, Strength: m.strength})
		}
	}
	return out
}

func decideEncryption(p audit.Parameters, t *audit.Table) verdict {
	switch t.KeyClass {
	case audit.AWSOwned:
		return tooWeak(p, t, "Under the AWS owned key, which the account can neither see nor control.")
	case audit.AWSManaged:
		if p.RequireCMK {
			return tooWeak(p, t, "Under the AWS managed key, whose policy the account cannot change; a customer managed key is required.")
		}
		return strong(t, "Under the AWS managed key.")
	case audit.Customer:
		return underCustomerKey(p, t)
	case audit.CustomerCrossAccount:
		return underKeyOf(p, t, "Under a customer managed key of another account.")
	}
	return underUnknownKey(p, t)
}

func underCustomerKey(p audit.Parameters, t *audit.Table) verdict {
	return underKeyOf(p, t, "Under a customer managed key.")
}

// underKeyOf passes a customer managed key, as long as there is one: a key that KMS does not know is nobody's.
func underKeyOf(p audit.Parameters, t *audit.Table, message string) verdict {
	if p.RequireCMK && t.Key.State == audit.KeyNotFound {
		return verdict{
			status: audit.Fail, message: "Under a key that no longer exists; a customer managed key is required.",
			remedy: "See " + UsableKeyID + " first: the data cannot be read without the old key.",
		}
	}
	return strong(t, message)
}

// underUnknownKey is about a KMS key that could not be described. Any KMS key will do, unless a customer's is required.
func underUnknownKey(p audit.Parameters, t *audit.Table) verdict {
	switch {
	case t.Key == nil || t.SSEType != "KMS":
		return settling(t)
	case p.RequireCMK:
		return keyUnreadable(t, "Under a KMS key; whether it is a customer managed one could not be found out: ")
	}
	return strong(t, "Under a KMS key; whether AWS or the customer manages it could not be found out.")
}

// keyUnreadable names the first call that would have told.
func keyUnreadable(t *audit.Table, message string) verdict {
	if len(t.Key.Problems) == 0 {
		return verdict{status: audit.Error, message: message + "KMS does not say.", remedy: "Run the audit again."}
	}
	p := t.Key.Problems[0]
	return verdict{status: audit.Error, message: message + p.String(), remedy: p.Advice(), problem: &p}
}

func strong(t *audit.Table, message string) verdict {
	if usable, _ := keyTrouble(t); !usable {
		message += " This key does not work: see " + UsableKeyID + "."
	}
	return verdict{status: audit.Pass, message: message}
}

func tooWeak(p audit.Parameters, t *audit.Table, message string) verdict {
	v := verdict{status: audit.Fail, message: message, commands: []string{changeKeyCommand(p, t)}}
	if p.RequireCMK {
		v.remedy = "Put the table under a customer managed key. First let every caller of the table use the key (kms:Decrypt)."
	} else {
		v.remedy = "Put the table under the AWS managed key, as shown, or under a customer managed key with KMSMasterKeyId=KEY_ARN. " +
			"First let every caller of the table use a customer managed key (kms:Decrypt)."
	}
	return v
}

func changeKeyCommand(p audit.Parameters, t *audit.Table) string {
	specification := "Enabled=true,SSEType=KMS"
	if p.RequireCMK {
		specification += ",KMSMasterKeyId=KEY_ARN"
	}
	return awsCommand("dynamodb", "update-table", "--region", t.Region, "--table-name", t.Name, "--sse-specification", specification)
}
