package dynamodb_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// counted checks what a table's description says of its size.
func (w *world) counted(table string, items, bytes int) {
	w.t.Helper()
	d := decode(w.t, w.must("DescribeTable", `{"TableName":"`+table+`"}`)).(map[string]any)["Table"].(map[string]any)
	if got := fmt.Sprint(d["ItemCount"], " ", d["TableSizeBytes"]); got != fmt.Sprint(items, " ", bytes) {
		w.t.Errorf("%s is said to hold %s, not %d %d", table, got, items, bytes)
	}
}

// TestSizesLagBehind: sizes are counted every six hours, and are there again after a restart.
func TestSizesLagBehind(t *testing.T) {
	w := newTables(t)
	for i := range 1200 {
		if i%25 != 0 {
			continue
		}
		var puts []string
		for j := i; j < i+25; j++ {
			puts = append(puts, fmt.Sprintf(`{"PutRequest":{"Item":{"pk":{"S":"p%04d"},"sk":{"S":"s"}}}}`, j))
		}
		w.must("BatchWriteItem", `{"RequestItems":{"sorted":[`+strings.Join(puts, ",")+`]}}`)
	}
	w.must("PutItem", `{"TableName":"plain","Item":{"pk":{"S":"12345678"}}}`)
	w.counted("sorted", 0, 0)
	w.advance(6 * time.Hour)
	w.counted("sorted", 1200, 1200*(2+5+2+1))
	w.counted("plain", 1, 10)
	w.counted("numbers", 0, 0)
	w.must("DeleteItem", `{"TableName":"plain","Key":{"pk":{"S":"12345678"}}}`)
	w.advance(5 * time.Hour)
	w.counted("plain", 1, 10)
	w.restart()
	w.counted("plain", 1, 10)
	w.advance(6 * time.Hour)
	w.counted("plain", 0, 0)
	w.counted("sorted", 1200, 12000)
}

// TestSizesUnderAKey: a table is counted with the grant that the database has on its key, and not without a key.
func TestSizesUnderAKey(t *testing.T) {
	w := newWorld(t)
	_, answer := w.ask("kms", "TrentService.CreateKey", `{}`)
	key := decode(t, answer).(map[string]any)["KeyMetadata"].(map[string]any)["Arn"].(string)
	w.must("CreateTable", strings.TrimSuffix(plainTable, "}")+`,"SSESpecification":{"Enabled":true,"SSEType":"KMS","KMSMasterKeyId":"`+key+
		`"}}`)
	w.must("PutItem", `{"TableName":"plain","Item":{"pk":{"S":"a"}}}`)
	w.restart() // nobody asked for the table since
	w.advance(6 * time.Hour)
	w.counted("plain", 1, 3)
	w.must("PutItem", `{"TableName":"plain","Item":{"pk":{"S":"b"}}}`)
	if status, answer := w.ask("kms", "TrentService.DisableKey", `{"KeyId":"`+key+`"}`); status != 200 {
		t.Fatalf("%s", answer)
	}
	w.advance(6 * time.Hour)
	w.counted("plain", 1, 3)
	w.ask("kms", "TrentService.EnableKey", `{"KeyId":"`+key+`"}`)
	w.advance(6*time.Hour + time.Minute)
	w.counted("plain", 2, 6)
}

// TestSizesOfIndexes: indexes are counted with their table, those too that were made later.
func TestSizesOfIndexes(t *testing.T) {
	w := newWorld(t)
	w.must("CreateTable", plainTable)
	w.must("PutItem", `{"TableName":"plain","Item":{"pk":{"S":"a"},"g":{"S":"one"},"v":{"S":"12345678"}}}`)
	w.must("PutItem", `{"TableName":"plain","Item":{"pk":{"S":"b"}}}`)
	w.advance(6 * time.Hour)
	w.counted("plain", 2, 3+1+3+9+3)
	w.must("UpdateTable",
		`{"TableName":"plain","AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"},{"AttributeName":"g","AttributeType":"S"}],
		"GlobalSecondaryIndexUpdates":[{"Create":{"IndexName":"index","KeySchema":[{"AttributeName":"g","KeyType":"HASH"}],"Projection":{"ProjectionType":"KEYS_ONLY"}}}]}`)
	w.advance(12 * time.Hour)
	index := w.described("GlobalSecondaryIndexes").([]any)[0].(map[string]any)
	if got := fmt.Sprint(index["IndexStatus"], " ", index["ItemCount"], " ", index["IndexSizeBytes"]); got != "ACTIVE 1 7" {
		t.Errorf("the index is said to hold %s", got)
	}
}
