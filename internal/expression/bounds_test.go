package expression

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sealtable/sealtable/internal/attribute"
	"github.com/sealtable/sealtable/internal/cputime"
)

func manyValuesItem(t testing.TB, n int) attribute.Item {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,":v%d":{"N":"%d"}`, i, i)
	}
	return readItem(t, "{"+b.String()[1:]+"}")
}

func repeat(n int, separator string, term func(i int) string) string {
	terms := make([]string, n)
	for i := range terms {
		terms[i] = term(i)
	}
	return strings.Join(terms, separator)
}

// TestBounds gives expressions that are as large as their limits, and one more.
func TestBounds(t *testing.T) {
	in := func(n int) string {
		return "a IN (" + repeat(n, ",", func(i int) string { return fmt.Sprintf(":v%d", i) }) + ")"
	}
	ands := func(n int) string {
		return repeat(n, " OR ", func(int) string { return "a=:v0" })
	}
	filled := func(size int) string { return "a = :v0" + strings.Repeat(" ", size-len("a = :v0")) }
	path := func(n int) string { return "attribute_exists(a" + strings.Repeat(".b", n-1) + ")" }
	const tooManyOperators = "The expression contains too many operators; operator count: 301"
	for name, c := range map[string]struct{ text, want string }{
		"IN":                  {in(100), ""},
		"IN, too many":        {in(101), "The IN operator is provided with too many operands; number of operands: 101"},
		"operators":           {ands(150), ""},
		"operators, too many": {ands(151), tooManyOperators},
		"size":                {filled(4096), ""},
		"size, too large":     {filled(4097), "Expression size has exceeded the maximum allowed size; expression size: 4097"},
		"path":                {path(32), ""},
		"path, too deep":      {path(33), "The document path has too many nesting levels; nesting levels: 33"},
		"empty":               {"", "The expression can not be empty;"},
		"blank":               {" \t\r\n", "The expression can not be empty;"},
		"parentheses":         {strings.Repeat("(", 4096), `Syntax error; token: "<EOF>", near: "("`},
		"NOT":                 {strings.Repeat("NOT ", 1000) + "a=:v0", tooManyOperators},
		"nested": {
			strings.Repeat("(", 2000) + "a=:v0" + strings.Repeat(")", 2000), "The expression has redundant parentheses;",
		},
		"size of size": {strings.Repeat("size(", 600) + "a" + strings.Repeat(")", 600) + "=:v0", tooManyOperators},
	} {
		_, err := NewScope(nil, manyValuesItem(t, 101)).Filter(c.text)
		want := ""
		if c.want != "" {
			want = "Invalid FilterExpression: " + c.want
		}
		if got := fmt.Sprint(err); got != want && (err != nil || want != "") {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// TestPlaceholderBounds checks the sizes of placeholders, one and all.
func TestPlaceholderBounds(t *testing.T) {
	const (
		keyTooLong = " contains invalid key: The expression attribute map contains a key that is too long"
		tooLarge   = "Expression attributes have exceeded the maximum allowed size"
	)
	long, huge := strings.Repeat("a", 255), strings.Repeat("x", maxVariables)
	for _, c := range []struct {
		names  map[string]string
		values attribute.Item
		want   string
	}{
		{map[string]string{"#" + long[1:]: "a"}, nil, ""},
		{map[string]string{"#" + long: "a"}, nil, "ExpressionAttributeNames" + keyTooLong},
		{map[string]string{"#a": huge}, nil, tooLarge},
		{nil, readItem(t, `{":`+long+`":{"N":"1"}}`), "ExpressionAttributeValues" + keyTooLong},
		{nil, readItem(t, `{":v":{"S":"`+huge+`"}}`), tooLarge},
	} {
		_, err := NewScope(c.names, c.values).Projection("a")
		if (err == nil) != (c.want == "") || err != nil && !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%.60q: %v", c.want, err)
		}
	}
}

// TestLargeUpdatesAreRefused says that a short text cannot copy a large list without end.
func TestLargeUpdatesAreRefused(t *testing.T) {
	elements := make([]attribute.Value, 100_000)
	for i := range elements {
		elements[i] = attribute.Null()
	}
	var b attribute.Builder
	b.Set("a", attribute.NewList(elements...))
	nested := strings.Repeat("list_append(a,", 200) + "a" + strings.Repeat(")", 200)
	for _, text := range []string{
		"SET b = " + nested,
		"SET " + repeat(400, ",", func(i int) string { return fmt.Sprintf("b%d=a", i) }),
	} {
		u, err := NewScope(nil, nil).Update(text)
		if err != nil {
			t.Fatal(err)
		}
		spent := cputime.Start(t)
		_, _, err = u.Apply(b.Item(), nil)
		took := spent()
		if fmt.Sprint(err) != "Item size to update has exceeded the maximum allowed size" || took > 5*time.Second {
			t.Errorf("%.30s: %v after %v of CPU time", text, err, took)
		}
	}
}

// TestNestingIsChecked builds a document that is one level too deep.
func TestNestingIsChecked(t *testing.T) {
	deep := strings.Repeat(`{"L":[`, attribute.MaxNesting-1) + `{"N":"1"}` + strings.Repeat(`]}`, attribute.MaxNesting-1)
	item := readItem(t, `{"a":`+deep+`,"m":{"M":{}}}`)
	for text, fails := range map[string]bool{"SET b = a": false, "SET m.a = a": true} {
		u, err := NewScope(nil, nil).Update(text)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err = u.Apply(item, nil); (err != nil) != fails {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// TestManyPaths compares the fast search for colliding paths with looking at every pair.
func TestManyPaths(t *testing.T) {
	source := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		var texts []string
		for range 1 + source.IntN(6) {
			path := string(rune('a' + source.IntN(3)))
			for source.IntN(2) == 0 {
				path += []string{".a", ".b", "[0]", "[1]"}[source.IntN(4)]
			}
			texts = append(texts, path)
		}
		text := strings.Join(texts, ",")
		tree, refs, err := parseProjection("", text)
		if err != nil {
			t.Fatal(err)
		}
		collides := false
		for i := range refs {
			for j := range i {
				collides = collides || collide(tree.path(refs[i]), tree.path(refs[j])) != apart
			}
		}
		if _, err := NewScope(nil, nil).Projection(text); (err != nil) != collides {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestReservedWords(t *testing.T) {
	if len(reservedWords) != 573 || !slices.IsSorted(reservedWords[:]) {
		t.Errorf("%d words, sorted: %v", len(reservedWords), slices.IsSorted(reservedWords[:]))
	}
	for _, word := range reservedWords {
		if !isReserved(word) || !isReserved(strings.ToLower(word)) || isReserved(word+"x1") {
			t.Errorf("%s is not found", word)
		}
	}
	for _, name := range []string{"", "a", "ABOR", "ABORTS", "zones", "idx", "ZZ", "{"} {
		if isReserved(name) {
			t.Errorf("%s is found", name)
		}
	}
}
