package expression

import (
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"pgregory.net/rapid"

	"github.com/sealtable/sealtable/internal/attribute"
)

// The model keeps values as the JSON of requests, decoded, and reads every rule from the documentation the slow way.
type wireValue = map[string]any

func kindOf(v wireValue) string {
	for k := range v {
		return k
	}
	return ""
}

func rat(v any) *big.Rat {
	r, ok := new(big.Rat).SetString(v.(string))
	if !ok {
		panic(v)
	}
	return r
}

func modelEqual(a, b wireValue) bool {
	k := kindOf(a)
	if a == nil || b == nil || k != kindOf(b) {
		return false
	}
	switch x, y := a[k], b[k]; k {
	case "N":
		return rat(x).Cmp(rat(y)) == 0
	case "M":
		return mapsEqual(x.(map[string]any), y.(map[string]any))
	case "L":
		return slices.EqualFunc(x.([]any), y.([]any), func(a, b any) bool { return modelEqual(a.(wireValue), b.(wireValue)) })
	case "SS", "NS":
		return len(x.([]any)) == len(y.([]any)) && !slices.ContainsFunc(x.([]any), func(m any) bool { return !modelMember(b, k[:1], m) })
	default:
		return x == y
	}
}

func mapsEqual(a, b map[string]any) bool {
	for name := range a {
		if other, ok := b[name]; !ok || !modelEqual(a[name].(wireValue), other.(wireValue)) {
			return false
		}
	}
	return len(a) == len(b)
}

// modelMember says whether a set has the member of that type.
func modelMember(set wireValue, kind string, member any) bool {
	return slices.ContainsFunc(set[kindOf(set)].([]any), func(m any) bool {
		return kindOf(set) == kind+"S" && modelEqual(wireValue{kind: m}, wireValue{kind: member})
	})
}

func modelLess(a, b wireValue) (less, comparable bool) {
	k := kindOf(a)
	if k != kindOf(b) || k != "S" && k != "N" {
		return false, false
	}
	if k == "N" {
		return rat(a[k]).Cmp(rat(b[k])) < 0, true
	}
	return a[k].(string) < b[k].(string), true
}

func modelCompare(op string, a, b wireValue) bool {
	less, ordered := modelLess(a, b)
	switch op {
	case "=":
		return modelEqual(a, b)
	case "<>":
		return !modelEqual(a, b)
	case "<":
		return ordered && less
	case "<=":
		return ordered && (less || modelEqual(a, b))
	case ">":
		return ordered && !less && !modelEqual(a, b)
	}
	return ordered && !less
}

func modelSize(v wireValue) wireValue {
	n := 0
	switch k := kindOf(v); k {
	case "S":
		n = len(utf16.Encode([]rune(v[k].(string))))
	case "SS", "NS", "L":
		n = len(v[k].([]any))
	case "M":
		n = len(v[k].(map[string]any))
	default:
		return nil
	}
	return wireValue{"N": fmt.Sprint(n)}
}

func modelContains(v, part wireValue) bool {
	switch k := kindOf(v); k {
	case "S":
		s, ok := part["S"].(string)
		return ok && strings.Contains(v[k].(string), s)
	case "SS", "NS":
		return kindOf(part) == k[:1] && modelMember(v, k[:1], part[k[:1]])
	case "L":
		return part != nil && slices.ContainsFunc(v[k].([]any), func(e any) bool { return modelEqual(e.(wireValue), part) })
	}
	return false
}

// world is the values that random expressions speak about, and the model's reading of an expression while it is written.
type world struct {
	t      *rapid.T
	item   map[string]any
	values map[string]any
}

func scalar() *rapid.Generator[wireValue] {
	of := func(kind string, texts ...string) *rapid.Generator[wireValue] {
		return rapid.Map(rapid.SampledFrom(texts), func(text string) wireValue { return wireValue{kind: text} })
	}
	return rapid.OneOf(
		of("S", "", "a", "ab", "b", "é𝄞", "S", "L"),
		of("N", "0", "1", "1.0", "2", "-3.5", "1E2"),
		rapid.Map(rapid.Bool(), func(b bool) wireValue { return wireValue{"BOOL": b} }),
	)
}

func anyValue(depth int) *rapid.Generator[wireValue] {
	if depth == 0 {
		return scalar()
	}
	members := func(from ...string) *rapid.Generator[[]string] {
		return rapid.SliceOfNDistinct(rapid.SampledFrom(from), 1, 3, rapid.ID)
	}
	toAny := func(kind string) func([]string) wireValue {
		return func(s []string) wireValue {
			out := []any{}
			for _, m := range s {
				out = append(out, m)
			}
			return wireValue{kind: out}
		}
	}
	return rapid.OneOf(scalar(), scalar(),
		rapid.Map(members("a", "ab", "c"), toAny("SS")), rapid.Map(members("1", "2", "-3.5"), toAny("NS")),
		rapid.Custom(func(t *rapid.T) wireValue {
			list := []any{}
			for range rapid.IntRange(0, 3).Draw(t, "length") {
				list = append(list, anyValue(depth-1).Draw(t, "element"))
			}
			return wireValue{"L": list}
		}),
		rapid.Custom(func(t *rapid.T) wireValue { return wireValue{"M": anyItem(depth-1).Draw(t, "map")} }))
}

func anyItem(depth int) *rapid.Generator[map[string]any] {
	return rapid.Custom(func(t *rapid.T) map[string]any {
		out := map[string]any{}
		for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "c", "d"}), 0, 4, rapid.ID).Draw(t, "names") {
			out[name] = anyValue(depth).Draw(t, name)
		}
		return out
	})
}

func encodeItem(t testing.TB, item map[string]any) attribute.Item {
	text, err := json.Marshal(item)
	if err != nil {
		t.Fatal(err)
	}
	return readItem(t, string(text))
}

// path writes a random path and says what it leads to.
func (w *world) path() (string, wireValue) {
	name := rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(w.t, "attribute")
	v, _ := w.item[name].(wireValue)
	text := name
	for rapid.IntRange(0, 2).Draw(w.t, "deeper") == 2 {
		if rapid.Bool().Draw(w.t, "index") {
			i := rapid.IntRange(0, 2).Draw(w.t, "i")
			list, _ := v["L"].([]any)
			v = nil
			if i < len(list) {
				v = list[i].(wireValue)
			}
			text += fmt.Sprintf("[%d]", i)
			continue
		}
		name := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(w.t, "name")
		m, _ := v["M"].(map[string]any)
		v, _ = m[name].(wireValue)
		text += "." + name
	}
	return text, v
}

func (w *world) value(v wireValue) string {
	name := fmt.Sprintf(":v%d", len(w.values))
	w.values[name] = v
	return name
}

// operand writes a random operand; size is one if it may be.
func (w *world) operand() (string, wireValue) {
	switch rapid.IntRange(0, 4).Draw(w.t, "operand") {
	case 0:
		v := scalar().Filter(func(v wireValue) bool { return kindOf(v) != "BOOL" }).Draw(w.t, "value")
		return w.value(v), v
	case 1:
		text, v := w.path()
		return "size(" + text + ")", modelSize(v)
	case 2:
		text, v := w.path()
		return "(" + text + ")", v
	}
	return w.path()
}

// condition writes a random condition and says whether it holds.
func (w *world) condition(depth int) (string, bool) {
	if depth == 0 {
		return w.predicate()
	}
	switch rapid.IntRange(0, 4).Draw(w.t, "logic") {
	case 0:
		left, a := w.condition(depth - 1)
		right, b := w.condition(depth - 1)
		return "(" + left + ") AND (" + right + ")", a && b
	case 1:
		left, a := w.condition(depth - 1)
		right, b := w.condition(depth - 1)
		return "(" + left + ")or(" + right + ")", a || b
	case 2:
		text, a := w.condition(depth - 1)
		return "Not (" + text + ")", !a
	case 3:
		left, a := w.predicate()
		middle, b := w.predicate()
		right, c := w.predicate()
		return left + " OR " + middle + " and NOT " + right, a || b && !c
	}
	return w.predicate()
}

func (w *world) predicate() (string, bool) {
	text, v := w.operand()
	other, o := w.operand()
	switch path, p := w.path(); rapid.IntRange(0, 6).Draw(w.t, "predicate") {
	case 0:
		return "attribute_exists(" + path + ")", p != nil
	case 1:
		return "attribute_not_exists(" + path + ")", p == nil
	case 2:
		k := rapid.SampledFrom([]string{"S", "N", "M", "L", "SS", "BOOL"}).Draw(w.t, "type")
		return "attribute_type(" + path + "," + w.value(wireValue{"S": k}) + ")", p != nil && kindOf(p) == k
	case 3:
		return "contains(" + path + ", " + other + ")", modelContains(p, o)
	case 4:
		third, q := w.path()
		return text + " BETWEEN " + other + " AND " + third, modelCompare(">=", v, o) && modelCompare("<=", v, q)
	case 5:
		return text + " IN (" + other + "," + path + ")", modelEqual(v, o) || modelEqual(v, p)
	}
	op := rapid.SampledFrom([]string{"=", "<>", "<", "<=", ">", ">="}).Draw(w.t, "comparator")
	return text + op + other, modelCompare(op, v, o)
}

// TestConditionsAgreeWithModel writes random conditions, and compares what they say with what the model says.
func TestConditionsAgreeWithModel(t *testing.T) {
	compiled := 0
	rapid.Check(t, func(r *rapid.T) {
		w := &world{t: r, item: anyItem(2).Draw(r, "item"), values: map[string]any{}}
		text, want := w.condition(rapid.IntRange(0, 3).Draw(r, "depth"))
		var values attribute.Item
		if len(w.values) > 0 {
			values = encodeItem(t, w.values)
		}
		s := NewScope(nil, values)
		c, err := s.Condition(text)
		if err != nil && strings.Contains(err.Error(), "must be distinct") {
			return
		}
		if err != nil {
			r.Fatalf("%s: %v", text, err)
		}
		compiled++
		if got, _ := c.Holds(encodeItem(t, w.item)); got != want {
			r.Fatalf("%s is %v", text, got)
		}
		if err := s.Finish(); err != nil && !strings.Contains(err.Error(), "unused") {
			r.Fatalf("%s: %v", text, err)
		}
	})
	if compiled == 0 {
		t.Fatal("no condition compiled")
	}
}
