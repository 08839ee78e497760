package main

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"
)

// rules collects the constraints of the shapes that inputs use.
type rules struct {
	texts, sizes, numbers map[string]*shape
}

func newRules() *rules {
	return &rules{texts: map[string]*shape{}, sizes: map[string]*shape{}, numbers: map[string]*shape{}}
}

// text is the expression for the rule of a string shape.
func (r *rules) text(s *shape) string {
	if s.Min == nil && s.Max == nil && s.Pattern == "" && s.Enum == nil && !s.Sensitive {
		return "nil"
	}
	r.texts[s.Name] = s
	return "&text" + exported(s.Name)
}

// size is the expression for the rule of a list, map or blob.
func (r *rules) size(s *shape) string {
	if s.Min == nil && s.Max == nil && !s.Sensitive {
		return "nil"
	}
	r.sizes[s.Name] = s
	return "&size" + exported(s.Name)
}

// number is the expression for the rule of a number.
func (r *rules) number(s *shape) string {
	if s.Min == nil && s.Max == nil {
		return "nil"
	}
	r.numbers[s.Name] = s
	return "&number" + exported(s.Name)
}

// writeRules writes the rules that the other writers asked for; it runs last.
func (p *plan) writeRules(out *source) error {
	matchers := map[string]string{}
	for _, name := range sortedKeys(p.rules.texts) {
		s := p.rules.texts[name]
		fields := limits(s)
		if s.Pattern != "" {
			if matchers[s.Pattern] == "" {
				matchers[s.Pattern] = "match" + exported(name)
				if err := writeMatcher(out, matchers[s.Pattern], exported(name), s.Pattern); err != nil {
					return fmt.Errorf("%s: %w", name, err)
				}
			}
			fields = append(fields, fmt.Sprintf("Pattern: %s, Match: %s", quote(s.Pattern),
				matchers[s.Pattern]))
		}
		if s.Enum != nil {
			fields = append(fields, fmt.Sprintf("Enum: %#v", inServiceOrder(s.Enum)))
		}
		out.line("var text%s = api.TextRule{%s}\n", exported(name), strings.Join(fields, ", "))
	}
	for _, name := range sortedKeys(p.rules.sizes) {
		out.line("var size%s = api.SizeRule{%s}\n", exported(name),
			strings.Join(limits(p.rules.sizes[name]), ", "))
	}
	for _, name := range sortedKeys(p.rules.numbers) {
		out.line("var number%s = api.NumberRule{%s}\n", exported(name),
			strings.Join(numberLimits(p.rules.numbers[name]), ", "))
	}
	return nil
}

// inServiceOrder is an enumeration in the order in which the service's errors list it, where that is not the
// model's.
func inServiceOrder(enum []string) []string {
	for _, order := range [][]string{
		{"SPECIFIC_ATTRIBUTES", "COUNT", "ALL_ATTRIBUTES", "ALL_PROJECTED_ATTRIBUTES"},
		{"B", "N", "S"},
		{"ALL_NEW", "UPDATED_OLD", "ALL_OLD", "NONE", "UPDATED_NEW"},
		{"IN", "NULL", "BETWEEN", "LT", "NOT_CONTAINS", "EQ", "GT", "NOT_NULL", "NE", "LE", "BEGINS_WITH",
			"GE", "CONTAINS"},
	} {
		if slices.Equal(slices.Sorted(slices.Values(order)), slices.Sorted(slices.Values(enum))) {
			return order
		}
	}
	return enum
}

func limits(s *shape) []string {
	var fields []string
	if s.Min != nil && *s.Min > 0 {
		fields = append(fields, fmt.Sprintf("Min: %d", int64(*s.Min)))
	}
	if s.Max != nil {
		fields = append(fields, fmt.Sprintf("Max: %d", int64(*s.Max)))
	}
	if s.Sensitive {
		fields = append(fields, "Sensitive: true")
	}
	return fields
}

func numberLimits(s *shape) []string {
	var fields []string
	if s.Min != nil {
		fields = append(fields, "HasMin: true, Min: "+strconv.FormatFloat(*s.Min, 'f', -1, 64))
	}
	if s.Max != nil {
		fields = append(fields, "HasMax: true, Max: "+strconv.FormatFloat(*s.Max, 'f', -1, 64))
	}
	return fields
}

func quote(s string) string {
	if strconv.CanBackquote(s) {
		return "`" + s + "`"
	}
	return strconv.Quote(s)
}

// expression is a pattern in Go's syntax: text must match and absent, if any, must not.
type expression struct {
	text, absent string
}

// lookAround gives the patterns that use look-around in two parts, because Go's expressions have none.
func lookAround() map[string]expression {
	return map[string]expression{
		`^[a-z0-9]([a-z0-9]|-(?!-)){1,61}[a-z0-9]$`: {`[a-z0-9][a-z0-9-]{1,61}[a-z0-9]`, `--`},
		`(?!^[0-9]+$)([a-zA-Z0-9-_]+)`:              {`[a-zA-Z0-9-_]+`, `^[0-9]+$`},
		`((?!^\d+$)^[0-9a-zA-Z-_]+$)`:               {`[0-9a-zA-Z-_]+`, `^[0-9]+$`},
		`(^(?!(system\x2e)))(^[_a-zA-Z0-9])([^$]*)`: {`[_a-zA-Z0-9][^$]*`, `^system\.`},
		`[0-9A-Za-z\.\-_]*(?<!\.)`:                  {`[0-9A-Za-z\.\-_]*`, `\.$`},
	}
}

// translate turns a pattern of the models, which are Java's, into Go's syntax.
func translate(pattern string) (expression, error) {
	e, ok := lookAround()[pattern]
	if !ok {
		text := strings.NewReplacer(
			`\uD800\uDC00-\uDBFF\uDFFF`, `\x{10000}-\x{10FFFF}`, // surrogate pairs
			`\u10000-\u10FFFF`, `\x{10000}-\x{10FFFF}`, // what it means, not what Java makes of it
			`\p{Print}`, `[[:print:]]`,
		).Replace(pattern)
		e.text = regexp.MustCompile(`\\u([0-9A-Fa-f]{4})`).ReplaceAllString(text, `\x{$1}`)
	}
	_, err := regexp.Compile(e.text)
	return e, err
}

// writeMatcher writes the function that says whether a string matches a pattern as a whole. Repeated sets of
// characters, which most patterns are, need no regular expression.
func writeMatcher(out *source, function, name, pattern string) error {
	e, err := translate(pattern)
	if err != nil {
		return err
	}
	if ranges, atLeastOne, ok := repeatedSet(e); ok {
		condition := ""
		if atLeastOne {
			condition = `s != "" && `
		}
		out.line("func %s(s string) bool { return %s%s }\n", function, condition, setCall(ranges))
		return nil
	}
	absent := ""
	if e.absent != "" {
		absent = ", Absent: " + quote(e.absent)
	}
	out.line("var pattern%s = api.Pattern{Text: %s%s}\n", name, quote(`\A(?:`+e.text+`)\z`), absent)
	out.line("func %s(s string) bool { return pattern%s.Match(s) }\n", function, name)
	return nil
}

// repeatedSet recognises [set]+ and [set]*, in parentheses and between anchors or not.
func repeatedSet(e expression) (ranges []rune, atLeastOne, ok bool) {
	tree, err := syntax.Parse(e.text, syntax.Perl)
	if err != nil || e.absent != "" {
		return nil, false, false
	}
	for {
		switch {
		case tree.Op == syntax.OpCapture:
			tree = tree.Sub[0]
		case tree.Op == syntax.OpConcat && len(tree.Sub) == 3 && tree.Sub[0].Op == syntax.OpBeginText &&
			tree.Sub[2].Op == syntax.OpEndText:
			tree = tree.Sub[1]
		case (tree.Op == syntax.OpPlus || tree.Op == syntax.OpStar) && tree.Sub[0].Op == syntax.OpCharClass:
			return tree.Sub[0].Rune, tree.Op == syntax.OpPlus, true
		default:
			return nil, false, false
		}
	}
}

func setCall(ranges []rune) string {
	if ranges[len(ranges)-1] >= 128 {
		parts := make([]string, len(ranges))
		for i, r := range ranges {
			parts[i] = fmt.Sprintf("%#x", r)
		}
		return "api.OnlyRunes(s, " + strings.Join(parts, ", ") + ")"
	}
	var low, high uint64
	for i := 0; i < len(ranges); i += 2 {
		for r := ranges[i]; r <= ranges[i+1]; r++ {
			if r < 64 {
				low |= 1 << r
			} else {
				high |= 1 << (r - 64)
			}
		}
	}
	return fmt.Sprintf("api.OnlyASCII(s, %#x, %#x)", low, high)
}
