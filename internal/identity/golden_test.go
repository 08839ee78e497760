package identity

import (
	"encoding/json"
	"os"
	"testing"
)

// goldenRecords are those of testdata/records.json.
func goldenRecords(t *testing.T) map[string][]byte {
	t.Helper()
	content, err := os.ReadFile("testdata/records.json")
	must(t, err)
	var raw map[string]json.RawMessage
	must(t, json.Unmarshal(content, &raw))
	records := map[string][]byte{}
	for name, data := range raw {
		records[name] = data
	}
	return records
}
