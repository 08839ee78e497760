package audit

import (
	"bytes"
	"encoding/json"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write docs/audit.schema.json anew")

// The JSON Schema of the report is made from the types that are written: make gen writes it.
func TestReportSchema(t *testing.T) {
	s := schemas{}
	root := s.of(reflect.TypeFor[Report]())
	document := map[string]any{
		"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "The report of sealtable audit, " + Schema,
		"$ref": root["$ref"], "$defs": map[string]any(s),
	}
	want, err := json.MarshalIndent(document, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	want = append(want, '\n')
	path := filepath.Join("..", "..", "docs", "audit.schema.json")
	if *update {
		if err := os.WriteFile(path, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
		t.Errorf("docs/audit.schema.json is not as the types are: make gen")
	}
}

// schemas are the definitions, by the name of their type.
type schemas map[string]any

func (s schemas) of(t reflect.Type) map[string]any {
	switch {
	case t.Kind() == reflect.Pointer:
		return s.of(t.Elem())
	case t == reflect.TypeFor[time.Time]():
		return map[string]any{"type": "string", "format": "date-time"}
	case t == reflect.TypeFor[Severity]():
		return map[string]any{"enum": []string{"none", "info", "low", "medium", "high", "critical"}}
	case t == reflect.TypeFor[Status]():
		return map[string]any{"enum": Statuses()}
	}
	switch t.Kind() {
	case reflect.Struct:
		return s.object(t)
	case reflect.Slice:
		return map[string]any{"type": "array", "items": s.of(t.Elem())}
	case reflect.Map:
		return map[string]any{"type": "object", "additionalProperties": s.of(t.Elem())}
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.String:
		return map[string]any{"type": "string"}
	}
	return map[string]any{"type": "integer"}
}

func (s schemas) object(t reflect.Type) map[string]any {
	name := strings.Trim(regexp.MustCompile(`[^A-Za-z]+`).ReplaceAllString(regexp.MustCompile(`[a-z./]*/`).ReplaceAllString(t.Name(), ""), "_"), "_")
	reference := map[string]any{"$ref": "#/$defs/" + name}
	if _, known := s[name]; known {
		return reference
	}
	s[name] = nil // so that a type may hold itself
	properties, required := map[string]any{}, []string{}
	for i := range t.NumField() {
		member, options, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		if member == "" || member == "-" {
			continue
		}
		properties[member] = s.of(t.Field(i).Type)
		if !strings.Contains(options, "omit") {
			required = append(required, member)
		}
	}
	slices.Sort(required)
	s[name] = map[string]any{"type": "object", "properties": properties, "required": required}
	return reference
}

// What a run gives has the members that the schema requires.
func TestReportHasWhatTheSchemaRequires(t *testing.T) {
	r, err := Run(t.Context(), byName, nil, sample())
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var members map[string]any
	if err := json.Unmarshal(text, &members); err != nil {
		t.Fatal(err)
	}
	s := schemas{}
	s.of(reflect.TypeFor[Report]())
	report, ok := s["Report"].(map[string]any)
	if !ok {
		t.Fatal("the schema has no Report")
	}
	properties, _ := report["properties"].(map[string]any)
	for name := range maps.Keys(members) {
		if _, known := properties[name]; !known {
			t.Errorf("the schema lacks %s", name)
		}
	}
	required, _ := report["required"].([]string)
	for _, name := range required {
		if _, there := members[name]; !there {
			t.Errorf("the report lacks %s", name)
		}
	}
}
