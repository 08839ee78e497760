package report

import (
	"encoding/json"
	"io"
	"strings"

	"github.com/sealtable/sealtable/internal/audit"
)

// The parts of OCSF's Compliance Finding (class 2003, category 2) that a report needs, in version 1.4.0.
type (
	ocsfFinding struct {
		ActivityID   int              `json:"activity_id"`
		ActivityName string           `json:"activity_name"`
		CategoryUID  int              `json:"category_uid"`
		CategoryName string           `json:"category_name"`
		ClassUID     int              `json:"class_uid"`
		ClassName    string           `json:"class_name"`
		TypeUID      int              `json:"type_uid"`
		TypeName     string           `json:"type_name"`
		Time         int64            `json:"time"`
		SeverityID   int              `json:"severity_id"`
		Severity     string           `json:"severity"`
		StatusID     int              `json:"status_id"`
		Status       string           `json:"status"`
		Message      string           `json:"message"`
		Metadata     ocsfMetadata     `json:"metadata"`
		FindingInfo  ocsfInfo         `json:"finding_info"`
		Compliance   ocsfCompliance   `json:"compliance"`
		Remediation  *ocsfRemediation `json:"remediation,omitempty"`
		Resources    []ocsfResource   `json:"resources"`
		Cloud        ocsfCloud        `json:"cloud"`
	}
	ocsfMetadata struct {
		Version  string      `json:"version"`
		Profiles []string    `json:"profiles"`
		Product  ocsfProduct `json:"product"`
	}
	ocsfProduct struct {
		Name       string `json:"name"`
		VendorName string `json:"vendor_name"`
		Version    string `json:"version,omitempty"`
	}
	ocsfInfo struct {
		UID         string   `json:"uid"`
		Title       string   `json:"title"`
		Desc        string   `json:"desc"`
		CreatedTime int64    `json:"created_time"`
		Types       []string `json:"types"`
	}
	ocsfCompliance struct {
		Control      string   `json:"control"`
		StatusID     int      `json:"status_id"`
		Status       string   `json:"status"`
		Standards    []string `json:"standards"`
		Requirements []string `json:"requirements,omitempty"`
	}
	ocsfRemediation struct {
		Desc       string   `json:"desc"`
		References []string `json:"references,omitempty"`
	}
	ocsfResource struct {
		UID    string `json:"uid"`
		Name   string `json:"name"`
		Type   string `json:"type"`
		Region string `json:"region,omitempty"`
	}
	ocsfCloud struct {
		Provider string       `json:"provider"`
		Region   string       `json:"region,omitempty"`
		Account  *ocsfAccount `json:"account,omitempty"`
	}
	ocsfAccount struct {
		UID    string `json:"uid"`
		TypeID int    `json:"type_id"`
		Type   string `json:"type"`
	}
)

// OCSF writes an array of Compliance Findings.
func OCSF(w io.Writer, r *audit.Report) error {
	out := []ocsfFinding{}
	for i := range r.Findings {
		if f := &r.Findings[i]; f.Status != audit.NotApplicable {
			out = append(out, ocsfOf(r, f))
		}
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(out)
}

func ocsfOf(r *audit.Report, f *audit.Finding) ocsfFinding {
	rule := ruleOf(r, f.Rule)
	at := r.Finished.UnixMilli()
	out := ocsfFinding{
		ActivityID: 1, ActivityName: "Create", CategoryUID: 2, CategoryName: "Findings", ClassUID: 2003,
		ClassName: "Compliance Finding", TypeUID: 200301, TypeName: "Compliance Finding: Create", Time: at,
		StatusID: 1, Status: "New", Message: f.Message,
		Metadata: ocsfMetadata{"1.4.0", []string{"cloud"}, ocsfProduct{"Sealtable audit", "Sealtable",
			r.Version}},
		FindingInfo: ocsfInfo{
			UID: f.ID, Title: rule.Title, Desc: orTitle(rule.Why, &rule), CreatedTime: at,
			Types: []string{"Compliance"},
		},
		Resources: []ocsfResource{{
			UID: resourceName(&f.Resource), Name: f.Resource.Label(), Type: resourceKind(&f.Resource),
			Region: f.Resource.Region,
		}},
		Cloud: ocsfCloud{Provider: "AWS", Region: f.Resource.Region},
	}
	out.SeverityID, out.Severity = ocsfSeverity(f)
	out.Compliance = ocsfComplianceOf(f, &rule)
	if f.Status == audit.Muted {
		out.StatusID, out.Status = 3, "Suppressed"
	}
	if f.Resource.Account != "" {
		out.Cloud.Account = &ocsfAccount{UID: f.Resource.Account, TypeID: 10, Type: "AWS Account"}
	}
	if f.Remedy != "" {
		out.Remediation = &ocsfRemediation{
			Desc: strings.Join(append([]string{f.Remedy}, f.Commands...), "\n"), References: rule.References,
		}
	}
	return out
}

func ocsfComplianceOf(f *audit.Finding, rule *audit.Rule) ocsfCompliance {
	out := ocsfCompliance{Control: rule.ID, StatusID: 1, Status: "Pass", Standards: []string{}}
	switch f.Status {
	case audit.Fail, audit.Muted:
		out.StatusID, out.Status = 3, "Fail"
	case audit.Conditional, audit.Error:
		out.StatusID, out.Status = 2, "Warning"
	}
	if f.Status == audit.Error {
		out.StatusID, out.Status = 0, "Unknown"
	}
	seen := map[string]bool{}
	for _, m := range rule.Mappings {
		standard := m.Framework + " " + m.Version
		if !seen[standard] {
			seen[standard] = true
			out.Standards = append(out.Standards, standard)
		}
		out.Requirements = append(out.Requirements, m.Framework+" "+m.Control)
	}
	return out
}

func ocsfSeverity(f *audit.Finding) (int, string) {
	if f.Status == audit.Pass {
		return 1, "Informational"
	}
	switch f.Severity {
	case audit.Critical:
		return 5, "Critical"
	case audit.High:
		return 4, "High"
	case audit.Medium:
		return 3, "Medium"
	case audit.Low:
		return 2, "Low"
	}
	return 1, "Informational"
}
