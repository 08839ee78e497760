package audit_test

import (
	"cmp"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"github.com/sealtable/sealtable/internal/audit"
	"github.com/sealtable/sealtable/internal/audit/fact"
	"github.com/sealtable/sealtable/internal/audit/files"
	"github.com/sealtable/sealtable/internal/audit/rule"
	"github.com/sealtable/sealtable/internal/audit/waiver"
)

// labelled is one template, or one live state, with what the audit has to say of it and why. In testdata/corpus a case is
//
//	=== name
//	why: the reason for the label
//	expect: RULE=STATUS,STATUS RULE=STATUS   (one status for each resource, in any order; "!" after CONDITIONAL: it counts;
//	                                          "!SEVERITY" after FAIL; none: there are no resources)
//	min-key: customer                        (unless the default is meant)
//
// followed by files as in txtar; live.json holds facts.
type labelled struct {
	name, why, minKey string
	expect            []string
	files             []txtar.File
}

func readCorpus(t *testing.T) []labelled {
	t.Helper()
	names, err := filepath.Glob("testdata/corpus/*.txt")
	if err != nil || len(names) == 0 {
		t.Fatal("no corpus", err)
	}
	var out []labelled
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for part := range strings.SplitSeq("\n"+string(text), "\n=== ") {
			if strings.TrimSpace(part) != "" {
				out = append(out, parseCase(t, part))
			}
		}
	}
	return out
}

func parseCase(t *testing.T, part string) labelled {
	t.Helper()
	archive := txtar.Parse([]byte(part + "\n"))
	lines := strings.Split(strings.TrimSpace(string(archive.Comment)), "\n")
	c := labelled{name: lines[0], files: archive.Files}
	for _, line := range lines[1:] {
		switch key, value, _ := strings.Cut(line, ": "); key {
		case "why":
			c.why = value
		case "expect":
			c.expect = strings.Fields(value)
		case "min-key":
			c.minKey = value
		default:
			t.Fatalf("%s: what is %q?", c.name, line)
		}
	}
	return c
}

// source gives the facts of a case.
func (c *labelled) source(t *testing.T) audit.Source {
	t.Helper()
	if c.files[0].Name == "live.json" {
		set := &fact.Set{}
		if err := json.Unmarshal(c.files[0].Data, set); err != nil {
			t.Fatal(err)
		}
		return liveFacts{set}
	}
	dir := t.TempDir()
	for _, f := range c.files {
		path := filepath.Join(dir, f.Name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, f.Data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, err := files.Find([]string{dir}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

type liveFacts struct{ set *fact.Set }

func (l liveFacts) Read(_ context.Context, sink audit.Sink) error {
	sink.Scope(fact.Scope{Account: l.set.Account})
	sink.Set(l.set)
	return nil
}

func (c *labelled) judge(t *testing.T) *audit.Report {
	t.Helper()
	now := time.Date(2026, 5, 6, 0, 0, 0, 0, time.UTC)
	o := rule.Options{Parameters: audit.Parameters{RequireCMK: c.minKey == "customer"}, Now: now}
	r, err := audit.Run(t.Context(), o.Judge(), nil, c.source(t))
	if err != nil {
		t.Fatal(err)
	}
	waiver.Apply(r, nil, now)
	return r
}

func TestCorpus(t *testing.T) {
	corpus := readCorpus(t)
	if len(corpus) < 150 {
		t.Errorf("the corpus has %d cases", len(corpus))
	}
	seen := map[string]bool{}
	for _, c := range corpus {
		if seen[c.name] {
			t.Errorf("two cases are called %q", c.name)
		}
		seen[c.name] = true
		t.Run(c.name, func(t *testing.T) {
			r := c.judge(t)
			for _, want := range c.expect {
				checkLabel(t, r, want)
			}
		})
	}
}

func checkLabel(t *testing.T, r *audit.Report, want string) {
	t.Helper()
	if want == "none" {
		if len(r.Tables) > 0 {
			t.Errorf("there are %d tables", len(r.Tables))
		}
		return
	}
	id, statuses, _ := strings.Cut(want, "=")
	var got []string
	for _, f := range r.Findings {
		if f.Rule == id {
			got = append(got, shown(&f, statuses))
		}
	}
	slices.SortFunc(got, cmp.Compare[string])
	if strings.Join(got, ",") != statuses {
		t.Errorf("%s: got %s, want %s", id, strings.Join(got, ","), statuses)
		for _, f := range r.Findings {
			if f.Rule == id || f.Status == audit.Error {
				t.Logf("%s %s %s: %s", f.Rule, f.Status, f.Resource.Label(), f.Message)
			}
		}
	}
}

func shown(f *audit.Finding, want string) string {
	switch {
	case f.Status == audit.Conditional && f.Counts():
		return string(f.Status) + "!"
	case f.Status == audit.Fail && strings.Contains(want, "!"):
		return string(f.Status) + "!" + f.Severity.String()
	}
	return string(f.Status)
}
