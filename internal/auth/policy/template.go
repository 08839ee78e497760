package policy

import "strings"

// template is a text with policy variables, as ${aws:username}. Version 2012-10-17 policies have them in
// resources and in the values of string, ARN and Bool conditions ("IAM policy elements: Variables and tags").
type template []templatePart

type templatePart struct {
	literal  string
	plain    bool   // the literal comes from ${*}, ${?} or ${$}: no wildcard
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
		name, rest, closed := strings.Cut(after, "}")
		if !found || !closed {
			t = append(t, templatePart{literal: text})
			break
		}
		if before != "" {
			t = append(t, templatePart{literal: before})
		}
		t = append(t, compileVariable(name))
		text = rest
	}
	return t, true
}

func compileVariable(name string) templatePart {
	switch name {
	case "*", "?", "$":
		return templatePart{literal: name, plain: true}
	}
	key, fallback, has := strings.Cut(name, ",")
	part := templatePart{variable: strings.ToLower(strings.TrimSpace(key))}
	if part.variable == "" {
		part.variable = name + "${}" // a key that no request has
	}
	if value, quoted := unquote(strings.TrimSpace(fallback)); has && quoted {
		part.fallback = &value
	}
	return part
}

// unquote takes the single quotes off a default value; one without them is no default.
func unquote(s string) (string, bool) {
	if len(s) < 2 || s[0] != '\'' || s[len(s)-1] != '\'' {
		return "", false
	}
	return s[1 : len(s)-1], true
}

// escapeSpecial makes a text match as it stands. ok is false for one that holds a byte with a meaning in
// patterns, which no text can hold.
func escapeSpecial(s string) (escaped string, ok bool) {
	if !hasSpecial(s) {
		return s, true
	}
	b := []byte(s)
	for i, c := range b {
		switch c {
		case '*':
			b[i] = literalStar
		case '?':
			b[i] = literalQuestion
		case literalStar, literalQuestion:
			return "", false
		}
	}
	return string(b), true
}

// value is what a part that is a variable stands for. Only keys with exactly one value count; a default
// stands in for a key that the request does not have.
func (part *templatePart) value(r *Request) (string, bool) {
	values, present := lookup(r, part.variable)
	switch {
	case len(values) == 1:
		return values[0], true
	case (!present || len(values) == 0) && part.fallback != nil:
		return *part.fallback, true
	}
	return "", false
}

// text is the expansion for an exact comparison. ok is false when a variable has no value, or several.
func (t template) text(r *Request) (text string, ok bool) {
	var b strings.Builder
	for i := range t {
		value := t[i].literal
		if t[i].variable != "" {
			if value, ok = t[i].value(r); !ok {
				return "", false
			}
		}
		b.WriteString(value)
	}
	return b.String(), true
}

// pattern is the expansion for a comparison with wildcards: only those that the policy's author wrote count.
func (t template) pattern(r *Request) (text string, ok bool) {
	var b strings.Builder
	for i := range t {
		value := t[i].literal
		if t[i].variable != "" {
			if value, ok = t[i].value(r); !ok {
				return "", false
			}
		}
		if t[i].variable != "" || t[i].plain {
			if value, ok = escapeSpecial(value); !ok {
				return "", false
			}
		}
		b.WriteString(value)
	}
	return b.String(), true
}
