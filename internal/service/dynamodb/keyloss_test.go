package dynamodb_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// TestNoOperationWithoutTheKey: when a table's key is disabled, every operation on its items is refused, alone or beside tables
// whose keys are fine (P2), and what describes, tags or deletes the table is not.
func TestNoOperationWithoutTheKey(t *testing.T) {
	w := newTables(t)
	status, answer := w.ask("kms", "TrentService.CreateKey", `{}`)
	var made struct{ KeyMetadata struct{ KeyId, Arn string } }
	if err := json.Unmarshal(answer, &made); status != 200 || err != nil {
		t.Fatalf("%d %s", status, answer)
	}
	w.must("CreateTable", strings.Replace(strings.TrimSuffix(plainTable, "}"), "plain", "locked", 1)+
		`,"SSESpecification":{"Enabled":true,"SSEType":"KMS","KMSMasterKeyId":"`+made.KeyMetadata.KeyId+`"}}`)
	w.must("PutItem", `{"TableName":"locked","Item":{"pk":{"S":"a"}}}`)
	if status, answer := w.ask("kms", "TrentService.DisableKey", `{"KeyId":"`+made.KeyMetadata.KeyId+`"}`); status != 200 {
		t.Fatalf("%d %s", status, answer)
	}
	w.advance(6 * time.Minute)

	const key = `{"pk":{"S":"a"}}`
	const locked, open = `"TableName":"locked"`, `"TableName":"plain"`
	for _, c := range []struct{ operation, body string }{
		{"PutItem", `{` + locked + `,"Item":` + key + `}`},
		{"GetItem", `{` + locked + `,"Key":` + key + `}`},
		{"UpdateItem", `{` + locked + `,"Key":` + key + `}`},
		{"DeleteItem", `{` + locked + `,"Key":` + key + `}`},
		{"Query", `{` + locked + `,"KeyConditionExpression":"pk = :a","ExpressionAttributeValues":{":a":{"S":"a"}}}`},
		{"Scan", `{` + locked + `}`},
		{"BatchGetItem", `{"RequestItems":{"plain":{"Keys":[` + key + `]},"locked":{"Keys":[` + key + `]}}}`},
		{"BatchWriteItem", `{"RequestItems":{"plain":[{"PutRequest":{"Item":` + key + `}}],"locked":[{"DeleteRequest":{"Key":` + key +
			`}}]}}`},
		{"TransactGetItems", `{"TransactItems":[{"Get":{` + open + `,"Key":` + key + `}},{"Get":{` + locked + `,"Key":` + key + `}}]}`},
		{"TransactWriteItems", `{"TransactItems":[{"Put":{` + open + `,"Item":` + key + `}},{"Put":{` + locked + `,"Item":` + key + `}}]}`},
		{"TransactWriteItems", `{"TransactItems":[{"Put":{` + open + `,"Item":` + key + `}},{"ConditionCheck":{` + locked + `,"Key":` +
			key + `,"ConditionExpression":"attribute_exists(pk)"}}]}`},
	} {
		status, answer := w.call(c.operation, c.body)
		if status != 400 || !strings.Contains(string(answer),
			"KMS key disabled error: com.amazonaws.services.kms.model.DisabledException: "+made.KeyMetadata.Arn+" is disabled.") {
			t.Errorf("%s: %d %s", c.operation, status, answer)
		}
	}
	w.answers([]answered{{"nothing was written beside it", "GetItem", `{` + open + `,"Key":` + key + `}`, `{}`}})
	for _, operation := range []string{"DescribeTable", "DescribeTimeToLive", "DescribeContinuousBackups"} {
		w.must(operation, `{`+locked+`}`)
	}
	w.must("TagResource", `{"ResourceArn":"arn:aws:dynamodb:eu-west-1:123456789012:table/locked","Tags":[{"Key":"a","Value":"b"}]}`)
	w.must("UpdateTable", `{`+locked+`,"DeletionProtectionEnabled":false}`)
	w.must("DeleteTable", `{`+locked+`}`)
}
