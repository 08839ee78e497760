package policy

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
)

// TestTranscripts runs testdata/decide. A case is
//
//	decide who=NAME action=ACTION [on=key|table|ARN] [gate] [granted] [ctx=(key=value,…)] [version=2008-10-17]
//	identity|boundary|session|resource STATEMENT
//
// and its result is the decision with its reason. Lines of one kind make one document, save identity2 and session2, which make a
// second one. Every case is decided by the reference evaluator too.
func TestTranscripts(t *testing.T) {
	datadriven.Walk(t, "testdata/decide", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			c := readCase(t, d)
			return explain(bothDecide(t, c), c.action)
		})
	})
}

func explain(d Decision, action string) string {
	if !d.Allowed {
		return "refused " + d.Explain(action) + "\n"
	}
	where := ""
	if d.PolicyName+d.Sid != "" {
		where = fmt.Sprintf(" (%s)", strings.TrimSpace(d.PolicyName+" "+d.Sid))
	}
	return fmt.Sprintf("allowed by %s%s\n", d.Origin, where)
}

func readCase(t *testing.T, d *datadriven.TestData) *referenceCase {
	t.Helper()
	c := &referenceCase{account: account, resource: keyARN, context: map[string][]string{}}
	version := "2012-10-17"
	for _, arg := range d.CmdArgs {
		value := strings.Join(arg.Vals, ",")
		switch arg.Key {
		case "who":
			c.who = cast(t, value)
			c.root = strings.HasSuffix(c.who.ARN, ":root")
		case "action":
			c.action = value
		case "on":
			c.resource = map[string]string{"key": keyARN, "table": tableARN}[value]
			if c.resource == "" {
				c.resource = value
			}
		case "gate":
			c.gate = true
		case "granted":
			c.granted = true
		case "version":
			version = value
		case "ctx":
			for _, pair := range arg.Vals {
				key, v, _ := strings.Cut(pair, "=")
				c.context[strings.ToLower(key)] = append(c.context[strings.ToLower(key)], strings.ReplaceAll(v, "%20", " "))
			}
		default:
			t.Fatalf("%s: argument %s is unknown", d.Pos, arg.Key)
		}
	}
	c.readDocuments(t, d, version)
	return c
}

func (c *referenceCase) readDocuments(t *testing.T, d *datadriven.TestData, version string) {
	statements := map[string][]string{}
	for line := range strings.Lines(strings.TrimSpace(d.Input)) {
		kind, statement, _ := strings.Cut(strings.TrimSpace(line), " ")
		statements[kind] = append(statements[kind], statement)
	}
	document := func(kind string) string {
		if len(statements[kind]) == 0 {
			return ""
		}
		return fmt.Sprintf(`{"Version":%q,"Statement":[%s]}`, version, strings.Join(statements[kind], ","))
	}
	for kind := range statements {
		switch text := document(kind); kind {
		case "identity", "identity2":
			c.identity = append(c.identity, text)
		case "session", "session2":
			c.session = append(c.session, text)
		case "boundary":
			c.boundary = text
		case "resource":
			c.onResource = text
		default:
			t.Fatalf("%s: %q is no kind of policy", d.Pos, kind)
		}
	}
}
