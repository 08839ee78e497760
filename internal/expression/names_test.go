package expression

import (
	"slices"
	"testing"
)

func TestAppendNames(t *testing.T) {
	names := map[string]string{"#a": "And", "#b": "b.c", "#s": "size"}
	for text, want := range map[string][]string{
		"a = :v AND b.c[3] <> a": {"a", "b"},
		"attribute_exists(a.b) or not (size (c) > :n and #a in (:x, #b.d))": {"a", "c", "And", "b.c"},
		"a, #b[1].x,c . d":                {"a", "b.c", "c"},
		"pk = :p and begins_with(sk, :s)": {"pk", "sk"},
		"set = :v and a.add = remove":     {"set", "a", "remove"},
		"a between b and c":               {"a", "b", "c"},
		"a = = ((( ? b":                   {"a", "b"},
		"#unknown = :v":                   nil,
		"":                                nil,
	} {
		if got := AppendNames(nil, text, names); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
	text := "set a = if_not_exists(b, :z) + c, d = list_append(:l, e) remove f[0].g add h :n delete #s :t"
	want := []string{"x", "a", "b", "c", "d", "e", "f", "h", "size"}
	if got := AppendUpdatedNames([]string{"x"}, text, names); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
