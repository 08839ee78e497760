package dynamodb_test

import (
	"strings"
	"testing"
)

// batchOf is a BatchExecuteStatement of statements.
func batchOf(statements ...string) string {
	return `{"Statements":[` + strings.Join(statements, ",") + `]}`
}

// TestBatchedStatementsOneByOne: a statement that the caller may not run is refused by itself, also for the item that it is about.
func TestBatchedStatementsOneByOne(t *testing.T) {
	w := newTables(t)
	w.must("PutItem", `{"TableName":"sorted","Item":{"pk":{"S":"a"},"sk":{"S":"1"}}}`)
	deny := strings.Replace(policyOf("Deny", `"*"`, `"dynamodb:PartiQL*"`), `"Sid":"one"`,
		`"Condition":{"ForAnyValue:StringEquals":{"dynamodb:LeadingKeys":["secret"]}}`, 1)
	w.must("PutResourcePolicy", putPolicy(deny, ""))
	no := func(action string) string {
		return `{"Error":{"Code":"AccessDenied","Message":"User: arn:aws:iam::123456789012:root is not authorized to perform: dynamodb:PartiQL` + action +
			` on resource: ` + plainARN + ` with an explicit deny in a resource-based policy"},"TableName":"plain"}`
	}
	w.answers([]answered{
		{"writes", "BatchExecuteStatement",
			batchOf(statement("INSERT INTO plain VALUE {'pk':'secret'}", "", ""),
				statement("INSERT INTO plain VALUE {'pk':'open'}", "", ""),
				statement("INSERT INTO sorted VALUE {'pk':'secret','sk':'1'}", "", "")),
			`{"Responses":[` + no("Insert") + `,{"TableName":"plain"},{"TableName":"sorted"}]}`},
		{"reads", "BatchExecuteStatement",
			batchOf(statement("SELECT * FROM sorted WHERE pk='a' AND sk='1'", "", ""),
				statement("SELECT * FROM plain WHERE pk='secret'", "", ""),
				statement("SELECT * FROM plain WHERE pk='open'", "", ""), statement("SELECT", "", "")),
			`{"Responses":[{"TableName":"sorted","Item":{"pk":{"S":"a"},"sk":{"S":"1"}}},` + no("Select") +
				`,{"TableName":"plain","Item":{"pk":{"S":"open"}}},
			{"Error":{"Code":"ValidationError","Message":"Statement wasn't well formed, can't be processed: Unexpected term"}}]}`},
		{"all of them", "BatchExecuteStatement", batchOf(statement("DELETE FROM plain WHERE pk='secret'", "", "")),
			`{"Responses":[` + no("Delete") + `]}`},
	})
	w.must("DeleteResourcePolicy", `{"ResourceArn":"`+plainARN+`"}`)
	w.answers([]answered{{"the refused was not written", "GetItem", `{"TableName":"plain","Key":{"pk":{"S":"secret"}}}`, `{}`}})
}
