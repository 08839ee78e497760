package expression

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// modelSelect is what one path selects of an item, or nil.
func modelSelect(v any, path string) any {
	if path == "" {
		return v
	}
	if rest, ok := strings.CutPrefix(path, "["); ok {
		index, rest, _ := strings.Cut(rest, "]")
		list, _ := v.(wireValue)["L"].([]any)
		for i, element := range list {
			if fmt.Sprint(i) == index {
				if selected := modelSelect(element, rest); selected != nil {
					return wireValue{"L": []any{selected}}
				}
			}
		}
		return nil
	}
	name, rest := strings.TrimPrefix(path, "."), ""
	if i := strings.IndexAny(name, ".["); i >= 0 {
		name, rest = name[:i], name[i:]
	}
	m, _ := v.(wireValue)["M"].(map[string]any)
	child, ok := m[name]
	if !ok {
		return nil
	}
	if selected := modelSelect(child, rest); selected != nil {
		return wireValue{"M": map[string]any{name: selected}}
	}
	return nil
}

// TestProjectionsAgreeWithModel projects single random paths and pairs, and compares them with the model: of a pair each path must
// select the same as alone, and nothing else may be there.
func TestProjectionsAgreeWithModel(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		w := &world{t: r, item: anyItem(3).Draw(r, "item")}
		path, _ := w.path()
		p, err := NewScope(nil, nil).Projection(path)
		if err != nil {
			r.Fatal(err)
		}
		want := map[string]any{}
		if selected := modelSelect(wireValue{"M": w.item}, path); selected != nil {
			want = selected.(wireValue)["M"].(map[string]any)
		}
		item := encodeItem(t, w.item)
		if got := formatItem(p.Apply(item)); got != formatItem(encodeItem(t, want)) {
			r.Fatalf("%s of %s is %s", path, formatItem(item), got)
		}
		again, _ := w.path()
		both, err := NewScope(nil, nil).Projection(path + ", " + again)
		if err != nil {
			if !strings.Contains(err.Error(), "Two document paths") {
				r.Fatal(err)
			}
			return
		}
		checkPair(r, both, p, again, item)
	})
}

// checkPair says that a projection of two paths selects what each of them selects, and as much.
func checkPair(r *rapid.T, both, first *Projection, path string, w []byte) {
	second, err := NewScope(nil, nil).Projection(path)
	if err != nil {
		r.Fatal(err)
	}
	leaves := func(p *Projection) int {
		return strings.Count(formatItem(p.Apply(w)), `"S"`)*100 + strings.Count(formatItem(p.Apply(w)), `"N"`)
	}
	if leaves(both) != leaves(first)+leaves(second) {
		r.Fatalf("%s: %s and %s together are %s", formatItem(w),
			formatItem(first.Apply(w)), formatItem(second.Apply(w)), formatItem(both.Apply(w)))
	}
}

// TestUpdatesAgreeWithModel makes random updates of top-level attributes, and compares the item with what the model makes.
func TestUpdatesAgreeWithModel(t *testing.T) {
	applied := 0
	rapid.Check(t, func(r *rapid.T) {
		w := &world{t: r, item: anyItem(2).Draw(r, "item"), values: map[string]any{}}
		want, failed := map[string]any{}, false
		for name, v := range w.item {
			want[name] = v
		}
		sections := map[string][]string{}
		for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "c", "d"}), 1, 4, rapid.ID).Draw(r, "targets") {
			old, _ := w.item[name].(wireValue)
			section, text, v, ok := w.action(name, old)
			sections[section] = append(sections[section], text)
			failed = failed || !ok
			want[name] = v
			if v == nil {
				delete(want, name)
			}
		}
		text := ""
		for _, section := range rapid.Permutation([]string{"SET", "REMOVE", "ADD", "DELETE"}).Draw(r, "order") {
			if actions := sections[section]; actions != nil {
				text += section + " " + strings.Join(actions, ",") + " "
			}
		}
		values := encodeItem(t, w.values)
		if len(w.values) == 0 {
			values = nil
		}
		u, err := NewScope(nil, values).Update(text)
		if err != nil {
			r.Fatalf("%s: %v", text, err)
		}
		next, _, err := u.Apply(encodeItem(t, w.item), nil)
		if failed != (err != nil) {
			r.Fatalf("%s of %v: %v", text, w.item, err)
		}
		if err == nil && formatItem(next) != formatItem(encodeItem(t, want)) {
			r.Fatalf("%s of %v is %s", text, w.item, formatItem(next))
		}
		applied++
	})
	if applied == 0 {
		t.Fatal("no update was applied")
	}
}

// action writes a random action on an attribute and says what it makes of the old value; ok is false when it must fail.
func (w *world) action(name string, old wireValue) (section, text string, v wireValue, ok bool) {
	fresh := anyValue(1).Draw(w.t, "value")
	path, found := w.path()
	switch rapid.IntRange(0, 5).Draw(w.t, "action") {
	case 0:
		return "SET", name + " = " + w.value(fresh), fresh, true
	case 1:
		return "REMOVE", name, nil, true
	case 2:
		return "SET", name + " = " + path, found, found != nil
	case 3:
		v = found
		if found == nil {
			v = fresh
		}
		return "SET", name + " = if_not_exists(" + path + ", " + w.value(fresh) + ")", v, true
	case 4:
		n := wireValue{"N": rapid.SampledFrom([]string{"1", "-2.5", "1E3"}).Draw(w.t, "addend")}
		v = n
		if old != nil && kindOf(old) == "N" {
			v = wireValue{"N": rat(old["N"]).Add(rat(old["N"]), rat(n["N"])).FloatString(3)}
		}
		return "ADD", name + " " + w.value(n), v, old == nil || kindOf(old) == "N"
	}
	set := wireValue{"SS": []any{"a", "zz"}}
	rest := []any{}
	if kindOf(old) == "SS" {
		for _, member := range old["SS"].([]any) {
			if member != "a" && member != "zz" {
				rest = append(rest, member)
			}
		}
	}
	v = nil
	if len(rest) > 0 {
		v = wireValue{"SS": rest}
	}
	return "DELETE", name + " " + w.value(set), v, old == nil || kindOf(old) == "SS"
}
