package expression

import (
	"errors"
	"testing"
	"time"

	"github.com/sealtable/sealtable/internal/attribute"
	"github.com/sealtable/sealtable/internal/cputime"
)

const (
	fuzzItem = `{"a":{"N":"1"},"b":{"L":[{"S":"x"},{"M":{"c":{"SS":["p"]}}}]},` +
		`"c":{"SS":["p","q"]},"d":{"M":{"a":{"L":[]}}},"s":{"S":"xy"}}`
	fuzzValues = `{":n":{"N":"1"},":s":{"S":"x"},":l":{"L":[{"N":"1"}]},":ss":{"SS":["p"]},":t":{"BOOL":true},":k":{"S":"SS"}}`
)

func fuzzScope(t testing.TB) *Scope {
	return NewScope(map[string]string{"#a": "a", "#b": "b", "#s": "status"}, readItem(t, fuzzValues))
}

// checkRefusal fails for an error that is not made for clients, and for anything that took absurdly long.
func checkRefusal(t *testing.T, text string, err error, spent func() time.Duration) {
	t.Helper()
	var refused *Error
	if err != nil && !errors.As(err, &refused) {
		t.Fatalf("%q: %v is no *Error", text, err)
	}
	if took := spent(); took > 2*time.Second {
		t.Fatalf("%q took %v", text, took)
	}
}

func seed(f *testing.F, texts ...string) {
	for _, text := range texts {
		f.Add(text)
	}
}

func FuzzCondition(f *testing.F) {
	seed(f, "a = :n AND NOT (b[1].c <> :ss OR size(#s) < :n)", "a BETWEEN :n AND :n", "a IN (:s, b)", "contains(c,:s)", "((a=:n))",
		"attribute_type(a,:k)", "begins_with(s,:s)", "not not a=", "(a", "\xff", "a.b[99999999999]=:t", "(size(a))>=(#a)")
	item := readItem(f, fuzzItem)
	f.Fuzz(func(t *testing.T, text string) {
		spent := cputime.Start(t)
		c, err := fuzzScope(t).Condition(text)
		checkRefusal(t, text, err, spent)
		if err != nil {
			return
		}
		for _, item := range []attribute.Item{item, nil} {
			if _, err := c.Holds(item); err != nil {
				t.Fatal(err)
			}
		}
		c.Attributes()
		checkRefusal(t, text, nil, spent)
	})
}

func FuzzKeyCondition(f *testing.F) {
	seed(f, "a = :n AND b >= :s", "begins_with(a,:s) and :n=b", "a between :n and :n", "a or b", "(a=:n)")
	f.Fuzz(func(t *testing.T, text string) {
		spent := cputime.Start(t)
		k, err := fuzzScope(t).KeyCondition(text)
		checkRefusal(t, text, err, spent)
		if err != nil {
			return
		}
		if n := len(k.Clauses()); n != 1 && n != 2 {
			t.Fatalf("%q has %d clauses", text, n)
		}
		for _, c := range k.Clauses() {
			if c.Attribute == "" || c.Low == nil || (c.High != nil) != (c.Comparison == Between) {
				t.Fatalf("%q gives %v", text, c)
			}
		}
	})
}

func FuzzProjection(f *testing.F) {
	seed(f, "a, b[1].c, #s", "b[0],b[1]", "a,a.b", "d.a[0],d.a.b", "b[2147483648]", ",", "a.#b[0][1]")
	item := readItem(f, fuzzItem)
	f.Fuzz(func(t *testing.T, text string) {
		spent := cputime.Start(t)
		p, err := fuzzScope(t).Projection(text)
		checkRefusal(t, text, err, spent)
		if err != nil {
			return
		}
		selected := p.Apply(item)
		if err := attribute.CheckItem(selected); err != nil || selected.Size() > item.Size() {
			t.Fatalf("%q selects %v: %v", text, selected, err)
		}
		checkRefusal(t, text, nil, spent)
	})
}

func FuzzUpdate(f *testing.F) {
	seed(f, "SET a = a + :n, b[3] = :s REMOVE c ADD d.n :n DELETE #s :ss", "set b = list_append(b, if_not_exists(x, :l))",
		"SET a = (a - :n)", "REMOVE b[0], b[1]", "ADD a :n SET a = :n", "SET", "SET b = list_append(b, list_append(b, b))")
	item := readItem(f, fuzzItem)
	key := readItem(f, `{"k":{"S":"k"}}`)
	f.Fuzz(func(t *testing.T, text string) {
		spent := cputime.Start(t)
		u, err := fuzzScope(t).Update(text)
		checkRefusal(t, text, err, spent)
		if err != nil {
			return
		}
		for _, current := range []attribute.Item{item, nil} {
			next, touched, err := u.Apply(current, key)
			checkRefusal(t, text, err, spent)
			if err != nil {
				continue
			}
			if err := attribute.CheckItem(next); err != nil {
				t.Fatalf("%q makes %v: %v", text, next, err)
			}
			touched.Apply(next)
		}
		if string(item) != string(readItem(t, fuzzItem)) {
			t.Fatalf("%q wrote to the item that it was given", text)
		}
	})
}
