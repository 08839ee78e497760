package inspect_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
)

// TestFieldNames pins the names in the JSON report: scripts rely on them.
func TestFieldNames(t *testing.T) {
	t.Parallel()
	encoded, err := json.Marshal(build(t).inspect(t))
	if err != nil {
		t.Fatal(err)
	}
	var report map[string]any
	if err := json.Unmarshal(encoded, &report); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"":                 "directory files installation kmsKeys problems rootKey summary tables verdict",
		"rootKey":          "keyring seal versions",
		"rootKey versions": "created id version",
		"kmsKeys":          "arns id manager state versions",
		"kmsKeys versions": "created materialId rootKeyVersion version",
		"tables": "arn bytes dataKeys encryption files id kmsKey kmsKeyState kmsKeyVersion listed name opened rootKeyVersion " +
			"system tableKey",
		"files":   "algorithm bytes dataKey detail keys kind path status table tableName",
		"summary": "bytes files problems sealed tables",
	} {
		found := map[string]bool{}
		gather(report, strings.Fields(path), found)
		if got := strings.Join(slices.Sorted(maps.Keys(found)), " "); got != want {
			t.Errorf("%q has %s\nnot %s", path, got, want)
		}
	}
}

// gather collects the names of all objects at a path, going through lists.
func gather(value any, path []string, found map[string]bool) {
	switch v := value.(type) {
	case []any:
		for _, each := range v {
			gather(each, path, found)
		}
	case map[string]any:
		if len(path) > 0 {
			gather(v[path[0]], path[1:], found)
			return
		}
		for name := range v {
			found[name] = true
		}
	}
}
