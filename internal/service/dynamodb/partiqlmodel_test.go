package dynamodb_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// row is an item of the model: pk and sk are one letter or digit each.
type row struct {
	pk, sk string
	v      int
}

// drawn is a condition as a statement has it, and as it is meant.
type drawn struct {
	text  string
	holds func(row) bool
}

// drawn conditions are drawn over pk, sk and v.
func drawCondition(t *rapid.T, depth int) drawn {
	choices := 5
	if depth > 0 {
		choices = 8
	}
	switch rapid.IntRange(0, choices-1).Draw(t, "condition") {
	case 0:
		pk := rapid.SampledFrom([]string{"a", "b", "c", "x"}).Draw(t, "pk")
		return drawn{"pk = '" + pk + "'", func(r row) bool { return r.pk == pk }}
	case 1:
		pks := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c", "x"}), 1, 4).Draw(t, "pks")
		return drawn{"pk IN ['" + strings.Join(pks, "', '") + "']", func(r row) bool { return slices.Contains(pks, r.pk) }}
	case 2:
		return drawComparison(t)
	case 3:
		low, high := rapid.IntRange(1, 3).Draw(t, "low"), rapid.IntRange(3, 5).Draw(t, "high")
		return drawn{fmt.Sprintf("sk BETWEEN '%d' AND '%d'", low, high),
			func(r row) bool { return r.sk >= fmt.Sprint(low) && r.sk <= fmt.Sprint(high) }}
	case 4:
		v := rapid.IntRange(0, 3).Draw(t, "v")
		return drawn{fmt.Sprintf("v <> %d", v), func(r row) bool { return r.v != v }}
	case 5:
		inner := drawCondition(t, depth-1)
		return drawn{"NOT (" + inner.text + ")", func(r row) bool { return !inner.holds(r) }}
	case 6:
		left, right := drawCondition(t, depth-1), drawCondition(t, depth-1)
		return drawn{"(" + left.text + " OR " + right.text + ")", func(r row) bool { return left.holds(r) || right.holds(r) }}
	}
	left, right := drawCondition(t, depth-1), drawCondition(t, depth-1)
	return drawn{left.text + " AND " + right.text, func(r row) bool { return left.holds(r) && right.holds(r) }}
}

// drawComparison draws a comparison of sk, from either side.
func drawComparison(t *rapid.T) drawn {
	sk := fmt.Sprint(rapid.IntRange(1, 4).Draw(t, "sk"))
	ops := map[string]func(int) bool{
		"=": func(c int) bool { return c == 0 }, "<": func(c int) bool { return c < 0 }, "<=": func(c int) bool { return c <= 0 },
		">": func(c int) bool { return c > 0 }, ">=": func(c int) bool { return c >= 0 }, "<>": func(c int) bool { return c != 0 },
	}
	op := rapid.SampledFrom([]string{"=", "<", "<=", ">", ">=", "<>"}).Draw(t, "op")
	if rapid.Bool().Draw(t, "turned") {
		return drawn{"'" + sk + "' " + op + " sk", func(r row) bool { return ops[op](strings.Compare(sk, r.sk)) }}
	}
	return drawn{"sk " + op + " '" + sk + "'", func(r row) bool { return ops[op](strings.Compare(r.sk, sk)) }}
}

// TestSelectsAgreeWithAList: all pages of a SELECT together hold each item that fulfils the condition once, however it is read.
func TestSelectsAgreeWithAList(t *testing.T) {
	w := newTables(t)
	var rows []row
	for i, key := range []string{"a1", "a2", "a3", "a4", "b1", "b3", "c2", "c4", "c5"} {
		r := row{key[:1], key[1:], i % 4}
		rows = append(rows, r)
		w.must("ExecuteStatement", statement(fmt.Sprintf("INSERT INTO sorted VALUE {'pk': '%s', 'sk': '%s', 'v': %d}", r.pk, r.sk, r.v), "",
			""))
	}
	rapid.Check(t, func(rt *rapid.T) {
		condition := drawCondition(rt, 3)
		more := fmt.Sprintf(`,"Limit":%d`, rapid.IntRange(1, 12).Draw(rt, "limit"))
		got := strings.Fields(strings.Join(w.pages("SELECT * FROM sorted WHERE "+condition.text, more), " "))
		var want []string
		for _, r := range rows {
			if condition.holds(r) {
				want = append(want, r.pk+r.sk)
			}
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			rt.Fatalf("%s%s: %v, want %v", condition.text, more, got, want)
		}
	})
}
