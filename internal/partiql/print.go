package partiql

import (
	"strconv"
	"strings"

	"github.com/sealtable/sealtable/internal/attribute"
)

// String is the statement in one form of all that mean the same: it parses to a statement that prints the
// same.
func (s *Statement) String() string {
	w := &writer{}
	switch s.Kind {
	case Select:
		w.selects(s)
	case Exists:
		w.add("EXISTS(")
		w.selects(s)
		w.add(")")
	case Insert:
		w.add("INSERT INTO ", quote(s.Table), " VALUE ")
		w.expr(s.item)
	case Update:
		w.add("UPDATE ", quote(s.Table))
		w.changes(s.changes)
		w.where(s)
	case Delete:
		w.add("DELETE FROM ", quote(s.Table))
		w.where(s)
	}
	return w.text.String()
}

type writer struct{ text strings.Builder }

func (w *writer) add(pieces ...string) {
	for _, piece := range pieces {
		w.text.WriteString(piece)
	}
}

func quote(name string) string  { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }
func quoteText(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

func (w *writer) selects(s *Statement) {
	w.add("SELECT ")
	if s.columns == nil {
		w.add("*")
	}
	w.list(s.columns)
	w.add(" FROM ", quote(s.Table))
	if s.Index != "" {
		w.add(".", quote(s.Index))
	}
	w.where(s)
	for i, o := range s.order {
		w.add([]string{", ", " ORDER BY "}[b2i(i == 0)], quote(o.Attribute),
			[]string{"", " DESC"}[b2i(o.Descending)])
	}
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (w *writer) where(s *Statement) {
	if s.where != nil {
		w.add(" WHERE ")
		w.expr(s.where)
	}
	if s.Returning != Nothing {
		w.add(" RETURNING ", s.Returning.String())
	}
}

func (w *writer) changes(changes []change) {
	for _, c := range changes {
		if c.value == nil {
			w.add(" REMOVE ", printPath(c.target.path))
			continue
		}
		w.add(" SET ", printPath(c.target.path), " = ")
		w.expr(c.value)
	}
}

func (w *writer) list(all []*expr) {
	for i, e := range all {
		if i > 0 {
			w.add(", ")
		}
		w.expr(e)
	}
}

// printPath quotes all names.
func printPath(path []attribute.Step) string {
	var b strings.Builder
	for i, step := range path {
		switch {
		case step.IsIndex && step.Name != "":
			b.WriteString("[" + step.Name + "]")
		case step.IsIndex:
			b.WriteString("[" + strconv.Itoa(step.Index) + "]")
		case i > 0:
			b.WriteString("." + quote(step.Name))
		default:
			b.WriteString(quote(step.Name))
		}
	}
	return b.String()
}

// expr prints an expression. What could bind otherwise is in parentheses.
func (w *writer) expr(e *expr) {
	switch e.op {
	case opPath:
		w.add(printPath(e.path))
	case opString:
		w.add(quoteText(e.text))
	case opNumber, opBool:
		w.add(e.text)
	case opNull:
		w.add("NULL")
	case opMissing:
		w.add("MISSING")
	case opParameter:
		w.add("?")
	case opTuple:
		w.tuple(e)
	case opList:
		w.enclosed("[", e, "]")
	case opBag:
		w.enclosed("<<", e, ">>")
	case opCall:
		w.enclosed(e.text+"(", e, ")")
	default:
		w.operation(e)
	}
}

func (w *writer) enclosed(before string, e *expr, after string) {
	w.add(before)
	w.list(e.operands)
	w.add(after)
}

func (w *writer) tuple(e *expr) {
	w.add("{")
	for i, name := range e.names {
		if i > 0 {
			w.add(", ")
		}
		w.add(quoteText(name), ": ")
		w.expr(e.operands[i])
	}
	w.add("}")
}

func (w *writer) operation(e *expr) {
	w.add("(")
	switch e.op {
	case opNot:
		w.add("NOT ")
		w.expr(e.operands[0])
	case opNegate:
		w.add("- ")
		w.expr(e.operands[0])
	case opIsMissing:
		w.expr(e.operands[0])
		w.add(" IS MISSING")
	case opIsNull:
		w.expr(e.operands[0])
		w.add(" IS NULL")
	default:
		for i, operand := range e.operands {
			if i > 0 {
				w.add(" ", e.between(i), " ")
			}
			w.expr(operand)
		}
	}
	w.add(")")
}

// between is what stands before operand i.
func (e *expr) between(i int) string {
	switch e.op {
	case opPlus:
		return "+"
	case opMinus:
		return "-"
	case opCompare:
		return e.text
	case opIn:
		return "IN"
	case opOr:
		return "OR"
	case opBetween:
		if i == 1 {
			return "BETWEEN"
		}
	}
	return "AND"
}
