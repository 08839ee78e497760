package report

import (
	"encoding/json"
	"io"
	"strings"

	"github.com/sealtable/sealtable/internal/audit"
)

// The parts of SARIF 2.1.0 (OASIS) that a report needs.
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool struct {
			Driver sarifDriver `json:"driver"`
		} `json:"tool"`
		Invocations []sarifInvocation `json:"invocations"`
		Results     []sarifResult     `json:"results"`
	}
	sarifDriver struct {
		Name           string      `json:"name"`
		InformationURI string      `json:"informationUri"`
		Version        string      `json:"version,omitempty"`
		Rules          []sarifRule `json:"rules"`
	}
	sarifInvocation struct {
		ExecutionSuccessful bool           `json:"executionSuccessful"`
		Notifications       []sarifMessage `json:"toolExecutionNotifications,omitempty"`
	}
	sarifMessage struct {
		Level   string    `json:"level"`
		Message sarifText `json:"message"`
	}
	sarifText struct {
		Text string `json:"text"`
	}
	sarifRule struct {
		ID                   string            `json:"id"`
		ShortDescription     sarifText         `json:"shortDescription"`
		FullDescription      sarifText         `json:"fullDescription"`
		Help                 sarifText         `json:"help"`
		HelpURI              string            `json:"helpUri,omitempty"`
		DefaultConfiguration map[string]string `json:"defaultConfiguration"`
		Properties           map[string]any    `json:"properties"`
	}
	sarifResult struct {
		RuleID              string            `json:"ruleId"`
		Kind                string            `json:"kind"`
		Level               string            `json:"level"`
		Message             sarifText         `json:"message"`
		Locations           []sarifLocation   `json:"locations"`
		PartialFingerprints map[string]string `json:"partialFingerprints"`
		BaselineState       string            `json:"baselineState,omitempty"`
		Suppressions        []sarifSuppress   `json:"suppressions,omitempty"`
	}
	sarifSuppress struct {
		Kind          string `json:"kind"`
		Justification string `json:"justification,omitempty"`
	}
	sarifLocation struct {
		Physical *sarifPhysical `json:"physicalLocation,omitempty"`
		Logical  []sarifLogical `json:"logicalLocations,omitempty"`
	}
	sarifPhysical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   *sarifRegion  `json:"region,omitempty"`
	}
	sarifArtifact struct {
		URI string `json:"uri"`
	}
	sarifRegion struct {
		StartLine int `json:"startLine"`
	}
	sarifLogical struct {
		FullyQualifiedName string `json:"fullyQualifiedName"`
		Kind               string `json:"kind"`
	}
)

// SARIF writes a log of SARIF 2.1.0. Checks that pass are in it, of kind pass, so that a viewer can tell them
// from what was not looked at.
func SARIF(w io.Writer, r *audit.Report) error {
	var run sarifRun
	run.Tool.Driver = sarifDriver{
		Name: "sealtable audit", InformationURI: "https://github.com/sealtable/sealtable", Version: r.Version,
		Rules: sarifRules(r),
	}
	run.Invocations = []sarifInvocation{{ExecutionSuccessful: r.Summary.Complete}}
	for _, warning := range r.Warnings {
		run.Invocations[0].Notifications = append(run.Invocations[0].Notifications, sarifMessage{"warning",
			sarifText{warning}})
	}
	run.Results = []sarifResult{}
	for i := range r.Findings {
		run.Results = append(run.Results, sarifResultOf(&r.Findings[i]))
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(sarifLog{
		Schema:  "https://json.schemastore.org/sarif-2.1.0.json",
		Version: "2.1.0", Runs: []sarifRun{run},
	})
}

func sarifRules(r *audit.Report) []sarifRule {
	out := []sarifRule{}
	for i := range r.Rules {
		rule := &r.Rules[i]
		one := sarifRule{
			ID: rule.ID, ShortDescription: sarifText{rule.Title}, FullDescription: sarifText{orTitle(rule.Why,
				rule)},
			Help:                 sarifText{orTitle(strings.TrimSpace(rule.FailsWhen+" "+rule.Remedy), rule)},
			DefaultConfiguration: map[string]string{"level": sarifLevel(rule.Severity)},
			Properties: map[string]any{
				"tags":              []string{"security", "dynamodb", "kms"},
				"security-severity": securitySeverity(rule.Severity),
				"problem.severity":  sarifLevel(rule.Severity),
			},
		}
		if len(rule.References) > 0 {
			one.HelpURI = rule.References[0]
		}
		out = append(out, one)
	}
	return out
}

func orTitle(text string, rule *audit.Rule) string {
	if text == "" {
		return rule.Title
	}
	return text
}

func sarifLevel(s audit.Severity) string {
	switch {
	case s >= audit.High:
		return "error"
	case s == audit.Medium:
		return "warning"
	case s == audit.None:
		return "none"
	}
	return "note"
}

// securitySeverity is a score as code scanning sorts by: over 9 critical, over 7 high, over 4 medium.
func securitySeverity(s audit.Severity) string {
	switch s {
	case audit.Critical:
		return "9.5"
	case audit.High:
		return "8.0"
	case audit.Medium:
		return "5.5"
	case audit.Low:
		return "3.0"
	}
	return "0.0"
}

func sarifResultOf(f *audit.Finding) sarifResult {
	out := sarifResult{
		RuleID: f.Rule, Message: sarifText{printable(strings.TrimSpace(f.Message + " " + f.Remedy))},
		PartialFingerprints: map[string]string{"sealtable/v1": f.ID},
		Locations:           []sarifLocation{sarifPlace(&f.Resource)},
	}
	out.Kind, out.Level = sarifKind(f)
	switch f.Change {
	case "new", "unchanged":
		out.BaselineState = f.Change
	}
	if f.Waiver != nil {
		out.Suppressions = []sarifSuppress{{Kind: "external", Justification: f.Waiver.Reason}}
	}
	return out
}

// sarifKind follows section 3.27.9: only results of kind fail have a level other than none.
func sarifKind(f *audit.Finding) (kind, level string) {
	switch f.Status {
	case audit.Fail, audit.Muted, audit.Conditional:
		return "fail", sarifLevel(f.Severity)
	case audit.Error:
		return "open", "none"
	case audit.NotApplicable:
		return "notApplicable", "none"
	}
	return "pass", "none"
}

func sarifPlace(about *audit.Resource) sarifLocation {
	out := sarifLocation{Logical: []sarifLogical{{FullyQualifiedName: resourceName(about), Kind: "resource"}}}
	if about.File != "" {
		out.Physical = &sarifPhysical{Artifact: sarifArtifact{URI: fileURI(about.File)}}
		if about.Line > 0 {
			out.Physical.Region = &sarifRegion{StartLine: about.Line}
		}
	}
	return out
}
