package expression

import (
	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/sealtable/sealtable/internal/attribute"
)

// build makes with a Builder what the parser made of a text whose names and values need no placeholders but values.
func build(b *Builder, t *tree, r ref, values attribute.Item) Part {
	n := &t.nodes[r]
	switch n.op {
	case opPath:
		return b.Path(t.path(r))
	case opValue:
		return b.Value(values.Get(n.text))
	}
	var parts []Part
	for operand := n.first; operand != 0; operand = t.nodes[operand].next {
		parts = append(parts, build(b, t, operand, values))
	}
	name := n.op.String()
	if n.op == opCall {
		name = n.text
	}
	return b.Operation(name, parts...)
}

// TestBuiltMeansTheSame: a condition that was built is refused and holds as its text does.
func TestBuiltMeansTheSame(t *testing.T) {
	values := readItem(t, fuzzValues)
	item := readItem(t, fuzzItem)
	texts := []string{
		"a = :n AND NOT (b[1].c <> :ss OR size(s) < :n)", "a BETWEEN :n AND :n OR a IN (:s, b, :n)", "contains(c, :s)",
		"attribute_type(a, :k)",
		"begins_with(s, :s) AND attribute_exists(b[0])", "a < :t", "size(a) > :s", "begins_with(a, :n)", "nothing(a)",
		"attribute_exists(:n)", "a = a", "size(a)",
		"list_append(a, b) = :n", "a BETWEEN :s AND :n", "attribute_type(a, :s)",
	}
	rapid.Check(t, func(rt *rapid.T) {
		text := rapid.SampledFrom(texts).Draw(rt, "text")
		parsed, root, err := parseCondition(memberFilter, text)
		if err != nil {
			rt.Fatal(err)
		}
		b := NewBuilder()
		built, err := b.Filter(build(b, parsed, root, values))
		compiled, wanted := NewScope(nil, values).Filter(text)
		if (err == nil) != (wanted == nil) || err != nil && err.Error() != wanted.Error() {
			rt.Fatalf("%s: %v, want %v", text, err, wanted)
		}
		if err != nil {
			return
		}
		for _, item := range []attribute.Item{item, nil} {
			got, _ := built.Holds(item)
			if want, _ := compiled.Holds(item); got != want {
				rt.Fatalf("%s: %v", text, got)
			}
		}
	})
}

// TestBuilderRefusesWhatIsNoCondition: parts in places where no text can have them.
func TestBuilderRefusesWhatIsNoCondition(t *testing.T) {
	path := []attribute.Step{{Name: "a"}}
	for name, make := range map[string]func(b *Builder) Part{
		"a path": func(b *Builder) Part { return b.Path(path) },
		"a sum":  func(b *Builder) Part { return b.Operation("+", b.Path(path), b.Path(path)) },
		"a sum that is compared": func(b *Builder) Part {
			return b.Operation("=", b.Operation("+", b.Path(path), b.Path(path)), b.Path(path))
		},
		"a comparison as operand": func(b *Builder) Part {
			return b.Operation("=", b.Operation("=", b.Path(path), b.Path(path)), b.Path(path))
		},
		"a path as condition": func(b *Builder) Part {
			return b.Operation("AND", b.Path(path), b.Operation("=", b.Path(path), b.Path(path)))
		},
		"a function of conditions": func(b *Builder) Part { return b.Operation("size", b.Operation("NOT", b.Path(path))) },
	} {
		b := NewBuilder()
		var refused *Error
		if _, err := b.Condition(make(b)); !errors.As(err, &refused) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestBuiltNamesAreNames: a name may look like a placeholder or be a reserved word.
func TestBuiltNamesAreNames(t *testing.T) {
	item := readItem(t, `{"#a":{"S":"x"},"select":{"M":{":b":{"N":"1"}}}}`)
	b := NewBuilder()
	left, right := b.Path([]attribute.Step{{Name: "#a"}}), b.Path([]attribute.Step{{Name: "select"}, {Name: ":b"}})
	c, err := b.Condition(b.Operation("AND", b.Operation("=", left, b.Value(attribute.String("x"))),
		b.Operation("attribute_exists", right)))
	if err != nil {
		t.Fatal(err)
	}
	if holds, err := c.Holds(item); err != nil || !holds {
		t.Errorf("%v %v", holds, err)
	}
	u := NewBuilder()
	u.Remove(u.Path([]attribute.Step{{Name: "#a"}}))
	u.Set(u.Path([]attribute.Step{{Name: "select"}, {Name: ":b"}}), u.Value(attribute.Bool(true)))
	update, err := u.Update()
	if err != nil {
		t.Fatal(err)
	}
	next, _, err := update.Apply(item, nil)
	if err != nil || string(next.AppendJSON(nil)) != `{"select":{"M":{":b":{"BOOL":true}}}}` {
		t.Errorf("%s %v", next.AppendJSON(nil), err)
	}
}
