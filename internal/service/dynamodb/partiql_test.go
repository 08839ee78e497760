package dynamodb_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

const duplicate = "com.amazonaws.dynamodb.v20120810#DuplicateItemException"

// statement is the body of an ExecuteStatement. parameters and more are JSON, or empty.
func statement(text, parameters, more string) string {
	quoted, err := json.Marshal(text)
	if err != nil {
		panic(err) // a string can always be encoded
	}
	if parameters != "" {
		more += `,"Parameters":[` + parameters + `]`
	}
	return `{"Statement":` + string(quoted) + more + `}`
}

func items(all ...string) string { return `{"Items":[` + strings.Join(all, ",") + `]}` }

// newSongs is a table with items a1, a2, a3, b1 and c1.
func newSongs(t *testing.T) *world {
	t.Helper()
	w := newTables(t)
	for _, key := range []string{"a1", "a2", "a3", "b1", "c1"} {
		w.must("ExecuteStatement", statement(`INSERT INTO "sorted" VALUE {'pk': ?, 'sk': ?, 'v': `+key[1:]+
			`, 'm': {'l': [1, {'x': 'y'}]}, 's': <<'p', 'q'>>}`,
			`{"S":"`+key[:1]+`"},{"S":"`+key[1:]+`"}`, ""))
	}
	return w
}

func song(key string) string { return `{"pk":{"S":"` + key[:1] + `"},"sk":{"S":"` + key[1:] + `"}}` }

func songs(keys ...string) string {
	all := make([]string, len(keys))
	for i, key := range keys {
		all[i] = song(key)
	}
	return items(all...)
}

// TestSelect: which items a SELECT gives, and in which order.
func TestSelect(t *testing.T) {
	w := newSongs(t)
	keys := func(where string) string { return statement(`SELECT pk, sk FROM sorted `+where, "", "") }
	w.answers([]answered{
		{"one item", "ExecuteStatement", keys("WHERE pk='a' AND sk='2'"), songs("a2")},
		{"turned around", "ExecuteStatement", keys("WHERE '2'=sk AND 'a'=pk"), songs("a2")},
		{"no item", "ExecuteStatement", keys("WHERE pk='a' AND sk='9'"), items()},
		{"one item and a condition that fails", "ExecuteStatement", keys("WHERE pk='a' AND sk='2' AND v=3"), items()},
		{"a partition", "ExecuteStatement", keys("WHERE pk='a'"), songs("a1", "a2", "a3")},
		{"a partition backwards", "ExecuteStatement", keys("WHERE pk='a' ORDER BY sk DESC"), songs("a3", "a2", "a1")},
		{"a range", "ExecuteStatement", keys("WHERE pk='a' AND sk>'1'"), songs("a2", "a3")},
		{"a range from the other side", "ExecuteStatement", keys("WHERE pk='a' AND '2'>=sk"), songs("a1", "a2")},
		{"between", "ExecuteStatement", keys("WHERE pk='a' AND sk BETWEEN '2' AND '3'"), songs("a2", "a3")},
		{"begins with", "ExecuteStatement", keys("WHERE pk='a' AND begins_with(sk, '3')"), songs("a3")},
		{"a filter", "ExecuteStatement", keys("WHERE pk='a' AND v<>2"), songs("a1", "a3")},
		{"not", "ExecuteStatement", keys("WHERE pk='a' AND NOT (v=2 OR v=3)"), songs("a1")},
		{"partitions", "ExecuteStatement", keys("WHERE pk IN ['c', 'a', 'x'] AND sk='1'"), songs("c1", "a1")},
		{"partitions in parentheses", "ExecuteStatement", keys("WHERE pk IN ('c', 'a') AND sk='1'"), songs("c1", "a1")},
		{"partitions in order", "ExecuteStatement", keys("WHERE pk IN ['b', 'a', 'c'] ORDER BY pk DESC, sk DESC"),
			songs("c1", "b1", "a3", "a2", "a1")},
		{"or", "ExecuteStatement", keys("WHERE pk='b' OR pk='c'"), songs("b1", "c1")},
		{"or over whole keys", "ExecuteStatement", keys("WHERE pk='a' AND sk='3' OR pk='c' AND sk='1'"), songs("a3", "c1")},
		{"two values at once", "ExecuteStatement", keys("WHERE pk='a' AND pk='b'"), items()},
		{"everything of a value", "ExecuteStatement", keys("WHERE v=3"), songs("a3")},
		{"in a list of values", "ExecuteStatement", keys("WHERE v IN [2, 3] AND pk='a'"), songs("a2", "a3")},
		{"missing", "ExecuteStatement", keys("WHERE pk='b' AND x IS MISSING AND v IS NOT MISSING"), songs("b1")},
		{"null", "ExecuteStatement", keys("WHERE pk='b' AND v IS NULL"), items()},
		{"not null", "ExecuteStatement", keys("WHERE pk='b' AND v IS NOT NULL"), songs("b1")},
		{"functions", "ExecuteStatement",
			keys("WHERE pk='b' AND SIZE(s)=2 AND contains(s, 'q') AND attribute_type(m.l, 'L') AND attribute_exists(m)"), songs("b1")},
		{"a path", "ExecuteStatement", keys(`WHERE pk='b' AND m."l"[1].x='y'`), songs("b1")},
		{"columns", "ExecuteStatement", statement(`SELECT m.l[1].x, m.l[0], absent, "v" FROM "sorted" WHERE pk='b'`, "", ""),
			items(`{"x":{"S":"y"},"l[0]":{"N":"1"},"v":{"N":"1"}}`)},
		{"everything", "ExecuteStatement", statement(`select * from "sorted" where pk='c';`, "", ""),
			items(
				`{"pk":{"S":"c"},"sk":{"S":"1"},"v":{"N":"1"},"m":{"M":{"l":{"L":[{"N":"1"},{"M":{"x":{"S":"y"}}}]}}},"s":{"SS":["p","q"]}}`,
			)},
		{"parameters", "ExecuteStatement",
			statement(`SELECT pk, sk FROM sorted WHERE pk=? AND v IN [?, ?]`, `{"S":"a"},{"N":"1"},{"N":"3"}`, ""), songs("a1", "a3")},
		{"a list as a parameter", "ExecuteStatement",
			statement(`SELECT pk, sk FROM sorted WHERE pk IN ?`, `{"L":[{"S":"b"},{"S":"c"}]}`, ""), songs("b1", "c1")},
		{"capacity", "ExecuteStatement",
			statement(`SELECT pk FROM sorted WHERE pk='x'`, "", `,"ReturnConsumedCapacity":"TOTAL","ConsistentRead":true`),
			`{"Items":[],"ConsumedCapacity":{"TableName":"sorted","CapacityUnits":1}}`},
	})
}

// pages follows NextToken and gives the keys of each page.
func (w *world) pages(text, more string) (pages []string) {
	w.t.Helper()
	for token := ""; ; {
		var page struct {
			Items     []struct{ PK, SK struct{ S string } }
			NextToken string
		}
		if err := json.Unmarshal(w.must("ExecuteStatement", statement(text, "", more+token)), &page); err != nil {
			w.t.Fatal(err)
		}
		keys := ""
		for _, item := range page.Items {
			keys += item.PK.S + item.SK.S + " "
		}
		pages = append(pages, strings.TrimSpace(keys))
		if page.NextToken == "" || len(pages) > 100 {
			return pages
		}
		token = `,"NextToken":"` + page.NextToken + `"`
	}
}

// TestSelectPages: pages end where they should, and together hold everything once.
func TestSelectPages(t *testing.T) {
	w := newSongs(t)
	for _, tt := range []struct{ statement, more, want string }{
		{"SELECT * FROM sorted WHERE pk='a'", `,"Limit":2`, "a1 a2|a3"},
		{"SELECT * FROM sorted WHERE pk='a' ORDER BY sk DESC", `,"Limit":2`, "a3 a2|a1"},
		{"SELECT * FROM sorted WHERE pk IN ['b','a','c']", `,"Limit":2`, "b1 a1|a2 a3|c1"},
		{"SELECT * FROM sorted WHERE pk IN ['b','a','c'] AND sk<>'2'", `,"Limit":1`, "b1|a1||a3|c1|"},
		{"SELECT * FROM sorted WHERE pk='a' AND v=3", `,"Limit":1`, "||a3|"},
	} {
		if got := strings.Join(w.pages(tt.statement, tt.more), "|"); got != tt.want {
			t.Errorf("%s%s: %s, want %s", tt.statement, tt.more, got, tt.want)
		}
	}
	seen := map[string]int{}
	for _, page := range w.pages("SELECT * FROM sorted", `,"Limit":2`) {
		for _, key := range strings.Fields(page) {
			seen[key]++
		}
	}
	if len(seen) != 5 {
		t.Errorf("a scan found %v", seen)
	}
}

// TestSelectPageSize: a page over several partitions reads no more than ten items and 1 MB.
func TestSelectPageSize(t *testing.T) {
	w := newTables(t)
	list := []string{}
	for i := range 12 {
		w.must("ExecuteStatement", statement(`INSERT INTO sorted VALUE {'pk': ?, 'sk': 'x', 'v': ?}`,
			fmt.Sprintf(`{"S":"%02d"},{"S":"%s"}`, i, strings.Repeat("v", 300<<10)), ""))
		list = append(list, fmt.Sprintf("'%02d'", i))
	}
	pages := w.pages("SELECT pk, sk FROM sorted WHERE pk IN ["+strings.Join(list, ",")+"]", "")
	for _, page := range pages {
		if n := len(strings.Fields(page)); n > 3 {
			t.Errorf("a page of %d items", n)
		}
	}
	if got := len(strings.Fields(strings.Join(pages, " "))); got != 12 {
		t.Errorf("%d items", got)
	}
}

// TestNextTokens: a token is good for its own statement with its own parameters.
func TestNextTokens(t *testing.T) {
	w := newSongs(t)
	var page struct{ NextToken string }
	if err := json.Unmarshal(w.must("ExecuteStatement", statement("SELECT * FROM sorted WHERE pk=?", `{"S":"a"}`, `,"Limit":1`)),
		&page); err != nil {
		t.Fatal(err)
	}
	with := func(token string) string { return `,"NextToken":"` + token + `"` }
	damaged := []byte(page.NextToken)
	damaged[len(damaged)/2] ^= 1
	const foreign = "NextToken does not match request"
	w.refusals([]refused{
		{"another statement", "ExecuteStatement", statement("SELECT pk FROM sorted WHERE pk=?", `{"S":"a"}`, with(page.NextToken)),
			validation, foreign},
		{"other parameters", "ExecuteStatement", statement("SELECT * FROM sorted WHERE pk=?", `{"S":"b"}`, with(page.NextToken)),
			validation, foreign},
		{"one item", "ExecuteStatement", statement("SELECT * FROM plain WHERE pk='a'", "", with(page.NextToken)), validation, foreign},
		{"damaged", "ExecuteStatement", statement("SELECT * FROM sorted WHERE pk=?", `{"S":"a"}`, with(string(damaged))), validation,
			"Invalid NextToken"},
		{"cut", "ExecuteStatement", statement("SELECT * FROM sorted WHERE pk=?", `{"S":"a"}`, with(page.NextToken[:20])), validation,
			"Invalid NextToken"},
		{"no token", "ExecuteStatement", statement("SELECT * FROM sorted WHERE pk=?", `{"S":"a"}`, with("garbage!")), validation,
			"Invalid NextToken"},
		{"a write", "ExecuteStatement", statement("DELETE FROM sorted WHERE pk='x' AND sk='y'", "", with(page.NextToken)), validation,
			"Invalid NextToken"},
	})
	w.restart()
	if got := w.must("ExecuteStatement",
		statement("SELECT * FROM sorted WHERE pk=?", `{"S":"a"}`, with(page.NextToken)+`,"Limit":2`)); strings.Count(string(got),
		`"pk"`) != 3 {
		t.Errorf("after a restart: %s", got)
	}
}
