package partiql

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sealtable/sealtable/internal/attribute"
	"github.com/sealtable/sealtable/internal/cputime"
	"github.com/sealtable/sealtable/internal/expression"
)

// FuzzStatement: whatever the text, it is refused with words for the client or it works: it prints as it parses, runs on items without
// error, and what it says of access is sound.
func FuzzStatement(f *testing.F) {
	for _, seed := range []string{
		"SELECT * FROM t WHERE pk = ? AND sk BETWEEN 1 AND 2 ORDER BY sk DESC",
		`SELECT a.b[0], "c d" FROM "T"."I" WHERE pk IN ['a', 'b'] OR n <> 1`,
		"INSERT INTO t VALUE {'pk': 'a', 'l': [1, {'x': null}], 's': <<'a', 'b'>>, 'n': -1e3}",
		"DELETE FROM t WHERE pk='a' RETURNING ALL OLD *",
		"UPDATE t SET n = n + 1 - (2), l = list_append(l, [?]) REMOVE m.x SET s = set_add(s, <<'c'>>) WHERE pk='a' AND size(s) > 1 " +
			"RETURNING MODIFIED NEW *",
		"EXISTS(SELECT * FROM t WHERE pk='a' AND NOT (a IS MISSING OR b IS NOT NULL))", "SELECT * FROM t WHERE ((((a=1",
		"SELECT 'a''b', \"", "<<>>{}[]:;--\n/*",
		"SELECT * FROM t WHERE - - - 1 = a", strings.Repeat("NOT ", 200), strings.Repeat("[", 300),
	} {
		f.Add(seed)
	}
	item := readItem(f, `{"pk":{"S":"a"},"sk":{"N":"1"},"n":{"N":"2"},"l":{"L":[{"S":"x"}]},"m":{"M":{"x":{"SS":["p"]}}},"s":{"SS":["a"]}}`)
	parameter := item.Get("l")
	f.Fuzz(func(t *testing.T, text string) {
		spent := cputime.Start(t)
		statement, err := Parse(text)
		if err != nil {
			checkRefusal(t, text, err)
			return
		}
		checkPrinted(t, statement)
		values := make([]attribute.Value, statement.parameters)
		for i := range values {
			values[i] = parameter
		}
		checked, err := statement.Check(values)
		if err != nil {
			checkRefusal(t, text, err)
			return
		}
		tryStatement(t, text, checked, item)
		if took := spent(); took > 2*time.Second {
			t.Fatalf("%q took %v of CPU time", text, took)
		}
	})
}

func checkRefusal(t *testing.T, text string, err error) {
	t.Helper()
	var mine *Error
	var theirs *expression.Error
	var value *attribute.ValidationError
	if !errors.As(err, &mine) && !errors.As(err, &theirs) && !errors.As(err, &value) {
		t.Fatalf("%q: %v is not for clients", text, err)
	}
}

func tryStatement(t *testing.T, text string, c *Checked, item attribute.Item) {
	if c.Where != nil {
		if problem := unsound(c, item); problem != "" {
			t.Fatalf("%q: %s", text, problem)
		}
		if _, err := c.Where.Holds(nil); err != nil {
			t.Fatal(err)
		}
	}
	made := c.Columns.Apply(item)
	if c.Kind == Insert {
		made = c.Item
	}
	if c.Changes != nil {
		next, _, err := c.Changes.Apply(item, readItem(t, `{"pk":{"S":"a"}}`))
		made = next
		if err != nil {
			checkRefusal(t, text, err)
			return
		}
	}
	if err := attribute.CheckItem(made); err != nil {
		t.Fatalf("%q makes %v: %v", text, made, err)
	}
}
