package service

import (
	"encoding/json"
	"maps"
	"slices"
	"unicode"
	"unicode/utf8"

	"github.com/sealtable/sealtable/internal/auth"
)

// shown is an answer as the trail shows it: every member begins with a small letter.
func shown(body []byte) (parameters []auth.Parameter) {
	var members map[string]any
	if json.Unmarshal(body, &members) != nil {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		parameters = append(parameters, auth.Parameter{Name: lower(name), Value: lowered(members[name])})
	}
	return parameters
}

func lowered(value any) any {
	switch v := value.(type) {
	case map[string]any:
		small := make(map[string]any, len(v))
		for name, member := range v {
			small[lower(name)] = lowered(member)
		}
		return small
	case []any:
		for n := range v {
			v[n] = lowered(v[n])
		}
	}
	return value
}

func lower(name string) string {
	first, size := utf8.DecodeRuneInString(name)
	return string(unicode.ToLower(first)) + name[size:]
}
