package rule

import (
	"fmt"
	"strconv"
	"time"

	"github.com/sealtable/sealtable/internal/audit"
	"github.com/sealtable/sealtable/internal/audit/fact"
)

func lifeChecks() []check {
	keys := []fact.Need{fact.NeedKeys}
	return []check{
		{rule: rotationRule(), needs: []fact.Need{fact.NeedKeys, fact.NeedRotation}, key: decideRotation},
		{rule: rotationPeriodRule(), needs: []fact.Need{fact.NeedKeys, fact.NeedRotation},
			key: decideRotationPeriod},
		{rule: pendingRule(), needs: keys, key: decidePending},
		{rule: disabledRule(), needs: keys, key: decideDisabled},
		{rule: unusedRule(), needs: []fact.Need{fact.NeedKeys, fact.NeedLastUse, fact.NeedGrants},
			key: decideUnused},
		{rule: windowRule(), needs: keys, key: decideWindow},
		{rule: importedRule(), needs: keys, key: decideImported},
		{rule: aliasRule(), needs: keys, key: decideAlias},
		{rule: multiRegionRule(), needs: keys, key: decideMultiRegion},
	}
}

func rotationRule() audit.Rule {
	return audit.Rule{
		ID: "KMS-002", Title: "The key rotates by itself", Severity: audit.Medium,
		Why: "Rotation bounds how much is ever encrypted under the same material. Old data stays " +
			"readable.",
		FailsWhen: "A symmetric encryption key with material of KMS, in state Enabled, has no automatic " +
			"rotation. Other keys cannot rotate by themselves.",
		Remedy: "Enable rotation. Each of the first two rotations adds 1 USD a month.",
		References: []string{
			"https://docs.aws.amazon.com/kms/latest/developerguide/rotate-keys.html",
			"https://docs.aws.amazon.com/securityhub/latest/userguide/kms-controls.html#kms-4",
		},
		Mappings: mappingsOf("KMS-002"),
	}
}

// rotates reports whether a key can rotate by itself ("Rotate AWS KMS keys"), or else why it can't.
func rotates(k *fact.Key) (why string) {
	switch {
	case k.Spec != "" && k.Spec != "SYMMETRIC_DEFAULT":
		return "Keys of spec " + k.Spec + " don't rotate by themselves."
	case k.Material != "" && k.Material != "AWS_KMS":
		return "Keys with material of origin " + k.Material + " don't rotate by themselves."
	case k.State != "" && k.State != "Enabled":
		return "Keys in state " + k.State + " don't rotate."
	}
	return ""
}

func decideRotation(_ *scene, k *fact.Key) verdict {
	if why := rotates(k); why != "" {
		return notApplicable("%s", why)
	}
	v, ok := missing(k.Rotation)
	switch {
	case !ok:
		return v
	case k.Rotation.Value.Enabled:
		return pass("The key rotates by itself.")
	}
	return failure("The key does not rotate by itself.", "Enable rotation.", kmsCommand(k.Region,
		"enable-key-rotation", k.ARN))
}

func rotationPeriodRule() audit.Rule {
	return audit.Rule{
		ID: "KMS-017", Title: "The key rotates at least once a year", Severity: audit.Low,
		Why:       "Frameworks that ask for rotation ask for it yearly.",
		FailsWhen: "The rotation period is longer than 365 days.",
		Remedy:    "Shorten the period to 365 days or less; 90 is the least.",
		References: []string{
			"https://docs.aws.amazon.com/kms/latest/APIReference/API_EnableKeyRotation.html",
		},
		Mappings: mappingsOf("KMS-017"),
	}
}

func decideRotationPeriod(_ *scene, k *fact.Key) verdict {
	if why := rotates(k); why != "" {
		return notApplicable("%s", why)
	}
	v, ok := missing(k.Rotation)
	r := k.Rotation.Value
	switch {
	case !ok:
		return v
	case !r.Enabled:
		return notApplicable("The key does not rotate.")
	case r.Days > 365:
		return failure(fmt.Sprintf("The key rotates every %d days.", r.Days), "Shorten the period.",
			kmsCommand(k.Region, "enable-key-rotation", k.ARN, "--rotation-period-in-days", "365"))
	}
	return pass("The key rotates at least once a year.")
}

func pendingRule() audit.Rule {
	return audit.Rule{
		ID: "KMS-004", Title: "The key is not pending deletion", Severity: audit.High,
		Why: "With the key goes everything that is encrypted under it, for good.",
		FailsWhen: "The key's state is PendingDeletion or PendingReplicaDeletion. Critical where a table " +
			"is under it.",
		Remedy: "Cancel the deletion unless you know that nothing needs the key.",
		References: []string{
			"https://docs.aws.amazon.com/kms/latest/developerguide/deleting-keys.html",
			"https://docs.aws.amazon.com/securityhub/latest/userguide/kms-controls.html#kms-3",
		},
		Mappings: mappingsOf("KMS-004"),
	}
}

func decidePending(s *scene, k *fact.Key) verdict {
	if k.State != "PendingDeletion" && k.State != "PendingReplicaDeletion" {
		return pass("The key is not pending deletion.")
	}
	v := failure("The key is in state "+k.State+deletion(k)+"."+s.needing(k),
		"Cancel the deletion, then enable the key.",
		kmsCommand(k.Region, "cancel-key-deletion", k.ARN), kmsCommand(k.Region, "enable-key", k.ARN))
	return s.graver(k, v)
}

// graver makes a finding about an unusable key critical where a table needs the key.
func (s *scene) graver(k *fact.Key, v verdict) verdict {
	if len(s.set.TablesUnder(k)) > 0 {
		return v.as(audit.Critical)
	}
	return v
}

func (s *scene) needing(k *fact.Key) string {
	switch tables := s.set.TablesUnder(k); len(tables) {
	case 0:
		return ""
	case 1:
		return " The table " + tables[0].Name + " is under it."
	default:
		return fmt.Sprintf(" The table %s and %d others are under it.", tables[0].Name, len(tables)-1)
	}
}

func disabledRule() audit.Rule {
	return audit.Rule{
		ID: "KMS-022", Title: "The key is enabled", Severity: audit.Medium,
		Why:       "A disabled key opens nothing, and costs the same.",
		FailsWhen: "The key's state is Disabled. Critical where a table is under it.",
		Remedy:    "Enable the key; or schedule its deletion once you know that nothing needs it.",
		References: []string{
			"https://docs.aws.amazon.com/kms/latest/developerguide/enabling-keys.html",
		},
		Mappings: mappingsOf("KMS-022"),
	}
}

func decideDisabled(s *scene, k *fact.Key) verdict {
	if k.State != "Disabled" {
		return pass("The key is not disabled.")
	}
	return s.graver(k, failure("The key is disabled."+s.needing(k), "Enable the key.", kmsCommand(k.Region,
		"enable-key", k.ARN)))
}

// unusedAfter is how long nobody has to have used a key for it to count as unused.
const unusedAfter = 90 * 24 * time.Hour

func unusedRule() audit.Rule {
	return audit.Rule{
		ID: "KMS-015", Title: "The key is in use", Severity: audit.Info,
		Why: "A key costs 12 USD a year, plus as much again for each of its first two rotations, " +
			"whether or not anybody uses it.",
		FailsWhen: "No table is under the key, no grant is on it, and it has not been used for 90 days.",
		Remedy: "Disable the key first, and schedule its deletion only when nothing has broken for a " +
			"while.",
		References: []string{
			"https://docs.aws.amazon.com/kms/latest/APIReference/API_GetKeyLastUsage.html",
			"https://aws.amazon.com/kms/pricing/",
		},
		Mappings: mappingsOf("KMS-015"),
	}
}

func decideUnused(s *scene, k *fact.Key) verdict {
	switch {
	case k.Origin != nil || k.State == fact.KeyNotFound:
		return notApplicable("Whether the key is used is not known here.")
	case len(s.set.TablesUnder(k)) > 0:
		return pass("A table is under the key.")
	}
	if v, ok := missing(k.LastUse); !ok {
		return v
	}
	if v, ok := missing(k.Grants); !ok {
		return v
	}
	if len(k.Grants.Value) > 0 {
		return pass("There are grants on the key.")
	}
	return s.idle(k)
}

func (s *scene) idle(k *fact.Key) verdict {
	use := k.LastUse.Value
	since := use.At
	if since == nil {
		since = k.Created
	}
	if since != nil && s.now.Sub(*since) < unusedAfter {
		return pass("The key is new, or was used in the last 90 days.")
	}
	message := "The key has not been used for 90 days; it costs 12 USD a year."
	if use.At != nil {
		message = "The key was last used on " + day(*use.At) + "; it costs 12 USD a year."
	}
	return failure(message, "Disable the key, and schedule its deletion when nothing has broken for a while.",
		kmsCommand(k.Region, "disable-key", k.ARN))
}

func windowRule() audit.Rule {
	return audit.Rule{
		ID: "KMS-016", Title: "The deletion of a key leaves 30 days to think", Severity: audit.Low,
		Why: "The waiting period is the only time in which a wrong deletion can be undone.",
		FailsWhen: "A template declares a waiting period under 30 days, or a key that is pending deletion " +
			"has less than 7 days left.",
		Remedy: "Leave out PendingWindowInDays (deletion_window_in_days): 30 days is the default.",
		References: []string{
			"https://docs.aws.amazon.com/kms/latest/APIReference/API_ScheduleKeyDeletion.html",
		},
		Mappings: mappingsOf("KMS-016"),
	}
}

func decideWindow(s *scene, k *fact.Key) verdict {
	switch {
	case k.PendingDays > 0 && k.PendingDays < 30:
		return failure("The key would be deleted after "+strconv.Itoa(k.PendingDays)+" days of waiting.",
			"Leave the default of 30 days.")
	case k.DeletionDate != nil && k.DeletionDate.Sub(s.now) < 7*24*time.Hour:
		return failure("The key will be deleted on "+day(*k.DeletionDate)+".",
			"Cancel the deletion if there is any doubt.",
			kmsCommand(k.Region, "cancel-key-deletion", k.ARN))
	case k.Origin == nil && k.DeletionDate == nil:
		return notApplicable("The key is not pending deletion.")
	}
	return pass("There is time to think.")
}

func importedRule() audit.Rule {
	return audit.Rule{
		ID: "KMS-018", Title: "Imported key material does not end soon", Severity: audit.Medium,
		Why: "When imported material expires, KMS deletes it, and every table under the key stops " +
			"working at once.",
		FailsWhen: "The material expires within 30 days.",
		Remedy:    "Import the same material again, with a later date or without one.",
		References: []string{
			"https://docs.aws.amazon.com/kms/latest/developerguide/importing-keys.html",
		},
		Mappings: mappingsOf("KMS-018"),
	}
}

func decideImported(s *scene, k *fact.Key) verdict {
	switch {
	case k.Material != "EXTERNAL":
		return notApplicable("The key's material was not imported.")
	case k.ValidTo == nil:
		return pass("The imported material does not expire.")
	case k.ValidTo.Sub(s.now) > 30*24*time.Hour:
		return pass("The imported material expires on %s.", day(*k.ValidTo))
	}
	return s.graver(k, failure("The imported material expires on "+day(*k.ValidTo)+"."+s.needing(k),
		"Import the same material again, with a later date or without one.",
		kmsCommand(k.Region, "get-parameters-for-import", k.ARN, "--wrapping-algorithm", "RSAES_OAEP_SHA_256",
			"--wrapping-key-spec", "RSA_4096")))
}

func aliasRule() audit.Rule {
	return audit.Rule{
		ID: "KMS-020", Title: "The key has an alias, and its aliases lead to a key that works",
		Severity:  audit.Low,
		Why:       "Nobody recognises a key by its id. An alias of a dead key leads programs into errors.",
		FailsWhen: "The key has no alias, or it has one and can't be used.",
		Remedy:    "Give the key an alias, or let the alias point to a key that works.",
		References: []string{
			"https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html",
		},
		Mappings: mappingsOf("KMS-020"),
	}
}

func decideAlias(_ *scene, k *fact.Key) verdict {
	if k.Origin != nil {
		return notApplicable("Aliases are looked at on live keys.")
	}
	v, ok := missing(k.Aliases)
	aliases := k.Aliases.Value
	switch {
	case !ok:
		return v
	case len(aliases) == 0 && k.State == "PendingDeletion":
		return notApplicable("The key is pending deletion.")
	case len(aliases) == 0:
		return failure("The key has no alias.", "Give it one.",
			awsCommand("kms", "create-alias", "--region", k.Region, "--alias-name", "alias/NAME",
				"--target-key-id", k.ARN))
	case k.State != "Enabled" && k.State != "Updating":
		return failure(aliases[0]+" points to a key in state "+k.State+".",
			"Let the alias point to a key that works.",
			awsCommand("kms", "update-alias", "--region", k.Region, "--alias-name", aliases[0],
				"--target-key-id", "KEY_ARN"))
	}
	return pass("The key is called %s.", aliases[0])
}

func multiRegionRule() audit.Rule {
	return audit.Rule{
		ID: "KMS-021", Title: "The key's material stays in one region", Severity: audit.Info,
		Why:       "The material of a multi-Region key can be copied to regions in which data must not be.",
		FailsWhen: "The key is a multi-Region key.",
		Remedy: "Use a single-Region key for each region, unless ciphertexts have to be read " +
			"elsewhere. DynamoDB gains nothing by it.",
		References: []string{
			"https://docs.aws.amazon.com/kms/latest/developerguide/multi-region-keys-overview.html",
		},
		Mappings: mappingsOf("KMS-021"),
	}
}

func decideMultiRegion(_ *scene, k *fact.Key) verdict {
	if !k.MultiRegion {
		return pass("The key is of one region.")
	}
	return failure("The key is a multi-Region key.", "Replace it by a single-Region key where data must "+
		"stay in its region.",
		awsCommand("kms", "create-key", "--region", k.Region))
}
