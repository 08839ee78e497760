package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/jedib0t/go-pretty/v6/table"
	"go.yaml.in/yaml/v3"
)

// unrecorded is the source of an expectation for whose exact words there is no evidence yet.
const unrecorded = "unrecorded"

// corpusFile is one file of the corpus. corpus/README.md says how to read it.
type corpusFile struct {
	Operation string
	Source    string
	Groups    []corpusGroup
}

type corpusGroup struct {
	About     string
	Operation string
	Source    string
	Request   any
	Before    []map[string]any
	Cases     []corpusCase
}

// corpusCase is one call and what must come of it.
type corpusCase struct {
	Name      string
	Operation string
	Source    string
	Given     any
	With      map[string]any
	Raw       string
	Before    []map[string]any
	Error     string
	Message   any
	Detail    any
	Answer    any
	Reads     any
	After     []corpusStep
	Succeeds  bool
}

// corpusStep is a call that looks at what another one did.
type corpusStep struct {
	Operation string
	Request   any
	Answer    any
	Message   any
}

// corpusRow is one line of the table.
type corpusRow struct{ file, operation, name, source, result string }

// TestCorpus makes every call of the corpus and compares the answers: once as the corpus has it, and once more by boto3 where it is
// installed. With -v it prints the table.
func TestCorpus(t *testing.T) {
	t.Parallel()
	eachClient(t, func(t *testing.T, connect func(s *server) *client) {
		s := startDev(t)
		c := &corpusRun{t: t, client: connect(s), raw: newRaw(s), sources: corpusSources(t)}
		c.createTables()
		for _, name := range corpusFiles(t) {
			c.runFile(name)
		}
		c.report()
	})
}

// corpusSources are the sources that cases name, by their short names.
func corpusSources(t *testing.T) map[string]string {
	t.Helper()
	sources := map[string]string{}
	readCorpus(t, "sources.yaml", &sources)
	sources[unrecorded] = "no evidence"
	return sources
}

func corpusFiles(t *testing.T) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join("corpus", "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, path := range found {
		if name := filepath.Base(path); name != "sources.yaml" && name != "tables.yaml" {
			names = append(names, name)
		}
	}
	return names
}

// readCorpus reads a file, in which every member must be known.
func readCorpus(t *testing.T, name string, into any) {
	t.Helper()
	file, err := os.Open(filepath.Join("corpus", name))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	decoder := yaml.NewDecoder(file)
	decoder.KnownFields(true)
	if err := decoder.Decode(into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// corpusRun is one run of the corpus.
type corpusRun struct {
	t       *testing.T
	client  *client
	raw     *raw
	sources map[string]string
	rows    []corpusRow
	wants   []string // what differs in the case that runs
	tooOld  string   // why the client cannot make it
	unread  string   // what the client left out of the answers
}

func (c *corpusRun) createTables() {
	var tables []map[string]any
	readCorpus(c.t, "tables.yaml", &tables)
	for _, in := range tables {
		c.raw.call(c.t, "dynamodb.CreateTable", in)
		newClient(c.client.server).call(c.t, "dynamodb.TableExists", m{"TableName": in["TableName"]}, "wait")
	}
}

func (c *corpusRun) runFile(name string) {
	var file corpusFile
	readCorpus(c.t, name, &file)
	for _, group := range file.Groups {
		for i, one := range group.Cases {
			operation := first(one.Operation, group.Operation, file.Operation)
			source := first(one.Source, group.Source, file.Source)
			title := strings.TrimSpace(group.About + ": " + first(one.Name, corpusTitle(one.Given), fmt.Sprint(i+1)))
			if c.sources[source] == "" {
				c.t.Errorf("%s: %s: the source %q is not in sources.yaml", name, title, source)
			}
			c.wants, c.tooOld, c.unread = nil, "", ""
			c.runCase(operation, &group, &one)
			result := "ok"
			switch {
			case c.tooOld != "" || c.unread != "" && c.wants != nil:
				result = first(c.tooOld, c.unread)
				c.t.Logf("%s: %s %s is left out: %s", name, operation, title, result)
			case c.wants != nil:
				result = "DIFFERS"
				c.t.Errorf("%s: %s %s (%s):\n%s", name, operation, title, source, strings.Join(c.wants, "\n"))
			}
			c.rows = append(c.rows, corpusRow{strings.TrimSuffix(name, ".yaml"), operation, title, source, result})
		}
	}
}

func first(all ...string) string {
	for _, s := range all {
		if s != "" {
			return s
		}
	}
	return ""
}

func corpusTitle(given any) string {
	if given == nil {
		return ""
	}
	title := fmt.Sprint(given)
	if len(title) > 60 {
		title = title[:57] + "..."
	}
	return title
}

// runCase makes the calls of one case. Every case has a partition key of its own, so that none sees what another left.
func (c *corpusRun) runCase(operation string, group *corpusGroup, one *corpusCase) {
	fill := &corpusFill{key: fmt.Sprintf("k%04d", len(c.rows)), given: one.Given}
	for _, steps := range [][]map[string]any{group.Before, one.Before} {
		for _, step := range steps {
			for operation, request := range step {
				if got := c.ask(operation, fill.object(request)); got.Code != "" {
					c.differ("before", got.Code+": "+got.Message, "success")
				}
			}
		}
	}
	var got answer
	if one.Raw != "" {
		got = c.askRaw(operation, fill.text(one.Raw))
	} else {
		request := fill.object(group.Request)
		for name, value := range one.With {
			if request[name] = fill.value(value); value == nil {
				delete(request, name)
			}
		}
		got = c.ask(operation, request)
	}
	c.judge(fill, one, got)
}

func (c *corpusRun) differ(what string, got, want any) {
	c.wants = append(c.wants, fmt.Sprintf("%s:\n  got  %v\n  want %v", what, got, want))
}

// judge compares an answer with what the case expects of it.
func (c *corpusRun) judge(fill *corpusFill, one *corpusCase, got answer) {
	refused := one.Error != "" || one.Message != nil
	if !refused && one.Answer == nil && one.Reads == nil && one.After == nil && !one.Succeeds {
		c.t.Error("a case expects nothing")
	}
	switch code := first(one.Error, "ValidationException"); {
	case !refused && got.Code != "":
		c.differ("error", got.Code+": "+got.Message, "success")
		return
	case refused && got.Code != code:
		c.differ("code", got.Code+": "+got.Message+corpusTitle(got.OK), code+": "+fmt.Sprint(fill.value(one.Message)))
	case refused && one.Message != nil && got.Message != fill.value(one.Message):
		c.differ("message", got.Message, fill.value(one.Message))
	case refused && (got.Status < 400 || got.Status > 499):
		c.differ("status", got.Status, "4xx")
	}
	if one.Detail != nil {
		c.compare("detail", got.More, fill.value(one.Detail))
	}
	if one.Answer != nil {
		c.compare("answer", got.OK, fill.value(one.Answer))
	}
	if one.Reads != nil {
		c.readBack(fill, fill.object(one.Reads))
	}
	for _, step := range one.After {
		next := c.ask(step.Operation, fill.object(step.Request))
		if step.Message != nil && next.Message != fill.value(step.Message) {
			c.differ("message after", next.Message, fill.value(step.Message))
		}
		if step.Answer != nil {
			c.compare("answer after", next.OK, fill.value(step.Answer))
		}
	}
}

// readBack compares the case's own item in the table plain, without its key.
func (c *corpusRun) readBack(fill *corpusFill, want m) {
	got := c.ask("GetItem", m{"TableName": "plain", "Key": m{"pk": m{"S": fill.key}}, "ConsistentRead": true})
	item, _ := got.OK["Item"].(m)
	delete(item, "pk")
	c.compare("item", item, want)
}

func (c *corpusRun) compare(what string, got, want any) {
	if g, w := normalised(got), normalised(want); !reflect.DeepEqual(g, w) {
		c.differ(what, shortJSON(g), shortJSON(w))
	}
}

func shortJSON(v any) string {
	text, _ := json.Marshal(v) // maps, lists and scalars, as they came from JSON
	if len(text) > 1000 {
		text = append(text[:1000], "..."...)
	}
	return string(text)
}

// ask makes a call that the client does not check first.
func (c *corpusRun) ask(operation string, request m) answer {
	c.t.Helper()
	a := c.client.via.ask(c.t, c.client, "dynamodb."+operation, request, "unchecked")
	c.tooOld, c.unread = first(c.tooOld, a.TooOld), first(c.unread, a.Unread)
	return a
}

// askRaw sends a body that no SDK would send.
func (c *corpusRun) askRaw(operation, body string) answer {
	c.t.Helper()
	got, err := c.raw.do(c.t.Context(), "dynamodb."+operation, []byte(body))
	if err != nil {
		c.t.Fatal(err)
	}
	a := answer{Code: got.Code, Message: got.Message, Status: got.Status}
	if got.Status == http.StatusOK {
		a.OK = corpusJSON(c.t, got.Body)
	}
	return a
}

// report prints the table, and how much of it is evidenced.
func (c *corpusRun) report() {
	perFile, perSource, differ, leftOut := map[string]int{}, map[string]int{}, 0, 0
	all := table.NewWriter()
	all.AppendHeader(table.Row{"file", "operation", "case", "source", "result"})
	for _, row := range c.rows {
		switch row.result {
		case "ok":
		case "DIFFERS":
			differ++
		default:
			leftOut++
		}
		perFile[row.file]++
		perSource[row.source]++
		all.AppendRow(table.Row{row.file, row.operation, row.name, row.source, row.result})
	}
	if testing.Verbose() {
		fmt.Println(all.Render())
		fmt.Println(tally("file", perFile))
		fmt.Println(tally("source", perSource))
	}
	c.t.Logf("%d cases, %d differ, %d unrecorded; the client is too old for %d", len(c.rows), differ, perSource[unrecorded], leftOut)
}

func tally(of string, counts map[string]int) string {
	names := make([]string, 0, len(counts))
	for name := range counts {
		names = append(names, name)
	}
	sort.Strings(names)
	all := table.NewWriter()
	all.AppendHeader(table.Row{of, "cases"})
	for _, name := range names {
		all.AppendRow(table.Row{name, counts[name]})
	}
	return all.Render()
}

// TestCorpusNamesItsSources: every source in the list is used, and no case is there twice.
func TestCorpusNamesItsSources(t *testing.T) {
	sources, used, seen := corpusSources(t), map[string]bool{unrecorded: true}, map[string]bool{}
	for _, name := range corpusFiles(t) {
		var file corpusFile
		readCorpus(t, name, &file)
		for _, group := range file.Groups {
			for i, one := range group.Cases {
				used[first(one.Source, group.Source, file.Source)] = true
				title := fmt.Sprint(name, first(one.Operation, group.Operation, file.Operation), group.About, i, one)
				if one.Name != "" || one.Given != nil {
					title = fmt.Sprint(name, first(one.Operation, group.Operation, file.Operation), group.About, one)
				}
				if seen[title] {
					t.Errorf("%s has %q twice", name, title)
				}
				seen[title] = true
			}
		}
	}
	for source := range sources {
		if !used[source] {
			t.Errorf("no case has the source %s", source)
		}
	}
	if !slices.Contains(corpusFiles(t), "numbers.yaml") {
		t.Error("the corpus was not found")
	}
}
