package report

import (
	"encoding/json"
	"io"
	"strings"
	"time"

	"github.com/sealtable/sealtable/internal/audit"
)

// The parts of the AWS Security Finding Format (Security Hub user guide) that a report needs.
type (
	asffFinding struct {
		SchemaVersion string            `json:"SchemaVersion"`
		ID            string            `json:"Id"`
		ProductArn    string            `json:"ProductArn"`
		GeneratorID   string            `json:"GeneratorId"`
		AwsAccountID  string            `json:"AwsAccountId"`
		Types         []string          `json:"Types"`
		CreatedAt     string            `json:"CreatedAt"`
		UpdatedAt     string            `json:"UpdatedAt"`
		Severity      map[string]string `json:"Severity"`
		Title         string            `json:"Title"`
		Description   string            `json:"Description"`
		Remediation   *asffRemediation  `json:"Remediation,omitempty"`
		ProductFields map[string]string `json:"ProductFields"`
		Resources     []asffResource    `json:"Resources"`
		Compliance    *asffCompliance   `json:"Compliance,omitempty"`
		Workflow      map[string]string `json:"Workflow"`
		RecordState   string            `json:"RecordState"`
	}
	asffRemediation struct {
		Recommendation map[string]string `json:"Recommendation"`
	}
	asffResource struct {
		Type      string `json:"Type"`
		ID        string `json:"Id"`
		Partition string `json:"Partition"`
		Region    string `json:"Region,omitempty"`
	}
	asffCompliance struct {
		Status              string   `json:"Status"`
		RelatedRequirements []string `json:"RelatedRequirements,omitempty"`
	}
)

// ASFF writes an array of findings as BatchImportFindings takes them, of live resources.
func ASFF(w io.Writer, r *audit.Report) error {
	out := []asffFinding{}
	for i := range r.Findings {
		f := &r.Findings[i]
		if f.Status != audit.NotApplicable && f.Resource.File == "" {
			out = append(out, asffOf(r, f))
		}
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(out)
}

func asffOf(r *audit.Report, f *audit.Finding) asffFinding {
	rule := ruleOf(r, f.Rule)
	at := r.Finished.UTC().Format(time.RFC3339)
	account, region := f.Resource.Account, f.Resource.Region
	if account == "" {
		account = "000000000000"
	}
	partition := partitionOf(region)
	out := asffFinding{
		SchemaVersion: "2018-10-08", ID: f.ID, GeneratorID: "sealtable/" + f.Rule, AwsAccountID: account,
		ProductArn: "arn:" + partition + ":securityhub:" + region + ":" + account + ":product/" + account +
			"/default",
		Types: []string{"Software and Configuration Checks/AWS Security Best Practices"}, CreatedAt: at,
		UpdatedAt: at,
		Severity:  map[string]string{"Label": asffSeverity(f)}, Title: shorten(f.Rule+" "+rule.Title, 256),
		Description:   shorten(f.Message, 1024),
		ProductFields: map[string]string{"Provider": "Sealtable", "sealtable/version": r.Version},
		Resources: []asffResource{{
			Type: asffType(&f.Resource), ID: resourceName(&f.Resource), Partition: partition, Region: region,
		}},
		Compliance: asffComplianceOf(f, &rule), Workflow: map[string]string{"Status": asffWorkflow(f)},
		RecordState: "ACTIVE",
	}
	if f.Remedy != "" {
		out.Remediation = &asffRemediation{Recommendation: map[string]string{
			"Text": shorten(strings.Join(append([]string{f.Remedy}, f.Commands...), " "), 512),
		}}
	}
	return out
}

func partitionOf(region string) string {
	switch {
	case strings.HasPrefix(region, "cn-"):
		return "aws-cn"
	case strings.HasPrefix(region, "us-gov-"):
		return "aws-us-gov"
	}
	return "aws"
}

func asffSeverity(f *audit.Finding) string {
	if f.Status == audit.Pass || f.Severity == audit.None {
		return "INFORMATIONAL"
	}
	if f.Severity == audit.Info {
		return "INFORMATIONAL"
	}
	return strings.ToUpper(f.Severity.String())
}

func asffWorkflow(f *audit.Finding) string {
	switch f.Status {
	case audit.Pass:
		return "RESOLVED"
	case audit.Muted:
		return "SUPPRESSED"
	}
	return "NEW"
}

func asffType(about *audit.Resource) string {
	switch {
	case about.Table != "":
		return "AwsDynamoDbTable"
	case about.Key != "":
		return "AwsKmsKey"
	}
	return "Other"
}

// maxRequirements is how many related requirements ASFF takes.
const maxRequirements = 32

func asffComplianceOf(f *audit.Finding, rule *audit.Rule) *asffCompliance {
	out := &asffCompliance{Status: "PASSED"}
	switch f.Status {
	case audit.Fail, audit.Muted:
		out.Status = "FAILED"
	case audit.Error:
		out.Status = "NOT_AVAILABLE"
	case audit.Conditional:
		out.Status = "WARNING"
	}
	for _, m := range rule.Mappings {
		if len(out.RelatedRequirements) < maxRequirements {
			out.RelatedRequirements = append(out.RelatedRequirements,
				shorten(m.Framework+" "+m.Version+"/"+m.Control, 64))
		}
	}
	return out
}

func shorten(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most-3], "") + "..."
}
