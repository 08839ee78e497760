package e2e

import (
	"encoding/json"
	"fmt"
	"sort"
	"strings"
	"testing"
)

// corpusFill fills in what stands for something else in the corpus; corpus/README.md lists the forms.
type corpusFill struct {
	key   string // of the case
	given any
	index int // within $list, $map and $join
}

// missing is what a member that was not given becomes; it is left out.
type missing struct{}

func (f *corpusFill) object(node any) m {
	filled, _ := f.value(node).(m)
	if filled == nil {
		return m{}
	}
	return filled
}

func (f *corpusFill) value(node any) any {
	switch node := node.(type) {
	case string:
		return f.scalar(node)
	case []any:
		out := []any{}
		for _, element := range node {
			if v := f.value(element); v != (missing{}) {
				out = append(out, v)
			}
		}
		return out
	case map[string]any:
		return f.mapping(node)
	}
	return node
}

func (f *corpusFill) scalar(s string) any {
	name, is := strings.CutPrefix(s, "$")
	switch {
	case s == "$":
		return f.value(f.given)
	case !is || strings.HasPrefix(name, "pk") || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz") != "":
		return f.text(s)
	}
	given, _ := f.given.(map[string]any)
	value, ok := given[name]
	if !ok {
		return missing{}
	}
	return f.value(value)
}

func (f *corpusFill) text(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, "$pk", f.key), "$i", fmt.Sprintf("%03d", f.index))
}

func (f *corpusFill) mapping(node map[string]any) any {
	if len(node) == 1 {
		for form, argument := range node {
			if strings.HasPrefix(form, "$") {
				return f.form(form, argument)
			}
		}
	}
	out := m{}
	for name, value := range node {
		if v := f.value(value); v != (missing{}) {
			out[f.text(name)] = v
		}
	}
	return out
}

// form makes what is too long to be written out.
func (f *corpusFill) form(form string, argument any) any {
	list, _ := argument.([]any)
	switch form {
	case "$repeat": // [text, times]
		return strings.Repeat(f.value(list[0]).(string), f.value(list[1]).(int))
	case "$text": // parts
		var b strings.Builder
		for _, part := range list {
			fmt.Fprint(&b, f.value(part))
		}
		return b.String()
	case "$nest": // levels of maps
		return nestedValue("M", m{"M": m{}}, argument.(int))
	case "$nestlist": // levels of lists
		return nestedValue("L", m{"L": []any{}}, argument.(int))
	case "$list": // [count, template]
		return f.each(list[0].(int), list[1])
	case "$join": // [separator, count, template]
		var parts []string
		for _, part := range f.each(list[1].(int), list[2]) {
			parts = append(parts, fmt.Sprint(part))
		}
		return strings.Join(parts, list[0].(string))
	case "$map": // [count, template]
		out := m{}
		for _, part := range f.each(list[0].(int), list[1]) {
			for name, value := range part.(m) {
				out[name] = value
			}
		}
		return out
	}
	panic("the corpus has no form " + form)
}

func (f *corpusFill) each(count int, template any) []any {
	out := make([]any, count)
	for i := range out {
		f.index = i
		out[i] = f.value(template)
	}
	return out
}

func nestedValue(kind string, inner m, levels int) m {
	for range levels - 1 {
		if kind == "M" {
			inner = m{"M": m{"a": inner}}
		} else {
			inner = m{"L": []any{inner}}
		}
	}
	return inner
}

// normalised is a value as comparisons see it: numbers as they come out of JSON, and sets in order, which DynamoDB gives in any.
func normalised(v any) any {
	switch v := v.(type) {
	case m:
		out := m{}
		for name, value := range v {
			out[name] = normalised(value)
			if set, ok := out[name].([]any); ok && (name == "SS" || name == "NS" || name == "BS") {
				sort.Slice(set, func(i, j int) bool { return fmt.Sprint(set[i]) < fmt.Sprint(set[j]) })
			}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = normalised(v[i])
		}
		return out
	case int:
		return float64(v)
	}
	return v
}

func corpusJSON(t *testing.T, body []byte) m {
	t.Helper()
	out := m{}
	if err := json.Unmarshal(body, &out); err != nil {
		t.Fatal(err)
	}
	return out
}
