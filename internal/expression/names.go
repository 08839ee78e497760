package expression

import "slices"

// AppendNames appends to dst the top-level attributes that a condition, a filter, a projection or a key
// condition names, each once and as far as the text can be read; names is ExpressionAttributeNames. Whether
// the text is an expression is for the compiler to say.
func AppendNames(dst []string, text string, names map[string]string) []string {
	return appendNames(dst, text, names, isConditionKeyword)
}

// AppendUpdatedNames is AppendNames for an update.
func AppendUpdatedNames(dst []string, text string, names map[string]string) []string {
	return appendNames(dst, text, names, isUpdateKeyword)
}

func appendNames(dst []string, text string, names map[string]string, keyword func(string) bool) []string {
	l := lexer{text: text}
	before, current := token{}, l.next()
	for current.kind != end {
		following := l.next()
		if name := topLevel(text, before, current, following, names, keyword); name != "" &&
			!slices.Contains(dst, name) {
			dst = append(dst, name)
		}
		before, current = current, following
	}
	return dst
}

// topLevel is the attribute that a token names at the beginning of a path. A word before a parenthesis is a
// function.
func topLevel(
	text string, before, current, following token, names map[string]string, keyword func(string) bool,
) string {
	name := text[current.start:current.end]
	switch {
	case before.kind == dot:
		return ""
	case current.kind == namePlaceholder:
		return names[name]
	case current.kind != word, following.kind == open, keyword(name):
		return ""
	}
	return name
}
