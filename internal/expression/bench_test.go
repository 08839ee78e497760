package expression

import (
	"testing"

	"github.com/sealtable/sealtable/internal/attribute"
)

const (
	benchText   = "attribute_exists(pk) AND (version = :v OR #s IN (:a, :b)) AND begins_with(m.xs[1].title, :p)"
	benchItem   = `{"pk":{"S":"k"},"version":{"N":"4"},"status":{"S":"open"},` + benchMap
	benchMap    = `"m":{"M":{"xs":{"L":[{"N":"1"},{"M":{"title":{"S":"prefix"}}}]}}}}`
	benchValues = `{":v":{"N":"5"},":a":{"S":"closed"},":b":{"S":"open"},":p":{"S":"pre"}}`
)

func benchScope(tb testing.TB) func() *Scope {
	names, values := map[string]string{"#s": "status"}, readItem(tb, benchValues)
	return func() *Scope { return NewScope(names, values) }
}

func benchCondition(tb testing.TB) (*Condition, attribute.Item) {
	c, err := benchScope(tb)().Condition(benchText)
	if err != nil {
		tb.Fatal(err)
	}
	return c, readItem(tb, benchItem)
}

// TestAllocations holds that running a condition allocates nothing, and that compiling one allocates little.
func TestAllocations(t *testing.T) {
	c, item := benchCondition(t)
	if holds, _ := c.Holds(item); !holds {
		t.Fatal("the condition does not hold")
	}
	if n := testing.AllocsPerRun(100, func() { _, _ = c.Holds(item) }); n > 0 {
		t.Errorf("running allocates %v times", n)
	}
	scope := benchScope(t)
	if n := testing.AllocsPerRun(100, func() { _, _ = scope().Condition(benchText) }); n > 14 {
		t.Errorf("compiling allocates %v times", n)
	}
}

func BenchmarkCompileCondition(b *testing.B) {
	scope := benchScope(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := scope().Condition(benchText); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRunCondition(b *testing.B) {
	c, item := benchCondition(b)
	b.ReportAllocs()
	for b.Loop() {
		if holds, _ := c.Holds(item); !holds {
			b.Fatal("the condition does not hold")
		}
	}
}

func BenchmarkProject(b *testing.B) {
	p, err := NewScope(nil, nil).Projection("pk, version, m.xs[1].title")
	if err != nil {
		b.Fatal(err)
	}
	item := readItem(b, benchItem)
	b.ReportAllocs()
	for b.Loop() {
		p.Apply(item)
	}
}

func BenchmarkUpdate(b *testing.B) {
	u, err := benchScope(b)().Update("SET version = version + :v, #s = :a REMOVE m.xs[0]")
	if err != nil {
		b.Fatal(err)
	}
	item := readItem(b, benchItem)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := u.Apply(item, nil); err != nil {
			b.Fatal(err)
		}
	}
}
