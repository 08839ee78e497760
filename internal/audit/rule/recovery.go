package rule

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sealtable/sealtable/internal/audit"
	"github.com/sealtable/sealtable/internal/audit/fact"
)

func recoveryChecks() []check {
	return []check{
		{rule: pointInTimeRule(), needs: []fact.Need{fact.NeedRecovery}, table: decidePointInTime},
		{rule: backupRule(), needs: []fact.Need{fact.NeedBackups}, table: decideBackups},
		{rule: deletionProtectionRule(), table: decideDeletionProtection},
		{rule: scalingRule(), needs: []fact.Need{fact.NeedScaling}, table: decideScaling},
		{rule: tagRule(), needs: []fact.Need{fact.NeedTags}, table: decideTags},
		{rule: expiryRule(), needs: []fact.Need{fact.NeedExpiry, fact.NeedTags}, table: decideExpiry},
		{rule: emptyTableRule(), table: decideEmptyTable},
		{rule: backupKeyRule(), needs: []fact.Need{fact.NeedBackups}, table: decideBackupKey},
	}
}

func pointInTimeRule() audit.Rule {
	return audit.Rule{
		ID: "DynamoDB-003", Title: "Point-in-time recovery is on", Severity: audit.Medium,
		Why: "A program that writes nonsense for an hour is undone only by going back to the second " +
			"before.",
		FailsWhen: "Point-in-time recovery is not enabled. The severity is that of Security Hub's " +
			"DynamoDB.2.",
		Remedy: "Switch it on. It costs by the size of the table.",
		References: []string{
			"https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Point-in-time-recovery.html",
			"https://docs.aws.amazon.com/securityhub/latest/userguide/dynamodb-controls.html#dynamodb-2",
		},
		Mappings: mappingsOf("DynamoDB-003"),
	}
}

func decidePointInTime(_ *scene, t *fact.Table) verdict {
	v, ok := missing(t.PointInTime)
	switch {
	case !ok:
		return v
	case t.PointInTime.Value:
		return pass("Point-in-time recovery is on.")
	}
	return failure("Point-in-time recovery is off.", "Switch it on.",
		tableCommand(t, "update-continuous-backups", "--point-in-time-recovery-specification",
			"PointInTimeRecoveryEnabled=true"))
}

// freshBackup is how old the latest backup of a table may be.
const freshBackup = 35 * 24 * time.Hour

func backupRule() audit.Rule {
	return audit.Rule{
		ID: "DynamoDB-005", Title: "The table is backed up", Severity: audit.Medium,
		Why:       "Point-in-time recovery reaches back 35 days, and ends with the table.",
		FailsWhen: "The table has neither a backup of the last 35 days nor a backup plan.",
		Remedy:    "Make a backup, and let a plan make the next ones.",
		References: []string{
			"https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/BackupRestore.html",
			"https://docs.aws.amazon.com/securityhub/latest/userguide/dynamodb-controls.html#dynamodb-4",
		},
		Mappings: mappingsOf("DynamoDB-005"),
	}
}

func decideBackups(s *scene, t *fact.Table) verdict {
	v, ok := missing(t.Backups)
	b := t.Backups.Value
	switch {
	case !ok:
		return v
	case b.Planned:
		return pass("A backup plan protects the table.")
	case b.Latest != nil && s.now.Sub(*b.Latest) < freshBackup:
		return pass("The latest backup is of %s.", day(*b.Latest))
	}
	message := "The table has no backup."
	if b.Latest != nil {
		message = "The latest backup is of " + day(*b.Latest) + "."
	}
	return failure(message, "Make a backup, and let a plan make the next ones.",
		tableCommand(t, "create-backup", "--backup-name", t.Name+"-"+s.now.UTC().Format("20060102")))
}

func deletionProtectionRule() audit.Rule {
	return audit.Rule{
		ID: "DDB-015", Title: "Deletion protection is on", Severity: audit.Medium,
		Why:       "One wrong call deletes a table with all its data.",
		FailsWhen: "DeletionProtectionEnabled is false.",
		Remedy:    "Switch it on; it costs nothing.",
		References: []string{
			"https://docs.aws.amazon.com/securityhub/latest/userguide/dynamodb-controls.html#dynamodb-6",
		},
		Mappings: mappingsOf("DDB-015"),
	}
}

func decideDeletionProtection(_ *scene, t *fact.Table) verdict {
	v, ok := missing(t.DeletionProtection)
	switch {
	case !ok:
		return v
	case t.DeletionProtection.Value:
		return pass("Deletion protection is on.")
	}
	return failure("Deletion protection is off.", "Switch it on.", tableCommand(t, "update-table",
		"--deletion-protection-enabled"))
}

func scalingRule() audit.Rule {
	return audit.Rule{
		ID: "DDB-016", Title: "Provisioned capacity scales by itself", Severity: audit.Medium,
		Why: "A table with a fixed capacity refuses requests when there are more than somebody once " +
			"expected.",
		FailsWhen: "The table is billed by provisioned capacity, and auto scaling does not manage its " +
			"reads and its writes.",
		Remedy: "Register scalable targets, or go over to capacity on demand.",
		References: []string{
			"https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/AutoScaling.html",
			"https://docs.aws.amazon.com/securityhub/latest/userguide/dynamodb-controls.html#dynamodb-1",
		},
		Mappings: mappingsOf("DDB-016"),
	}
}

func decideScaling(_ *scene, t *fact.Table) verdict {
	if !t.Provisioned {
		return notApplicable("The table's capacity is on demand.")
	}
	if v, ok := missing(t.Scaled); !ok {
		return v
	}
	var lacking []string
	for _, dimension := range []string{"dynamodb:table:ReadCapacityUnits",
		"dynamodb:table:WriteCapacityUnits"} {
		if !slices.Contains(t.Scaled.Value, dimension) {
			lacking = append(lacking, dimension)
		}
	}
	if len(lacking) == 0 {
		return pass("Auto scaling manages reads and writes.")
	}
	var commands []string
	for _, dimension := range lacking {
		commands = append(commands, awsCommand("application-autoscaling", "register-scalable-target",
			"--region", t.Region,
			"--service-namespace", "dynamodb", "--resource-id", "table/"+t.Name, "--scalable-dimension",
			dimension,
			"--min-capacity", "5", "--max-capacity", "100"))
	}
	return failure("Auto scaling does not manage "+strings.Join(lacking, " and ")+".",
		"Register scalable targets, and give them a policy; or go over to capacity on demand.", commands...)
}

func tagRule() audit.Rule {
	return audit.Rule{
		ID: "DDB-018", Title: "The table bears the required tags", Severity: audit.Low,
		Why:       "Owners, costs and data classes are found by tags.",
		FailsWhen: "A tag that --required-tag names is missing.",
		Remedy:    "Add the tags.",
		References: []string{
			"https://docs.aws.amazon.com/securityhub/latest/userguide/dynamodb-controls.html#dynamodb-5",
		},
		Mappings: mappingsOf("DDB-018"),
	}
}

func decideTags(s *scene, t *fact.Table) verdict {
	if len(s.parameters.RequiredTags) == 0 {
		return notApplicable("No tags are required: --required-tag is not given.")
	}
	if v, ok := missing(t.Tags); !ok {
		return v
	}
	var lacking []string
	for _, tag := range s.parameters.RequiredTags {
		if _, ok := t.Tags.Value[tag]; !ok {
			lacking = append(lacking, tag)
		}
	}
	if len(lacking) == 0 {
		return pass("The table bears the required tags.")
	}
	return failure("The table lacks the tags "+strings.Join(lacking, ", ")+".", "Add them.",
		awsCommand("dynamodb", "tag-resource", "--region", t.Region, "--resource-arn", t.ARN,
			"--tags", "Key="+lacking[0]+",Value=VALUE"))
}

func expiryRule() audit.Rule {
	return audit.Rule{
		ID: "DDB-019", Title: "Tables of data that expires have a time to live", Severity: audit.Info,
		Why:       "Data that has to go after a time stays, unless something takes it away.",
		FailsWhen: "A table with the tag expires, retention or ttl has no time to live.",
		Remedy:    "Name the attribute with the time of expiry.",
		References: []string{
			"https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/TTL.html",
		},
		Mappings: mappingsOf("DDB-019"),
	}
}

func decideExpiry(_ *scene, t *fact.Table) verdict {
	if v, ok := missing(t.Tags); !ok {
		return v
	}
	marked := false
	for tag := range t.Tags.Value {
		marked = marked || slices.Contains([]string{"expires", "retention", "ttl"}, strings.ToLower(tag))
	}
	if !marked {
		return notApplicable("No tag says that the table's data expires.")
	}
	v, ok := missing(t.ExpiryAttribute)
	switch {
	case !ok:
		return v
	case t.ExpiryAttribute.Value != "":
		return pass("Items expire by the attribute %s.", t.ExpiryAttribute.Value)
	}
	return failure("A tag says that the table's data expires, and it has no time to live.",
		"Name the attribute.",
		tableCommand(t, "update-time-to-live", "--time-to-live-specification",
			"Enabled=true,AttributeName=ATTRIBUTE"))
}

func emptyTableRule() audit.Rule {
	return audit.Rule{
		ID: "DDB-021", Title: "No key is paid for an empty table", Severity: audit.Info,
		Why:       "A customer managed key costs 1 USD a month, whether its table holds anything or not.",
		FailsWhen: "A table older than 30 days without items is the only one under a customer managed key.",
		Remedy:    "Delete the table, then schedule the deletion of its key.",
		References: []string{
			"https://aws.amazon.com/kms/pricing/",
		},
		Mappings: mappingsOf("DDB-021"),
	}
}

func decideEmptyTable(s *scene, t *fact.Table) verdict {
	switch {
	case t.Origin != nil || t.KeyClass != fact.Customer:
		return notApplicable("No key is paid for the table alone.")
	case t.Items > 0:
		return pass("The table holds about %d items.", t.Items)
	case t.Created != nil && s.now.Sub(*t.Created) < 30*24*time.Hour:
		return pass("The table is new.")
	case len(s.set.TablesUnder(t.Key)) > 1:
		return pass("Other tables are under the same key.")
	}
	return failure("The table is empty, and its key costs 1 USD a month (12 USD a year).",
		"If nobody needs the table, delete it, and then schedule the deletion of its key.", tableCommand(t,
			"delete-table"))
}

func backupKeyRule() audit.Rule {
	return audit.Rule{
		ID: "DDB-022", Title: "Backups are under a key as strong as the table's", Severity: audit.Medium,
		Why:       "A backup holds all the data, and keeps the key that the table had when it was made.",
		FailsWhen: "The latest backup is under a weaker class of key than the table.",
		Remedy:    "Make a new backup, and delete the weaker ones when they are no longer needed.",
		References: []string{
			"https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html",
		},
		Mappings: mappingsOf("DDB-022"),
	}
}

func decideBackupKey(_ *scene, t *fact.Table) verdict {
	if v, ok := missing(t.Backups); !ok {
		return v
	}
	b := t.Backups.Value
	if b.Count == 0 || b.Class == "" {
		return notApplicable("There is no backup whose key is known.")
	}
	if b.Class.Strength() >= t.KeyClass.Strength() {
		return pass("The latest backup is under a key of class %s.", b.Class)
	}
	return failure(fmt.Sprintf("The latest backup is under a key of class %s, the table under %s.", b.Class,
		t.KeyClass),
		"Make a new backup.", tableCommand(t, "create-backup", "--backup-name", t.Name+"-rekeyed"))
}
