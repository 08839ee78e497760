package waiver

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/sealtable/sealtable/internal/audit"
	"github.com/sealtable/sealtable/internal/audit/fact"
)

// known are the checks of well-known scanners that ask for the same as a rule here.
func known() map[string][]string {
	return map[string][]string{
		"DynamoDB-004": {
			"CKV_AWS_119", "CKV_AWS_271", "AWS-0025", "AVD-AWS-0025", "AWS-0121", "AVD-AWS-0121",
			"aws-dynamodb-table-customer-key",
			"aws-dynamodb-enable-at-rest-encryption", "W74", "DYNAMODB_TABLE_ENCRYPTED_KMS", "AC_AWS_0457",
			"FG_R00069",
		},
		"DynamoDB-003": {
			"CKV_AWS_28", "CKV_AWS_165", "AWS-0024", "AVD-AWS-0024", "aws-dynamodb-enable-recovery", "W78",
			"DYNAMODB_PITR_ENABLED",
		},
		"DDB-015": {"DYNAMODB_TABLE_DELETION_PROTECTION_ENABLED"},
		"DDB-016": {"CKV2_AWS_16", "DYNAMODB_AUTOSCALING_ENABLED"},
		"KMS-002": {"CKV_AWS_7", "AWS-0065", "AVD-AWS-0065", "aws-kms-auto-rotate-keys", "F19",
			"CMK_BACKING_KEY_ROTATION_ENABLED"},
		"KMS-010": {"CKV_AWS_33", "F76", "KMS_KEY_POLICY_NO_PUBLIC_ACCESS"},
	}
}

// muteInline mutes a finding that the template turns off beside the resource.
func muteInline(f *audit.Finding) {
	for _, s := range f.Suppressed() {
		if !means(s.Check, f.Rule) {
			continue
		}
		reason := s.Reason
		if reason == "" {
			reason = "turned off in the template (" + s.Check + ")"
		}
		f.Mute(&audit.Waiver{Reason: reason, Source: fmt.Sprintf("%s:%d", f.Resource.File, s.Line)})
		return
	}
}

func means(check, rule string) bool {
	return strings.EqualFold(check, rule) || slices.ContainsFunc(known()[rule], func(other string) bool {
		return strings.EqualFold(check, other)
	})
}

// The comments by which scanners are told to leave a resource alone: checkov:skip=ID:reason, trivy:ignore:ID,
// tfsec:ignore:ID, and ours.
var (
	skipComment   = regexp.MustCompile(`(?:checkov|bridgecrew|sealtable):skip=([A-Za-z0-9_.-]+)(?::([^\n]*))?`)
	ignoreComment = regexp.MustCompile(`(?:trivy|tfsec):ignore:([A-Za-z0-9_.-]+)`)
)

// InComment reads what a comment turns off.
func InComment(text string, line int) []fact.Suppression {
	var out []fact.Suppression
	for _, m := range skipComment.FindAllStringSubmatch(text, -1) {
		out = append(out, fact.Suppression{Check: m[1], Reason: strings.TrimSpace(m[2]), Line: line})
	}
	for _, m := range ignoreComment.FindAllStringSubmatch(text, -1) {
		out = append(out, fact.Suppression{Check: m[1], Line: line})
	}
	return out
}
