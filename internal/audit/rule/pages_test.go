package rule

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sealtable/sealtable/internal/audit"
	"github.com/sealtable/sealtable/internal/audit/fact"
)

var update = flag.Bool("update", false, "write docs/rules anew")

// Every rule has a page, which is generated from it: make gen writes them.
func TestRulePages(t *testing.T) {
	dir := filepath.Join("..", "..", "..", "docs", "rules")
	want := map[string]string{"README.md": index()}
	for _, c := range checks() {
		want[c.rule.ID+".md"] = page(&c)
	}
	if *update {
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		for name, text := range want {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if _, known := want[e.Name()]; !known {
			t.Errorf("docs/rules/%s is of no rule: make gen", e.Name())
		}
	}
	for name, text := range want {
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != text {
			t.Errorf("docs/rules/%s is not as the rule says: make gen", name)
		}
	}
}

const generated = "<!-- Generated from internal/audit/rule by make gen; do not edit. -->\n"

func index() string {
	var b strings.Builder
	b.WriteString(generated + "# Rules\n\n| rule | about | severity | title |\n|---|---|---|---|\n")
	for _, c := range checks() {
		fmt.Fprintf(&b, "| [%s](%s.md) | %s | %s | %s |\n", c.rule.ID, c.rule.ID, about(&c), c.rule.Severity, c.rule.Title)
	}
	return b.String()
}

func about(c *check) string {
	if c.key != nil {
		return "key"
	}
	return "table"
}

func page(c *check) string {
	var b strings.Builder
	r := &c.rule
	fmt.Fprintf(&b, "%s# %s: %s\n\nAbout a %s. Severity: %s.\n\n**Why.** %s\n\n**Fails when.** %s\n\n**Remedy.** %s\n",
		generated, r.ID, r.Title, about(c), r.Severity, r.Why, r.FailsWhen, r.Remedy)
	if len(c.needs) > 0 {
		b.WriteString("\n**Facts beyond DescribeTable and DescribeKey.**")
		for _, n := range c.needs {
			fmt.Fprintf(&b, " %s", n)
		}
		b.WriteString("\n")
	}
	if len(r.References) > 0 {
		b.WriteString("\n**References**\n\n")
		for _, reference := range r.References {
			fmt.Fprintf(&b, "- <%s>\n", reference)
		}
	}
	if len(r.Mappings) > 0 {
		b.WriteString("\n| framework | version | control | title | strength |\n|---|---|---|---|---|\n")
		for _, m := range r.Mappings {
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", m.Framework, m.Version, m.Control, m.Title, m.Strength)
		}
	}
	return b.String()
}

// Every mapping is of a rule that there is, and to a control that the list of frameworks has; every rule has its words.
func TestMappings(t *testing.T) {
	ids := map[string]bool{}
	for _, c := range checks() {
		ids[c.rule.ID] = true
		if c.rule.FailsWhen == "" || c.rule.Remedy == "" || (c.table == nil) == (c.key == nil) {
			t.Errorf("%s lacks something", c.rule.ID)
		}
	}
	if len(ids) < 30 || len(records(frameworksCSV)) < 60 {
		t.Errorf("%d rules, %d controls", len(ids), len(records(frameworksCSV)))
	}
	for id, mappings := range allMappings() {
		if !ids[id] {
			t.Errorf("there is no rule %s", id)
		}
		for _, m := range mappings {
			if m.Title == "" || m.Strength != audit.Satisfies && m.Strength != audit.Supports {
				t.Errorf("%s: %s %s %s is in no list of frameworks", id, m.Framework, m.Version, m.Control)
			}
		}
	}
	for name, want := range map[string]string{"gdpr": "GDPR 2016/679", "nist sp 800-53 r5": "NIST SP 800-53 r5", "soc2": "SOC 2 2017"} {
		if got, err := FindFramework(name); err != nil || got != want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if _, err := FindFramework("nist"); err == nil {
		t.Error("nist is one framework")
	}
}

// Rules of users: what is wrong with one is said before anything is audited, and one that can't be evaluated is an ERROR.
func TestOwnRules(t *testing.T) {
	rule := func(fails string) string {
		return "rules:\n  - {id: MY-001, title: Named well, severity: high, resource: table, fails: '" + fails + "'}\n"
	}
	for fails, want := range map[string]audit.Status{
		`table.name == "orders"`:                         audit.Fail,
		`table.name.startsWith("x")`:                     audit.Pass,
		`has(table.key) && table.key.state != "Enabled"`: audit.Pass,
		`table.nothing == 1`:                             audit.Error,
		`table.name`:                                     audit.Error,
	} {
		own, err := ReadOwn("rules.yaml", strings.NewReader(rule(fails)))
		if err != nil {
			t.Fatal(err)
		}
		if v := own[0].decide(*when(), table(func(*fact.Table) {})); v.status != want {
			t.Errorf("%s: %s, %s", fails, v.status, v.message)
		}
	}
	for name, text := range map[string]string{
		"syntax": rule(`table.name ==`), "type": rule(`1 + 1`), "unknown name": rule(`nobody.x`),
		"built in": strings.Replace(rule("true"), "MY-001", "KMS-010", 1), "member": "rules:\n  - {idd: x}\n",
		"resource": strings.Replace(rule("true"), "resource: table", "resource: cup", 1), "not YAML": "\t",
	} {
		if _, err := ReadOwn("rules.yaml", strings.NewReader(text)); err == nil {
			t.Errorf("%s was read", name)
		}
	}
}
