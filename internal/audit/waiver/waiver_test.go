package waiver

import (
	"strings"
	"testing"
	"time"

	"github.com/sealtable/sealtable/internal/audit"
	"github.com/sealtable/sealtable/internal/audit/fact"
)

func now() time.Time { return time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC) }

func sample() *audit.Report {
	finding := func(rule, table string, status audit.Status) audit.Finding {
		return audit.Finding{ID: rule + table, Rule: rule, Status: status, Severity: audit.High, Resource: audit.Resource{
			Account: "111122223333", Region: "eu-west-1", Table: table, ARN: "arn:aws:dynamodb:eu-west-1:111122223333:table/" + table,
		}}
	}
	return &audit.Report{
		Tables: []fact.Table{{Account: "111122223333", Region: "eu-west-1", Name: "carts", Tags: fact.Of(map[string]string{"env": "dev"})}},
		Findings: []audit.Finding{
			finding("DDB-015", "orders", audit.Fail), finding("DDB-015", "carts", audit.Fail), finding("KMS-002", "dark", audit.Error),
		},
	}
}

func TestWaivers(t *testing.T) {
	for text, want := range map[string]struct {
		muted    int
		warnings string
	}{
		"rule: DDB-015, resource: orders, reason: r, expires: 2026-12-31":        {1, ""},
		"rule: DDB-*, reason: r, expires: 2026-12-31":                            {2, ""},
		"rule: DDB-015, tag: env=dev, reason: r, expires: 2026-12-31":            {1, ""},
		"rule: DDB-015, tag: env=prod, reason: r, expires: 2026-12-31":           {0, "fits no failing finding"},
		"rule: DDB-015, region: us-*, reason: r, expires: 2026-12-31":            {0, "fits no failing finding"},
		"rule: DDB-015, reason: r, expires: 2026-05-06":                          {2, ""}, // its last day
		"rule: DDB-015, reason: r, expires: 2026-05-05":                          {0, "expired on 2026-05-05"},
		"rule: KMS-002, reason: an ERROR stays one, expires: 2026-12-31":         {0, "fits no failing finding"},
		"rule: DDB-015, account: '999999999999', reason: r, expires: 2026-12-31": {0, "fits no failing finding"},
	} {
		list, err := Read("w.yaml", strings.NewReader("waivers:\n  - {"+text+"}\n"))
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		r := sample()
		Apply(r, list, now())
		if r.Summary.Findings[audit.Muted] != want.muted || strings.Contains(strings.Join(r.Warnings, "\n"),
			"mutes") != strings.Contains(want.warnings, "expired") {
			t.Errorf("%s: %d muted, %q", text, r.Summary.Findings[audit.Muted], r.Warnings)
		}
		if (len(r.Warnings) > 0) != (want.warnings != "") || want.warnings != "" && !strings.Contains(r.Warnings[0], want.warnings) {
			t.Errorf("%s: warnings %q, want %q", text, r.Warnings, want.warnings)
		}
	}
}

func TestRefusedWaivers(t *testing.T) {
	for text, want := range map[string]string{
		"rule: X, expires: 2026-12-31":                      "reason",
		"rule: X, reason: r":                                "day on which it ends",
		"reason: r, expires: 2026-12-31":                    "names a rule",
		"rule: X, reason: r, expires: soon":                 "is not a day",
		"rule: X, reason: r, expires: 2026-12-31, until: 1": "no member",
		"rule: '[', reason: r, expires: 2026-12-31":         "not a pattern",
	} {
		if _, err := Read("w.yaml", strings.NewReader("waivers:\n  - {"+text+"}\n")); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
	for _, text := range []string{"- a", "waivers: 1", "other: []", "\t"} {
		if _, err := Read("w.yaml", strings.NewReader(text)); err == nil {
			t.Errorf("%q was read", text)
		}
	}
}
