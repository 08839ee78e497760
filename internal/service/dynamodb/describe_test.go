package dynamodb_test

import "testing"

// TestDescribedAsDocumented: what CreateTable answers has the form of the examples of "create-table" in the AWS CLI Command Reference.
// Attributes are in the order of their names, and the mode is there without the time that DescribeTable gives with it.
func TestDescribedAsDocumented(t *testing.T) {
	w := newTables(t)
	created := decode(t, w.must("CreateTable", `{"TableName":"GameScores","BillingMode":"PAY_PER_REQUEST",
		"AttributeDefinitions":[{"AttributeName":"UserId","AttributeType":"S"},{"AttributeName":"GameTitle","AttributeType":"N"}],
		"KeySchema":[{"AttributeName":"UserId","KeyType":"HASH"},{"AttributeName":"GameTitle","KeyType":"RANGE"}]}`)).(map[string]any)
	described := decode(t, w.must("DescribeTable", `{"TableName":"GameScores"}`)).(map[string]any)
	for _, c := range []struct {
		name  string
		table any
		since bool
	}{{"CreateTable", created["TableDescription"], false}, {"DescribeTable", described["Table"], true}} {
		table := c.table.(map[string]any)
		definitions := table["AttributeDefinitions"].([]any)
		first, second := definitions[0].(map[string]any), definitions[1].(map[string]any)
		if first["AttributeName"] != "GameTitle" || first["AttributeType"] != "N" || second["AttributeName"] != "UserId" ||
			second["AttributeType"] != "S" {
			t.Errorf("%s: the attributes are %v", c.name, definitions)
		}
		mode := table["BillingModeSummary"].(map[string]any)
		if _, since := mode["LastUpdateToPayPerRequestDateTime"]; since != c.since || mode["BillingMode"] != "PAY_PER_REQUEST" {
			t.Errorf("%s: the mode is %v", c.name, mode)
		}
	}
}
