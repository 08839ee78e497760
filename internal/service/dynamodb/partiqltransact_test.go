package dynamodb_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

func transaction(more string, statements ...string) string {
	return `{"TransactStatements":[` + strings.Join(statements, ",") + `]` + more + `}`
}

// TestTransactedStatements: all statements of a transaction are done, or none.
func TestTransactedStatements(t *testing.T) {
	w := newSongs(t)
	read := func(key string) string {
		return statement("SELECT pk, sk FROM sorted WHERE sk='"+key[1:]+"' AND pk='"+key[:1]+"'", "", "")
	}
	write := func(text string) string {
		return statement(text, "", `,"ReturnValuesOnConditionCheckFailure":"ALL_OLD"`)
	}
	const token = `,"ClientRequestToken":"one"`
	insert := transaction(token, write("INSERT INTO sorted VALUE {'pk':'n','sk':'1','v':0}"),
		write("UPDATE sorted SET v = v + 1 WHERE pk='b' AND sk='1' AND v=1"),
		write("DELETE FROM sorted WHERE pk='c' AND sk='1'"), write("DELETE FROM sorted WHERE pk='x' AND sk='1'"),
		write("EXISTS(SELECT * FROM sorted WHERE pk='a' AND sk='1' AND w IS MISSING)"))
	w.answers([]answered{
		{"reads", "ExecuteTransaction", transaction(`,"ReturnConsumedCapacity":"TOTAL"`, read("a1"), read("x1"), read("b1")),
			`{"Responses":[{"Item":` + song("a1") + `},{},{"Item":` + song("b1") +
				`}],"ConsumedCapacity":[{"TableName":"sorted","CapacityUnits":6,"ReadCapacityUnits":6}]}`},
		{"writes", "ExecuteTransaction", insert, `{"Responses":[{},{},{},{},{}]}`},
		{"the same again", "ExecuteTransaction", insert, `{"Responses":[{},{},{},{},{}]}`},
		{"done once", "ExecuteStatement", statement("SELECT pk, sk, v FROM sorted WHERE pk IN ['b','c','n']", "", ""),
			items(`{"pk":{"S":"b"},"sk":{"S":"1"},"v":{"N":"2"}}`, `{"pk":{"S":"n"},"sk":{"S":"1"},"v":{"N":"0"}}`)},
	})
	const select1 = "Validation failed in TransactStatements[1]: "
	w.refusals([]refused{
		{"another one with the token", "ExecuteTransaction", transaction(token, write("DELETE FROM sorted WHERE pk='a' AND sk='1'")),
			"com.amazonaws.dynamodb.v20120810#IdempotentParameterMismatchException",
			"The request uses the same client token as a previous, but non-identical request."},
		{"reads and writes", "ExecuteTransaction", transaction("", read("a1"), write("DELETE FROM sorted WHERE pk='a' AND sk='1'")),
			validation, "ExecuteTransaction API does not support both read and write operations in the same request."},
		{"half a key", "ExecuteTransaction", transaction("", read("a1"), statement("SELECT * FROM sorted WHERE pk='a'", "", "")),
			validation, select1 + "Select statements within ExecuteTransaction must specify the primary key in the where clause."},
		{"more than a key", "ExecuteTransaction",
			transaction("", read("a1"), statement("SELECT * FROM sorted WHERE pk='a' AND sk='1' AND v=1", "", "")),
			validation, select1 + "Select statements within ExecuteTransaction must specify the primary key in the where clause."},
		{"an index", "ExecuteTransaction", transaction("", read("a1"), statement(`SELECT * FROM "sorted"."i" WHERE pk='a'`, "", "")),
			validation, select1 + "Reads on indices are not supported within transactions."},
		{"nothing to check", "ExecuteTransaction",
			transaction("", write("DELETE FROM sorted WHERE pk='a' AND sk='1'"),
				write("EXISTS(SELECT * FROM sorted WHERE pk='b' AND sk='1')")),
			validation, select1 + "EXISTS() must contain a single item read with additional condition"},
		{"twice the same", "ExecuteTransaction", transaction("", read("a1"), read("a1")), validation,
			"Transaction request cannot include multiple operations on one item"},
		{"malformed", "ExecuteTransaction", transaction("", read("a1"), statement("DROP", "", "")), validation,
			select1 + malformedStatement + "Expected data manipulation"},
		{"no table", "ExecuteTransaction", transaction("", statement("SELECT * FROM nowhere WHERE pk='a'", "", "")), absent,
			"Requested resource not found"},
	})
}

// TestCancelledStatements: why a transaction did nothing.
func TestCancelledStatements(t *testing.T) {
	w := newSongs(t)
	status, answer := w.call("ExecuteTransaction", transaction("", statement("UPDATE sorted SET v=9 WHERE pk='a' AND sk='1'", "", ""),
		statement("INSERT INTO sorted VALUE {'pk':'a','sk':'2'}", "", ""),
		statement("UPDATE sorted SET v=9 REMOVE m REMOVE s WHERE pk='a' AND sk='3' AND v=7", "",
			`,"ReturnValuesOnConditionCheckFailure":"ALL_OLD"`),
		statement("UPDATE sorted SET x=x+1 WHERE pk='b' AND sk='1'", "", ""),
		statement("EXISTS(SELECT * FROM sorted WHERE pk='z' AND sk='1' AND v IS MISSING)", "", "")))
	var got struct {
		Type    string `json:"__type"`
		Message string
		Reasons []struct {
			Code, Message string
			Item          map[string]any
		} `json:"CancellationReasons"`
	}
	if err := json.Unmarshal(answer, &got); err != nil || status != http.StatusBadRequest || got.Type != cancelled ||
		len(got.Reasons) != 5 {
		t.Fatalf("%d %s", status, answer)
	}
	codes := ""
	for _, reason := range got.Reasons {
		codes += reason.Code + " "
	}
	if codes != "None DuplicateItem ConditionalCheckFailed ValidationError ConditionalCheckFailed " || got.Reasons[2].Item == nil ||
		got.Reasons[1].Message != "Duplicate primary key exists in table" {
		t.Errorf("%s", answer)
	}
	w.answers([]answered{{"nothing changed", "ExecuteStatement", statement("SELECT pk, sk FROM sorted WHERE pk='a' AND v<>9", "", ""),
		songs("a1", "a2", "a3")}})
}
