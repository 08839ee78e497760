package attribute

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/sealtable/sealtable/internal/strictjson"
	"pgregory.net/rapid"
)

func strictReader(json []byte) *strictjson.Reader { return strictjson.NewReader(json) }

func value(t testing.TB, json string) Value {
	t.Helper()
	v, err := ReadValue(strictReader([]byte(json)), nil)
	if err != nil {
		t.Fatalf("%s: %v", json, err)
	}
	return v
}

func TestAccessors(t *testing.T) {
	it := readItem(t,
		`{"s":{"S":"x"},"n":{"N":"7"},"b":{"B":"AQI="},"t":{"BOOL":true},"l":{"L":[{"S":"a"},{"N":"1"}]},"ss":{"SS":["q","p"]}}`)
	if v := it.Get("s"); v.Kind() != S || string(v.Text()) != "x" || v.Bool() || v.Number() != nil || v.Item() != nil ||
		v.Len() != 0 {
		t.Errorf("s is %x", v)
	}
	if v := it.Get("n"); v.Kind() != N || v.Number().String() != "7" || v.Text() != nil {
		t.Errorf("n is %x", v)
	}
	if v := it.Get("b"); v.Kind() != B || !bytes.Equal(v.Text(), []byte{1, 2}) {
		t.Errorf("b is %x", v)
	}
	if !it.Get("t").Bool() || it.Get("") != nil || it.Get("r") != nil || it.Get("z") != nil {
		t.Error("t, or a name that is not there")
	}
	if v := it.Get("l"); v.Len() != 2 || string(v.Index(0).Text()) != "a" || v.Index(2) != nil || v.Index(-1) != nil ||
		!v.Contains(value(t, `{"N":"1.0"}`)) {
		t.Errorf("l is %x", v)
	}
	if v := it.Get("ss"); v.Len() != 2 || v.Index(0) != nil || !v.Contains(String("q")) || v.Contains(String("r")) ||
		v.Contains(Binary([]byte("q"))) {
		t.Errorf("ss is %x", v)
	}
	if v := it.Value().At([]Step{{Name: "l"}, {Index: 1, IsIndex: true}}); v.Number().String() != "1" {
		t.Errorf("l[1] is %x", v)
	}
	if v := it.Value().At([]Step{{Name: "l"}, {Name: "1"}}); v != nil {
		t.Errorf("l.1 is %x", v)
	}
	if Item(nil).Len() != 0 || Item(nil).Get("a") != nil || Value(nil).Kind() != Invalid || Item(nil).Clone() != nil ||
		Value(nil).Size() != 0 {
		t.Error("nil is not absent")
	}
}

// TestValueSize follows "DynamoDB item sizes and formats" of the Developer Guide.
func TestValueSize(t *testing.T) {
	for json, want := range map[string]int{`{"S":"é"}`: 2, `{"B":"AAE="}`: 2, `{"BOOL":false}`: 1, `{"NULL":true}`: 1,
		`{"M":{}}`: 3, `{"L":[]}`: 3,
		`{"L":[{"S":"ab"},{"N":"1"}]}`: 9, `{"M":{"ab":{"S":"c"},"d":{"M":{}}}}`: 12, `{"SS":["ab","c"]}`: 3,
		`{"NS":["1","-100"]}`: 5, `{"BS":["AA=="]}`: 1} {
		if got := value(t, json).Size(); got != want {
			t.Errorf("%s has size %d, want %d", json, got, want)
		}
	}
	if got := readItem(t, `{"ab":{"S":"c"},"d":{"L":[]}}`).Size(); got != 7 {
		t.Errorf("the item has size %d, want 7", got)
	}
}

func TestConstructors(t *testing.T) {
	set, err := NewSet(NS, FromNumber(number(t, "10")), FromNumber(number(t, "9")))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		got  Value
		json string
	}{
		{String("x"), `{"S":"x"}`}, {Binary([]byte{0}), `{"B":"AA=="}`}, {FromNumber(number(t, "-0.5")), `{"N":"-0.5"}`},
		{Bool(true), `{"BOOL":true}`},
		{Null(), `{"NULL":true}`}, {NewList(), `{"L":[]}`}, {NewList(String("a"), Null()), `{"L":[{"S":"a"},{"NULL":true}]}`},
		{set, `{"NS":["9","10"]}`},
	} {
		if !Equal(c.got, value(t, c.json)) || string(AppendJSON(nil, c.got)) != c.json {
			t.Errorf("got %s, want %s", AppendJSON(nil, c.got), c.json)
		}
	}
	for _, refused := range [][]Value{{}, {String("a"), String("a")}, {String("a"), Null()}} {
		if v, err := NewSet(SS, refused...); err == nil {
			t.Errorf("%v becomes %s", refused, AppendJSON(nil, v))
		}
	}
}

func TestSetAlgebra(t *testing.T) {
	for _, c := range []struct{ a, b, union, difference string }{
		{`{"SS":["a","c"]}`, `{"SS":["b","c","d"]}`, `{"SS":["a","b","c","d"]}`, `{"SS":["a"]}`},
		{`{"NS":["1","2"]}`, `{"NS":["1.0","2"]}`, `{"NS":["1","2"]}`, `{}`},
		{`{"BS":["AA=="]}`, `{"BS":[""]}`, `{"BS":["","AA=="]}`, `{"BS":["AA=="]}`},
		{`{"SS":["a"]}`, `{"NS":["1"]}`, `{}`, `{}`},
		{`{"L":[]}`, `{"L":[]}`, `{}`, `{}`},
	} {
		a, b := value(t, c.a), value(t, c.b)
		if got := string(AppendJSON(nil, Union(a, b))); got != c.union {
			t.Errorf("%s and %s have the union %s", c.a, c.b, got)
		}
		if got := string(AppendJSON(nil, Difference(a, b))); got != c.difference {
			t.Errorf("%s without %s is %s", c.a, c.b, got)
		}
	}
}

func TestBuilder(t *testing.T) {
	var b Builder
	b.Set("b", String("1"))
	b.Set("a", String("2"))
	b.Set("b", String("3"))
	b.Set("c", Null())
	b.Set("c", nil)
	b.Remove("d")
	if got := string(b.Item().AppendJSON(nil)); got != `{"a":{"S":"2"},"b":{"S":"3"}}` || string(b.Get("b").Text()) != "3" {
		t.Error(got)
	}
	if it := new(Builder).Item(); it == nil || it.Len() != 0 {
		t.Errorf("of nothing: %x", []byte(it))
	}
}

func TestTree(t *testing.T) {
	it := readItem(t, `{"l":{"L":[{"N":"0"},{"N":"1"},{"N":"2"}]},"m":{"M":{"x":{"S":"y"}}},"s":{"S":"z"}}`)
	at := func(path ...any) (steps []Step) {
		for _, p := range path {
			if i, ok := p.(int); ok {
				steps = append(steps, Step{Index: i, IsIndex: true})
			} else {
				steps = append(steps, Step{Name: p.(string)})
			}
		}
		return steps
	}
	const l, m, z = `"l":{"L":[{"N":"0"},{"N":"1"},{"N":"2"}]}`, `"m":{"M":{"x":{"S":"y"}}}`, `"s":{"S":"z"}`
	type change = func(tree *Tree) error
	set := func(v Value, path ...any) change { return func(tree *Tree) error { return tree.Set(at(path...), v) } }
	remove := func(path ...any) change { return func(tree *Tree) error { return tree.Remove(at(path...)) } }
	for name, c := range map[string]struct {
		do   []change
		want string
	}{
		"replace": {[]change{set(Null(), "s")}, l + `,` + m + `,"s":{"NULL":true}`},
		"nested":  {[]change{set(Null(), "m", "a")}, l + `,"m":{"M":{"a":{"NULL":true},"x":{"S":"y"}}},` + z},
		"element": {[]change{set(Null(), "l", 1)}, `"l":{"L":[{"N":"0"},{"NULL":true},{"N":"2"}]},` + m + `,` + z},
		"behind the end": {[]change{set(Bool(true), "l", 90), set(Null(), "l", 7)},
			l[:len(l)-2] + `,{"NULL":true},{"BOOL":true}]},` + m + `,` + z},
		"set nil":           {[]change{set(nil, "l")}, m + `,` + z},
		"remove elements":   {[]change{remove("l", 0), remove("l", 1), remove("l", 9)}, `"l":{"L":[{"N":"2"}]},` + m + `,` + z},
		"remove and set":    {[]change{remove("l", 0), set(Null(), "l", 1)}, `"l":{"L":[{"NULL":true},{"N":"2"}]},` + m + `,` + z},
		"remove all":        {[]change{remove("l"), remove("m"), remove("s"), remove("q")}, ``},
		"remove nested":     {[]change{remove("m", "x"), remove("m", "q")}, l + `,"m":{"M":{}},` + z},
		"into what was set": {[]change{set(NewList(), "s"), set(Null(), "s", 0)}, l + `,` + m + `,"s":{"L":[{"NULL":true}]}`},
	} {
		tree := it.Tree()
		for _, change := range c.do {
			if err := change(tree); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if got := tree.Item(); string(got.AppendJSON(nil)) != `{`+c.want+`}` || CheckItem(got) != nil {
			t.Errorf("%s: %s", name, got.AppendJSON(nil))
		}
	}
	for name, change := range map[string]change{
		"missing parent": set(Null(), "q", "a"), "missing parent of what is removed": remove("q", "a"),
		"parent is a string": set(Null(), "s", "a"),
		"index in a map":     set(Null(), "m", 0), "name in a list": remove("l", "a"), "index in the item": remove(0),
		"no path":       set(Null()),
		"through a gap": set(Null(), "l", 8, "a"), "negative index": set(Null(), "l", -1),
	} {
		tree := it.Tree()
		if err := change(tree); !errors.Is(err, ErrPath) || !bytes.Equal(tree.Item(), it) {
			t.Errorf("%s: %v, %s", name, err, tree.Item().AppendJSON(nil))
		}
	}
	tree := it.Tree()
	if v := tree.Get(at("l", 2)); v.Number().String() != "2" || tree.Get(at("l", 3)) != nil || tree.Get(at("s", "x")) != nil {
		t.Errorf("l[2] is %s", AppendJSON(nil, v))
	}
	if err := tree.Remove(at("l", 0)); err != nil || tree.Get(at("l")).Len() != 2 || tree.Get(at("l", 1)).Number().String() != "1" {
		t.Error("removing an element moves the others before Item", err)
	}
	if !bytes.Equal(it, readItem(t, string(it.AppendJSON(nil)))) {
		t.Error("the item was written to")
	}
}

// TestKeys: the order of keys is the order of values, and keys can be read back.
func TestKeys(t *testing.T) {
	text := rapid.OneOf(rapid.StringMatching("[a\x00\x01b]{0,4}"), rapid.String())
	rapid.Check(t, func(t *rapid.T) {
		kind := rapid.SampledFrom([]Kind{S, N, B}).Draw(t, "kind")
		draw := func(name string) Value {
			if kind == N {
				return FromNumber(NumberFromInt(rapid.Int64().Draw(t, name)))
			}
			return append(Value{kind.tag()}, text.Draw(t, name)...)
		}
		a := draw("a")
		b := draw("b")
		c := draw("c")
		if got, want := bytes.Compare(AppendKey(nil, a), AppendKey(nil, b)), Compare(a, b); got != want {
			t.Fatalf("keys of %x and %x compare %d, want %d", a, b, got, want)
		}
		if back, err := ReadKey(kind, AppendKey(nil, a)); err != nil || !Equal(back, a) {
			t.Fatalf("%x reads back as %x, %v", a, back, err)
		}
		pair := func(x, y Value) []byte { return AppendKeyPart(AppendKeyPart(nil, x), y) }
		want := slices.CompareFunc([]Value{a, b}, []Value{b, c}, Compare)
		if got := bytes.Compare(pair(a, b), pair(b, c)); got != want {
			t.Fatalf("%x,%x and %x,%x compare %d, want %d", a, b, b, c, got, want)
		}
		first, rest, err := readKeyPart(kind, pair(a, b))
		if err != nil || !Equal(first, a) {
			t.Fatalf("%x reads back as %x, %v", a, first, err)
		}
		if second, rest, err := readKeyPart(kind, rest); err != nil || !Equal(second, b) || len(rest) != 0 {
			t.Fatalf("%x reads back as %x, %v", b, second, err)
		}
	})
	for _, kind := range []Kind{S, N, BOOL} {
		if v, err := ReadKey(kind, []byte{0xFF, 0xFE}); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%v of FF FE is %x", kind, v)
		}
	}
	if AppendKey(nil, Bool(true)) != nil || AppendKeyPart(nil, Null()) != nil {
		t.Error("a BOOL or NULL is taken for a key")
	}
}

// readKeyPart is the value of that kind that AppendKeyPart wrote at the start of b, and what follows it: it shows that parts can be told
// apart.
func readKeyPart(kind Kind, b []byte) (Value, []byte, error) {
	if kind == N {
		return readNumberPart(b)
	}
	var text []byte
	for {
		i := bytes.IndexByte(b, 0)
		if i < 0 || i+1 == len(b) {
			return nil, nil, corrupt("key part does not end")
		}
		text = append(text, b[:i]...)
		next := b[i+1]
		b = b[i+2:]
		switch next {
		case 1:
			v, err := ReadKey(kind, text)
			return v, b, err
		case 0xFF:
			text = append(text, 0)
		default:
			return nil, nil, corrupt("key part has an unknown escape")
		}
	}
}

// readNumberPart looks for the end behind the first byte, which is 00 for the numbers of the largest magnitude below zero.
func readNumberPart(b []byte) (Value, []byte, error) {
	if len(b) == 0 {
		return nil, nil, corrupt("key part is missing")
	}
	i := bytes.IndexByte(b[1:], 0) + 1
	if i == 0 || i+1 == len(b) || b[i+1] != 1 {
		return nil, nil, corrupt("key part does not end")
	}
	v, err := ReadKey(N, b[:i])
	return v, b[i+2:], err
}
