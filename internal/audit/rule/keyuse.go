package rule

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sealtable/sealtable/internal/arn"
	"github.com/sealtable/sealtable/internal/audit"
	"github.com/sealtable/sealtable/internal/audit/fact"
)

func foreignKeyRule() audit.Rule {
	return audit.Rule{
		ID: "DDB-011", Title: "The table's key belongs to the account, or to one that is trusted",
		Severity:  audit.Medium,
		Why:       "Whoever owns the key decides for how long the table can be read.",
		FailsWhen: "The key is of an account that is neither the table's own nor named by --trusted-account.",
		Remedy:    "Name the account with --trusted-account, or move the table to a key of its own account.",
		References: []string{
			"https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-modifying-external-accounts.html",
		},
		Mappings: mappingsOf("DDB-011"),
	}
}

func decideForeignKey(s *scene, t *fact.Table) verdict {
	if t.KeyClass != fact.CustomerCrossAccount {
		return notApplicable("The table is not under another account's key.")
	}
	owner := accountOf(t.Key.ARN)
	if slices.Contains(s.parameters.TrustedAccounts, owner) {
		return pass("The key is of account %s, which is trusted.", owner)
	}
	return failure("The key is of account "+owner+", which is not among the trusted ones.",
		"Trust the account with --trusted-account "+owner+", or put the table under a key of its own "+
			"account.",
		tableCommand(t, "update-table", "--sse-specification",
			"Enabled=true,SSEType=KMS,KMSMasterKeyId=KEY_ARN"))
}

func accountOf(name string) string {
	a, _ := arn.Parse(name)
	return a.Account
}

const defaultTablesPerKey = 10

func blastRadiusRule() audit.Rule {
	return audit.Rule{
		ID: "DDB-012", Title: "No key is under too many tables", Severity: audit.Low,
		Why: "What happens to a key happens to every table under it, and whoever may use it may " +
			"read them all.",
		FailsWhen: "More tables of the region share the customer managed key than --tables-per-key allows " +
			"(10).",
		Remedy: "Give tables of different sensitivity keys of their own. A key costs 1 USD a month.",
		References: []string{
			"https://docs.aws.amazon.com/prescriptive-guidance/latest/aws-kms-best-practices/overview.html",
		},
		Mappings: mappingsOf("DDB-012"),
	}
}

func decideBlastRadius(s *scene, t *fact.Table) verdict {
	if t.KeyClass != fact.Customer && t.KeyClass != fact.CustomerCrossAccount {
		return notApplicable("The table is not under a customer managed key.")
	}
	most := s.parameters.TablesPerKey
	if most == 0 {
		most = defaultTablesPerKey
	}
	if n := len(s.set.TablesUnder(t.Key)); n > most {
		return failure(fmt.Sprintf("%d tables of the region share the table's key; at most %d should.", n,
			most),
			"Put some of them under keys of their own, at 1 USD a month for each key.",
			tableCommand(t, "update-table", "--sse-specification",
				"Enabled=true,SSEType=KMS,KMSMasterKeyId=KEY_ARN"))
	}
	return pass("Not too many tables share the key.")
}

func replicaRule() audit.Rule {
	return audit.Rule{
		ID: "DDB-013", Title: "Every replica is under a key as strong as the table's", Severity: audit.Medium,
		Why: "A replica holds all the data. Its key is set for each region on its own, and is " +
			"easily forgotten.",
		FailsWhen: "A replica is under a weaker class of key than the table, or the global table is of " +
			"version 2017.11.29.",
		Remedy: "Set KMSMasterKeyId, of the replica's own region, for every replica.",
		References: []string{
			"https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/globaltables-security.html",
		},
		Mappings: mappingsOf("DDB-013"),
	}
}

func decideReplicas(_ *scene, t *fact.Table) verdict {
	if len(t.Replicas) == 0 {
		return notApplicable("The table has no replicas.")
	}
	if t.GlobalVersion == "2017.11.29" {
		return failure("The global table is of version 2017.11.29, whose replicas can't be under customer "+
			"managed keys together.",
			"Convert it to the current version.")
	}
	var weaker []string
	for _, r := range t.Replicas {
		class := r.Class
		if class == "" && r.KeyARN != "" {
			class = fact.Customer
		}
		if class != "" && class.Strength() < t.KeyClass.Strength() || class == "" &&
			t.KeyClass == fact.Customer {
			weaker = append(weaker, r.Region)
		}
	}
	if len(weaker) > 0 {
		return failure("The table is under a key of class "+string(t.KeyClass)+"; under weaker ones are "+
			"the replicas in "+
			strings.Join(weaker, ", ")+".", "Name a key of each of these regions for its replica.",
			tableCommand(t, "update-table", "--replica-updates",
				fmt.Sprintf(`[{"Update":{"RegionName":%q,"KMSMasterKeyId":"KEY_ARN"}}]`, weaker[0])))
	}
	return pass("The replicas are under keys as strong as the table's.")
}

func allowedKeyRule() audit.Rule {
	return audit.Rule{
		ID: "DDB-014", Title: "The table's key is one of those allowed", Severity: audit.Medium,
		Why:       "An organisation that keeps a list of keys wants no table under another one.",
		FailsWhen: "--allowed-key is given and the table's key is not among the keys it names.",
		Remedy:    "Move the table to an allowed key.",
		References: []string{
			"https://docs.aws.amazon.com/config/latest/developerguide/dynamodb-table-encrypted-kms.html",
		},
		Mappings: mappingsOf("DDB-014"),
	}
}

func decideAllowedKey(s *scene, t *fact.Table) verdict {
	allowed := s.parameters.AllowedKeys
	switch {
	case len(allowed) == 0:
		return notApplicable("All keys are allowed: --allowed-key is not given.")
	case t.Key != nil && slices.Contains(allowed, t.Key.ARN):
		return pass("The table's key is allowed.")
	case t.KeyClass == fact.UnknownKey && t.Key == nil:
		return settling(t)
	}
	return failure("The table's key is not one of those allowed.", "Put the table under one of them.",
		tableCommand(t, "update-table", "--sse-specification",
			"Enabled=true,SSEType=KMS,KMSMasterKeyId="+allowed[0]))
}

func driftRule() audit.Rule {
	return audit.Rule{
		ID: "DDB-023", Title: "The live table is under the key that its template declares",
		Severity: audit.Medium,
		Why: "A key that was changed by hand comes back with the next deployment. In Terraform, removing " +
			"kms_key_arn " +
			"keeps the old key in silence, while the same change may delete that key under the live table.",
		FailsWhen: "A template given beside the live audit declares another class of key, or another key, " +
			"than the table is under.",
		Remedy: "Write the live key's ARN into the template, or deploy it.",
		References: []string{
			"https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-drift.html",
		},
		Mappings: mappingsOf("DDB-023"),
	}
}

func decideDrift(s *scene, t *fact.Table) verdict {
	if t.Origin != nil {
		return notApplicable("Templates are compared with live tables, not with themselves.")
	}
	declared := s.declaration(t)
	if declared == nil {
		return notApplicable("No template that was given declares the table by its name.")
	}
	where := fmt.Sprintf("%s:%d", declared.Origin.File, declared.Origin.Line)
	sameKey := declared.Key == nil || t.Key == nil || !strings.HasPrefix(declared.Key.ARN, "arn:") ||
		declared.Key.ARN == t.Key.ARN
	if declared.KeyClass == t.KeyClass && sameKey {
		return pass("The table is under the key that %s declares.", where)
	}
	if declared.KeyClass == fact.UnknownKey {
		return verdict{status: audit.Error, message: "Which key " + where +
			" declares could not be found out.",
			remedy: "Give the parameters that it depends on."}
	}
	v := failure(fmt.Sprintf("The table is under a key of class %s; %s declares %s.", t.KeyClass, where,
		declared.KeyClass),
		"Deploy the template, or write the live key's ARN into it.")
	if isTerraform(declared) && t.KeyClass == fact.Customer && declared.KeyClass == fact.AWSManaged {
		v.message += " Terraform will not change that: without kms_key_arn it keeps the key of its state. " +
			"If the same configuration no longer has the key, applying it schedules the deletion of a key " +
			"that the table needs."
		v.severity = audit.Critical
	}
	return v
}

func isTerraform(t *fact.Table) bool { return strings.HasPrefix(t.Origin.Kind, "aws_") }

func (s *scene) declaration(t *fact.Table) *fact.Table {
	for _, d := range s.declared {
		if d.Name == t.Name && (d.Region == "" || d.Region == t.Region) {
			return d
		}
	}
	return nil
}

func proofRule() audit.Rule {
	return audit.Rule{
		ID: "DDB-030", Title: "What lies on the disk is encrypted under the declared key",
		Severity: audit.Critical,
		Why:      "An API says what it was told. Only the bytes on the disk prove it.",
		FailsWhen: "The inspection of the data directory found bytes of the table that are not authentic " +
			"under its key, or another key.",
		Remedy:   "See docs/inspect.md; restore the table from a backup.",
		Mappings: mappingsOf("DDB-030"),
	}
}

func decideProof(_ *scene, t *fact.Table) verdict {
	p := t.Proof
	switch {
	case p == nil:
		return notApplicable("The disk was not inspected: give --data and --config of the server.")
	case !p.Authentic:
		return failure("The table's files are not authentic under its keys: "+p.Detail,
			"Look at the files that sealtable inspect names, and restore the table from a backup.")
	case t.Key != nil && p.KeyARN != "" && p.KeyARN != t.Key.ARN:
		return failure("On the disk the table is under "+p.KeyARN+".",
			"Wait until a change of key has ended, then look again.")
	}
	return pass("All %d bytes in %d files were authenticated under the table's key.", p.Bytes, p.Files)
}

func keyDeletionRule() audit.Rule {
	return audit.Rule{
		ID: "DDB-024", Title: "No change deletes the key of a live table", Severity: audit.Critical,
		Why: "In Terraform, kms_key_arn is optional and computed: without it the table keeps its key, the " +
			"plan shows no " +
			"change of the table, and the same apply schedules the deletion of the key that its data needs.",
		FailsWhen: "A plan deletes the key that a table is under, or a configuration beside a state no " +
			"longer has it.",
		Remedy: "Keep the key until the table is under another one: name the other key's ARN in " +
			"kms_key_arn (also that of " +
			"the AWS managed key), apply, and remove the old key afterwards.",
		References: []string{
			"https://registry.terraform.io/providers/hashicorp/aws/latest/docs/resources/dynamodb_table",
		},
		Mappings: mappingsOf("DDB-024"),
	}
}

func decideKeyDeletion(_ *scene, t *fact.Table) verdict {
	switch {
	case t.Prior == nil:
		return notApplicable("There is no plan or state that says under which key the table is.")
	case t.Prior.Deleted == "":
		return pass("The change does not delete the table's present key.")
	}
	return failure("The change deletes "+t.Prior.Deleted+" ("+t.Prior.KeyARN+"), the key that the table "+
		"is under.",
		"Put the table under another key first: write that key's ARN into kms_key_arn, also for the AWS "+
			"managed key. "+
			"Remove the old key in a later change.")
}
