package expression

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/sealtable/sealtable/internal/attribute"
	"github.com/sealtable/sealtable/internal/strictjson"
)

// teller runs the commands of transcripts. item, key, names and values stay until they are set again; every other command takes
// one expression a line and answers with a line for each.
type teller struct {
	item, key, values attribute.Item
	names             map[string]string
}

func TestTranscripts(t *testing.T) {
	datadriven.Walk(t, "testdata/transcript", func(t *testing.T, path string) {
		s := &teller{}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			switch d.Cmd {
			case "item":
				s.item = readItem(t, d.Input)
			case "key":
				s.key = readItem(t, d.Input)
			case "values":
				s.values = readItem(t, d.Input)
			case "names":
				s.names = readNames(t, d.Input)
			default:
				return s.lines(t, d)
			}
			return ""
		})
	})
}

func (s *teller) lines(t *testing.T, d *datadriven.TestData) string {
	var out strings.Builder
	for line := range strings.Lines(d.Input + "\n") {
		out.WriteString(s.run(t, d, strings.TrimSuffix(line, "\n")) + "\n")
	}
	return out.String()
}

func (s *teller) run(t *testing.T, d *datadriven.TestData, text string) string {
	scope := NewScope(s.names, s.values)
	switch d.Cmd {
	case "condition":
		c, err := scope.Condition(text)
		return s.condition(c, err)
	case "filter":
		c, err := scope.Filter(text)
		return s.condition(c, err)
	case "attributes":
		c, err := scope.Filter(text)
		if err != nil {
			return err.Error()
		}
		return fmt.Sprint(c.Attributes())
	case "keycondition":
		k, err := scope.KeyCondition(text)
		return keyCondition(k, err)
	case "projection":
		p, err := scope.Projection(text)
		if err != nil {
			return err.Error()
		}
		return formatItem(p.Apply(s.item))
	case "update":
		u, err := scope.Update(text)
		return s.update(d, u, err)
	case "finish":
		return s.finish(text)
	}
	return s.legacy(t, d, text)
}

func (s *teller) condition(c *Condition, err error) string {
	if err != nil {
		return err.Error()
	}
	holds, err := c.Holds(s.item)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprint(holds)
}

func keyCondition(k *KeyCondition, err error) string {
	if err != nil {
		return err.Error()
	}
	var parts []string
	for _, c := range k.Clauses() {
		name := []string{"", "=", "<", "<=", ">", ">=", "BETWEEN", "begins_with"}[c.Comparison]
		parts = append(parts, strings.TrimSpace(fmt.Sprintf("%s %s %s %s", c.Attribute, name, formatted(c.Low), formatted(c.High))))
	}
	return strings.Join(parts, "; ")
}

func formatted(v attribute.Value) string {
	if v == nil {
		return ""
	}
	return string(attribute.AppendJSON(nil, v))
}

func formatItem(item attribute.Item) string {
	if item == nil {
		return "no item"
	}
	return string(item.AppendJSON(nil))
}

func (s *teller) update(d *datadriven.TestData, u *Update, err error) string {
	if err != nil {
		return err.Error()
	}
	before := s.item.Clone()
	next, touched, err := u.Apply(s.item, s.key)
	if string(before) != string(s.item) {
		return "the update wrote to the item that it was given"
	}
	if err != nil {
		return err.Error()
	}
	if err := attribute.CheckItem(next); err != nil {
		return err.Error()
	}
	if d.HasArg("touched") {
		return formatItem(touched.Apply(s.item)) + " -> " + formatItem(touched.Apply(next))
	}
	return formatItem(next)
}

// finish reads a line like "FilterExpression | filter:=a = :v; projection:=a": members of the operation, expressions given.
func (s *teller) finish(text string) string {
	members, list, _ := strings.Cut(text, "|")
	scope := NewScope(s.names, s.values, strings.Fields(members)...)
	for _, part := range strings.Split(list, ";") {
		var err error
		switch member, e, _ := strings.Cut(strings.TrimSpace(part), ":="); member {
		case "filter":
			_, err = scope.Filter(e)
		case "projection":
			_, err = scope.Projection(e)
		}
		if err != nil {
			return err.Error()
		}
	}
	if err := scope.Finish(); err != nil {
		return err.Error()
	}
	return "ok"
}

// legacyMember is a Condition, an ExpectedAttributeValue or an AttributeValueUpdate, as in requests.
type legacyMember struct {
	ComparisonOperator, Action string
	AttributeValueList         []json.RawMessage
	Value                      json.RawMessage
	Exists                     *bool
}

func (s *teller) legacy(t *testing.T, d *datadriven.TestData, text string) string {
	var operator string
	d.MaybeScanArgs(t, "operator", &operator)
	if d.Cmd == "attributes-to-get" {
		p, err := AttributesToGet(strings.Fields(text))
		if err != nil {
			return err.Error()
		}
		return fmt.Sprint(p.Attributes(), " ", formatItem(p.Apply(s.item)))
	}
	members := map[string]legacyMember{}
	if err := json.Unmarshal([]byte(text), &members); err != nil {
		return err.Error()
	}
	conditions, expected, updates := legacyInput(t, members)
	switch d.Cmd {
	case "legacy-filter":
		c, err := LegacyFilter(conditions, operator)
		return s.condition(c, err)
	case "expected":
		c, err := Expected(expected, operator)
		return s.condition(c, err)
	case "key-conditions":
		k, err := LegacyKeyConditions(conditions)
		return keyCondition(k, err)
	case "attribute-updates":
		u, err := AttributeUpdates(updates)
		return s.update(d, u, err)
	}
	return "no such command"
}

func legacyInput(t *testing.T, members map[string]legacyMember) (
	map[string]LegacyCondition, map[string]LegacyExpectation, map[string]LegacyUpdate,
) {
	conditions := map[string]LegacyCondition{}
	expected := map[string]LegacyExpectation{}
	updates := map[string]LegacyUpdate{}
	for name, m := range members {
		var values []attribute.Value
		if m.AttributeValueList != nil {
			values = []attribute.Value{}
		}
		for _, v := range m.AttributeValueList {
			values = append(values, readValue(t, string(v)))
		}
		var value attribute.Value
		if m.Value != nil {
			value = readValue(t, string(m.Value))
		}
		conditions[name] = LegacyCondition{m.ComparisonOperator, values}
		expected[name] = LegacyExpectation{m.ComparisonOperator, values, value, m.Exists}
		updates[name] = LegacyUpdate{m.Action, value}
	}
	return conditions, expected, updates
}

func readValue(t testing.TB, text string) attribute.Value {
	t.Helper()
	v, err := attribute.ReadValue(strictjson.NewReader([]byte(text)), nil)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// readItem reads an item; "" is none.
func readItem(t testing.TB, text string) attribute.Item {
	t.Helper()
	if text == "" {
		return nil
	}
	item, err := attribute.ReadItem(strictjson.NewReader([]byte(text)), nil)
	if err != nil {
		t.Fatal(err)
	}
	return item
}

func readNames(t *testing.T, text string) (names map[string]string) {
	if text == "" {
		return nil
	}
	if err := json.Unmarshal([]byte(text), &names); err != nil {
		t.Fatal(err)
	}
	return names
}
