package partiql

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/sealtable/sealtable/internal/attribute"
	"github.com/sealtable/sealtable/internal/expression"
)

var scalars = []string{"'a'", "'b'", "'ab'", "1", "-2.5", "true", "null"}

// drawCondition draws a condition over pk, sk and n that has a meaning.
func drawCondition(t *rapid.T, depth int) string {
	name := rapid.SampledFrom([]string{"pk", "sk", "n", `"pk"`, "n.x"}).Draw(t, "name")
	text := rapid.SampledFrom([]string{"'a'", "'b'", "'ab'"})
	kinds := 8
	if depth > 0 {
		kinds = 11
	}
	switch rapid.IntRange(0, kinds-1).Draw(t, "kind") {
	case 0:
		return name + " = " + rapid.SampledFrom(scalars).Draw(t, "value")
	case 1:
		return text.Draw(t, "left") + rapid.SampledFrom([]string{" = ", " <> ", " < ", " <= ", " > ", " >= "}).Draw(t, "op") + name
	case 2:
		return name + rapid.SampledFrom([]string{" < ", " <= ", " > ", " >= ", " <> ", " != "}).Draw(t, "op") + text.Draw(t, "right")
	case 3:
		return name + " BETWEEN 'a' AND " + text.Draw(t, "high")
	case 4:
		values := rapid.SliceOfN(rapid.SampledFrom(scalars), 1, 3).Draw(t, "values")
		return name + rapid.SampledFrom([]string{" IN ", " NOT IN "}).Draw(t, "in") + "[" + strings.Join(values, ", ") + "]"
	case 5:
		return "begins_with(" + name + ", " + text.Draw(t, "prefix") + ")"
	case 6:
		return name + rapid.SampledFrom([]string{" IS MISSING", " IS NOT MISSING", " IS NULL"}).Draw(t, "is")
	case 7:
		return "size(" + name + ") > 1"
	case 8:
		return "NOT (" + drawCondition(t, depth-1) + ")"
	case 9:
		return "(" + drawCondition(t, depth-1) + " OR " + drawCondition(t, depth-1) + ")"
	}
	return "(" + drawCondition(t, depth-1) + " AND " + drawCondition(t, depth-1) + ")"
}

func drawItem(t *rapid.T) attribute.Item {
	var b attribute.Builder
	for _, name := range []string{"pk", "sk", "n"} {
		switch v := rapid.SampledFrom(append([]string{""}, scalars...)).Draw(t, name); {
		case v == "":
		case v == "true":
			b.Set(name, attribute.Bool(true))
		case v == "null":
			b.Set(name, attribute.Null())
		case v[0] == '\'':
			b.Set(name, attribute.String(strings.Trim(v, "'")))
		default:
			n, err := attribute.ParseNumber([]byte(v))
			if err != nil {
				t.Fatal(err)
			}
			b.Set(name, attribute.FromNumber(n))
		}
	}
	return b.Item()
}

// TestAccessIsSound: no item outside what a condition says of access fulfils the condition.
func TestAccessIsSound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		statement := "SELECT * FROM t WHERE " + drawCondition(t, 4)
		parsed, err := Parse(statement)
		if err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
		checked, err := parsed.Check(nil)
		if err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
		for range 20 {
			if problem := unsound(checked, drawItem(t)); problem != "" {
				t.Fatalf("%s: %s", statement, problem)
			}
		}
	})
}

// unsound says what is wrong with what c says of access, as the item shows.
func unsound(c *Checked, item attribute.Item) string {
	if holds, err := c.Where.Holds(item); err != nil || !holds {
		return ""
	}
	for _, name := range []string{"pk", "sk", "n"} {
		v := item.Get(name)
		if values, bounded := c.Partitions(name); bounded &&
			!slices.ContainsFunc(values, func(p attribute.Value) bool { return attribute.Equal(p, v) }) {
			return fmt.Sprintf("%s is in none of its partitions", item.AppendJSON(nil))
		}
		if equal := c.Equality(name); equal != nil && !attribute.Equal(equal, v) {
			return fmt.Sprintf("%s has not the value that is demanded of %s", item.AppendJSON(nil), name)
		}
		if bound, ok := c.Bound(name); ok && !inBound(bound, v) {
			return fmt.Sprintf("%s lies outside the bounds of %s", item.AppendJSON(nil), name)
		}
	}
	if c.DemandsOnly("pk", "sk") && (c.Equality("pk") == nil || c.Equality("sk") == nil) {
		return "nothing is demanded"
	}
	return ""
}

func inBound(b expression.KeyClause, v attribute.Value) bool {
	if v.Kind() != b.Low.Kind() {
		return false
	}
	order := attribute.Compare(v, b.Low)
	switch b.Comparison {
	case expression.Equal:
		return order == 0
	case expression.Less:
		return order < 0
	case expression.LessOrEqual:
		return order <= 0
	case expression.Greater:
		return order > 0
	case expression.GreaterOrEqual:
		return order >= 0
	case expression.Between:
		return order >= 0 && attribute.Compare(v, b.High) <= 0
	}
	return strings.HasPrefix(string(v.Text()), string(b.Low.Text()))
}

// TestOnlyKeysMeansAll: where a condition demands the key and nothing else, the item with that key fulfils it.
func TestOnlyKeysMeansAll(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.SampledFrom(scalars)
		terms := rapid.Permutation([]string{"pk = " + value.Draw(t, "pk"), value.Draw(t, "sk") + " = sk"}).Draw(t, "terms")
		parsed, err := Parse("SELECT * FROM t WHERE " + strings.Join(terms, " AND "))
		if err != nil {
			t.Fatal(err)
		}
		checked, err := parsed.Check(nil)
		if err != nil {
			t.Fatal(err)
		}
		var b attribute.Builder
		b.Set("pk", checked.Equality("pk"))
		b.Set("sk", checked.Equality("sk"))
		if holds, err := checked.Where.Holds(b.Item()); !checked.DemandsOnly("pk", "sk") || !holds || err != nil {
			t.Fatalf("%v: %v %v", terms, holds, err)
		}
	})
}

// TestPrintedIsParsed: a statement prints as one that prints the same, and that says the same of access.
func TestPrintedIsParsed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		statement := rapid.SampledFrom([]string{"SELECT a, b[0].c FROM t WHERE ", "DELETE FROM t WHERE ",
			"UPDATE t SET a = (b + 1) - -2, c = {'x': [1, <<'y'>>]} REMOVE d[1] WHERE "}).Draw(t, "statement") +
			drawCondition(t, 4)
		first, err := Parse(statement)
		if err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
		checkPrinted(t, first)
	})
}

type fataler interface{ Fatalf(string, ...any) }

func checkPrinted(t fataler, first *Statement) {
	second, err := Parse(first.String())
	if err != nil {
		t.Fatalf("%s: %v", first, err)
	}
	if first.String() != second.String() || first.parameters != second.parameters || first.Kind != second.Kind ||
		first.Returning != second.Returning ||
		!slices.Equal(first.Attributes(), second.Attributes()) {
		t.Fatalf("%s became %s", first, second)
	}
}
