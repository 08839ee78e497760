package partiql

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/sealtable/sealtable/internal/attribute"
	"github.com/sealtable/sealtable/internal/strictjson"
)

func readItem(t testing.TB, text string) attribute.Item {
	t.Helper()
	item, err := attribute.ReadItem(strictjson.NewReader([]byte(text)), nil)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return item
}

// teller runs the commands of transcripts. item and parameters stay until they are set again; every other command takes one statement
// a line and answers with a line for each.
type teller struct {
	item       attribute.Item
	parameters []attribute.Value
}

func TestTranscripts(t *testing.T) {
	datadriven.Walk(t, "testdata/transcript", func(t *testing.T, path string) {
		s := &teller{}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			switch d.Cmd {
			case "item":
				s.item = readItem(t, d.Input)
				return ""
			case "parameters":
				s.parameters = nil
				for _, v := range readItem(t, `{"p":{"L":[`+d.Input+`]}}`).Get("p").Elements() {
					s.parameters = append(s.parameters, v)
				}
				return ""
			}
			var out strings.Builder
			for line := range strings.Lines(d.Input + "\n") {
				out.WriteString(s.run(t, d.Cmd, strings.TrimSuffix(line, "\n")) + "\n")
			}
			return out.String()
		})
	})
}

func (s *teller) run(t *testing.T, command, text string) string {
	parsed, err := Parse(text)
	if err != nil {
		return err.Error()
	}
	if command == "parse" {
		return parsed.String()
	}
	checked, err := parsed.Check(s.parameters[:min(len(s.parameters), parsed.parameters)])
	if err != nil {
		return err.Error()
	}
	switch command {
	case "holds":
		holds, err := checked.Where.Holds(s.item)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(holds)
	case "columns":
		return string(checked.Columns.Apply(s.item).AppendJSON(nil))
	case "insert":
		return string(checked.Item.AppendJSON(nil))
	case "update":
		next, _, err := checked.Changes.Apply(s.item, readItem(t, `{}`))
		if err != nil {
			return err.Error()
		}
		return string(next.AppendJSON(nil))
	case "access":
		return describeAccess(checked)
	case "attributes":
		return strings.Join(checked.Attributes(), " ")
	}
	t.Fatalf("no command %s", command)
	return ""
}

// describeAccess says what the condition says of the attributes pk and sk.
func describeAccess(c *Checked) string {
	out := "everything"
	if values, bounded := c.Partitions("pk"); bounded {
		out = "partitions"
		for _, v := range values {
			out += " " + string(attribute.AppendJSON(nil, v))
		}
	}
	if v := c.Equality("sk"); v != nil {
		out += "; sk is " + string(attribute.AppendJSON(nil, v))
	}
	if bound, ok := c.Bound("sk"); ok {
		out += fmt.Sprintf("; sk %d %s", bound.Comparison, attribute.AppendJSON(nil, bound.Low))
		if bound.High != nil {
			out += " " + string(attribute.AppendJSON(nil, bound.High))
		}
	}
	if c.DemandsOnly("pk", "sk") {
		out += "; nothing else"
	}
	return out
}
