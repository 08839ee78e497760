package dynamodb_test

import (
	"testing"
)

// TestStatementsThatWrite: what INSERT, UPDATE and DELETE do and give back, one after the other.
func TestStatementsThatWrite(t *testing.T) {
	w := newTables(t)
	const where = ` WHERE pk='a' AND sk='1'`
	update := func(what string) string { return statement("UPDATE sorted "+what, "", "") }
	get := statement(`SELECT * FROM sorted`+where, "", "")
	now := func(rest string) string { return items(`{"pk":{"S":"a"},"sk":{"S":"1"}` + rest + `}`) }
	w.answers([]answered{
		{"insert", "ExecuteStatement",
			statement(
				`INSERT INTO "sorted" value {'pk':'a','sk':'1','n':-1.50,'l':[1,'x'],'b':true,'z':null,'ss':<<'x','y'>>,'ns':<<1,-2>>,'it''s':{'k':?}}`, `{"B":"AQ=="}`, "",
			), items()},
		{"as inserted", "ExecuteStatement", get,
			now(
				`,"n":{"N":"-1.5"},"l":{"L":[{"N":"1"},{"S":"x"}]},"b":{"BOOL":true},"z":{"NULL":true},"ss":{"SS":["x","y"]},"ns":{"NS":["-2","1"]},"it's":{"M":{"k":{"B":"AQ=="}}}`,
			)},
		{"remove", "ExecuteStatement", update(`REMOVE b REMOVE z REMOVE "it's" REMOVE l[1]` + where), items()},
		{"arithmetic", "ExecuteStatement", update(`SET n = n + 1 - -2, l = list_append(l, [2])` + where + " RETURNING MODIFIED NEW *"),
			items(`{"n":{"N":"1.5"},"l":{"L":[{"N":"1"},{"N":"2"}]}}`)},
		{"sets", "ExecuteStatement", update(`SET ss = set_add(ss, <<'z'>>) SET ns = SET_DELETE(ns, <<1>>)` + where +
			" RETURNING MODIFIED OLD *"), items(`{"ss":{"SS":["x","y"]},"ns":{"NS":["-2","1"]}}`)},
		{"the last member", "ExecuteStatement",
			update(`SET ns = set_delete(ns, <<-2>>) SET nn = set_add(nn, <<7>>)` + where + " RETURNING ALL NEW *"),
			now(`,"n":{"N":"1.5"},"l":{"L":[{"N":"1"},{"N":"2"}]},"ss":{"SS":["x","y","z"]},"nn":{"NS":["7"]}`)},
		{"in place of everything", "ExecuteStatement",
			statement(`UPDATE sorted SET l={'a':?} REMOVE ss REMOVE nn`+where+` AND n BETWEEN 1 AND 2 RETURNING ALL OLD *`, `{"N":"9"}`,
				""), now(`,"n":{"N":"1.5"},"l":{"L":[{"N":"1"},{"N":"2"}]},"ss":{"SS":["x","y","z"]},"nn":{"NS":["7"]}`)},
		{"a path", "ExecuteStatement", update(`SET l.a = (l.a + "l"."a")` + where), items()},
		{"capacity", "ExecuteStatement", statement("UPDATE sorted SET n=1"+where, "", `,"ReturnConsumedCapacity":"INDEXES"`),
			`{"Items":[],"ConsumedCapacity":{"TableName":"sorted","CapacityUnits":1,"Table":{"CapacityUnits":1}}}`},
		{"delete what is not there", "ExecuteStatement",
			statement(`DELETE FROM sorted WHERE pk='a' AND sk='2' AND n=7 RETURNING ALL OLD *`, "", ""), items()},
		{"delete", "ExecuteStatement", statement(`DELETE FROM sorted`+where+` AND n=1 RETURNING ALL OLD *`, "", ""),
			now(`,"n":{"N":"1"},"l":{"M":{"a":{"N":"18"}}}`)},
		{"gone", "ExecuteStatement", get, items()},
	})
}

const malformedStatement = "Statement wasn't well formed, can't be processed: "

// TestStatementRefusals: what is wrong with statements, in DynamoDB's words, and without any effect.
func TestStatementRefusals(t *testing.T) {
	w := newSongs(t)
	execute := func(name, text, message string) refused {
		return refused{name, "ExecuteStatement", statement(text, "", ""), validation, message}
	}
	w.refusals([]refused{
		execute("no statement", "CREATE TABLE x", malformedStatement+"Expected data manipulation"),
		execute("a name that needs quotes", "UPDATE Payment-x SET a=1 WHERE pk='a'", malformedStatement+"Expected data manipulation"),
		execute("a keyword as a name", "INSERT INTO sorted (key, sk) VALUES (1, 2)", malformedStatement+"Unexpected keyword"),
		execute("two statements", "SELECT * FROM sorted; SELECT * FROM sorted", malformedStatement+"Unexpected token after expression"),
		execute("half a condition", "SELECT * FROM sorted WHERE (pk='a'", malformedStatement+"Expected RIGHT_PAREN"),
		execute("a limit", "SELECT id FROM sorted_page LIMIT 5", "Unsupported clause: LIMIT at 1:34:1"),
		execute("a condition without a key", "DELETE FROM sorted WHERE pk='a'",
			"Where clause does not contain a mandatory equality on all key attributes"),
		execute("no condition", "UPDATE sorted SET v=1", "Where clause does not contain a mandatory equality on all key attributes"),
		execute("one of several keys", "DELETE FROM sorted WHERE pk='a' AND sk IN ['1']",
			"Where clause does not contain a mandatory equality on all key attributes"),
		execute("a key or another", "DELETE FROM sorted WHERE pk='a' AND sk='1' OR pk='b' AND sk='1'",
			"Where clause does not contain a mandatory equality on all key attributes"),
		execute("a key of another type", "SELECT * FROM sorted WHERE pk=1",
			"Key attribute's data type should match its data type in table's schema"),
		execute("a sort key of another type", "SELECT * FROM sorted WHERE pk='a' AND sk>1",
			"Key attribute's data type should match its data type in table's schema"),
		execute("a key of another type to write", "DELETE FROM sorted WHERE pk='a' AND sk=1",
			"Key attribute's data type should match its data type in table's schema"),
		execute("the key itself", "UPDATE sorted SET sk='2' WHERE pk='a' AND sk='1'",
			"One or more parameter values were invalid: Cannot update attribute sk. This attribute is part of the key"),
		execute("an item without its key", "INSERT INTO sorted VALUE {'pk':'a'}",
			"One or more parameter values were invalid: Missing the key sk in the item"),
		execute("an index that is not there", `SELECT * FROM "sorted"."i"`, "The table does not have the specified index"),
		execute("a write to an index", `DELETE FROM "sorted"."i" WHERE pk='a'`, "This operation is not supported on an index"),
		execute("exists", "EXISTS(SELECT * FROM sorted WHERE pk='a' AND sk='1' AND v=1)",
			"EXISTS can only be used in ExecuteTransaction write requests."),
		execute("order without a condition", "SELECT * FROM sorted ORDER BY sk",
			"Must have WHERE clause in the statement when using ORDER BY clause."),
		execute("order by another attribute", "SELECT * FROM sorted WHERE pk='a' ORDER BY v",
			"Attribute v in ORDER BY clause must be part of the primary key"),
		execute("order of everything", "SELECT * FROM sorted WHERE v=1 ORDER BY sk",
			"Must have at least one non-optional hash key condition in WHERE clause when using ORDER BY clause."),
		execute("a number beside text", "UPDATE sorted SET m = m + 1 WHERE pk='a' AND sk='1'",
			"An operand in the update expression has an incorrect data type"),
		execute("nothing to add to", "UPDATE sorted SET x = x + 1 WHERE pk='a' AND sk='1'",
			"The provided expression refers to an attribute that does not exist in the item"),
		execute("sums in conditions", "SELECT * FROM sorted WHERE v = 1 + 1", "Unsupported operator in Condition Expression. Operator: +"),
		execute("a number too precise", "SELECT * FROM sorted WHERE v = 123456789012345678901234567890123456789",
			"Attempting to store more than 38 significant digits in a Number"),
		{"missing parameters", "ExecuteStatement", statement("SELECT * FROM sorted WHERE pk=? AND sk=?", `{"S":"a"}`, ""), validation,
			"Number of parameters in request and statement don't match."},
		{"no table", "ExecuteStatement", statement("SELECT * FROM nowhere", "", ""), absent, "Requested resource not found"},
		{"an item that is there", "ExecuteStatement", statement("INSERT INTO sorted VALUE {'pk':'a','sk':'1'}", "", ""), duplicate,
			"Duplicate primary key exists in table"},
		{"a condition that fails", "ExecuteStatement", statement("UPDATE sorted SET v=9 WHERE pk='a' AND sk='1' AND v=7", "", ""),
			failedCheck, "The conditional request failed"},
		{"an item that is not there", "ExecuteStatement", statement("UPDATE sorted SET v=9 WHERE pk='a' AND sk='9'", "", ""), failedCheck,
			"The conditional request failed"},
		{"a delete that fails", "ExecuteStatement", statement("DELETE FROM sorted WHERE pk='a' AND sk='1' AND v=7", "", ""), failedCheck,
			"The conditional request failed"},
	})
	w.answers([]answered{{"nothing changed", "ExecuteStatement",
		statement("SELECT pk, sk FROM sorted WHERE pk='a' AND v IN [1, 2, 3] AND x IS MISSING", "", ""), songs("a1", "a2", "a3")}})
}

// TestBatchStatements: every statement of a batch stands for itself.
func TestBatchStatements(t *testing.T) {
	w := newSongs(t)
	batch := func(more string, statements ...string) string {
		body := ""
		for i, s := range statements {
			if i > 0 {
				body += ","
			}
			body += s
		}
		return `{"Statements":[` + body + `]` + more + `}`
	}
	failed := func(code, message, more string) string {
		return `{"Error":{"Code":"` + code + `","Message":"` + message + `"}` + more + `}`
	}
	const table = `,"TableName":"sorted"`
	const incomplete = "Select statements within BatchExecuteStatement must specify the primary key in the where clause."
	w.answers([]answered{
		{"reads", "BatchExecuteStatement", batch(`,"ReturnConsumedCapacity":"TOTAL"`,
			statement("SELECT pk, sk FROM sorted WHERE pk='a' AND sk=?", `{"S":"2"}`, `,"ConsistentRead":true`),
			statement("SELECT * FROM sorted WHERE pk='a' AND sk='9'", "", ""),
			statement("SELECT * FROM sorted WHERE pk='a'", "", ""), statement("SELEC", "", ""),
			statement(`SELECT * FROM "sorted"."i" WHERE pk='a'`, "", ""),
			statement("SELECT * FROM nowhere WHERE pk='a'", "", "")),
			`{"Responses":[{"Item":` + song("a2") + table + `},{"TableName":"sorted"},` + failed("ValidationError", incomplete, table) +
				`,` +
				failed("ValidationError", malformedStatement+"Expected data manipulation", "") + `,` +
				failed("ValidationError", incomplete, table) + `,` +
				failed("ResourceNotFound", "Requested resource not found", `,"TableName":"nowhere"`) +
				`],"ConsumedCapacity":[{"TableName":"sorted","CapacityUnits":1.5}]}`},
		{"writes", "BatchExecuteStatement", batch("",
			statement("INSERT INTO sorted VALUE {'pk':'n','sk':'1'}", "", ""),
			statement("INSERT INTO sorted VALUE {'pk':'a','sk':'1'}", "", ""),
			statement("UPDATE sorted SET w=10 REMOVE m REMOVE s WHERE pk='b' AND sk='1' RETURNING ALL NEW *", "", ""),
			statement("DELETE FROM sorted WHERE pk='b' AND sk='1' AND v=7", "", `,"ReturnValuesOnConditionCheckFailure":"ALL_OLD"`),
			statement("EXISTS(SELECT * FROM sorted WHERE pk='a' AND sk='1' AND v=1)", "", "")),
			`{"Responses":[{"TableName":"sorted"},` + failed("DuplicateItem", "Duplicate primary key exists in table", table) +
				`,{"Item":{"pk":{"S":"b"},"sk":{"S":"1"},"v":{"N":"1"},"w":{"N":"10"}},"TableName":"sorted"},` +
				`{"Error":{"Code":"ConditionalCheckFailed","Message":"The conditional request failed","Item":{"pk":{"S":"b"},"sk":{"S":"1"},"v":{"N":"1"},"w":{"N":"10"}}}` + table + `},` +
				failed("ValidationError", "EXISTS can only be used in ExecuteTransaction write requests.", table) + `]}`},
	})
	w.refusals([]refused{
		{"reads and writes", "BatchExecuteStatement",
			batch("", statement("SELECT * FROM sorted WHERE pk='a' AND sk='1'", "", ""),
				statement("DELETE FROM sorted WHERE pk='a' AND sk='1'", "", "")),
			validation, "BatchExecuteStatement API does not support both read and write operations in the same request."},
	})
	w.answers([]answered{{"nothing deleted", "ExecuteStatement", statement("SELECT pk, sk FROM sorted WHERE pk='a'", "", ""),
		songs("a1", "a2", "a3")}})
}
