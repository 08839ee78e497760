package engine

import (
	"fmt"
	"slices"
	"strings"

	"pgregory.net/rapid"

	"github.com/sealtable/sealtable/internal/attribute"
	"github.com/sealtable/sealtable/internal/expression"
)

// fields is an item as the reference knows it: numbers are int, strings are string, sets of strings are []string in order. The key
// is in it as h and r.
type fields = map[string]any

// asked is a condition twice: as the text and values that the engine compiles, and as what the reference thinks of it.
type asked struct {
	text  string
	holds func(it fields) bool
}

// drawing makes expressions whose values have placeholders of one request.
type drawing struct {
	rt     *rapid.T
	values attribute.Builder
	count  int
}

func (d *drawing) placeholder(v any) string {
	name := fmt.Sprintf(":v%d", d.count)
	d.count++
	d.values.Set(name, modelValue(v))
	return name
}

// scope is nil values for no placeholders, as a request would have it.
func (d *drawing) scope() *expression.Scope {
	if d.count == 0 {
		return expression.NewScope(nil, nil)
	}
	return expression.NewScope(nil, d.values.Item())
}

func modelValue(v any) attribute.Value {
	if set, ok := v.([]string); ok {
		members := make([]attribute.Value, len(set))
		for i := range set {
			members[i] = attribute.String(set[i])
		}
		made, err := attribute.NewSet(attribute.SS, members...)
		if err != nil {
			panic(err) // the reference has no empty sets
		}
		return made
	}
	return value(v)
}

func modelItem(it fields) attribute.Item {
	var b attribute.Builder
	for name, v := range it {
		b.Set(name, modelValue(v))
	}
	return b.Item()
}

// fieldsOf is what the engine gave out, as the reference knows it; nil for no item.
func fieldsOf(it attribute.Item) fields {
	if it == nil {
		return nil
	}
	out := fields{}
	for name, v := range it.All() {
		name = strings.Clone(name)
		switch v.Kind() {
		case attribute.N:
			n, _ := v.Number().Int64()
			out[name] = int(n)
		case attribute.S:
			out[name] = string(v.Text())
		case attribute.SS:
			var set []string
			for _, member := range v.Elements() {
				set = append(set, string(member.Text()))
			}
			out[name] = set
		}
	}
	return out
}

func (d *drawing) word() string {
	return rapid.SampledFrom([]string{"x", "y", "z", "xy"}).Draw(d.rt, "word")
}
func (d *drawing) number() int { return rapid.IntRange(-3, 3).Draw(d.rt, "number") }
func (d *drawing) name() string {
	return rapid.SampledFrom([]string{"n", "m", "s", "u"}).Draw(d.rt, "name")
}
func (d *drawing) set() []string {
	return slices.Sorted(slices.Values(rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "c"}), 1, 3, rapid.ID).Draw(d.rt,
		"set")))
}
func (d *drawing) what(n int) int { return rapid.IntRange(0, n-1).Draw(d.rt, "what") }

// condition draws a condition of at most some depth.
func (d *drawing) condition(depth int) asked {
	if depth == 0 {
		return d.predicate()
	}
	a := d.condition(depth - 1)
	switch d.what(5) {
	case 0:
		return asked{"NOT (" + a.text + ")", func(it fields) bool { return !a.holds(it) }}
	case 1:
		b := d.condition(depth - 1)
		return asked{"(" + a.text + ") AND (" + b.text + ")", func(it fields) bool { return a.holds(it) && b.holds(it) }}
	case 2:
		b := d.predicate()
		return asked{a.text + " OR " + b.text, func(it fields) bool { return a.holds(it) || b.holds(it) }}
	}
	return a
}

func (d *drawing) predicate() asked {
	name := d.name()
	switch d.what(7) {
	case 0:
		return asked{"attribute_exists(" + name + ")", func(it fields) bool { return it[name] != nil }}
	case 1:
		return asked{"attribute_not_exists(" + name + ")", func(it fields) bool { return it[name] == nil }}
	case 2:
		n := d.number()
		return asked{"n > " + d.placeholder(n), func(it fields) bool { m, ok := it["n"].(int); return ok && m > n }}
	case 3:
		n := d.number()
		return asked{"n <> " + d.placeholder(n), func(it fields) bool { m, ok := it["n"].(int); return !ok || m != n }}
	case 4:
		s := d.word()
		return asked{"begins_with(s, " + d.placeholder(s) + ")",
			func(it fields) bool { t, ok := it["s"].(string); return ok && strings.HasPrefix(t, s) }}
	case 5:
		return asked{"contains(u, " + d.placeholder("a") + ")",
			func(it fields) bool { u, _ := it["u"].([]string); return slices.Contains(u, "a") }}
	}
	low := d.number()
	high := low + rapid.IntRange(0, 3).Draw(d.rt, "width")
	return asked{"m BETWEEN " + d.placeholder(low) + " AND " + d.placeholder(high),
		func(it fields) bool { m, ok := it["m"].(int); return ok && low <= m && m <= high }}
}

// change is an update twice. apply gives the item that follows, or false when the update does not fit the item.
type change struct {
	text  string
	apply func(before, after fields) bool
}

// update draws one action each for some attributes; the reference applies them to what was there before.
func (d *drawing) update() change {
	sections := map[string][]string{}
	var steps []func(before, after fields) bool
	for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"n", "m", "s", "u"}), 1, 3, rapid.ID).Draw(d.rt, "names") {
		section, text, step := d.action(name)
		sections[section] = append(sections[section], text)
		steps = append(steps, step)
	}
	var texts []string
	for _, section := range []string{"SET", "REMOVE", "ADD", "DELETE"} {
		if len(sections[section]) > 0 {
			texts = append(texts, section+" "+strings.Join(sections[section], ", "))
		}
	}
	return change{strings.Join(texts, " "), func(before, after fields) bool {
		for _, step := range steps {
			if !step(before, after) {
				return false
			}
		}
		return true
	}}
}

func (d *drawing) action(name string) (section, text string, step func(before, after fields) bool) {
	if d.what(5) == 0 {
		return "REMOVE", name, func(_, after fields) bool { delete(after, name); return true }
	}
	switch name {
	case "s":
		s := d.word()
		return "SET", "s = " + d.placeholder(s), func(_, after fields) bool { after["s"] = s; return true }
	case "u":
		return d.setAction()
	}
	n := d.number()
	plus := func(a, b int) func(_, after fields) bool {
		return func(_, after fields) bool { after[name] = a + b; return true }
	}
	switch d.what(4) {
	case 0:
		return "SET", name + " = " + d.placeholder(n), plus(n, 0)
	case 1: // of the item as it was; it may be missing
		return "SET", name + " = n + " + d.placeholder(n), func(before, after fields) bool {
			old, ok := before["n"].(int)
			after[name] = old + n
			return ok
		}
	case 2:
		return "SET", name + " = if_not_exists(m, " + d.placeholder(0) + ") - " + d.placeholder(n), func(before, after fields) bool {
			old, _ := before["m"].(int)
			after[name] = old - n
			return true
		}
	}
	return "ADD", name + " " + d.placeholder(n), func(before, after fields) bool {
		old, _ := before[name].(int)
		after[name] = old + n
		return true
	}
}

func (d *drawing) setAction() (section, text string, step func(before, after fields) bool) {
	set := d.set()
	if d.what(2) == 0 {
		return "ADD", "u " + d.placeholder(set), func(before, after fields) bool {
			old, _ := before["u"].([]string)
			all := slices.Concat(old, set)
			slices.Sort(all)
			after["u"] = slices.Compact(all)
			return true
		}
	}
	return "DELETE", "u " + d.placeholder(set), func(before, after fields) bool {
		old, _ := before["u"].([]string)
		left := slices.DeleteFunc(slices.Clone(old), func(member string) bool { return slices.Contains(set, member) })
		after["u"] = left
		if len(left) == 0 {
			delete(after, "u")
		}
		return true
	}
}
