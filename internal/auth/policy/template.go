package policy

import "strings"

// template is a text with policy variables, as ${aws:username}. Version 2012-10-17 policies have them in resources and in the values
// of string and ARN conditions ("IAM policy elements: Variables and tags").
type template []templatePart

type templatePart struct {
	literal  string
	variable string // a condition key in lower case; empty for a literal part
	fallback *string
}

// compileTemplate returns ok false when the text holds no variable, or when variables is false.
func compileTemplate(text string, variables bool) (template, bool) {
	if !variables || !strings.Contains(text, "${") {
		return nil, false
	}
	var t template
	for text != "" {
		before, after, found := strings.Cut(text, "${")
		if before != "" {
			t = append(t, templatePart{literal: before})
		}
		if !found {
			break
		}
		name, rest, closed := strings.Cut(after, "}")
		if !closed {
			t = append(t, templatePart{literal: "${" + after})
			break
		}
		t = append(t, compileVariable(name))
		text = rest
	}
	return t, true
}

func compileVariable(name string) templatePart {
	switch name {
	case "*", "?", "$":
		return templatePart{literal: escapeSpecial(name)}
	}
	key, fallback, has := strings.Cut(name, ",")
	part := templatePart{variable: strings.ToLower(strings.TrimSpace(key))}
	if has {
		value := strings.Trim(strings.TrimSpace(fallback), "'")
		part.fallback = &value
	}
	return part
}

// Stars and question marks that come from ${*}, ${?} or from the value of a variable must not act as wildcards. In patterns these
// bytes, which no valid UTF-8 text holds, stand for them.
const (
	literalStar     = 0xfe
	literalQuestion = 0xff
)

func escapeSpecial(s string) string {
	if !strings.ContainsAny(s, "*?") {
		return s
	}
	return replaceBytes(s, '*', literalStar, '?', literalQuestion)
}

func unescapeSpecial(s string) string {
	return replaceBytes(s, literalStar, '*', literalQuestion, '?')
}

func replaceBytes(s string, from1, to1, from2, to2 byte) string {
	b := []byte(s)
	for i, c := range b {
		switch c {
		case from1:
			b[i] = to1
		case from2:
			b[i] = to2
		}
	}
	return string(b)
}

// expand fills the variables in. ok is false when one has no value, or several.
func (t template) expand(r *Request, clean func(string) string) (text string, ok bool) {
	var b strings.Builder
	for _, part := range t {
		if part.variable == "" {
			b.WriteString(part.literal)
			continue
		}
		value, has := r.value(part.variable)
		if !has {
			if part.fallback == nil {
				return "", false
			}
			value = *part.fallback
		}
		b.WriteString(clean(value))
	}
	return b.String(), true
}

// text is the expansion for an exact comparison.
func (t template) text(r *Request) (string, bool) {
	s, ok := t.expand(r, func(v string) string { return v })
	return unescapeSpecial(s), ok
}

// pattern is the expansion for a comparison with wildcards: only those that the policy's author wrote count.
func (t template) pattern(r *Request) (string, bool) { return t.expand(r, escapeSpecial) }
